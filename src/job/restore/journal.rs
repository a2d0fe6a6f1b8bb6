//! What a restore writes down before it does it, so that no crash leaves anything half done.
//!
//! One file for each restore, `restores/JOB.journal` in the state folder: a JSON document on each line, appended and
//! fsynced before the step that it announces. A last line that is torn announces nothing. The lines alone tell how a
//! restore ends that was interrupted: with `committed` it is finished, without it is taken back.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::model::{BackupId, JobId, SourceName};
use crate::source::SwapRecord;
use crate::{failpoint, fsio};

/// The version of the lines. A newer one is left alone.
const VERSION: u32 = 1;

/// One line.
#[derive(Debug, Serialize, Deserialize)]
struct Line<S> {
    at: Timestamp,
    step: S,
}

/// What is about to be done, or what has become certain. Stored: variants and fields may be added, none may change.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Step {
    /// Sources are laid out beside their live data. Always the first.
    Staging(Header),
    /// All of them are laid out and validated.
    Staged { records: Vec<SwapRecord> },
    /// The application is stopped.
    Stopping,
    /// Another safety backup was taken of what changed until the application was stopped.
    Saved { backup: BackupId },
    /// This source is swapped. Its record here counts, not the one before: what was staged may have been brought up to date.
    Swapping { record: SwapRecord },
    /// The application is started.
    Starting,
    /// It was started.
    Started,
    /// The restore has succeeded and will not be taken back.
    Committed(Committed),
    /// What the swap of this source replaced is as its record has it now.
    Sealed { record: SwapRecord },
    /// After the commit it turned out that safety backups hold all that was replaced of these sources too; `backup` if that
    /// is because it was taken for them.
    Safe { sources: BTreeSet<SourceName>, backup: Option<BackupId> },
    /// Everything live is as it was before.
    Undone,
    /// What was replaced, or staged in vain, is gone.
    Discarded { source: SourceName },
    /// Nothing is left to do but to discard what is kept for a time.
    Settled,
}

/// Which restore it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) version: u32,
    pub(super) job: JobId,
    pub(super) backup: BackupId,
    /// Another backup, which holds some of the sources as they are to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) second_backup: Option<BackupId>,
    pub(super) safety: Option<BackupId>,
    pub(super) sources: Vec<SourceName>,
    /// The members that are restored, escaped like the paths of a manifest; empty for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) paths: Vec<String>,
    /// The restore of which this brings back what it replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) undoes: Option<JobId>,
}

impl Header {
    /// Of a restore of all of `backup`; what it replaces and what is safe is still to be filled in.
    pub(super) const fn new(job: JobId, backup: BackupId) -> Self {
        Self {
            version: VERSION,
            job,
            backup,
            second_backup: None,
            safety: None,
            sources: Vec::new(),
            paths: Vec::new(),
            undoes: None,
        }
    }
}

/// What follows a success.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Committed {
    /// Until then what was replaced is kept.
    pub(super) keep_until: Timestamp,
    /// The sources that a safety backup holds wholly. What was replaced of others is never discarded.
    pub(super) saved: BTreeSet<SourceName>,
}

/// How a restore ended.
#[derive(Clone, Debug)]
pub(super) enum Ending {
    Committed(Committed),
    Undone,
}

/// What the lines amount to.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) header: Header,
    /// Of the sources that were staged and validated.
    pub(super) staged: Vec<SwapRecord>,
    /// Of the sources whose swap was begun, in that order. No other source was touched.
    pub(super) swaps: Vec<SwapRecord>,
    /// When the first of these swaps was begun. By then nobody wrote to any of the sources.
    pub(super) swapped_at: Option<Timestamp>,
    /// The application was stopped and has to be started.
    pub(super) is_stopped: bool,
    /// It was, or is being, started after it had been stopped.
    pub(super) may_run: bool,
    /// The safety backup that was taken after it was stopped.
    pub(super) second_safety: Option<BackupId>,
    /// The safety backup that was taken after the commit, of what was replaced.
    pub(super) third_safety: Option<BackupId>,
    pub(super) ending: Option<Ending>,
    pub(super) discarded: BTreeSet<SourceName>,
    pub(super) is_settled: bool,
}

impl State {
    fn new(header: Header) -> Self {
        Self {
            header,
            staged: Vec::new(),
            swaps: Vec::new(),
            swapped_at: None,
            is_stopped: false,
            may_run: false,
            second_safety: None,
            third_safety: None,
            ending: None,
            discarded: BTreeSet::new(),
            is_settled: false,
        }
    }

