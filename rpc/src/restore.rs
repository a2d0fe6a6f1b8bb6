//! What a restore would do: the answer to its dry run, and what a person confirms.

use serde::{Deserialize, Serialize};

use crate::backup::Backup;
use crate::value::Octets;
use crate::words::{RestoreMethod, SourceKind};

/// What a restore would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestorePlan {
    /// The backup that the request resolved to. Confirm by its id, so that what runs is what was shown.
    pub backup: Backup,
    /// The job whose replaced data would be brought back; `backup` is what was saved of that data.
    pub undoes: Option<String>,
    /// The sources in their order.
    pub sources: Vec<RestoreSource>,
    /// Whether a safety backup of everything that is replaced comes first; not when nothing live is touched.
    pub safety_backup: bool,
    /// Live data that the safety backup cannot save, each with why; then `accept_unsaved` is needed.
    pub unsaved: Vec<String>,
    /// What a partial restore leaves as it is, because the backup of it is damaged; more may be found when it runs.
    pub damage: Vec<String>,
    /// Bytes that must be free for it to begin, by estimate.
    pub needed_bytes: u64,
    /// Bytes free where the most are needed.
    pub free_bytes: Option<u64>,
    /// How long it takes, by estimate.
    pub estimate_seconds: Option<u64>,
    /// What a person has to do before and after, such as which services to stop.
    pub instructions: Vec<String>,
}

/// What a restore would do to one source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreSource {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: SourceKind,
    /// How the new takes the place of the old.
    pub method: RestoreMethod,
    /// Where it is written.
    pub destination: Octets,
    /// Files and bytes that are in the backup only.
    pub added: Change,
    /// Files and bytes that differ.
    pub changed: Change,
    /// Files and bytes that are live only, and would go.
    pub removed: Change,
    /// What else to know.
    pub notes: Vec<String>,
}

/// How much is concerned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}
