//! Which entries of a tree are left out.
//!
//! Patterns read as in a gitignore file, relative to the root of the tree:
//! - without a slash (but for one at the end) a pattern matches a name at any depth: `*.tmp`;
//! - with a slash it matches a whole path from the root: `**/cache/**`, `old/*.bak`, `/top.txt`;
//! - a slash at the end limits it to folders: `node_modules/`;
//! - `*` and `?` do not cross a slash, `**` does. There is no negation.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::super::error::SourceError;
use super::super::place::is_staging_name;

/// Compiled exclude patterns of one tree.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    any: GlobSet,
    folders: GlobSet,
}

impl Rules {
    /// Understands `patterns`.
    pub(super) fn new(patterns: &[String]) -> Result<Self, SourceError> {
        let mut any = GlobSetBuilder::new();
        let mut folders = GlobSetBuilder::new();
        for pattern in patterns {
            let bad = |reason: String| SourceError::BadRule { rule: pattern.clone(), reason };
            if pattern.starts_with('!') {
                return Err(bad("negation is not supported; write \\! for a name that begins with '!'".to_owned()));
            }
            let (body, only_folders) = match pattern.strip_suffix('/') {
                Some(body) => (body, true),
                None => (pattern.as_str(), false),
            };
            if body.trim_start_matches('/').is_empty() {
                return Err(bad("it names nothing".to_owned()));
            }
            let anchored = match body.strip_prefix('/') {
                Some(rest) => rest.to_owned(),
                None if body.contains('/') => body.to_owned(),
                None => format!("**/{body}"),
            };
            let glob = GlobBuilder::new(&anchored)
                .literal_separator(true)
                .build()
                .map_err(|error| bad(error.kind().to_string()))?;
            if only_folders {
                folders.add(glob)
            } else {
                any.add(glob)
            };
        }
        let build = |set: GlobSetBuilder| {
            set.build().map_err(|error| SourceError::BadRule {
                rule: error.glob().unwrap_or("(all together)").to_owned(),
                reason: error.kind().to_string(),
            })
        };
        Ok(Self { any: build(any)?, folders: build(folders)? })
    }

    /// Rules that leave nothing out.
    pub(super) fn none() -> Self {
        Self { any: GlobSet::empty(), folders: GlobSet::empty() }
    }

    /// Whether the entry at `path`, relative to the root and without a slash at its end, is left out.
    pub(super) fn exclude(&self, path: &[u8], is_folder: bool) -> bool {
        if self.any.is_empty() && self.folders.is_empty() {
            return false;
        }
        let path = Path::new(OsStr::from_bytes(path));
        self.any.is_match(path) || is_folder && self.folders.is_match(path)
    }

    /// Whether any pattern was given.
    pub(super) fn is_empty(&self) -> bool {
        self.any.is_empty() && self.folders.is_empty()
    }
}

/// Whether `name` is our own staging place. These are left out of every backup, are never compared and never carried over.
pub(super) fn is_ours(name: &[u8]) -> bool {
    name.starts_with(b".") && is_staging_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(patterns: &[&str]) -> Rules {
        Rules::new(&patterns.iter().map(|&p| p.to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn a_pattern_without_a_slash_matches_a_name_at_any_depth() {
        let rules = rules(&["*.tmp", "node_modules/"]);
        assert!(rules.exclude(b"a.tmp", false));
        assert!(rules.exclude(b"deep/er/a.tmp", false));
        assert!(!rules.exclude(b"a.tmp.txt", false));
        assert!(rules.exclude(b"x/node_modules", true));
        assert!(!rules.exclude(b"x/node_modules", false));
    }

    #[test]
    fn a_pattern_with_a_slash_matches_a_path_from_the_root() {
        let rules = rules(&["**/cache/**", "old/*.bak", "/top"]);
        assert!(rules.exclude(b"cache/x", false));
        assert!(rules.exclude(b"a/b/cache/x/y", false));
        assert!(!rules.exclude(b"a/b/cache", true));
        assert!(rules.exclude(b"old/a.bak", false));
        assert!(!rules.exclude(b"old/deeper/a.bak", false));
        assert!(!rules.exclude(b"x/old/a.bak", false));
        assert!(rules.exclude(b"top", false));
        assert!(!rules.exclude(b"x/top", false));
    }

    #[test]
    fn names_that_are_not_utf8_match_by_bytes() {
        assert!(rules(&["*.tmp"]).exclude(b"d/\xff\xfe.tmp", false));
    }

    #[test]
    fn a_pattern_that_cannot_be_meant_is_refused_by_name() {
        for bad in ["", "/", "!keep", "a[", "{a,b"] {
            let error = Rules::new(&[bad.to_owned()]).unwrap_err().to_string();
            assert!(error.contains(&format!("'{bad}'")), "{error}");
        }
    }
}
