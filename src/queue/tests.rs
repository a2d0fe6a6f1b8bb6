use std::collections::HashMap;
use std::fs::File;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};

use tempfile::TempDir;

use super::*;
use crate::catalog::samples::{self, actor, backup_spec, new_job, restore_spec, time, verify_spec};
use crate::catalog::{JobEnd, JobError, JobOutcome, JobSpec};
use crate::model::ErrorCode;
use crate::progress::Progress;

/// How long a test waits for what must happen.
const LONG: Duration = Duration::from_secs(30);

/// What a test tells a running job to do.
enum Order {
    Succeed,
    Panic,
    SucceedWith(Box<crate::catalog::BackupRecord>),
}

/// Jobs that do what the test says, and stop when they are cancelled.
struct Puppets {
    begun: Mutex<Sender<(JobId, bool)>>,
    strings: Mutex<HashMap<JobId, Receiver<Order>>>,
}

impl Runner for Puppets {
    fn run(&self, job: &Job, directory: Option<OwnedFd>, progress: &Progress) -> JobEnd {
        progress.begin_phase("dance", time(1));
        progress.add_bytes(7);
        let orders = self.strings.lock().unwrap().remove(&job.id).unwrap();
        self.begun.lock().unwrap().send((job.id, directory.is_some())).unwrap();
        loop {
            match orders.recv_timeout(Duration::from_millis(5)) {
                Ok(Order::Succeed) => return JobOutcome::done(Vec::new()).into(),
                Ok(Order::SucceedWith(backup)) => {
                    return JobEnd { outcome: JobOutcome::done(Vec::new()), backup: Some(backup) };
                }
                Ok(Order::Panic) => panic!("the string tore"),
                Err(_) if progress.check_cancelled().is_err() => {
                    let error =
                        JobError { code: ErrorCode::Cancelled, message: "cancelled".to_owned(), hint: String::new() };
                    return JobOutcome::ended_by(error).into();
                }
                Err(_) => {}
            }
        }
    }
}

/// A queue on a catalog of its own, with puppets for jobs.
struct Stage {
    queue: Queue,
    catalog: Catalog,
    puppets: Arc<Puppets>,
    begun: Receiver<(JobId, bool)>,
    strings: HashMap<JobId, Sender<Order>>,
    _dir: TempDir,
}

impl Stage {
    fn new() -> Self {
        let (catalog, dir) = samples::catalog();
        Self::on(catalog, dir)
    }

    fn on(catalog: Catalog, dir: TempDir) -> Self {
        let (sender, begun) = channel();
        let puppets = Arc::new(Puppets { begun: Mutex::new(sender), strings: Mutex::default() });
        let clock = Clock::manual(time(3));
        let (queue, _) = Queue::start(catalog.clone(), clock, Arc::<Puppets>::clone(&puppets)).unwrap();
        Self { queue, catalog, puppets, begun, strings: HashMap::new(), _dir: dir }
    }

    fn enqueue(&mut self, spec: JobSpec) -> JobId {
        let directory = spec.needs_directory().then(|| File::open("/").unwrap().into());
        let job = new_job(spec);
        let (string, orders) = channel();
        self.strings.insert(job.id, string);
        self.puppets.strings.lock().unwrap_or_else(PoisonError::into_inner).insert(job.id, orders);
        self.queue.enqueue(&job, &actor(), directory).unwrap().id
    }

    /// The next job to begin.
    fn begun(&self) -> JobId {
        self.begun.recv_timeout(LONG).unwrap().0
    }

    fn tell(&self, id: JobId, order: Order) {
        self.strings[&id].send(order).unwrap();
    }

