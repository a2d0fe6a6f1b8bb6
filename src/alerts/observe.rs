//! Gathers the state that the rules look at.

use std::sync::Arc;

use super::restore_time::restore_time;
use super::settings::AlertSettings;
use super::state::{CatalogState, EndedJobs, RunningJob, Schedules, SourceState, State, StoreState};
use super::usage::days_until_full;
use crate::archive::SourceSummary;
use crate::catalog::{AlertRecord, BackupFilter, BackupRecord, CatalogError};
use crate::fsio::{self, Space};
use crate::job::Parts;
use crate::model::{BackupState, Class, JobKind, SourceKind, SourceName, VerifyResult};
use crate::source::Source;
use crate::store::Presence;

/// How many of the newest jobs of each kind are looked at.
const JOBS: u32 = 50;

/// The state at this moment, in which the alerts `firing` fire. Blocks for as long as catalog, store and sources take.
pub(super) fn observe(
    parts: &Parts,
    settings: &AlertSettings,
    schedules: &dyn Schedules,
    running: Vec<RunningJob>,
    firing: &[AlertRecord],
) -> Result<State, CatalogError> {
    let now = parts.clock.now();
    let names: Vec<(SourceName, SourceKind)> =
        parts.sources.iter().map(|source| (source.name().clone(), source.kind())).collect();
    let known = parts.catalog.know_sources(&names, now)?;
    let backups = backups(parts)?;
    let mut fallen = parts.catalog.fallen_sources(&names, &backups)?;
    let ended = ended_jobs(parts)?;
    let source = |(name, kind): &(SourceName, SourceKind)| {
        let own = settings.of_sources.get(name).copied().unwrap_or_default();
        let of = |wanted: fn(&BackupRecord) -> bool| {
            backups.iter().find(|backup| wanted(backup) && held(backup, name, *kind).is_some()).cloned()
        };
        let newest = of(is_usable);
        let bytes = newest.as_ref().and_then(|backup| held(backup, name, *kind)).map(|held| held.size_bytes);
        SourceState {
            name: name.clone(),
            kind: *kind,
            known_since: known.get(&(name.clone(), *kind)).copied().unwrap_or(now),
            rpo: own.rpo.unwrap_or(settings.objectives.rpo),
            has_own_rpo: own.rpo.is_some(),
            own_rto: own.rto,
            newest_verified: of(is_verified),
            newest,
            fallen: fallen.remove(name),
            restore_time: bytes.and_then(|bytes| restore_time(&ended.restores, bytes)),
        }
    };
    let sources: Vec<SourceState> = names.iter().map(source).collect();
    let newest_bytes = backups.iter().find(|backup| is_usable(backup)).map(|backup| backup.raw_bytes);
    let just_names: Vec<SourceName> = names.into_iter().map(|(name, _)| name).collect();
    Ok(State {
        now,
        store: store(parts, settings, &backups)?,
        catalog: catalog(parts)?,
        state_space: space_of_state(settings),
        sources,
        restore_time: newest_bytes.and_then(|bytes| restore_time(&ended.restores, bytes)),
        backups,
        ended,
        running,
        troubles: parts.restores.troubles(),
        outlook: schedules.outlook(&just_names),
        notices: parts.catalog.notices_status(now)?,
        firing: firing.iter().map(|alert| alert.key.clone()).collect(),
        missing_backup_after: settings.alerts.missing_backup_after,
        low_disk: settings.alerts.low_disk,
        min_free: settings.min_free,
        max_total_bytes: settings.max_total_bytes,
        rto: settings.objectives.rto,
    })
}

/// The backups as the store has them at this moment. The catalog learns of an archive that somebody removed or cut short
/// only when it is read or at the next start, and until then nobody is to be told that it protects them.
fn backups(parts: &Parts) -> Result<Vec<BackupRecord>, CatalogError> {
    // A store that is not there is a problem of its own.
    let presence = Presence::of(&*parts.store).ok();
    let mut backups = parts.catalog.list_backups(&BackupFilter { all: true, ..BackupFilter::default() })?;
    let Some(presence) = presence else { return Ok(backups) };
    let states = presence.states_of(&backups);
    for (backup, state) in backups.iter_mut().zip(states) {
        // Published after the store was listed.
        let is_new = || !presence.lists(&backup.filename) && is_in_store(parts, &backup.filename);
        if state != BackupState::Missing || !is_new() {
            backup.state = state;
        }
    }
    Ok(backups)
}

fn is_in_store(parts: &Parts, filename: &str) -> bool {
    filename.parse().is_ok_and(|name| parts.store.open(&name).is_ok())
}

/// What has the name but is of another kind is another thing.
fn held<'b>(backup: &'b BackupRecord, name: &SourceName, kind: SourceKind) -> Option<&'b SourceSummary> {
    backup.sources.iter().find(|held| held.name == *name && held.kind == kind)
}

fn is_usable(backup: &BackupRecord) -> bool {
    backup.state == BackupState::Available && backup.class == Class::Backup
}

fn is_verified(backup: &BackupRecord) -> bool {
    is_usable(backup) && backup.verify_result == Some(VerifyResult::Passed)
}

fn ended_jobs(parts: &Parts) -> Result<EndedJobs, CatalogError> {
    let of = |kind| parts.catalog.ended_jobs(kind, JOBS);
    Ok(EndedJobs {
        backups: of(JobKind::Backup)?,
        restores: of(JobKind::Restore)?,
        verifications: of(JobKind::Verify)?,
        removals: of(JobKind::Prune)?,
    })
}

fn store(parts: &Parts, settings: &AlertSettings, backups: &[BackupRecord]) -> Result<StoreState, CatalogError> {
    let device = fsio::device_of(&settings.store_dir).ok();
    let shares = |source: &&Arc<dyn Source>| {
        let of_source = source.check().ok().and_then(|check| check.device);
        device.is_some() && of_source == device
    };
    let trouble = parts.store.check().err().map(|error| error.to_string());
    // Of a disk that is not there, this would be the room on the one below.
    let space = if trouble.is_none() { parts.store.space().ok() } else { None };
    let here = backups.iter().filter(|backup| backup.state != BackupState::Missing);
    let days = parts.catalog.store_days(parts.clock.now())?;
    Ok(StoreState {
        same_device_as: parts.sources.iter().filter(shares).map(|source| source.name().clone()).collect(),
        bytes: here.map(|backup| backup.size_bytes).sum(),
        days_until_full: space.and_then(|space| days_until_full(&days, space.free_bytes)),
        trouble,
        space,
    })
}

fn catalog(parts: &Parts) -> Result<CatalogState, CatalogError> {
    let unreadable = parts.catalog.unreadable_archives()?.into_iter().map(|archive| archive.filename);
    Ok(CatalogState {
        is_disk_full: parts.catalog.is_disk_full(),
        unreadable: unreadable.filter(|filename| is_in_store(parts, filename)).collect(),
        removal_waits: parts.catalog.removal_waits()?,
        expiry_waits_since: parts.catalog.prune_waits_since()?,
    })
}

fn space_of_state(settings: &AlertSettings) -> Option<Space> {
    let device = |dir| fsio::device_of(dir).ok();
    if device(&settings.state_dir) == device(&settings.store_dir) {
        return None;
    }
    fsio::free_space(&settings.state_dir).ok()
}
