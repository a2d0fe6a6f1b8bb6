//! What is said of each end.

use super::*;
use crate::alerts::testing::ended;
use crate::catalog::samples::{backup, backup_spec, restore_spec, verify_spec};

fn all_text(end: &End) -> String {
    let facts: Vec<String> = end.facts.iter().map(|fact| format!("{}: {}", fact.label, fact.value)).collect();
    format!("{}\n{}\n{}\n{}", end.title, end.message, facts.join("\n"), end.steps.join("\n"))
}

#[test]
fn a_failed_backup_says_why_in_general_words_and_what_to_do_by_its_code() {
    let with_code = |code| {
        let mut job = ended(backup_spec(), JobState::Failed, 5);
        job.outcome.as_mut().unwrap().error.as_mut().unwrap().code = code;
        backup::failed(&job)
    };
    for (code, cause, step) in [
        (ErrorCode::Failed, "could not be read", "journalctl -u carelogd"),
        (ErrorCode::Refused, "refused for safety", "how much room is left"),
        (ErrorCode::Corruption, "damaged or missing", "backup --full"),
        (ErrorCode::NotFound, "does not exist", "check-config"),
    ] {
        let end = with_code(code);
        assert_eq!((end.event, end.severity), (EventKind::BackupFailure, Severity::Warning));
        let text = all_text(&end);
        assert!(text.contains(cause) && text.contains(step) && !text.contains("secret"), "{code}: {text}");
    }
    let interrupted = backup::failed(&ended(backup_spec(), JobState::Interrupted, 5));
    assert!(interrupted.message.contains("the daemon ended while it ran"), "{}", interrupted.message);
}

#[test]
fn a_failed_backup_names_the_source_at_fault_and_nothing_of_what_it_holds() {
    let mut job = ended(backup_spec(), JobState::Failed, 5);
    let error = job.outcome.as_mut().unwrap().error.as_mut().unwrap();
    error.message = "source 'studies': '/srv/studies/Miller, John.dcm' cannot be read".to_owned();
    let end = backup::failed(&job);
    assert_eq!(end.title, "the backup failed at source 'studies'");
    assert!(!all_text(&end).contains("Miller"), "{}", all_text(&end));
    let error = job.outcome.as_mut().unwrap().error.as_mut().unwrap();
    error.message = "source '../Miller, John': no".to_owned();
    assert_eq!(backup::failed(&job).title, "the backup failed", "no name of a source");
}

#[test]
fn a_backup_that_is_done_says_what_it_holds_and_counts_its_warnings_without_quoting_them() {
    let record = backup(1);
    let facts = backup::details(&record);
    let text: Vec<String> = facts.iter().map(|fact| format!("{}: {}", fact.label, fact.value)).collect();
    let expected = [
        "File: archive-1",
        "Kind: full of scope all",
        "Size: 15 B for 20 B of content",
        "New: 20 B",
        "Source data: 10 B, 1 file",
        "Source studies: 10 B, 7 files",
    ];
    assert_eq!(text, expected);
    assert_eq!(warnings(&ended(backup_spec(), JobState::Warned, 5)).unwrap(), "1 warning");
    assert_eq!(warnings(&ended(backup_spec(), JobState::Succeeded, 5)), None);
}

#[test]
fn a_verification_that_found_damage_is_critical_and_one_that_was_interrupted_is_not() {
    let mut job = ended(verify_spec(), JobState::Failed, 5);
    job.outcome.as_mut().unwrap().error.as_mut().unwrap().code = ErrorCode::Corruption;
    assert_eq!(verify::failed(&job).severity, Severity::Critical);
    assert_eq!(verify::failed(&ended(verify_spec(), JobState::Interrupted, 5)).severity, Severity::Warning);
}

#[test]
fn who_asked_and_why_is_said_of_every_job() {
    let mut job = ended(backup_spec(), JobState::Failed, 5);
    let facts = facts_of_every_job(&job);
    let text: Vec<String> = facts.iter().map(|fact| format!("{}: {}", fact.label, fact.value)).collect();
    assert_eq!(text[..3], ["Duration: 5 min", "Asked for by: alice", "Reason given: before the update"]);
    job.requested_by.on_behalf_of = Some("bob".to_owned());
    assert_eq!(facts_of_every_job(&job)[1].value, "bob (alice)");
    assert_eq!(facts_of_every_job(&ended(restore_spec(true), JobState::Failed, 5)).len(), 3, "no reason was given");
}
