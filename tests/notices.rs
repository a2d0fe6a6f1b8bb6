//! Notices on their way out: real mail servers and web servers that take them, refuse, stall, cut off and come back.

mod commands;
mod mail;
mod outbox;
mod webhooks;

use carelogd::alerts::{Channels, Delivery, Letter, MailTimeouts, Notice, Occasion, Undelivered, Way, Ways};
use carelogd::clock::Clock;
use carelogd::model::{EventKind, Severity};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Servers that the tests have fall silent are not waited for long.
const IMPATIENT: MailTimeouts =
    MailTimeouts { connect: std::time::Duration::from_secs(5), letter: std::time::Duration::from_secs(2) };

fn noon() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn clock() -> Clock {
    Clock::manual(noon())
}

/// Notice `n`, which stands for itself.
fn notice(n: u32) -> Notice {
    Notice {
        id: Uuid::from_u128(u128::from(n)),
        key: String::new(),
        event: EventKind::BackupFailure,
        occasion: Occasion::Happened,
        severity: Severity::Warning,
        at: noon(),
        host: "clinic".to_owned(),
        title: format!("number {n}"),
        message: "It did not work.".to_owned(),
        facts: Vec::new(),
        steps: Vec::new(),
        contact: String::new(),
        audit_head: String::new(),
    }
}

fn letter(recipient: &str, notice: Notice) -> Letter {
    Letter { recipient: recipient.to_owned(), notice, earlier: None }
}

fn delivery(ways: &Ways) -> Delivery<'_> {
    ways.until(CancellationToken::new()).with_timeouts(IMPATIENT)
}

/// What came of each letter, in the order in which it was told.
fn answers(ways: &Ways, way: &Way, letters: &[Letter]) -> Vec<(usize, Result<String, Undelivered>)> {
    let mut answers = Vec::new();
    delivery(ways).deliver(way, letters, &mut |index, answer| answers.push((index, answer)));
    answers
}
