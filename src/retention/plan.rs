//! The plan: what becomes of each backup, with every reason.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::doubt::{SKEW, doubt};
use super::{Candidate, Reason, RetentionInput, RetentionPolicy, SourceFacts, rules};
use crate::model::{BackupId, BackupState, Class, Sha256};

/// What becomes of each backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetentionPlan {
    /// The moment that it was made for.
    pub made_at: Timestamp,
    /// Every backup that is kept or expires, and every archive that stays only for others, newest first. What lies in the
    /// trash is decided upon already.
    pub decisions: Vec<Decision>,
    /// What keeps more from expiring than the rules would, and what else to know.
    pub notes: Vec<String>,
    /// Bytes of archives that go for good when what expires leaves the trash.
    pub freed_bytes: u64,
    /// What the store takes more than it may, when that is done.
    pub excess: Option<Excess>,
    /// Whether the clock can be believed. If not, nothing leaves the trash either.
    pub is_clock_doubted: bool,
}

/// What becomes of one backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Which.
    pub id: BackupId,
    /// Whether it expires.
    pub expires: bool,
    /// Why it is kept, or why it expires; never empty.
    pub reasons: Vec<Reason>,
}

impl Decision {
    /// The reasons in words.
    #[must_use]
    pub fn in_words(&self) -> String {
        self.reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }
}

/// More than `max_total_size`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Excess {
    /// What the archives take (bytes).
    pub used_bytes: u64,
    /// What they may take (bytes).
    pub most_bytes: u64,
}

/// By how much archives of `used_bytes` are more than `policy` allows; `None` when they are not.
#[must_use]
pub fn excess(policy: &RetentionPolicy, used_bytes: u64) -> Option<Excess> {
    policy.max_total_bytes.filter(|most| used_bytes > *most).map(|most_bytes| Excess { used_bytes, most_bytes })
}

impl RetentionPlan {
    /// The backups that expire, newest first: what is built on others goes before them.
    pub fn expiring(&self) -> impl Iterator<Item = &Decision> {
        self.decisions.iter().filter(|decision| decision.expires)
    }

    /// Names what the plan would remove, and whether that can be taken back: two plans with the same digest do the same.
    #[must_use]
    pub fn digest(&self, policy: &RetentionPolicy) -> String {
        let mut ids: Vec<String> = self.expiring().map(|decision| decision.id.to_string()).collect();
        ids.sort_unstable();
        let text = format!("carelog.prune/1 trash={}s {}", policy.trash.as_secs(), ids.join(" "));
        Sha256::of(text.as_bytes()).to_string()
    }
}

/// Decides about every backup of `input` by `policy`, as at `now`. Days and weeks are those of `zone`.
#[must_use]
pub fn plan(input: &RetentionInput, policy: &RetentionPolicy, now: Timestamp, zone: &TimeZone) -> RetentionPlan {
    let mut newest_first: Vec<&Candidate> = input.backups.iter().collect();
    newest_first.sort_by_key(|backup| std::cmp::Reverse((backup.created_at, backup.id)));
    let restore_points: Vec<&Candidate> =
        newest_first.iter().copied().filter(|backup| backup.state.is_restore_point()).collect();
    let doubt = doubt(&input.backups, now);

    let mut reasons = Reasons::default();
    keep_by_rules(&mut reasons, &restore_points, policy, now, zone);
    keep_last_resorts(&mut reasons, &restore_points, &input.sources);
    for backup in &restore_points {
        keep_for_people(&mut reasons, backup, now);
    }
    // What keeps all of a source, or everything, is said only of what would have gone.
    for backup in &restore_points {
        if !reasons.keep(backup.id) {
            reasons.extend(backup.id, troubles_of(backup, &input.sources));
        }
        if !reasons.keep(backup.id) && doubt.is_some() {
            reasons.add(backup.id, Reason::Clock);
        }
    }
    let gone: HashSet<BackupId> =
        restore_points.iter().map(|backup| backup.id).filter(|id| !reasons.keep(*id)).collect();
    let needed_by = needed_by(&input.backups, &gone);
    let decide = |backup: &&Candidate| decide(backup, &mut reasons, &needed_by, policy);
    let decisions = newest_first.iter().filter_map(decide).collect();

    let is_freed = |backup: &&Candidate| {
        let is_unwanted = gone.contains(&backup.id) || backup.state == BackupState::Retained;
        is_unwanted && backup.state != BackupState::Missing && !needed_by.contains_key(&backup.id)
    };
    let freed_bytes = sum(input.backups.iter().filter(is_freed));
    let present = sum(input.backups.iter().filter(|backup| backup.state != BackupState::Missing));
    let excess = excess(policy, present.saturating_sub(freed_bytes));
    let is_clock_doubted = doubt.is_some();
    let notes = doubt.into_iter().chain(input.sources.iter().flat_map(notes_on)).chain(excess.map(note_on)).collect();
    RetentionPlan { made_at: now, decisions, notes, freed_bytes, excess, is_clock_doubted }
}

/// What keeps each backup.
#[derive(Default)]
struct Reasons(HashMap<BackupId, Vec<Reason>>);

impl Reasons {
    fn add(&mut self, id: BackupId, reason: Reason) {
        self.0.entry(id).or_default().push(reason);
    }

    fn extend(&mut self, id: BackupId, reasons: impl IntoIterator<Item = Reason>) {
        for reason in reasons {
            self.add(id, reason);
        }
    }

