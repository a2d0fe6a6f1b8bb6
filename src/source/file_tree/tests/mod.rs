//! Trees read, laid out, swapped and put back, with real files.

mod extraction;
mod incremental;
mod restore;
mod reuse;
mod round_trip;
mod selected;
mod sets;
mod transaction;
mod walking;
mod zoo;

use std::path::Path;

use super::{FileTree, FileTreeOptions};
use crate::source::testing::name;

fn tree(root: &Path, exclude: &[&str]) -> FileTree {
    let exclude = exclude.iter().map(|&pattern| pattern.to_owned()).collect();
    FileTree::new(name("t"), root.to_owned(), FileTreeOptions { exclude, one_file_system: true }).unwrap()
}
