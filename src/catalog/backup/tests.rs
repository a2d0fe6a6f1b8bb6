use super::*;
use crate::catalog::FindError;
use crate::catalog::samples::{self, backup, backup_id, entry, hold, time};
use crate::model::SourceName;

fn filled(backups: impl IntoIterator<Item = BackupRecord>) -> (Catalog, tempfile::TempDir) {
    let (catalog, dir) = samples::catalog();
    for backup in backups {
        catalog.insert_backup(&backup, &entry("backup.add")).unwrap();
    }
    (catalog, dir)
}

fn ids(backups: &[BackupRecord]) -> Vec<BackupId> {
    backups.iter().map(|backup| backup.id).collect()
}

#[test]
fn every_field_of_a_backup_is_kept() {
    let full = BackupRecord {
        class: Class::Safety,
        scope: Scope::Files,
        mode: Mode::Incremental,
        parent_id: Some(backup_id(9)),
        sha256: Some(Sha256::of(b"x")),
        verified_at: Some(time(5)),
        verify_result: Some(VerifyResult::Passed),
        holds: vec![hold("a"), Hold { until: Some(time(7)), ..hold("b") }],
        state: BackupState::Retained,
        job_id: Some(JobId::generate()),
        ..backup(1)
    };
    let (catalog, _dir) = filled([full.clone()]);
    assert_eq!(catalog.backup(full.id).unwrap(), full);
}

#[test]
fn a_list_is_newest_first_and_filtered() {
    let safety = BackupRecord { class: Class::Safety, ..backup(3) };
    let corrupt = BackupRecord { state: BackupState::Corrupt, ..backup(4) };
    let mut data_only = backup(5);
    data_only.sources.truncate(1);
    let (catalog, _dir) = filled([backup(1), backup(2), safety, corrupt, data_only]);
    let list = |filter| ids(&catalog.list_backups(&filter).unwrap());
    let all = BackupFilter::default;
    assert_eq!(list(all()), [5, 3, 2, 1].map(backup_id));
    assert_eq!(list(BackupFilter { all: true, ..all() }), [5, 4, 3, 2, 1].map(backup_id));
    assert_eq!(list(BackupFilter { limit: Some(1), ..all() }), [5].map(backup_id));
    assert_eq!(list(BackupFilter { class: Some(Class::Safety), ..all() }), [3].map(backup_id));
    assert_eq!(list(BackupFilter { since: Some(time(2)), until: Some(time(3)), ..all() }), [3, 2].map(backup_id));
    let studies = Some(SourceName::new("studies").unwrap());
    assert_eq!(list(BackupFilter { source: studies, ..all() }), [3, 2, 1].map(backup_id));
}

#[test]
fn a_backup_is_found_by_id_prefix_file_name_or_as_the_latest() {
    let (catalog, _dir) = filled([backup(1), backup(0x200), BackupRecord { class: Class::Safety, ..backup(0x300) }]);
    let find = |wanted: &str| catalog.find_backup(wanted).map(|backup| backup.id);
    let id = backup_id(1).to_string();
    assert_eq!(find(&id).unwrap(), backup_id(1));
    assert_eq!(find(&id.replace('-', "").to_uppercase()).unwrap(), backup_id(1));
    assert_eq!(find("archive-512").unwrap(), backup_id(0x200));
    assert_eq!(find("latest").unwrap(), backup_id(0x200));

    let common = (1..id.len()).take_while(|n| backup_id(0x200).to_string().starts_with(&id[..*n])).last().unwrap();
    assert_eq!(find(&id[..=common]).unwrap(), backup_id(1));
    let ambiguous = find(&id[..common]).unwrap_err();
    assert!(matches!(&ambiguous, FindError::Ambiguous { candidates, .. } if candidates.len() >= 2), "{ambiguous}");
    assert!(ambiguous.to_string().contains(&id), "{ambiguous}");
    assert!(matches!(find("019"), Err(FindError::TooShort { .. })));
    for unknown in ["ffff", "no such thing", "archive-51", "%", ""] {
        assert!(matches!(find(unknown), Err(FindError::NotFound { .. })), "{unknown}");
    }
}

