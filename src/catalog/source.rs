//! Since when each source is configured.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::column::{ms, time, word};
use super::{Catalog, CatalogError};
use crate::model::{SourceKind, SourceName};

/// Sources and since when each is configured.
pub type KnownSources = BTreeMap<(SourceName, SourceKind), Timestamp>;

impl Catalog {
    /// Since when each of the `configured` sources is known. One that is new is known from `now` on; one that is not
    /// configured any more is forgotten.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn know_sources(
        &self,
        configured: &[(SourceName, SourceKind)],
        now: Timestamp,
    ) -> Result<KnownSources, CatalogError> {
        let mut known = self.read(all)?;
        let is_the_same = known.len() == configured.len() && configured.iter().all(|source| known.contains_key(source));
        if is_the_same {
            return Ok(known);
        }
        self.write(|tx| {
            for (name, kind) in known.keys().filter(|source| !configured.contains(source)) {
                let sql = "DELETE FROM known_sources WHERE name = ?1 AND kind = ?2";
                tx.execute(sql, [name.as_str(), kind.as_str()])?;
            }
            for (name, kind) in configured {
                let sql = "INSERT OR IGNORE INTO known_sources (name, kind, since_ms) VALUES (?1, ?2, ?3)";
                tx.execute(sql, params![name.as_str(), kind.as_str(), ms(now)])?;
            }
            known = all(tx)?;
            Ok(())
        })?;
        Ok(known)
    }
}

fn all(db: &Connection) -> Result<KnownSources, CatalogError> {
    let mut statement = db.prepare_cached("SELECT * FROM known_sources")?;
    let row_in = |row: &rusqlite::Row<'_>| Ok(((word(row, "name")?, word(row, "kind")?), time(row, "since_ms")?));
    Ok(statement.query_map([], row_in)?.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::samples::{self, time};

    #[test]
    fn a_source_is_known_since_it_was_first_configured_until_it_is_no_more() {
        let (catalog, _dir) = samples::catalog();
        let source = |name: &str| (SourceName::new(name).unwrap(), SourceKind::Json);
        let (a, b) = (source("a"), source("b"));
        assert_eq!(catalog.know_sources(std::slice::from_ref(&a), time(1)).unwrap(), [(a.clone(), time(1))].into());
        let both = [(a.clone(), time(1)), (b.clone(), time(2))].into();
        assert_eq!(catalog.know_sources(&[b.clone(), a.clone()], time(2)).unwrap(), both);
        assert_eq!(catalog.know_sources(&[a.clone(), b.clone()], time(3)).unwrap(), both);
        assert_eq!(catalog.know_sources(std::slice::from_ref(&a), time(4)).unwrap(), [(a.clone(), time(1))].into());
        let anew = [(a.clone(), time(1)), (b.clone(), time(5))].into();
        assert_eq!(catalog.know_sources(&[a, b], time(5)).unwrap(), anew);
    }
}
