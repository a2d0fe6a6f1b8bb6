//! The exchange of names by which a database takes the place of another, as a journal keeps it and as it is made.
//!
//! Connections to both are refused and ended, then both are renamed in one transaction: there is no moment at which only
//! one of them has its new name. Who was interrupted looks at names and OIDs to know what was done. It must never touch a
//! database that has not both the name and the OID that are written down.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::super::super::error::{SourceError, StageError};
use super::super::super::steps;
use super::super::super::swap_record::Generation;
use super::super::error::PostgresError;
use super::super::server::{Connection, Server};
use super::look::{Found, Look};
use super::statements::{
    Connected, Rename, allow_connections, drop_database, end_connections, refuse_connections, rename,
};
use super::{activity, session};
use crate::progress::Progress;

/// A swap of two databases by their names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseSwap {
    /// How the server is reached; its URL names the live database.
    pub connection: Connection,
    /// The cluster's `system_identifier`: in another one the OIDs mean nothing.
    pub cluster: String,
    /// The `application_name` of every session that works on this swap.
    pub session: String,
    /// The name that both want.
    pub live_name: String,
    /// What the new one is called before the swap.
    pub staged_name: String,
    /// What the old one is called after it.
    pub kept_name: String,
    /// What was live; `None` when nothing was.
    pub old: Option<ReplacedDatabase>,
    /// What is to be live.
    pub new_oid: u32,
    /// Whether the new one is what an earlier restore replaced, and not ours to drop.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub new_is_kept: bool,
    /// How much had been written to the old one when its safety backup was begun ([`activity`]); `None` when there is no safety
    /// backup, or the server does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<String>,
    /// Which version the row of the old one in `pg_database` had when it was laid aside and refused connections. While it
    /// has that, nobody can have changed anything in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal: Option<String>,
}

/// A database that is replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplacedDatabase {
    /// Its OID.
    pub oid: u32,
    /// Whether it allowed connections before.
    pub allowed_connections: bool,
}

/// How long is tried against clients that connect again and again, and servers that are restarted.
const GIVE_UP_AFTER: Duration = Duration::from_secs(60);
/// The name of a point before a step, one for each direction.
macro_rules! point {
    ($goal:expr, $step:literal) => {
        match $goal {
            Generation::Old => concat!("source.database.back.", $step),
            Generation::New | Generation::Mixed => concat!("source.database.forward.", $step),
        }
    };
}

impl DatabaseSwap {
    /// Where it is live, for messages and as psql understands it.
    pub(in crate::source) fn live(&self) -> PathBuf {
        self.url_of(&self.live_name)
    }

    /// Where the old one is kept after the swap.
    pub(in crate::source) fn aside(&self) -> PathBuf {
        self.url_of(&self.kept_name)
    }

    /// Where the new one is before the swap.
    pub(super) fn staged(&self) -> PathBuf {
        self.url_of(&self.staged_name)
    }

    /// What is live.
    pub(in crate::source) fn generation(&self) -> Result<Generation, StageError> {
        self.generation_in(&self.look(&self.reach()?)?)
    }

    /// Makes `goal` live, from whatever state, and lets everybody connect to it again.
    pub(in crate::source) fn bring(&self, goal: Generation) -> Result<(), StageError> {
        let give_up_at = Instant::now() + GIVE_UP_AFTER;
        let mut server = self.reach()?;
        loop {
            match self.try_bring(&server, goal) {
                Err(StageError::Source(SourceError::Postgres(error))) if Instant::now() < give_up_at => {
                    if is_lost(&error) {
                        server = self.reach()?;
                    } else if !self.is_in_use(&server)? {
                        return Err(error.into());
                    }
                }
                result => return result,
            }
        }
    }

    /// Drops what is not live of the two, unless it is not ours.
    pub(in crate::source) fn discard_aside(&self) -> Result<(), StageError> {
        let server = self.reach()?;
        let look = self.look(&server)?;
        let (staged, kept) = (self.staged_in(&look), self.kept_in(&look));
        if staged.is_none() && kept.is_none() {
            return Ok(());
        }
        match self.generation_in(&look)? {
            Generation::Old if self.new_is_kept => Ok(()),
            Generation::Old => staged.map_or(Ok(()), |staged| Ok(drop_database(&server, staged, Connected::Ended)?)),
            Generation::New => kept.map_or(Ok(()), |kept| Ok(drop_database(&server, kept, Connected::Left)?)),
            Generation::Mixed => Err(self.refused(&format!(
                "neither it nor the database that was to replace it has this name ({} and {} are there); nothing is dropped \
                 before one of them was renamed to it",
                self.kept_name, self.staged_name
            ))),
        }
    }