#[test]
fn the_newest_at_a_time_began_at_or_before_it_and_can_be_restored() {
    let corrupt = BackupRecord { state: BackupState::Corrupt, ..backup(3) };
    let (catalog, _dir) = filled([backup(1), backup(2), corrupt]);
    let at = |t| catalog.newest_backup(Some(t)).map(|backup| backup.id);
    assert_eq!(at(time(2)).unwrap(), backup_id(2));
    assert_eq!(at(time(2) - jiff::SignedDuration::from_millis(1)).unwrap(), backup_id(1));
    assert_eq!(at(time(9)).unwrap(), backup_id(2));
    assert!(matches!(at(time(0)), Err(FindError::NoneBefore { .. })));
}

#[test]
fn a_failed_verification_makes_a_backup_corrupt_and_a_passed_one_available() {
    let (catalog, _dir) = filled([backup(1), BackupRecord { state: BackupState::Retained, ..backup(2) }]);
    for (result, state) in
        [(VerifyResult::Failed, BackupState::Corrupt), (VerifyResult::Passed, BackupState::Available)]
    {
        catalog.set_verified(backup_id(1), time(4), result, &entry("backup.verify")).unwrap();
        let verified = catalog.backup(backup_id(1)).unwrap();
        assert_eq!(
            (verified.state, verified.verify_result, verified.verified_at),
            (state, Some(result), Some(time(4)))
        );
        catalog.set_verified(backup_id(2), time(4), result, &entry("backup.verify")).unwrap();
        assert_eq!(catalog.backup(backup_id(2)).unwrap().state, BackupState::Retained);
    }
}

#[test]
fn changes_are_made_and_audited_and_those_of_an_unknown_backup_are_neither() {
    let (catalog, _dir) = filled([backup(1)]);
    let (known, unknown) = (backup_id(1), backup_id(2));
    catalog.set_backup_state(known, BackupState::Trashed, &entry("backup.trash")).unwrap();
    assert_eq!(catalog.backup(known).unwrap().state, BackupState::Trashed);
    catalog.set_holds(known, &[hold("x")], &entry("backup.hold")).unwrap();
    assert_eq!(catalog.backup(known).unwrap().holds, [hold("x")]);
    catalog.remove_backup(known, &entry("backup.delete")).unwrap();
    assert!(matches!(catalog.backup(known), Err(CatalogError::NoSuchBackup(id)) if id == known));
    let sources: i64 = catalog.lock().query_row("SELECT count(*) FROM backup_sources", [], |row| row.get(0)).unwrap();
    assert_eq!(sources, 0);
    assert_eq!(catalog.verify_audit().unwrap().seq, 4);

    for result in [
        catalog.set_backup_state(unknown, BackupState::Trashed, &entry("x")),
        catalog.set_holds(unknown, &[], &entry("x")),
        catalog.set_verified(unknown, time(1), VerifyResult::Passed, &entry("x")),
        catalog.remove_backup(unknown, &entry("x")),
    ] {
        assert!(matches!(result, Err(CatalogError::NoSuchBackup(id)) if id == unknown));
    }
    assert_eq!(catalog.verify_audit().unwrap().seq, 4);
}

#[test]
fn a_rebuild_adds_what_is_unknown_and_changes_nothing_else() {
    let known = BackupRecord { state: BackupState::Corrupt, ..backup(1) };
    let (catalog, _dir) = filled([known.clone()]);
    let renamed = BackupRecord { filename: "another".to_owned(), ..backup(1) };
    let added = catalog.rebuild_from(&[renamed, backup(2)], &entry("catalog.rebuild")).unwrap();
    assert_eq!(added, 1);
    let all = BackupFilter { all: true, ..BackupFilter::default() };
    assert_eq!(catalog.list_backups(&all).unwrap(), [backup(2), known]);
}

/// Backup `n`, which needs the archives of `needs`.
fn on(n: u32, needs: &[u32]) -> BackupRecord {
    let needs = needs.iter().map(|other| backup_id(*other)).collect();
    BackupRecord { needs, mode: Mode::Incremental, ..backup(n) }
}

#[test]
fn what_a_backup_needs_is_kept_in_its_order_and_who_needs_it_can_be_asked() {
    let (catalog, _dir) = filled([backup(1), on(2, &[1]), on(3, &[2, 1])]);
    assert_eq!(catalog.backup(backup_id(3)).unwrap().needs, [2, 1].map(backup_id));
    assert_eq!(catalog.list_backups(&BackupFilter::default()).unwrap()[0].needs, [2, 1].map(backup_id));
    assert_eq!(catalog.find_backup("latest").unwrap().needs, [2, 1].map(backup_id));
    assert_eq!(catalog.needed_by(backup_id(1)).unwrap(), [3, 2].map(backup_id));
    assert_eq!(catalog.needed_by(backup_id(3)).unwrap(), []);
}

