//! What crosses the CareLog control socket: the messages, their codec, and both ends of a connection.
//!
//! The daemon's `server/` accepts [`Connection`]s and answers each [`Request`] in one match; the client and the web
//! gateway use [`Client`]. Nothing here knows the daemon: the types are plain, and what they mean is said in their docs.
//!
//! On the wire a message is bincode, by position ([`codec`]). The same types printed by `serde_json` are the documents
//! that scripts may rely on: there times are RFC 3339, words are words and bytes are text ([`value`], [`Document`]).
//! So fields carry the names and the order of the documents, nothing is ever skipped, and variants are only appended.
//! Any other change raises [`PROTOCOL`].

pub mod alert;
pub mod audit;
pub mod backup;
mod calls;
mod client;
pub mod codec;
mod connection;
mod descriptor;
mod document;
mod download;
mod error_reply;
pub mod hello;
pub mod job;
mod reply;
pub mod report;
mod request;
pub mod restore;
pub mod retention;
pub mod schedule;
pub mod status;
pub mod value;
pub mod words;

pub use alert::{Acknowledgement, Alert, ChannelTest};
pub use audit::{AuditRecord, AuditVerification};
pub use backup::{Backup, BackupCopy, BackupPlan, BackupSource, Checksum, Hold, PlannedSource, Requester};
pub use client::{Client, ClientError, Watch, WatchEvent};
pub use connection::{Connection, ConnectionError, STALL};
pub use document::Document;
pub use download::{Download, Piece};
pub use error_reply::ErrorReply;
pub use hello::Hello;
pub use job::{Job, JobInTheWay, JobPhase, JobProgress, JobResult, JobUpdate};
pub use reply::{DownloadEnd, DownloadStart, Page, Reloaded, Reply};
pub use report::{Amount, JobReport, ReportedBackup, ReportedProbe, ReportedSource, RestoreReport};
pub use request::{
    BackupRequest, ListAudit, ListBackups, ListJobs, Request, RestoreFrom, RestoreRequest, VerifyTarget,
};
pub use restore::{Change, RestorePlan, RestoreSource};
pub use retention::{PlannedBackup, PrunePlan};
pub use schedule::{DueTime, Pause, Schedule};
pub use status::{BackupPoint, DaemonStatus, KeptData, NoticesStatus, Problem, SourceStatus, Status, StoreStatus};
pub use value::{Octets, Time};
pub use words::{
    BackupState, Class, DownloadFormat, ErrorCode, EventKind, JobKind, JobState, Mode, RestoreMethod, Scope, Severity,
    SourceKind, Verdict, VerifyResult,
};

/// Number of the protocol that this code speaks. Raised by every change that an older peer would misread.
pub const PROTOCOL: u16 = 1;

/// No frame is longer (bytes, without its length field).
pub const MAX_FRAME_BYTES: usize = 1024 * 1024;

/// No request is longer (bytes). None needs more, and a short bound keeps small what a peer can make the daemon hold:
/// a decoded list takes up to 24 bytes for each byte that arrived.
pub const MAX_REQUEST_BYTES: usize = 64 * 1024;
