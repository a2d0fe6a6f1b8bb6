//! Takes members out of a document: each with exactly one comma beside it, everything else verbatim.

use std::ops::Range;

use super::document::{Member, members, root};
use super::pointer::Exclusions;

/// `text` without the members that `exclusions` name; every one of several with the same key.
pub(super) fn strip(text: &str, exclusions: &Exclusions) -> String {
    let mut cuts = Vec::new();
    cut_object(text, &root(text), &exclusions.as_paths(), &mut cuts);
    let mut kept = String::with_capacity(text.len());
    let mut at = 0;
    for cut in cuts {
        kept.push_str(&text[at..cut.start]);
        at = cut.end;
    }
    kept.push_str(&text[at..]);
    kept
}

/// Collects what to cut out of the object at `range`, in order. A path that leads through anything but objects names
/// nothing.
fn cut_object(text: &str, range: &Range<usize>, paths: &[&[String]], cuts: &mut Vec<Range<usize>>) {
    let Some(members) = members(text, range) else { return };
    let goes: Vec<bool> = members.iter().map(|member| paths.iter().any(|path| is_leaf(path, member))).collect();
    let first_kept = goes.iter().position(|goes| !goes);
    for (index, member) in members.iter().enumerate() {
        if goes[index] {
            cuts.push(match first_kept {
                // Behind a member that stays: with the comma before it.
                Some(kept) if kept < index => members[index - 1].value.end..member.value.end,
                // Before the first that stays, or the comma would lead: with the comma behind it.
                Some(_) => member.start..members[index + 1].start,
                None if index + 1 < members.len() => member.start..members[index + 1].start,
                None => member.start..member.value.end,
            });
            continue;
        }
        let below: Vec<&[String]> = paths.iter().filter_map(|path| step_down(path, member)).collect();
        if !below.is_empty() {
            cut_object(text, &member.value, &below, cuts);
        }
    }
}

/// Whether `path` ends at `member`.
pub(super) fn is_leaf(path: &[String], member: &Member) -> bool {
    matches!(path, [key] if *key == member.key)
}

/// The rest of `path` below `member`, if it leads through it.
pub(super) fn step_down<'p>(path: &'p [String], member: &Member) -> Option<&'p [String]> {
    match path {
        [key, rest @ ..] if *key == member.key && !rest.is_empty() => Some(rest),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripped(text: &str, rules: &[&str]) -> String {
        strip(text, &Exclusions::new(&rules.iter().map(|&r| r.to_owned()).collect::<Vec<_>>()).unwrap())
    }

    #[test]
    fn a_member_goes_with_one_comma_and_all_else_stays_to_the_byte() {
        let text = "{ \"a\" : 1 ,\n  \"b\": [2] ,\t\"c\":3 }\n";
        assert_eq!(stripped(text, &["b"]), "{ \"a\" : 1 ,\t\"c\":3 }\n");
        assert_eq!(stripped(text, &["a"]), "{ \"b\": [2] ,\t\"c\":3 }\n");
        assert_eq!(stripped(text, &["c"]), "{ \"a\" : 1 ,\n  \"b\": [2] }\n");
        assert_eq!(stripped(text, &["a", "b"]), "{ \"c\":3 }\n");
        assert_eq!(stripped(text, &["b", "c"]), "{ \"a\" : 1 }\n");
        assert_eq!(stripped(text, &["a", "b", "c"]), "{  }\n");
        assert_eq!(stripped(text, &["d", "/a/x"]), text);
    }

    #[test]
    fn every_member_of_the_same_key_goes_however_it_is_written() {
        assert_eq!(stripped(r#"{"a":1,"b":2,"\u0061":3}"#, &["a"]), r#"{"b":2}"#);
    }

    #[test]
    fn a_pointer_reaches_into_objects_and_not_into_lists() {
        assert_eq!(stripped(r#"{"a":{"b":1,"c":2},"b":3}"#, &["/a/b"]), r#"{"a":{"c":2},"b":3}"#);
        assert_eq!(stripped(r#"{"a":[{"b":1}]}"#, &["/a/0/b", "/a/0"]), r#"{"a":[{"b":1}]}"#);
        assert_eq!(stripped("[1]", &["0"]), "[1]");
    }
}
