//! A swap stopped at each of its steps, put back or finished, and stopped again at each step of that.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use proptest::prelude::*;

use super::super::stage::StagedTree;
use super::tree;
use crate::archive::ArchiveReader;
use crate::model::JobId;
use crate::progress::Progress;
use crate::source::steps::by_count::stopped_at;
use crate::source::testing::{assert_same_tree, backup_of, image};
use crate::source::{FileTree, Generation, SafetyBackup, Source as _, StageRequest, Staged, SwapMethod, SwapRecord};

const METHODS: [SwapMethod; 4] =
    [SwapMethod::ExchangeRoot, SwapMethod::RenameRoot, SwapMethod::ExchangeEntries, SwapMethod::RenameEntries];

/// Something to make in a tree.
#[derive(Clone, Debug)]
struct Plant {
    path: Vec<u8>,
    kind: u8,
    content: u8,
}

/// Makes what fits: where something else is in the way, nothing.
fn plant(root: &Path, plants: &[Plant]) {
    for Plant { path, kind, content } in plants {
        let path =
            path.iter().fold(root.to_owned(), |path, name| path.join(["a", "b", "c", "skip.log"][usize::from(*name)]));
        if fs::create_dir_all(path.parent().unwrap()).is_err() || path.symlink_metadata().is_ok() {
            continue;
        }
        match kind {
            0 => fs::create_dir(&path).unwrap(),
            1 => symlink(format!("to {content}"), &path).unwrap(),
            _ => {
                fs::write(&path, vec![*content; usize::from(*content) * 7]).unwrap();
                fs::set_permissions(&path, fs::Permissions::from_mode(0o600 + u32::from(*content % 8))).unwrap();
                let time = UNIX_EPOCH + Duration::from_secs(1_600_000_000 + u64::from(*content));
                File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
            }
        }
    }
}

fn plants() -> impl Strategy<Value = Vec<Plant>> {
    let one = (prop::collection::vec(0_u8..4, 1..4), 0_u8..6, any::<u8>()).prop_map(|(path, kind, content)| Plant {
        path,
        kind,
        content,
    });
    prop::collection::vec(one, 0..12)
}

/// A tree that is to be restored.
struct Scene {
    folder: tempfile::TempDir,
    root: PathBuf,
    source: FileTree,
    archive: Arc<ArchiveReader>,
}

impl Scene {
    /// A backup of `then`, and a tree of `now` and of some of what was there.
    fn set(then: &[Plant], now: &[Plant], removed: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("tree");
        fs::create_dir(&root).unwrap();
        plant(&root, then);
        fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).unwrap();
        let source = tree(&root, &["*.log"]);
        let archive = backup_of(&[&source]);
        for name in removed {
            let path = root.join(["a", "b", "c"][usize::from(*name)]);
            let _gone = fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path));
        }
        plant(&root, now);
        fs::set_permissions(&root, fs::Permissions::from_mode(0o750)).unwrap();
        Self { folder, root, source, archive }
    }

    fn stage(&self, method: SwapMethod) -> StagedTree {
        let created_at = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(10);
        let safety = SafetyBackup { archive: backup_of(&[&self.source]), created_at };
        let request = StageRequest { safety: Some(&safety), ..StageRequest::whole(JobId::generate()) };
        let progress = Progress::default();
        let mut staged = StagedTree::lay_out(&self.source, &self.archive, &request, method, &progress).unwrap();
        staged.validate(&progress).unwrap();
        assert_eq!(staged.changed_since_safety(&progress).unwrap(), Vec::<String>::new());
        staged.bring_up_to_date(&progress).unwrap();
        staged
    }

    #[track_caller]
    fn assert_nothing_beside(&self) {
        let beside: Vec<_> = self.folder.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(beside, ["tree"]);
        assert!(!self.root.join(".carelog-restore").exists());
    }
}

