//! The rules of the configuration, for backups that hold the same sources. Those that hold others do not compete: a backup
//! of the databases alone must not take the place of one of the files.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::period::Period;
use super::{Candidate, Keep, Reason, RetentionPolicy, SourceKey};
use crate::model::BackupId;

/// What the rules keep.
pub(super) type Kept = Vec<(BackupId, Reason)>;

/// What the rules keep of `backups`, which come newest first and are no safety backups.
///
/// What cannot be restored takes nobody's place: good ones are counted as if there were no others. And it goes when it
/// would have gone if it were whole, because some of it may still be restored, or it may come back.
pub(super) fn apply(backups: &[&Candidate], policy: &RetentionPolicy, now: Timestamp, zone: &TimeZone) -> Kept {
    let mut groups: BTreeMap<BTreeSet<&SourceKey>, Vec<&Candidate>> = BTreeMap::new();
    for backup in backups {
        groups.entry(backup.sources.iter().collect()).or_default().push(backup);
    }
    let mut kept = Kept::new();
    for group in groups.into_values() {
        let good: Vec<&Candidate> = group.iter().copied().filter(|backup| backup.is_good()).collect();
        kept.extend(of_group(&good, policy, now, zone));
        if good.len() < group.len() {
            let damaged: HashSet<BackupId> =
                group.iter().filter(|backup| !backup.is_good()).map(|backup| backup.id).collect();
            kept.extend(of_group(&group, policy, now, zone).into_iter().filter(|(id, _)| damaged.contains(id)));
        }
    }
    kept
}

fn of_group(group: &[&Candidate], policy: &RetentionPolicy, now: Timestamp, zone: &TimeZone) -> Kept {
    let mut kept = Kept::new();
    for (backup, nth) in group.iter().zip(1..) {
        if allows(policy.keep_last, nth - 1) {
            kept.push((backup.id, Reason::Last { nth, of: policy.keep_last }));
        }
    }
    for period in Period::ALL {
        let keep = period.keep(policy);
        let mut seen = HashSet::new();
        for backup in group {
            if !allows(keep, seen.len()) {
                break;
            }
            let name = period.name(backup.created_at, zone);
            if seen.insert(name.clone()) {
                kept.push((backup.id, Reason::Newest { period, name }));
            }
        }
    }
    let within = SignedDuration::try_from(policy.keep_within).unwrap_or(SignedDuration::MAX);
    let young = group.iter().filter(|backup| now.duration_since(backup.created_at) < within);
    kept.extend(young.map(|backup| (backup.id, Reason::Within(policy.keep_within))));
    kept
}

/// Whether one more is kept when there are `so_many`.
const fn allows(keep: Keep, so_many: usize) -> bool {
    match keep {
        Keep::All => true,
        Keep::Count(most) => so_many < most as usize,
    }
}
