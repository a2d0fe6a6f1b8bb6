//! Each rule with the states in which it speaks and those in which it does not.

use std::time::Duration;

use jiff::SignedDuration;

use super::*;
use crate::alerts::restore_time::RestoreTime;
use crate::alerts::state::{Outlook, RunningJob, SkippedRun};
use crate::alerts::testing::{ended, state};
use crate::catalog::samples::{backup_spec, restore_spec, time, verify_spec};
use crate::catalog::{BackupSpec, Job, JobSpec, NoticesCount};
use crate::config::MinFree;
use crate::fsio::Space;
use crate::job::{Trouble, Unsettled};
use crate::model::{BackupState, EventKind, JobId, JobKind, JobState, Scope, SourceName};
use crate::retention::Fallen;

/// The keys of what is wrong, those of which nobody is alerted in brackets.
fn keys(state: &State) -> Vec<String> {
    let key = |condition: &Condition| match condition.event {
        Some(_) => condition.key.clone(),
        None => format!("({})", condition.key),
    };
    conditions(state).iter().map(key).collect()
}

fn name(text: &str) -> SourceName {
    SourceName::new(text).unwrap()
}

const NOTHING: [&str; 0] = [];

#[test]
fn when_all_is_well_nothing_is_wrong() {
    assert_eq!(keys(&state()), NOTHING);
}

#[test]
fn a_source_is_missing_a_backup_by_its_own_objective_or_by_that_of_all() {
    let hours = |hours: u64| Duration::from_hours(hours);
    // Hours since the backup, the source's own objective, that of all, and the most that is allowed.
    for (age, own, rpo, most, expected) in [
        (23, None, 24, 36, &NOTHING[..]),
        (25, None, 24, 36, &["(missing_backup/data)"]),
        (37, None, 24, 36, &["missing_backup/data"]),
        (13, None, 24, 12, &["missing_backup/data"]),
        (2, Some(1), 24, 36, &["missing_backup/data"]),
        (100, Some(200), 24, 36, &NOTHING[..]),
    ] {
        let mut state = state();
        state.sources.truncate(1);
        let source = &mut state.sources[0];
        (source.rpo, source.has_own_rpo) = (hours(own.unwrap_or(rpo)), own.is_some());
        state.missing_backup_after = hours(most);
        state.now = time(1) + SignedDuration::from_hours(age) + SignedDuration::from_secs(1);
        assert_eq!(keys(&state), expected, "{age} h");
    }
}

#[test]
fn a_source_that_was_never_backed_up_is_shown_at_once_and_alerted_of_when_it_should_have_been() {
    let mut state = state();
    state.sources[0].newest = None;
    assert_eq!(keys(&state), ["(missing_backup/data)"]);
    assert_eq!(conditions(&state)[0].severity, Severity::Critical);
    state.sources[0].known_since = state.now - SignedDuration::from_hours(37);
    assert_eq!(keys(&state), ["missing_backup/data"]);
}

#[test]
fn a_backup_from_the_future_says_nothing_about_its_age() {
    let mut state = state();
    state.now = time(0) - SignedDuration::from_hours(24 * 365 * 50);
    let found = conditions(&state);
    assert_eq!(keys(&state), ["missing_backup/data", "missing_backup/studies"]);
    assert!(found[0].message.contains("from the future"), "{}", found[0].message);
}

fn backups(ended: &[Job]) -> State {
    let mut state = state();
    state.ended.backups = ended.to_vec();
    state
}

fn of(scope: Scope, sources: &[&str]) -> JobSpec {
    let JobSpec::Backup(spec) = backup_spec() else { unreachable!("it is one") };
    JobSpec::Backup(BackupSpec { scope, sources: sources.iter().map(|text| name(text)).collect(), ..spec })
}

#[test]
fn the_last_backup_that_covered_a_source_decides_and_one_that_was_stopped_does_not() {
    use JobState::{Cancelled, Failed, Interrupted, Succeeded, Warned};
    let (data, studies) = ("backup_failed/data", "backup_failed/studies");
    let job = |state, scope, sources: &[&str]| ended(of(scope, sources), state, 5);
    let all = |state| job(state, Scope::All, &[]);
    for (jobs, expected) in [
        (vec![all(Succeeded), all(Failed)], vec![]),
        (vec![all(Warned), all(Failed)], vec![]),
        (vec![all(Failed), all(Succeeded)], vec![data, studies]),
        (vec![all(Interrupted)], vec![data, studies]),
        (vec![all(Cancelled), all(Failed)], vec![data, studies]),
        (vec![all(Cancelled), all(Succeeded)], vec![]),
        (vec![job(Succeeded, Scope::All, &["data"]), all(Failed)], vec![studies]),
        (vec![job(Failed, Scope::Files, &[]), all(Succeeded)], vec![studies]),
        (vec![job(Failed, Scope::Database, &[]), all(Succeeded)], vec![data]),
        (vec![job(Failed, Scope::Files, &["data"]), all(Succeeded)], vec![]),
    ] {
        assert_eq!(keys(&backups(&jobs)), expected, "{jobs:#?}");
    }
    let mut later = backups(&[all(Failed)]);
    later.sources[0].known_since = time(6);
    assert_eq!(keys(&later), [studies], "it was not configured then");
}

