//! What would prevent a dump, asked before anything of a backup is written.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::shown::shown;
use super::super::{CheckReport, Estimate};
use super::error::PostgresError;
use super::server::Server;
use super::{Postgres, Version, restore};
use crate::progress::Progress;

/// So many of what is at fault are named.
const NAMED: usize = 10;

/// What a backup writes: the globals and the dump.
const MEMBERS: u64 = 2;

/// Whether the current role may read the large object `l`.
const MAY_READ_LARGE_OBJECT: &str = "pg_has_role(l.lomowner, 'USAGE') OR EXISTS (SELECT FROM aclexplode(l.lomacl) AS a WHERE \
     a.privilege_type = 'SELECT' AND (a.grantee = 0 OR pg_has_role(a.grantee, 'USAGE'))) \
     OR (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)";

/// Looks at `source`: tools, connection, rights.
pub(super) fn check(source: &Postgres) -> Result<CheckReport, PostgresError> {
    let server = Server::connect_to_read(&source.options.connection, &Progress::default())?;
    // From 18 on the server says it itself; before, it is by its rules (src/backend/catalog/aclchk.c).
    let may_read = match server.version.is_at_least(18) {
        true => "has_largeobject_privilege(l.oid, 'SELECT')",
        false => MAY_READ_LARGE_OBJECT,
    };
    let sql = include_str!("check.sql").replace("{MAY_READ_LARGE_OBJECT}", may_read);
    let found: Found = server.ask(source.database(), "looking at the database", &sql)?;
    found.require_rights(source)?;
    let mut details = BTreeMap::from([
        ("database".to_owned(), source.database().to_owned()),
        ("server_version".to_owned(), server.version.to_string()),
        ("tool_version".to_owned(), server.tools.version.to_string()),
    ]);
    details.extend(restore::written_to_this(&server)?.map(|written| (restore::WRITTEN.to_owned(), written)));
    let estimate = Some(Estimate { bytes: found.size_bytes, files: MEMBERS });
    Ok(CheckReport { estimate, details, ..CheckReport::default() })
}

/// The size of the database on the server; its dump is another, and most often smaller.
pub(super) fn measure(source: &Postgres, progress: &Progress) -> Result<Estimate, PostgresError> {
    let server = Server::connect_to_read(&source.options.connection, progress)?;
    let sql = "SELECT pg_database_size(current_database())";
    let bytes = server.ask(source.database(), "asking for the size of the database", sql)?;
    Ok(Estimate { bytes, files: MEMBERS })
}

/// The answer to `check.sql`.
#[derive(Debug, Deserialize)]
struct Found {
    role: String,
    /// The role that connected.
    login: String,
    /// The statement that ends a setting by which `login` became `role`.
    made_into: Option<String>,
    /// So many large objects of each owner; those of superusers without a name.
    unreadable_large_objects: BTreeMap<String, u64>,
    size_bytes: u64,
    /// Tables, sequences and schemas that the role may not read.
    unreadable: Vec<String>,
    /// Tables of which row-level security would show the role a part.
    filtered: Vec<String>,
    reads_passwords: bool,
}

impl Found {
    /// Refuses, naming everything at once.
    fn require_rights(&self, source: &Postgres) -> Result<(), PostgresError> {
        let mut missing = Vec::new();
        let role = super::sql::Identifier(&self.role);
        if !self.unreadable.is_empty() {
            let named = listed(&self.unreadable);
            missing.push(format!("read everything ({named}): GRANT pg_read_all_data TO {role};"));
        }
        if !self.unreadable_large_objects.is_empty() {
            let count: u64 = self.unreadable_large_objects.values().sum();
            let owners = self.unreadable_large_objects.keys().filter(|owner| !owner.is_empty());
            let grants: String =
                owners.map(|owner| format!("GRANT {} TO {role}; or ", super::sql::Identifier(owner))).collect();
            missing.push(format!(
                "read {count} large objects, which pg_read_all_data does not cover: {grants}ALTER ROLE {role} SET \
                 lo_compat_privileges = on; (by a superuser: no right is asked for then) or name a superuser in url"
            ));
        }
        if !self.filtered.is_empty() {
            let named = listed(&self.filtered);
            missing.push(format!(
                "read every row of tables with row-level security ({named}): ALTER ROLE {role} BYPASSRLS; or name a \
                 superuser in url"
            ));
        }
        if source.options.include_role_passwords && !self.reads_passwords {
            missing.push(format!(
                "read password hashes (pg_authid): GRANT SELECT ON pg_catalog.pg_authid TO {role}; in this database, or set \
                 include_role_passwords = false"
            ));
        }
        if missing.is_empty() {
            return Ok(());
        }
        if let Some(reset) = &self.made_into {
            let login = super::sql::Identifier(&self.login);
            missing.push(format!("do what {login} may, because a setting makes {login} into {role} here: {reset}"));
        }
        let (role, database) = (self.role.clone(), source.database().to_owned());
        Err(PostgresError::Rights { role, database, missing: missing.join("\nit may not ") })
    }
}

/// The first few, and how many more.
fn listed(names: &[String]) -> String {
    let named: Vec<_> = names.iter().take(NAMED).map(|name| shown(name.as_bytes())).collect();
    match names.len().checked_sub(NAMED) {
        None | Some(0) => named.join(", "),
        Some(more) => format!("{} and {more} more", named.join(", ")),
    }
}

impl Version {
    /// Whether it is this major version or a newer one.
    pub(super) const fn is_at_least(self, major: u32) -> bool {
        self.major() >= major
    }
}