#[test]
fn of_many_references_a_few_are_named_and_all_are_counted() {
    // Each needs all before it.
    let (catalog, _dir) = filled((1..=60).map(|n| on(n, &(1..n).collect::<Vec<_>>())));
    let ids = [60, 30, 1, 99].map(backup_id);
    let references = catalog.references_of(&ids).unwrap();
    assert_eq!(references.len(), 3, "of one that is not there nothing is said");
    let newest = &references[&backup_id(60)];
    assert_eq!((newest.needs_count, newest.needed_by_count), (59, 0));
    assert_eq!(newest.needs, (1..=50).map(backup_id).collect::<Vec<_>>());
    let middle = &references[&backup_id(30)];
    assert_eq!((middle.needs.len(), middle.needs_count), (29, 29));
    assert_eq!(middle.needed_by, (31..=60).rev().map(backup_id).collect::<Vec<_>>());
    let first = catalog.references(backup_id(1)).unwrap();
    assert_eq!((first.needs_count, first.needed_by_count, first.needed_by.len()), (0, 59, 50));
    assert_eq!(first.needed_by[0], backup_id(60));
    // Who lists them all reads none of these.
    let listed = catalog.list_backups_alone(&BackupFilter::default()).unwrap();
    assert!(listed.iter().all(|backup| backup.needs.is_empty() && !backup.sources.is_empty()));
}

#[test]
fn the_newest_that_is_wanted_comes_with_all_that_belongs_to_it() {
    let (catalog, _dir) = filled((1..=4).map(|n| on(n, &[9])));
    let all = BackupFilter::default();
    let found = catalog.newest_that(&all, |backup| backup.id <= backup_id(2)).unwrap().unwrap();
    assert_eq!(found, catalog.backup(backup_id(2)).unwrap());
    assert_eq!(catalog.newest_that(&all, |_| false).unwrap(), None);
}

#[test]
fn a_backup_that_another_needs_is_not_forgotten() {
    let (catalog, _dir) = filled([backup(1), on(2, &[1])]);
    let refused = catalog.remove_backup(backup_id(1), &entry("backup.delete")).unwrap_err();
    assert!(matches!(refused, CatalogError::Needed { by, .. } if by == backup_id(2)), "{refused}");
    catalog.remove_backup(backup_id(2), &entry("backup.delete")).unwrap();
    catalog.remove_backup(backup_id(1), &entry("backup.delete")).unwrap();
    assert_eq!(catalog.list_backups(&BackupFilter { all: true, ..BackupFilter::default() }).unwrap(), []);
}

#[test]
fn a_retained_backup_needs_nothing_and_goes_when_nobody_needs_it() {
    let (catalog, _dir) = filled([backup(1), on(2, &[1]), on(3, &[2])]);
    let unneeded = || ids(&catalog.unneeded_backups().unwrap());
    catalog.retain_backup(backup_id(2), &entry("backup.delete")).unwrap();
    let retained = catalog.backup(backup_id(2)).unwrap();
    assert_eq!((retained.state, retained.needs), (BackupState::Retained, Vec::new()));
    assert_eq!(catalog.needed_by(backup_id(1)).unwrap(), []);
    assert_eq!(unneeded(), [], "the third needs it");
    catalog.remove_backup(backup_id(3), &entry("backup.delete")).unwrap();
    assert_eq!(unneeded(), [backup_id(2)]);
    let nobody = catalog.retain_backup(backup_id(9), &entry("backup.delete")).unwrap_err();
    assert!(matches!(nobody, CatalogError::NoSuchBackup(_)), "{nobody}");
}

#[test]
fn a_verification_that_fails_leaves_a_retained_backup_retained() {
    let (catalog, _dir) = filled([BackupRecord { state: BackupState::Retained, ..backup(1) }]);
    catalog.set_verified(backup_id(1), time(9), VerifyResult::Failed, &entry("backup.verify")).unwrap();
    let retained = catalog.backup(backup_id(1)).unwrap();
    assert_eq!((retained.state, retained.verify_result), (BackupState::Retained, Some(VerifyResult::Failed)));
}
