//! When a letter that did not arrive is tried again, and when no more.

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::catalog::OutboxRow;
use crate::model::Sha256;

/// The wait after the first attempt. It doubles with each.
const FIRST_WAIT: SignedDuration = SignedDuration::from_mins(1);

/// It grows no longer than this.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(1);

/// The wait after a refusal for ever. There is none for ever in truth: a server that is set up wrongly refuses everything,
/// until somebody sees it.
pub(super) const REJECTED_WAIT: SignedDuration = LONGEST_WAIT;

/// What does not arrive within this is given up.
const GIVEN_UP_AFTER: SignedDuration = SignedDuration::from_hours(3 * 24);

/// Fewer attempts than these are no trial, however far the clock has moved meanwhile.
const FEWEST_ATTEMPTS: u32 = 8;

/// How long to wait after as many attempts as these and one more; up to a fifth longer, by `seed`, so that the daemons of
/// several clinics do not come at the same moment. Letters of one daemon that fail together are tried again together.
pub(super) fn wait_after(attempts: u32, seed: Uuid) -> SignedDuration {
    let wait = FIRST_WAIT.saturating_mul(1_i32 << attempts.min(10)).min(LONGEST_WAIT);
    let digest = Sha256::of(format!("{seed} {attempts}").as_bytes());
    let share = i64::from(digest.0[0]);
    wait + SignedDuration::from_millis(i64::try_from(wait.as_millis()).unwrap_or_default() / 5 * share / 255)
}

/// Whether `row`, tried in vain once more just now, is given up.
pub(super) fn is_given_up(row: &OutboxRow, now: Timestamp) -> bool {
    now.duration_since(row.created_at) >= GIVEN_UP_AFTER && row.attempts + 1 >= FEWEST_ATTEMPTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_from_a_minute_to_an_hour_and_is_a_fifth_longer_at_most() {
        for (attempts, minutes) in [(0, 1), (1, 2), (2, 4), (5, 32), (6, 60), (7, 60), (u32::MAX, 60)] {
            let least = SignedDuration::from_mins(minutes);
            for seed in (0..100).map(Uuid::from_u128) {
                let wait = wait_after(attempts, seed);
                assert!(wait >= least && wait <= least + least / 5, "{attempts} {seed}: {wait}");
            }
        }
    }

    #[test]
    fn daemons_whose_server_failed_them_all_do_not_come_back_at_the_same_moment() {
        let seeds = (0..50).map(Uuid::from_u128);
        let waits: std::collections::BTreeSet<_> = seeds.map(|seed| wait_after(3, seed)).collect();
        assert!(waits.len() > 20, "{waits:?}");
    }
}
