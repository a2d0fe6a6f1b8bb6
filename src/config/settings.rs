//! The decided values of `[daemon]`, `[backup]` and `[objectives]`, with their defaults.
//!
//! `etc/carelogd.toml` shows the same defaults, and a test holds the two against each other.

use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;

/// `[daemon]`: where the daemon itself lives.
#[derive(Clone, Debug, PartialEq)]
pub struct Daemon {
    /// The catalog and the spool; absolute.
    pub state_dir: PathBuf,
    /// The control socket; absolute.
    pub socket: PathBuf,
    /// What times without a zone mean.
    pub timezone: TimeZone,
}

impl Default for Daemon {
    fn default() -> Self {
        Self {
            state_dir: "/var/lib/carelog".into(),
            socket: "/run/carelog/carelogd.sock".into(),
            timezone: TimeZone::UTC,
        }
    }
}

/// `[backup]`: where and how archives are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// The store's directory; absolute.
    pub dir: PathBuf,
    /// How archives are compressed.
    pub compression: Compression,
    /// Worker threads; 0 for one per core.
    pub threads: usize,
    /// What has to stay free where the store is.
    pub min_free: MinFree,
    /// An incremental becomes a full when the newest full is older; `None` for never.
    pub full_every: Option<Duration>,
    /// How long the originals that a restore replaced are kept.
    pub keep_replaced: Duration,
}

impl Default for Backup {
    fn default() -> Self {
        Self {
            dir: "/var/lib/carelog/backups".into(),
            compression: Compression::Zstd { level: Compression::DEFAULT_LEVEL },
            threads: 0,
            min_free: MinFree::Percent(5),
            full_every: None,
            keep_replaced: Duration::from_hours(7 * 24),
        }
    }
}

/// How archives are compressed; the levels are within their range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Zstandard.
    Zstd {
        /// 1 to 19.
        level: u8,
    },
    /// Gzip, for places where nothing else is at hand.
    Gzip {
        /// 1 to 9.
        level: u8,
    },
    /// Not at all.
    None,
}

impl Compression {
    /// The level when none is configured, for both kinds.
    pub const DEFAULT_LEVEL: u8 = 3;
}

/// Free space that a backup must leave behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MinFree {
    /// Per cent of the file system, 0 to 99.
    Percent(u8),
    /// Bytes.
    Bytes(u64),
}

impl MinFree {
    /// The bytes that have to stay free on a file system of `total_bytes`.
    #[must_use]
    pub const fn bytes_of(self, total_bytes: u64) -> u64 {
        match self {
            // Divided first: a product would overflow on the largest file systems, and a byte of rounding is nothing here.
            Self::Percent(percent) => total_bytes / 100 * percent as u64,
            Self::Bytes(bytes) => bytes,
        }
    }
}

/// `[objectives]`: what the clinic has promised itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Objectives {
    /// Recovery point objective: the newest backup may be this old.
    pub rpo: Duration,
    /// Recovery time objective: a restore may take this long.
    pub rto: Duration,
}

impl Default for Objectives {
    fn default() -> Self {
        Self { rpo: Duration::from_hours(24), rto: Duration::from_hours(1) }
    }
}
