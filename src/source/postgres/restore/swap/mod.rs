//! The exchange of names by which a database takes the place of another: the record of it as a journal keeps it, and what
//! can be asked of it.
//!
//! Connections to both are refused and ended, then both are renamed in one transaction: there is no moment at which only
//! one of them has its new name. Who was interrupted looks at names and OIDs to know what was done. It must never touch a
//! database that has not both the name and the OID that are written down.

mod exchange;
mod kept;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::super::super::error::{SourceError, StageError};
use super::super::super::swap_record::Generation;
use super::super::server::{Connection, Server};
use super::look::{Found, Look};
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

    /// Whether what was replaced is kept and nobody can have changed it since.
    pub(super) fn is_as_sealed(&self, look: &Look) -> bool {
        let kept = self.kept_in(look).filter(|kept| !kept.allows && look.cluster == self.cluster);
        kept.is_some_and(|kept| self.seal.as_ref() == Some(&kept.row))
    }

    /// As [`is_as_sealed`](Self::is_as_sealed), looked at now.
    pub(in crate::source) fn is_kept_as_sealed(&self) -> Result<bool, StageError> {
        Ok(self.is_as_sealed(&self.look(&self.reach_to_look()?)?))
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

    fn url_of(&self, name: &str) -> PathBuf {
        self.connection.url.with_database(name).to_string().into()
    }
}