/// As it comes back from a journal.
fn read_back(record: &SwapRecord) -> SwapRecord {
    let line = serde_json::to_string(record).unwrap();
    let read: SwapRecord = serde_json::from_str(&line).unwrap();
    assert_eq!(read, *record, "{line}");
    read
}

type Settle = fn(&SwapRecord) -> Result<(), crate::source::StageError>;

/// Stops the swap at step `nth`, then settling at step `again`, then settles. Returns false when there are fewer steps.
#[track_caller]
fn stop_and_settle(method: SwapMethod, scene: &Scene, nth: usize, again: usize, goal: Generation) -> (bool, bool) {
    let old = image(&scene.root);
    let mut staged = scene.stage(method);
    assert_same_tree(&image(&scene.root), &old);
    let record = read_back(&staged.record());
    assert_eq!(record.generation().unwrap(), Generation::Old);
    staged.commit().unwrap();
    let new = image(&scene.root);
    assert!(staged.compare(&Progress::default()).unwrap().is_same());
    if new != old && record.method() == method {
        let is_new = matches!(record.generation().unwrap(), Generation::New) || has_no_entries(&record);
        assert!(is_new, "{record:#?}");
    }
    staged.undo().unwrap();
    assert_same_tree(&image(&scene.root), &old);

    let (committed, passed) = stopped_at(Some(nth), || staged.commit());
    let was_stopped = committed.is_err();
    drop(staged);
    let (settle, expected): (Settle, _) = match goal {
        Generation::Old => (SwapRecord::put_back, &old),
        _ => (SwapRecord::put_forward, &new),
    };
    let (settled, passed_again) = stopped_at(Some(again), || settle(&record));
    let was_stopped_again = settled.is_err();
    settle(&record).unwrap_or_else(|error| panic!("{error}\n{passed:?}\n{passed_again:?}\n{record:#?}"));
    assert_same_tree(&image(&scene.root), expected);
    settle(&record).unwrap();
    assert!(has_no_entries(&record) || record.generation().unwrap() == goal, "{record:#?}");
    record.discard_aside().unwrap();
    record.discard_aside().unwrap();
    assert_same_tree(&image(&scene.root), expected);
    scene.assert_nothing_beside();
    settle(&record).unwrap();
    assert_same_tree(&image(&scene.root), expected);
    (was_stopped, was_stopped_again)
}

fn has_no_entries(record: &SwapRecord) -> bool {
    match &record.swap {
        crate::source::RecordedSwap::ExchangeEntries(swap) | crate::source::RecordedSwap::RenameEntries(swap) => {
            swap.entries.is_empty()
        }
        _ => false,
    }
}

fn file(path: &[u8], content: u8) -> Plant {
    Plant { path: path.to_vec(), kind: 5, content }
}

