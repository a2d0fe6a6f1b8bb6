//! `[[webhook]]`. No message repeats an address: it may hold a token.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use toml::de::DeValue;

use crate::config::document::Document;
use crate::config::problem::{Origin, Problems};
use crate::config::reader::Reader;
use crate::config::value::{self, Parsed, absolute_path};
use crate::config::{Webhook, WebhookFormat, WebhookUrl};
use crate::model::EventKind;

/// More often than this a heartbeat is a load and no news.
const SHORTEST_HEARTBEAT: Duration = Duration::from_secs(10);

/// Every webhook that can be used.
pub(super) fn webhooks(document: &Document<'_>, problems: &mut Problems) -> Vec<Webhook> {
    let mut named: BTreeMap<String, Origin> = BTreeMap::new();
    let mut webhooks = Vec::new();
    for fields in document.list("webhook").unwrap_or_default() {
        let mut reader = Reader::new(Some(fields), problems);
        let name = reader.required_text("name", "monitor", name);
        let url = url(&mut reader);
        let format = reader.text("format", format).unwrap_or_default();
        let heartbeat = reader.text("heartbeat", heartbeat).flatten();
        let on = reader.value("on", events);
        if heartbeat.is_some() {
            for key in ["on", "format"] {
                reader.refuse(key, "means nothing with heartbeat, which is called while all is well; remove the line");
            }
        }
        let (Some(name), Some(url)) = (name, url) else { continue };
        let origin = reader.origin("name");
        if let Some(Origin::Line(line)) = named.get(&name) {
            let message = format!("the webhook of line {line} has this name; give each its own");
            problems.add(origin, fields.key("name"), message);
            continue;
        }
        named.insert(name.clone(), origin);
        let on = if heartbeat.is_some() { BTreeSet::new() } else { on.unwrap_or_else(Webhook::every_event) };
        webhooks.push(Webhook { name, url, format, on, heartbeat });
    }
    webhooks
}

fn name(text: &str) -> Parsed<String> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    if (1..=64).contains(&text.len()) && text.bytes().all(fits) {
        return Ok(text.to_owned());
    }
    Err(format!("'{text}' cannot name a webhook: 1 to 64 letters, digits, '_' or '-' of ASCII"))
}

fn url(reader: &mut Reader<'_, '_>) -> Option<WebhookUrl> {
    let is_there = |reader: &Reader<'_, '_>, key: &str| reader.is_given(key);
    let gives_either = is_there(reader, "url") || is_there(reader, "url_file");
    let text = reader.text("url", |text| WebhookUrl::check(text).map(|()| text.to_owned()).map_err(str::to_owned));
    let file: Option<PathBuf> = reader.text("url_file", optional_path).flatten();
    match (text, file) {
        (Some(_), Some(_)) => {
            reader.refuse("url_file", "stands beside url; keep one of the two");
            None
        }
        (Some(text), None) => Some(WebhookUrl::Text(text)),
        (None, Some(file)) => Some(WebhookUrl::File(file)),
        (None, None) => {
            if !gives_either {
                reader.required_text("url", "https://...", |_| Ok(()));
            }
            None
        }
    }
}

/// An empty one is none.
pub(super) fn optional_path(text: &str) -> Parsed<Option<PathBuf>> {
    if text.is_empty() { Ok(None) } else { absolute_path(text).map(Some) }
}

fn format(text: &str) -> Parsed<WebhookFormat> {
    match text {
        "json" => Ok(WebhookFormat::Json),
        "slack" => Ok(WebhookFormat::Slack),
        "ntfy" => Ok(WebhookFormat::Ntfy),
        "alertmanager" => Ok(WebhookFormat::Alertmanager),
        other => Err(format!("'{other}' is none of: json, slack, ntfy, alertmanager")),
    }
}

fn heartbeat(text: &str) -> Parsed<Option<Duration>> {
    if text == "never" {
        return Ok(None);
    }
    match value::duration(text) {
        Ok(every) if every >= SHORTEST_HEARTBEAT => Ok(Some(every)),
        Ok(_) => Err(format!("'{text}' is too often; write \"10s\" or more")),
        Err(_) => Err(format!("'{text}' is neither \"never\" nor a duration such as \"5m\"")),
    }
}

fn events(found: &DeValue<'_>) -> Parsed<BTreeSet<EventKind>> {
    let events = value::list(found, super::alerts::event)?;
    if events.is_empty() {
        return Err("is empty, so that it would never be called; name an event".to_owned());
    }
    Ok(events.into_iter().collect())
}
