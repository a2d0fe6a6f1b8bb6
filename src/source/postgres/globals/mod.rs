//! Everything of a database that pg_dump leaves out of a dump without `--create`, and what a restore has to know before it
//! begins: who owns it, its locale, its settings, who may use it, which roles and extensions it needs.
//!
//! It is kept twice in `NAME.globals.sql`: as data in the comment line `-- carelog: {…}`, which our own restore reads
//! ([`member`]), and as SQL, which a person can run by hand. Both come from this one value, so that they cannot part.

mod ask;
mod member;
mod statements;

use serde::{Deserialize, Serialize};

use super::tools::Version;

/// The version of the data that this code writes; a reader refuses a newer one.
pub(super) const GLOBALS_VERSION: u32 = 1;

/// What `NAME.globals.sql` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Globals {
    /// [`GLOBALS_VERSION`] of who wrote it.
    pub(super) version: u32,
    /// Of the server that was dumped.
    pub(super) server_version: Version,
    /// Of the pg_dump that was used.
    pub(super) tool_version: Version,
    pub(super) database: Database,
    /// `ALTER DATABASE … SET` and `ALTER ROLE … IN DATABASE … SET`.
    pub(super) settings: Vec<Setting>,
    /// Who may do what with the database; `None` when that was never changed from the default.
    pub(super) grants: Option<Vec<Grant>>,
    pub(super) security_labels: Vec<SecurityLabel>,
    /// Those of the database, but for what every database has.
    pub(super) extensions: Vec<Extension>,
    /// Every role that the database or something in it refers to, and the roles that these are members of; the roles of
    /// PostgreSQL itself are not among them.
    pub(super) roles: Vec<Role>,
    /// Every tablespace that something in the database lies in, but for the database's own and the default.
    pub(super) tablespaces: Vec<String>,
    /// What only a superuser can create again, each named: `extension "file_fdw"`.
    pub(super) needs_superuser: Vec<String>,
}

/// The database itself, as in `pg_database`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Database {
    pub(super) name: String,
    pub(super) owner: String,
    /// As `CREATE DATABASE` understands it: `UTF8`.
    pub(super) encoding: String,
    pub(super) collate: String,
    pub(super) ctype: String,
    pub(super) locale_provider: LocaleProvider,
    /// The locale of ICU, or of the builtin provider.
    pub(super) locale: Option<String>,
    pub(super) icu_rules: Option<String>,
    pub(super) tablespace: String,
    /// -1 for no limit.
    pub(super) connection_limit: i32,
    pub(super) allow_connections: bool,
    pub(super) is_template: bool,
    pub(super) comment: Option<String>,
}

/// Who compares texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum LocaleProvider {
    Libc,
    Icu,
    Builtin,
}

/// A parameter set for the database, or for a role within it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Setting {
    pub(super) role: Option<String>,
    pub(super) name: String,
    /// As `pg_db_role_setting` holds it: a list is one text with the quotes that its elements need.
    pub(super) value: String,
}

/// What one role lets another do with the database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Grant {
    pub(super) grantor: String,
    /// `None` for everybody (`PUBLIC`).
    pub(super) grantee: Option<String>,
    /// `CONNECT`, `CREATE`, `TEMPORARY`.
    pub(super) privilege: String,
    pub(super) with_grant_option: bool,
}

/// A label of a security provider on the database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SecurityLabel {
    pub(super) provider: String,
    pub(super) label: String,
}

/// An installed extension.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Extension {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) schema: String,
    /// Whether whoever may create in the database may install it.
    pub(super) trusted: bool,
}

/// A role that is needed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Role {
    pub(super) name: String,
    /// Whether something in the database belongs to it: who restores that has to be a member of it.
    #[serde(default)]
    pub(super) owns: bool,
    /// `None` where roles are not backed up (`include_roles = false`): such a role has to exist.
    pub(super) definition: Option<RoleDefinition>,
}

/// How a role is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RoleDefinition {
    pub(super) superuser: bool,
    pub(super) inherit: bool,
    pub(super) create_role: bool,
    pub(super) create_database: bool,
    pub(super) login: bool,
    pub(super) replication: bool,
    pub(super) bypass_rls: bool,
    /// -1 for no limit.
    pub(super) connection_limit: i32,
    /// As the server writes a timestamp, in UTC.
    pub(super) valid_until: Option<String>,
    /// Its password as the server stores it, only where that was asked for (`include_role_passwords`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) password: Option<String>,
    pub(super) comment: Option<String>,
    pub(super) member_of: Vec<Membership>,
    /// `ALTER ROLE … SET`, for every database; `role` is its own name.
    pub(super) settings: Vec<Setting>,
}

/// One role's being a member of another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Membership {
    pub(super) role: String,
    pub(super) admin_option: bool,
    /// From PostgreSQL 16 on; `None` before.
    pub(super) inherit_option: Option<bool>,
    /// From PostgreSQL 16 on; `None` before.
    pub(super) set_option: Option<bool>,
}