#[test]
fn the_last_verification_and_the_last_live_restore_decide_too() {
    use JobState::{Cancelled, Failed, Interrupted, Succeeded};
    for (last, verify, live, elsewhere) in [
        (Succeeded, &NOTHING[..], &NOTHING[..], &NOTHING[..]),
        (Failed, &["verify_failed"], &["restore_failed"], &NOTHING[..]),
        (Interrupted, &["verify_failed"], &["restore_failed"], &NOTHING[..]),
        (Cancelled, &NOTHING[..], &NOTHING[..], &NOTHING[..]),
    ] {
        let mut state = state();
        state.ended.verifications = vec![ended(verify_spec(), last, 5)];
        assert_eq!(keys(&state), verify, "{last}");
        state.ended.verifications.clear();
        for (to, expected) in [(false, live), (true, elsewhere)] {
            state.ended.restores = vec![ended(restore_spec(to), last, 5)];
            assert_eq!(keys(&state), expected, "{last}");
        }
    }
    let mut old = state();
    old.ended.restores = vec![ended(restore_spec(false), Failed, 5)];
    old.ended.restores[0].finished_at = Some(old.now - SignedDuration::from_hours(8 * 24));
    assert_eq!(keys(&old), NOTHING, "it was taken back, and nobody asked again");
}

#[test]
fn a_job_told_of_its_failure_already_and_no_message_names_what_it_could_not_read() {
    let state = backups(&[ended(backup_spec(), JobState::Failed, 5)]);
    for condition in conditions(&state) {
        assert!(condition.is_told_by_job);
        assert!(!format!("{condition:?}").contains("secret"), "{condition:?}");
    }
}

#[test]
fn each_damaged_or_missing_backup_is_named_and_what_is_in_the_trash_is_not() {
    for (in_state, expected) in [
        (BackupState::Available, 0),
        (BackupState::Corrupt, 1),
        (BackupState::Missing, 1),
        (BackupState::Trashed, 0),
        (BackupState::Retained, 0),
    ] {
        let mut state = state();
        state.backups[0].state = in_state;
        let found = conditions(&state);
        assert_eq!(found.len(), expected, "{in_state}");
        assert!(found.iter().all(|found| found.message.contains("archive-1") && found.key.starts_with("corruption/")));
    }
}

#[test]
fn little_room_fires_below_the_limit_and_is_over_two_per_cent_above_it() {
    let store = "low_disk/store";
    for (free, fires, expected) in [
        (200, false, None),
        (199, false, Some(Severity::Warning)),
        (219, true, Some(Severity::Warning)),
        (220, true, None),
        (49, false, Some(Severity::Critical)),
        (0, true, Some(Severity::Critical)),
    ] {
        let mut state = state();
        state.store.space = Some(Space { free_bytes: free, total_bytes: 1000 });
        state.firing.extend(fires.then(|| store.to_owned()));
        let found = conditions(&state);
        assert_eq!(found.iter().map(|found| found.severity).next(), expected, "{free} {fires}");
        assert!(found.iter().all(|found| found.key == store));
    }
}

#[test]
fn the_room_of_the_daemon_s_own_state_counts_too_and_no_limit_is_none() {
    let mut state = state();
    state.state_space = Some(Space { free_bytes: 1, total_bytes: 1000 });
    assert_eq!(keys(&state), ["low_disk/state"]);
    state.low_disk = MinFree::Bytes(0);
    state.firing.insert("low_disk/state".to_owned());
    assert_eq!(keys(&state), NOTHING);
    state.store.space = None;
    state.low_disk = MinFree::Percent(20);
    state.state_space = Some(Space { free_bytes: 0, total_bytes: 0 });
    assert_eq!(keys(&state), NOTHING, "what cannot be read says nothing");
}

#[test]
fn archives_that_take_more_than_they_may_are_told_of() {
    let mut state = state();
    for (most, expected) in [(None, 0), (Some(100), 0), (Some(99), 1)] {
        state.max_total_bytes = most;
        assert_eq!(conditions(&state).len(), expected, "{most:?}");
    }
}

#[test]
fn a_store_that_is_not_there_and_a_restore_that_is_not_settled_come_first() {
    let mut state = backups(&[ended(backup_spec(), JobState::Failed, 5)]);
    state.store.trouble = Some("the backup store is not there".to_owned());
    let job = JobId::generate();
    state.troubles = vec![Trouble { job, unsettled: Unsettled::Data, what: "/srv/secret".to_owned() }];
    let found = keys(&state);
    assert_eq!(found[..2], ["store".to_owned(), format!("unsettled_restore/{job}")]);
    assert!(!format!("{:?}", conditions(&state)).contains("secret"));
}

