//! What is put in place, and the live data that cannot be saved first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::archives;
use super::super::context::{JobContext, Parts};
use super::super::damage;
use super::super::failure::failure;
use super::super::verify::{Files, note_damage, note_found};
use crate::archive::escape::{escape, unescape};
use crate::archive::verify::verify_set;
use crate::archive::{ArchiveReader, EntryKind, SourceMetadata};
use crate::catalog::{BackupFilter, BackupRecord, JobError, RestoreSpec};
use crate::model::{Class, ErrorCode, SourceName};
use crate::progress::Progress;
use crate::source::postgres::PostgresError;
use crate::source::{
    KeptData, SafetyBackup, Source, SourceError, SourcePlan, StageError, StageRequest, Staged, Wanted, shown,
};
use crate::store::Lease;

/// What is to be put in place, open.
#[derive(Debug)]
pub(super) struct Restoring {
    /// The backup that is restored.
    pub(super) record: BackupRecord,
    pub(super) replacements: Vec<Replacement>,
    /// What is damaged in the backup stays as it is, instead of being an error.
    pub(super) partial: bool,
    /// What was found to be damaged.
    pub(super) damage: Vec<String>,
    /// Every byte of the backup was read and found to be sound.
    pub(super) was_read_wholly: bool,
    pub(super) _leases: Vec<Lease>,
}

/// What is to be put in the place of one source.
#[derive(Debug)]
pub(super) struct Replacement {
    pub(super) source: Arc<dyn Source>,
    pub(super) archive: Arc<ArchiveReader>,
    pub(super) paths: Members,
    /// What an earlier restore replaced, when it is that.
    pub(super) kept: Option<KeptData>,
}

/// Members of one source, as in [`StageRequest::paths`].
pub(in crate::job) type Members = Vec<Vec<u8>>;

/// Live data that cannot be saved before it is replaced.
#[derive(Debug)]
pub(super) struct Unsaved {
    pub(super) source: SourceName,
    pub(super) why: String,
}

impl Restoring {
    pub(super) fn open(parts: &Parts, spec: &RestoreSpec) -> Result<Self, JobError> {
        let (record, archive, lease) = open_backup(parts, spec)?;
        let mut replacements = Vec::new();
        for (name, paths) in selected_members(parts, &archive, spec)? {
            let kind = archive.restore_point().metadata.sources.iter().find(|s| s.name == name).map(|s| s.kind);
            let source = parts.source(&name).filter(|source| Some(source.kind()) == kind).ok_or_else(|| {
                let message = format!("the backup holds the source '{name}', which is not configured here");
                failure(ErrorCode::NotFound, message, "add it to the configuration, or restore with --to DIR")
            })?;
            let archive = Arc::clone(&archive);
            replacements.push(Replacement { source: Arc::clone(source), archive, paths, kept: None });
        }
        let (partial, damage) = (spec.partial, Vec::new());
        Ok(Self { record, replacements, partial, damage, was_read_wholly: false, _leases: vec![lease] })
    }

    /// Reads all of the backup, so that nothing damaged is begun with; a partial restore says what is damaged, and goes on.
    pub(super) fn require_sound(&mut self, cx: &JobContext<'_>) -> Result<(), JobError> {
        let Some(Replacement { archive, .. }) = self.replacements.first() else { return Ok(()) };
        let (report, files) = verify_set(archive, self.record.sha256, cx.parts.settings.threads, cx.progress)?;
        self.was_read_wholly = report.is_sound();
        let Some(first) = report.damage.first() else { return Ok(()) };
        note_found(cx, Files::of_reports(files))?;
        damage::trace(cx, self.record.id, []);
        note_damage(cx, self.record.id, first)?;
        if self.partial {
            self.damage.extend(report.damage.iter().map(|what| format!("{}: {what}", self.record.filename)));
            return Ok(());
        }
        let hurt = match report.hurt_paths.first() {
            Some(path) => format!("; it hurts {} files, first: {path}", report.hurt_count),
            None => String::new(),
        };
        Err(self.is_damaged(&format!("{first}{hurt}")))
    }

