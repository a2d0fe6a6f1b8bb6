//! The decided values of one `[[webhook]]`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use crate::model::EventKind;

/// `[[webhook]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Its name, unique among the webhooks: what is logged, shown and stored in place of the address.
    pub name: String,
    /// Where to.
    pub url: WebhookUrl,
    /// What the request holds.
    pub format: WebhookFormat,
    /// Of what; empty for a heartbeat.
    pub on: BTreeSet<EventKind>,
    /// Called this often, and only while all is well; `None` when it is told of events.
    pub heartbeat: Option<Duration>,
}

impl Webhook {
    /// What it is told of when nothing is said about that.
    #[must_use]
    pub fn every_event() -> BTreeSet<EventKind> {
        EventKind::ALL.iter().copied().filter(|event| *event != EventKind::Test).collect()
    }
}

/// Where a webhook is. May hold a token, so it is neither logged nor shown.
#[derive(Clone, PartialEq, Eq)]
pub enum WebhookUrl {
    /// Here.
    Text(String),
    /// The first line of this file, read anew for each request.
    File(PathBuf),
}

impl std::fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(_) => f.write_str("Text"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}

impl WebhookUrl {
    /// Whether `text` can be an address at all, in words that do not repeat it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(text: &str) -> Result<(), &'static str> {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let rest = rest.ok_or("does not begin with https:// or http://")?;
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err("holds a blank or a control character");
        }
        if !text.is_ascii() {
            return Err("holds a character that is not ASCII; write it as %XX");
        }
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = host.rsplit('@').next().unwrap_or_default();
        if host.is_empty() || host.starts_with(':') { Err("names no host") } else { Ok(()) }
    }
}

/// What a webhook's request holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WebhookFormat {
    /// A document `carelog.notice/1`.
    #[default]
    Json,
    /// A message for Slack, and for what takes the same.
    Slack,
    /// A message for ntfy.
    Ntfy,
    /// A list of one alert for Alertmanager's `/api/v2/alerts`.
    Alertmanager,
}