    /// Whether what was replaced is still kept.
    pub(in crate::source) fn aside_is_there(&self) -> Result<bool, StageError> {
        let server = Server::connect(&self.connection, &Progress::default())?;
        Ok(self.kept_in(&self.look(&server)?).is_some())
    }

    /// Fails unless the two databases are just as they were when this was written down.
    pub(in crate::source) fn require_untouched(&self) -> Result<(), StageError> {
        let look = self.look(&self.reach()?)?;
        let live_is = look.named(&self.live_name).map(|found| found.oid);
        if live_is == self.old_oid() && self.staged_in(&look).is_some() && look.named(&self.kept_name).is_none() {
            return Ok(());
        }
        Err(self.refused("databases were renamed or replaced while the restore ran; nothing was exchanged"))
    }

    /// Whether anything may have been written to what was replaced since its safety backup was begun. To be asked after the
    /// swap: every session that could have done so has ended by then.
    pub(in crate::source) fn changed_since_safety(&self) -> Result<bool, StageError> {
        let (Some(oid), Some(written)) = (self.old_oid(), &self.written) else { return Ok(true) };
        let server = self.reach_to_look()?;
        Ok(activity::written_to(&server, oid)?.as_ref() != Some(written))
    }

    /// Lets the kept one be connected to, so that it can be saved; false when it is not kept. Until it is
    /// [`sealed`](Self::sealed) again nothing proves that nobody changed it.
    pub(super) fn open_kept(&self) -> Result<bool, StageError> {
        let server = self.reach_to_look()?;
        let look = self.look(&server)?;
        let Some(kept) = self.kept_in(&look) else { return Ok(false) };
        if !kept.allows {
            allow_connections(&server, kept)?;
        }
        Ok(true)
    }

    /// With the seal of what was replaced, which refuses connections from now on if it did not.
    pub(in crate::source) fn sealed(&self) -> Result<Self, StageError> {
        let server = self.reach_to_look()?;
        let mut look = self.look(&server)?;
        if let Some(kept) = self.kept_in(&look).filter(|kept| kept.allows) {
            let kept = [Rename { oid: kept.oid, from: &kept.name, to: &kept.name }];
            refuse_connections(&server, &look, &kept)?;
            end_connections(&server, &kept)?;
            look = self.look(&server)?;
        }
        let seal = self.kept_in(&look).filter(|kept| !kept.allows).map(|kept| kept.row.clone());
        Ok(Self { seal, ..self.clone() })
    }

    /// Whether what was replaced is kept and nobody can have changed it since.
    pub(super) fn is_as_sealed(&self, look: &Look) -> bool {
        let kept = self.kept_in(look).filter(|kept| !kept.allows && look.cluster == self.cluster);
        kept.is_some_and(|kept| self.seal.as_ref() == Some(&kept.row))
    }

    /// As [`is_as_sealed`](Self::is_as_sealed), looked at now.
    pub(in crate::source) fn is_kept_as_sealed(&self) -> Result<bool, StageError> {
        Ok(self.is_as_sealed(&self.look(&self.reach_to_look()?)?))
    }

    fn try_bring(&self, server: &Server, goal: Generation) -> Result<(), StageError> {
        let look = self.look(server)?;
        let renames = self.renames(&look, goal)?;
        if !renames.is_empty() {
            self.pass(point!(goal, "refuse"))?;
            refuse_connections(server, &look, &renames)?;
            self.pass(point!(goal, "terminate"))?;
            end_connections(server, &renames)?;
            self.pass(point!(goal, "rename"))?;
            rename(server, &renames)?;
        }
        self.pass(point!(goal, "allow"))?;
        self.allow(server, goal)?;
        self.pass(point!(goal, "done"))
    }

