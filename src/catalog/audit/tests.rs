use super::*;
use crate::catalog::samples::{self, actor, entry, time};
use crate::model::AuditOutcome;

#[test]
fn every_field_of_a_record_is_kept() {
    let (catalog, _dir) = samples::catalog();
    let mut said = entry("backup.delete").with("b", "x\n").because("müde").ended(AuditOutcome::Refused);
    said.actor.on_behalf_of = Some("bob".to_owned());
    catalog.record(&said).unwrap();
    assert_eq!(catalog.audit_records(&AuditFilter::default()).unwrap()[0].entry, said);
    assert_eq!(catalog.verify_audit().unwrap().seq, 1);
}

#[test]
fn records_are_filtered_by_time_user_and_number() {
    let (catalog, _dir) = samples::catalog();
    for (minute, user) in [(1, "alice"), (2, "bob"), (3, "alice"), (4, "bob")] {
        let actor = Actor { user: user.to_owned(), ..actor() };
        catalog.record(&Entry::new(time(minute), actor, "x", "")).unwrap();
    }
    let seqs = |filter| catalog.audit_records(&filter).unwrap().iter().map(|r| r.seq).collect::<Vec<_>>();
    assert_eq!(seqs(AuditFilter { since: Some(time(3)), ..AuditFilter::default() }), [3, 4]);
    assert_eq!(seqs(AuditFilter { user: Some("alice".to_owned()), ..AuditFilter::default() }), [1, 3]);
    assert_eq!(seqs(AuditFilter { limit: Some(3), ..AuditFilter::default() }), [2, 3, 4]);
}

#[test]
fn the_table_can_only_be_appended_to() {
    let (catalog, _dir) = samples::catalog();
    catalog.record(&entry("first")).unwrap();
    catalog.record(&entry("second")).unwrap();
    let copied =
        "SELECT seq, time_ms, user, uid, login_uid, via, on_behalf_of, 'forged', target, parameters_json, reason,
        outcome, prev, hash FROM audit WHERE seq = 2";
    for sql in [
        "UPDATE audit SET reason = 'x'",
        "DELETE FROM audit WHERE seq = 2",
        "DELETE FROM audit",
        &format!("INSERT OR REPLACE INTO audit {copied}"),
        &format!("INSERT INTO audit {}", copied.replacen("seq", "7", 1)),
    ] {
        let error = catalog.lock().execute_batch(sql).unwrap_err();
        assert!(error.to_string().contains("append-only"), "{sql}: {error}");
    }
    assert_eq!(catalog.verify_audit().unwrap().seq, 2);
}

#[test]
fn a_change_behind_the_triggers_is_found() {
    for (sql, broken_at) in [
        ("UPDATE audit SET reason = 'nothing happened' WHERE seq = 2", 2),
        ("UPDATE audit SET outcome = 'fine' WHERE seq = 2", 2),
        ("UPDATE audit SET uid = -1 WHERE seq = 2", 2),
        ("DELETE FROM audit WHERE seq = 2", 2),
        ("DELETE FROM audit WHERE seq = 3", 3),
        ("UPDATE audit SET time_ms = time_ms + 1 WHERE seq = 1", 1),
    ] {
        let (catalog, _dir) = samples::catalog();
        (0..3).for_each(|_| catalog.record(&entry("x")).unwrap());
        catalog
            .lock()
            .execute_batch("DROP TRIGGER audit_is_never_changed; DROP TRIGGER audit_is_never_removed")
            .unwrap();
        catalog.lock().execute_batch(sql).unwrap();
        match catalog.verify_audit().unwrap_err() {
            AuditError::Broken(broken) => assert_eq!(broken.seq, broken_at, "{sql}"),
            AuditError::Catalog(error) => panic!("{sql}: {error}"),
        }
    }
}

#[test]
fn a_change_of_state_that_cannot_be_audited_does_not_happen() {
    let (catalog, _dir) = samples::catalog();
    catalog.lock().execute_batch("ALTER TABLE audit_head RENAME TO gone").unwrap();
    catalog.insert_backup(&samples::backup(1), &entry("backup.add")).unwrap_err();
    catalog.backup(samples::backup_id(1)).unwrap_err();
}
