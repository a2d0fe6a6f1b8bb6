//! What is known of a tree from the last backup: each entry of its manifest together with what was seen of it then.
//!
//! Both are sorted, so that one pass over them joins them, in constant memory; a thread of its own does it ahead of the
//! walk. Entries of which nothing trustworthy was seen are left out: they have to be read in any case.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded};
use rustix::fs::FileType;

use super::super::attributes::Owners;
use super::super::facts::Facts;
use super::super::shown::shown;
use super::seen::{Seen, SeenReader, Unusable};
use crate::archive::{ArchiveReader, LookedAt, Outline, OutlineKind, ReadError, Totals};

/// So many entries are handed over at once.
const BATCH: usize = 1024;

/// So many batches wait.
const AHEAD: usize = 4;

/// One entry of the last backup.
#[derive(Clone, Debug)]
pub(super) struct Known {
    path: Range<usize>,
    line: Range<usize>,
    target: Range<usize>,
    pub(super) kind: OutlineKind,
    /// Bytes of content without holes; `None` for what is no file.
    pub(super) stored_bytes: Option<u64>,
    pub(super) seen: Seen,
    mode: u32,
    owner: usize,
}

/// An owner as the manifest has it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Owner {
    uid: u32,
    gid: u32,
    user: String,
    group: String,
}

/// Some entries. What they consist of lies in `bytes`.
#[derive(Debug, Default)]
struct Batch {
    bytes: Vec<u8>,
    entries: Vec<Known>,
    /// Owners that no batch before had; they are numbered through.
    owners: Vec<Owner>,
}

#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("the manifest of the last backup: {0}")]
    Base(#[from] ReadError),
    #[error("what was seen last: {0}")]
    Seen(#[from] Unusable),
}

/// The entries of the last backup, to be asked for in path order.
#[derive(Debug)]
pub(super) struct KnownEntries {
    batches: Option<Receiver<Result<Batch, Trouble>>>,
    spent: Sender<Batch>,
    batch: Batch,
    next: usize,
    /// Of each owner so far, the numbers, if their names are still the same.
    owners: Vec<Option<(u32, u32)>>,
    names: Owners,
    thread: Option<JoinHandle<LookedAt>>,
    error: Option<ReadError>,
}

impl KnownEntries {
    /// Of the tree whose members begin with `prefix`.
    ///
    /// # Errors
    /// When there cannot be another thread.
    pub(super) fn read_ahead(base: Arc<ArchiveReader>, prefix: &[u8], seen: SeenReader) -> std::io::Result<Self> {
        let (sender, batches) = bounded(AHEAD);
        let (spent, spare) = bounded(AHEAD + 2);
        let prefix = prefix.to_vec();
        let thread = std::thread::Builder::new().name("known entries".to_owned()).spawn(move || {
            let (batch, owners, looked_at) = (Batch::default(), HashMap::new(), LookedAt::default());
            let mut reading = Reading { seen, out: &sender, spare, batch, owners, looked_at };
            if let Err(trouble) = reading.run(&base, &prefix) {
                let _unless_nobody_waits = sender.send(Err(trouble));
            }
            reading.looked_at
        })?;
        Ok(Self {
            batches: Some(batches),
            spent,
            batch: Batch::default(),
            next: 0,
            owners: Vec::new(),
            names: Owners::default(),
            thread: Some(thread),
            error: None,
        })
    }

    /// The entry at `path`. Paths have to be asked for in ascending order.
    pub(super) fn at(&mut self, path: &[u8]) -> Option<&Known> {
        loop {
            if self.next == self.batch.entries.len() && !self.fetch(path) {
                return None;
            }
            let known = &self.batch.entries[self.next];
            match self.batch.bytes[known.path.clone()].cmp(path) {
                std::cmp::Ordering::Less => self.next += 1,
                std::cmp::Ordering::Equal => return Some(&self.batch.entries[self.next]),
                std::cmp::Ordering::Greater => return None,
            }
        }
    }

    /// Its line in the manifest, with the line end.
    pub(super) fn line(&self, known: &Known) -> &[u8] {
        &self.batch.bytes[known.line.clone()]
    }

    /// What a link points to.
    pub(super) fn target(&self, known: &Known) -> &[u8] {
        &self.batch.bytes[known.target.clone()]
    }

    /// Whether something with these facts has not changed since, so that its line would say the same today.
    pub(super) fn is_still(&self, known: &Known, facts: &Facts) -> bool {
        known.seen.is_still(facts)
            && is_of_kind(facts.kind, known.kind)
            && known.mode == facts.mode
            && self.owners.get(known.owner).copied().flatten() == Some((facts.uid, facts.gid))
    }

    /// Why the last backup's manifest could not be read to its end. No backup may build on it then: what is unchanged in
    /// there would be as unreadable in the next one.
    pub(super) fn take_error(&mut self) -> Option<ReadError> {
        self.error.take()
    }

    /// The chunks of the manifest of which every line was read.
    pub(super) fn into_looked_at(mut self) -> LookedAt {
        self.end()
    }

    fn end(&mut self) -> LookedAt {
        self.batches = None;
        self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or_default()
    }

    fn fetch(&mut self, path: &[u8]) -> bool {
        let Some(received) = self.batches.as_ref().and_then(|batches| batches.recv().ok()) else { return false };
        match received {
            Ok(batch) => {
                for owner in &batch.owners {
                    let is_same = self.names.of(owner.uid, owner.gid) == (&owner.user, &owner.group);
                    self.owners.push(is_same.then_some((owner.uid, owner.gid)));
                }
                self.next = 0;
                let _unless_many_wait = self.spent.try_send(std::mem::replace(&mut self.batch, batch));
                true
            }
            Err(trouble) => {
                match trouble {
                    Trouble::Base(error) => self.error = Some(error),
                    Trouble::Seen(error) => {
                        tracing::warn!(%error, "what was seen last is of no use: from {} on all is read", shown(path));
                    }
                }
                self.batches = None;
                false
            }
        }
    }
}

impl Drop for KnownEntries {
    fn drop(&mut self) {
        self.end();
    }
}

fn is_of_kind(kind: FileType, known: OutlineKind) -> bool {
    match known {
        OutlineKind::File => kind == FileType::RegularFile,
        OutlineKind::Directory => kind == FileType::Directory,
        OutlineKind::Symlink => kind == FileType::Symlink,
        OutlineKind::Hardlink => kind != FileType::Directory,
        OutlineKind::Fifo => kind == FileType::Fifo,
        OutlineKind::CharDevice => kind == FileType::CharacterDevice,
        OutlineKind::BlockDevice => kind == FileType::BlockDevice,
    }
}

/// The thread's side.
struct Reading<'a> {
    seen: SeenReader,
    out: &'a Sender<Result<Batch, Trouble>>,
    spare: Receiver<Batch>,
    batch: Batch,
    /// Owners by their numbers; the names may have been others in other lines.
    owners: HashMap<(u32, u32), Vec<(usize, Owner)>>,
    looked_at: LookedAt,
}

