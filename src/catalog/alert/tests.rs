use super::*;
use crate::catalog::AuditFilter;
use crate::catalog::samples::{self, actor, time};
use crate::model::ChannelKind;

fn alert(key: &str) -> AlertRecord {
    AlertRecord {
        id: AlertId::generate(),
        key: key.to_owned(),
        event: EventKind::LowDisk,
        severity: Severity::Warning,
        message: "little room".to_owned(),
        next_step: "carelogctl prune".to_owned(),
        fired_at: time(1),
        reminded_at: None,
        resolved_at: None,
        acknowledged: None,
    }
}

fn notice(text: &str) -> NewNotice {
    NewNotice { channel: ChannelKind::Email, recipient: "a@example.com".to_owned(), notice: format!("\"{text}\"") }
}

fn actions(catalog: &Catalog) -> Vec<String> {
    catalog.audit_records(&AuditFilter::default()).unwrap().into_iter().map(|record| record.entry.action).collect()
}

#[test]
fn an_alert_goes_from_firing_through_reminders_to_its_end_with_its_records_and_notices() {
    let (catalog, _dir) = samples::catalog();
    let new = alert("low_disk/store");
    catalog.apply_alerts(&[AlertChange::Fire(new.clone())], &[notice("fired")], time(1)).unwrap();
    assert_eq!(catalog.firing_alerts().unwrap(), std::slice::from_ref(&new));
    assert_eq!(catalog.find_alert("low_disk/store").unwrap(), new);
    assert_eq!(catalog.find_alert(&new.id.to_string()).unwrap(), new);

    let reword = AlertChange::Reword {
        id: new.id,
        severity: Severity::Critical,
        message: "less room".to_owned(),
        next_step: String::new(),
    };
    let changes = [reword, AlertChange::Remind { id: new.id, at: time(2) }];
    catalog.apply_alerts(&changes, &[], time(2)).unwrap();
    let firing = catalog.firing_alerts().unwrap().remove(0);
    assert_eq!((firing.severity, firing.message.as_str()), (Severity::Critical, "less room"));
    assert_eq!((firing.reminded_at, firing.resolved_at), (Some(time(2)), None));

    catalog.apply_alerts(&[AlertChange::Resolve { id: new.id, at: time(3) }], &[notice("over")], time(3)).unwrap();
    assert_eq!(catalog.firing_alerts().unwrap(), []);
    assert_eq!(catalog.list_alerts(10).unwrap()[0].resolved_at, Some(time(3)));
    assert_eq!(actions(&catalog), ["alert.fire", "alert.resolve"]);
    let told: Vec<_> = catalog.waiting_notices().unwrap().into_iter().map(|row| row.notice).collect();
    assert_eq!(told, ["fired", "over"]);
}

#[test]
fn a_key_that_fires_cannot_fire_again_and_nothing_of_the_change_stays() {
    let (catalog, _dir) = samples::catalog();
    catalog.apply_alerts(&[AlertChange::Fire(alert("a"))], &[], time(1)).unwrap();
    let twice = [AlertChange::Fire(alert("b")), AlertChange::Fire(alert("a"))];
    catalog.apply_alerts(&twice, &[notice("b"), notice("a")], time(2)).unwrap_err();
    assert_eq!(catalog.firing_alerts().unwrap().len(), 1);
    assert_eq!(catalog.waiting_notices().unwrap(), []);
    assert_eq!(actions(&catalog), ["alert.fire"]);
}

#[test]
fn a_key_may_fire_again_after_its_end_and_both_are_listed_the_newest_first() {
    let (catalog, _dir) = samples::catalog();
    let first = alert("a");
    let second = AlertRecord { fired_at: time(5), ..alert("a") };
    let end = AlertChange::Resolve { id: first.id, at: time(4) };
    let changes = [AlertChange::Fire(first.clone()), end, AlertChange::Fire(second.clone())];
    catalog.apply_alerts(&changes, &[], time(5)).unwrap();
    let ids = |limit| catalog.list_alerts(limit).unwrap().iter().map(|alert| alert.id).collect::<Vec<_>>();
    assert_eq!(ids(10), [second.id, first.id]);
    assert_eq!(ids(1), [second.id]);
    assert_eq!(catalog.find_alert("a").unwrap().id, second.id, "a key names the one that fires");
}

#[test]
fn only_what_fires_is_acknowledged_resolved_or_reminded_of() {
    let (catalog, _dir) = samples::catalog();
    let alert = alert("a");
    let known = Acknowledgement { who: "alice".to_owned(), at: time(2), why: "a disk is ordered".to_owned() };
    let none = catalog.acknowledge_alert(alert.id, &known, &actor()).unwrap_err();
    assert!(matches!(none, CatalogError::NoSuchAlert(id) if id == alert.id), "{none}");

    catalog.apply_alerts(&[AlertChange::Fire(alert.clone())], &[], time(1)).unwrap();
    let acknowledged = catalog.acknowledge_alert(alert.id, &known, &actor()).unwrap();
    assert_eq!(acknowledged.acknowledged, Some(known.clone()));
    assert_eq!(catalog.firing_alerts().unwrap(), [acknowledged]);
    let record = catalog.audit_records(&AuditFilter::default()).unwrap().pop().unwrap();
    assert_eq!((record.entry.action.as_str(), record.entry.reason.as_str()), ("alert.ack", "a disk is ordered"));
    assert_eq!(record.entry.actor, actor());

    catalog.apply_alerts(&[AlertChange::Resolve { id: alert.id, at: time(3) }], &[], time(3)).unwrap();
    for late in [AlertChange::Resolve { id: alert.id, at: time(4) }, AlertChange::Remind { id: alert.id, at: time(4) }]
    {
        catalog.apply_alerts(&[late], &[], time(4)).unwrap_err();
    }
    catalog.acknowledge_alert(alert.id, &known, &actor()).unwrap_err();
    assert_eq!(catalog.audit_head().unwrap(), catalog.verify_audit().unwrap());
}

#[test]
fn what_names_no_alert_is_said_to() {
    let (catalog, _dir) = samples::catalog();
    let [a, b] = [alert("a"), alert("b")];
    catalog.apply_alerts(&[AlertChange::Fire(a.clone()), AlertChange::Fire(b)], &[], time(1)).unwrap();
    assert!(matches!(catalog.find_alert(&a.id.to_string()[..4]), Err(FindError::Ambiguous { .. })));
    assert!(matches!(catalog.find_alert("low_disk/x"), Err(FindError::NotFound { noun: "alert", .. })));
    assert!(matches!(catalog.find_alert("01"), Err(FindError::TooShort { .. })));
}
