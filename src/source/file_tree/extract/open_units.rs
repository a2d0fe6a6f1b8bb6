//! The units that are being put together. Entries come in the order of their paths, and where a restore point lies in
//! several archives their frames take turns: so a few units stay open, and each frame is mostly decoded once.

use super::unit::{Task, Unit};

/// A unit with so many tasks is handed out even if its frame goes on: empty files have no frame that ends.
const TASKS_PER_UNIT: usize = 4096;

/// All open units together hold at most so many tasks.
const TASKS: usize = 4 * TASKS_PER_UNIT;

/// No more units are open, of however many archives.
const MOST_UNITS: usize = 32;

/// Open units, the one added to last at the end.
#[derive(Debug)]
pub(super) struct OpenUnits {
    units: Vec<Unit>,
    /// How many may be open.
    most: usize,
    tasks: usize,
}

impl OpenUnits {
    /// For a restore point that lies in so many archives.
    pub(super) fn of_archives(count: usize) -> Self {
        // Of one archive the frames follow each other.
        let most = if count <= 1 { 1 } else { (count + 1).min(MOST_UNITS) };
        Self { units: Vec::with_capacity(most + 1), most, tasks: 0 }
    }

    /// Puts a task to the unit of its frame; one without a frame goes along with the last. Returns a unit that is to be
    /// handed out, if one is.
    pub(super) fn add(&mut self, frame: Option<u32>, task: Task) -> Option<Unit> {
        let fits = |unit: &Unit| frame.is_none() || unit.frame.is_none() || unit.frame == frame;
        let mut unit = self.units.iter().rposition(fits).map(|at| self.units.remove(at)).unwrap_or_default();
        unit.frame = unit.frame.or(frame);
        unit.tasks.push(task);
        self.tasks += 1;
        let is_full = unit.tasks.len() >= TASKS_PER_UNIT;
        self.units.push(unit);
        if is_full {
            return self.remove(self.units.len() - 1);
        }
        if self.units.len() > self.most || self.tasks > TASKS { self.remove(0) } else { None }
    }

    /// Any of the open units, until there are no more.
    pub(super) fn take(&mut self) -> Option<Unit> {
        if self.units.is_empty() { None } else { self.remove(0) }
    }

    fn remove(&mut self, at: usize) -> Option<Unit> {
        let unit = self.units.remove(at);
        self.tasks -= unit.tasks.len();
        Some(unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::{Content, Meta};
    use crate::model::Sha256;
    use crate::source::file_tree::extract::layout::Layout;
    use crate::source::file_tree::extract::unit::{FileToMake, WholeFile};

    fn task() -> Task {
        let content = Content { size: 0, sha256: Sha256::of(b""), chunks: Vec::new(), sparse: None };
        let layout = Layout::of(&content).unwrap();
        let file = FileToMake { member: b"t/f".to_vec(), start: 0, meta: Meta::default(), layout };
        Task::Whole(WholeFile { file, pieces: Vec::new() })
    }

    /// The frames of the units that come out, in order, when these frames are asked for; `None` are empty files.
    fn handed_out(archives: usize, frames: &[Option<u32>]) -> Vec<(Option<u32>, usize)> {
        let mut open = OpenUnits::of_archives(archives);
        let mut out: Vec<Unit> = frames.iter().filter_map(|frame| open.add(*frame, task())).collect();
        out.extend(std::iter::from_fn(|| open.take()));
        out.iter().map(|unit| (unit.frame, unit.tasks.len())).collect()
    }

    #[test]
    fn frames_of_one_archive_are_handed_out_as_they_end() {
        let frames = [Some(0), Some(0), None, Some(1), Some(0)];
        assert_eq!(handed_out(1, &frames), [(Some(0), 3), (Some(1), 1), (Some(0), 1)]);
    }

    #[test]
    fn frames_that_take_turns_are_each_handed_out_once() {
        let frames: Vec<_> = (0..100).flat_map(|n| [Some(n / 50), Some(1000), Some(2000), None]).collect();
        let out = handed_out(3, &frames);
        assert_eq!(out.len(), 4, "{out:?}");
        assert_eq!(out.iter().map(|(_, tasks)| tasks).sum::<usize>(), 400);
    }

    #[test]
    fn tasks_are_bounded_whatever_comes() {
        let empty = vec![None; TASKS_PER_UNIT + 1];
        assert_eq!(handed_out(1, &empty), [(None, TASKS_PER_UNIT), (None, 1)]);
        let mut open = OpenUnits::of_archives(30);
        for n in 0..100_000 {
            open.add(Some(n % 30), task());
            assert!(open.tasks <= TASKS && open.units.len() <= MOST_UNITS);
            assert_eq!(open.tasks, open.units.iter().map(|unit| unit.tasks.len()).sum::<usize>());
        }
    }
}
