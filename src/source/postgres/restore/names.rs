//! The names of the databases that a restore makes and keeps beside the live one.

use crate::config::LONGEST_NAME;
use crate::model::{JobId, Sha256};

/// Between the live name and the job of what is staged.
const STAGED: &str = "_restore_";
/// Between the live name and the job of what was replaced.
const KEPT: &str = "_before_";
/// So many digits tell apart two long names that begin the same.
const DIGITS: usize = 8;

/// Under which `job` lays out what is to replace the database `live`.
pub(super) fn staged(live: &str, job: JobId) -> String {
    beside(live, STAGED, job)
}

/// Under which is kept what `job` replaced.
pub(super) fn kept(live: &str, job: JobId) -> String {
    beside(live, KEPT, job)
}

fn beside(live: &str, mark: &str, job: JobId) -> String {
    let ending = format!("{mark}{}", job.0.simple());
    let room = LONGEST_NAME - ending.len();
    if live.len() <= room {
        return format!("{live}{ending}");
    }
    let digits = &Sha256::of(live.as_bytes()).to_string()[..DIGITS];
    let begins = &live[..live.floor_char_boundary(room - DIGITS - 1)];
    format!("{begins}-{digits}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_the_name_both_fit_and_name_the_job() {
        let job = JobId::generate();
        for live in ["clinic", &"x".repeat(LONGEST_NAME), &"ä".repeat(31), "a b\"c"] {
            for (name, mark) in [(staged(live, job), STAGED), (kept(live, job), KEPT)] {
                assert!(name.len() <= LONGEST_NAME, "{name}");
                assert!(name.ends_with(&format!("{mark}{}", job.0.simple())), "{name}");
                assert_eq!(name.chars().next(), live.chars().next());
            }
        }
        assert_eq!(staged("clinic", job), format!("clinic_restore_{}", job.0.simple()));
    }

    #[test]
    fn long_names_that_begin_the_same_stay_apart() {
        let job = JobId::generate();
        let long = |end: &str| format!("a_clinic_with_a_long_name_in_{end}");
        assert_ne!(staged(&long("north"), job), staged(&long("south"), job));
    }
}
