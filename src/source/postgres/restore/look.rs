//! What databases a server has at one moment, by name and by OID: a name alone says nothing of which one it is.

use serde::Deserialize;

use super::super::error::PostgresError;
use super::super::server::Server;
use super::super::sql::Literal;

/// A database as the server knows it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Found {
    pub(super) oid: u32,
    pub(super) name: String,
    /// Whether anybody may connect to it.
    pub(super) allows: bool,
    pub(super) is_template: bool,
    /// Which version of its row this is: another after any ALTER DATABASE, whatever it says then.
    pub(super) row: String,
}

/// The databases that were asked for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Look {
    /// Which cluster (`system_identifier`): in another one the same OID is another database.
    pub(super) cluster: String,
    databases: Vec<Found>,
}

impl Look {
    /// Looks for those with one of the `names` and those with one of the `oids`.
    pub(super) fn at(server: &Server, names: &[&str], oids: &[u32]) -> Result<Self, PostgresError> {
        let names: Vec<String> = names.iter().map(|name| Literal(name).to_string()).collect();
        // No database has the OID 0.
        let oids: Vec<String> = oids.iter().chain(&[0]).map(ToString::to_string).collect();
        let sql = format!(
            "SELECT json_build_object('cluster', (SELECT system_identifier::text FROM pg_control_system()), 'databases', \
             (SELECT coalesce(json_agg(json_build_object('oid', oid::bigint, 'name', datname, 'allows', datallowconn, \
             'is_template', datistemplate, 'row', xmin::text)), '[]') FROM pg_database \
             WHERE datname IN ({}) OR oid IN ({})))",
            names.join(", "),
            oids.join(", ")
        );
        server.ask(&server.connection.maintenance_db, "looking at the databases", &sql)
    }

    /// The one that has this name.
    pub(super) fn named(&self, name: &str) -> Option<&Found> {
        self.databases.iter().find(|found| found.name == name)
    }

    /// Whether there is one with this OID, whatever it is called.
    pub(super) fn has(&self, oid: u32) -> bool {
        self.databases.iter().any(|found| found.oid == oid)
    }

    /// The one with this OID if it has this name.
    pub(super) fn at_name(&self, oid: u32, name: &str) -> Option<&Found> {
        self.named(name).filter(|found| found.oid == oid)
    }

    #[cfg(test)]
    pub(super) fn of(cluster: &str, databases: &[(u32, &str)]) -> Self {
        let found = |(oid, name): &(u32, &str)| Found {
            oid: *oid,
            name: (*name).to_owned(),
            allows: true,
            is_template: false,
            row: "1".to_owned(),
        };
        Self { cluster: cluster.to_owned(), databases: databases.iter().map(found).collect() }
    }

    #[cfg(test)]
    pub(super) fn refusing(mut self) -> Self {
        self.databases.iter_mut().for_each(|found| found.allows = false);
        self
    }
}
