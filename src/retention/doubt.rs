//! Can the clock be believed? One that was lost with a battery says 1970, one that was set wrongly 2090, and by it every
//! backup would be too old, or none.

use jiff::{SignedDuration, Timestamp};

use super::{Candidate, reason::InWords};
use crate::model::BackupState;

/// Clocks differ by so much without being wrong.
pub(super) const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// Between two backups, or after the last, nobody lets so much time pass.
const LONGEST_GAP: SignedDuration = SignedDuration::from_hours(400 * 24);

/// After a longer one, the clock is believed again when it went on from there for so long: by then it was looked at.
const BELIEVED_AFTER: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Why the clock cannot be believed at `now`, if it cannot.
#[must_use]
pub fn doubt(backups: &[Candidate], now: Timestamp) -> Option<String> {
    let is_ahead = |backup: &&Candidate| backup.created_at > now.saturating_add(SKEW).unwrap_or(Timestamp::MAX);
    let counts = |backup: &&Candidate| backup.state.is_restore_point() || backup.state == BackupState::Trashed;
    if let Some(ahead) = backups.iter().filter(counts).filter(is_ahead).map(|backup| backup.created_at).max() {
        return Some(format!(
            "nothing expires: the clock says {}, but there is a backup of {}. Set the clock; if it is right, delete that \
             backup",
            day(now),
            day(ahead)
        ));
    }
    let mut times: Vec<Timestamp> = backups.iter().filter(|b| !is_ahead(b)).map(|backup| backup.created_at).collect();
    times.push(now);
    times.sort_unstable();
    let last_gap = times.windows(2).rev().find(|pair| pair[1].duration_since(pair[0]) > LONGEST_GAP)?;
    let (before, after) = (last_gap[0], last_gap[1]);
    (now.duration_since(after) < BELIEVED_AFTER).then(|| {
        let wait = InWords(BELIEVED_AFTER.unsigned_abs());
        format!(
            "nothing expires: between {} and {} there is no backup, as if the clock had jumped. Set it; if it is right, \
             backups expire again when it went on for {wait}",
            day(before),
            day(after)
        )
    })
}

fn day(at: Timestamp) -> jiff::civil::Date {
    at.to_zoned(jiff::tz::TimeZone::UTC).date()
}
