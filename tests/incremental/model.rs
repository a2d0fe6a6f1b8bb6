//! Random days, backups, deletions, prunes and crashes, held against what a map of pictures says: after each step every backup that
//! was not deleted is listed and comes back as it was.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Picture, id, world_of};
use crate::support::World;
use crate::support::clinic::{noise, write_file};
use crate::support::daemon::Daemon;

/// So many backups are kept at most, for each is read after each step.
const KEPT: usize = 4;

const STEPS: u64 = 32;

/// Where a backup or a deletion is killed.
const CRASHES: [&str; 9] = [
    "backup.source_read",
    "backup.written",
    "store.fsynced_archive",
    "store.wrote_checksum",
    "fsio.published",
    "fsio.synced_temporary",
    "prune.retained",
    "prune.forgotten",
    "queue.record_end",
];

#[test]
fn every_kept_backup_is_what_the_model_says_after_every_step() {
    let mut run = Run::new();
    for step in 0..STEPS {
        run.change();
        run.step(step);
        run.check(step);
    }
    run.world.ctl(&["verify", "--all"]).expect_code(0);
    run.world.ctl(&["audit", "verify"]).expect_code(0);
    for (id, picture) in &run.model {
        picture.assert_is(&Picture::restored(run.world, id));
    }
}

struct Run {
    world: &'static World,
    daemon: Option<Daemon<'static>>,
    model: BTreeMap<String, Picture>,
    random: Random,
}

impl Run {
    fn new() -> Self {
        // As long as the daemon, and with it as long as the process of this test.
        let world: &'static World = Box::leak(Box::new(world_of(12)));
        // Whatever is removed is removed at once.
        let rules = "keep_last = 2\nkeep_daily = 0\nkeep_monthly = 0\nkeep_yearly = 0\n";
        world.write_config(&format!("{}{rules}", world.config()));
        write_file(&world.clinic.studies.join("large"), &noise(3, 3 << 20));
        Self { world, daemon: Some(world.start()), model: BTreeMap::new(), random: Random(0x5EED) }
    }

    /// Changes a few things in the live data.
    fn change(&mut self) {
        for _ in 0..self.random.below(5) {
            change_something(&self.world.clinic.studies, &mut self.random);
        }
        if self.random.below(3) == 0 {
            let mut records = self.world.clinic.records();
            let patient = usize::try_from(self.random.below(40)).unwrap();
            records["patients"][patient]["name"] = format!("Patient {}", self.random.below(1 << 40)).into();
            fs::write(&self.world.clinic.data, serde_json::to_vec_pretty(&records).unwrap()).unwrap();
        }
    }

    /// Takes a backup or removes some, undisturbed or killed on the way.
    fn step(&mut self, step: u64) {
        let prunes = self.model.len() > 2 && self.random.below(6) == 0;
        let deletes = self.model.len() > KEPT || (self.model.len() > 1 && self.random.below(4) == 0);
        let crash = (self.random.below(3) == 0).then(|| self.random.one_of(&CRASHES));
        if crash.is_some() {
            self.daemon.take().unwrap().stop();
            let plan = format!("{}=kill", crash.unwrap_or_default());
            self.daemon = Some(self.world.start_with(&[("CARELOG_FAIL", &plan)]));
        }
        if prunes {
            self.prune(step, crash.is_some());
        } else if deletes {
            let ids: Vec<String> = self.model.keys().cloned().collect();
            let victim = self.random.one_of(&ids);
            let answer = self.world.ctl(&["delete", &victim, "-m", "model", "--yes"]);
            self.after_crash();
            if answer.code == 0 || !self.kept().contains(&victim) {
                self.model.remove(&victim);
            }
            assert!(answer.code == 0 || crash.is_some() || answer.code == 9, "step {step}: {answer:#?}");
        } else {
            let mode = if self.random.below(5) == 0 { &["--full"][..] } else { &[] };
            let picture = Picture::live(self.world);
            match crash {
                None => {
                    let answer = self.world.ctl(&[&["backup", "--json"], mode].concat());
                    // With a warning when much of the tree has gone.
                    assert!([0, 3].contains(&answer.code), "step {step}: {answer:#?}");
                    self.model.insert(answer.json()["backup_id"].as_str().unwrap().to_owned(), picture);
                }
                Some(_) => {
                    let _killed_or_not = self.world.ctl(&[&["backup"], mode].concat());
                    self.after_crash();
                    let new = self.kept().into_iter().find(|id| !self.model.contains_key(id));
                    self.model.extend(new.map(|id| (id, picture)));
                }
            }
        }
    }

