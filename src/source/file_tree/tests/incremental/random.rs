//! Random trees and random changes.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::{Scene, set_mtime};

/// Names that sort unlike they look, in one folder and as folders of each other.
const NAMES: [&str; 8] = ["a", "a-b", "a.b", "a0", "b", "%", "\u{fc}", "z"];

#[derive(Clone, Debug)]
enum Change {
    Write(Vec<usize>, u16),
    /// Other content of the same length, at the same time.
    Forge(Vec<usize>),
    Append(Vec<usize>),
    Remove(Vec<usize>),
    Folder(Vec<usize>),
    Rename(Vec<usize>, Vec<usize>),
    HardLink(Vec<usize>, Vec<usize>),
    Symlink(Vec<usize>, u16),
    Mode(Vec<usize>, bool),
}

fn paths() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(0..NAMES.len(), 1..4)
}

fn changes() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => (paths(), any::<u16>()).prop_map(|(path, content)| Change::Write(path, content)),
        2 => paths().prop_map(Change::Forge),
        1 => paths().prop_map(Change::Append),
        2 => paths().prop_map(Change::Remove),
        2 => paths().prop_map(Change::Folder),
        2 => (paths(), paths()).prop_map(|(from, to)| Change::Rename(from, to)),
        2 => (paths(), paths()).prop_map(|(from, to)| Change::HardLink(from, to)),
        1 => (paths(), any::<u16>()).prop_map(|(path, target)| Change::Symlink(path, target)),
        1 => (paths(), any::<bool>()).prop_map(|(path, closed)| Change::Mode(path, closed)),
    ]
}

/// Makes the change where it can be made; where it cannot, there is none.
fn make(root: &Path, change: &Change) {
    let at = |path: &Vec<usize>| path.iter().map(|name| NAMES[*name]).collect::<PathBuf>();
    let at = |path: &Vec<usize>| root.join(at(path));
    let with_parent = |path: &Vec<usize>| {
        let path = at(path);
        let _may_be_a_file = fs::create_dir_all(path.parent().unwrap());
        path
    };
    let _made = match change {
        Change::Write(path, content) => fs::write(with_parent(path), content.to_string()),
        Change::Forge(path) => forge(&at(path)),
        Change::Append(path) => File::options()
            .append(true)
            .open(at(path))
            .and_then(|mut file| std::io::Write::write_all(&mut file, b"more")),
        Change::Remove(path) => fs::remove_file(at(path)).or_else(|_| fs::remove_dir_all(at(path))),
        Change::Folder(path) => fs::create_dir_all(at(path)),
        Change::Rename(from, to) => fs::rename(at(from), with_parent(to)),
        Change::HardLink(from, to) => fs::hard_link(at(from), with_parent(to)),
        Change::Symlink(path, target) => symlink(target.to_string(), with_parent(path)),
        Change::Mode(path, closed) => {
            let mode = if *closed { 0o700 } else { 0o755 };
            match at(path).symlink_metadata() {
                Ok(facts) if !facts.is_symlink() => fs::set_permissions(at(path), Permissions::from_mode(mode)),
                _ => Ok(()),
            }
        }
    };
}

fn forge(path: &Path) -> std::io::Result<()> {
    if path.symlink_metadata().is_ok_and(|facts| facts.is_file() && facts.len() > 0) {
        let content: Vec<u8> = fs::read(path)?.iter().map(|byte| byte.wrapping_add(1)).collect();
        fs::write(path, content)?;
        set_mtime(path, 1_000_000_000);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn an_incremental_says_what_a_full_says(
        steps in prop::collection::vec(prop::collection::vec(changes(), 0..12), 1..6),
    ) {
        let mut scene = Scene::set();
        for step in &steps {
            for change in step {
                make(&scene.root, change);
            }
            let outcome = scene.backup();
            prop_assert_eq!(&outcome.summary.warnings, &Vec::<String>::new());
            scene.assert_as_a_full(&outcome);
        }
        let outcome = scene.backup();
        prop_assert_eq!(outcome.read, Vec::<String>::new());
    }
}
