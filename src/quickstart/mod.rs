//! The demonstration: a sample clinic is backed up, damaged, restored and compared, in one folder and without root.
//!
//! It uses nothing but what everybody uses: the daemon runs as it always does, only on a thread of this process, and is
//! asked over its socket. What it says it has measured itself; whatever is not as it should be ends it with an error. It
//! must never touch anything outside of its folder, nor leave a daemon behind. Called by `main`.

mod disaster;
mod folder;
mod next_steps;
mod picture;
mod running;
mod sample;
mod story;

use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, bail, ensure};
use carelog_rpc::{
    Backup, BackupRequest, Job, RestoreFrom, RestorePlan, RestoreRequest, Scope, SourceKind, VerifyResult, VerifyTarget,
};

use self::folder::Folder;
use self::picture::Picture;
use self::running::{Interrupted, Running};
use self::sample::{Counts, Sample};
use self::story::{Story, count, seconds, size};
use crate::signals::Shutdown;

/// How the demonstration ended that met no error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Everything was as it should be.
    Shown,
    /// It was interrupted; the daemon has ended.
    Interrupted,
}

/// Runs it in `dir`, which must be new or empty, or in a new temporary folder, until `interrupt` asks it to end.
///
/// # Errors
/// Whatever is not as it should be.
pub fn run(dir: Option<&Path>, interrupt: &Shutdown) -> anyhow::Result<Ending> {
    let folder = Folder::make(dir)?;
    let mut story = Story::on_stdout();
    match show(&folder, &mut story, interrupt) {
        Ok(()) => Ok(Ending::Shown),
        Err(error) if error.is::<Interrupted>() => {
            story.blank();
            story.say(&format!("Interrupted. The daemon has ended; what there is lies in {}", folder.shown()));
            Ok(Ending::Interrupted)
        }
        Err(error) => Err(error).with_context(|| {
            let at = story.at();
            format!("the demonstration failed at '{at}'; its log is {}", folder.log().display())
        }),
    }
}

fn show(folder: &Folder, story: &mut Story, interrupt: &Shutdown) -> anyhow::Result<()> {
    story.title(&format!("CareLog backup on a sample clinic, in {}", folder.shown()));
    let config = folder.write_config()?;
    let sample = Sample::make(&folder.clinic())?;
    let before = Picture::take(&folder.clinic())?;
    tell_clinic(story, &sample.counts(), &before);

    let daemon = Running::start(config, &folder.log(), interrupt)?;
    let mut demonstration = Demonstration { folder, story, daemon, sample, before };
    let backup = demonstration.back_up()?;
    demonstration.damage()?;
    demonstration.plan(&backup)?;
    let safety = demonstration.restore(&backup)?;
    demonstration.compare()?;
    demonstration.verify(&[&backup, &safety])?;
    let Demonstration { daemon, .. } = demonstration;
    daemon.stop()?;
    story.blank();
    story.say("Everything is as it should be. The daemon has ended; nothing runs any more.");
    next_steps::tell(story, folder, &backup)
}

fn tell_clinic(story: &mut Story, counts: &Counts, before: &Picture) {
    let Counts { patients, visits, prescriptions } = counts;
    let (files, bytes) = before.size("studies");
    let (_, records) = before.size("data.json");
    story.step("A clinic");
    let records = size(records);
    story.line(
        "clinic/data.json",
        &format!("{patients} patients, {visits} visits, {prescriptions} prescriptions, {records}"),
    );
    story.line("clinic/studies/", &format!("{} of images and reports, {}", count(files, "file"), size(bytes)));
    story.line("carelogd.toml", "says what is backed up and where to; the daemon runs by it");
}

/// What the steps work with.
struct Demonstration<'a> {
    folder: &'a Folder,
    story: &'a mut Story,
    daemon: Running,
    sample: Sample,
    /// The clinic before the disaster.
    before: Picture,
}

