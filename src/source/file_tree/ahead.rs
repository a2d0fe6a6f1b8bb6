//! Looks into folders ahead of a walk, on threads of its own: opens and lists them, and looks at what is in them.
//!
//! The walk decides which folders come next and takes them in its own order; nothing here knows names or rules. Few folders
//! are ahead at a time, so that descriptors and memory do not depend on the tree. Nothing waits: who wants a folder that is
//! not done yet does what is to be done next itself.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use rustix::fs::{AtFlags, FileType};
use rustix::io::Errno;

use super::super::facts::Facts;
use super::exclude::is_ours;
use super::listing::Listing;
use super::open::Opener;

/// They mostly wait for the disk, so that their number has nothing to do with that of the cores.
const THREADS: usize = 3;

/// So many things in one folder are looked at ahead; the rest when it is their turn.
const MOST_LOOKS: usize = 4096;

/// An open folder.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) fd: OwnedFd,
    pub(super) facts: Facts,
    /// What is in it, or why that cannot be said.
    pub(super) listing: Result<Listing, Errno>,
    /// Of the first of these, in their order, what they were like; `None` for folders and for what had gone.
    pub(super) looks: Vec<Option<Facts>>,
}

/// How folders are looked into.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    /// Folders of other devices are not listed.
    pub(super) only_on: Option<u64>,
    /// Whether to look at what is in them.
    pub(super) looks: bool,
}

/// Looks into folders; one for each thread.
#[derive(Debug)]
pub(super) struct Looker {
    opener: Opener,
    buffer: Vec<u8>,
    manner: Manner,
}

impl Looker {
    pub(super) const fn new(manner: Manner) -> Self {
        Self { opener: Opener::new(), buffer: Vec::new(), manner }
    }

    /// Opens the folder `name` of `parent` and looks into it.
    pub(super) fn open(&mut self, parent: BorrowedFd<'_>, name: &CStr) -> Result<Opened, Errno> {
        let fd = self.opener.directory(parent, name)?;
        let facts = Facts::from(&rustix::fs::fstat(&fd)?);
        Ok(self.look_into(fd, facts))
    }

    /// Looks into an open folder.
    pub(super) fn look_into(&mut self, fd: OwnedFd, facts: Facts) -> Opened {
        let mut listing = Listing::default();
        let is_elsewhere = self.manner.only_on.is_some_and(|device| device != facts.identity.device);
        let read = if is_elsewhere { Ok(()) } else { listing.read(fd.as_fd(), &mut self.buffer, is_ours) };
        let looks = if self.manner.looks && read.is_ok() { looks(fd.as_fd(), &listing) } else { Vec::new() };
        Opened { fd, facts, listing: read.map(|()| listing), looks }
    }
}

fn looks(directory: BorrowedFd<'_>, listing: &Listing) -> Vec<Option<Facts>> {
    let look = |(name, kind): (&CStr, FileType)| match kind {
        FileType::Directory => None,
        _ => rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).ok().map(|stat| Facts::from(&stat)),
    };
    (0..MOST_LOOKS).map_while(|index| listing.get(index)).map(look).collect()
}

type Answer = Result<Opened, Errno>;

#[derive(Debug)]
struct Task {
    parent: Arc<OwnedFd>,
    name: CString,
    answer: Sender<Answer>,
}

impl Task {
    fn run(self, looker: &mut Looker) {
        let opened = looker.open(self.parent.as_fd(), &self.name);
        // Nobody wants it any more when the walk was given up.
        let _sent = self.answer.send(opened);
    }
}

/// A folder that was asked for.
#[derive(Debug)]
pub(super) struct Asked {
    answer: Receiver<Answer>,
}

/// The threads. They end when it is dropped.
#[derive(Debug)]
pub(super) struct Ahead {
    tasks: Option<Sender<Task>>,
    waiting: Receiver<Task>,
    threads: Vec<JoinHandle<()>>,
}

impl Ahead {
    /// One that has no threads does everything when it is taken.
    pub(super) fn start(manner: Manner) -> Self {
        let (tasks, waiting) = unbounded::<Task>();
        let spawn = |_| {
            let waiting = waiting.clone();
            let work = move || {
                let mut looker = Looker::new(manner);
                waiting.iter().for_each(|task| task.run(&mut looker));
            };
            std::thread::Builder::new().name("look ahead".to_owned()).spawn(work).ok()
        };
        let threads = (0..THREADS).filter_map(spawn).collect();
        Self { tasks: Some(tasks), waiting, threads }
    }

    /// Asks for the folder `name` of `parent`.
    pub(super) fn ask(&self, parent: &Arc<OwnedFd>, name: &CStr) -> Asked {
        let (sender, answer) = bounded(1);
        if let Some(tasks) = &self.tasks {
            let _kept = tasks.send(Task { parent: Arc::clone(parent), name: name.to_owned(), answer: sender });
        }
        Asked { answer }
    }

