//! Imports point down the floors of docs/ARCHITECTURE.md. The table there is the rule; this reads it and the code.
//!
//! A file belongs to the module that its path begins with; the modules within one module may use each other freely.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::rust_paths::crate_paths;

/// Module to floor, as the table has it.
type Floors = BTreeMap<String, u32>;

/// The rows `| NUMBER | modules in backquotes | for |` of the section about floors.
fn floors(architecture: &str) -> Floors {
    let section = architecture.split("\n## ").find(|section| section.starts_with("Floors")).unwrap_or_default();
    let mut floors = Floors::new();
    for line in section.lines() {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let [_, number, modules, ..] = cells[..] else { continue };
        let Ok(floor) = number.parse() else { continue };
        for name in modules.split('`').skip(1).step_by(2) {
            let name = name.trim_end_matches('/').trim_end_matches(".rs");
            let twice = floors.insert(name.to_owned(), floor);
            assert_eq!(twice, None, "`{name}` stands on two floors");
        }
    }
    floors
}

/// Every import of `text`, the file `relative` below `src/`, that does not point down.
fn violations(relative: &Path, text: &str, floors: &Floors) -> Vec<String> {
    let own = module_of(relative);
    if own == "lib" {
        return Vec::new();
    }
    let Some(own_floor) = floors.get(&own) else {
        return vec![format!("src/{}: `{own}` has no floor in docs/ARCHITECTURE.md", relative.display())];
    };
    let mut found = Vec::new();
    for path in crate_paths(text, depth_of(relative)) {
        let place = format!("src/{}:{}: `{own}` (floor {own_floor})", relative.display(), path.line);
        match floors.get(&path.module) {
            _ if path.module == own => {}
            Some(floor) if floor < own_floor => {}
            Some(floor) => found.push(format!("{place} imports `{}` (floor {floor})", path.module)),
            None => found.push(format!("{place} imports `{}`, which has no floor", path.module)),
        }
    }
    found
}

/// The first part of the path, without `.rs`.
fn module_of(relative: &Path) -> String {
    let first = relative.iter().next().unwrap_or_default().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// How many modules a file lies below the crate's root: 1 for `queue.rs` and `job/mod.rs`, 2 for `job/backup.rs`.
fn depth_of(relative: &Path) -> usize {
    let is_root = |name: &str| ["lib.rs", "main.rs", "mod.rs"].contains(&name);
    let own_name = relative.file_name().is_some_and(|name| is_root(&name.to_string_lossy()));
    relative.iter().count() - usize::from(own_name)
}

fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn real_floors() -> Floors {
    floors(&fs::read_to_string(repository().join("docs/ARCHITECTURE.md")).unwrap())
}

#[test]
fn imports_point_down() {
    let (src, floors) = (repository().join("src"), real_floors());
    let files = rust_files(&src);
    assert!(files.len() > 20, "only {files:?}");
    let found: Vec<_> = files
        .iter()
        .flat_map(|file| violations(file.strip_prefix(&src).unwrap(), &fs::read_to_string(file).unwrap(), &floors))
        .collect();
    assert!(found.is_empty(), "imports that do not point down:\n{}", found.join("\n"));
}

#[test]
fn every_module_of_the_table_exists() {
    let src = repository().join("src");
    for name in real_floors().keys() {
        let is_there = src.join(format!("{name}.rs")).exists() || src.join(name).join("mod.rs").exists();
        assert!(is_there, "docs/ARCHITECTURE.md names `{name}`, which is not in src/");
    }
}

/// A house of three floors: `top`, then `left` and `right`, then `ground`.
fn small_house() -> Floors {
    floors(
        "# A\n\n## Floors of `src/`\n| floor | module | for |\n|---|---|---|\n| 2 | `top/` | a `b` c |\n| 1 | `left`, `right.rs` | x |\n| 0 | `ground` | y |\n\n## Rules\n| 7 | `other` | z |\n",
    )
}

#[test]
fn the_table_is_read_from_the_section_about_floors_alone() {
    let expected = [("ground", 0), ("left", 1), ("right", 1), ("top", 2)];
    assert_eq!(small_house(), expected.map(|(name, floor)| (name.to_owned(), floor)).into());
}

#[test]
fn what_points_down_or_stays_in_its_module_is_allowed() {
    let house = small_house();
    for (file, text) in [
        ("top/mod.rs", "use crate::left::X; use crate::{right, ground::{A, B}, top::Y};"),
        ("top/step.rs", "use super::other_step; use super::super::ground::A; use crate::top::X;"),
        (
            "left.rs",
            "mod tests { use super::*; } // crate::top\n/* crate::top /* crate::top */ */ const S: &str = \"crate::top\";",
        ),
        (
            "left/deep.rs",
            "const R: &str = r#\"crate::top \" crate::right\"#; const C: char = '\"'; fn f<'a>(x: &'a ground::X) {}",
        ),
        ("lib.rs", "pub mod top; use crate::top::X;"),
    ] {
        assert_eq!(violations(Path::new(file), text, &house), Vec::<String>::new(), "{file}: {text}");
    }
}

#[test]
fn what_points_up_or_sideways_is_found_however_it_is_written() {
    let house = small_house();
    for (file, text) in [
        ("ground.rs", "use crate::left::X;"),
        ("left.rs", "use crate::right::X;"),
        ("left.rs", "use crate::{ground::A, right::{B, C}};"),
        ("left.rs", "use crate::{ground::{A, B}, right};"),
        ("left.rs", "fn f() -> crate::top::X { todo() }"),
        ("left.rs", "use\n  crate ::\n  top;"),
        ("left.rs", "use super::right;"),
        ("left.rs", "use super::{ground, right};"),
        ("left.rs", "mod tests { use super::super::right; }"),
        ("left/deep.rs", "use super::super::right::X;"),
        ("left/mod.rs", "use super::right::X;"),
        ("left.rs", "#[cfg(test)] mod tests { use crate::top::X; }"),
        ("left.rs", "macro_rules! m { () => { $crate::top::X } }"),
        ("left.rs", "const C: char = '\\''; use crate::top::X;"),
    ] {
        let found = violations(Path::new(file), text, &house);
        assert_eq!(found.len(), 1, "{file}: {text}: {found:?}");
    }
}

#[test]
fn a_violation_is_reported_with_its_place_and_both_floors() {
    let found = violations(Path::new("left/deep.rs"), "//! Doc.\n\nuse crate::top::X;\n", &small_house());
    assert_eq!(found, ["src/left/deep.rs:3: `left` (floor 1) imports `top` (floor 2)"]);
    let found = violations(Path::new("attic.rs"), "", &small_house());
    assert_eq!(found, ["src/attic.rs: `attic` has no floor in docs/ARCHITECTURE.md"]);
    let found = violations(Path::new("top/mod.rs"), "use crate::attic::X;", &small_house());
    assert_eq!(found, ["src/top/mod.rs:1: `top` (floor 2) imports `attic`, which has no floor"]);
}
