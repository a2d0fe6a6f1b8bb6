//! The swap of a JSON file stopped at each step, with an application that replaces its file whenever it likes.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::JsonFile;
use super::super::stage::StagedJson;
use super::{file, source};
use crate::archive::ArchiveReader;
use crate::model::JobId;
use crate::progress::Progress;
use crate::source::steps::by_count::stopped_at;
use crate::source::testing::{backup_of, whole};
use crate::source::{
    Generation, SafetyBackup, Source as _, SourceError, StageError, StageRequest, Staged as _, SwapMethod, SwapRecord,
};

const METHODS: [SwapMethod; 2] = [SwapMethod::ExchangeRoot, SwapMethod::RenameRoot];

const OLD: &str = r#"{"patients":[1,2],"sessions":["s"]}"#;
const NEW: &str = r#"{"patients":[1]}"#;

/// As most applications do it.
fn write_by_rename(path: &Path, content: &str) {
    let temporary = path.with_extension("tmp");
    fs::write(&temporary, content).unwrap();
    fs::rename(temporary, path).unwrap();
}

/// A file with a backup of what it was.
struct Scene {
    folder: tempfile::TempDir,
    path: PathBuf,
    source: JsonFile,
    archive: Arc<ArchiveReader>,
}

impl Scene {
    fn set() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = file(&folder, NEW);
        let source = source(&path, &[]);
        let archive = backup_of(&[&source]);
        Self { folder, path, source, archive }
    }

    fn stage(&self, method: SwapMethod) -> StagedJson {
        write_by_rename(&self.path, OLD);
        let progress = Progress::default();
        let mut staged = StagedJson::lay_out(&self.source, &self.archive, &whole(), method, &progress).unwrap();
        staged.validate(&progress).unwrap();
        staged.bring_up_to_date(&progress).unwrap();
        staged
    }
}

/// Stops a swap at step `nth` and settling it at step `again`, then settles it. Whether each was stopped.
#[track_caller]
fn stop_and_settle(scene: &Scene, method: SwapMethod, goal: Generation, nth: usize, again: usize) -> (bool, bool) {
    let mut staged = scene.stage(method);
    let record: SwapRecord = serde_json::from_str(&serde_json::to_string(&staged.record()).unwrap()).unwrap();
    let (committed, _) = stopped_at(Some(nth), || staged.commit());
    drop(staged);
    let settle = || if goal == Generation::Old { record.put_back() } else { record.put_forward() };
    let (settled, _) = stopped_at(Some(again), settle);
    settle().unwrap();
    assert_eq!(record.generation().unwrap(), goal);
    record.discard_aside().unwrap();
    settle().unwrap();
    let expected = if goal == Generation::Old { OLD } else { NEW };
    assert_eq!(fs::read_to_string(&scene.path).unwrap(), expected, "{method} {nth} {again}");
    assert_eq!(scene.folder.path().read_dir().unwrap().count(), 1);
    (committed.is_err(), settled.is_err())
}

#[test]
fn a_swap_stopped_at_any_step_is_put_back_or_finished_whatever_stops_that() {
    let scene = Scene::set();
    for method in METHODS {
        for goal in [Generation::Old, Generation::New] {
            let stops = |nth| (0..).map(move |again| (nth, again));
            let steps = (0..).map(|nth| {
                let scene = &scene;
                let settled = stops(nth).map(move |(nth, again)| stop_and_settle(scene, method, goal, nth, again));
                settled
                    .into_iter()
                    .find(|(_, was_stopped_again)| !was_stopped_again)
                    .is_some_and(|(stopped, _)| stopped)
            });
            let count = steps.take_while(|was_stopped| *was_stopped).count();
            assert!(count >= if method.is_by_rename() { 6 } else { 4 }, "{method}: only {count} steps");
        }
    }
}

