//! How long a restore takes, by what earlier ones took.

use jiff::SignedDuration;

use crate::catalog::Job;
use crate::model::JobState;

/// A restore is taken as the measure of one that is at most this many times as large. One of much less tells nothing: most
/// of its time went into what does not grow with the size.
const LEAST_SHARE: u64 = 10;

/// A restore of so many per cent more or less is a measurement.
const MEASURED_WITHIN: u64 = 10;

/// How long a restore takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestoreTime {
    /// Seconds, at least 1.
    pub seconds: u64,
    /// Whether a restore of live data of about that size took so long, and it is not reckoned from another one.
    pub is_measured: bool,
}

/// How long a restore of `bytes` of live data takes, by the last of `restores` (the newest first) that tells: one of live
/// data, or else one into a folder, in proportion to the bytes.
#[must_use]
pub fn restore_time(restores: &[Job], bytes: u64) -> Option<RestoreTime> {
    let by = |live: bool| restores.iter().find_map(|job| reckoned(job, bytes, live));
    by(true).or_else(|| by(false))
}

fn reckoned(job: &Job, bytes: u64, live: bool) -> Option<RestoreTime> {
    if !matches!(job.state, JobState::Succeeded | JobState::Warned) || job.spec.replaces_live_data() != live {
        return None;
    }
    let then = job.outcome.as_ref()?.notes.get("bytes")?.as_u64().filter(|then| *then > 0)?;
    if then.saturating_mul(LEAST_SHARE) < bytes {
        return None;
    }
    let took: SignedDuration = job.finished_at?.duration_since(job.started_at?);
    let milliseconds = u128::try_from(took.as_millis()).ok()?.max(1);
    let seconds = u64::try_from(milliseconds * u128::from(bytes) / u128::from(then) / 1000).ok()?.max(1);
    let about = then / 100 * MEASURED_WITHIN;
    Some(RestoreTime { seconds, is_measured: live && then.abs_diff(bytes) <= about })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::testing::ended;
    use crate::catalog::JobSpec;
    use crate::catalog::samples::{restore_spec, time};

    /// A restore of so many bytes that took so many minutes.
    fn restore(spec: JobSpec, bytes: u64, minutes: u32) -> Job {
        let mut job = ended(spec, JobState::Succeeded, minutes);
        job.started_at = Some(time(0));
        job.outcome.as_mut().unwrap().notes.insert("bytes".to_owned(), bytes.into());
        job
    }

    #[test]
    fn the_last_restore_of_live_data_is_the_measure_of_what_is_about_as_large() {
        let live = restore(restore_spec(false), 1000, 10);
        for (bytes, expected) in [
            (1000, Some((600, true))),
            (1100, Some((660, true))),
            (900, Some((540, true))),
            (2000, Some((1200, false))),
            (10_000, Some((6000, false))),
            (10_001, None),
            (0, Some((1, false))),
        ] {
            let found = restore_time(std::slice::from_ref(&live), bytes);
            assert_eq!(found.map(|time| (time.seconds, time.is_measured)), expected, "{bytes}");
        }
    }

    #[test]
    fn a_restore_elsewhere_serves_as_an_estimate_when_there_is_no_other() {
        let elsewhere = restore(restore_spec(true), 1000, 10);
        let estimate = RestoreTime { seconds: 600, is_measured: false };
        assert_eq!(restore_time(std::slice::from_ref(&elsewhere), 1000), Some(estimate));
        let live = restore(restore_spec(false), 1000, 20);
        assert_eq!(restore_time(&[elsewhere, live], 1000), Some(RestoreTime { seconds: 1200, is_measured: true }));
        let failed = ended(restore_spec(false), JobState::Failed, 3);
        assert_eq!(restore_time(&[failed], 1000), None);
    }
}
