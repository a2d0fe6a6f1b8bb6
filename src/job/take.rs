//! Takes a backup: the work that the backup job and the safety backup of a restore share.
//!
//! Nothing has the name of a backup before its archive was written, read again and made durable.

use std::fs::File;
use std::sync::Arc;

use super::context::{JobContext, in_reading_order};
use super::failure::failure;
use super::room;
use crate::archive::metadata::FORMAT_VERSION;
use crate::archive::verify::{Depth, verify};
use crate::archive::{ArchiveReader, ArchiveWriter, Finished, Metadata, SourceMetadata, SourceSummary, WriterOptions};
use crate::catalog::{BackupFilter, BackupRecord, JobError};
use crate::failpoint;
use crate::model::{BackupId, Class, ErrorCode, Mode, Scope};
use crate::source::{CheckReport, Source};
use crate::store::{ArchiveName, Partial};

/// What to take.
pub(super) struct Taking<'a> {
    pub(super) class: Class,
    pub(super) scope: Scope,
    pub(super) sources: &'a [Arc<dyn Source>],
    pub(super) description: &'a str,
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
    let Checked { mut warnings, metadata: of_sources } = check(cx, &sources)?;
    phase("read")?;
    let created_at = cx.parts.clock.now();
    let partial = cx.parts.store.create(taking.class, created_at, cx.parts.settings.codec)?;
    failpoint::pass("backup.created")?;
    let metadata = metadata(cx, taking, of_sources, created_at);
    let finished = write(cx, &sources, &partial, metadata)?;
    failpoint::pass("backup.written")?;
    phase("check the archive")?;
    read_again(cx, &partial, &finished)?;
    for summary in &finished.restore_point.sources {
        warnings.extend(summary.warnings.iter().cloned());
        // What a restore replaces is often what is left after a loss: nobody has to be told then.
        if taking.class == Class::Backup {
            warnings.extend(shrunk(cx, summary)?);
        }
    }
    phase("publish")?;
    let name = cx.parts.store.publish(partial, finished.sha256)?;
    let mut record =
        BackupRecord::of_archive(&finished.restore_point, name.as_str(), finished.size_bytes, Some(finished.sha256));
    record.job_id = Some(cx.job.id);
    tracing::info!(job_id = %cx.job.id, backup_id = %record.id, "{} of {} bytes is published", name, record.size_bytes);
    Ok(Taken { record, warnings })
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

/// Everything that can be known before a byte is written.
fn check(cx: &JobContext<'_>, sources: &[Arc<dyn Source>]) -> Result<Checked, JobError> {
    cx.parts.store.check()?;
    let mut checks: Vec<CheckReport> = Vec::with_capacity(sources.len());
    for source in sources {
        let report = source.check().map_err(|error| {
            let error = JobError::from(error);
            JobError { message: format!("source '{}': {}", source.name(), error.message), ..error }
        })?;
        checks.push(report);
    }
    room::of_backup(cx.parts, sources, cx.progress)?.require()?;
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
    sources: Vec<SourceMetadata>,
    created_at: jiff::Timestamp,
) -> Metadata {
    Metadata {
        format_version: FORMAT_VERSION,
        id: BackupId::generate(),
        class: taking.class,
        scope: taking.scope,
        mode: Mode::Full,
        parent_id: None,
        created_at,
        host: cx.parts.settings.host.clone(),
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
        requested_by: cx.job.requested_by.clone(),
        description: taking.description.to_owned(),
        sources,
    }
}

fn write(
    cx: &JobContext<'_>,
    sources: &[Arc<dyn Source>],
    partial: &Partial,
    metadata: Metadata,
) -> Result<Finished, JobError> {
    let settings = &cx.parts.settings;
    let spool_dir = partial.path().parent().map(std::path::Path::to_path_buf).unwrap_or_default();
    let options = WriterOptions { codec: settings.codec, threads: settings.threads, spool_dir };
    let mut writer = ArchiveWriter::create(partial.file()?, &options, metadata, cx.progress.clone())?;
    let mut summaries = Vec::with_capacity(sources.len());
    for source in sources {
        summaries.push(source.snapshot(&mut writer, cx.progress)?);
        failpoint::pass("backup.source_read")?;
    }
    Ok(writer.finish(summaries, cx.parts.clock.now())?)
}

/// No false success: what was written has to open, say the same, and have a whole manifest.
fn read_again(cx: &JobContext<'_>, partial: &Partial, finished: &Finished) -> Result<(), JobError> {
    let unreadable = |what: String| {
        failure(
            ErrorCode::Failed,
            format!("the archive could not be read again after it was written: {what}"),
            "nothing was kept; look at the disk (dmesg, smartctl) and try again",
        )
    };
    let file = File::open(partial.path())?;
    let archive = ArchiveReader::open(file).map_err(|error| unreadable(error.to_string()))?;
    if *archive.restore_point() != finished.restore_point {
        return Err(unreadable("its restore point differs".to_owned()));
    }
    let report = verify(&archive, None, Depth::Quick, cx.progress)?;
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
