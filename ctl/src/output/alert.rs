//! Alerts.

use carelog_rpc::{Alert, ChannelTest, Severity};

use crate::output::table::{Look, Tone, cell, toned};
use crate::output::text::{age, clean, short_id};

/// The document of a list.
#[derive(Debug, serde::Serialize)]
pub(crate) struct AlertList {
    /// What fires, worst first; with those that are over, newest first.
    pub(crate) alerts: Vec<Alert>,
}

/// A table of alerts, and the next step for each that fires.
pub(crate) fn table(alerts: &[Alert], look: &Look) -> String {
    if alerts.is_empty() {
        return "no alerts".to_owned();
    }
    let rows = look.table(
        &["ALERT", "ID", "SEVERITY", "SINCE", "STATE", "WHAT"],
        alerts.iter().map(|alert| {
            vec![
                cell(&alert.key),
                cell(short_id(&alert.id)),
                toned(alert.severity.as_str(), tone(alert)),
                cell(look.at(alert.fired_at)),
                cell(state(alert, look)),
                cell(&alert.message),
            ]
        }),
    );
    let next = alerts.iter().filter(|alert| alert.resolved_at.is_none());
    let next: Vec<String> = next
        .filter_map(|alert| Some(format!("next for {}: {}", clean(&alert.key), clean(alert.next.as_deref()?))))
        .collect();
    if next.is_empty() { rows } else { format!("{rows}\n\n{}", next.join("\n")) }
}

/// All about one alert.
pub(crate) fn one(alert: &Alert, look: &Look) -> String {
    let known = alert.acknowledged.as_ref();
    let mut fields = vec![
        ("alert", alert.key.clone()),
        ("id", alert.id.clone()),
        ("severity", alert.severity.as_str().to_owned()),
        ("what", alert.message.clone()),
        ("since", look.at_and_age(alert.fired_at)),
    ];
    fields.extend(alert.resolved_at.map(|at| ("over", look.at_and_age(at))));
    fields.extend(known.map(|known| ("known to", format!("{}: {}", known.who, known.why))));
    fields.extend(alert.next.clone().map(|next| ("next", next)));
    look.fields(fields)
}

/// The document of a test.
#[derive(Debug, serde::Serialize)]
pub(crate) struct AlertTest {
    /// Mail first, then the webhooks.
    pub(crate) tests: Vec<ChannelTest>,
}

/// What came of a test, recipient by recipient.
pub(crate) fn answers(tests: &[ChannelTest], look: &Look) -> String {
    look.table(
        &["BY", "TO", "ARRIVED", "ANSWER"],
        tests.iter().map(|test| {
            let (arrived, tone) = if test.delivered { ("yes", Tone::Good) } else { ("no", Tone::Bad) };
            vec![cell(&test.channel), cell(&test.recipient), toned(arrived, tone), cell(&test.answer)]
        }),
    )
}

fn state(alert: &Alert, look: &Look) -> String {
    match (&alert.resolved_at, &alert.acknowledged) {
        (Some(at), _) => format!("over {}", age(*at, look.now)),
        (None, Some(known)) => format!("known to {}: {}", known.who, known.why),
        (None, None) => "fires".to_owned(),
    }
}

fn tone(alert: &Alert) -> Tone {
    match alert.severity {
        _ if alert.resolved_at.is_some() => Tone::Plain,
        Severity::Critical => Tone::Bad,
        Severity::Warning => Tone::Doubtful,
        Severity::Notice => Tone::Plain,
    }
}
