//! A backup as the wire and scripts see it, and what taking one would do.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::value::{Octets, Time};
use crate::words::{BackupState, Class, Mode, Scope, SourceKind, VerifyResult};

/// One restore point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backup {
    /// UUID, for ever.
    pub id: String,
    /// Name of its archive in the store.
    pub filename: String,
    /// Why it exists.
    pub class: Class,
    /// What it covers.
    pub scope: Scope,
    /// Whether the archive stands alone.
    pub mode: Mode,
    /// The restore point that an incremental builds on.
    pub parent_id: Option<String>,
    /// The other backups in whose archives content of it lies, 50 at most; none: its archive stands alone.
    pub needs: Vec<String>,
    /// How many more there are of them.
    pub needs_omitted: u64,
    /// The other backups that need its archive, newest first, 50 at most.
    pub needed_by: Vec<String>,
    /// How many more there are of them.
    pub needed_by_omitted: u64,
    /// When it began.
    pub created_at: Time,
    /// When the last source was read; absent while it is being taken.
    pub finished_at: Option<Time>,
    /// Bytes of the archive.
    pub size_bytes: u64,
    /// Bytes of content of the restore point.
    pub raw_bytes: u64,
    /// Bytes of content that lie in this archive.
    pub new_bytes: u64,
    /// Files and streams in the restore point.
    pub files: u64,
    /// Of the archive.
    pub checksum: Option<Checksum>,
    /// What the person who asked wrote down.
    pub description: String,
    /// What is in it.
    pub sources: Vec<BackupSource>,
    /// Who asked.
    pub requested_by: Requester,
    /// When every byte was last read and compared.
    pub verified_at: Option<Time>,
    /// What that found.
    pub verify_result: Option<VerifyResult>,
    /// Reasons for which it may not be removed.
    pub holds: Vec<Hold>,
    /// What it is good for at present.
    pub state: BackupState,
    /// The job that took it, while the catalog knows it.
    pub job_id: Option<String>,
    /// Every file that holds it.
    pub copies: Vec<BackupCopy>,
}

/// A checksum with the name of its algorithm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checksum {
    /// `sha256`.
    pub algorithm: String,
    /// Lower-case hexadecimal digits.
    pub value: String,
}

impl Checksum {
    /// A SHA-256 from its hexadecimal digits.
    #[must_use]
    pub fn sha256(value: impl Into<String>) -> Self {
        Self { algorithm: "sha256".to_owned(), value: value.into() }
    }
}

/// What a source came to in a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupSource {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: SourceKind,
    /// Bytes of content.
    pub size_bytes: u64,
    /// Files and streams.
    pub files: u64,
    /// What was left out or may be inconsistent, each naming the thing; the first ones, see `warnings_omitted`.
    pub warnings: Vec<String>,
    /// How many more warnings there are than are listed.
    pub warnings_omitted: u64,
    /// Rows per table, elements per top-level collection, files.
    pub counts: BTreeMap<String, u64>,
}

/// Who asked for something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requester {
    /// Name of the user, `uid:N` when the system knows none, `carelogd` for the daemon itself.
    pub user: String,
    /// Numeric user; absent for the daemon itself.
    pub uid: Option<u32>,
    /// `socket`, `schedule`, `recovery`, `restore`.
    pub via: String,
    /// The person in whose name a gateway asked.
    pub on_behalf_of: Option<String>,
}

/// A named reason for which a backup may not be removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The reason.
    pub reason: String,
    /// Name of the user who placed it.
    pub placed_by: String,
    /// When.
    pub placed_at: Time,
    /// When it ends by itself; absent: when it is released.
    pub until: Option<Time>,
}

/// A file that holds a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupCopy {
    /// Name of the store, `local` for the local backup directory.
    pub store: String,
    /// Name of the file in it.
    pub filename: String,
    /// Bytes of the file.
    pub size_bytes: u64,
    /// Of the file.
    pub checksum: Option<Checksum>,
    /// Whether the file is encrypted.
    pub encrypted: bool,
    /// What this copy is good for.
    pub state: BackupState,
    /// When every byte of it was last read and compared.
    pub verified_at: Option<Time>,
}

/// What a backup would do; the answer to a dry run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupPlan {
    /// What it would cover.
    pub scope: Scope,
    /// What it would be.
    pub mode: Mode,
    /// The restore point that an incremental would build on.
    pub parent_id: Option<String>,
    /// The sources in their order.
    pub sources: Vec<PlannedSource>,
    /// Directory of the store.
    pub store_dir: Octets,
    /// Bytes that must be free for it to begin, by estimate.
    pub needed_bytes: u64,
    /// Bytes free in the store.
    pub free_bytes: u64,
    /// What else to know; each would be a warning or a refusal.
    pub notes: Vec<String>,
}

/// What a backup would read of one source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedSource {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: SourceKind,
    /// Where it is.
    pub location: Octets,
    /// Files, where counting them is cheap.
    pub files: Option<u64>,
    /// Bytes, where counting them is cheap.
    pub size_bytes: Option<u64>,
    /// What is wrong with it.
    pub notes: Vec<String>,
}