    /// What has to be renamed, in this order, to make `goal` live.
    fn renames(&self, look: &Look, goal: Generation) -> Result<Vec<Rename<'_>>, StageError> {
        let live = look.named(&self.live_name).map(|found| found.oid);
        let rename = |oid, from, to| Rename { oid, from, to };
        let live_name = self.live_name.as_str();
        let new_to_staged = rename(self.new_oid, live_name, &self.staged_name);
        match (goal, &self.old) {
            (Generation::Old, None) if live == Some(self.new_oid) => Ok(vec![new_to_staged]),
            (Generation::Old, None) => Ok(Vec::new()),
            (Generation::Old, Some(old)) if live == Some(old.oid) => Ok(Vec::new()),
            (Generation::Old, Some(old)) if self.kept_in(look).is_some() => {
                let back = rename(old.oid, &self.kept_name, live_name);
                match live {
                    None => Ok(vec![back]),
                    Some(oid) if oid == self.new_oid => Ok(vec![new_to_staged, back]),
                    Some(_) => Err(self.refused("a database that the restore knows nothing of has this name now")),
                }
            }
            (Generation::Old, Some(_)) => {
                Err(self.refused(&format!("what was replaced is no longer kept as {}", self.kept_name)))
            }
            (Generation::New | Generation::Mixed, _) if live == Some(self.new_oid) => Ok(Vec::new()),
            (Generation::New | Generation::Mixed, old) if self.staged_in(look).is_some() => {
                let forward = rename(self.new_oid, &self.staged_name, live_name);
                match (live, old) {
                    (None, _) => Ok(vec![forward]),
                    (Some(oid), Some(old)) if oid == old.oid => {
                        Ok(vec![rename(oid, live_name, &self.kept_name), forward])
                    }
                    (Some(_), _) => Err(self.refused("a database that the restore knows nothing of has this name now")),
                }
            }
            (Generation::New | Generation::Mixed, _) => {
                Err(self.refused(&format!("what was staged is no longer there as {}", self.staged_name)))
            }
        }
    }

    /// Lets everybody connect to what is live now, as it was allowed before.
    fn allow(&self, server: &Server, goal: Generation) -> Result<(), StageError> {
        let look = self.look(server)?;
        let Some(live) = look.named(&self.live_name) else { return Ok(()) };
        let allowed = match (goal, &self.old) {
            (Generation::Old, Some(old)) => old.allowed_connections,
            (Generation::Old, None) => return Ok(()),
            (Generation::New | Generation::Mixed, _) => true,
        };
        if allowed && !live.allows {
            allow_connections(server, live)?;
        }
        Ok(())
    }

    fn generation_in(&self, look: &Look) -> Result<Generation, StageError> {
        let live = look.named(&self.live_name).map(|found| found.oid);
        if live == Some(self.new_oid) {
            return Ok(Generation::New);
        }
        if live.is_some() && live == self.old_oid() {
            return Ok(Generation::Old);
        }
        match (self.kept_in(look).is_some(), self.staged_in(look).is_some(), live) {
            (true, true, None) => Ok(Generation::Mixed),
            (true, _, _) => Ok(Generation::New),
            (false, true, _) => Ok(Generation::Old),
            (false, false, None) if self.old.is_none() => Ok(Generation::Old),
            (false, false, _) => Err(self.refused(&format!(
                "neither the database that was there before the restore nor the one that it put there can be found, and \
                 neither as {} or {}",
                self.kept_name, self.staged_name
            ))),
        }
    }

    fn kept_in<'l>(&self, look: &'l Look) -> Option<&'l Found> {
        look.at_name(self.old_oid()?, &self.kept_name)
    }

    fn staged_in<'l>(&self, look: &'l Look) -> Option<&'l Found> {
        look.at_name(self.new_oid, &self.staged_name)
    }

    fn old_oid(&self) -> Option<u32> {
        self.old.as_ref().map(|old| old.oid)
    }

    fn look(&self, server: &Server) -> Result<Look, StageError> {
        let names = [self.live_name.as_str(), &self.staged_name, &self.kept_name];
        let oids: Vec<u32> = self.old_oid().into_iter().chain([self.new_oid]).collect();
        let look = Look::at(server, &names, &oids)?;
        if look.cluster == self.cluster {
            return Ok(look);
        }
        Err(self.refused(
            "the server that answers there is not the cluster in which the restore was made: is another one running?",
        ))
    }

    /// Whether somebody is connected to one of the two.
    fn is_in_use(&self, server: &Server) -> Result<bool, StageError> {
        let oids: Vec<String> = self.old_oid().into_iter().chain([self.new_oid]).map(|oid| oid.to_string()).collect();
        let sql = format!("SELECT count(*) FROM pg_stat_activity WHERE datid IN ({})", oids.join(", "));
        let doing = "looking for connections";
        let count: u64 = server.ask(&server.connection.maintenance_db, doing, &sql)?;
        Ok(count > 0)
    }

    fn reach(&self) -> Result<Server, StageError> {
        // What has begun to swap settles.
        Ok(session::reach(&self.connection, &self.session, &Progress::default())?)
    }

    fn reach_to_look(&self) -> Result<Server, StageError> {
        Ok(session::reach_to_look(&self.connection, &self.session, &Progress::default())?)
    }

    fn refused(&self, reason: &str) -> StageError {
        StageError::Source(SourceError::Refused { path: self.live(), reason: reason.to_owned() })
    }

    fn pass(&self, point: &'static str) -> Result<(), StageError> {
        let path = self.live();
        steps::pass(point).map_err(|error| StageError::Source(SourceError::Io { doing: "exchanging", path, error }))
    }

    fn url_of(&self, name: &str) -> PathBuf {
        self.connection.url.with_database(name).to_string().into()
    }
}

