//! What a server says of itself before a restore begins: all that decides whether it can succeed, in one answer.

use serde::Deserialize;

use super::super::error::PostgresError;
use super::super::globals::{Globals, RoleDefinition};
use super::super::server::Server;
use super::super::sql::Literal;

/// See the module. What the role that asks may not see is not there.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Facts {
    /// The role that asks.
    pub(super) user: String,
    pub(super) is_superuser: bool,
    pub(super) may_create_databases: bool,
    pub(super) may_create_roles: bool,
    /// Whether it may end the sessions of others.
    pub(super) may_signal: bool,
    /// A standby takes no writes.
    pub(super) is_standby: bool,
    /// The live database.
    pub(super) live: Option<LiveDatabase>,
    /// Transactions that are prepared in it, by their ids.
    pub(super) prepared: Vec<String>,
    /// Replication slots on it.
    pub(super) slots: Vec<String>,
    pub(super) subscriptions: Vec<String>,
    /// Of the extensions that the backup needs, those that the server has, each with the version it would install.
    pub(super) extensions: Vec<(String, String)>,
    /// Of the roles that the backup needs, those that exist.
    pub(super) roles: Vec<ExistingRole>,
    /// Of the tablespaces that the backup needs, those that exist.
    pub(super) tablespaces: Vec<ExistingTablespace>,
    /// The folder in which the database's own tablespace lies, as the server sees it.
    pub(super) directory: Option<String>,
}

/// A database that is live.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct LiveDatabase {
    pub(super) owner: String,
    /// Whether the role that asks is its owner, or a member of it.
    pub(super) is_ours: bool,
    /// Whether its owner is a superuser.
    pub(super) of_superuser: bool,
    pub(super) allows: bool,
    /// What it takes on the disk; unknown to a role that may not connect to it.
    pub(super) bytes: Option<u64>,
}

/// A tablespace that exists.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct ExistingTablespace {
    pub(super) name: String,
    /// Whether the role that asks may put something into it.
    pub(super) may_create: bool,
}

/// A role that exists.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct ExistingRole {
    pub(super) name: String,
    /// Whether the role that asks is it, or a member of it.
    pub(super) is_ours: bool,
    pub(super) superuser: bool,
    inherit: bool,
    create_role: bool,
    create_database: bool,
    login: bool,
    replication: bool,
    bypass_rls: bool,
    connection_limit: i32,
    member_of: Vec<String>,
}

