//! Nouns that are one lower-case word in output and one number on the wire. Variants are only ever appended.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Declares an enum whose values are single words.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$vmeta])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            /// Every value, in the order of the wire.
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
    };
}

words! {
    /// Why a backup exists.
    Class {
        /// Asked for by a person or a schedule.
        Backup = "backup",
        /// Taken inside a restore of every source that it replaces.
        Safety = "safety",
    }
}

words! {
    /// What a backup covers.
    Scope {
        /// Every source.
        All = "all",
        /// Databases and JSON files.
        Database = "database",
        /// File trees.
        Files = "files",
    }
}

words! {
    /// Whether an archive stands alone.
    Mode {
        /// It does.
        Full = "full",
        /// It holds only content that its parent's restore point does not already have.
        Incremental = "incremental",
    }
}

words! {
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

words! {
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

words! {
    /// What the last verification of every byte found.
    VerifyResult {
        /// Nothing wrong.
        Passed = "passed",
        /// Damage.
        Failed = "failed",
    }
}

words! {
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

words! {
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

words! {
    /// Why a request was refused or a job failed; the client's exit codes follow from it one to one.
    ErrorCode {
        /// Something went wrong that is none of the others.
        Failed = "failed",
        /// The request makes no sense.
        Usage = "usage",
        /// There is no such backup, job or source.
        NotFound = "not_found",
        /// The caller's role does not cover it.
        NotPermitted = "not_permitted",
        /// Stored bytes are not what they were.
        Corruption = "corruption",
        /// Something else is using it, or has just changed it.
        Conflict = "conflict",
        /// Doing it could lose data: no space, a hold, the last good backup.
        RefusedForSafety = "refused_for_safety",
        /// It was cancelled.
        Cancelled = "cancelled",
    }
}

words! {
    /// What a download is packed as. Always a complete, standalone file.
    DownloadFormat {
        /// tar in zstd.
        TarZst = "tar.zst",
        /// tar in gzip.
        TarGz = "tar.gz",
        /// Plain tar.
        Tar = "tar",
    }
}

words! {
    /// How a restore puts the new in the place of the old.
    RestoreMethod {
        /// The whole file or tree is exchanged at once.
        Exchange = "exchange",
        /// The entries of the tree's root are exchanged one by one, because the root itself cannot be moved.
        ExchangeEntries = "exchange_entries",
        /// Written into a new place; nothing live is touched.
        Write = "write",
        /// Two databases exchange their names.
        RenameDatabase = "rename_database",
    }
}

words! {
    /// How bad a problem is.
    Severity {
        /// Worth knowing.
        Notice = "notice",
        /// Will become a loss if nothing is done.
        Warning = "warning",
        /// Data would be lost today.
        Critical = "critical",
    }
}

words! {
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

words! {
    /// The short answer to "are we protected?"
    Verdict {
        /// Every source has a backup that is recent enough, and nothing is wrong.
        Protected = "protected",
        /// Every source has a backup, but something needs attention.
        AtRisk = "at_risk",
        /// Some source has no usable backup.
        Unprotected = "unprotected",
    }
}