    /// Waits for the end of a job, as its watchers do.
    fn end_of(&self, id: JobId) -> Job {
        let mut watch = self.queue.watch(id).unwrap();
        let last = block_on(async {
            let mut last = None;
            while let Some(update) = watch.next(LONG).await {
                last = Some(update);
            }
            last.unwrap()
        });
        let job = self.catalog.job(id).unwrap();
        assert_eq!(last.state, job.state, "watchers and catalog agree");
        job
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

#[test]
fn a_job_runs_and_its_end_is_recorded_with_its_phases_and_its_backup() {
    let mut stage = Stage::new();
    let id = stage.enqueue(backup_spec());
    assert_eq!(stage.begun(), id);
    assert_eq!(stage.queue.progress(id).unwrap().phase, "dance");
    stage.tell(id, Order::SucceedWith(Box::new(samples::backup(1))));
    let job = stage.end_of(id);
    assert_eq!((job.state, job.finished_at), (JobState::Succeeded, Some(time(3))));
    assert_eq!(job.phases.len(), 1);
    assert_eq!(job.phases[0].finished_at, Some(time(3)));
    assert_eq!(stage.catalog.backup(samples::backup_id(1)).unwrap(), samples::backup(1));
    assert_eq!(stage.queue.progress(id), None);
}

#[test]
fn a_lane_runs_one_job_at_a_time_and_a_live_restore_goes_first() {
    let mut stage = Stage::new();
    let first = stage.enqueue(backup_spec());
    assert_eq!(stage.begun(), first);
    let second = stage.enqueue(backup_spec());
    let restore = stage.enqueue(restore_spec(false));
    assert_eq!(stage.catalog.job(restore).unwrap().state, JobState::Queued);
    for (ends, begins) in [(first, restore), (restore, second)] {
        stage.tell(ends, Order::Succeed);
        assert_eq!(stage.begun(), begins);
    }
    stage.tell(second, Order::Succeed);
    stage.end_of(second);
}

#[test]
fn the_two_lanes_run_beside_each_other() {
    let mut stage = Stage::new();
    let ids = [backup_spec(), verify_spec()].map(|spec| stage.enqueue(spec));
    let begun = [stage.begun(), stage.begun()];
    assert!(ids.iter().all(|id| begun.contains(id)), "neither has ended yet");
    ids.iter().for_each(|id| stage.tell(*id, Order::Succeed));
    ids.iter().for_each(|id| assert_eq!(stage.end_of(*id).state, JobState::Succeeded));
}

#[test]
fn a_waiting_job_is_cancelled_at_once_and_never_runs() {
    let mut stage = Stage::new();
    let running = stage.enqueue(backup_spec());
    stage.begun();
    let [waiting, last] = [(); 2].map(|()| stage.enqueue(backup_spec()));
    let mut watch = stage.queue.watch(waiting).unwrap();
    assert_eq!(block_on(watch.next(LONG)).unwrap().state, JobState::Queued);

    assert_eq!(stage.queue.cancel(waiting, &actor()).unwrap(), Cancel::AtOnce);

    assert_eq!(block_on(watch.next(LONG)).unwrap().state, JobState::Cancelled);
    assert_eq!(block_on(watch.next(LONG)), None);
    assert_eq!(stage.queue.cancel(waiting, &actor()).unwrap(), Cancel::TooLate(JobState::Cancelled));
    stage.tell(running, Order::Succeed);
    assert_eq!(stage.begun(), last);
    stage.tell(last, Order::Succeed);
    stage.end_of(last);
}

#[test]
fn a_running_job_is_told_to_stop_and_ends_cancelled() {
    let mut stage = Stage::new();
    let id = stage.enqueue(backup_spec());
    stage.begun();
    assert_eq!(stage.queue.cancel(id, &actor()).unwrap(), Cancel::Asked);
    assert_eq!(stage.end_of(id).state, JobState::Cancelled);
    assert_eq!(stage.queue.cancel(id, &actor()).unwrap(), Cancel::TooLate(JobState::Cancelled));
    let unknown = JobId::generate();
    assert!(matches!(stage.queue.cancel(unknown, &actor()), Err(CatalogError::NoSuchJob(id)) if id == unknown));
}

#[test]
fn a_panic_fails_its_job_and_the_lane_goes_on() {
    let mut stage = Stage::new();
    let [panics, next] = [(); 2].map(|()| stage.enqueue(backup_spec()));
    assert_eq!(stage.begun(), panics);
    stage.tell(panics, Order::Panic);
    let job = stage.end_of(panics);
    assert_eq!(job.state, JobState::Failed);
    assert!(job.outcome.unwrap().error.unwrap().message.contains("the string tore"));
    assert_eq!(stage.begun(), next);
    stage.tell(next, Order::Succeed);
    assert_eq!(stage.end_of(next).state, JobState::Succeeded);
}

#[test]
fn a_backup_that_the_catalog_refuses_fails_its_job_and_the_lane_goes_on() {
    let mut stage = Stage::new();
    stage.catalog.insert_backup(&samples::backup(1), &samples::entry("backup.add")).unwrap();
    let [refused, next] = [(); 2].map(|()| stage.enqueue(backup_spec()));
    stage.begun();
    stage.tell(refused, Order::SucceedWith(Box::new(samples::backup(1))));
    let job = stage.end_of(refused);
    assert_eq!(job.state, JobState::Failed);
    assert!(job.outcome.unwrap().error.unwrap().message.contains("archive-1"));
    assert_eq!(stage.begun(), next);
    stage.tell(next, Order::Succeed);
    stage.end_of(next);
}

#[test]
fn a_watch_shows_the_start_the_counters_and_the_end() {
    let mut stage = Stage::new();
    let ahead = stage.enqueue(backup_spec());
    stage.begun();
    let id = stage.enqueue(backup_spec());
    let mut watch = stage.queue.watch(id).unwrap();
    assert_eq!(block_on(watch.next(LONG)).unwrap().state, JobState::Queued);
    stage.tell(ahead, Order::Succeed);
    assert_eq!(stage.begun(), id);
    assert_eq!(block_on(watch.next(LONG)).unwrap().state, JobState::Running);
    let look = block_on(watch.next(Duration::ZERO)).unwrap();
    assert_eq!((look.state, look.snapshot.done_bytes), (JobState::Running, 7));
    stage.tell(id, Order::Succeed);
    assert_eq!(block_on(watch.next(LONG)).unwrap().state, JobState::Succeeded);
    assert_eq!(block_on(watch.next(LONG)), None);

    let mut late = stage.queue.watch(id).unwrap();
    assert_eq!(block_on(late.next(LONG)).unwrap().state, JobState::Succeeded);
    assert_eq!(block_on(late.next(LONG)), None);
}

#[test]
fn a_restore_into_a_directory_is_given_it_and_is_refused_without() {
    let mut stage = Stage::new();
    let refused = stage.queue.enqueue(&new_job(restore_spec(true)), &actor(), None);
    assert!(matches!(refused, Err(EnqueueError::Directory)));
    let unasked = stage.queue.enqueue(&new_job(backup_spec()), &actor(), Some(File::open("/").unwrap().into()));
    assert!(matches!(unasked, Err(EnqueueError::Directory)));
    let id = stage.enqueue(restore_spec(true));
    assert_eq!(stage.begun.recv_timeout(LONG).unwrap(), (id, true));
    stage.tell(id, Order::Succeed);
    stage.end_of(id);
}

#[test]
fn a_shutdown_interrupts_what_can_be_repeated_waits_for_the_rest_and_keeps_what_waits() {
    let mut stage = Stage::new();
    let verify = stage.enqueue(verify_spec());
    let restore = stage.enqueue(restore_spec(false));
    let begun = [stage.begun(), stage.begun()];
    assert!(begun.contains(&verify) && begun.contains(&restore));
    let waiting = stage.enqueue(backup_spec());

    let left = std::thread::scope(|scope| {
        let shutdown = scope.spawn(|| stage.queue.shutdown(LONG));
        assert_eq!(stage.end_of(verify).state, JobState::Interrupted);
        assert_eq!(stage.catalog.job(restore).unwrap().state, JobState::Running, "it has time to settle");
        let refused = stage.queue.enqueue(&new_job(backup_spec()), &actor(), None);
        assert!(matches!(refused, Err(EnqueueError::ShuttingDown)));
        stage.tell(restore, Order::Succeed);
        shutdown.join().unwrap()
    });

    assert_eq!(left, []);
    assert_eq!(stage.catalog.job(restore).unwrap().state, JobState::Succeeded);
    assert_eq!(stage.catalog.job(waiting).unwrap().state, JobState::Queued);
}

#[test]
fn a_restore_that_outlasts_the_grace_is_asked_to_stop() {
    let mut stage = Stage::new();
    let restore = stage.enqueue(restore_spec(false));
    stage.begun();
    // No grace at all: told at once, and given nothing to settle in; the lane records the end all the same.
    let _maybe_left = stage.queue.shutdown(Duration::ZERO);
    assert_eq!(stage.end_of(restore).state, JobState::Interrupted);
}

#[test]
fn a_cancel_on_request_stays_one_during_a_shutdown() {
    let mut stage = Stage::new();
    let id = stage.enqueue(backup_spec());
    stage.begun();
    stage.queue.cancel(id, &actor()).unwrap();
    assert_eq!(stage.queue.shutdown(LONG), []);
    assert_eq!(stage.catalog.job(id).unwrap().state, JobState::Cancelled);
}

#[test]
fn after_a_kill_the_next_daemon_marks_what_ran_and_runs_what_waited() {
    let mut killed = Stage::new();
    let ran = killed.enqueue(backup_spec());
    killed.begun();
    let waits = killed.enqueue(backup_spec());
    let lost = killed.enqueue(restore_spec(true));
    let lost_too = killed.enqueue(restore_spec(true));
    assert_eq!(killed.begun(), lost, "the read lane runs it");

    // What a kill leaves of it: its files, in the middle of everything.
    let dir = TempDir::new().unwrap();
    for name in ["catalog.db", "catalog.db-wal"] {
        std::fs::copy(killed._dir.path().join(name), dir.path().join(name)).unwrap();
    }
    drop(killed.queue);
    let (catalog, _) = Catalog::open(&dir.path().join("catalog.db"), time(9)).unwrap();
    let (sender, begun) = channel();
    let (string, orders) = channel();
    let strings = Mutex::new(HashMap::from([(waits, orders)]));
    let puppets = Arc::new(Puppets { begun: Mutex::new(sender), strings });
    let (queue, interrupted) = Queue::start(catalog.clone(), Clock::manual(time(9)), puppets).unwrap();

    assert_eq!(interrupted.iter().map(|job| job.id).collect::<Vec<_>>(), [ran, lost, lost_too]);
    assert_eq!(begun.recv_timeout(LONG).unwrap().0, waits);
    string.send(Order::Succeed).unwrap();
    let mut watch = queue.watch(waits).unwrap();
    while block_on(watch.next(LONG)).is_some() {}
    assert_eq!(catalog.job(waits).unwrap().state, JobState::Succeeded);
    assert_eq!(block_on(queue.watch(ran).unwrap().next(LONG)).unwrap().state, JobState::Interrupted);
}
