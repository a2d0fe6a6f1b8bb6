//! The audit trail as the wire and scripts see it.

use serde::{Deserialize, Serialize};

use crate::value::Time;

/// Who did, or was refused, what, when and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// Number in the chain, from 1 without gaps.
    pub sequence: u64,
    /// When.
    pub at: Time,
    /// Name of the user.
    pub user: String,
    /// Numeric user; absent for the daemon itself.
    pub uid: Option<u32>,
    /// `socket`, `schedule`, `recovery`, `restore`.
    pub via: String,
    /// The person in whose name a gateway asked.
    pub on_behalf_of: Option<String>,
    /// What was asked or done, such as `restore`.
    pub action: String,
    /// The backup, job or setting that it concerned.
    pub object: Option<String>,
    /// `done`, `refused` or `failed`.
    pub outcome: String,
    /// The reason given, or the details.
    pub detail: Option<String>,
    /// Hash of the chain up to and including this record, hexadecimal.
    pub hash: String,
}

/// What checking the whole chain found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditVerification {
    /// Whether every record is what was written.
    pub intact: bool,
    /// Records that were read.
    pub records: u64,
    /// Hash of the last one, hexadecimal: note it elsewhere, and a cut tail can be told too.
    pub last_hash: Option<String>,
    /// The first record that does not fit.
    pub first_broken: Option<u64>,
    /// What is wrong with it.
    pub problem: Option<String>,
}
