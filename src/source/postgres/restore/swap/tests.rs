//! What is renamed, from every state, without a server.

use super::super::statements::Rename;
use super::*;

fn swap() -> DatabaseSwap {
    DatabaseSwap {
        connection: Connection {
            url: "postgresql:///clinic".parse().unwrap(),
            maintenance_db: "postgres".to_owned(),
            run_as: "postgres".to_owned(),
        },
        cluster: "1".to_owned(),
        session: "s".to_owned(),
        live_name: "clinic".to_owned(),
        staged_name: "staged".to_owned(),
        kept_name: "kept".to_owned(),
        old: Some(ReplacedDatabase { oid: 10, allowed_connections: true }),
        new_oid: 20,
        new_is_kept: false,
        written: None,
        seal: None,
    }
}

fn names<'a>(renames: &[Rename<'a>]) -> Vec<(&'a str, &'a str)> {
    renames.iter().map(|rename| (rename.from, rename.to)).collect()
}

#[test]
fn from_every_state_that_a_crash_can_leave_both_ends_are_reached() {
    let swap = swap();
    let before = Look::of("1", &[(10, "clinic"), (20, "staged")]);
    let after = Look::of("1", &[(10, "kept"), (20, "clinic")]);
    assert_eq!(swap.generation_in(&before).unwrap(), Generation::Old);
    assert_eq!(swap.generation_in(&after).unwrap(), Generation::New);
    assert_eq!(swap.renames(&before, Generation::Old).unwrap(), []);
    assert_eq!(swap.renames(&after, Generation::New).unwrap(), []);
    let forward = swap.renames(&before, Generation::New).unwrap();
    assert_eq!(names(&forward), [("clinic", "kept"), ("staged", "clinic")]);
    let back = swap.renames(&after, Generation::Old).unwrap();
    assert_eq!(names(&back), [("clinic", "staged"), ("kept", "clinic")]);
}

#[test]
fn where_nothing_was_live_nothing_is_put_back() {
    let swap = DatabaseSwap { old: None, ..swap() };
    let (before, after) = (Look::of("1", &[(20, "staged")]), Look::of("1", &[(20, "clinic")]));
    assert_eq!(names(&swap.renames(&before, Generation::New).unwrap()), [("staged", "clinic")]);
    assert_eq!(names(&swap.renames(&after, Generation::Old).unwrap()), [("clinic", "staged")]);
    assert_eq!(swap.generation_in(&before).unwrap(), Generation::Old);
    assert_eq!(swap.generation_in(&Look::of("1", &[])).unwrap(), Generation::Old);
}

#[test]
fn a_database_of_another_oid_is_never_renamed() {
    let swap = swap();
    for look in [
        Look::of("1", &[(30, "clinic"), (20, "staged")]),
        Look::of("1", &[(30, "clinic"), (10, "kept")]),
        Look::of("1", &[(10, "clinic"), (30, "staged")]),
        Look::of("1", &[(20, "clinic"), (30, "kept")]),
    ] {
        for goal in [Generation::Old, Generation::New] {
            if let Ok(renames) = swap.renames(&look, goal) {
                assert_eq!(renames, [], "{look:?} {goal:?}");
            }
        }
    }
    assert!(swap.renames(&Look::of("1", &[(30, "clinic"), (20, "staged")]), Generation::New).is_err());
    assert!(swap.renames(&Look::of("1", &[(30, "clinic"), (10, "kept")]), Generation::Old).is_err());
}

#[test]
fn what_was_replaced_is_known_as_such_when_another_is_live_since() {
    let swap = swap();
    assert_eq!(swap.generation_in(&Look::of("1", &[(30, "clinic"), (10, "kept")])).unwrap(), Generation::New);
    assert!(swap.generation_in(&Look::of("1", &[(30, "clinic")])).is_err());
}

#[test]
fn a_seal_is_broken_by_whatever_changed_the_row() {
    let mut swap = swap();
    let look = Look::of("1", &[(10, "kept"), (20, "clinic")]);
    swap.seal = Some("1".to_owned());
    assert!(!swap.is_as_sealed(&look), "connections are allowed");
    let refusing = look.refusing();
    assert!(swap.is_as_sealed(&refusing));
    swap.seal = Some("2".to_owned());
    assert!(!swap.is_as_sealed(&refusing));
    swap.seal = None;
    assert!(!swap.is_as_sealed(&refusing));
}
