//! What our own members say, read with nothing of ours; and docs/FORMAT.md says all that they say, and nothing else.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::Backup;
use crate::support::process::has_tools;

/// A member of the archive, extracted by tar.
fn member(backup: &Backup, name: &str) -> String {
    let answer = backup.run("tar", &["-xOf", backup.name(), name]).expect_code(0);
    answer.stdout
}

#[test]
fn the_manifest_is_one_sorted_json_object_a_line_with_exactly_the_keys_of_the_documentation() {
    if !has_tools(&["tar", "zstd"]) {
        return;
    }
    let backup = Backup::of_codec("zstd");
    let manifest = member(&backup, "manifest.jsonl");
    assert!(manifest.ends_with('\n'));
    let entries: Vec<Value> = manifest.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let paths: Vec<Vec<u8>> = entries.iter().map(|entry| unescape(entry["path"].as_str().unwrap())).collect();
    assert!(paths.is_sorted_by(|a, b| a < b));
    let expected = backup.studies.entries.len() + 1;
    assert_eq!(paths.len(), expected, "one line for each thing in the tree and the JSON file");

    let keys: BTreeSet<String> = entries.iter().flat_map(keys).collect();
    assert_eq!(keys, documented("## `manifest.jsonl`"));
    let kinds: BTreeSet<&str> = entries.iter().map(|entry| entry["kind"].as_str().unwrap()).collect();
    if crate::support::process::is_root() {
        let all = ["block-device", "char-device", "directory", "fifo", "file", "hardlink", "symlink"];
        assert_eq!(kinds, BTreeSet::from(all));
    }
}

#[test]
fn the_other_documents_have_exactly_the_keys_of_the_documentation() {
    if !has_tools(&["tar", "zstd"]) {
        return;
    }
    let backup = Backup::of_codec("zstd");
    let metadata: Value = serde_json::from_str(&member(&backup, "metadata.json")).unwrap();
    assert_eq!(keys(&metadata), documented("## `metadata.json`"));
    let restore_point: Value = serde_json::from_str(&member(&backup, "restore-point.json")).unwrap();
    assert_eq!(keys(&restore_point), documented("## `restore-point.json`"));
    assert_eq!(restore_point["metadata"], metadata);
    assert_eq!(restore_point["archives"][0], metadata["id"]);
    let manifest = member(&backup, "manifest.jsonl");
    assert_eq!(restore_point["manifest_bytes"], manifest.len());
    assert_eq!(restore_point["totals"]["entries"], manifest.lines().count());
}

fn keys(object: &Value) -> BTreeSet<String> {
    object.as_object().unwrap().keys().cloned().collect()
}

/// The keys in the table under `heading` of docs/FORMAT.md: whatever stands in backquotes in its first column.
fn documented(heading: &str) -> BTreeSet<String> {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/FORMAT.md");
    let text = fs::read_to_string(file).unwrap();
    let section = text.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no {heading}")).1;
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split(" |").next());
    rows.flat_map(|column| column.split("`, `").map(|key| key.trim_end_matches('`').to_owned())).collect()
}

/// As the documentation says: `%XX` is a byte.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        if let (b'%', [high, low, tail @ ..]) = (first, tail) {
            let digits = [*high, *low];
            bytes.push(u8::from_str_radix(str::from_utf8(&digits).unwrap(), 16).unwrap());
            rest = tail;
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    bytes
}
