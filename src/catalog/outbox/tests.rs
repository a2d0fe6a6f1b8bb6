use super::*;
use crate::catalog::samples::{self, backup_spec, enqueue, time};
use crate::catalog::{JobEnd, JobOutcome, Lane};

fn notice(text: &str) -> NewNotice {
    NewNotice { channel: ChannelKind::Webhook, recipient: "monitor".to_owned(), notice: format!("\"{text}\"") }
}

/// A catalog in which a job has ended.
fn with_an_end() -> (Catalog, tempfile::TempDir, JobId) {
    let (catalog, dir) = samples::catalog();
    let id = enqueue(&catalog, backup_spec());
    assert_eq!(catalog.untold_jobs().unwrap(), [], "it has not ended");
    catalog.claim_next(Lane::Write, time(1)).unwrap().unwrap();
    catalog.finish_job(id, &JobEnd::from(JobOutcome::done(Vec::new())), Vec::new(), time(2)).unwrap();
    (catalog, dir, id)
}

fn due(catalog: &Catalog, at: u32) -> Vec<serde_json::Value> {
    catalog.due_notices(time(at), 100).unwrap().into_iter().map(|row| row.notice).collect()
}

#[test]
fn a_job_is_told_of_once() {
    let (catalog, _dir, id) = with_an_end();
    assert_eq!(catalog.untold_jobs().unwrap().iter().map(|job| job.id).collect::<Vec<_>>(), [id]);
    assert!(catalog.tell(id, &[notice("a"), notice("b")], time(3)).unwrap());
    assert!(!catalog.tell(id, &[notice("a"), notice("b")], time(4)).unwrap());
    assert_eq!(catalog.untold_jobs().unwrap(), []);
    assert_eq!(due(&catalog, 3), ["a", "b"]);
}

#[test]
fn a_job_that_nobody_wants_to_hear_of_is_told_of_without_a_notice() {
    let (catalog, _dir, id) = with_an_end();
    assert!(catalog.tell(id, &[], time(3)).unwrap());
    assert_eq!((catalog.untold_jobs().unwrap(), due(&catalog, 3)), (vec![], vec![]));
}

#[test]
fn a_notice_waits_until_it_is_due_and_ends_when_it_was_delivered() {
    let (catalog, _dir, id) = with_an_end();
    assert_eq!(catalog.next_notice_at().unwrap(), None);
    catalog.tell(id, &[notice("a"), notice("b")], time(3)).unwrap();
    assert_eq!(catalog.next_notice_at().unwrap(), Some(time(3)));
    assert_eq!(due(&catalog, 2), [] as [serde_json::Value; 0]);
    let [a, b] = catalog.due_notices(time(3), 100).unwrap().try_into().unwrap();
    assert_eq!(catalog.due_notices(time(3), 1).unwrap(), std::slice::from_ref(&a));

    catalog.notice_failed(a.seq, "451 later", Some(time(5)), time(3)).unwrap();
    assert_eq!(due(&catalog, 4), ["b"]);
    assert_eq!(due(&catalog, 5), ["a", "b"]);
    let status = catalog.notices_status(time(5)).unwrap();
    let expected = NoticesCount {
        waiting: 2,
        given_up: 0,
        unreachable: 0,
        failing_since: Some(time(3)),
        last_error: Some("451 later".to_owned()),
    };
    assert_eq!(status, expected);

    for seq in [a.seq, b.seq] {
        catalog.notice_delivered(seq, time(5)).unwrap();
    }
    assert_eq!(due(&catalog, 9), [] as [serde_json::Value; 0]);
    assert_eq!(catalog.notices_status(time(5)).unwrap(), NoticesCount::default());
}

#[test]
fn what_was_given_up_is_never_tried_again_and_is_counted_for_a_week() {
    let (catalog, _dir, id) = with_an_end();
    catalog.tell(id, &[notice("a")], time(3)).unwrap();
    let seq = catalog.waiting_notices().unwrap()[0].seq;
    catalog.notice_failed(seq, "no such host", None, time(4)).unwrap();
    catalog.notice_failed(seq, "too late", Some(time(5)), time(4)).unwrap();
    assert_eq!((due(&catalog, 9), catalog.next_notice_at().unwrap()), (vec![], None));
    let last_error = Some("no such host".to_owned());
    let count = NoticesCount { given_up: 1, unreachable: 1, last_error, ..NoticesCount::default() };
    assert_eq!(catalog.notices_status(time(5)).unwrap(), count);
    assert_eq!(catalog.notices_status(time(4 + 8 * 24 * 60)).unwrap(), NoticesCount::default());
}

#[test]
fn a_recipient_to_whom_something_was_delivered_since_is_reachable() {
    let (catalog, _dir, id) = with_an_end();
    let other = NewNotice { recipient: "other".to_owned(), ..notice("c") };
    catalog.tell(id, &[notice("a"), notice("b"), other.clone(), other], time(3)).unwrap();
    let [a, b, c, _d] = catalog.waiting_notices().unwrap().try_into().unwrap();
    for lost in [a, c] {
        catalog.notice_failed(lost.seq, "no such host", None, time(4)).unwrap();
    }
    assert_eq!(catalog.notices_status(time(5)).unwrap().unreachable, 2);
    catalog.notice_delivered(b.seq, time(5)).unwrap();
    let count = catalog.notices_status(time(5)).unwrap();
    assert_eq!((count.given_up, count.unreachable), (2, 1));
}

#[test]
fn what_a_later_notice_says_too_is_not_sent() {
    let (catalog, _dir, id) = with_an_end();
    catalog.tell(id, &[notice("fired"), notice("over")], time(3)).unwrap();
    let fired = catalog.waiting_notices().unwrap()[0].seq;
    catalog.notices_superseded(&[fired], time(4)).unwrap();
    assert_eq!(due(&catalog, 4), ["over"]);
}

#[test]
fn what_was_put_off_by_a_wrong_clock_is_due() {
    let (catalog, _dir, id) = with_an_end();
    let years_ahead = time(0) + SignedDuration::from_hours(10 * 365 * 24);
    catalog.tell(id, &[notice("a")], years_ahead).unwrap();
    assert_eq!(due(&catalog, 3), ["a"]);
}

#[test]
fn what_ended_long_ago_is_forgotten_and_what_waits_is_not() {
    let (catalog, _dir, id) = with_an_end();
    catalog.tell(id, &[notice("sent"), notice("waits")], time(3)).unwrap();
    let sent = catalog.waiting_notices().unwrap()[0].seq;
    catalog.notice_delivered(sent, time(3)).unwrap();
    let rows = || catalog.read(|db| Ok(db.query_row("SELECT count(*) FROM outbox", [], |row| row.get::<_, i64>(0))?));
    catalog.forget_old_notices(time(4)).unwrap();
    assert_eq!(rows().unwrap(), 2);
    catalog.forget_old_notices(time(4 + 91 * 24 * 60)).unwrap();
    assert_eq!((rows().unwrap(), due(&catalog, 9)), (1, vec!["waits".into()]));
}
