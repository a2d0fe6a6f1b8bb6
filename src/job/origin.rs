//! Whether a backup is of the data that is configured here: another clinic's may have sources of the same names.

use super::context::Parts;
use crate::catalog::BackupRecord;
use crate::model::SourceName;

/// What differs between where each source of `backup` was and where it is by the configuration; for people. Sources that
/// are not configured are left out, and so is what an older program did not write down.
#[must_use]
pub fn differences(parts: &Parts, backup: &BackupRecord) -> Vec<(SourceName, String)> {
    let Some(origin) = &backup.origin else { return Vec::new() };
    let here = &parts.settings.host;
    let differs = |(name, location): (&SourceName, &String)| {
        let now = parts.source(name)?.metadata().location;
        (now != *location || origin.host != *here).then(|| {
            let what = format!("backed up from {location} on host {}; here it is {now} on host {here}", origin.host);
            (name.clone(), what)
        })
    };
    origin.locations.iter().filter_map(differs).collect()
}
