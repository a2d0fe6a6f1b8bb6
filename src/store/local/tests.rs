use super::*;
use crate::catalog::samples::{hold, time};
use crate::store::conformance;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::Command;
use tempfile::TempDir;

fn new_store() -> (LocalStore, TempDir) {
    let dir = TempDir::new().unwrap();
    (LocalStore::open(&dir.path().join("store"), None, time(0)).unwrap(), dir)
}

fn publish(store: &LocalStore, bytes: &[u8]) -> ArchiveName {
    let partial = store.create(Class::Backup, time(0), Codec::Zstd(3)).unwrap();
    partial.file().unwrap().write_all(bytes).unwrap();
    store.publish(partial, Sha256::of(bytes)).unwrap()
}

fn names_in(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_local_store_is_a_store() {
    conformance::check(|| {
        let (store, dir) = new_store();
        (Box::new(store) as Box<dyn Store>, dir)
    });
}

#[test]
fn the_files_are_named_and_closed_as_the_format_says_and_sha256sum_accepts_them() {
    let (store, _dir) = new_store();
    let name = publish(&store, b"content");
    store.set_holds(&name, &[hold("x")]).unwrap();
    let archive = "backup_2025-10-29_14-00-00.tar.zst";
    assert_eq!(
        names_in(store.dir()),
        [".carelog-store", archive, &format!("{archive}.hold"), &format!("{archive}.sha256")]
    );
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(store.dir()), 0o700);
    assert!(names_in(store.dir()).iter().all(|name| mode(&store.dir().join(name)) == 0o600));

    let sha256sum = |arguments: &[&str]| {
        Command::new("sha256sum").args(arguments).current_dir(store.dir()).output().unwrap().status.success()
    };
    let checksum = format!("{archive}.sha256");
    assert!(sha256sum(&["--strict", "-c", &checksum]));
    std::fs::write(store.dir().join(archive), "damaged").unwrap();
    assert!(!sha256sum(&["--strict", "-c", &checksum]));
}

#[test]
fn a_store_is_found_again_with_its_id() {
    let (store, _dir) = new_store();
    let (dir, id) = (store.dir().to_owned(), store.id());
    std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(LocalStore::open(&dir, Some(id), time(1)).unwrap().id(), id);
    assert_eq!(std::fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(LocalStore::open(&dir, None, time(1)).unwrap().id(), id, "a lost catalog takes it as it is");
}

#[test]
fn a_fresh_disk_becomes_a_store_and_a_folder_with_other_files_does_not() {
    let dir = TempDir::new().unwrap();
    std::fs::create_dir(dir.path().join("lost+found")).unwrap();
    LocalStore::open(dir.path(), None, time(0)).unwrap();

    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("holiday.jpg"), "").unwrap();
    let refused = LocalStore::open(dir.path(), None, time(0)).unwrap_err();
    assert!(matches!(refused, StoreError::Foreign { .. }), "{refused}");
    assert_eq!(names_in(dir.path()), ["holiday.jpg"]);
}

#[test]
fn a_known_store_that_is_not_there_is_missing_and_nothing_is_written() {
    let expected = Uuid::now_v7();
    let dir = TempDir::new().unwrap();
    let absent = dir.path().join("absent");
    let refused = LocalStore::open(&absent, Some(expected), time(0)).unwrap_err();
    assert!(matches!(refused, StoreError::Missing { .. }), "{refused}");
    assert!(!absent.exists());

    let refused = LocalStore::open(dir.path(), Some(expected), time(0)).unwrap_err();
    assert!(refused.to_string().contains("not mounted"), "{refused}");
    assert_eq!(names_in(dir.path()), [""; 0]);

    let (other, _dir) = new_store();
    let refused = LocalStore::open(other.dir(), Some(expected), time(0)).unwrap_err();
    assert!(
        matches!(&refused, StoreError::Foreign { found, .. } if found.contains(&other.id().to_string())),
        "{refused}"
    );
}

#[test]
fn a_damaged_identity_is_no_reason_to_make_a_new_one() {
    let (store, _dir) = new_store();
    let path = store.dir().join(identity::FILE_NAME);
    std::fs::write(&path, "").unwrap();
    for expected in [None, Some(store.id())] {
        let refused = LocalStore::open(store.dir(), expected, time(0)).unwrap_err();
        assert!(matches!(refused, StoreError::Foreign { .. }), "{refused}");
    }
    assert_eq!(std::fs::read(&path).unwrap(), b"");
}

#[test]
fn a_store_that_vanishes_under_way_is_not_written_to() {
    let (store, dir) = new_store();
    let name = publish(&store, b"x");
    let partial = store.create(Class::Backup, time(1), Codec::None).unwrap();
    let unmounted = dir.path().join("unmounted");
    std::fs::rename(store.dir(), &unmounted).unwrap();
    std::fs::create_dir(store.dir()).unwrap();

    let is_missing = |result: Result<(), StoreError>| {
        let error = result.unwrap_err();
        assert!(matches!(error, StoreError::Missing { .. }), "{error}");
    };
    is_missing(store.publish(partial, Sha256::of(b"")).map(drop));
    is_missing(store.create(Class::Backup, time(2), Codec::None).map(drop));
    is_missing(store.remove(&name));
    is_missing(store.set_holds(&name, &[hold("x")]));
    is_missing(store.sweep().map(drop));
    is_missing(store.list().map(drop));
    is_missing(store.open(&name).map(drop));
    is_missing(store.space().map(drop));
    assert_eq!(names_in(store.dir()), [""; 0], "the mount point stays empty");

    std::fs::remove_dir(store.dir()).unwrap();
    std::fs::rename(&unmounted, store.dir()).unwrap();
    store.open(&name).unwrap();
}