    fn keep(&self, id: BackupId) -> bool {
        self.0.contains_key(&id)
    }
}

fn keep_by_rules(
    reasons: &mut Reasons,
    restore_points: &[&Candidate],
    policy: &RetentionPolicy,
    now: Timestamp,
    zone: &TimeZone,
) {
    let latest = now.saturating_add(SKEW).unwrap_or(Timestamp::MAX);
    let (future, dated): (Vec<&Candidate>, Vec<&Candidate>) =
        restore_points.iter().copied().partition(|backup| backup.created_at > latest);
    for backup in future {
        reasons.add(backup.id, Reason::Future);
    }
    let (safety, backups): (Vec<&Candidate>, Vec<&Candidate>) =
        dated.into_iter().partition(|backup| backup.class == Class::Safety);
    for (id, reason) in rules::apply(&backups, policy, now, zone) {
        reasons.add(id, reason);
    }
    let within = SignedDuration::try_from(policy.keep_safety).unwrap_or(SignedDuration::MAX);
    for backup in safety.iter().filter(|backup| now.duration_since(backup.created_at) < within) {
        reasons.add(backup.id, Reason::SafetyWithin(policy.keep_safety));
    }
}

/// What stands between a configured source and its loss is kept, whatever the rules say.
fn keep_last_resorts(reasons: &mut Reasons, restore_points: &[&Candidate], sources: &[SourceFacts]) {
    for SourceFacts { source, .. } in sources {
        let holding = || restore_points.iter().filter(|backup| backup.is_backup_of(source));
        let good = || holding().filter(|backup| backup.is_good());
        let name = || source.0.clone();
        if let Some(verified) = good().find(|backup| backup.is_verified) {
            reasons.add(verified.id, Reason::LastVerified(name()));
        }
        match good().next() {
            Some(newest) => reasons.add(newest.id, Reason::NewestGood(name())),
            None => holding().for_each(|damaged| reasons.add(damaged.id, Reason::OnlyOne(name()))),
        }
    }
}

fn keep_for_people(reasons: &mut Reasons, backup: &Candidate, now: Timestamp) {
    for hold in backup.holds.iter().filter(|hold| hold.until.is_none_or(|until| until > now)) {
        reasons.add(backup.id, Reason::Held { who: hold.who.clone(), why: hold.why.clone() });
    }
    reasons.extend(backup.id, backup.needed_for.clone().map(Reason::NeededFor));
}

/// Why nothing of its sources may go at present.
fn troubles_of(backup: &Candidate, sources: &[SourceFacts]) -> Vec<Reason> {
    let held = sources.iter().filter(|facts| backup.sources.contains(&facts.source));
    let reasons = held.flat_map(|facts| {
        let name = || facts.source.0.clone();
        let failed = facts.last_attempt_failed.then(|| Reason::Failed(name()));
        failed.into_iter().chain(facts.is_suspicious.then(|| Reason::Suspicious(name())))
    });
    reasons.collect()
}

/// How many of the backups that stay, in the trash too, need each archive.
fn needed_by(backups: &[Candidate], gone: &HashSet<BackupId>) -> BTreeMap<BackupId, usize> {
    let mut needed_by = BTreeMap::new();
    for backup in backups.iter().filter(|backup| !gone.contains(&backup.id)) {
        for archive in &backup.needs {
            *needed_by.entry(*archive).or_default() += 1;
        }
    }
    needed_by
}

fn decide(
    backup: &Candidate,
    reasons: &mut Reasons,
    needed_by: &BTreeMap<BackupId, usize>,
    policy: &RetentionPolicy,
) -> Option<Decision> {
    let retained = needed_by.get(&backup.id).map(|needed_by| Reason::Retained { needed_by: *needed_by });
    let (id, expires) = (backup.id, !reasons.keep(backup.id));
    match backup.state {
        BackupState::Retained => Some(Decision { id, expires: false, reasons: vec![retained?] }),
        state if !state.is_restore_point() => None,
        _ if expires => {
            let why = match backup.class {
                Class::Backup => Reason::NoRule,
                Class::Safety => Reason::SafetyOver(policy.keep_safety),
            };
            Some(Decision { id, expires, reasons: [why].into_iter().chain(retained).collect() })
        }
        _ => Some(Decision { id, expires, reasons: reasons.0.remove(&id).unwrap_or_default() }),
    }
}

fn sum<'c>(backups: impl Iterator<Item = &'c Candidate>) -> u64 {
    backups.fold(0, |sum, backup| sum.saturating_add(backup.size_bytes))
}

fn notes_on(facts: &SourceFacts) -> Vec<String> {
    let name = &facts.source.0;
    let failed = facts.last_attempt_failed.then(|| {
        format!(
            "no backup of source '{name}' expires: the last attempt to take one failed (`carelogctl jobs` shows it)"
        )
    });
    let suspicious = facts.is_suspicious.then(|| {
        format!(
            "no backup of source '{name}' expires: the newest holds far less than usual. If that is right, acknowledge the \
             alert (`carelogctl alerts`)"
        )
    });
    failed.into_iter().chain(suspicious).collect()
}

fn note_on(excess: Excess) -> String {
    let size = |bytes| bytesize::ByteSize::b(bytes).to_string();
    format!(
        "the archives will take {}, more than max_total_size = {}: no rule is broken for it. Keep less, or allow more",
        size(excess.used_bytes),
        size(excess.most_bytes)
    )
}

#[cfg(test)]
mod cases;
#[cfg(test)]
mod model;
