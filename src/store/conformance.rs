//! What every [`Store`] has to do, as one function that each implementation's tests call.

use std::collections::HashSet;
use std::io::{Read as _, Write as _};

use jiff::Timestamp;

use super::{ArchiveName, Store, StoreError, StoredArchive};
use crate::archive::Codec;
use crate::catalog::samples::{hold, time};
use crate::model::{Class, Sha256};

/// Runs every check, each on a new and empty store that `make` returns with whatever has to outlive it.
pub(super) fn check<K>(make: impl Fn() -> (Box<dyn Store>, K)) {
    let checks: &[fn(&dyn Store)] = &[
        what_is_published_can_be_listed_and_read,
        an_archive_is_not_there_before_it_is_published,
        names_are_never_given_twice,
        what_is_removed_is_gone,
        what_is_held_is_not_removed,
        what_is_retained_is_listed_so_until_it_is_removed,
        what_lies_in_the_trash_is_listed_so_until_it_is_taken_back_or_removed,
        an_absent_archive_is_not_found,
        a_sweep_leaves_what_is_published,
        there_is_room,
    ];
    for check in checks {
        let (store, _keep) = make();
        check(store.as_ref());
    }
}

fn publish(store: &dyn Store, at: Timestamp, bytes: &[u8]) -> ArchiveName {
    let partial = store.create(Class::Backup, at, Codec::Zstd(3)).unwrap();
    partial.file().unwrap().write_all(bytes).unwrap();
    store.publish(partial, Sha256::of(bytes)).unwrap()
}

fn names(store: &dyn Store) -> Vec<ArchiveName> {
    store.list().unwrap().into_iter().map(|stored| stored.name).collect()
}

fn what_is_published_can_be_listed_and_read(store: &dyn Store) {
    assert_eq!(store.list().unwrap(), []);
    let later = publish(store, time(1), b"later");
    let first = publish(store, time(0), b"first one");
    let listed = [(&first, 9), (&later, 5)].map(|(name, size_bytes)| StoredArchive {
        name: name.clone(),
        size_bytes,
        is_retained: false,
        is_trashed: false,
    });
    assert_eq!(store.list().unwrap(), listed);
    let mut bytes = Vec::new();
    store.open(&first).unwrap().read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, b"first one");
    assert_eq!(store.checksum(&first).unwrap(), Some(Sha256::of(b"first one")));
}

fn an_archive_is_not_there_before_it_is_published(store: &dyn Store) {
    let partial = store.create(Class::Backup, time(0), Codec::None).unwrap();
    partial.file().unwrap().write_all(b"half").unwrap();
    assert_eq!(store.list().unwrap(), []);
    assert!(matches!(store.open(partial.name()), Err(StoreError::NotFound(_))));
    let path = partial.path().to_owned();
    drop(partial);
    assert!(!path.exists(), "what is not published does not stay");
    assert_eq!(store.sweep().unwrap(), Vec::<String>::new());
}

fn names_are_never_given_twice(store: &dyn Store) {
    let published = publish(store, time(0), b"one");
    let partials = [(); 2].map(|()| store.create(Class::Backup, time(0), Codec::Zstd(3)).unwrap());
    let safety = store.create(Class::Safety, time(0), Codec::Zstd(3)).unwrap();
    let mut all: HashSet<_> = partials.iter().chain([&safety]).map(|partial| partial.name().clone()).collect();
    all.insert(published);
    assert_eq!(all.len(), 4, "{all:?}");
}

fn what_is_removed_is_gone(store: &dyn Store) {
    let [gone, kept] = [0, 1].map(|n| publish(store, time(n), b"x"));
    store.remove(&gone).unwrap();
    assert_eq!(names(store), [kept]);
    assert_eq!(store.checksum(&gone).unwrap(), None);
    assert!(matches!(store.remove(&gone), Err(StoreError::NotFound(name)) if name == gone));
    assert_eq!(publish(store, time(0), b"again"), gone, "its name is free again");
}

