//! The end of a verification. One that found nothing wrong says nothing.

use super::{End, cause, code, look_at};
use crate::catalog::Job;
use crate::model::{ErrorCode, EventKind, Severity};

pub(super) fn failed(job: &Job) -> End {
    let is_damage = code(job) == Some(ErrorCode::Corruption);
    let mut steps = vec![look_at(job)];
    if is_damage {
        steps.push("carelogctl backup --full makes a backup that builds on nothing damaged".to_owned());
        steps.push("look at the disk of the backups: dmesg, smartctl -a".to_owned());
    } else {
        steps.push("carelogctl verify --all does it again".to_owned());
    }
    End {
        event: EventKind::VerifyFailure,
        severity: if is_damage { Severity::Critical } else { Severity::Warning },
        title: if is_damage { "damage was found in backups" } else { "backups could not be verified" }.to_owned(),
        message: format!("Backups were read to see whether they are sound, and that failed: {}.", cause(job)),
        facts: Vec::new(),
        steps,
    }
}
