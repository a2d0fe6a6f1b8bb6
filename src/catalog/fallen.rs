//! Sources whose newest backup is far smaller than was usual, unless somebody has accepted that.

use std::collections::BTreeMap;

use super::{BackupRecord, Catalog, CatalogError};
use crate::model::{BackupState, Class, EventKind, SourceKind, SourceName};
use crate::retention::{Fallen, Measured, fallen};

impl Catalog {
    /// What fell of each of `sources` by `backups`, which are in any order. Whoever acknowledges the alert about a source
    /// accepts what there was at that moment. None of the backups that hold such a source may expire.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn fallen_sources(
        &self,
        sources: &[(SourceName, SourceKind)],
        backups: &[BackupRecord],
    ) -> Result<BTreeMap<SourceName, Fallen>, CatalogError> {
        let accepted = self.acknowledgements(EventKind::SuspiciousBackup)?;
        let fallen_of = |(name, kind): &(SourceName, SourceKind)| {
            let accepted = accepted.get(&suspicious_key(name)).copied();
            Some((name.clone(), fallen(&measured(backups, name, *kind), accepted)?))
        };
        Ok(sources.iter().filter_map(fallen_of).collect())
    }
}

/// The key of the alert about a source that has fallen.
#[must_use]
pub fn suspicious_key(source: &SourceName) -> String {
    format!("suspicious_backup/{source}")
}

/// What the restore points hold of a source, the oldest first. What has its name but is of another kind is another thing.
fn measured(backups: &[BackupRecord], name: &SourceName, kind: SourceKind) -> Vec<Measured> {
    let counts = |backup: &&BackupRecord| backup.class == Class::Backup && backup.state == BackupState::Available;
    let measured_in = |backup: &BackupRecord| {
        let held = backup.sources.iter().find(|held| held.name == *name && held.kind == kind)?;
        Some(Measured { at: backup.created_at, size_bytes: held.size_bytes, counts: held.counts.clone() })
    };
    let mut measured: Vec<Measured> = backups.iter().filter(counts).filter_map(measured_in).collect();
    measured.sort_by_key(|measured| measured.at);
    measured
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::samples::{self, actor, backup, time};
    use crate::catalog::{Acknowledgement, AlertChange, AlertRecord};
    use crate::model::{AlertId, Severity};

    /// Backup `n` with so many studies.
    fn of_studies(n: u32, files: u64) -> BackupRecord {
        let mut backup = backup(n);
        backup.sources[1].counts = [("files".to_owned(), files)].into();
        backup
    }

    #[test]
    fn a_source_that_fell_is_named_until_the_alert_about_it_is_acknowledged() {
        let (catalog, _dir) = samples::catalog();
        let source = |name: &str, kind| (SourceName::new(name).unwrap(), kind);
        let sources = [source("data", SourceKind::Json), source("studies", SourceKind::Files)];
        let history = [of_studies(4, 100), of_studies(3, 900), of_studies(2, 1000), of_studies(1, 1000)];
        let found = catalog.fallen_sources(&sources, &history).unwrap();
        assert_eq!(found.keys().map(SourceName::as_str).collect::<Vec<_>>(), ["studies"]);
        let of_another_kind = [source("studies", SourceKind::Postgres)];
        assert_eq!(catalog.fallen_sources(&of_another_kind, &history).unwrap(), BTreeMap::new());

        let alert = AlertRecord {
            id: AlertId::generate(),
            key: suspicious_key(&sources[1].0),
            event: EventKind::SuspiciousBackup,
            severity: Severity::Critical,
            message: String::new(),
            next_step: String::new(),
            fired_at: time(5),
            reminded_at: None,
            resolved_at: None,
            acknowledged: None,
        };
        catalog.apply_alerts(&[AlertChange::Fire(alert.clone())], &[], time(5)).unwrap();
        let why = Acknowledgement { who: "alice".to_owned(), at: time(6), why: "archived".to_owned() };
        catalog.acknowledge_alert(alert.id, &why, &actor()).unwrap();
        assert_eq!(catalog.fallen_sources(&sources, &history).unwrap(), BTreeMap::new());
        catalog.apply_alerts(&[AlertChange::Resolve { id: alert.id, at: time(7) }], &[], time(7)).unwrap();
        let small = [&history[..], &[of_studies(8, 90)]].concat();
        assert_eq!(catalog.fallen_sources(&sources, &small).unwrap(), BTreeMap::new(), "also when it is over");
        let mut large = history.to_vec();
        large.extend([of_studies(8, 100), of_studies(9, 40)]);
        assert_eq!(catalog.fallen_sources(&sources, &large).unwrap().len(), 1, "a further fall is another one");
    }
}