    fn apply(&mut self, Line { at, step }: Line<Step>) {
        match step {
            // Only the first line is one; see `read`.
            Step::Staging(_) => {}
            Step::Staged { records } => self.staged = records,
            Step::Stopping => (self.is_stopped, self.may_run) = (true, false),
            Step::Saved { backup } => self.second_safety = Some(backup),
            Step::Swapping { record } => {
                self.swapped_at.get_or_insert(at);
                self.swaps.push(record);
            }
            Step::Starting => self.may_run = true,
            Step::Started => self.is_stopped = false,
            Step::Sealed { record } => {
                self.swaps
                    .iter_mut()
                    .filter(|swap| swap.source == record.source)
                    .for_each(|swap| *swap = record.clone());
            }
            Step::Safe { sources, backup } => {
                self.third_safety = backup.or(self.third_safety);
                if let Some(Ending::Committed(committed)) = &mut self.ending {
                    committed.saved.extend(sources);
                }
            }
            Step::Committed(committed) => self.ending = Some(Ending::Committed(committed)),
            Step::Undone => self.ending = Some(Ending::Undone),
            Step::Discarded { source } => drop(self.discarded.insert(source)),
            Step::Settled => self.is_settled = true,
        }
    }

    /// The safety backups, the first one first.
    pub(super) fn safety_backups(&self) -> impl DoubleEndedIterator<Item = BackupId> {
        [self.header.safety, self.second_safety, self.third_safety].into_iter().flatten()
    }

    /// The swaps of which what was replaced still lies beside the live data.
    pub(super) fn undiscarded(&self) -> Vec<SwapRecord> {
        self.swaps.iter().filter(|record| !self.discarded.contains(&record.source)).cloned().collect()
    }
}

/// The open journal of one restore.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    clock: Clock,
    /// Of what is known to be whole.
    length: u64,
    /// Something may stand behind it.
    is_torn: bool,
    pub(super) state: State,
}

impl Journal {
    /// Begins one in `dir`, durably.
    pub(super) fn begin(dir: &Path, header: Header, clock: Clock) -> io::Result<Self> {
        let path = dir.join(format!("{}.{EXTENSION}", header.job));
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(&path)?;
        let step = Step::Staging(header.clone());
        let mut journal = Self { path, file, clock, length: 0, is_torn: false, state: State::new(header) };
        let begun = journal.append(step).and_then(|()| fsio::fsync_dir(dir));
        if begun.is_err() {
            // Nothing was done that it would have to tell of.
            let _best_effort = std::fs::remove_file(&journal.path);
        }
        begun.map(|()| journal)
    }

    /// Opens the one at `path` to go on with it. `None` when not even its first line was completed: then the restore had
    /// not begun.
    pub(super) fn open(path: &Path, clock: Clock) -> io::Result<Option<Self>> {
        let mut file = OpenOptions::new().read(true).append(true).open(path)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let (state, length) = read(&text).map_err(|why| {
            let message = format!("the restore's journal {} cannot be understood: {why}", path.display());
            io::Error::new(io::ErrorKind::InvalidData, message)
        })?;
        let is_torn = length < text.len();
        let length = length as u64;
        Ok(state.map(|state| Self { path: path.to_owned(), file, clock, length, is_torn, state }))
    }

    /// Writes `step` down, durably. After an error it is not written down.
    pub(super) fn append(&mut self, step: Step) -> io::Result<()> {
        if self.is_torn {
            self.cut()?;
        }
        let line = Line { at: self.clock.now(), step };
        let mut text = serde_json::to_vec(&line)?;
        text.push(b'\n');
        let written = failpoint::pass("journal.append")
            .and_then(|()| self.file.write_all(&text))
            .and_then(|()| failpoint::pass("journal.written"))
            .and_then(|()| self.file.sync_all())
            .and_then(|()| failpoint::pass("journal.synced"));
        if let Err(error) = written {
            // It may have got there all the same, and must not be read later. What cannot be cut now is cut next time.
            self.is_torn = true;
            let _next_time = self.cut();
            return Err(error);
        }
        self.length += text.len() as u64;
        self.state.apply(line);
        Ok(())
    }

    fn cut(&mut self) -> io::Result<()> {
        self.file.set_len(self.length)?;
        self.file.sync_all()?;
        self.is_torn = false;
        Ok(())
    }

    /// Removes it: there is nothing more to tell.
    pub(super) fn remove(self) -> io::Result<()> {
        fsio::remove_durably(&self.path).map(drop)
    }
}

