//! What can be told of a replaced database only after the commit: whether its safety backup holds all of it.
//!
//! To save it again while the application is stopped would take as long as the database is large. So it is asked
//! afterwards whether anything was written to it since; then it is saved once more from where it is kept, while everybody
//! works with the new one. Nothing here fails a restore: what is not safe is kept.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::context::{JobContext, Parts};
use super::journal::{Journal, State, Step};
use super::safety;
use crate::catalog::JobError;
use crate::failpoint;
use crate::model::SourceName;
use crate::source::{Source, SwapRecord};

/// Finds out what is safe, and saves the rest. Returns warnings.
pub(super) fn save(cx: &JobContext<'_>, journal: &mut Journal) -> Vec<String> {
    let (mut warnings, changed) = look(cx.parts, journal);
    let mut sources: Vec<Arc<dyn Source>> = Vec::new();
    for record in &changed {
        match cx.parts.source(&record.source).map_or(Ok(None), |source| source.replaced(record)) {
            Ok(source) => sources.extend(source),
            Err(error) => warnings.push(not_saved(&record.source, &error.to_string())),
        }
    }
    if !sources.is_empty()
        && let Err(error) = save_again(cx, journal, &sources, &mut warnings)
    {
        warnings.extend(sources.iter().map(|source| not_saved(source.name(), &error.message)));
    }
    warnings.extend(seal(journal));
    warnings
}

/// As [`save`] at the start after a crash, when nothing can be saved any more. Returns warnings.
pub(super) fn look_again(parts: &Parts, journal: &mut Journal) -> Vec<String> {
    let (mut warnings, changed) = look(parts, journal);
    warnings.extend(changed.iter().map(|record| not_saved(&record.source, "the daemon ended before it could be")));
    warnings.extend(seal(journal));
    warnings
}

/// Notes what is safe as it is. Returns warnings, and what has changed since it was saved.
fn look(parts: &Parts, journal: &mut Journal) -> (Vec<String>, Vec<SwapRecord>) {
    let mut warnings = Vec::new();
    let (mut safe, mut changed) = (BTreeSet::new(), Vec::new());
    for record in databases(&journal.state) {
        if !is_held_wholly(parts, &journal.state, &record.source) {
            continue;
        }
        match record.changed_since_safety() {
            Ok(true) => changed.push(record),
            Ok(false) => drop(safe.insert(record.source)),
            Err(error) => warnings.push(not_saved(&record.source, &error.to_string())),
        }
    }
    if !safe.is_empty()
        && let Err(error) = journal.append(Step::Safe { sources: safe, backup: None })
    {
        warnings.push(format!("what is safe of what was replaced could not be written down: {error}"));
    }
    (warnings, changed)
}

fn save_again(
    cx: &JobContext<'_>,
    journal: &mut Journal,
    sources: &[Arc<dyn Source>],
    warnings: &mut Vec<String>,
) -> Result<(), JobError> {
    let saved = safety::save_replaced(cx, sources)?;
    failpoint::pass("restore.replaced_saved")?;
    cx.note("third_safety_backup_id", saved.backup.to_string());
    warnings.extend(saved.warnings);
    journal.append(Step::Safe { sources: saved.whole, backup: Some(saved.backup) })?;
    Ok(())
}

/// From now on it can be proved that nobody changed what is kept. Returns warnings.
fn seal(journal: &mut Journal) -> Vec<String> {
    let mut warnings = Vec::new();
    let swaps: Vec<SwapRecord> =
        journal.state.swaps.iter().filter(|record| record.method().is_of_database()).cloned().collect();
    for record in swaps {
        let sealed = record.sealed().map_err(|error| error.to_string());
        let written = sealed.and_then(|sealed| {
            let step = sealed.map(|record| Step::Sealed { record });
            step.map_or(Ok(()), |step| journal.append(step)).map_err(|error| error.to_string())
        });
        if let Err(error) = written {
            warnings.push(format!(
                "{}: an undo will load the safety backup instead of what is kept: {error}",
                record.source
            ));
        }
    }
    warnings
}

/// The swaps of databases that replaced something.
fn databases(state: &State) -> Vec<SwapRecord> {
    let is_one = |record: &&SwapRecord| record.method().is_of_database() && record.replaces_something();
    state.swaps.iter().filter(is_one).cloned().collect()
}

/// Whether a safety backup holds all that was live of the source when it began.
fn is_held_wholly(parts: &Parts, state: &State, name: &SourceName) -> bool {
    let backups = state.safety_backups().rev().filter_map(|id| parts.catalog.backup(id).ok());
    let held: Vec<_> = backups.flat_map(|backup| backup.sources).filter(|held| held.name == *name).collect();
    held.first().is_some_and(|newest| newest.warnings.is_empty())
}

fn not_saved(source: &SourceName, why: &str) -> String {
    format!(
        "{source}: what was replaced was written to after its safety backup had begun and could not be saved again, so it is \
         kept until somebody removes it: {why}"
    )
}