impl Facts {
    /// Asks what a restore of `globals` as the database `live` has to know.
    pub(super) fn ask(server: &Server, live: &str, globals: &Globals) -> Result<Self, PostgresError> {
        let live = Literal(live);
        let extensions = list(globals.extensions.iter().map(|extension| extension.name.as_str()));
        let owner = [globals.database.owner.as_str()];
        let grantors = globals.grants.iter().flatten().map(|grant| grant.grantor.as_str());
        let roles = list(globals.roles.iter().map(|role| role.name.as_str()).chain(owner).chain(grantors));
        let tablespace = globals.database.tablespace.as_str();
        let tablespaces = list(globals.tablespaces.iter().map(String::as_str).chain([tablespace]));
        let tablespace = Literal(tablespace);
        // From 16 on a member may have what the role has, and still not be allowed to become it.
        let is_ours = if server.version.is_at_least(16) {
            "pg_has_role(a.oid, 'USAGE') AND pg_has_role(a.oid, 'SET')"
        } else {
            "pg_has_role(a.oid, 'USAGE')"
        };
        let sql = format!(
            "SELECT json_build_object(\n\
             'user', r.rolname, 'is_superuser', r.rolsuper, 'may_create_databases', r.rolcreatedb OR r.rolsuper,\n\
             'may_create_roles', r.rolcreaterole OR r.rolsuper,\n\
             'may_signal', pg_has_role('pg_signal_backend', 'USAGE'), 'is_standby', pg_is_in_recovery(),\n\
             'live', (SELECT json_build_object('owner', pg_get_userbyid(datdba), 'allows', datallowconn,\n\
             'is_ours', pg_has_role(datdba, 'USAGE'), 'of_superuser', (SELECT rolsuper FROM pg_roles o WHERE o.oid = datdba),\n\
             'bytes', CASE WHEN has_database_privilege(oid, 'CONNECT') THEN\n\
             pg_database_size(oid) END) FROM pg_database WHERE datname = {live}),\n\
             'prepared', (SELECT coalesce(json_agg(gid), '[]') FROM pg_prepared_xacts WHERE database = {live}),\n\
             'slots', (SELECT coalesce(json_agg(slot_name), '[]') FROM pg_replication_slots WHERE database = {live}),\n\
             'subscriptions', (SELECT coalesce(json_agg(s.subname), '[]') FROM pg_subscription s JOIN pg_database d ON \
             d.oid = s.subdbid WHERE d.datname = {live}),\n\
             'extensions', (SELECT coalesce(json_agg(json_build_array(name, default_version)), '[]')\n\
             FROM pg_available_extensions WHERE name IN ({extensions})),\n\
             'roles', (SELECT coalesce(json_agg(json_build_object('name', a.rolname, 'superuser', a.rolsuper, 'inherit',\n\
             a.rolinherit, 'create_role', a.rolcreaterole, 'create_database', a.rolcreatedb, 'login', a.rolcanlogin,\n\
             'replication', a.rolreplication, 'bypass_rls', a.rolbypassrls, 'connection_limit', a.rolconnlimit,\n\
             'is_ours', {is_ours}, 'member_of', (SELECT coalesce(json_agg(g.rolname ORDER BY g.rolname), '[]')\n\
             FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = a.oid))), '[]')\n\
             FROM pg_roles a WHERE a.rolname IN ({roles})),\n\
             'tablespaces', (SELECT coalesce(json_agg(json_build_object('name', spcname, 'may_create',\n\
             has_tablespace_privilege(oid, 'CREATE'))), '[]') FROM pg_tablespace WHERE spcname IN ({tablespaces})),\n\
             'directory', coalesce((SELECT nullif(pg_tablespace_location(oid), '') FROM pg_tablespace\n\
             WHERE spcname = {tablespace}), (SELECT setting FROM pg_settings WHERE name = 'data_directory')))\n\
             FROM pg_roles r WHERE r.rolname = current_user"
        );
        server.ask(&server.connection.maintenance_db, "asking what a restore needs", &sql)
    }
}

impl ExistingRole {
    /// In what it differs from its definition in the backup, each in words.
    pub(super) fn differences(&self, definition: &RoleDefinition) -> Vec<String> {
        let attributes = [
            ("SUPERUSER", self.superuser, definition.superuser),
            ("INHERIT", self.inherit, definition.inherit),
            ("CREATEROLE", self.create_role, definition.create_role),
            ("CREATEDB", self.create_database, definition.create_database),
            ("LOGIN", self.login, definition.login),
            ("REPLICATION", self.replication, definition.replication),
            ("BYPASSRLS", self.bypass_rls, definition.bypass_rls),
        ];
        let word = |has: bool| if has { "" } else { "NO" };
        let differing = attributes.into_iter().filter(|(_, here, then)| here != then);
        let mut differences: Vec<String> =
            differing.map(|(name, here, then)| format!("{}{name}, then {}{name}", word(here), word(then))).collect();
        if self.connection_limit != definition.connection_limit {
            let (here, then) = (self.connection_limit, definition.connection_limit);
            differences.push(format!("CONNECTION LIMIT {here}, then {then}"));
        }
        let then: Vec<&str> = definition.member_of.iter().map(|membership| membership.role.as_str()).collect();
        differences.extend(
            self.member_of
                .iter()
                .filter(|role| !then.contains(&role.as_str()))
                .map(|role| format!("member of {role}, then not")),
        );
        differences.extend(
            then.iter()
                .filter(|role| !self.member_of.iter().any(|here| here == *role))
                .map(|role| format!("not a member of {role}, then it was")),
        );
        differences
    }
}

/// As the inside of `IN (…)`.
fn list<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<String> = names.map(|name| Literal(name).to_string()).collect();
    if names.is_empty() { "NULL".to_owned() } else { names.join(", ") }
}
