//! Takes a backup: the work that the backup job and the safety backup of a restore share.
//!
//! Nothing has the name of a backup before its archive was written, read again and made durable.

use std::fs::File;
use std::sync::Arc;

use super::bases::{Bases, BuildOn};
use super::context::{JobContext, in_reading_order};
use super::damage;
use super::failure::failure;
use super::room;
use crate::archive::metadata::FORMAT_VERSION;
use crate::archive::verify::verify_written;
use crate::archive::{
    ArchiveReader, ArchiveWriter, Finished, LookedAt, Metadata, SourceMetadata, SourceSummary, WriterOptions,
};
use crate::catalog::{BackupFilter, BackupRecord, JobError};
use crate::failpoint;
use crate::model::{BackupId, Class, ErrorCode, Scope};
use crate::source::{CheckReport, SeenDraft, SnapshotError, SnapshotRequest, Source};
use crate::store::{ArchiveName, Partial};

/// What to take.
pub(super) struct Taking<'a> {
    pub(super) class: Class,
    pub(super) scope: Scope,
    pub(super) sources: &'a [Arc<dyn Source>],
    pub(super) description: &'a str,
    pub(super) build_on: BuildOn,
    /// Read every file, also those that look as they did.
    pub(super) rescan: bool,
}

/// A published backup that the catalog does not know yet.
pub(super) struct Taken {
    pub(super) record: BackupRecord,
    pub(super) warnings: Vec<String>,
}

pub(super) fn take(cx: &JobContext<'_>, taking: &Taking<'_>) -> Result<Taken, JobError> {
    let phase = |name: &str| match taking.class {
        Class::Backup => cx.begin_phase(name),
        Class::Safety => cx.begin_phase(&format!("safety backup: {name}")),
    };
    phase("check")?;
    let sources = in_reading_order(taking.sources);
    let Checked { mut warnings, metadata: of_sources } = check(cx, taking, &sources)?;
    let mut bases = Bases::choose(cx.parts, &sources, taking.build_on)?;
    if let Some(rejected) = bases.rejected {
        damage::trace(cx, rejected, []);
    }
    let created_at = cx.parts.clock.now();
    let attempt = |bases: &Bases| {
        require_room(cx, taking.class, &sources, bases)?;
        phase("read")?;
        let written = write(cx, taking, &sources, bases, metadata(cx, taking, bases, &of_sources, created_at))?;
        phase("check the archive")?;
        read_again(cx, &written, bases)?;
        Ok(written)
    };
    let written = match attempt(&bases) {
        Ok(written) => written,
        Err(error) => {
            bases = none_if_damaged(cx, &bases, &error)?;
            attempt(&bases)?
        }
    };
    warnings.append(&mut bases.warnings);
    let Written { partial, finished, seen, .. } = written;
    for summary in &finished.restore_point.sources {
        warnings.extend(summary.warnings.iter().cloned());
        // What a restore replaces is often what is left after a loss: nobody has to be told then.
        if taking.class == Class::Backup {
            warnings.extend(shrunk(cx, summary)?);
        }
    }
    phase("publish")?;
    let name = cx.parts.store.publish(partial, finished.sha256)?;
    keep(cx, seen);
    let mut record =
        BackupRecord::of_archive(&finished.restore_point, name.as_str(), finished.size_bytes, Some(finished.sha256));
    record.job_id = Some(cx.job.id);
    tracing::info!(job_id = %cx.job.id, backup_id = %record.id, "{} of {} bytes is published", name, record.size_bytes);
    Ok(Taken { record, warnings })
}

fn require_room(cx: &JobContext<'_>, class: Class, sources: &[Arc<dyn Source>], bases: &Bases) -> Result<(), JobError> {
    let room = room::of_backup(cx.parts, sources, bases.mode(), cx.progress)?;
    match class {
        Class::Safety => room.require("a safety backup"),
        Class::Backup => {
            room.require("a backup")?;
            room::require_within_limit(cx.parts, room)
        }
    }
}