    /// By its id, because what is damaged is not `latest` any more.
    fn is_damaged(&self, what: &str) -> JobError {
        let what = what.strip_prefix("damaged: ").unwrap_or(what);
        let message = format!("{} is damaged: {what}", self.record.filename);
        let hint = format!(
            "nothing was changed; choose another backup (`carelogctl list`), or restore what is undamaged of this one: \
             `carelogctl restore {} --partial`",
            self.record.id
        );
        failure(ErrorCode::Corruption, message, &hint)
    }

    /// What it would do to each source. A partial restore leaves a source out of which nothing can be told or had. What is
    /// refused is refused at once, for all sources, with what prevents saving them first.
    pub(super) fn plan(&mut self, progress: &Progress) -> Result<Vec<SourcePlan>, JobError> {
        let mut plans = Vec::with_capacity(self.replacements.len());
        let mut refused: Vec<JobError> = Vec::new();
        let mut kept = Vec::with_capacity(self.replacements.len());
        for replacement in std::mem::take(&mut self.replacements) {
            match replacement.plan(progress) {
                Ok(plan) => {
                    plans.push(plan);
                    kept.push(replacement);
                }
                Err(error) if self.partial && error.code == ErrorCode::Corruption => {
                    let name = replacement.source.name();
                    self.damage.push(format!("left as it is: source '{name}': {}", error.message));
                }
                Err(error) if error.code == ErrorCode::Corruption => return Err(self.is_damaged(&error.message)),
                Err(error) if error.code == ErrorCode::Refused => {
                    refused.push(error);
                    kept.push(replacement);
                }
                Err(error) => return Err(error),
            }
        }
        self.replacements = kept;
        if !refused.is_empty() {
            return Err(self.refused(refused));
        }
        match (plans.is_empty(), self.damage.first()) {
            (true, Some(first)) => {
                let message = format!("nothing of {} can be restored: {first}", self.record.filename);
                let hint = "nothing was changed; choose another backup: `carelogctl list`";
                Err(failure(ErrorCode::Corruption, message, hint))
            }
            _ => Ok(plans),
        }
    }

    /// All that was refused as one, and the rights that would be found missing next.
    fn refused(&self, refused: Vec<JobError>) -> JobError {
        let rights = self.replacements.iter().filter_map(|replacement| match replacement.source.check() {
            Err(error @ SourceError::Postgres(PostgresError::Rights { .. })) => Some(error.to_string()),
            _ => None,
        });
        let hint = refused.iter().map(|error| error.hint.clone()).find(|hint| !hint.is_empty()).unwrap_or_default();
        let messages: Vec<String> = refused.into_iter().map(|error| error.message).chain(rights).collect();
        failure(ErrorCode::Refused, messages.join("\n"), &hint)
    }

    /// Files and bytes that are restored, which need not be all that the backup holds.
    pub(super) fn size(&self) -> Result<(u64, u64), JobError> {
        self.sum(Replacement::size)
    }

    /// The same without the members of `lost`, which were damaged.
    pub(super) fn size_without(&self, lost: &BTreeSet<String>) -> Result<(u64, u64), JobError> {
        self.sum(|replacement| replacement.size_without(lost))
    }

    fn sum(&self, of: impl Fn(&Replacement) -> Result<(u64, u64), JobError>) -> Result<(u64, u64), JobError> {
        let mut size = (0_u64, 0_u64);
        for replacement in &self.replacements {
            let (files, bytes) = of(replacement)?;
            // What an archive says of itself may be any number.
            size = (size.0.saturating_add(files), size.1.saturating_add(bytes));
        }
        Ok(size)
    }

    /// The members that are restored, escaped like the paths of a manifest; empty for all.
    pub(super) fn escaped_paths(&self) -> Vec<String> {
        let paths = self.replacements.iter().flat_map(|replacement| &replacement.paths);
        paths.map(|path| escape(path).into_owned()).collect()
    }

    pub(super) fn names(&self) -> Vec<SourceName> {
        self.replacements.iter().map(|replacement| replacement.source.name().clone()).collect()
    }

