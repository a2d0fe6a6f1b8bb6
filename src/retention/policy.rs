//! What the clinic wants to keep.

use std::time::Duration;

/// How many of a kind are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// This many; 0 for none on this ground.
    Count(u32),
    /// Every one.
    All,
}

/// The rules of `[retention]`. A backup that any of them keeps is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetentionPolicy {
    /// The newest so many.
    pub keep_last: Keep,
    /// The newest of each of the last so many hours that have one.
    pub keep_hourly: Keep,
    /// The same of days.
    pub keep_daily: Keep,
    /// The same of weeks, which begin on Monday.
    pub keep_weekly: Keep,
    /// The same of months.
    pub keep_monthly: Keep,
    /// The same of years.
    pub keep_yearly: Keep,
    /// Everything that is younger.
    pub keep_within: Duration,
    /// Safety backups have this rule alone: those that are younger stay.
    pub keep_safety: Duration,
    /// The store may take this many bytes; `None` for any. Never a reason to remove what another rule keeps.
    pub max_total_bytes: Option<u64>,
    /// How long what was removed can be taken back.
    pub trash: Duration,
}

impl RetentionPolicy {
    /// Whether no backup would ever be kept by it, but for what is protected anyway.
    #[must_use]
    pub fn keeps_nothing(&self) -> bool {
        let counts =
            [self.keep_last, self.keep_hourly, self.keep_daily, self.keep_weekly, self.keep_monthly, self.keep_yearly];
        self.keep_within.is_zero() && counts.iter().all(|keep| *keep == Keep::Count(0))
    }
}

impl Default for RetentionPolicy {
    fn default() -> Self {
        const DAY: Duration = Duration::from_hours(24);
        Self {
            keep_last: Keep::Count(7),
            keep_hourly: Keep::Count(0),
            keep_daily: Keep::Count(30),
            keep_weekly: Keep::Count(0),
            keep_monthly: Keep::Count(12),
            keep_yearly: Keep::All,
            keep_within: Duration::ZERO,
            keep_safety: DAY.saturating_mul(30),
            max_total_bytes: None,
            trash: DAY.saturating_mul(2),
        }
    }
}
