//! `[alerts]`: what is spoken up about, and how often.

use std::collections::BTreeSet;
use std::time::Duration;

use super::super::alerts::Alerts;
use super::super::reader::Reader;
use super::super::value::{self, Parsed};
use crate::model::EventKind;

/// Nobody reads a reminder that comes more often.
const SHORTEST_REMINDER: Duration = Duration::from_mins(10);

/// Longer than anybody's name and number.
const LONGEST_CONTACT: usize = 200;

pub(super) fn alerts(reader: &mut Reader<'_, '_>) -> Alerts {
    let default = Alerts::default();
    let events = |found: &toml::de::DeValue<'_>| value::list(found, event);
    Alerts {
        contact: reader.text("contact", contact).unwrap_or(default.contact),
        missing_backup_after: reader
            .text("missing_backup_after", value::positive_duration)
            .unwrap_or(default.missing_backup_after),
        low_disk: reader.value("low_disk", super::min_free).unwrap_or(default.low_disk),
        remind_every: reader.text("remind_every", reminder).unwrap_or(default.remind_every),
        email_on: reader.value("email_on", events).map_or(default.email_on, BTreeSet::from_iter),
    }
}

/// It stands in subjects of mails and in one line of the status.
fn contact(text: &str) -> Parsed<String> {
    if text.chars().any(char::is_control) || text.len() > LONGEST_CONTACT {
        return Err(format!(
            "has to be one line of at most {LONGEST_CONTACT} bytes, such as \"Dr. A. Admin, ext. 17\""
        ));
    }
    Ok(text.trim().to_owned())
}

fn reminder(text: &str) -> Parsed<Duration> {
    let every = value::duration(text)?;
    if every < SHORTEST_REMINDER {
        return Err(format!("'{text}' is too often; write 10m or more"));
    }
    Ok(every)
}

/// What somebody can want to be told of.
pub(super) fn event(text: &str) -> Parsed<EventKind> {
    match text.parse() {
        Ok(EventKind::Test) => Err("'test' is sent by `carelogctl alerts test` alone; remove it".to_owned()),
        Ok(event) => Ok(event),
        Err(_) => {
            let known = EventKind::ALL.iter().filter(|event| **event != EventKind::Test);
            let known: Vec<&str> = known.map(|event| event.as_str()).collect();
            Err(format!("'{text}' is none of: {}", known.join(", ")))
        }
    }
}