    pub(super) fn unsaved(&self) -> Vec<Unsaved> {
        let sources = self.replacements.iter().map(|replacement| &replacement.source);
        let why = |source: &Arc<dyn Source>| Some((source.name().clone(), source.check().err()?));
        sources.filter_map(why).map(|(source, why)| Unsaved { source, why: why.to_string() }).collect()
    }
}

impl Replacement {
    fn plan(&self, progress: &Progress) -> Result<SourcePlan, JobError> {
        let plan = match &self.kept {
            Some(kept) => self.source.plan_of_kept(&self.archive, kept, progress),
            None => self.source.plan(&self.archive, &self.paths, progress),
        };
        plan.map_err(|error| self.plan_error(error))
    }

    /// Lays it out beside the live data.
    pub(super) fn stage(
        &self,
        cx: &JobContext<'_>,
        safety: Option<&SafetyBackup>,
        partial: bool,
    ) -> Result<Box<dyn Staged>, JobError> {
        let request = StageRequest {
            job: cx.job.id,
            safety,
            paths: self.paths.clone(),
            kept: self.kept.clone(),
            partial,
            threads: cx.parts.settings.threads,
        };
        Ok(self.source.stage(&self.archive, &request, cx.progress)?)
    }

    fn size(&self) -> Result<(u64, u64), JobError> {
        if self.paths.is_empty() {
            let held = self.archive.restore_point().sources.iter().find(|held| held.name == *self.source.name());
            return Ok(held.map_or((0, 0), |held| (held.files, held.size_bytes)));
        }
        self.size_without(&BTreeSet::new())
    }

    fn size_without(&self, lost: &BTreeSet<String>) -> Result<(u64, u64), JobError> {
        size_of(&self.archive, &self.source.metadata(), &self.paths, lost)
    }

    fn plan_error(&self, error: StageError) -> JobError {
        let is_of_live_data = matches!(error, StageError::Source(_));
        let is_something_else = matches!(error, StageError::Source(SourceError::WrongType { .. }));
        let error = JobError::from(error);
        if !is_of_live_data || error.code != ErrorCode::Failed {
            return error;
        }
        let hint = format!(
            "nothing was changed; make {} what the configuration says, or restore with --to DIR",
            self.source.metadata().location
        );
        // What is not of the kind that was saved cannot be replaced safely, whatever is accepted.
        let code = if is_something_else { ErrorCode::Refused } else { error.code };
        JobError { code, hint, ..error }
    }
}

/// Files and bytes of the members `paths`, or of all where there are none, without those that are `lost`.
pub(in crate::job) fn size_of(
    archive: &ArchiveReader,
    source: &SourceMetadata,
    paths: &[Vec<u8>],
    lost: &BTreeSet<String>,
) -> Result<(u64, u64), JobError> {
    let mut size = (0_u64, 0_u64);
    for member in source.members() {
        for entry in Wanted::named(member.as_bytes(), paths).entries(archive) {
            let entry = entry?;
            if let EntryKind::File(content) = &entry.kind
                && (lost.is_empty() || !lost.contains(&shown(&entry.path)))
            {
                size = (size.0 + 1, size.1.saturating_add(content.size));
            }
        }
    }
    Ok(size)
}

/// Opens a backup with all that it needs, and keeps it from being removed meanwhile. For a partial restore what it needs
/// may be missing.
pub(in crate::job) fn open_backup(
    parts: &Parts,
    spec: &RestoreSpec,
) -> Result<(BackupRecord, Arc<ArchiveReader>, Lease), JobError> {
    let (record, lease) = archives::lease(parts, spec.backup)?;
    archives::require_kept(&record)?;
    let open = if spec.partial { archives::open_what_is_there } else { archives::open_restore_point };
    let archive = open(parts, &record)?;
    Ok((record, archive, lease))
}

