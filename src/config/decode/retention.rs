//! `[retention]`, and `BACKUP_RETENTION_DAYS`.

use crate::config::document::Fields;
use crate::config::environment::Lookup;
use crate::config::problem::Problems;
use crate::retention::RetentionPolicy;

pub(super) fn retention(
    fields: Option<&Fields<'_>>,
    environment: &Lookup<'_>,
    problems: &mut Problems,
) -> RetentionPolicy {
    let _ = (fields, environment, problems);
    RetentionPolicy::default()
}
