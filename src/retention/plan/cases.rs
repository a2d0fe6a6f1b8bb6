//! A table of cases.

use std::time::Duration;

use uuid::Uuid;

use super::*;
use crate::model::{SourceKind, SourceName};
use crate::retention::{HeldBy, Keep, SourceKey};

const DAY: Duration = Duration::from_hours(24);

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2026-11-22T12:00:00Z")
}

fn source(name: &str) -> SourceKey {
    let kind = if name == "data" { SourceKind::Json } else { SourceKind::Files };
    (SourceName::new(name).unwrap(), kind)
}

/// A good backup of `data`, so many days old. Its number is its age.
fn aged(days: u32) -> Candidate {
    Candidate {
        id: BackupId(Uuid::from_u128(u128::from(days) + 1)),
        class: Class::Backup,
        state: BackupState::Available,
        created_at: now() - SignedDuration::from_hours(i64::from(days) * 24),
        size_bytes: 100,
        sources: vec![source("data")],
        needs: Vec::new(),
        is_verified: false,
        holds: Vec::new(),
        needed_for: None,
    }
}

fn nothing() -> RetentionPolicy {
    RetentionPolicy {
        keep_last: Keep::Count(0),
        keep_hourly: Keep::Count(0),
        keep_daily: Keep::Count(0),
        keep_weekly: Keep::Count(0),
        keep_monthly: Keep::Count(0),
        keep_yearly: Keep::Count(0),
        keep_within: Duration::ZERO,
        keep_safety: Duration::ZERO,
        max_total_bytes: None,
        trash: DAY,
    }
}

fn last(count: u32) -> RetentionPolicy {
    RetentionPolicy { keep_last: Keep::Count(count), ..nothing() }
}

fn facts(name: &str) -> SourceFacts {
    SourceFacts { source: source(name), last_attempt_failed: false, is_suspicious: false }
}

fn planned(backups: Vec<Candidate>, sources: Vec<SourceFacts>, policy: &RetentionPolicy) -> RetentionPlan {
    plan(&RetentionInput { backups, sources }, policy, now(), &TimeZone::UTC)
}

/// The decision about the backup of this age: `keep: REASONS` or `expire: REASONS`.
#[track_caller]
fn fate(plan: &RetentionPlan, days: u32) -> String {
    let id = aged(days).id;
    let decision = plan.decisions.iter().find(|decision| decision.id == id).unwrap();
    format!("{}: {}", if decision.expires { "expire" } else { "keep" }, decision.in_words())
}

fn ages(plan: &RetentionPlan) -> Vec<u32> {
    let age = |decision: &Decision| u32::try_from(decision.id.0.as_u128() - 1).unwrap();
    plan.decisions.iter().filter(|decision| !decision.expires).map(age).collect()
}

#[test]
fn the_newest_so_many_are_kept_and_the_others_expire() {
    let plan = planned((0..5).map(aged).collect(), Vec::new(), &last(3));
    assert_eq!(ages(&plan), [0, 1, 2]);
    assert_eq!(fate(&plan, 2), "keep: last 3 of 3");
    assert_eq!(fate(&plan, 3), "expire: no rule keeps it");
    assert_eq!(plan.freed_bytes, 200);
    assert_eq!(plan.expiring().count(), 2);
}

#[test]
fn the_default_keeps_thirty_days_twelve_months_and_a_year_for_ever() {
    let plan = planned((0..2000).map(aged).collect(), vec![facts("data")], &RetentionPolicy::default());
    let kept = ages(&plan);
    assert_eq!(kept[..30], (0..30).collect::<Vec<_>>());
    // The last days of ten more months, and of five years; 2025 ends a month too.
    let expected = ["2026-09-30", "2026-08-31", "2026-07-31", "2026-06-30", "2026-05-31", "2026-04-30", "2026-03-31"];
    let expected = expected.iter().chain(&["2026-02-28", "2026-01-31", "2025-12-31", "2024-12-31", "2023-12-31"]);
    let expected = expected.chain(&["2022-12-31", "2021-12-31"]).map(|day| at(&format!("{day}T12:00:00Z")));
    let kept: Vec<Timestamp> = kept[30..].iter().map(|days| aged(*days).created_at).collect();
    assert_eq!(kept, expected.collect::<Vec<_>>());
    assert_eq!(fate(&plan, 0), "keep: last 1 of 7, daily 2026-11-22, monthly 2026-11, yearly 2026, newest of data");
}

