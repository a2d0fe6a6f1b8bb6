//! Records come back, and what is not one is no panic.

use proptest::prelude::*;

use super::record::{Last, Seen};
use crate::archive::Mtime;
use crate::source::facts::Identity;

fn times() -> impl Strategy<Value = Mtime> {
    (any::<i64>(), 0_u32..1_000_000_000).prop_map(|(seconds, nanoseconds)| Mtime { seconds, nanoseconds })
}

fn seens() -> impl Strategy<Value = Seen> {
    ((0_u64..3, any::<u64>()), any::<u64>(), times(), times(), any::<bool>()).prop_map(
        |((device, inode), size, mtime, ctime, is_trusted)| Seen {
            identity: Identity { device, inode },
            size,
            mtime,
            ctime,
            is_trusted,
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_down_is_read(
        records in prop::collection::btree_map(prop::collection::vec(any::<u8>(), 1..12), seens(), 0..40),
    ) {
        let mut bytes = Vec::new();
        let mut last = Last::before_first(1);
        for (path, seen) in &records {
            last.append(path, seen, &mut bytes);
        }
        let mut rest = bytes.as_slice();
        let mut last = Last::before_first(1);
        for (path, seen) in &records {
            prop_assert_eq!(last.take(&mut rest), Some(*seen));
            prop_assert_eq!(&last.path, path);
        }
        prop_assert!(rest.is_empty());
    }

    #[test]
    fn garbage_ends_and_does_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut rest = bytes.as_slice();
        let mut last = Last::before_first(1);
        let mut path = Vec::new();
        while last.take(&mut rest).is_some() {
            prop_assert!(last.path > path);
            path.clone_from(&last.path);
        }
    }
}