impl Demonstration<'_> {
    fn back_up(&mut self) -> anyhow::Result<Backup> {
        self.story.step("Backup");
        let request = BackupRequest {
            scope: Scope::All,
            sources: Vec::new(),
            description: "before the disaster".to_owned(),
            mode: None,
            rescan: false,
            dry_run: false,
        };
        let began = Instant::now();
        let job = self.daemon.job(async |client| client.backup(request).await)?;
        let took = began.elapsed();
        let backup = self.daemon.ask(async |client| client.show(of_backup(&job)).await)?;
        let archive = self.folder.backups().join(&backup.filename);
        let on_disk = archive.metadata().with_context(|| archive.display().to_string())?.len();
        ensure!(on_disk == backup.size_bytes, "{} is not as long as the daemon says", archive.display());
        self.story.line("archive", &format!("backups/{}", backup.filename));
        let content = format!("{}, {}", count(backup.files, "file"), size(backup.raw_bytes));
        self.story.line("content", &format!("{content}, compressed to {}", size(backup.size_bytes)));
        self.story
            .line("what it is", "an ordinary tar in zstd, its SHA-256 beside it; sha256sum, zstd and tar read it");
        self.story.line("took", &seconds(took));
        Ok(backup)
    }

    fn damage(&mut self) -> anyhow::Result<()> {
        self.story.step("Disaster");
        let counts = self.sample.counts();
        disaster::strike(&self.sample, &self.folder.clinic())?;
        let left = Counts::read(&self.folder.clinic().join("data.json"))?;
        let now = Picture::take(&self.folder.clinic())?;
        let (files, _) = self.before.size("studies");
        let (lost, overwritten) = (now.lost(&self.before, "studies"), now.rewritten(&self.before, "studies"));
        ensure!(left != counts && lost > 0 && overwritten > 0, "the disaster did no harm");
        self.story.line("a bad import", &format!("patients in data.json: {} -> {}", counts.patients, left.patients));
        self.story.line("a wrong clean-up", &format!("{lost} of {files} study files deleted"));
        self.story.line("a wrong path", &format!("{} overwritten", count(overwritten, "study file")));
        Ok(())
    }

    fn plan(&mut self, backup: &Backup) -> anyhow::Result<()> {
        self.story.step("What a restore would do");
        let request = RestoreRequest { dry_run: true, ..restore_of(backup) };
        let plan = self.daemon.ask(async |client| client.plan_restore(request, None).await)?;
        ensure!(plan.backup.id == backup.id, "the plan is for another backup: {}", plan.backup.filename);
        ensure!(plan.unsaved.is_empty(), "not everything could be saved first: {}", plan.unsaved.join("; "));
        self.tell_plan(&plan);
        Ok(())
    }

    fn tell_plan(&mut self, plan: &RestorePlan) {
        for source in &plan.sources {
            let changes = [(source.added, "come back"), (source.changed, "replaced"), (source.removed, "removed")];
            let told = changes.iter().filter(|(change, _)| change.files > 0);
            let told: Vec<String> = told.map(|(change, what)| format!("{} {what}", change.files)).collect();
            let of_what = if source.kind == SourceKind::Files { "files and folders" } else { "data file" };
            self.story.line(&source.name, &format!("{}: {}", of_what, told.join(", ")));
        }
        if plan.safety_backup {
            self.story.line("before that", "a safety backup of everything that is replaced, damaged as it is");
        }
    }

    fn restore(&mut self, backup: &Backup) -> anyhow::Result<Backup> {
        self.story.step("Restore");
        let request = restore_of(backup);
        let began = Instant::now();
        let job = self.daemon.job(async |client| client.restore(request, None).await)?;
        let took = began.elapsed();
        let Some(id) = job.safety_backup_id else { bail!("the restore took no safety backup") };
        let safety = self.daemon.ask(async |client| client.show(id).await)?;
        self.story.line("checked", "every byte of the backup, before anything else");
        self.story.line("safety backup", &format!("backups/{}", safety.filename));
        self.story.line("swapped", "staged beside the live data, validated, exchanged at once");
        self.story.line("took", &format!("{}, safety backup included", seconds(took)));
        Ok(safety)
    }

    /// Not what the daemon says: what is there.
    fn compare(&mut self) -> anyhow::Result<()> {
        self.story.step("Is it all back?");
        let now = Picture::take(&self.folder.clinic())?;
        if let Some(difference) = now.first_difference(&self.before) {
            bail!("the clinic is not what it was: {difference}");
        }
        let (files, bytes) = self.before.size("");
        let same = format!("{}, {}: every byte, mode and time is what it was", count(files, "file"), size(bytes));
        self.story.line("clinic/", &same);
        Ok(())
    }

    fn verify(&mut self, backups: &[&Backup]) -> anyhow::Result<()> {
        let began = Instant::now();
        self.daemon.job(async |client| client.verify(VerifyTarget::All, false).await)?;
        let took = began.elapsed();
        for backup in backups {
            let id = backup.id.clone();
            let result = self.daemon.ask(async |client| client.show(id).await)?.verify_result;
            ensure!(result == Some(VerifyResult::Passed), "{} did not pass verification", backup.filename);
        }
        let told = format!("{} read again and compared with their checksums in {}", backups.len(), seconds(took));
        self.story.line("backups/", &told);
        Ok(())
    }
}

fn restore_of(backup: &Backup) -> RestoreRequest {
    RestoreRequest {
        from: RestoreFrom::Backup(backup.id.clone()),
        sources: Vec::new(),
        paths: Vec::new(),
        partial: false,
        accept_unsaved: false,
        description: "the demonstration".to_owned(),
        dry_run: false,
        now: false,
        to: false,
        to_database: None,
    }
}

fn of_backup(job: &Job) -> String {
    job.backup_id.clone().unwrap_or_else(|| "latest".to_owned())
}
