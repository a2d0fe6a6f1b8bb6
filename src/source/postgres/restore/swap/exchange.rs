//! Makes one of the two live, in either direction and from whatever state a crash can leave.

use std::time::{Duration, Instant};

use super::super::super::super::error::{SourceError, StageError};
use super::super::super::super::steps;
use super::super::super::super::swap_record::Generation;
use super::super::super::error::PostgresError;
use super::super::super::server::Server;
use super::super::look::Look;
use super::super::sessions::{Session, in_the_way, sessions};
use super::super::statements::{Rename, allow_connections, end_connections, refuse_connections, rename};
use super::DatabaseSwap;
use crate::failpoint;

/// How long is tried against clients that connect again and again, and servers that are restarted.
const GIVE_UP_AFTER: Duration = Duration::from_secs(60);
/// Who is connected is waited for so long while nobody else gets in; who we may not end, only as long as one that ends by
/// itself may take.
const GIVE_UP_ON_SESSIONS_AFTER: Duration = Duration::from_secs(10);
const GIVE_UP_ON_OTHERS_AFTER: Duration = Duration::from_secs(2);
const TRY_AGAIN: Duration = Duration::from_millis(50);
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
    /// Makes `goal` live, from whatever state, and lets everybody connect to it again.
    pub(in crate::source) fn bring(&self, goal: Generation) -> Result<(), StageError> {
        let give_up_at = Instant::now() + failpoint::patience(GIVE_UP_AFTER);
        let mut server = self.reach()?;
        let mut began = Instant::now();
        let mut was_alone = false;
        loop {
            match self.try_bring(&server, goal) {
                Err(StageError::Source(SourceError::Postgres(error))) if Instant::now() < give_up_at => {
                    if is_lost(&error) {
                        server = self.reach()?;
                        began = Instant::now();
                    } else {
                        let connected = self.sessions(&server)?;
                        // Who was in the way may just have left.
                        if connected.is_empty() && std::mem::replace(&mut was_alone, true) {
                            return Err(error.into());
                        }
                        if !connected.is_empty() && began.elapsed() >= patience(goal, &connected) {
                            return Err(self.refused(&in_the_way(&self.live_name, &connected)));
                        }
                        std::thread::sleep(TRY_AGAIN);
                    }
                }
                result => return result,
            }
        }
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
    pub(super) fn renames(&self, look: &Look, goal: Generation) -> Result<Vec<Rename<'_>>, StageError> {
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

    /// Who is connected to one of the two.
    fn sessions(&self, server: &Server) -> Result<Vec<Session>, StageError> {
        let oids: Vec<String> = self.old_oid().into_iter().chain([self.new_oid]).map(|oid| oid.to_string()).collect();
        Ok(sessions(server, &format!("s.datid IN ({})", oids.join(", ")))?)
    }

    fn pass(&self, point: &'static str) -> Result<(), StageError> {
        let path = self.live();
        steps::pass(point).map_err(|error| StageError::Source(SourceError::Io { doing: "exchanging", path, error }))
    }
}

/// What was live has to come back: that is tried for as long as anything is.
fn patience(goal: Generation, connected: &[Session]) -> Duration {
    let are_endable = connected.iter().all(|session| session.is_endable);
    let usual = match (goal, are_endable) {
        (Generation::Old, _) => GIVE_UP_AFTER,
        (_, true) => GIVE_UP_ON_SESSIONS_AFTER,
        (_, false) => GIVE_UP_ON_OTHERS_AFTER,
    };
    failpoint::patience(usual)
}

const fn is_lost(error: &PostgresError) -> bool {
    matches!(error, PostgresError::Unreachable { .. } | PostgresError::TimedOut { .. })
}
