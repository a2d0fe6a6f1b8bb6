//! A folder with everything below it.
//!
//! Reading and writing go by directory descriptors, one path component at a time and never through a link, so that what
//! happens in the tree meanwhile can change what is read but not where.

mod ahead;
mod carry;
mod check;
mod content;
mod counts;
mod diff;
mod exclude;
pub mod extract;
mod known;
mod links;
mod listing;
mod measure;
mod open;
mod plan;
mod record;
pub(in crate::source) mod remove;
mod restage;
mod reuse;
mod second_look;
pub mod seen;
mod snapshot;
mod stage;
mod take_over;
#[cfg(test)]
mod tests;
mod validate;
mod walk;
pub mod wanted;

use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use self::exclude::Rules;
use super::error::{SnapshotError, SourceError, StageError};
use super::facts::Facts;
use super::place::Place;
use super::swap::site::sweep;
use super::{CheckReport, Estimate, SnapshotRequest, SnapshotTaken, Source, SourcePlan, StageRequest, Staged};
use crate::archive::{ArchiveReader, ArchiveWriter, SourceMetadata};
use crate::model::{JobId, SourceKind, SourceName};
use crate::progress::Progress;

/// How a tree is read.
#[derive(Clone, Debug)]
pub struct FileTreeOptions {
    /// What to leave out: patterns as in a gitignore file, relative to the root. One without a slash matches a name at any
    /// depth (`*.tmp`), one with a slash a path from the root (`**/cache/**`, `old/*.bak`); a slash at its end limits it to
    /// folders. Nothing below a folder that is left out is looked at.
    pub exclude: Vec<String>,
    /// Do not descend into other file systems mounted below the root; their mount points are kept as empty folders.
    pub one_file_system: bool,
}

/// The source kind `files`.
#[derive(Clone, Debug)]
pub struct FileTree {
    name: SourceName,
    root: PathBuf,
    options: FileTreeOptions,
    rules: Rules,
}

impl FileTree {
    /// The tree below `root`, an absolute path.
    ///
    /// # Errors
    /// [`SourceError::BadRule`] for a pattern that cannot be understood.
    pub fn new(name: SourceName, root: PathBuf, options: FileTreeOptions) -> Result<Self, SourceError> {
        let rules = Rules::new(&options.exclude)?;
        Ok(Self { name, root, options, rules })
    }

    /// The path of its members, `NAME/`.
    fn member(&self) -> String {
        self.metadata().member()
    }

    fn open_root(&self) -> Result<(OwnedFd, Facts), SourceError> {
        open_root(&self.root)
    }
}

impl Source for FileTree {
    fn name(&self) -> &SourceName {
        &self.name
    }

    fn kind(&self) -> SourceKind {
        SourceKind::Files
    }

    fn metadata(&self) -> SourceMetadata {
        SourceMetadata {
            name: self.name.clone(),
            kind: SourceKind::Files,
            location: self.root.display().to_string(),
            exclude: self.options.exclude.clone(),
            details: Default::default(),
        }
    }

    fn check(&self) -> Result<CheckReport, SourceError> {
        check::check(self)
    }

    fn measure(&self, progress: &Progress) -> Result<Estimate, SourceError> {
        measure::measure(self, progress)
    }

    fn snapshot(
        &self,
        writer: &mut ArchiveWriter,
        request: &SnapshotRequest<'_>,
        progress: &Progress,
    ) -> Result<SnapshotTaken, SnapshotError> {
        writer.begin_source();
        let id = writer.id();
        snapshot::snapshot(self, writer, id, request, progress)
    }

    fn plan(&self, archive: &ArchiveReader, paths: &[Vec<u8>], progress: &Progress) -> Result<SourcePlan, StageError> {
        plan::plan(self, archive, paths, progress)
    }

    fn stage(
        &self,
        archive: &Arc<ArchiveReader>,
        request: &StageRequest<'_>,
        progress: &Progress,
    ) -> Result<Box<dyn Staged>, StageError> {
        let method = plan::method_for(self)?;
        Ok(Box::new(stage::StagedTree::lay_out(self, archive, request, method, progress)?))
    }

    fn sweep_staging(&self, job: JobId) -> Result<(), StageError> {
        let place = match Place::of(&self.root) {
            Ok(place) => place,
            // With the folder above it nothing of ours can be there either.
            Err(SourceError::NotFound { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let live = plan::live_root(&self.root)?;
        sweep(&place, live.as_ref().map(|(root, _)| root.as_fd()), job)
    }
}

/// Opens the root of a tree. The last component may not be a link: a backup of a link would be a backup of whatever it
/// points to at the moment.
fn open_root(root: &Path) -> Result<(OwnedFd, Facts), SourceError> {
    let failed = |error: Errno| SourceError::Io { doing: "opening", path: root.to_owned(), error: error.into() };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = match rustix::fs::open(root, flags, Mode::empty()) {
        Ok(fd) => fd,
        Err(Errno::NOENT) => return Err(SourceError::NotFound { path: root.to_owned() }),
        Err(error @ (Errno::NOTDIR | Errno::LOOP)) => {
            let found = rustix::fs::lstat(root).map(|stat| Facts::from(&stat).kind_in_words());
            return Err(match found {
                Ok(found) => SourceError::WrongType { path: root.to_owned(), found, wanted: "a folder" },
                Err(_) => failed(error),
            });
        }
        Err(error) => return Err(failed(error)),
    };
    let facts = Facts::from(&rustix::fs::fstat(&fd).map_err(failed)?);
    Ok((fd, facts))
}
