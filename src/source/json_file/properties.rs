//! What holds for every document and every set of exclusions.

use proptest::prelude::*;
use serde_json::Value;

use super::document::parse;
use super::graft::graft;
use super::pointer::Exclusions;
use super::strip::strip;

/// Few different keys, so that exclusions hit; some that need escapes.
const KEYS: [&str; 5] = ["a", "b", "c/d", "e~\"", "ü\n"];

/// Documents of every shape, as values.
fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[ -~ü\\n]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(prop::sample::select(&KEYS[..]), inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())),
        ]
    })
}

/// Exclusions as key paths and as the rules that mean them.
fn exclusions() -> impl Strategy<Value = Vec<Vec<&'static str>>> {
    prop::collection::vec(prop::collection::vec(prop::sample::select(&KEYS[..]), 1..4), 0..5)
}

fn rules(paths: &[Vec<&str>]) -> Exclusions {
    let rule = |path: &Vec<&str>| {
        path.iter().map(|key| format!("/{}", key.replace('~', "~0").replace('/', "~1"))).collect::<String>()
    };
    Exclusions::new(&paths.iter().map(rule).collect::<Vec<_>>()).unwrap()
}

fn without(value: &Value, paths: &[Vec<&str>]) -> Value {
    let mut value = value.clone();
    for path in paths {
        let (last, above) = path.split_last().unwrap();
        let mut at = Some(&mut value);
        for key in above {
            at = at.and_then(Value::as_object_mut).and_then(|object| object.get_mut(*key));
        }
        if let Some(object) = at.and_then(Value::as_object_mut) {
            object.remove(*last);
        }
    }
    value
}

/// Prints with a layout of its own: what stays has to stay in it.
fn printed(value: &Value, pretty: bool) -> String {
    if pretty { format!("\t{value:#}\r\n") } else { value.to_string() }
}

proptest! {
    #[test]
    fn stripping_takes_out_the_members_and_nothing_else(value in document(), paths in exclusions(), pretty: bool) {
        let text = printed(&value, pretty);
        let stripped = strip(&text, &rules(&paths));
        let parsed: Value = serde_json::from_str(&stripped).unwrap();
        prop_assert_eq!(&parsed, &without(&value, &paths));
        // A subsequence of the original: nothing was printed anew.
        let mut original = text.bytes();
        prop_assert!(stripped.bytes().all(|byte| original.any(|other| other == byte)));
        if parsed == value {
            prop_assert_eq!(stripped, text);
        }
    }

    #[test]
    fn what_was_stripped_can_be_grafted_back(value in document(), paths in exclusions(), pretty: bool) {
        let text = printed(&value, pretty);
        let exclusions = rules(&paths);
        let (back, warnings) = graft(&strip(&text, &exclusions), &text, &exclusions);
        prop_assert_eq!(serde_json::from_str::<Value>(&back).unwrap(), value);
        prop_assert_eq!(warnings, Vec::<String>::new());
    }

    #[test]
    fn a_graft_between_any_two_documents_is_a_document(a in document(), b in document(), paths in exclusions()) {
        let (text, _) = graft(&a.to_string(), &b.to_string(), &rules(&paths));
        prop_assert!(parse(text.as_bytes()).is_ok());
    }
}
