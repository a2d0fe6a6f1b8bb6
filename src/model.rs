//! The nouns that every floor shares: ids, names, classes, who asked. No behaviour beyond parsing and printing.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

/// A noun that is written as one lower-case word in files, on the wire and in tables.
macro_rules! word_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name { $($(#[$vmeta])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            /// Every value, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;
            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(UnknownWord { word: word.to_owned(), known: &[$($word),+] }),
                }
            }
        }
    };
}

/// A word that is none of the known ones.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{word}' is none of: {}", known.join(", "))]
pub struct UnknownWord {
    /// What was given.
    pub word: String,
    /// What would have been understood.
    pub known: &'static [&'static str],
}

word_enum! {
    /// Why a backup exists.
    Class {
        /// Asked for by a person or a schedule.
        Backup = "backup",
        /// Taken inside a restore of every source that it replaces.
        Safety = "safety",
    }
}

word_enum! {
    /// What a backup covers.
    Scope {
        /// Every source.
        All = "all",
        /// PostgreSQL and JSON.
        Database = "database",
        /// File trees.
        Files = "files",
    }
}

impl Scope {
    /// Whether it covers sources of this kind.
    #[must_use]
    pub const fn covers(self, kind: SourceKind) -> bool {
        match self {
            Self::All => true,
            Self::Database => matches!(kind, SourceKind::Json | SourceKind::Postgres),
            Self::Files => matches!(kind, SourceKind::Files),
        }
    }
}

word_enum! {
    /// Whether the archive stands alone.
    Mode {
        /// It does.
        Full = "full",
        /// It holds only content that its parent's restore point does not already have.
        Incremental = "incremental",
    }
}

word_enum! {
    /// The kinds of source.
    SourceKind {
        /// One JSON file.
        Json = "json",
        /// A file tree.
        Files = "files",
        /// A PostgreSQL database.
        Postgres = "postgres",
    }
}

word_enum! {
    /// What a backup is good for at present.
    BackupState {
        /// It can be restored.
        Available = "available",
        /// Expired, kept because other restore points need content of its archive.
        Retained = "retained",
        /// Expired by the retention plan.
        Expired = "expired",
        /// In the trash.
        Trashed = "trashed",
        /// Its archive is not where it should be.
        Missing = "missing",
        /// Damage was found in its archive.
        Corrupt = "corrupt",
    }
}

impl BackupState {
    /// Whether its restore point is kept, if only damaged or missing; otherwise at most its archive is.
    #[must_use]
    pub const fn is_restore_point(self) -> bool {
        matches!(self, Self::Available | Self::Missing | Self::Corrupt)
    }
}

word_enum! {
    /// The kinds of job.
    JobKind {
        /// Takes a backup.
        Backup = "backup",
        /// Puts sources back, or writes them elsewhere.
        Restore = "restore",
        /// Reads archives and compares them with their checksums.
        Verify = "verify",
        /// Removes backups.
        Prune = "prune",
    }
}

word_enum! {
    /// Where a job is in its life.
    JobState {
        /// Waiting for its lane.
        Queued = "queued",
        /// Running.
        Running = "running",
        /// Ended well.
        Succeeded = "succeeded",
        /// Ended well but for warnings.
        Warned = "warned",
        /// Ended with an error.
        Failed = "failed",
        /// Stopped on request.
        Cancelled = "cancelled",
        /// The daemon ended while it ran.
        Interrupted = "interrupted",
    }
}

