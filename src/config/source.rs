//! The decided values of one `[[source]]`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::database_url::DatabaseUrl;
use crate::model::{SourceKind, SourceName};

/// One thing that is backed up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its name, unique in the configuration.
    pub name: SourceName,
    /// What it is and where.
    pub settings: SourceSettings,
    /// Its own recovery point objective: it is missing a backup when its newest is older. `None` for that of all.
    pub rpo: Option<Duration>,
    /// Its own recovery time objective. `None` for that of all.
    pub rto: Option<Duration>,
}

impl Source {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> SourceKind {
        match self.settings {
            SourceSettings::Json(_) => SourceKind::Json,
            SourceSettings::Files(_) => SourceKind::Files,
            SourceSettings::Postgres(_) => SourceKind::Postgres,
        }
    }

    /// The file or the root of the tree; absolute. A database has no path that we would touch.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.settings {
            SourceSettings::Json(json) => Some(&json.path),
            SourceSettings::Files(files) => Some(&files.path),
            SourceSettings::Postgres(_) => None,
        }
    }

    /// Where it is, for people: its path, or the URL of a database, which holds no secret.
    #[must_use]
    pub fn location(&self) -> String {
        match &self.settings {
            SourceSettings::Json(json) => json.path.display().to_string(),
            SourceSettings::Files(files) => files.path.display().to_string(),
            SourceSettings::Postgres(postgres) => postgres.url.to_string(),
        }
    }

    /// What is left out, as configured.
    #[must_use]
    pub fn exclude(&self) -> &[String] {
        match &self.settings {
            SourceSettings::Json(json) => &json.exclude,
            SourceSettings::Files(files) => &files.exclude,
            SourceSettings::Postgres(_) => &[],
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
    /// `type = "postgres"`.
    Postgres(PostgresSettings),
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

/// A PostgreSQL database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresSettings {
    /// The database, and as whom it is read.
    pub url: DatabaseUrl,
    /// The same database as whoever may replace it; `None` where that is whoever reads it.
    pub restore_url: Option<DatabaseUrl>,
    /// Another database on the same server, connected to while this one is replaced.
    pub maintenance_db: String,
    /// Name of the user of this system as whom PostgreSQL's programs run.
    pub run_as: String,
    /// Whether the server's roles and memberships are saved with it.
    pub include_roles: bool,
    /// Whether the roles' password hashes are too.
    pub include_role_passwords: bool,
}
