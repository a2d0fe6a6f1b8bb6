//! Puts members of one document into another, verbatim: what a backup left out comes from the live file.

use std::ops::Range;

use super::document::{Member, WHITE_SPACE, members, root};
use super::pointer::Exclusions;
use super::strip::{is_leaf, step_down};

/// `restored` with the members that `exclusions` name as they stand in `live`, at the end of their object; and a warning
/// for each that has no place in `restored`.
pub(super) fn graft(restored: &str, live: &str, exclusions: &Exclusions) -> (String, Vec<String>) {
    let mut graft = Graft { restored, live, inserts: Vec::new(), warnings: Vec::new() };
    graft.object(&root(restored), &root(live), &exclusions.as_paths(), "");
    let Graft { mut inserts, warnings, .. } = graft;
    inserts.sort_by_key(|insert| insert.0);
    let mut text = String::with_capacity(restored.len() + live.len());
    let mut at = 0;
    for (place, members) in inserts {
        text.push_str(&restored[at..place]);
        text.push_str(&members);
        at = place;
    }
    text.push_str(&restored[at..]);
    (text, warnings)
}

struct Graft<'a> {
    restored: &'a str,
    live: &'a str,
    /// Where, and what.
    inserts: Vec<(usize, String)>,
    warnings: Vec<String>,
}

impl Graft<'_> {
    fn object(&mut self, restored: &Range<usize>, live: &Range<usize>, paths: &[&[String]], above: &str) {
        let Some(live_members) = members(self.live, live) else { return };
        let Some(own_members) = members(self.restored, restored) else {
            if live_members.iter().any(|member| paths.iter().any(|path| leads_to(path, member))) {
                self.warnings.push(no_place(if above.is_empty() { "/" } else { above }));
            }
            return;
        };
        let wanted = |member: &&Member| paths.iter().any(|path| is_leaf(path, member));
        let is_new = |member: &&Member| own_members.iter().all(|own| own.key != member.key);
        let grafts: Vec<&str> = live_members
            .iter()
            .filter(wanted)
            .filter(is_new)
            .map(|member| &self.live[member.start..member.value.end])
            .collect();
        if !grafts.is_empty() {
            self.inserts.push(insertion(self.restored, restored, &own_members, &grafts));
        }
        // Of several members with one key the last one counts, as it does for most readers.
        for (index, member) in live_members.iter().enumerate() {
            let below: Vec<&[String]> = paths.iter().filter_map(|path| step_down(path, member)).collect();
            let is_last = live_members[index + 1..].iter().all(|later| later.key != member.key);
            if below.is_empty() || !is_last {
                continue;
            }
            let path = format!("{above}/{}", member.key.replace('~', "~0").replace('/', "~1"));
            match own_members.iter().rfind(|own| own.key == member.key) {
                Some(own) => self.object(&own.value, &member.value, &below, &path),
                None if holds_any(self.live, &member.value, &below) => self.warnings.push(no_place(&path)),
                None => {}
            }
        }
    }
}

fn leads_to(path: &[String], member: &Member) -> bool {
    path.first() == Some(&member.key)
}

/// Whether the value holds a member that one of `paths` ends at.
fn holds_any(text: &str, value: &Range<usize>, paths: &[&[String]]) -> bool {
    members(text, value).unwrap_or_default().iter().any(|member| {
        paths.iter().any(|path| is_leaf(path, member)) || {
            let below: Vec<&[String]> = paths.iter().filter_map(|path| step_down(path, member)).collect();
            !below.is_empty() && holds_any(text, &member.value, &below)
        }
    })
}

fn no_place(path: &str) -> String {
    format!(
        "what the live file holds at {path} and the backup leaves out could not be kept: the backup has no object there"
    )
}

/// Behind the last member, with the white space that stands before the first one.
fn insertion(text: &str, object: &Range<usize>, own: &[Member], grafts: &[&str]) -> (usize, String) {
    let (Some(first), Some(last)) = (own.first(), own.last()) else {
        return (object.start + 1, grafts.join(","));
    };
    let before_first = &text[object.start + 1..first.start];
    debug_assert!(before_first.chars().all(|c| WHITE_SPACE.contains(&c)));
    let members = grafts.iter().flat_map(|graft| [",", before_first, graft]).collect();
    (last.value.end, members)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grafted(restored: &str, live: &str, rules: &[&str]) -> (String, Vec<String>) {
        graft(restored, live, &Exclusions::new(&rules.iter().map(|&r| r.to_owned()).collect::<Vec<_>>()).unwrap())
    }

    #[test]
    fn members_come_verbatim_from_the_live_document() {
        let (text, warnings) = grafted(
            "{\n  \"patients\": [1]\n}\n",
            r#"{"sessions" : {"x" : 1.50},"patients":[2], "auditLogs":[ ]}"#,
            &["sessions", "auditLogs"],
        );
        assert_eq!(text, "{\n  \"patients\": [1],\n  \"sessions\" : {\"x\" : 1.50},\n  \"auditLogs\":[ ]\n}\n");
        assert_eq!(warnings, Vec::<String>::new());
    }

    #[test]
    fn an_empty_object_and_a_nested_one_take_members_too() {
        assert_eq!(grafted("{ }", r#"{"a":1,"b":2}"#, &["a", "b"]).0, r#"{"a":1,"b":2 }"#);
        assert_eq!(grafted(r#"{"a":{"c":1}}"#, r#"{"a":{"b":2}}"#, &["/a/b"]).0, r#"{"a":{"c":1,"b":2}}"#);
    }

    #[test]
    fn what_the_backup_holds_itself_is_kept_as_it_holds_it() {
        assert_eq!(grafted(r#"{"a":1}"#, r#"{"a":2}"#, &["a"]).0, r#"{"a":1}"#);
    }

    #[test]
    fn a_member_without_a_place_is_a_warning_by_name() {
        let (text, warnings) = grafted(r#"{"x":1}"#, r#"{"a":{"b":2}}"#, &["/a/b"]);
        assert_eq!(text, r#"{"x":1}"#);
        assert!(warnings[0].contains("/a "), "{warnings:?}");
        assert_eq!(grafted(r#"{"x":1}"#, r#"{"a":{"c":2}}"#, &["/a/b"]).1, Vec::<String>::new());
        assert!(grafted("[1]", r#"{"a":2}"#, &["a"]).1[0].contains("at / "));
    }
}
