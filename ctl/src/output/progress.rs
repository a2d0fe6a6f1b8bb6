//! The progress bar of a job that is waited for, and of a download.

use carelog_rpc::{JobInTheWay, JobState, JobUpdate};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::text::{clean, count, short_id, size, span};

/// A bar on stderr; invisible where progress is not wanted.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar that is `shown`, or only kept.
    pub(crate) fn new(shown: bool) -> Self {
        let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self { bar: ProgressBar::with_draw_target(None, target) }
    }

    /// Shows how far a job is.
    pub(crate) fn update(&self, update: &JobUpdate) {
        let (done, total) = update.progress.as_ref().map_or((0, None), |p| (p.done_bytes, p.total_bytes));
        self.draw(done, total, job_line(update));
    }

    /// Shows how far a download is.
    pub(crate) fn download(&self, done_bytes: u64, total_bytes: Option<u64>) {
        self.draw(done_bytes, total_bytes, format!("download  {}", amount(done_bytes, total_bytes)));
    }

    /// Takes the bar away.
    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }

    fn draw(&self, done: u64, total: Option<u64>, line: String) {
        let total = total.filter(|&total| total > 0);
        let template = if total.is_some() { "{bar:30} {percent:>3} %  {msg}" } else { "{spinner} {msg}" };
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style);
        }
        match total {
            Some(total) => self.bar.set_length(total),
            None => self.bar.unset_length(),
        }
        self.bar.set_position(done);
        self.bar.set_message(line);
    }
}

/// `stage  1.0 GiB of 4.0 GiB, 12 files, 300.0 MiB/s, 10 s left`.
fn job_line(update: &JobUpdate) -> String {
    if update.state == JobState::Queued {
        return match (&update.behind, update.ahead) {
            (_, 0) => "queued".to_owned(),
            (Some(behind), 1) => format!("queued, {}", waits_for(behind)),
            (Some(behind), ahead) => format!("queued behind {}, {}", count(u64::from(ahead), "job"), waits_for(behind)),
            (None, ahead) => format!("queued, behind {}", count(u64::from(ahead), "job")),
        };
    }
    let Some(progress) = &update.progress else { return update.state.to_string() };
    let mut parts = vec![amount(progress.done_bytes, progress.total_bytes)];
    if progress.done_files > 0 {
        parts.push(count(progress.done_files, "file"));
    }
    if progress.rate > 0 {
        parts.push(format!("{}/s", size(progress.rate)));
    }
    parts.extend(progress.eta_seconds.map(|seconds| format!("{} left", span(seconds))));
    format!("{}  {}", clean(&progress.phase), parts.join(", "))
}

/// `waits for backup 0199f3a0-0000 (all sources)`.
pub(crate) fn waits_for(behind: &JobInTheWay) -> String {
    let way_out = if behind.yields { "; restore --now would stop it" } else { "" };
    format!("waits for {} {} ({}){way_out}", behind.kind, short_id(&behind.id), clean(&behind.title))
}

fn amount(done: u64, total: Option<u64>) -> String {
    match total.filter(|&total| total > 0) {
        Some(total) => format!("{} of {}", size(done), size(total)),
        None => size(done),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use carelog_rpc::{JobKind, JobProgress};

    #[test]
    fn the_line_of_a_running_job_tells_phase_amount_rate_and_time_left() {
        let progress = JobProgress {
            phase: "stage".to_owned(),
            done_bytes: 1 << 30,
            total_bytes: Some(4 << 30),
            done_files: 12,
            total_files: None,
            rate: 300 << 20,
            eta_seconds: Some(10),
        };
        let behind = JobInTheWay {
            id: "0199f3a0-0000-7000".to_owned(),
            kind: JobKind::Backup,
            title: "all sources".to_owned(),
            yields: true,
        };
        let update = |state, ahead, progress| JobUpdate { id: String::new(), state, ahead, behind: None, progress };
        let line = job_line(&update(JobState::Running, 0, Some(progress)));
        assert_eq!(line, "stage  1.0 GiB of 4.0 GiB, 12 files, 300.0 MiB/s, 10 s left");
        let queued = update(JobState::Queued, 1, None);
        assert_eq!(job_line(&queued), "queued, behind 1 job");
        assert_eq!(
            job_line(&JobUpdate { behind: Some(behind), ..queued }),
            "queued, waits for backup 0199f3a0-0000 (all sources); restore --now would stop it"
        );
    }
}