/// After a backup has failed: no bases, if they are to blame for it; otherwise the error.
fn none_if_damaged(cx: &JobContext<'_>, bases: &Bases, error: &JobError) -> Result<Bases, JobError> {
    cx.progress.check_cancelled()?;
    let none = bases.none_if_damaged(cx.progress).ok_or_else(|| error.clone())?;
    tracing::warn!(job_id = %cx.job.id, "begun again as a full: {}", error.message);
    if let Some(rejected) = none.rejected {
        damage::trace(cx, rejected, []);
    }
    Ok(none)
}

/// Removes a published archive that the catalog did not accept, so that none is there that nobody knows.
pub(super) fn withdraw(cx: &JobContext<'_>, record: &BackupRecord) {
    let name = record.filename.parse::<ArchiveName>();
    let removed = name.map_err(|bad| bad.to_string()).and_then(|name| {
        let removed = cx.parts.store.remove(&name);
        removed.map_err(|error| error.to_string())
    });
    if let Err(error) = removed {
        tracing::warn!(job_id = %cx.job.id, error, "{} stays; the next start takes it in", record.filename);
    }
}

/// What was found before a byte is written.
struct Checked {
    warnings: Vec<String>,
    metadata: Vec<SourceMetadata>,
}

/// A source is at fault. A backup can be had without it; what a restore has to save first cannot be chosen.
fn of_source(taking: &Taking<'_>, error: JobError) -> JobError {
    let others = "`--source NAME` backs up the others meanwhile";
    let has_others = taking.class == Class::Backup && taking.sources.len() > 1 && error.code == ErrorCode::Failed;
    if !has_others || error.hint.contains("--source NAME") {
        return error;
    }
    let hint = if error.hint.is_empty() { others.to_owned() } else { format!("{}; {others}", error.hint) };
    JobError { hint, ..error }
}

/// Everything that can be known before a byte is written.
fn check(cx: &JobContext<'_>, taking: &Taking<'_>, sources: &[Arc<dyn Source>]) -> Result<Checked, JobError> {
    cx.parts.store.check()?;
    let mut checks: Vec<CheckReport> = Vec::with_capacity(sources.len());
    for source in sources {
        let report = source.check().map_err(|error| {
            let error = of_source(taking, error.into());
            JobError { message: format!("source '{}': {}", source.name(), error.message), ..error }
        })?;
        checks.push(report);
    }
    let described = |(source, check): (&Arc<dyn Source>, &CheckReport)| SourceMetadata {
        details: check.details.clone(),
        ..source.metadata()
    };
    let metadata = sources.iter().zip(&checks).map(described).collect();
    Ok(Checked { warnings: checks.into_iter().flat_map(|check| check.warnings).collect(), metadata })
}

fn metadata(
    cx: &JobContext<'_>,
    taking: &Taking<'_>,
    bases: &Bases,
    sources: &[SourceMetadata],
    created_at: jiff::Timestamp,
) -> Metadata {
    Metadata {
        format_version: FORMAT_VERSION,
        id: BackupId::generate(),
        class: taking.class,
        scope: taking.scope,
        mode: bases.mode(),
        parent_id: bases.parent,
        created_at,
        host: cx.parts.settings.host.clone(),
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
        requested_by: cx.job.requested_by.clone(),
        description: taking.description.to_owned(),
        sources: sources.to_vec(),
    }
}

/// A finished archive that nobody else knows yet, and what the next backup needs to know of the trees in it.
struct Written {
    partial: Partial,
    finished: Finished,
    seen: Vec<SeenDraft>,
    looked_at: LookedAt,
}

