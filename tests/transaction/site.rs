//! A clinic with an application: hooks that write down what they are called for and what they see.

use std::fs;
use std::path::{Path, PathBuf};

use nix::unistd::{Uid, User};
use serde_json::Value;

use crate::support::clinic::{noise, write_file};
use crate::support::process::Answer;
#[cfg(feature = "failpoints")]
use crate::support::wait::wait_for;
use crate::support::wait::wait_until;
use crate::support::world::LAID_ASIDE_WITHIN;
use crate::support::{TreeImage, World};

/// The live data of both sources.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Live {
    pub(super) records: Value,
    pub(super) studies: TreeImage,
}

impl Live {
    pub(super) fn of(world: &World) -> Self {
        Self {
            records: world.clinic.records(),
            studies: TreeImage::of_all_but(&world.clinic.studies, LAID_ASIDE_WITHIN),
        }
    }
}

/// A world with a backup, and live data that differs from it in everything. No daemon runs.
pub(super) struct Site {
    pub(super) world: World,
    pub(super) backup: String,
    /// As in the backup.
    pub(super) then: Live,
    /// As before a restore.
    pub(super) now: Live,
    /// Where the hooks write down what they are called for.
    pub(super) calls: PathBuf,
}

impl Site {
    /// With the hooks `stop`, `start` and `probe`, each of which writes a line.
    pub(super) fn new() -> Self {
        Self::with_hooks(|hooks| hooks.that_write_lines())
    }

    /// With the `[hooks]` that `hooks` writes.
    pub(super) fn with_hooks(hooks: impl Fn(&Hooks<'_>) -> String) -> Self {
        let world = World::new();
        let calls = world.path("calls");
        Self::within(world, calls, hooks)
    }

    /// In a world with places of its own.
    pub(super) fn within(world: World, calls: PathBuf, hooks: impl Fn(&Hooks<'_>) -> String) -> Self {
        let text = hooks(&Hooks::new(&world, &calls));
        world.write_config(&format!("{}\n[hooks]\n{text}", world.config()));
        make_small(&world);
        let then = Live::of(&world);
        let daemon = world.start();
        let answer = world.ctl(&["backup", "--json"]).expect_code(0);
        let backup = answer.json()["backup_id"].as_str().unwrap().to_owned();
        daemon.stop();
        change_everything(&world);
        let now = Live::of(&world);
        assert!(now.records != then.records && now.studies != then.studies);
        Self { world, backup, then, now, calls }
    }

    pub(super) fn restore(&self) -> Answer {
        self.world.ctl(&["restore", &self.backup, "--yes", "--json"])
    }

    /// What the hooks wrote down.
    pub(super) fn calls(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.calls).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// The only restore job.
    pub(super) fn job(&self) -> Option<Value> {
        let mut jobs = self.restore_jobs();
        assert!(jobs.len() <= 1, "{jobs:#?}");
        jobs.pop()
    }

    /// The restore jobs, the newest first.
    pub(super) fn restore_jobs(&self) -> Vec<Value> {
        let jobs = self.world.ctl(&["jobs", "--all", "--json"]).expect_code(0).json();
        let mut jobs = jobs["jobs"].as_array().unwrap().clone();
        jobs.retain(|job| job["kind"] == "restore");
        jobs
    }

    /// From here on restores keep what they replace. No daemon runs.
    pub(super) fn keep_replaced(&self) {
        self.world.edit_config("keep_replaced = \"0s\"", "keep_replaced = \"1h\"");
    }

    pub(super) fn marker(&self) -> PathBuf {
        self.world.state_dir().join("restore-in-progress")
    }

    /// Waits until no restore has anything left to do.
    #[track_caller]
    pub(super) fn wait_settled(&self) {
        wait_until("the restore to be settled", || {
            let Ok(journals) = fs::read_dir(self.world.state_dir().join("restores")) else { return true };
            journals
                .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap_or_default())
                .all(|text| text.is_empty() || text.lines().any(|line| line.ends_with("\"step\":\"settled\"}")))
        });
    }

    /// What holds after anything that keeps nothing: nothing lies beside the live data, and [`Site::assert_of_one_piece`].
    #[track_caller]
    pub(super) fn assert_whole(&self, context: &str) -> bool {
        let is_new = self.assert_of_one_piece(context);
        assert_eq!(self.world.laid_aside(), Vec::<String>::new(), "{context}");
        is_new
    }

    /// What holds after anything: both sources of one generation (true for that of the backup), the marker gone, and the
    /// application running if it was ever stopped; and whenever it was started its data was whole and its unit allowed to
    /// start.
    #[track_caller]
    pub(super) fn assert_of_one_piece(&self, context: &str) -> bool {
        let live = Live::of(&self.world);
        let is_new = live == self.then;
        assert!(is_new || live == self.now, "{context}: {:#}", live.records);
        assert!(!self.marker().exists(), "{context}");
        let calls = self.calls();
        let last = calls.iter().rfind(|call| call.starts_with("stop") || call.starts_with("start"));
        assert!(last.is_none_or(|call| call.starts_with("start")), "{context}: {calls:#?}");
        for call in calls.iter().filter(|call| call.starts_with("start")) {
            assert!(call.ends_with("old old free") || call.ends_with("new new free"), "{context}: {calls:#?}");
        }
        is_new
    }
}

#[cfg(feature = "failpoints")]
impl Site {
    /// The newest restore job, once it has ended and nothing of any restore is left to be done.
    #[track_caller]
    pub(super) fn settled_job(&self) -> Value {
        let job = wait_for("the end of the job", || {
            let job = self.restore_jobs().swap_remove(0);
            (job["state"] != "running" && job["state"] != "queued").then_some(job)
        });
        self.wait_settled();
        job
    }

