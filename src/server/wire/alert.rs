//! Alerts on the wire.

use carelog_rpc as rpc;

use super::{event_kind, severity};
use crate::alerts::Tried;
use crate::catalog::AlertRecord;
use crate::model::Severity;

pub(in crate::server) fn alert(alert: &AlertRecord) -> rpc::Alert {
    rpc::Alert {
        id: alert.id.to_string(),
        key: alert.key.clone(),
        event: event_kind(alert.event),
        severity: severity(alert.severity),
        message: alert.message.clone(),
        next: Some(alert.next_step.clone()).filter(|next| !next.is_empty()),
        fired_at: alert.fired_at.into(),
        reminded_at: alert.reminded_at.map(Into::into),
        resolved_at: alert.resolved_at.map(Into::into),
        acknowledged: alert.acknowledged.as_ref().map(|known| rpc::Acknowledgement {
            who: known.who.clone(),
            at: known.at.into(),
            why: known.why.clone(),
        }),
    }
}

pub(in crate::server) fn channel_test(tried: Tried) -> rpc::ChannelTest {
    let delivered = tried.answer.is_ok();
    rpc::ChannelTest {
        channel: tried.channel.as_str().to_owned(),
        recipient: tried.recipient,
        delivered,
        answer: tried.answer.unwrap_or_else(|why| why),
    }
}

/// Critical ones, then warnings; each the oldest first, as they come.
pub(in crate::server) fn worst_first(alerts: &[AlertRecord]) -> Vec<rpc::Alert> {
    let of = |wanted| alerts.iter().filter(move |one| one.severity == wanted).map(alert);
    [Severity::Critical, Severity::Warning, Severity::Notice].into_iter().flat_map(of).collect()
}