fn write(
    cx: &JobContext<'_>,
    taking: &Taking<'_>,
    sources: &[Arc<dyn Source>],
    bases: &Bases,
    metadata: Metadata,
) -> Result<Written, JobError> {
    let settings = &cx.parts.settings;
    let partial = cx.parts.store.create(taking.class, metadata.created_at, settings.codec)?;
    failpoint::pass("backup.created")?;
    let spool_dir = partial.path().parent().map(std::path::Path::to_path_buf).unwrap_or_default();
    let options =
        WriterOptions { codec: settings.codec, threads: settings.threads, spool_dir, bases: bases.archives() };
    let mut writer = ArchiveWriter::create(partial.file()?, &options, metadata, cx.progress.clone())?;
    let mut summaries = Vec::with_capacity(sources.len());
    let (mut seen, mut looked_at) = (Vec::new(), LookedAt::default());
    let folder = match taking.class {
        Class::Backup => cx.parts.seen.clone(),
        // Nothing is ever built on a safety backup.
        Class::Safety => cx.parts.seen.clone().read_only(),
    };
    for source in sources {
        let base = bases.of(source.name());
        let request = SnapshotRequest { base: base.as_ref(), seen: Some(&folder), rescan: taking.rescan };
        let taken = source.snapshot(&mut writer, &request, cx.progress).map_err(|error| match error {
            SnapshotError::Source(error) => of_source(taking, error.into()),
            other => other.into(),
        })?;
        summaries.push(taken.summary);
        seen.extend(taken.seen);
        looked_at.merge(taken.looked_at);
        failpoint::pass("backup.source_read")?;
    }
    let finished = writer.finish(summaries, cx.parts.clock.now())?;
    failpoint::pass("backup.written")?;
    Ok(Written { partial, finished, seen, looked_at })
}

/// Not before the backup is published: what was seen is of use only to who can build on it. If a crash comes in between, or
/// it cannot be kept, the next backup reads everything again.
fn keep(cx: &JobContext<'_>, seen: Vec<SeenDraft>) {
    for draft in seen {
        if let Err(error) = draft.keep() {
            tracing::warn!(job_id = %cx.job.id, %error, "what was seen is not kept: the next backup reads all of it");
        }
    }
}

/// No false success: what was written has to open, say the same, and have a whole manifest.
fn read_again(cx: &JobContext<'_>, written: &Written, bases: &Bases) -> Result<(), JobError> {
    let unreadable = |what: String| {
        failure(
            ErrorCode::Failed,
            format!("the archive could not be read again after it was written: {what}"),
            "nothing was kept; look at the disk (dmesg, smartctl) and try again",
        )
    };
    let file = File::open(written.partial.path())?;
    let archive = ArchiveReader::open(file).and_then(|archive| archive.with_bases(bases.files()));
    let archive = archive.map_err(|error| unreadable(error.to_string()))?;
    if *archive.restore_point() != written.finished.restore_point {
        return Err(unreadable("its restore point differs".to_owned()));
    }
    let report = verify_written(&archive, written.finished.sha256, &written.looked_at, cx.progress)?;
    match report.damage.first() {
        None => Ok(()),
        Some(damage) => Err(unreadable(damage.clone())),
    }
}

/// A source that holds less than half of what it held last time may have lost its data, not only its backup.
fn shrunk(cx: &JobContext<'_>, now: &SourceSummary) -> Result<Option<String>, JobError> {
    let filter = BackupFilter {
        limit: Some(1),
        source: Some(now.name.clone()),
        class: Some(Class::Backup),
        ..BackupFilter::default()
    };
    let newest = cx.parts.catalog.list_backups(&filter)?;
    let before = newest.first().and_then(|backup| backup.sources.iter().find(|held| held.name == now.name));
    Ok(before.filter(|before| now.files < before.files / 2 || now.size_bytes < before.size_bytes / 2).map(|before| {
        format!(
            "{}: {} files and {} bytes, less than half of the last backup's {} files and {} bytes: was data lost?",
            now.name, now.files, now.size_bytes, before.files, before.size_bytes
        )
    }))
}
