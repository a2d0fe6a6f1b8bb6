//! What only the whole configuration can get wrong: places that would overlap, and a database that is two sources.
//!
//! A backup that held its own store would grow without end, and a restore of a tree that holds the catalog would swap it
//! away from under the daemon. So sources, store, state and socket each stand apart. Paths are compared with symbolic
//! links resolved as far as they exist now; nothing is opened and nothing is written.

use std::path::{Path, PathBuf};

use super::decode::Draft;
use super::problem::{Origin, Problems};
use super::source::{Source, SourceSettings};

/// Reports every two places that overlap.
pub(super) fn places(draft: &Draft, problems: &mut Problems) {
    let config = &draft.config;
    let sources: Vec<Placed<'_>> = config.sources.iter().zip(&draft.source_places).filter_map(Placed::of).collect();
    let store = resolved(&config.backup.dir);
    let state_dir = resolved(&config.daemon.state_dir);
    let socket = resolved(&config.daemon.socket);

    for (index, placed) in sources.iter().enumerate() {
        for earlier in &sources[..index] {
            if placed.overlaps(&earlier.path) {
                let name = &earlier.source.name;
                placed
                    .report(problems, &format!("overlaps the source '{name}'; a restore of one would undo the other"));
            }
        }
        if store.starts_with(&placed.path) {
            let message = format!(
                "{} lies within the source '{}', which would then back up its own backups; choose a place outside it",
                config.backup.dir.display(),
                placed.source.name
            );
            problems.add(draft.backup_dir.clone(), key_of_store(&draft.backup_dir), message);
        } else if placed.path.starts_with(&store) {
            placed.report(
                problems,
                "lies within backup.dir, where only the daemon writes; choose another place for either",
            );
        }
        if placed.overlaps(&state_dir) {
            placed.report(problems, "overlaps daemon.state_dir, which a restore must not swap away; keep them apart");
        }
        if socket.starts_with(&placed.path) {
            placed.report(problems, "holds daemon.socket, which a restore would swap away; keep them apart");
        }
    }
}

/// Reports every database that is two sources: a restore of both would exchange it twice.
pub(super) fn databases(draft: &Draft, problems: &mut Problems) {
    let databases: Vec<_> = draft
        .config
        .sources
        .iter()
        .zip(&draft.source_places)
        .filter_map(|(source, origin)| match &source.settings {
            SourceSettings::Postgres(postgres) => Some((source, origin, &postgres.url)),
            _ => None,
        })
        .collect();
    for (index, (source, origin, url)) in databases.iter().enumerate() {
        if let Some((earlier, ..)) = databases[..index].iter().find(|(_, _, known)| known == url) {
            let message = format!("{url} is the source '{}' already; remove one of the two", earlier.name);
            problems.add((*origin).clone(), format!("source.{}.url", source.name), message);
        }
    }
}

/// A variable is its own key.
const fn key_of_store(origin: &Origin) -> &'static str {
    match origin {
        Origin::Environment(_) => "",
        _ => "backup.dir",
    }
}

/// A source with its resolved path.
struct Placed<'d> {
    source: &'d Source,
    origin: &'d Origin,
    configured: &'d Path,
    path: PathBuf,
}

impl<'d> Placed<'d> {
    /// `None` for a source that is not in the file system.
    fn of((source, origin): (&'d Source, &'d Origin)) -> Option<Self> {
        let configured = source.path()?;
        Some(Self { source, origin, configured, path: resolved(configured) })
    }

    fn overlaps(&self, other: &Path) -> bool {
        self.path.starts_with(other) || other.starts_with(&self.path)
    }

    fn report(&self, problems: &mut Problems, message: &str) {
        let message = format!("{} {message}", self.configured.display());
        problems.add(self.origin.clone(), format!("source.{}.path", self.source.name), message);
    }
}

/// `path` with the links of its longest existing part resolved; the rest is yet to be made and stays as written.
fn resolved(path: &Path) -> PathBuf {
    for ancestor in path.ancestors() {
        if let (Ok(real), Ok(rest)) = (ancestor.canonicalize(), path.strip_prefix(ancestor)) {
            // Joining an empty rest would add a slash, and a file with a slash behind it is another path.
            return if rest.as_os_str().is_empty() { real } else { real.join(rest) };
        }
    }
    path.to_owned()
}