#[test]
fn a_retention_of_so_many_days_keeps_just_these() {
    let policy = RetentionPolicy { keep_within: DAY * 2555, ..nothing() };
    let plan = planned((0..2600).map(aged).collect(), vec![facts("data")], &policy);
    assert_eq!(ages(&plan), (0..2555).collect::<Vec<_>>());
    assert_eq!(fate(&plan, 2554), "keep: within 2555d");
}

#[test]
fn periods_are_those_of_the_zone_and_the_hour_that_comes_twice_is_two() {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let made = |texts: &[&str]| {
        let ids = (1_u128..).map(|n| BackupId(Uuid::from_u128(n)));
        let backups = texts.iter().zip(ids).map(|(text, id)| Candidate { id, created_at: at(text), ..aged(0) });
        backups.collect::<Vec<_>>()
    };
    let reasons = |texts: &[&str], policy: RetentionPolicy| {
        let input = RetentionInput { backups: made(texts), sources: Vec::new() };
        let plan = plan(&input, &policy, at("2026-11-01T00:00:00Z"), &zone);
        plan.decisions.iter().map(Decision::in_words).collect::<Vec<_>>()
    };
    let all = Keep::All;
    // One day in UTC, two in Berlin.
    let days = ["2026-10-24T21:00:00Z", "2026-10-24T22:30:00Z"];
    assert_eq!(
        reasons(&days, RetentionPolicy { keep_daily: all, ..nothing() }),
        ["daily 2026-10-25", "daily 2026-10-24"]
    );
    let hours = ["2026-10-25T00:10:00Z", "2026-10-25T00:40:00Z", "2026-10-25T01:10:00Z", "2026-10-25T02:10:00Z"];
    assert_eq!(
        reasons(&hours, RetentionPolicy { keep_hourly: all, ..nothing() }),
        [
            "hourly 2026-10-25 03:00+01:00",
            "hourly 2026-10-25 02:00+01:00",
            "hourly 2026-10-25 02:00+02:00",
            "no rule keeps it"
        ]
    );
    // A Sunday and the Monday behind it; the first days of 2027 lie in a week of 2026.
    let weeks = ["2026-10-18T12:00:00Z", "2026-10-19T12:00:00Z"];
    assert_eq!(
        reasons(&weeks, RetentionPolicy { keep_weekly: all, ..nothing() }),
        ["weekly 2026-W43", "weekly 2026-W42"]
    );
}

#[test]
fn what_holds_other_sources_takes_nobodys_place() {
    let files = |days| Candidate { sources: vec![source("studies")], ..aged(days) };
    let both = |days| Candidate { sources: vec![source("studies"), source("data")], ..aged(days) };
    let mixed = vec![aged(0), files(1), both(2), aged(3), files(4), both(5)];
    assert_eq!(ages(&planned(mixed, Vec::new(), &last(1))), [0, 1, 2]);
    let renamed = Candidate { sources: vec![(source("data").0, SourceKind::Files)], ..aged(0) };
    assert_eq!(ages(&planned(vec![renamed, aged(1)], Vec::new(), &last(1))), [0, 1], "another kind is another thing");
}

#[test]
fn safety_backups_have_their_own_rule_and_no_other() {
    let safety = |days| Candidate { class: Class::Safety, is_verified: true, ..aged(days) };
    let policy = RetentionPolicy { keep_safety: DAY * 30, ..last(1) };
    let plan = planned(vec![safety(1), aged(2), safety(29), safety(30), aged(40)], vec![facts("data")], &policy);
    assert_eq!(ages(&plan), [1, 2, 29]);
    assert_eq!(fate(&plan, 29), "keep: safety within 30d");
    assert_eq!(fate(&plan, 30), "expire: safety backup older than 30d");
    assert_eq!(fate(&plan, 2), "keep: last 1 of 1, newest of data");
}

#[test]
fn the_last_verified_and_the_newest_good_backup_of_a_configured_source_never_expire() {
    let verified = |days| Candidate { is_verified: true, ..aged(days) };
    let backups = vec![aged(0), verified(50), verified(60)];
    let plan = planned(backups.clone(), vec![facts("data")], &nothing());
    assert_eq!(ages(&plan), [0, 50]);
    assert_eq!(fate(&plan, 0), "keep: newest of data");
    assert_eq!(fate(&plan, 50), "keep: last verified backup of data");
    assert_eq!(ages(&planned(backups, vec![facts("studies")], &nothing())), Vec::<u32>::new(), "not configured");
}

