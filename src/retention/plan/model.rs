//! Random histories, decided a second time: slowly, and from what each rule says of one backup alone.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::model::{SourceKind, SourceName};
use crate::retention::{HeldBy, Keep, SourceKey};

const NAMES: [&str; 3] = ["data", "studies", "database"];

fn key(index: usize) -> SourceKey {
    let kind = [SourceKind::Json, SourceKind::Files, SourceKind::Postgres][index];
    (SourceName::new(NAMES[index]).unwrap(), kind)
}

/// Whether `backup` stays.
fn stays(
    backup: &Candidate,
    input: &RetentionInput,
    policy: &RetentionPolicy,
    now: Timestamp,
    zone: &TimeZone,
) -> bool {
    let minutes_ahead = |other: &Candidate| now.until(other.created_at).unwrap().total(jiff::Unit::Minute).unwrap();
    let points: Vec<&Candidate> = input.backups.iter().filter(|other| other.state.is_restore_point()).collect();
    let lies = |other: &&Candidate| other.state.is_restore_point() || other.state == BackupState::Trashed;
    // The clock.
    if input.backups.iter().filter(lies).any(|other| minutes_ahead(other) > 5.0) {
        return true;
    }
    if jumped(&input.backups, now) {
        return true;
    }
    // People, restores, troubles.
    let held = backup.holds.iter().any(|hold| hold.until.is_none() || hold.until.unwrap() > now);
    let facts = input.sources.iter().filter(|facts| backup.sources.contains(&facts.source));
    let is_in_trouble = facts.clone().any(|facts| facts.last_attempt_failed || facts.is_suspicious);
    if held || backup.needed_for.is_some() || is_in_trouble {
        return true;
    }
    let age = now.as_millisecond() - backup.created_at.as_millisecond();
    let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap();
    if backup.class == Class::Safety {
        return age < millis(policy.keep_safety);
    }
    // Last resorts.
    for facts in facts {
        let holds = |other: &&&Candidate| other.class == Class::Backup && other.sources.contains(&facts.source);
        let later_good = |wanted: &dyn Fn(&Candidate) -> bool| {
            points.iter().filter(holds).any(|other| {
                other.state == BackupState::Available
                    && wanted(other)
                    && (other.created_at, other.id) > (backup.created_at, backup.id)
            })
        };
        let is_good = backup.state == BackupState::Available;
        if is_good && (!later_good(&|_| true) || (backup.is_verified && !later_good(&|other| other.is_verified))) {
            return true;
        }
        if !points.iter().filter(holds).any(|other| other.state == BackupState::Available) {
            return true;
        }
    }
    if age < millis(policy.keep_within) {
        return true;
    }
    // Those that it competes with: of the same sources, whole unless it is damaged itself.
    let set: BTreeSet<&SourceKey> = backup.sources.iter().collect();
    let rivals: Vec<&&Candidate> = points
        .iter()
        .filter(|other| other.class == Class::Backup && other.sources.iter().collect::<BTreeSet<_>>() == set)
        .filter(|other| other.state == BackupState::Available || backup.state != BackupState::Available)
        .collect();
    let later: Vec<_> =
        rivals.iter().filter(|other| (other.created_at, other.id) > (backup.created_at, backup.id)).collect();
    let under = |keep: Keep, count: usize| match keep {
        Keep::All => true,
        Keep::Count(most) => count < usize::try_from(most).unwrap(),
    };
    if under(policy.keep_last, later.len()) {
        return true;
    }
    type Part = fn(&jiff::Zoned) -> (i64, i64);
    let parts: [(Keep, Part); 5] = [
        (policy.keep_hourly, |at| (at.timestamp().as_second().div_euclid(900) - i64::from(at.minute()) / 15, 0)),
        (policy.keep_daily, |at| (i64::from(at.year()), i64::from(at.day_of_year()))),
        (policy.keep_weekly, |at| {
            let week = at.date().iso_week_date();
            (i64::from(week.year()), i64::from(week.week()))
        }),
        (policy.keep_monthly, |at| (i64::from(at.year()), i64::from(at.month()))),
        (policy.keep_yearly, |at| (i64::from(at.year()), 0)),
    ];
    parts.iter().any(|(keep, part)| {
        let part = |other: &Candidate| part(&other.created_at.to_zoned(zone.clone()));
        let later_parts: BTreeSet<(i64, i64)> = later.iter().map(|other| part(other)).collect();
        !later_parts.contains(&part(backup)) && under(*keep, later_parts.len())
    })
}

/// Whether there is a hole of more than 400 days, and all behind the last one is less than 30 days old.
fn jumped(backups: &[Candidate], now: Timestamp) -> bool {
    const DAY: i64 = 24 * 3600 * 1000;
    let now = now.as_millisecond();
    let past: BTreeSet<i64> =
        backups.iter().map(|other| other.created_at.as_millisecond()).filter(|at| *at <= now).collect();
    let mut behind = now;
    for at in past.into_iter().rev() {
        if behind - at > 400 * DAY {
            return now - behind < 30 * DAY;
        }
        behind = at;
    }
    false
}

fn keep(most: u32) -> impl Strategy<Value = Keep> {
    prop_oneof![4 => (0..most).prop_map(Keep::Count), 1 => Just(Keep::All), 3 => Just(Keep::Count(0))]
}