fn what_is_held_is_not_removed(store: &dyn Store) {
    let name = publish(store, time(0), b"x");
    assert_eq!(store.holds(&name).unwrap(), []);
    let holds = [hold("audit"), hold("lawsuit")];
    store.set_holds(&name, &holds).unwrap();
    assert_eq!(store.holds(&name).unwrap(), holds);
    let refused = store.remove(&name).unwrap_err();
    assert!(matches!(refused, StoreError::Held { .. }) && refused.to_string().contains("audit"), "{refused}");
    assert_eq!(names(store), std::slice::from_ref(&name));
    store.set_holds(&name, &[]).unwrap();
    store.remove(&name).unwrap();
}

fn what_is_retained_is_listed_so_until_it_is_removed(store: &dyn Store) {
    let [retained, other] = [0, 1].map(|n| publish(store, time(n), b"x"));
    let listed =
        || store.list().unwrap().into_iter().map(|stored| (stored.name, stored.is_retained)).collect::<Vec<_>>();
    store.set_retained(&other, true).unwrap();
    store.set_retained(&other, false).unwrap();
    for _again in 0..2 {
        store.set_retained(&retained, true).unwrap();
    }
    assert_eq!(store.sweep().unwrap(), Vec::<String>::new());
    assert_eq!(listed(), [(retained.clone(), true), (other.clone(), false)]);
    store.remove(&retained).unwrap();
    assert_eq!(publish(store, time(0), b"again"), retained, "its name is free again");
    assert_eq!(listed(), [(retained, false), (other, false)]);
}

fn what_lies_in_the_trash_is_listed_so_until_it_is_taken_back_or_removed(store: &dyn Store) {
    let [removed, taken_back] = [0, 1].map(|n| publish(store, time(n), b"x"));
    let trashed = || store.list().unwrap().into_iter().map(|stored| stored.is_trashed).collect::<Vec<_>>();
    assert_eq!(store.trashed_at(&removed).unwrap(), None);
    for name in [&removed, &taken_back] {
        store.set_trashed(name, Some(time(7))).unwrap();
        assert_eq!(store.trashed_at(name).unwrap(), Some(time(7)));
    }
    assert_eq!(store.sweep().unwrap(), Vec::<String>::new());
    assert_eq!(trashed(), [true, true]);
    store.set_trashed(&taken_back, None).unwrap();
    assert_eq!((trashed(), store.trashed_at(&taken_back).unwrap()), (vec![true, false], None));
    store.remove(&removed).unwrap();
    assert_eq!(publish(store, time(0), b"again"), removed, "its name is free again");
    assert_eq!(trashed(), [false, false]);
}

fn an_absent_archive_is_not_found(store: &dyn Store) {
    let absent = ArchiveName::new(Class::Backup, time(0), 1, ".tar");
    assert!(matches!(store.open(&absent), Err(StoreError::NotFound(_))));
    assert!(matches!(store.remove(&absent), Err(StoreError::NotFound(_))));
    assert!(matches!(store.set_holds(&absent, &[hold("x")]), Err(StoreError::NotFound(_))));
    assert!(matches!(store.set_retained(&absent, true), Err(StoreError::NotFound(_))));
    assert!(matches!(store.set_trashed(&absent, Some(time(0))), Err(StoreError::NotFound(_))));
    assert_eq!(store.holds(&absent).unwrap(), []);
}

fn a_sweep_leaves_what_is_published(store: &dyn Store) {
    let name = publish(store, time(0), b"x");
    store.set_holds(&name, &[hold("x")]).unwrap();
    assert_eq!(store.sweep().unwrap(), Vec::<String>::new());
    assert_eq!(names(store), std::slice::from_ref(&name));
    assert_eq!(store.holds(&name).unwrap().len(), 1);
    assert_eq!(store.checksum(&name).unwrap(), Some(Sha256::of(b"x")));
    store.check().unwrap();
}

fn there_is_room(store: &dyn Store) {
    let space = store.space().unwrap();
    assert!(space.free_bytes <= space.total_bytes && space.total_bytes > 0, "{space:?}");
}
