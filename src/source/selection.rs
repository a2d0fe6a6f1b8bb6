//! Which members of a source a restore is about.

/// Members and folders by path; everything when none is named.
#[derive(Clone, Debug, Default)]
pub(super) struct Selection {
    /// Without a slash at the end, sorted.
    paths: Vec<Vec<u8>>,
}

impl Selection {
    /// Of full member paths, with or without a slash at the end.
    pub(super) fn new(paths: &[Vec<u8>]) -> Self {
        let mut paths: Vec<Vec<u8>> = paths.iter().map(|path| bare(path).to_vec()).collect();
        paths.sort();
        paths.dedup();
        Self { paths }
    }

    pub(super) const fn is_everything(&self) -> bool {
        self.paths.is_empty()
    }

    /// The paths named.
    pub(super) fn paths(&self) -> &[Vec<u8>] {
        &self.paths
    }

    /// Whether the member at `path` is one of those named or below one.
    pub(super) fn has(&self, path: &[u8]) -> bool {
        self.is_everything() || self.paths.iter().any(|named| is_or_is_below(bare(path), named))
    }

    /// Whether something named lies below the folder at `path`.
    pub(super) fn leads_through(&self, path: &[u8]) -> bool {
        let folder = bare(path);
        self.paths.iter().any(|named| named != folder && is_or_is_below(named, folder))
    }
}

fn bare(path: &[u8]) -> &[u8] {
    path.strip_suffix(b"/").unwrap_or(path)
}

fn is_or_is_below(path: &[u8], folder: &[u8]) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_named_stands_for_all_that_is_in_it_and_for_no_namesake() {
        let selection = Selection::new(&[b"s/a/".to_vec(), b"s/b/c".to_vec()]);
        for within in ["s/a/", "s/a/x", "s/a/x/y", "s/b/c", "s/b/c/", "s/b/c/d"] {
            assert!(selection.has(within.as_bytes()), "{within}");
        }
        for outside in ["s/", "s/ab", "s/b/", "s/b/cc", "s/b/d"] {
            assert!(!selection.has(outside.as_bytes()), "{outside}");
        }
        for way in ["s/", "s/b/"] {
            assert!(selection.leads_through(way.as_bytes()), "{way}");
        }
        for aside in ["s/a/", "s/b/c", "s/c/"] {
            assert!(!selection.leads_through(aside.as_bytes()), "{aside}");
        }
    }

    #[test]
    fn nothing_named_is_everything() {
        assert!(Selection::default().has(b"s/a"));
        assert!(!Selection::default().leads_through(b"s/"));
    }
}
