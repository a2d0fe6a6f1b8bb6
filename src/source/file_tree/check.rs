//! Looks whether a tree can be backed up now.

use std::os::fd::AsFd as _;

use super::super::CheckReport;
use super::super::error::SourceError;
use super::FileTree;
use super::exclude::is_ours;
use super::listing::Listing;

pub(super) fn check(tree: &FileTree) -> Result<CheckReport, SourceError> {
    let (root, facts) = tree.open_root()?;
    let mut names = Listing::default();
    names.read(root.as_fd(), &mut Vec::new(), is_ours).map_err(|error| SourceError::Io {
        doing: "listing",
        path: tree.root.clone(),
        error: error.into(),
    })?;
    let mut warnings = Vec::new();
    if names.get(0).is_none() {
        // An unmounted disk looks like this.
        warnings.push(format!("{} is empty: is its file system mounted?", tree.root.display()));
    }
    Ok(CheckReport { device: Some(facts.identity.device), warnings, ..CheckReport::default() })
}