#[test]
fn nothing_of_a_source_expires_while_it_cannot_be_backed_up_or_has_shrunk() {
    let failed = SourceFacts { last_attempt_failed: true, ..facts("data") };
    let shrunk = SourceFacts { is_suspicious: true, ..facts("data") };
    let studies = Candidate { sources: vec![source("studies")], ..aged(7) };
    let safety = Candidate { class: Class::Safety, ..aged(8) };
    for (facts, why) in
        [(failed, "the last backup of data failed"), (shrunk, "the newest backup of data is suspiciously")]
    {
        let plan = planned(vec![aged(0), aged(3), studies.clone(), safety.clone()], vec![facts], &nothing());
        assert_eq!(ages(&plan), [0, 3, 8], "the others go on");
        assert!(fate(&plan, 3).starts_with(&format!("keep: {why}")), "{}", fate(&plan, 3));
        assert!(plan.notes[0].contains("no backup of source 'data' expires"), "{:?}", plan.notes);
    }
}

#[test]
fn a_hold_keeps_a_backup_until_it_ends() {
    let held = |days, until| {
        let hold = HeldBy { who: "alice".to_owned(), why: "lawsuit".to_owned(), until };
        Candidate { holds: vec![hold], ..aged(days) }
    };
    let second = SignedDuration::from_secs(1);
    let plan = planned(
        vec![held(1, None), held(2, Some(now() + second)), held(3, Some(now())), aged(4)],
        Vec::new(),
        &nothing(),
    );
    assert_eq!(ages(&plan), [1, 2]);
    assert_eq!(fate(&plan, 1), "keep: held by alice: lawsuit");
}

#[test]
fn what_a_restore_needs_is_kept() {
    let needed = Candidate { needed_for: Some("a restore can be undone with it".to_owned()), ..aged(9) };
    let plan = planned(vec![needed], Vec::new(), &nothing());
    assert_eq!(fate(&plan, 9), "keep: a restore can be undone with it");
}

#[test]
fn damaged_and_missing_backups_take_nobodys_place_and_go_when_they_would_have_gone_whole() {
    let state = |days, state| Candidate { state, ..aged(days) };
    let backups = vec![
        state(0, BackupState::Corrupt),
        aged(1),
        state(2, BackupState::Missing),
        aged(3),
        state(4, BackupState::Corrupt),
    ];
    let plan = planned(backups, vec![facts("data")], &last(2));
    assert_eq!(ages(&plan), [0, 1, 3]);
    assert_eq!(fate(&plan, 1), "keep: last 1 of 2, newest of data");
    assert_eq!(fate(&plan, 0), "keep: last 1 of 2");
}

#[test]
fn the_only_ones_are_kept_however_damaged_they_are() {
    let corrupt = |days| Candidate { state: BackupState::Corrupt, ..aged(days) };
    let backups = vec![corrupt(0), corrupt(9)];
    let plan = planned(backups.clone(), vec![facts("data")], &nothing());
    assert_eq!(ages(&plan), [0, 9]);
    assert_eq!(fate(&plan, 9), "keep: not whole, but nothing better holds data");
    let plan = planned([backups, vec![aged(20)]].concat(), vec![facts("data")], &nothing());
    assert_eq!(ages(&plan), [20]);
}

#[test]
fn archives_that_others_need_are_counted_as_staying() {
    let needs = |days, others: &[u32]| Candidate { needs: others.iter().map(|n| aged(*n).id).collect(), ..aged(days) };
    let retained = Candidate { state: BackupState::Retained, ..aged(30) };
    let unneeded = Candidate { state: BackupState::Retained, ..aged(40) };
    let trashed = Candidate { state: BackupState::Trashed, ..needs(20, &[22]) };
    let backups = vec![needs(0, &[10, 30]), needs(5, &[10]), needs(10, &[]), trashed, aged(22), retained, unneeded];
    let plan = planned(backups, Vec::new(), &last(1));
    assert_eq!(fate(&plan, 10), "expire: no rule keeps it, its archive stays for 1 other");
    assert_eq!(fate(&plan, 22), "expire: no rule keeps it, its archive stays for 1 other", "it could be taken back");
    assert_eq!(fate(&plan, 30), "keep: its archive stays for 1 other");
    assert_eq!(plan.decisions.len(), 5, "neither what lies in the trash nor what is about to go");
    assert_eq!(plan.freed_bytes, 200, "that of 5 days, and the retained one that nobody needs");
    assert_eq!(plan.expiring().map(|decision| decision.id).collect::<Vec<_>>(), [5, 10, 22].map(|n| aged(n).id));
}