impl Reading<'_> {
    fn run(&mut self, base: &ArchiveReader, prefix: &[u8]) -> Result<(), Trouble> {
        self.seen.check()?;
        let mut text = base.manifest_text(prefix);
        let mut known_owners = 0;
        while let Some((id, chunk)) = text.next_chunk()? {
            let (mut rest, mut totals, mut is_behind) = (chunk, Totals::default(), false);
            while let Some(end) = memchr::memchr(b'\n', rest) {
                let (line, behind) = rest.split_at(end + 1);
                rest = behind;
                let outline =
                    Outline::parse(&line[..end]).map_err(|bad| ReadError::Damaged(format!("the manifest: {bad}")))?;
                totals.entries += 1;
                totals.files += u64::from(outline.kind == OutlineKind::File);
                totals.raw_bytes = totals.raw_bytes.saturating_add(outline.stored_bytes);
                if rest.is_empty() {
                    self.looked_at.add(id, totals, &outline.path);
                }
                if !outline.path.starts_with(prefix) {
                    is_behind |= *outline.path > *prefix;
                    continue;
                }
                let Some(seen) = self.seen.at(&outline.path)?.filter(|seen| seen.is_trusted) else { continue };
                self.push(line, &outline, seen, &mut known_owners);
                if self.batch.entries.len() == BATCH && !self.send() {
                    return Ok(());
                }
            }
            if is_behind {
                break;
            }
        }
        self.hand_over();
        Ok(())
    }

    fn push(&mut self, line: &[u8], outline: &Outline<'_>, seen: Seen, known_owners: &mut usize) {
        let owner = self.owner_of(outline, known_owners);
        let Batch { bytes, entries, .. } = &mut self.batch;
        let mut append = |part: &[u8]| {
            let start = bytes.len();
            bytes.extend_from_slice(part);
            start..bytes.len()
        };
        entries.push(Known {
            path: append(&outline.path),
            line: append(line),
            target: append(&outline.target),
            kind: outline.kind,
            stored_bytes: (outline.kind == OutlineKind::File).then_some(outline.stored_bytes),
            seen,
            mode: outline.mode,
            owner,
        });
    }

    fn owner_of(&mut self, outline: &Outline<'_>, known_owners: &mut usize) -> usize {
        let same_numbers = self.owners.entry((outline.uid, outline.gid)).or_default();
        let same = same_numbers.iter().find(|(_, owner)| owner.user == outline.user && owner.group == outline.group);
        if let Some((number, _)) = same {
            return *number;
        }
        let owner = Owner {
            uid: outline.uid,
            gid: outline.gid,
            user: outline.user.clone().into_owned(),
            group: outline.group.clone().into_owned(),
        };
        let number = *known_owners;
        *known_owners += 1;
        same_numbers.push((number, owner.clone()));
        self.batch.owners.push(owner);
        number
    }

    /// Hands over what is left.
    fn hand_over(&mut self) {
        if !self.batch.entries.is_empty() {
            let _wanted = self.send();
        }
    }

    /// Hands over the batch; false when nobody wants it any more.
    fn send(&mut self) -> bool {
        let mut next = self.spare.try_recv().unwrap_or_default();
        next.bytes.clear();
        next.entries.clear();
        next.owners.clear();
        self.out.send(Ok(std::mem::replace(&mut self.batch, next))).is_ok()
    }
}
