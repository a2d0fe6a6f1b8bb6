use uuid::Uuid;

use super::*;
use crate::alerts::Fact;
use crate::alerts::letter::Earlier;
use crate::model::EventKind;

fn at() -> Timestamp {
    "2026-11-22T11:35:30Z".parse().unwrap()
}

fn letter(occasion: Occasion) -> Letter {
    let notice = Notice {
        id: Uuid::from_u128(7),
        key: "low_disk/store".to_owned(),
        event: EventKind::LowDisk,
        occasion,
        severity: Severity::Warning,
        at: at(),
        host: "clinic".to_owned(),
        title: "Little room: <20 %".to_owned(),
        message: "12 % & falling".to_owned(),
        facts: vec![Fact { label: "Free".to_owned(), value: "12 GiB".to_owned() }],
        steps: vec!["carelogctl prune --dry-run".to_owned()],
        contact: "ext. 17".to_owned(),
        audit_head: "1:ab".to_owned(),
    };
    Letter { recipient: "hook".to_owned(), notice, earlier: Some(Earlier { count: 2, since: at() }) }
}

fn json_of(format: WebhookFormat, occasion: Occasion) -> Value {
    let body = of(format, &letter(occasion), at());
    assert_eq!(body.content_type, "application/json");
    serde_json::from_slice(&body.bytes).unwrap()
}

/// docs/NOTICES.md shows this document to those who write programs for it.
#[test]
fn the_document_is_the_one_that_is_documented() {
    let docs = include_str!("../../../../docs/NOTICES.md");
    let shown = docs.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
    let shown: Value = serde_json::from_str(shown).unwrap();
    assert_eq!(json_of(WebhookFormat::Json, Occasion::Fired), shown);
}

#[test]
fn a_message_for_slack_holds_all_and_none_of_it_is_a_mark() {
    let expected = ":warning: *[CareLog clinic] Little room: &lt;20 %*\n12 % &amp; falling\n• Free: 12 GiB\n\
                    1. carelogctl prune --dry-run\nWhom to call: ext. 17";
    assert_eq!(json_of(WebhookFormat::Slack, Occasion::Fired), json!({ "text": expected }));
    let over = json_of(WebhookFormat::Slack, Occasion::Resolved);
    assert!(over["text"].as_str().unwrap().starts_with(":white_check_mark:"), "{over}");
}

#[test]
fn a_message_for_ntfy_has_its_title_in_a_header_that_is_ascii() {
    let body = of(WebhookFormat::Ntfy, &letter(Occasion::Fired), at());
    let headers: Vec<_> = body.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let expected = [("Title", "[CareLog clinic] Little room: <20 %"), ("Priority", "high"), ("Tags", "warning")];
    assert_eq!(headers, expected);
    assert_eq!(String::from_utf8(body.bytes).unwrap(), "12 % & falling\n1. carelogctl prune --dry-run");
    let mut letter = letter(Occasion::Fired);
    letter.notice.title = "\u{fc}?\r\nX: y".to_owned();
    let title = of(WebhookFormat::Ntfy, &letter, at()).headers[0].1.clone();
    assert_eq!(title, "=?UTF-8?Q?=5BCareLog=20clinic=5D=20=C3=BC=3F=20=20X=3A=20y?=");
}

#[test]
fn alertmanager_knows_what_fired_by_the_same_labels_when_it_is_over() {
    let [fired, over] =
        [Occasion::Fired, Occasion::Resolved].map(|occasion| json_of(WebhookFormat::Alertmanager, occasion));
    assert_eq!(fired[0]["labels"], over[0]["labels"]);
    assert_eq!(fired[0]["labels"]["alertname"], "CareLog_low_disk");
    let ends = |alert: &Value| alert[0]["endsAt"].as_str().unwrap().parse::<Timestamp>().unwrap();
    assert_eq!(ends(&over), at());
    assert_eq!(ends(&fired), at() + CONDITION_LASTS);
    assert_eq!(ends(&json_of(WebhookFormat::Alertmanager, Occasion::Happened)), at() + EVENT_LASTS);
}
