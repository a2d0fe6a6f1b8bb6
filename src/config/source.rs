//! The decided values of one `[[source]]`.

use std::path::{Path, PathBuf};

use crate::model::{SourceKind, SourceName};

/// One thing that is backed up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its name, unique in the configuration.
    pub name: SourceName,
    /// What it is and where.
    pub settings: SourceSettings,
}

impl Source {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> SourceKind {
        match self.settings {
            SourceSettings::Json(_) => SourceKind::Json,
            SourceSettings::Files(_) => SourceKind::Files,
        }
    }

    /// The file or the root of the tree; absolute.
    #[must_use]
    pub fn path(&self) -> &Path {
        match &self.settings {
            SourceSettings::Json(json) => &json.path,
            SourceSettings::Files(files) => &files.path,
        }
    }

    /// What is left out, as configured.
    #[must_use]
    pub fn exclude(&self) -> &[String] {
        match &self.settings {
            SourceSettings::Json(json) => &json.exclude,
            SourceSettings::Files(files) => &files.exclude,
        }
    }
}

/// What a source is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceSettings {
    /// `type = "json"`.
    Json(JsonSettings),
    /// `type = "files"`.
    Files(FilesSettings),
}

/// One JSON file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonSettings {
    /// The file; absolute.
    pub path: PathBuf,
    /// Top-level keys, or JSON pointers (RFC 6901) where they begin with `/`, that are left out.
    pub exclude: Vec<String>,
}

/// A tree of files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilesSettings {
    /// The root of the tree; absolute.
    pub path: PathBuf,
    /// Glob patterns of paths that are left out; each is known to be a valid pattern.
    pub exclude: Vec<String>,
    /// Whether the walk stays on the file system of the root.
    pub one_file_system: bool,
}
