//! Who is told of what. Decided when a notice is written down, not when it is delivered.

use super::notice::Notice;
use super::settings::AlertSettings;
use crate::catalog::NewNotice;
use crate::model::{ChannelKind, EventKind, Requester};

/// `notice` for each who is to be told of it: by mail the admins, whoever asked for the job, and after a restore those who
/// want to know; and the webhooks that want such events. Each once.
pub(super) fn addressed(
    settings: &AlertSettings,
    notice: &Notice,
    asked_by: Option<&Requester>,
) -> Result<Vec<NewNotice>, serde_json::Error> {
    let text = serde_json::to_string(notice)?;
    let to = |channel, recipient: &str| NewNotice { channel, recipient: recipient.to_owned(), notice: text.clone() };
    let mut notices: Vec<NewNotice> = mail_addresses(settings, notice.event, asked_by)
        .into_iter()
        .map(|to_whom| to(ChannelKind::Email, to_whom))
        .collect();
    let hooks = settings.webhooks.iter().filter(|webhook| webhook.on.contains(&notice.event));
    notices.extend(hooks.map(|webhook| to(ChannelKind::Webhook, &webhook.name)));
    Ok(notices)
}

fn mail_addresses<'a>(settings: &'a AlertSettings, event: EventKind, asked_by: Option<&Requester>) -> Vec<&'a str> {
    let Some(email) = &settings.email else { return Vec::new() };
    // That somebody replaced live data is never kept from the admins.
    let is_restore = matches!(event, EventKind::RestoreSuccess | EventKind::RestoreFailure);
    if !is_restore && !settings.alerts.email_on.contains(&event) {
        return Vec::new();
    }
    let names = asked_by.into_iter().flat_map(|who| who.on_behalf_of.iter().chain([&who.user]));
    let initiator = names.filter_map(|name| email.users.get(name)).take(1);
    let after_restore = if event == EventKind::RestoreSuccess { &email.notify_after_restore[..] } else { &[] };
    let mut addresses: Vec<&str> = Vec::new();
    for address in email.admins.iter().chain(initiator).chain(after_restore) {
        if !addresses.iter().any(|known| known.eq_ignore_ascii_case(address)) {
            addresses.push(address);
        }
    }
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::testing::{notice, settings};
    use crate::catalog::samples::requester;

    fn to(event: EventKind, asked_by: Option<&Requester>) -> Vec<String> {
        let notices = addressed(&settings(), &notice(event), asked_by).unwrap();
        notices.into_iter().map(|notice| format!("{} {}", notice.channel, notice.recipient)).collect()
    }

    #[test]
    fn the_admins_whoever_asked_and_the_webhooks_that_want_it_are_told_each_once() {
        let alice = requester();
        let other = Requester { user: "bob".to_owned(), ..requester() };
        let (admin, by_alice) = ("email admin@example.com", "email alice@example.com");
        let (after, hook) = ("email desk@example.com", "webhook monitor");
        for (event, asked_by, expected) in [
            (EventKind::BackupFailure, None, vec![admin, hook]),
            (EventKind::BackupFailure, Some(&alice), vec![admin, by_alice, hook]),
            (EventKind::BackupFailure, Some(&other), vec![admin, hook]),
            (EventKind::RestoreSuccess, Some(&alice), vec![admin, by_alice, after]),
            (EventKind::RestoreFailure, Some(&alice), vec![admin, by_alice]),
            (EventKind::BackupSuccess, Some(&alice), vec![]),
        ] {
            assert_eq!(to(event, asked_by), expected, "{event}");
        }
    }

    #[test]
    fn a_gateway_s_person_is_told_and_not_the_gateway() {
        let gateway = Requester { user: "www".to_owned(), on_behalf_of: Some("alice".to_owned()), ..requester() };
        assert!(to(EventKind::BackupFailure, Some(&gateway)).contains(&"email alice@example.com".to_owned()));
    }

    #[test]
    fn an_admin_who_asked_is_told_once() {
        let root = Requester { user: "root".to_owned(), ..requester() };
        assert_eq!(to(EventKind::BackupFailure, Some(&root)), ["email admin@example.com", "webhook monitor"]);
    }
}
