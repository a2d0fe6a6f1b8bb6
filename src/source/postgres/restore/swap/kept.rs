//! What becomes of the one that is not live: it is kept and sealed, opened to be saved, or dropped.

use super::super::super::super::error::StageError;
use super::super::super::super::swap_record::Generation;
use super::super::roles;
use super::super::statements::{
    Connected, Rename, allow_connections, drop_database, end_connections, refuse_connections,
};
use super::DatabaseSwap;

impl DatabaseSwap {
    /// Lets the kept one be connected to, so that it can be saved; false when it is not kept. Until it is
    /// [`sealed`](Self::sealed) again nothing proves that nobody changed it.
    pub(in super::super) fn open_kept(&self) -> Result<bool, StageError> {
        let server = self.reach_to_look()?;
        let look = self.look(&server)?;
        let Some(kept) = self.kept_in(&look) else { return Ok(false) };
        roles::keep_made(&server, &self.session)?;
        if !kept.allows {
            allow_connections(&server, kept)?;
        }
        Ok(true)
    }

    /// With the seal of what was replaced, which refuses connections from now on if it did not. The roles that were made for
    /// the new one stay from now on.
    pub(in crate::source) fn sealed(&self) -> Result<Self, StageError> {
        let server = self.reach_to_look()?;
        let mut look = self.look(&server)?;
        if let Some(kept) = self.kept_in(&look).filter(|kept| kept.allows) {
            let kept = [Rename { oid: kept.oid, from: &kept.name, to: &kept.name }];
            refuse_connections(&server, &look, &kept)?;
            end_connections(&server, &kept)?;
            look = self.look(&server)?;
        }
        roles::keep_made(&server, &self.session)?;
        let seal = self.kept_in(&look).filter(|kept| !kept.allows).map(|kept| kept.row.clone());
        Ok(Self { seal, ..self.clone() })
    }

    /// Drops what is not live of the two, unless it is not ours.
    pub(in crate::source) fn discard_aside(&self) -> Result<(), StageError> {
        let server = self.reach()?;
        let look = self.look(&server)?;
        let (staged, kept) = (self.staged_in(&look), self.kept_in(&look));
        if staged.is_none() && kept.is_none() {
            // An earlier try may have got only as far as the database.
            let is_old = look.named(&self.live_name).is_some_and(|live| Some(live.oid) == self.old_oid());
            return if is_old { Ok(roles::drop_made(&server, &self.session)?) } else { Ok(()) };
        }
        match self.generation_in(&look)? {
            Generation::Old if self.new_is_kept => Ok(()),
            Generation::Old => {
                if let Some(staged) = staged {
                    drop_database(&server, staged, Connected::Ended)?;
                }
                Ok(roles::drop_made(&server, &self.session)?)
            }
            Generation::New => kept.map_or(Ok(()), |kept| Ok(drop_database(&server, kept, Connected::Left)?)),
            Generation::Mixed => Err(self.refused(&format!(
                "neither it nor the database that was to replace it has this name ({} and {} are there); nothing is dropped \
                 before one of them was renamed to it",
                self.kept_name, self.staged_name
            ))),
        }
    }
}