#[test]
fn a_sweep_removes_what_a_crash_leaves_and_nothing_that_is_not_ours() {
    let (store, _dir) = new_store();
    let kept = publish(&store, b"x");
    let crashed = "safety_backup_2025-10-29_15-00-00.tar.zst";
    let left = [
        ".carelog-tmp-0198".to_owned(),
        format!("{crashed}.hold"),
        format!("{crashed}.partial"),
        format!("{crashed}.retained"),
        format!("{crashed}.sha256"),
        format!("{crashed}.trashed"),
    ];
    let foreign = ["holiday.partial", "holiday.sha256", "holiday.hold", "backup_of_mine.tar.zst"];
    for name in left.iter().map(String::as_str).chain(foreign) {
        std::fs::write(store.dir().join(name), "").unwrap();
    }
    // Published, but not yet without its partial name: the fallback of a file system without RENAME_NOREPLACE.
    let second_name = format!("{kept}.partial");
    std::fs::hard_link(store.dir().join(kept.as_str()), store.dir().join(&second_name)).unwrap();

    let mut expected = left.to_vec();
    expected.push(second_name);
    expected.sort();
    assert_eq!(store.sweep().unwrap(), expected);

    let mut names = vec![".carelog-store".to_owned(), kept.to_string(), format!("{kept}.sha256")];
    names.extend(foreign.map(str::to_owned));
    // Room is set aside once all is in order.
    names.push(Reserve::FILE_NAME.to_owned());
    names.sort();
    assert_eq!(names_in(store.dir()), names);
}

#[test]
fn a_publication_never_replaces_an_archive_and_takes_nothing_with_it_when_it_fails() {
    let (store, _dir) = new_store();
    let partial = store.create(Class::Backup, time(0), Codec::None).unwrap();
    let path = store.dir().join(partial.name().as_str());
    std::fs::write(&path, "put here by somebody else").unwrap();
    let refused = store.publish(partial, Sha256::of(b"")).unwrap_err();
    assert!(
        matches!(&refused, StoreError::Io { source, .. } if source.kind() == io::ErrorKind::AlreadyExists),
        "{refused}"
    );
    assert_eq!(std::fs::read(&path).unwrap(), b"put here by somebody else");
    assert_eq!(names_in(store.dir()).len(), 2, "{:?}", names_in(store.dir()));
}

#[test]
fn a_checksum_for_another_file_or_of_another_form_is_not_believed() {
    let (store, _dir) = new_store();
    let name = publish(&store, b"x");
    let path = store.dir().join(format!("{name}.sha256"));
    let digest = Sha256::of(b"x");
    std::fs::write(&path, format!("{digest} *{name}\n")).unwrap();
    assert_eq!(store.checksum(&name).unwrap(), Some(digest));
    for bad in [String::new(), format!("{digest}\n"), format!("{digest}  other\n"), format!("abc  {name}\n")] {
        std::fs::write(&path, &bad).unwrap();
        assert!(matches!(store.checksum(&name), Err(StoreError::BadSidecar { .. })), "{bad:?}");
    }
}

#[test]
fn an_archive_whose_holds_cannot_be_read_is_not_removed() {
    let (store, _dir) = new_store();
    let name = publish(&store, b"x");
    std::fs::write(store.dir().join(format!("{name}.hold")), "[{").unwrap();
    assert!(matches!(store.remove(&name), Err(StoreError::BadSidecar { .. })));
    store.open(&name).unwrap();
}

#[test]
fn a_store_knows_what_is_on_its_disk() {
    let (store, dir) = new_store();
    assert!(store.shares_device_with(dir.path()).unwrap());
    assert!(!store.shares_device_with(Path::new("/proc")).unwrap());
    assert_eq!(fsio::device_of(store.dir()).unwrap(), std::fs::metadata(dir.path()).unwrap().dev());
}

#[test]
fn a_second_daemon_sweeps_nothing_that_the_first_is_writing() {
    let (store, _dir) = new_store();
    let partial = store.create(Class::Backup, time(0), Codec::None).unwrap();
    let checksum = store.dir().join(format!("{}.sha256", partial.name()));
    std::fs::write(&checksum, "").unwrap();
    let second = LocalStore::open(store.dir(), Some(store.id()), time(1)).unwrap();
    assert_eq!(second.sweep().unwrap(), Vec::<String>::new());
    assert!(partial.path().exists() && checksum.exists());
    let name = store.publish(partial, Sha256::of(b"")).unwrap();
    assert_eq!(second.sweep().unwrap(), Vec::<String>::new());
    second.open(&name).unwrap();
}
