//! The backup that is restored, and the live data that cannot be saved first.

use std::sync::Arc;

use super::super::context::{JobContext, Parts};
use super::super::failure::failure;
use crate::archive::verify::{Depth, verify};
use crate::archive::{ArchiveReader, SourceSummary};
use crate::catalog::{BackupRecord, JobError, RestoreSpec};
use crate::model::{ErrorCode, SourceName};
use crate::source::Source;
use crate::store::Lease;

/// An open backup with the sources that it is to replace.
#[derive(Debug)]
pub(super) struct Restoring {
    pub(super) record: BackupRecord,
    pub(super) archive: Arc<ArchiveReader>,
    pub(super) sources: Vec<Arc<dyn Source>>,
    _lease: Lease,
}

/// Live data that cannot be saved before it is replaced.
#[derive(Debug)]
pub(super) struct Unsaved {
    pub(super) source: SourceName,
    pub(super) why: String,
}

impl Restoring {
    pub(super) fn open(parts: &Parts, spec: &RestoreSpec) -> Result<Self, JobError> {
        let (record, archive, lease) = open_backup(parts, spec)?;
        let names = selected_names(&archive, &spec.sources)?;
        let sources = names
            .iter()
            .map(|name| {
                let kind = archive.restore_point().metadata.sources.iter().find(|s| s.name == *name).map(|s| s.kind);
                let source = parts.source(name).filter(|source| Some(source.kind()) == kind);
                source.cloned().ok_or_else(|| {
                    let message = format!("the backup holds the source '{name}', which is not configured here");
                    failure(ErrorCode::NotFound, message, "add it to the configuration, or restore with --to DIR")
                })
            })
            .collect::<Result<_, JobError>>()?;
        Ok(Self { record, archive, sources, _lease: lease })
    }

    /// Reads all of the backup, so that nothing damaged is begun with.
    pub(super) fn require_sound(&self, cx: &JobContext<'_>) -> Result<(), JobError> {
        let depth = Depth::Full { threads: cx.parts.settings.threads };
        let report = verify(&self.archive, self.record.sha256, depth, cx.progress)?;
        let Some(first) = report.damage.first() else { return Ok(()) };
        let hurt = match report.hurt_paths.first() {
            Some(path) => format!("; it hurts {} files, first: {path}", report.hurt_count),
            None => String::new(),
        };
        let message = format!("{} is damaged: {first}{hurt}", self.record.filename);
        Err(failure(ErrorCode::Corruption, message, "nothing was changed; choose another backup: `carelogctl list`"))
    }

    /// Files and bytes of the sources that are restored, which need not be all that the backup holds.
    pub(super) fn size(&self) -> (u64, u64) {
        let held = &self.archive.restore_point().sources;
        let restored = |held: &&SourceSummary| self.sources.iter().any(|source| *source.name() == held.name);
        held.iter().filter(restored).fold((0, 0), |(files, bytes), held| {
            (u64::saturating_add(files, held.files), u64::saturating_add(bytes, held.size_bytes))
        })
    }

    pub(super) fn unsaved(&self) -> Vec<Unsaved> {
        let why = |source: &Arc<dyn Source>| Some((source.name().clone(), source.check().err()?));
        self.sources.iter().filter_map(why).map(|(source, why)| Unsaved { source, why: why.to_string() }).collect()
    }
}

/// Opens the archive of a backup and keeps it from being removed meanwhile.
pub(in crate::job) fn open_backup(
    parts: &Parts,
    spec: &RestoreSpec,
) -> Result<(BackupRecord, Arc<ArchiveReader>, Lease), JobError> {
    let lease = parts.leases.lease([spec.backup])?;
    let record = parts.catalog.backup(spec.backup)?;
    let archive = open_archive(parts, &record)?;
    Ok((record, archive, lease))
}

pub(super) fn open_archive(parts: &Parts, record: &BackupRecord) -> Result<Arc<ArchiveReader>, JobError> {
    let name = record.filename.parse().map_err(|bad| failure(ErrorCode::Failed, bad, ""))?;
    let archive = ArchiveReader::open(parts.store.open(&name)?)?;
    let id = archive.restore_point().metadata.id;
    if id != record.id {
        let message = format!("{} holds backup {id}, not {}", record.filename, record.id);
        return Err(failure(ErrorCode::Corruption, message, "`carelogctl verify --all` shows what else is wrong"));
    }
    Ok(Arc::new(archive))
}

/// The sources to restore: those asked for, or all in the backup, in the order of the backup.
pub(in crate::job) fn selected_names(
    archive: &ArchiveReader,
    asked: &[SourceName],
) -> Result<Vec<SourceName>, JobError> {
    let held: Vec<&SourceName> = archive.restore_point().metadata.sources.iter().map(|source| &source.name).collect();
    if held.is_empty() {
        let message = "the backup holds no source at all";
        return Err(failure(ErrorCode::NotFound, message, "choose another backup: `carelogctl list`"));
    }
    if let Some(unknown) = asked.iter().find(|name| !held.contains(name)) {
        let names: Vec<&str> = held.iter().map(|name| name.as_str()).collect();
        let message = format!("the backup does not hold a source '{unknown}'");
        return Err(failure(ErrorCode::NotFound, message, &format!("it holds: {}", names.join(", "))));
    }
    Ok(held.into_iter().filter(|name| asked.is_empty() || asked.contains(name)).cloned().collect())
}

pub(super) fn require_accepted(unsaved: &[Unsaved], accepted: bool) -> Result<(), JobError> {
    if unsaved.is_empty() || accepted {
        return Ok(());
    }
    let names: Vec<String> = unsaved.iter().map(|u| format!("source '{}': {}", u.source, u.why)).collect();
    let message = format!("live data cannot be saved before it is replaced: {}", names.join("; "));
    Err(failure(ErrorCode::Refused, message, "if it may be replaced all the same, add --accept-unsaved"))
}
