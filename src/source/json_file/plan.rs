//! Says what a restore of a JSON file would do.

use super::super::SourcePlan;
use super::super::error::StageError;
use super::super::shown::shown;
use super::JsonFile;
use super::document::{counts, parse};
use super::held::{Base, Held};
use crate::archive::ArchiveReader;
use crate::model::SourceKind;
use crate::progress::Progress;

pub(super) fn plan(source: &JsonFile, archive: &ArchiveReader, progress: &Progress) -> Result<SourcePlan, StageError> {
    let live = source.live()?;
    let held = Held::of(source, archive)?;
    let restored = held.read(archive, progress)?;
    let mut notes: Vec<String> =
        held.warnings.iter().map(|warning| format!("warned when it was taken: {warning}")).collect();
    let (added, changed) = match live {
        None => (1, 0),
        Some(_) => {
            let base = Base { text: restored, exclusions: held.exclusions };
            let (whole, lost) = base.with_live_if_readable(&source.path, &source.clock, progress)?;
            notes.extend(lost);
            let now = std::fs::read(&source.path).unwrap_or_default();
            if let Ok(now) = parse(&now) {
                notes.extend(count_changes(now, &whole));
            }
            (0, u64::from(now != whole.as_bytes()))
        }
    };
    Ok(SourcePlan {
        name: source.name.clone(),
        kind: SourceKind::Json,
        method: source.swap_method()?,
        destination: source.path.clone(),
        staged_in: None,
        added,
        changed,
        removed: 0,
        added_bytes: added * held.content.size,
        changed_bytes: changed * held.content.size,
        removed_bytes: 0,
        bytes: held.content.size,
        notes,
    })
}

/// What a person can judge by: how many elements each collection has now and then.
fn count_changes(now: &str, then: &str) -> Vec<String> {
    let (now, then) = (counts(now), counts(then));
    let mut keys: Vec<_> = now.keys().chain(then.keys()).collect();
    keys.sort();
    keys.dedup();
    keys.into_iter()
        .map(|key| (key, now.get(key).copied().unwrap_or(0), then.get(key).copied().unwrap_or(0)))
        .filter(|(_, now, then)| now != then)
        .map(|(key, now, then)| format!("{}: {now} elements now, {then} afterwards", shown(key.as_bytes())))
        .collect()
}
