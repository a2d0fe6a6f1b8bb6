use super::*;
use crate::catalog::samples;
use crate::catalog::{BackupFilter, JobFilter};
use crate::model::JobState;
use rusqlite::config::DbConfig;
use std::os::unix::fs::PermissionsExt as _;
use tempfile::TempDir;

fn names_in(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_new_catalog_is_private_and_found_again() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("catalog.db");
    let (catalog, opened) = Catalog::open(&path, samples::time(0)).unwrap();
    assert_eq!(opened, Opened::Created);
    catalog.insert_backup(&samples::backup(1), &samples::entry("backup.add")).unwrap();
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.file_name());
    }
    drop(catalog);
    let (catalog, opened) = Catalog::open(&path, samples::time(0)).unwrap();
    assert_eq!(opened, Opened::Existing);
    assert_eq!(catalog.list_backups(&BackupFilter::default()).unwrap(), [samples::backup(1)]);
}

#[test]
fn a_settled_catalog_is_whole_without_its_log_while_handles_are_open() {
    let (catalog, dir) = samples::catalog();
    catalog.insert_backup(&samples::backup(1), &samples::entry("backup.add")).unwrap();
    catalog.settle().unwrap();
    let copy = TempDir::new().unwrap();
    let path = copy.path().join("catalog.db");
    std::fs::copy(dir.path().join("catalog.db"), &path).unwrap();
    let (copied, opened) = Catalog::open(&path, samples::time(0)).unwrap();
    assert_eq!(opened, Opened::Existing);
    assert_eq!(copied.list_backups(&BackupFilter::default()).unwrap(), [samples::backup(1)]);
    drop(catalog);
}

#[test]
fn durability_is_switched_on() {
    let (catalog, _dir) = samples::catalog();
    let db = catalog.lock();
    let pragma = |name| db.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0)).unwrap();
    assert_eq!(pragma("journal_mode"), "wal".to_owned().into());
    assert_eq!(pragma("synchronous"), 2.into());
    assert_eq!(pragma("foreign_keys"), 1.into());
    assert!(db.db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER).unwrap());
}

#[test]
fn a_catalog_of_a_newer_program_is_refused_and_left_as_it_is() {
    let (catalog, dir) = samples::catalog();
    catalog.lock().pragma_update(None, "user_version", 99).unwrap();
    drop(catalog);
    let path = dir.path().join("catalog.db");
    let before = std::fs::read(&path).unwrap();
    let error = Catalog::open(&path, samples::time(0)).unwrap_err();
    assert!(matches!(error, CatalogError::TooNew { found: 99, .. }), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert_eq!(names_in(dir.path()), ["catalog.db"]);
}

#[test]
fn a_damaged_catalog_is_set_aside_with_its_logs_and_a_new_one_made() {
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 4] = [
        ("garbage", |path| std::fs::write(path, "x".repeat(5000)).unwrap()),
        ("cut short", |path| {
            let file = OpenOptions::new().write(true).open(path).unwrap();
            file.set_len(file.metadata().unwrap().len() / 2).unwrap();
        }),
        ("pages overwritten", |path| {
            use std::os::unix::fs::FileExt as _;
            let file = OpenOptions::new().write(true).open(path).unwrap();
            let pages = file.metadata().unwrap().len() / 4096;
            (1..pages).for_each(|page| file.write_all_at(&[0xa5; 4096], page * 4096).unwrap());
        }),
        ("of another program", |path| {
            std::fs::remove_file(path).unwrap();
            Connection::open(path).unwrap().execute_batch("CREATE TABLE other (x)").unwrap();
        }),
    ];
    for (what, damage) in damages {
        let (catalog, dir) = samples::catalog();
        drop(catalog);
        let path = dir.path().join("catalog.db");
        damage(&path);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(dir.path().join("catalog.db-shm"), "").unwrap();

        let (catalog, opened) = Catalog::open(&path, samples::time(0)).unwrap();

        let Opened::SetAside { path: aside, why } = opened else { panic!("{what}: {opened:?}") };
        assert_eq!(aside, dir.path().join("catalog.db.damaged-20251029T140000Z"), "{what}");
        assert!(!why.is_empty());
        assert_eq!(std::fs::read(&aside).unwrap(), bytes, "{what}");
        assert_eq!(catalog.list_jobs(&JobFilter::default()).unwrap(), [], "{what}");
    }
}