#[test]
fn what_an_application_put_over_the_restored_file_gives_way_to_what_was_replaced() {
    for method in METHODS {
        let scene = Scene::set();
        let (folder, path) = (&scene.folder, &scene.path);
        let mut staged = scene.stage(method);
        staged.commit().unwrap();
        let record = staged.record();
        write_by_rename(path, r#"{"patients":["of the application"]}"#);
        assert_eq!(record.generation().unwrap(), Generation::New);
        record.put_back().unwrap();
        assert_eq!(record.generation().unwrap(), Generation::Old);
        assert_eq!(fs::read_to_string(path).unwrap(), OLD);
        record.discard_aside().unwrap();
        // And from then on the file is the application's again.
        write_by_rename(path, r#"{"patients":["later"]}"#);
        record.put_back().unwrap();
        record.discard_aside().unwrap();
        assert_eq!(fs::read_to_string(path).unwrap(), r#"{"patients":["later"]}"#);
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    }
}

#[test]
fn a_file_that_was_not_there_before_is_taken_away_again() {
    for method in METHODS {
        let folder = tempfile::tempdir().unwrap();
        let path = file(&folder, NEW);
        let source = source(&path, &[]);
        let archive = backup_of(&[&source]);
        fs::remove_file(&path).unwrap();
        let mut staged = StagedJson::lay_out(&source, &archive, &whole(), method, &Progress::default()).unwrap();
        staged.commit().unwrap();
        let record = staged.record();
        record.put_back().unwrap();
        assert!(!path.exists());
        record.put_forward().unwrap();
        write_by_rename(&path, r#"{"patients":["of the application"]}"#);
        // Whether the application made it before or after cannot be told from outside, but by who made the swap.
        assert!(matches!(record.put_back(), Err(StageError::Source(SourceError::Refused { .. }))));
        staged.undo().unwrap();
        assert!(!path.exists());
    }
}

#[test]
fn what_was_staged_or_replaced_and_is_gone_is_missed() {
    let scene = Scene::set();
    let mut staged = scene.stage(SwapMethod::ExchangeRoot);
    fs::remove_file(staged.aside()).unwrap();
    assert!(staged.commit().is_err());
    let error = staged.record().put_forward().unwrap_err().to_string();
    assert!(error.contains("what was staged is no longer"), "{error}");

    let mut staged = scene.stage(SwapMethod::ExchangeRoot);
    staged.commit().unwrap();
    fs::remove_file(staged.aside()).unwrap();
    let error = staged.record().put_back().unwrap_err().to_string();
    assert!(error.contains("what was replaced is no longer"), "{error}");
    staged.record().put_forward().unwrap();
}

#[test]
fn a_change_since_the_safety_backup_is_named_but_not_one_of_what_it_leaves_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, NEW);
    let source = source(&path, &["sessions"]);
    let archive = backup_of(&[&source]);
    write_by_rename(&path, OLD);
    let safety = SafetyBackup { archive: backup_of(&[&source]), created_at: jiff::Timestamp::now() };
    let request = StageRequest { safety: Some(&safety), ..whole() };
    let mut staged = source.stage(&archive, &request, &Progress::default()).unwrap();
    let mut changes = || staged.changed_since_safety(&Progress::default()).unwrap();
    assert_eq!(changes(), Vec::<String>::new());
    write_by_rename(&path, r#"{"patients":[1,2],"sessions":["another"]}"#);
    assert_eq!(changes(), Vec::<String>::new());
    write_by_rename(&path, r#"{"patients":[1,2,3],"sessions":["another"]}"#);
    assert_eq!(changes(), ["data.json: was written since"]);
    fs::write(&path, "{").unwrap();
    assert_eq!(changes(), ["data.json: is no longer JSON"]);
    fs::remove_file(&path).unwrap();
    assert_eq!(changes(), ["data.json: is gone"]);
    write_by_rename(&path, r#"{"patients":[1,2],"sessions":["last"]}"#);
    staged.bring_up_to_date(&Progress::default()).unwrap();
    staged.commit().unwrap();
    let live = fs::read_to_string(&path).unwrap();
    assert!(live.contains("last") && !live.contains('2'), "{live}");
    staged.undo().unwrap();
    staged.discard().unwrap();
    assert_eq!(folder.path().read_dir().unwrap().count(), 1);
}

#[test]
fn a_json_file_cannot_be_restored_in_part_and_its_staging_is_swept() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, NEW);
    let source = source(&path, &[]);
    let archive = backup_of(&[&source]);
    let request = StageRequest { paths: vec![b"data.json/patients".to_vec()], ..whole() };
    let refused = source.stage(&archive, &request, &Progress::default());
    assert!(matches!(refused, Err(StageError::Source(SourceError::Refused { .. }))));
    let request = whole();
    drop(source.stage(&archive, &request, &Progress::default()).unwrap());
    source.sweep_staging(JobId::generate()).unwrap();
    assert_eq!(folder.path().read_dir().unwrap().count(), 2);
    source.sweep_staging(request.job).unwrap();
    assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    assert_eq!(fs::read_to_string(&path).unwrap(), NEW);
}