/// The sources to restore in the order of the backup, each with the paths that are named in it: none for all of it.
pub(in crate::job) fn selected_members(
    parts: &Parts,
    archive: &ArchiveReader,
    spec: &RestoreSpec,
) -> Result<Vec<(SourceName, Members)>, JobError> {
    let held = &archive.restore_point().metadata.sources;
    let names: Vec<&str> = held.iter().map(|source| source.name.as_str()).collect();
    if held.is_empty() {
        let message = "the backup holds no source at all";
        return Err(failure(ErrorCode::NotFound, message, "choose another backup: `carelogctl list`"));
    }
    if let Some(unknown) = spec.sources.iter().find(|name| !names.contains(&name.as_str())) {
        let message = format!("the backup does not hold a source '{unknown}'");
        let holds = format!("it holds: {}", names.join(", "));
        return Err(failure(ErrorCode::NotFound, message, &format!("{holds}; {}", who_has(parts, unknown)?)));
    }
    let mut paths = members(archive, &spec.paths)?;
    let is_wanted = |name: &SourceName| spec.sources.is_empty() || spec.sources.contains(name);
    let wanted = held.iter().map(|source| &source.name).filter(|name| is_wanted(name));
    let selected = wanted.map(|name| (name.clone(), paths.remove(name)));
    Ok(selected
        .filter(|(_, paths)| spec.paths.is_empty() || paths.is_some())
        .map(|(name, paths)| (name, paths.unwrap_or_default()))
        .collect())
}

/// Which backup a restore of `source` can name.
fn who_has(parts: &Parts, source: &SourceName) -> Result<String, JobError> {
    let class = Some(Class::Backup);
    let filter = BackupFilter { limit: Some(1), source: Some(source.clone()), class, ..BackupFilter::default() };
    Ok(match parts.catalog.list_backups(&filter)?.first() {
        Some(newest) => {
            format!("the newest backup that has it: `carelogctl restore {} --source {source}`", newest.filename)
        }
        None => "no backup in the store has it".to_owned(),
    })
}

/// The members that `paths` name, by source: as they are, or in the form in which a list shows them.
fn members(archive: &ArchiveReader, paths: &[String]) -> Result<BTreeMap<SourceName, Members>, JobError> {
    let mut members: BTreeMap<SourceName, Members> = BTreeMap::new();
    for path in paths {
        let literal = unescape(path).unwrap_or_else(|| path.clone().into_bytes());
        let shown = str::from_utf8(&literal).ok().and_then(unescape);
        let mut found = None;
        for path in std::iter::once(literal).chain(shown) {
            for source in &archive.restore_point().metadata.sources {
                for member in source.members() {
                    match Wanted::find(archive, member.as_bytes(), std::slice::from_ref(&path)) {
                        Ok(_) => found = found.or_else(|| Some((source.name.clone(), path.clone()))),
                        Err(StageError::NoSuchMember { .. }) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
            }
        }
        let Some((name, path)) = found else {
            let message = format!("the backup does not hold '{path}'");
            let members: Vec<_> = archive.restore_point().metadata.sources.iter().map(SourceMetadata::member).collect();
            let hint = format!(
                "a path begins like the backup's {}; `carelogd extract ARCHIVE --list` shows all that it holds; JSON files \
                 and databases are restored whole or not at all",
                members.join(", ")
            );
            return Err(failure(ErrorCode::NotFound, message, &hint));
        };
        members.entry(name).or_default().push(path);
    }
    Ok(members)
}

/// Those of `paths` that lie in the source `name`, whether the archive holds them or not.
pub(super) fn paths_of(name: &SourceName, archive: &ArchiveReader, paths: &[String]) -> Members {
    let held = archive.restore_point().metadata.sources.iter().find(|source| source.name == *name);
    let members = held.map(SourceMetadata::members).unwrap_or_default();
    let is_within = |path: &Vec<u8>| {
        members.iter().any(|member| {
            let root = member.strip_suffix('/').unwrap_or(member);
            path == root.as_bytes() || path.starts_with(member.as_bytes())
        })
    };
    paths.iter().filter_map(|path| unescape(path)).filter(is_within).collect()
}

pub(super) fn require_accepted(unsaved: &[Unsaved], accepted: bool) -> Result<(), JobError> {
    if unsaved.is_empty() || accepted {
        return Ok(());
    }
    let names: Vec<String> = unsaved.iter().map(|u| format!("source '{}': {}", u.source, u.why)).collect();
    let message = format!("live data cannot be saved before it is replaced: {}", names.join("; "));
    Err(failure(ErrorCode::Refused, message, "if it may be replaced all the same, add --accept-unsaved"))
}