#[test]
fn a_swap_stopped_at_any_step_and_settled_with_a_stop_at_any_step_is_all_old_or_all_new() {
    // One entry that changes, one that goes, one that comes, one that stays, one that is left out of backups.
    let then = [file(&[0, 0], 1), file(&[1], 2), file(&[2], 3)];
    let now = [file(&[0, 1], 4), file(&[2], 3), file(&[3], 5), file(&[0, 3], 6)];
    for method in METHODS {
        for goal in [Generation::Old, Generation::New] {
            let mut nth = 0;
            loop {
                let mut again = 0;
                let was_stopped = loop {
                    let scene = Scene::set(&then, &now, &[0, 1]);
                    let (was_stopped, was_stopped_again) = stop_and_settle(method, &scene, nth, again, goal);
                    if !was_stopped_again {
                        break was_stopped;
                    }
                    again += 1;
                };
                if !was_stopped {
                    break;
                }
                nth += 1;
            }
            assert!(nth >= 3, "{method}: only {nth} steps were stopped at");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn a_swap_of_any_trees_stopped_anywhere_is_settled(
        then in plants(),
        now in plants(),
        removed in prop::collection::vec(0_u8..3, 0..3),
        method in 0_usize..4,
        nth in 0_usize..24,
        again in 0_usize..24,
        forward in any::<bool>(),
    ) {
        let scene = Scene::set(&then, &now, &removed);
        let goal = if forward { Generation::New } else { Generation::Old };
        stop_and_settle(METHODS[method], &scene, nth, again, goal);
    }
}

#[test]
fn what_lies_aside_is_not_removed_while_part_of_it_is_what_was_replaced() {
    let scene = Scene::set(&[file(&[0], 1), file(&[1], 1)], &[file(&[0], 2), file(&[1], 2)], &[0, 1]);
    for method in [SwapMethod::ExchangeEntries, SwapMethod::RenameEntries, SwapMethod::RenameRoot] {
        let old = image(&scene.root);
        let mut staged = scene.stage(method);
        let (stopped, passed) = stopped_at(Some(2), || staged.commit());
        assert!(stopped.is_err(), "{passed:?}");
        let record = staged.record();
        assert_eq!(record.generation().unwrap(), Generation::Mixed, "{passed:?}");
        assert!(record.discard_aside().unwrap_err().to_string().contains("nothing is removed"));
        staged.undo().unwrap();
        assert_same_tree(&image(&scene.root), &old);
        Box::new(staged).discard().unwrap();
        scene.assert_nothing_beside();
    }
}

#[test]
fn a_record_is_refused_where_another_file_system_is_missing() {
    let scene = Scene::set(&[file(&[0], 1)], &[], &[]);
    let staged = scene.stage(SwapMethod::ExchangeRoot);
    let record = staged.record();
    let elsewhere = scene.folder.path().with_extension("moved");
    fs::rename(scene.folder.path(), &elsewhere).unwrap();
    assert!(record.generation().unwrap_err().to_string().contains("does not exist"));
    fs::create_dir(scene.folder.path()).unwrap();
    let error = record.put_back().unwrap_err().to_string();
    assert!(error.contains("is its file system mounted?"), "{error}");
    fs::remove_dir(scene.folder.path()).unwrap();
    fs::rename(&elsewhere, scene.folder.path()).unwrap();
    assert_eq!(record.generation().unwrap(), Generation::Old);
    record.discard_aside().unwrap();
}

#[test]
fn staging_that_was_cut_short_is_swept_by_its_job_alone() {
    let scene = Scene::set(&[file(&[0], 1)], &[file(&[1], 2)], &[]);
    let old = image(&scene.root);
    for method in METHODS {
        let request = StageRequest::whole(JobId::generate());
        let other = StageRequest::whole(JobId::generate());
        let progress = Progress::default();
        let stage = |request| StagedTree::lay_out(&scene.source, &scene.archive, request, method, &progress).unwrap();
        drop(stage(&request));
        let kept = stage(&other);
        scene.source.sweep_staging(request.job).unwrap();
        scene.source.sweep_staging(request.job).unwrap();
        assert!(kept.aside().exists());
        scene.source.sweep_staging(other.job).unwrap();
        scene.assert_nothing_beside();
        assert_same_tree(&image(&scene.root), &old);
    }
}

#[test]
fn what_was_replaced_can_be_removed_long_after_whatever_the_application_did_meanwhile() {
    let then = [file(&[0], 1), file(&[1], 2), file(&[2], 3)];
    for method in METHODS {
        let scene = Scene::set(&then, &[file(&[0], 9)], &[0, 1]);
        let mut staged = scene.stage(method);
        staged.commit().unwrap();
        let record = read_back(&staged.record());
        fs::remove_file(scene.root.join("b")).unwrap();
        fs::write(scene.root.join("new"), "a").unwrap();
        fs::rename(scene.root.join("new"), scene.root.join("a")).unwrap();
        assert_eq!(record.generation().unwrap(), Generation::New, "{method}");
        let now = image(&scene.root);
        record.discard_aside().unwrap();
        assert_same_tree(&image(&scene.root), &now);
        scene.assert_nothing_beside();
    }
}