fn policy() -> impl Strategy<Value = RetentionPolicy> {
    let counts = (keep(9), keep(9), keep(40), keep(9), keep(14), keep(4));
    let days = |most: u64| (0..most).prop_map(|days| Duration::from_hours(24 * days));
    (counts, days(60), days(60)).prop_map(|(counts, keep_within, keep_safety)| RetentionPolicy {
        keep_last: counts.0,
        keep_hourly: counts.1,
        keep_daily: counts.2,
        keep_weekly: counts.3,
        keep_monthly: counts.4,
        keep_yearly: counts.5,
        keep_within,
        keep_safety,
        max_total_bytes: None,
        trash: Duration::ZERO,
    })
}

fn candidate(span_hours: i64) -> impl Strategy<Value = Candidate> {
    let state = prop_oneof![
        12 => Just(BackupState::Available),
        1 => Just(BackupState::Corrupt),
        1 => Just(BackupState::Missing),
        1 => Just(BackupState::Trashed),
        1 => Just(BackupState::Retained),
    ];
    let sources = prop_oneof![6 => Just(vec![0, 1]), 2 => Just(vec![1]), 1 => Just(vec![2]), 1 => Just(vec![1, 0])];
    let until =
        prop_oneof![Just(None), (-50_i64..50).prop_map(|hours| Some(base() + SignedDuration::from_hours(hours)))];
    let minutes = prop_oneof![3 => 0..span_hours * 60, 1 => (0..span_hours).prop_map(|hours| hours * 60)];
    (state, minutes, sources, 0..14_u8, 0..9_u8, proptest::option::weighted(0.05, until)).prop_map(
        |(state, minutes, sources, class, verified, hold)| Candidate {
            id: BackupId(Uuid::nil()),
            class: if class == 0 { Class::Safety } else { Class::Backup },
            state,
            created_at: base() - SignedDuration::from_mins(minutes),
            size_bytes: 1,
            sources: sources.into_iter().map(key).collect(),
            needs: Vec::new(),
            is_verified: verified < 2,
            holds: hold
                .map(|until| HeldBy { who: "alice".to_owned(), why: "why".to_owned(), until })
                .into_iter()
                .collect(),
            needed_for: (class == 13 && verified == 0).then(|| "a restore".to_owned()),
        },
    )
}

fn base() -> Timestamp {
    "2026-03-30T01:30:00Z".parse().unwrap()
}

fn facts() -> impl Strategy<Value = Vec<SourceFacts>> {
    let facts = |index: usize| {
        (0..10_u8).prop_map(move |trouble| SourceFacts {
            source: key(index),
            last_attempt_failed: trouble == 0,
            is_suspicious: trouble == 1,
        })
    };
    prop_oneof![1 => Just(Vec::new()).boxed(), 4 => (facts(0), facts(1)).prop_map(|(a, b)| vec![a, b]).boxed()]
}

fn input() -> impl Strategy<Value = RetentionInput> {
    // From two days to three years.
    let backups =
        prop_oneof![Just(48_i64), Just(24 * 60), Just(24 * 365 * 3)].prop_flat_map(|span| vec(candidate(span), 0..70));
    (backups, facts()).prop_map(|(mut backups, sources)| {
        for (backup, n) in backups.iter_mut().zip(1_u128..) {
            backup.id = BackupId(Uuid::from_u128(n));
        }
        RetentionInput { backups, sources }
    })
}

fn now() -> impl Strategy<Value = Timestamp> {
    let hours = prop_oneof![20 => 0_i64..300, 1 => -2000_i64..0, 1 => 9000..12_000_i64];
    hours.prop_map(|hours| base() + SignedDuration::from_hours(hours))
}

fn zone() -> impl Strategy<Value = TimeZone> {
    let names = ["UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Kiritimati"];
    proptest::sample::select(names.to_vec()).prop_map(|name| TimeZone::get(name).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_keeps_just_what_each_rule_says_of_each_backup_alone(
        input in input(), policy in policy(), now in now(), zone in zone()
    ) {
        let plan = plan(&input, &policy, now, &zone);
        for backup in input.backups.iter().filter(|backup| backup.state.is_restore_point()) {
            let decision = plan.decisions.iter().find(|decision| decision.id == backup.id).unwrap();
            let expected = stays(backup, &input, &policy, now, &zone);
            prop_assert_eq!(!decision.expires, expected, "{:?}\nat {}: {:?}", backup, now, decision);
            prop_assert!(!decision.reasons.is_empty());
        }
        // What is not configured any more is still a restore point.
        prop_assert!(plan.expiring().all(|decision| input.backups.iter().any(|b| b.id == decision.id && b.state.is_restore_point())));
    }

    #[test]
    fn a_plan_that_was_carried_out_leaves_nothing_to_do(
        input in input(), policy in policy(), now in now(), zone in zone()
    ) {
        let first = plan(&input, &policy, now, &zone);
        let gone: HashSet<BackupId> = first.expiring().map(|decision| decision.id).collect();
        let left = RetentionInput { backups: input.backups.into_iter().filter(|b| !gone.contains(&b.id)).collect(), ..input };
        prop_assert_eq!(plan(&left, &policy, now, &zone).expiring().count(), 0);
    }
}