    /// Prunes. The plan says what goes; of a killed one, some of it may have.
    fn prune(&mut self, step: u64, is_to_crash: bool) {
        let before = self.kept();
        let plan = self.world.ctl(&["prune", "--dry-run", "--json"]);
        let pruned = self.world.ctl(&["prune", "--yes"]);
        self.after_crash();
        let planned = |id: &String| {
            let backups = plan.json()["backups"].as_array().unwrap().clone();
            backups.iter().any(|backup| backup["id"] == id.as_str() && backup["expires"] == true)
        };
        let kept = self.kept();
        for id in before.iter().filter(|id| !kept.contains(id)) {
            assert!(planned(id), "step {step}: {id} is gone and was not to go: {:#}", plan.json());
            self.model.remove(id);
        }
        if !is_to_crash {
            pruned.expect_code(0);
            assert!(!kept.iter().any(planned), "step {step}: {kept:?} of {:#}", plan.json());
        }
    }

    /// Starts the daemon again without disturbance, if it was killed or was to be.
    fn after_crash(&mut self) {
        drop(self.daemon.take());
        self.daemon = Some(self.world.start());
    }

    fn listed(&self) -> Vec<Value> {
        let list = self.world.ctl(&["list", "--all", "--json"]).expect_code(0).json();
        list["backups"].as_array().unwrap().clone()
    }

    fn kept(&self) -> Vec<String> {
        let available = self.listed().into_iter().filter(|backup| backup["state"] == "available");
        available.map(|backup| id(&backup).to_owned()).collect()
    }

    #[track_caller]
    fn check(&self, step: u64) {
        let listed = self.listed();
        let mut kept = self.kept();
        kept.sort();
        assert_eq!(kept, self.model.keys().cloned().collect::<Vec<_>>(), "step {step}: {listed:#?}");
        for backup in &listed {
            // Nothing stays that nobody needs, and all that is needed is there.
            let needed = !backup["needed_by"].as_array().unwrap().is_empty();
            assert!(needed || backup["state"] == "available", "step {step}: {backup:#}");
            let archive = super::archive(self.world, backup);
            assert_eq!(fs::metadata(&archive).unwrap().len(), backup["size_bytes"], "step {step}");
            if let Some(picture) = self.model.get(id(backup)) {
                picture.assert_is(&Picture::extracted(self.world, &archive));
            }
        }
    }
}

/// One change of one thing in the tree.
fn change_something(root: &Path, random: &mut Random) {
    let files = things(root, |meta| meta.is_file());
    let folders = things(root, |meta| meta.is_dir());
    let folder = random.one_of(&folders);
    let new = folder.join(format!("new-{}", random.below(1 << 40)));
    let content = |random: &mut Random| {
        let size = random.one_of(&[0, 1, 700, 30_000, 600_000, 5 << 20]);
        noise(random.below(1 << 40), size)
    };
    let Some(file) = (!files.is_empty()).then(|| random.one_of(&files)) else {
        return write_file(&new, &content(random));
    };
    match random.below(12) {
        0..=2 => write_file(&new, &content(random)),
        3 => write_file(&file, &content(random)),
        4 => {
            // In place, in the middle.
            let opened = fs::File::options().write(true).open(&file).unwrap();
            opened.write_all_at(b"changed", opened.metadata().unwrap().size() / 2).unwrap();
        }
        5 => fs::rename(&file, &new).unwrap(),
        6 => drop(fs::copy(&file, &new).unwrap()),
        7 => fs::hard_link(&file, &new).unwrap(),
        8 => std::os::unix::fs::symlink("somewhere", &new).unwrap(),
        9 => {
            let mode = random.one_of(&[0o600, 0o604, 0o640, 0o755]);
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        }
        10 => {
            fs::remove_file(&file).unwrap();
            fs::create_dir(&file).unwrap();
        }
        _ if folder == root => fs::remove_file(&file).unwrap(),
        _ => fs::remove_dir_all(&folder).unwrap(),
    }
}

/// The things of one kind in a tree, the root too, in an order that is always the same.
fn things(root: &Path, wanted: fn(&fs::Metadata) -> bool) -> Vec<PathBuf> {
    let (mut found, mut waiting) = (Vec::new(), vec![root.to_owned()]);
    while let Some(path) = waiting.pop() {
        let meta = path.symlink_metadata().unwrap();
        if meta.is_dir() {
            waiting.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        if wanted(&meta) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Numbers that are the same in every run (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn one_of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[usize::try_from(self.below(choices.len() as u64)).unwrap()].clone()
    }
}
