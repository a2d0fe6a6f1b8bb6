//! Asks the server for what the globals say.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::Postgres;
use super::super::error::PostgresError;
use super::super::server::Server;
use super::{Database, Extension, GLOBALS_VERSION, Globals, Grant, Role, SecurityLabel, Setting};

/// The answer to `facts.sql`.
#[derive(Deserialize)]
struct Answer {
    database: Database,
    settings: Vec<Setting>,
    grants: Option<Vec<Grant>>,
    security_labels: Vec<SecurityLabel>,
    extensions: Vec<Extension>,
    roles: Vec<Role>,
    tablespaces: Vec<String>,
    needs_superuser: Vec<String>,
}

impl Globals {
    /// Those of `source` as they are now; roles as far as they are to be saved.
    pub(in super::super) fn ask(source: &Postgres, server: &Server) -> Result<Self, PostgresError> {
        let doing = "asking for the globals of the database";
        let mut answer: Answer = server.ask(source.database(), doing, include_str!("facts.sql"))?;
        if !source.options.include_roles {
            for role in &mut answer.roles {
                role.definition = None;
            }
        } else if source.options.include_role_passwords {
            let passwords = passwords(source, server)?;
            for role in &mut answer.roles {
                if let Some(definition) = &mut role.definition {
                    definition.password = passwords.get(&role.name).cloned();
                }
            }
        }
        if server.version.is_at_least(15) {
            let sql = "SELECT coalesce(jsonb_agg(DISTINCT format('publication %I for tables in a schema', p.pubname)), '[]') \
                       FROM pg_catalog.pg_publication_namespace n JOIN pg_catalog.pg_publication p ON p.oid = n.pnpubid";
            answer.needs_superuser.extend(server.ask::<Vec<String>>(source.database(), doing, sql)?);
        }
        let Answer { database, settings, grants, security_labels, extensions, roles, tablespaces, needs_superuser } =
            answer;
        Ok(Self {
            version: GLOBALS_VERSION,
            server_version: server.version,
            tool_version: server.tools.version,
            database,
            settings,
            grants,
            security_labels,
            extensions,
            roles,
            tablespaces,
            needs_superuser,
        })
    }
}

/// The password hashes of roles, by name.
fn passwords(source: &Postgres, server: &Server) -> Result<BTreeMap<String, String>, PostgresError> {
    let sql = "SELECT coalesce(jsonb_object_agg(rolname, rolpassword), '{}') \
               FROM pg_catalog.pg_authid WHERE rolpassword IS NOT NULL";
    server.ask(source.database(), "asking for the roles' password hashes", sql)
}
