//! Whose things are here that belonged to somebody when they were backed up. Accounts are made anew and machines are
//! replaced, and then the same person has another number, or the number another person.

use std::collections::HashMap;

use nix::unistd::{Gid, Group, Uid, User};

use crate::archive::Meta;

/// Translates owners; looks each up once.
///
/// A number that still has its name stays. Otherwise the name decides, where it exists; and where it does not, the number.
#[derive(Debug, Default)]
pub(super) struct LocalOwners {
    users: HashMap<(u32, String), u32>,
    groups: HashMap<(u32, String), u32>,
}

impl LocalOwners {
    /// `meta` with the owner as it is here.
    pub(super) fn translate(&mut self, meta: &mut Meta) {
        meta.uid = local(&mut self.users, meta.uid, &meta.user, user_name, user_number);
        meta.gid = local(&mut self.groups, meta.gid, &meta.group, group_name, group_number);
    }
}

fn local(
    known: &mut HashMap<(u32, String), u32>,
    number: u32,
    name: &str,
    name_of: fn(u32) -> Option<String>,
    number_of: fn(&str) -> Option<u32>,
) -> u32 {
    if name.is_empty() {
        return number;
    }
    let key = (number, name.to_owned());
    *known.entry(key).or_insert_with(|| match name_of(number) {
        Some(today) if today == name => number,
        _ => number_of(name).unwrap_or(number),
    })
}

fn user_name(number: u32) -> Option<String> {
    User::from_uid(Uid::from_raw(number)).ok().flatten().map(|user| user.name)
}

fn user_number(name: &str) -> Option<u32> {
    User::from_name(name).ok().flatten().map(|user| user.uid.as_raw())
}

fn group_name(number: u32) -> Option<String> {
    Group::from_gid(Gid::from_raw(number)).ok().flatten().map(|group| group.name)
}

fn group_number(name: &str) -> Option<u32> {
    Group::from_name(name).ok().flatten().map(|group| group.gid.as_raw())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Alice has 1001 and 1002 here, Bob 1003.
    fn here(number: u32, name: &str) -> u32 {
        let name_of = |number| match number {
            1001 | 1002 => Some("alice".to_owned()),
            1003 => Some("bob".to_owned()),
            _ => None,
        };
        let number_of = |name: &str| match name {
            "alice" => Some(1001),
            "bob" => Some(1003),
            _ => None,
        };
        local(&mut HashMap::new(), number, name, name_of, number_of)
    }

    #[test]
    fn a_name_that_exists_decides_and_a_number_where_it_does_not() {
        assert_eq!(here(1003, "alice"), 1001, "Bob has Alice's number of then");
        assert_eq!(here(2000, "bob"), 1003, "a number that nobody has any more");
        assert_eq!(here(2000, "carol"), 2000, "nobody is called that any more");
        assert_eq!(here(1003, "carol"), 1003);
        assert_eq!(here(1003, ""), 1003, "it had no name then");
    }

    #[test]
    fn a_number_that_still_has_its_name_stays_though_another_has_it_too() {
        assert_eq!(here(1002, "alice"), 1002);
    }
}
