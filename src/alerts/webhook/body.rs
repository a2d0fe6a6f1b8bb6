//! What a request holds, in each format. docs/NOTICES.md describes them.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

use crate::alerts::letter::Letter;
use crate::alerts::render::{one_line, subject};
use crate::alerts::{Notice, Occasion};
use crate::config::WebhookFormat;
use crate::model::Severity;

/// What happened once is an alert for this long.
const EVENT_LASTS: SignedDuration = SignedDuration::from_hours(1);

/// What fires is told to be over when it is. Alertmanager would itself end it after minutes without a word.
const CONDITION_LASTS: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The body of a request and what is said about it.
#[derive(Debug)]
pub(super) struct RequestBody {
    pub(super) content_type: &'static str,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) bytes: Vec<u8>,
}

/// A letter in `format`.
pub(super) fn of(format: WebhookFormat, letter: &Letter, now: Timestamp) -> RequestBody {
    match format {
        WebhookFormat::Json => json_body(&document(letter)),
        WebhookFormat::Slack => json_body(&slack(letter)),
        WebhookFormat::Ntfy => ntfy(letter),
        WebhookFormat::Alertmanager => json_body(&alertmanager(letter, now)),
    }
}

fn json_body(value: &Value) -> RequestBody {
    RequestBody { content_type: "application/json", headers: Vec::new(), bytes: value.to_string().into_bytes() }
}

/// `carelog.notice/1`: the notice as it is.
fn document(letter: &Letter) -> Value {
    #[derive(Serialize)]
    struct Document<'a> {
        schema: &'a str,
        #[serde(flatten)]
        notice: &'a Notice,
        undelivered_before: usize,
        undelivered_since: Option<Timestamp>,
    }
    let document = Document {
        schema: "carelog.notice/1",
        notice: &letter.notice,
        undelivered_before: letter.earlier.map_or(0, |earlier| earlier.count),
        undelivered_since: letter.earlier.map(|earlier| earlier.since),
    };
    // Strings, numbers and lists: there is nothing in it that JSON could not have.
    serde_json::to_value(document).unwrap_or_default()
}

/// Title, message, facts and steps, in Slack's marks.
fn slack(letter: &Letter) -> Value {
    // Slack reads these three as marks (its "mrkdwn" asks for just these to be escaped).
    let escape = |text: &str| one_line(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let notice = &letter.notice;
    let sign = match (notice.occasion, notice.severity) {
        (Occasion::Resolved, _) => ":white_check_mark:",
        (_, Severity::Critical) => ":rotating_light:",
        (_, Severity::Warning) => ":warning:",
        (_, Severity::Notice) => ":information_source:",
    };
    let mut lines = vec![format!("{sign} *{}*", escape(&subject(notice))), escape(&notice.message)];
    lines.extend(notice.facts.iter().map(|fact| format!("• {}: {}", escape(&fact.label), escape(&fact.value))));
    lines.extend(notice.steps.iter().enumerate().map(|(index, step)| format!("{}. {}", index + 1, escape(step))));
    if !notice.contact.is_empty() {
        lines.push(format!("Whom to call: {}", escape(&notice.contact)));
    }
    lines.retain(|line| !line.is_empty());
    json!({ "text": lines.join("\n") })
}

/// A text with the title, the priority and the sign in headers.
fn ntfy(letter: &Letter) -> RequestBody {
    let notice = &letter.notice;
    let (priority, tag) = match (notice.occasion, notice.severity) {
        (Occasion::Resolved, _) => ("default", "white_check_mark"),
        (_, Severity::Critical) => ("urgent", "rotating_light"),
        (_, Severity::Warning) => ("high", "warning"),
        (_, Severity::Notice) => ("default", "information_source"),
    };
    let mut lines = vec![notice.message.clone()];
    lines.extend(notice.steps.iter().enumerate().map(|(index, step)| format!("{}. {}", index + 1, one_line(step))));
    let headers =
        vec![("Title", encoded(&subject(notice))), ("Priority", priority.to_owned()), ("Tags", tag.to_owned())];
    RequestBody { content_type: "text/plain; charset=utf-8", headers, bytes: lines.join("\n").into_bytes() }
}

/// A header's value: as it is when it is ASCII, else encoded as RFC 2047 has it, which ntfy reads.
fn encoded(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    let is_plain = |b: u8| b.is_ascii_alphanumeric();
    let quote = |b: u8| if is_plain(b) { char::from(b).to_string() } else { format!("={b:02X}") };
    format!("=?UTF-8?Q?{}?=", text.bytes().map(quote).collect::<String>())
}

/// One alert, as `POST /api/v2/alerts` takes it.
fn alertmanager(letter: &Letter, now: Timestamp) -> Value {
    let notice = &letter.notice;
    let about = if notice.key.is_empty() { notice.event.as_str() } else { &notice.key };
    let ends_at = match notice.occasion {
        Occasion::Resolved => notice.at,
        Occasion::Fired | Occasion::Reminder => after(now, CONDITION_LASTS),
        Occasion::Happened | Occasion::Test => after(now, EVENT_LASTS),
    };
    json!([{
        // The labels are what it is told by, so that fired and resolved have to have the same.
        "labels": {
            "alertname": format!("CareLog_{}", notice.event),
            "about": about,
            "instance": notice.host,
            "severity": notice.severity.as_str(),
        },
        "annotations": {
            "summary": one_line(&notice.title),
            "description": notice.message,
            "steps": notice.steps.join("\n"),
            "contact": notice.contact,
        },
        "endsAt": ends_at.to_string(),
    }])
}

fn after(now: Timestamp, lasts: SignedDuration) -> Timestamp {
    now.saturating_add(lasts).unwrap_or(now)
}

#[cfg(test)]
mod tests;
