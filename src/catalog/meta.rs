//! What the catalog knows of itself and of the store as a whole: the store's id, archives that nobody can read, and whether
//! anything may be removed unasked.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Catalog, CatalogError, audit};
use crate::audit::Entry;

const STORE_ID: &str = "store_id";
const REMOVAL_WAITS: &str = "removal_waits";
const UNREADABLE: &str = "unreadable_archives";

/// Nothing is removed from the store that nobody named, because the catalog may not know everything that is needed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovalWaits {
    /// Since when.
    pub since: Timestamp,
    /// Why, for people.
    pub why: String,
}

/// An archive in the store that does not say what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnreadableArchive {
    /// Its name.
    pub filename: String,
    /// Why it cannot be read, for people.
    pub why: String,
}

impl Catalog {
    /// The id of the store whose backups this catalog lists; `None` before the first store was opened.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn store_id(&self) -> Result<Option<Uuid>, CatalogError> {
        let text = self.read(|db| value(db, STORE_ID))?;
        text.map(|text| text.parse().map_err(|_| CatalogError::BadMeta { name: STORE_ID, value: text })).transpose()
    }

    /// Notes the id of the store; from then on no other is accepted in its place.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn set_store_id(&self, id: Uuid, entry: &Entry) -> Result<(), CatalogError> {
        self.write(|tx| {
            set(tx, STORE_ID, &id.to_string())?;
            audit::append(tx, entry)
        })
    }

    /// Why nothing is removed unasked, if so: no archive that nobody needs any more, nothing by policy. It ends when a
    /// verification of everything passes ([`Catalog::lift_removal_waits`]).
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn removal_waits(&self) -> Result<Option<RemovalWaits>, CatalogError> {
        self.read(|db| decoded(db, REMOVAL_WAITS))
    }

    /// From the time of `entry` on nothing is removed unasked. What was the case already keeps its time and reason.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn set_removal_waits(&self, why: &str, entry: &Entry) -> Result<(), CatalogError> {
        if self.removal_waits()?.is_some() {
            return Ok(());
        }
        self.write(|tx| {
            let waits = RemovalWaits { since: entry.time, why: why.to_owned() };
            set(tx, REMOVAL_WAITS, &serde_json::to_string(&waits)?)?;
            audit::append(tx, &entry.clone().because(why))
        })
    }

    /// What nobody needs may be removed again.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn lift_removal_waits(&self, entry: &Entry) -> Result<(), CatalogError> {
        if self.removal_waits()?.is_none() {
            return Ok(());
        }
        self.write(|tx| {
            tx.execute("DELETE FROM meta WHERE name = ?1", [REMOVAL_WAITS])?;
            audit::append(tx, entry)
        })
    }

    /// The archives in the store that could not be read when it was last looked through.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn unreadable_archives(&self) -> Result<Vec<UnreadableArchive>, CatalogError> {
        Ok(self.read(|db| decoded(db, UNREADABLE))?.unwrap_or_default())
    }

    /// Notes which archives in the store cannot be read.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn set_unreadable_archives(&self, found: &[UnreadableArchive], entry: &Entry) -> Result<(), CatalogError> {
        // Each start asks, and a commit waits for the disk.
        if self.unreadable_archives()? == found {
            return Ok(());
        }
        self.write(|tx| {
            set(tx, UNREADABLE, &serde_json::to_string(found)?)?;
            audit::append(tx, &entry.clone().with("archives", found.len()))
        })
    }
}

fn value(db: &Connection, name: &str) -> Result<Option<String>, CatalogError> {
    Ok(db.query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0)).optional()?)
}

fn decoded<T: DeserializeOwned>(db: &Connection, name: &'static str) -> Result<Option<T>, CatalogError> {
    let text = value(db, name)?;
    text.map(|text| serde_json::from_str(&text).map_err(|_| CatalogError::BadMeta { name, value: text })).transpose()
}

fn set(db: &Connection, name: &str, value: &str) -> Result<(), CatalogError> {
    db.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)", [name, value])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::catalog::samples;

    #[test]
    fn why_removal_waits_is_what_it_first_was_until_it_is_lifted() {
        let (catalog, _dir) = samples::catalog();
        assert_eq!(catalog.removal_waits().unwrap(), None);
        catalog.set_removal_waits("the catalog was rebuilt", &samples::entry("removal.wait")).unwrap();
        catalog.set_removal_waits("again", &samples::entry("removal.wait")).unwrap();
        assert_eq!(catalog.removal_waits().unwrap().unwrap().why, "the catalog was rebuilt");
        catalog.lift_removal_waits(&samples::entry("removal.lift")).unwrap();
        assert_eq!(catalog.removal_waits().unwrap(), None);
    }
}