#[test]
fn a_schedule_that_was_skipped_and_a_source_that_none_covers_are_named() {
    let skipped = SkippedRun { schedule: "nightly".to_owned(), at: time(3), why: "the machine was off".to_owned() };
    let next = [(name("data"), time(60)), (name("studies"), time(60))];
    for (outlook, expected) in [
        (None, &NOTHING[..]),
        (Some(Outlook { is_any: true, next_backups: next.clone().into(), skipped: vec![] }), &NOTHING[..]),
        (
            Some(Outlook { is_any: true, next_backups: next.clone().into(), skipped: vec![skipped] }),
            &["schedule_skipped/nightly"],
        ),
        (
            Some(Outlook { is_any: true, next_backups: next[..1].iter().cloned().collect(), skipped: vec![] }),
            &["(no_schedule/studies)"],
        ),
        (Some(Outlook::default()), &["(no_schedule)"]),
    ] {
        let mut state = state();
        state.outlook = outlook;
        assert_eq!(keys(&state), expected);
    }
}

#[test]
fn notices_that_do_not_arrive_are_told_of_after_an_hour_or_when_they_are_given_up() {
    let minutes_ago = |minutes| Some(time(10) - SignedDuration::from_mins(minutes));
    for (count, expected) in [
        (NoticesCount { waiting: 5, failing_since: minutes_ago(60), ..NoticesCount::default() }, 0),
        (NoticesCount { waiting: 5, failing_since: minutes_ago(61), ..NoticesCount::default() }, 1),
        (NoticesCount { given_up: 3, ..NoticesCount::default() }, 0),
        (NoticesCount { given_up: 3, unreachable: 1, ..NoticesCount::default() }, 1),
    ] {
        let mut state = state();
        state.notices = NoticesCount { last_error: Some("<a@example.com> refused".to_owned()), ..count.clone() };
        let found = conditions(&state);
        assert_eq!(found.len(), expected, "{count:?}");
        assert!(!format!("{found:?}").contains("example.com"), "the status is for everybody");
    }
}

#[test]
fn a_job_that_stands_still_for_half_an_hour_is_named() {
    for (minutes, expected) in [(29, 0), (30, 1)] {
        let mut state = state();
        state.running = vec![RunningJob {
            id: JobId::generate(),
            kind: JobKind::Backup,
            phase: "read".to_owned(),
            unchanged_for: Duration::from_mins(minutes),
        }];
        let found = conditions(&state);
        assert_eq!(found.len(), expected);
        assert!(found.iter().all(|found| found.event == Some(EventKind::StalledJob)));
    }
}

#[test]
fn what_fell_far_below_the_usual_is_told_with_its_numbers() {
    let mut state = state();
    let fallen = Fallen { what: "patients".to_owned(), usual: 120, now: 3, since: time(1) };
    state.sources[0].fallen = Some(fallen.clone());
    assert_eq!(keys(&state), ["suspicious_backup/data"]);
    assert!(conditions(&state)[0].message.contains("patients fell from 120 to 3"));
    state.sources[0].fallen = Some(Fallen { what: "its size".to_owned(), usual: 2048, now: 1024, ..fallen });
    assert!(conditions(&state)[0].message.contains("its size fell from 2.0 KiB to 1.0 KiB"));
}

#[test]
fn a_restore_that_takes_too_long_is_shown_with_how_that_is_known() {
    let mut state = state();
    state.restore_time = Some(RestoreTime { seconds: 3600, is_measured: true });
    assert_eq!(keys(&state), NOTHING);
    state.restore_time = Some(RestoreTime { seconds: 7200, is_measured: false });
    state.sources[0].restore_time = Some(RestoreTime { seconds: 61, is_measured: true });
    state.sources[0].own_rto = Some(Duration::from_mins(1));
    assert_eq!(keys(&state), ["(rto)", "(rto/data)"]);
    let messages: Vec<_> = conditions(&state).into_iter().map(|condition| condition.message).collect();
    assert_eq!(messages[0], "a restore of everything takes, by estimate, 2 h; the objective is 1h");
    assert_eq!(messages[1], "a restore of source 'data' took 61 s; the objective is 1m");
}

#[test]
fn the_words_of_what_lasts_do_not_change_with_each_minute() {
    let mut state = state();
    state.now = time(1) + SignedDuration::from_hours(40);
    state.store.space = Some(Space { free_bytes: 100, total_bytes: 1000 });
    let before = conditions(&state);
    state.now += SignedDuration::from_mins(1);
    state.store.space = Some(Space { free_bytes: 101, total_bytes: 1000 });
    assert_eq!(conditions(&state), before);
    assert!(before.len() > 2);
}