#[test]
fn what_is_dated_in_the_future_does_not_expire_and_nothing_else_does_meanwhile() {
    let ahead = |id: u32, minutes| {
        let created_at = now() + SignedDuration::from_mins(minutes);
        Candidate { created_at, ..aged(id) }
    };
    let plan = planned(vec![ahead(100, 6), aged(1), aged(2)], Vec::new(), &last(1));
    assert_eq!(ages(&plan), [100, 1, 2]);
    assert_eq!(fate(&plan, 100), "keep: dated in the future");
    assert_eq!(fate(&plan, 1), "keep: last 1 of 1", "the one of the future does not count");
    assert_eq!(fate(&plan, 2), "keep: the clock cannot be believed");
    assert!(plan.notes[0].contains("2026-11-22"), "{:?}", plan.notes);
    // Clocks differ a little.
    assert_eq!(ages(&planned(vec![ahead(100, 4), aged(1)], Vec::new(), &last(1))), [100]);
}

#[test]
fn a_clock_in_1970_or_2090_removes_nothing() {
    let policy = RetentionPolicy { keep_within: DAY * 30, keep_safety: DAY * 30, ..nothing() };
    let safety = Candidate { class: Class::Safety, ..aged(5) };
    let history: Vec<Candidate> =
        (0..100).map(aged).chain([Candidate { id: BackupId::generate(), ..safety }]).collect();
    let kept_at = |text: &str, more: &[Candidate]| {
        let input = RetentionInput { backups: [history.clone(), more.to_vec()].concat(), sources: Vec::new() };
        let plan = plan(&input, &policy, at(text), &TimeZone::UTC);
        (plan.decisions.iter().filter(|decision| !decision.expires).count(), plan.is_clock_doubted)
    };
    assert_eq!(kept_at("2026-11-22T12:00:00Z", &[]), (31, false));
    for wrong in ["1970-01-01T00:00:10Z", "2090-01-01T00:00:00Z", "2026-11-20T00:00:00Z"] {
        assert_eq!(kept_at(wrong, &[]), (101, true), "{wrong}");
    }
    // Nor when backups were already taken by such a clock.
    let then = |text: &str| Candidate { id: BackupId::generate(), created_at: at(text), ..aged(0) };
    let wrong = [then("2090-01-01T00:00:00Z"), then("2090-01-02T00:00:00Z")];
    assert_eq!(kept_at("2090-01-02T02:00:00Z", &wrong), (103, true));
    assert_eq!(kept_at("2026-11-23T00:00:00Z", &wrong), (103, true), "until they are deleted");
    let wrong = [then("1970-01-01T00:00:10Z")];
    assert_eq!(kept_at("1970-01-01T01:00:00Z", &wrong), (102, true));
    assert_eq!(kept_at("2026-11-22T12:00:00Z", &wrong), (31, false), "the past is over");
    // Somebody was away for two years.
    let back = [then("2028-12-01T00:00:00Z"), then("2028-12-30T23:00:00Z")];
    assert_eq!(kept_at("2028-12-30T23:59:00Z", &back), (103, true));
    assert_eq!(kept_at("2028-12-31T00:00:00Z", &back), (1, false));
}

#[test]
fn no_rule_is_broken_for_the_sake_of_a_size() {
    let policy = RetentionPolicy { max_total_bytes: Some(250), ..last(3) };
    let plan = planned((0..5).map(aged).collect(), Vec::new(), &policy);
    assert_eq!(ages(&plan), [0, 1, 2]);
    assert_eq!(plan.excess, Some(Excess { used_bytes: 300, most_bytes: 250 }));
    assert!(plan.notes[0].contains("max_total_size"), "{:?}", plan.notes);
    assert_eq!(planned((0..2).map(aged).collect(), Vec::new(), &policy).excess, None);
}

#[test]
fn a_digest_names_what_expires_and_whether_it_can_be_taken_back() {
    let digest =
        |backups: Vec<Candidate>, policy: &RetentionPolicy| planned(backups, Vec::new(), policy).digest(policy);
    let first = digest(vec![aged(0), aged(5)], &last(1));
    assert_eq!(digest(vec![aged(5), aged(1)], &last(1)), first, "whatever is kept");
    assert_ne!(digest(vec![aged(0), aged(6)], &last(1)), first);
    assert_ne!(digest(vec![aged(0), aged(5)], &last(2)), first);
    let at_once = RetentionPolicy { trash: Duration::ZERO, ..last(1) };
    assert_ne!(digest(vec![aged(0), aged(5)], &at_once), first);
}