const fn is_lost(error: &PostgresError) -> bool {
    matches!(error, PostgresError::Unreachable { .. } | PostgresError::TimedOut { .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn swap() -> DatabaseSwap {
        DatabaseSwap {
            connection: Connection {
                url: "postgresql:///clinic".parse().unwrap(),
                maintenance_db: "postgres".to_owned(),
                run_as: "postgres".to_owned(),
            },
            cluster: "1".to_owned(),
            session: "s".to_owned(),
            live_name: "clinic".to_owned(),
            staged_name: "staged".to_owned(),
            kept_name: "kept".to_owned(),
            old: Some(ReplacedDatabase { oid: 10, allowed_connections: true }),
            new_oid: 20,
            new_is_kept: false,
            written: None,
            seal: None,
        }
    }

    fn names<'a>(renames: &[Rename<'a>]) -> Vec<(&'a str, &'a str)> {
        renames.iter().map(|rename| (rename.from, rename.to)).collect()
    }

    #[test]
    fn from_every_state_that_a_crash_can_leave_both_ends_are_reached() {
        let swap = swap();
        let before = Look::of("1", &[(10, "clinic"), (20, "staged")]);
        let after = Look::of("1", &[(10, "kept"), (20, "clinic")]);
        assert_eq!(swap.generation_in(&before).unwrap(), Generation::Old);
        assert_eq!(swap.generation_in(&after).unwrap(), Generation::New);
        assert_eq!(swap.renames(&before, Generation::Old).unwrap(), []);
        assert_eq!(swap.renames(&after, Generation::New).unwrap(), []);
        let forward = swap.renames(&before, Generation::New).unwrap();
        assert_eq!(names(&forward), [("clinic", "kept"), ("staged", "clinic")]);
        let back = swap.renames(&after, Generation::Old).unwrap();
        assert_eq!(names(&back), [("clinic", "staged"), ("kept", "clinic")]);
    }

    #[test]
    fn where_nothing_was_live_nothing_is_put_back() {
        let swap = DatabaseSwap { old: None, ..swap() };
        let (before, after) = (Look::of("1", &[(20, "staged")]), Look::of("1", &[(20, "clinic")]));
        assert_eq!(names(&swap.renames(&before, Generation::New).unwrap()), [("staged", "clinic")]);
        assert_eq!(names(&swap.renames(&after, Generation::Old).unwrap()), [("clinic", "staged")]);
        assert_eq!(swap.generation_in(&before).unwrap(), Generation::Old);
        assert_eq!(swap.generation_in(&Look::of("1", &[])).unwrap(), Generation::Old);
    }

    #[test]
    fn a_database_of_another_oid_is_never_renamed() {
        let swap = swap();
        for look in [
            Look::of("1", &[(30, "clinic"), (20, "staged")]),
            Look::of("1", &[(30, "clinic"), (10, "kept")]),
            Look::of("1", &[(10, "clinic"), (30, "staged")]),
            Look::of("1", &[(20, "clinic"), (30, "kept")]),
        ] {
            for goal in [Generation::Old, Generation::New] {
                if let Ok(renames) = swap.renames(&look, goal) {
                    assert_eq!(renames, [], "{look:?} {goal:?}");
                }
            }
        }
        assert!(swap.renames(&Look::of("1", &[(30, "clinic"), (20, "staged")]), Generation::New).is_err());
        assert!(swap.renames(&Look::of("1", &[(30, "clinic"), (10, "kept")]), Generation::Old).is_err());
    }

    #[test]
    fn what_was_replaced_is_known_as_such_when_another_is_live_since() {
        let swap = swap();
        assert_eq!(swap.generation_in(&Look::of("1", &[(30, "clinic"), (10, "kept")])).unwrap(), Generation::New);
        assert!(swap.generation_in(&Look::of("1", &[(30, "clinic")])).is_err());
    }

    #[test]
    fn a_seal_is_broken_by_whatever_changed_the_row() {
        let mut swap = swap();
        let look = Look::of("1", &[(10, "kept"), (20, "clinic")]);
        swap.seal = Some("1".to_owned());
        assert!(!swap.is_as_sealed(&look), "connections are allowed");
        let refusing = look.refusing();
        assert!(swap.is_as_sealed(&refusing));
        swap.seal = Some("2".to_owned());
        assert!(!swap.is_as_sealed(&refusing));
        swap.seal = None;
        assert!(!swap.is_as_sealed(&refusing));
    }
}