/// Behind the dot of a journal's name.
const EXTENSION: &str = "journal";

/// The journals in `dir`, the oldest restore first; none when the folder is not there.
pub(super) fn paths_in(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == EXTENSION));
    paths.sort();
    Ok(paths)
}

/// The state that the whole lines of `text` amount to, and how many bytes they are.
fn read(text: &[u8]) -> Result<(Option<State>, usize), String> {
    let mut state: Option<State> = None;
    let mut length = 0;
    // What stands behind the last line feed was never synced.
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    for line in text[..whole].split_inclusive(|byte| *byte == b'\n') {
        let is_last = length + line.len() == whole;
        let read = match serde_json::from_slice::<Line<Step>>(line) {
            Ok(read) => read,
            // A power cut can leave the length of a line without its bytes.
            Err(_) if is_last => break,
            Err(error) => return Err(format!("at byte {length}: {error}")),
        };
        match (&mut state, read) {
            (Some(state), read) => state.apply(read),
            (None, Line { step: Step::Staging(header), .. }) if header.version > VERSION => {
                return Err(format!("it has version {}, this program knows {VERSION}", header.version));
            }
            (None, Line { step: Step::Staging(header), .. }) => state = Some(State::new(header)),
            (None, _) => return Err("its first line is not there".to_owned()),
        }
        length += line.len();
    }
    Ok((state, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        let sources = vec![SourceName::new("data").unwrap()];
        Header { sources, ..Header::new(JobId::generate(), BackupId::generate()) }
    }

    fn only(dir: &Path) -> PathBuf {
        let paths = paths_in(dir).unwrap();
        assert_eq!(paths.len(), 1);
        paths[0].clone()
    }

    #[test]
    fn what_was_written_down_is_read_again() {
        let dir = tempfile::TempDir::new().unwrap();
        let header = header();
        let mut journal = Journal::begin(dir.path(), header.clone(), Clock::system()).unwrap();
        for step in [Step::Staged { records: Vec::new() }, Step::Stopping, Step::Started, Step::Stopping, Step::Undone]
        {
            journal.append(step).unwrap();
        }
        drop(journal);
        let state = Journal::open(&only(dir.path()), Clock::system()).unwrap().unwrap().state;
        assert_eq!((state.header.job, state.header.backup), (header.job, header.backup));
        assert!(state.is_stopped && !state.may_run && !state.is_settled && state.swaps.is_empty());
        assert!(matches!(state.ending, Some(Ending::Undone)));
    }

    #[test]
    fn a_journal_cut_at_any_byte_tells_of_the_lines_before_and_can_be_gone_on_with() {
        let dir = tempfile::TempDir::new().unwrap();
        let mut journal = Journal::begin(dir.path(), header(), Clock::system()).unwrap();
        let first = usize::try_from(journal.length).unwrap();
        journal.append(Step::Stopping).unwrap();
        drop(journal);
        let path = only(dir.path());
        let whole = std::fs::read(&path).unwrap();
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let opened = Journal::open(&path, Clock::system()).unwrap();
            assert_eq!(opened.is_some(), length >= first, "{length}");
            let Some(mut journal) = opened else { continue };
            assert!(!journal.state.is_stopped, "{length}");
            journal.append(Step::Undone).unwrap();
            let again = Journal::open(&path, Clock::system()).unwrap().unwrap();
            assert!(matches!(again.state.ending, Some(Ending::Undone)), "{length}");
        }
    }

    #[test]
    fn damage_before_the_last_line_is_not_passed_over() {
        let dir = tempfile::TempDir::new().unwrap();
        let mut journal = Journal::begin(dir.path(), header(), Clock::system()).unwrap();
        let middle = usize::try_from(journal.length).unwrap();
        journal.append(Step::Stopping).unwrap();
        journal.append(Step::Undone).unwrap();
        drop(journal);
        let path = only(dir.path());
        let mut text = std::fs::read(&path).unwrap();
        text[middle + 3] = 0;
        std::fs::write(&path, text).unwrap();
        let error = Journal::open(&path, Clock::system()).unwrap_err().to_string();
        assert!(error.contains("cannot be understood: at byte"), "{error}");
    }

    #[test]
    fn a_newer_version_is_left_alone() {
        let dir = tempfile::TempDir::new().unwrap();
        Journal::begin(dir.path(), Header { version: 2, ..header() }, Clock::system()).unwrap();
        let error = Journal::open(&only(dir.path()), Clock::system()).unwrap_err().to_string();
        assert!(error.contains("it has version 2, this program knows 1"), "{error}");
    }
}