    pub(super) fn undo(&self, restore: &str) -> Answer {
        self.world.ctl(&["restore", "--undo", restore, "--yes", "--json"])
    }
}

/// Writes hooks for a world.
pub(super) struct Hooks<'w> {
    pub(super) world: &'w World,
    calls: &'w Path,
}

impl<'w> Hooks<'w> {
    /// Hooks that write down in `calls` what they are called for.
    pub(super) const fn new(world: &'w World, calls: &'w Path) -> Self {
        Self { world, calls }
    }

    /// `stop`, `start`, `probe` and `after_restore`, which do nothing but write a line each.
    pub(super) fn that_write_lines(&self) -> String {
        let hooks = ["stop_application", "start_application"].map(|name| self.hook(name, &self.line(name)));
        let probe = self.probe("works", &self.line("probe"));
        format!("{}{}{probe}{}", hooks[0], hooks[1], self.hook("after_restore", &self.line("after_restore")))
    }

    /// A line of the configuration.
    pub(super) fn hook(&self, name: &str, script: &str) -> String {
        format!("{name} = {{ {} }}\n", self.fields(script))
    }

    pub(super) fn probe(&self, name: &str, script: &str) -> String {
        format!("probe = [{{ name = \"{name}\", {} }}]\n", self.fields(script))
    }

    fn fields(&self, script: &str) -> String {
        let user = User::from_uid(Uid::effective()).unwrap().unwrap().name;
        format!("argv = [\"/bin/sh\", \"-c\", '''{script}'''], run_as = \"{user}\", timeout = \"100s\"")
    }

    /// A script that appends: its name, the status that it is told, whether each source is old or new, and whether the
    /// marker keeps the application from starting.
    pub(super) fn line(&self, name: &str) -> String {
        let (data, studies) = (self.world.clinic.data.display(), self.world.clinic.studies.display());
        let marker = self.world.state_dir().join("restore-in-progress");
        format!(
            "d=old; grep -q \"Patient 30\" {data} && d=new; s=old; test -e {studies}/report.txt && s=new; \
             m=free; test -e {} && m=held; echo {name} $CARELOG_STATUS $d $s $m >> {}",
            marker.display(),
            self.calls.display()
        )
    }
}

fn make_small(world: &World) {
    let studies = &world.clinic.studies;
    for entry in fs::read_dir(studies).unwrap() {
        fs::remove_dir_all(entry.unwrap().path()).unwrap();
    }
    write_file(&studies.join("study-000/image-0000.dcm"), &noise(1, 3_000));
    write_file(&studies.join("report.txt"), b"nothing abnormal\n");
}

fn change_everything(world: &World) {
    let mut records = world.clinic.records();
    records["patients"].as_array_mut().unwrap().truncate(3);
    fs::write(&world.clinic.data, serde_json::to_vec_pretty(&records).unwrap()).unwrap();
    let studies = &world.clinic.studies;
    fs::remove_file(studies.join("report.txt")).unwrap();
    write_file(&studies.join("study-000/image-0000.dcm"), &noise(2, 3_000));
    write_file(&studies.join("study-001/image-0000.dcm"), &noise(3, 1_000));
}