#[test]
fn logs_without_their_catalog_are_not_replayed_into_a_new_one() {
    let (catalog, dir) = samples::catalog();
    samples::enqueue(&catalog, samples::backup_spec());
    // Copied while open, so that the log is not folded into the catalog.
    let other = TempDir::new().unwrap();
    std::fs::copy(dir.path().join("catalog.db-wal"), other.path().join("catalog.db-wal")).unwrap();

    let (catalog, opened) = Catalog::open(&other.path().join("catalog.db"), samples::time(0)).unwrap();

    assert_eq!(opened, Opened::Created);
    assert_eq!(catalog.list_jobs(&JobFilter::default()).unwrap(), []);
    assert!(other.path().join("catalog.db.damaged-20251029T140000Z-wal").exists());
}

#[test]
fn an_interrupted_creation_is_finished() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("catalog.db");
    std::fs::write(&path, "").unwrap();
    let (_, opened) = Catalog::open(&path, samples::time(0)).unwrap();
    assert_eq!(opened, Opened::Existing);
    assert_eq!(names_in(dir.path()).iter().filter(|name| name.contains("damaged")).count(), 0);
}

#[test]
fn a_catalog_that_cannot_be_opened_is_refused_and_left_as_it_is() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("catalog.db");
    std::fs::create_dir(&path).unwrap();
    let error = Catalog::open(&path, samples::time(0)).unwrap_err();
    assert!(matches!(error, CatalogError::Open { .. }), "{error}");
    assert_eq!(names_in(dir.path()), ["catalog.db"]);
}

const TESTDATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/catalog/testdata");

#[test]
fn every_old_catalog_opens_with_all_that_is_in_it() {
    let mut opened_versions = Vec::new();
    for entry in std::fs::read_dir(TESTDATA).unwrap() {
        let from = entry.unwrap().path();
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("catalog.db");
        std::fs::copy(&from, &path).unwrap();
        let version = schema::version_of(&Connection::open(&path).unwrap()).unwrap();

        let (catalog, opened) = Catalog::open(&path, samples::time(0)).unwrap();

        assert_eq!(opened, Opened::Existing);
        assert_eq!(schema::version_of(&catalog.lock()).unwrap(), schema::newest_version());
        let expected = [2, 1].map(|n| {
            let backup = samples::backup(n);
            // Before the fourth version that was not written down.
            let origin = backup.origin.clone().filter(|_| version >= 4);
            crate::catalog::BackupRecord { origin, ..backup }
        });
        assert_eq!(catalog.list_backups(&BackupFilter::default()).unwrap(), expected);
        let jobs = catalog.list_jobs(&JobFilter::default()).unwrap();
        assert_eq!(jobs.iter().map(|job| job.state).collect::<Vec<_>>(), [JobState::Queued, JobState::Succeeded]);
        assert_eq!(catalog.verify_audit().unwrap().seq, 5);
        opened_versions.push(version);
    }
    opened_versions.sort_unstable();
    let all: Vec<i64> = (1..=schema::newest_version()).collect();
    assert_eq!(opened_versions, all, "one old catalog for every version");
}

#[test]
#[ignore = "writes the sample of a new schema version into testdata/"]
fn write_the_sample_of_this_version() {
    let (catalog, dir) = samples::catalog();
    catalog.insert_backup(&samples::backup(1), &samples::entry("backup.add")).unwrap();
    let id = samples::enqueue(&catalog, samples::backup_spec());
    catalog.claim_next(crate::catalog::Lane::Write, samples::time(1)).unwrap();
    let outcome = crate::catalog::JobOutcome::done(Vec::new());
    let end = crate::catalog::JobEnd { outcome, backup: Some(Box::new(samples::backup(2))) };
    catalog.finish_job(id, &end, Vec::new(), samples::time(2)).unwrap();
    samples::enqueue(&catalog, samples::verify_spec());
    catalog.lock().execute_batch("PRAGMA journal_mode = DELETE; VACUUM").unwrap();
    drop(catalog);
    std::fs::create_dir_all(TESTDATA).unwrap();
    let name = format!("{TESTDATA}/catalog-v{}.db", schema::newest_version());
    std::fs::copy(dir.path().join("catalog.db"), name).unwrap();
}