impl JobState {
    /// Whether the job will not change any more.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

word_enum! {
    /// Why a job did not do what was asked; one per exit code of the client.
    ErrorCode {
        /// It failed.
        Failed = "failed",
        /// What was asked makes no sense.
        Usage = "usage",
        /// What it names does not exist.
        NotFound = "not_found",
        /// The person who asked may not.
        NotPermitted = "not_permitted",
        /// Damage was found.
        Corruption = "corruption",
        /// Something else is in the way at present.
        Conflict = "conflict",
        /// Refused for safety.
        Refused = "refused",
        /// Stopped on request.
        Cancelled = "cancelled",
    }
}

word_enum! {
    /// What reading a whole backup found.
    VerifyResult {
        /// Every byte is what it was.
        Passed = "passed",
        /// Something is damaged or missing.
        Failed = "failed",
    }
}

word_enum! {
    /// What became of an audited action.
    AuditOutcome {
        /// It was done.
        Done = "done",
        /// It was not allowed.
        Refused = "refused",
        /// It was tried and failed.
        Failed = "failed",
    }
}

word_enum! {
    /// What somebody may want to be told of: the end of a job, or a condition that an alert watches.
    EventKind {
        /// A backup was taken.
        BackupSuccess = "backup_success",
        /// A backup failed.
        BackupFailure = "backup_failure",
        /// A restore is done.
        RestoreSuccess = "restore_success",
        /// A restore failed, and was taken back.
        RestoreFailure = "restore_failure",
        /// A verification failed.
        VerifyFailure = "verify_failure",
        /// Little room is left where the backups lie.
        LowDisk = "low_disk",
        /// A source has no backup that is recent enough.
        MissingBackup = "missing_backup",
        /// A backup is damaged or gone.
        Corruption = "corruption",
        /// The backups' disk is not there.
        StoreMissing = "store_missing",
        /// A schedule was due and did not run.
        ScheduleSkipped = "schedule_skipped",
        /// A backup is far smaller than the ones before.
        SuspiciousBackup = "suspicious_backup",
        /// A restore could not be settled after a crash.
        UnsettledRestore = "unsettled_restore",
        /// A notice could not be delivered.
        DeliveryFailure = "delivery_failure",
        /// Somebody tries whether notices arrive.
        Test = "test",
        /// A job does not get on.
        StalledJob = "stalled_job",
    }
}

word_enum! {
    /// How bad something is.
    Severity {
        /// Worth knowing.
        Notice = "notice",
        /// Will become a loss if nothing is done.
        Warning = "warning",
        /// Data would be lost today.
        Critical = "critical",
    }
}

word_enum! {
    /// A way to tell somebody.
    ChannelKind {
        /// A mail.
        Email = "email",
        /// A request to a web server.
        Webhook = "webhook",
    }
}

/// Declares a UUIDv7 id type that prints and parses as the hyphenated form.
macro_rules! id_type {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id; later ids sort behind earlier ones.
            #[must_use]
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                Uuid::from_str(text).map(Self)
            }
        }
    };
}

id_type! {
    /// Identifies a backup for ever.
    BackupId
}
id_type! {
    /// Identifies a job.
    JobId
}
id_type! {
    /// Identifies an alert, from its firing to its end.
    AlertId
}

/// The name of a source: 1 to 64 of `a-z A-Z 0-9 _ -`, so that it can be a member name of an archive as it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct SourceName(String);

/// A text that cannot be the name of a source.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' cannot name a source: 1 to 64 letters, digits, '_' or '-' of ASCII")]
pub struct BadSourceName(String);

impl SourceName {
    /// Takes `text` if it is a valid name.
    ///
    /// # Errors
    /// [`BadSourceName`].
    pub fn new(text: &str) -> Result<Self, BadSourceName> {
        let fits = (1..=64).contains(&text.len());
        if fits && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadSourceName(text.to_owned()))
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for SourceName {
    type Err = BadSourceName;
    fn from_str(text: &str) -> Result<Self, BadSourceName> {
        Self::new(text)
    }
}

impl<'de> Deserialize<'de> for SourceName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// Who asked for something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requester {
    /// Name of the user behind `uid`, or `uid:N` when the system knows none; `carelogd` for the daemon itself.
    pub user: String,
    /// Numeric user, `None` for the daemon itself.
    pub uid: Option<u32>,
    /// `socket`, `schedule`, `recovery`, `restore`.
    pub via: String,
    /// The person in whose name a gateway asked, where there is one.
    pub on_behalf_of: Option<String>,
}

impl Requester {
    /// The daemon itself, for work that no person asked for.
    #[must_use]
    pub fn daemon(via: &str) -> Self {
        Self { user: "carelogd".to_owned(), uid: None, via: via.to_owned(), on_behalf_of: None }
    }
}

/// A SHA-256 digest; prints as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sha256(pub [u8; 32]);

/// A text that is not 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a SHA-256: 64 hexadecimal digits are expected")]
pub struct BadSha256;

impl Sha256 {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// The digest that `hasher` has arrived at.
    #[must_use]
    pub fn finish(hasher: sha2::Sha256) -> Self {
        use sha2::Digest as _;
        Self(hasher.finalize().into())
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0_u8; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        f.pad(str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Sha256 {
    type Err = BadSha256;
    fn from_str(text: &str) -> Result<Self, BadSha256> {
        let text = text.as_bytes();
        if text.len() != 64 {
            return Err(BadSha256);
        }
        let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
        let mut bytes = [0_u8; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
            let (Some(high), Some(low)) = (digit(pair[0]), digit(pair[1])) else { return Err(BadSha256) };
            *byte = high << 4 | low;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for Sha256 {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sha256 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_prints_and_parses_as_hexadecimal() {
        let digest = Sha256::of(b"abc");
        assert_eq!(digest.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert_eq!("ba78".parse::<Sha256>(), Err(BadSha256));
        assert_eq!("g".repeat(64).parse::<Sha256>(), Err(BadSha256));
    }

    #[test]
    fn a_source_name_is_safe_as_a_member_name() {
        assert!(SourceName::new("studies-2").is_ok());
        for bad in ["", "a/b", "..", "a b", "ä", &"x".repeat(65)] {
            assert!(SourceName::new(bad).is_err(), "{bad}");
        }
    }
}
