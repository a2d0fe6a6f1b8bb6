//! Waiting for a job that a command started, and telling how it ended.

use std::process::ExitCode;

use carelog_rpc::{Client, Job, JobKind, JobState, WatchEvent};
use tokio::signal::unix::{SignalKind, signal};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::job::{StartedJob, problems, summary};
use crate::output::progress::{Progress, waits_for};
use crate::session::Session;

/// What to do about a job once it is in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// Print its id and leave it.
    Started,
    /// Wait for its end.
    Ended,
    /// Wait for its end, and print every step as a document if documents are wanted.
    EndedStepByStep,
}

impl Until {
    /// What `--detach` says.
    pub(crate) const fn of_detach(detach: bool) -> Self {
        if detach { Self::Started } else { Self::Ended }
    }
}

/// Goes along with job `id` until `until`.
///
/// The end of a job is the end of the command: 0, 3 with warnings, or the job's error.
pub(crate) async fn job(session: &Session, client: &mut Client, id: &str, until: Until) -> Result<ExitCode, Failure> {
    if until == Until::Started {
        return started(session, id);
    }
    // Before the first wait, so that an interrupt never ends the program without a word.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let progress = Progress::new(session.output.progress);
    let ended = tokio::select! {
        ended = watch(session, client, id, until, &progress) => ended,
        _ = interrupt.recv() => {
            progress.clear();
            session.output.warn(format!(
                "detached: the job goes on\n  watch it: carelogctl job watch {id}\n  stop it:  carelogctl job cancel {id}"
            ));
            return started(session, id);
        }
    };
    progress.clear();
    let ended = ended.map_err(|failure| in_spite_of_us(failure, id))?;
    let code = end(session, &ended)?;
    if ended.kind == JobKind::Restore && !session.output.json && !session.output.quiet {
        tell_way_back(session, client, id).await?;
    }
    Ok(code)
}

/// Says how to bring back what a restore replaced, if it can be.
async fn tell_way_back(session: &Session, client: &mut Client, id: &str) -> Result<(), Failure> {
    // Not to know it is no failure of the restore.
    let Ok(report) = client.job_report(id.to_owned()).await else { return Ok(()) };
    if report.restore.is_some_and(|restore| restore.can_be_undone) {
        session.output.text(&format!("to bring back what it replaced: carelogctl restore --undo {id}"))?;
    }
    Ok(())
}

/// Tells how a job ended, and turns it into an exit code.
pub(crate) fn end(session: &Session, job: &Job) -> Result<ExitCode, Failure> {
    let output = &session.output;
    if output.json {
        output.document("carelog.job/1", job)?;
    } else {
        for problem in problems(job) {
            output.warn(problem);
        }
        match job.state {
            _ if output.quiet => {}
            JobState::Succeeded | JobState::Warned => output.text(&summary(job, &output.look))?,
            // What a verification found of the other backups.
            _ => {
                if let Some(text) = job.result.as_ref().and_then(|result| result.summary.as_deref()) {
                    output.text(text)?;
                }
            }
        }
    }
    match job.state {
        JobState::Succeeded => Ok(Exit::Done.into()),
        JobState::Warned => Ok(Exit::Warnings.into()),
        _ => Err(failure_of(job)),
    }
}

async fn watch(
    session: &Session,
    client: &mut Client,
    id: &str,
    until: Until,
    progress: &Progress,
) -> Result<Job, Failure> {
    let mut watch = client.watch(id).await?;
    let mut told = None;
    loop {
        match watch.next().await? {
            WatchEvent::Update(update) => {
                progress.update(&update);
                // The bar says it where there is one.
                if !session.output.progress && !session.output.json && told != update.behind {
                    if let Some(behind) = &update.behind {
                        session.output.note(waits_for(behind));
                    }
                    told.clone_from(&update.behind);
                }
                if session.output.json && until == Until::EndedStepByStep {
                    session.output.document("carelog.job.update/1", &update)?;
                }
            }
            WatchEvent::Ended(job) => return Ok(*job),
        }
    }
}

fn started(session: &Session, id: &str) -> Result<ExitCode, Failure> {
    session.output.show("carelog.job.started/1", &StartedJob { job_id: id }, |_look| id.to_owned())?;
    Ok(Exit::Done.into())
}

/// A connection that broke while we waited says nothing about the job.
fn in_spite_of_us(failure: Failure, id: &str) -> Failure {
    if failure.exit == Exit::Unreachable {
        failure.next(format!("what became of the job: carelogctl job show {id}"))
    } else {
        failure
    }
}

fn failure_of(job: &Job) -> Failure {
    if let Some(error) = &job.error {
        return error.clone().into();
    }
    let look_at_it = format!("carelogctl job show {}", job.id);
    match job.state {
        JobState::Cancelled => Failure::new(Exit::Cancelled, format!("the {} was cancelled", job.kind)),
        JobState::Interrupted => Failure::new(Exit::Failed, format!("the {} was interrupted", job.kind))
            .because("the daemon ended while it ran")
            .next("start it again"),
        _ => Failure::new(Exit::Failed, format!("the {} failed", job.kind)).next(look_at_it),
    }
}