    /// The folder that was asked for. Until it is there `looker` does what else was asked for. `None` if a thread died of it.
    pub(super) fn take(&self, asked: &Asked, looker: &mut Looker) -> Option<Answer> {
        loop {
            if let Ok(answer) = asked.answer.try_recv() {
                return Some(answer);
            }
            match self.waiting.try_recv() {
                Ok(task) => task.run(looker),
                Err(_) => return asked.answer.recv().ok(),
            }
        }
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        // What nobody has begun is not wanted any more.
        self.waiting.try_iter().for_each(drop);
        self.tasks = None;
        for thread in self.threads.drain(..) {
            let _panicked = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::source::file_tree::exclude::Rules;
    use crate::source::file_tree::walk::{Step, Walk, WalkOptions};

    /// What a walk through `root` tells, and of how many things it says what they were like.
    fn told(root: &Path, looking_ahead: bool) -> (Vec<String>, usize) {
        let fd = OwnedFd::from(fs::File::open(root).unwrap());
        let facts = Facts::from(&rustix::fs::fstat(&fd).unwrap());
        let rules = Rules::new(&["left out/".to_owned(), "*.tmp".to_owned()]).unwrap();
        let options = WalkOptions { rules: &rules, one_file_system: true, report_excluded: false };
        let walk = Walk::new(fd, facts, b"t/", options);
        let mut walk = if looking_ahead { walk.looking_ahead() } else { walk };
        let (mut steps, mut looks) = (Vec::new(), 0);
        while let Some(step) = walk.next().unwrap() {
            steps.push(match step {
                Step::Directory { path, facts, fd } => {
                    let now = Facts::from(&rustix::fs::fstat(fd).unwrap());
                    assert_eq!(facts.identity, now.identity);
                    format!("folder {}", path.escape_ascii())
                }
                Step::Other { path, directory, name, listed, looked } => {
                    let now = Facts::from(&rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).unwrap());
                    looks += usize::from(looked.is_some_and(|looked| looked.is_unchanged_since(&now)));
                    format!("{listed:?} {}", path.escape_ascii())
                }
                other => format!("{other:?}"),
            });
        }
        (steps, looks)
    }

    #[test]
    fn a_walk_that_looks_ahead_tells_the_same_in_the_same_order() {
        let root = tempfile::tempdir().unwrap();
        let mut folders = 0;
        for a in 0..7 {
            for b in 0..9 {
                let folder = root.path().join(format!("{a}/b{b}/c"));
                fs::create_dir_all(folder.join("left out/below")).unwrap();
                fs::create_dir_all(folder.parent().unwrap().join("empty")).unwrap();
                for name in ["c", "x", "x.tmp"] {
                    fs::write(folder.join(name), name).unwrap();
                }
                fs::write(root.path().join(format!("{a}/b{b}-file")), "").unwrap();
                std::os::unix::fs::symlink("../nowhere", folder.join("link")).unwrap();
                folders += 1;
            }
        }
        let (expected, none) = told(root.path(), false);
        assert_eq!((expected.len(), none), (1 + 7 + 7 * folders, 0));
        let (steps, looks) = told(root.path(), true);
        assert_eq!(steps, expected);
        assert_eq!(looks, 4 * folders);
    }

    #[test]
    fn a_deep_tree_takes_few_descriptors_more_than_it_is_deep() {
        let root = tempfile::tempdir().unwrap();
        let mut path = root.path().to_owned();
        for _ in 0..150 {
            path.push("d");
            for side in ["a", "b", "c", "e", "f", "g"] {
                fs::create_dir_all(path.with_file_name(side)).unwrap();
            }
            fs::create_dir(&path).unwrap();
        }
        let open = || fs::read_dir("/proc/self/fd").unwrap().count();
        let fd = OwnedFd::from(fs::File::open(root.path()).unwrap());
        let facts = Facts::from(&rustix::fs::fstat(&fd).unwrap());
        let rules = Rules::none();
        let options = WalkOptions { rules: &rules, one_file_system: true, report_excluded: false };
        let before = open();
        let mut walk = Walk::new(fd, facts, b"", options).looking_ahead();
        let (mut steps, mut most) = (0, 0);
        while walk.next().unwrap().is_some() {
            steps += 1;
            most = most.max(open());
        }
        assert_eq!(steps, 1 + 150 * 7);
        assert!(most - before < 150 + 100, "{most} descriptors, {before} before");
        drop(walk);
        assert!(open() <= before, "all are closed and all threads gone");
    }

    #[test]
    fn a_walk_that_is_given_up_ends_its_threads() {
        let root = tempfile::tempdir().unwrap();
        (0..50).for_each(|n| fs::create_dir(root.path().join(n.to_string())).unwrap());
        let fd = Arc::new(OwnedFd::from(fs::File::open(root.path()).unwrap()));
        let ahead = Ahead::start(Manner { only_on: None, looks: true });
        let asked: Vec<_> = (0..50).map(|n| ahead.ask(&fd, &CString::new(n.to_string()).unwrap())).collect();
        let mut looker = Looker::new(Manner { only_on: None, looks: true });
        assert!(matches!(ahead.take(&asked[49], &mut looker), Some(Ok(_))), "the others are done meanwhile");
        drop(ahead);
        drop(asked);
        assert_eq!(Arc::strong_count(&fd), 1);
    }
}
