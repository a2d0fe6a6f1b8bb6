//! The tables of a database with rows of their own, as pg_dump sees them.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::error::PostgresError;
use super::super::server::Server;
use super::super::table_name::TableName;

/// Names go as digits: in SQL_ASCII they may be what no JSON can hold.
const TABLES: &str = "SELECT coalesce(json_agg(json_build_object('oid', c.oid::bigint, 'schema', encode(convert_to(n.nspname, e), \
     'hex'), 'name', encode(convert_to(c.relname, e), 'hex'), 'is_filtered', row_security_active(c.oid), 'of_extension', EXISTS \
     (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'))), '[]') \
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, \
     (SELECT CASE getdatabaseencoding() WHEN 'SQL_ASCII' THEN 'SQL_ASCII' ELSE 'UTF8' END) AS encoding (e) \
     WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND c.oid >= 16384";

/// A table as it is in a database.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Table {
    pub(super) oid: u32,
    /// Row-level security shows us a part of it at most.
    pub(super) is_filtered: bool,
    /// It belongs to an extension, which may fill it itself.
    pub(super) of_extension: bool,
}

/// Those of `database`.
pub(super) fn tables_of(server: &Server, database: &str) -> Result<BTreeMap<TableName, Table>, PostgresError> {
    #[derive(Deserialize)]
    struct Named {
        #[serde(flatten)]
        name: TableName,
        #[serde(flatten)]
        table: Table,
    }
    let tables: Vec<Named> = server.ask(database, "looking at the tables", TABLES)?;
    Ok(tables.into_iter().map(|named| (named.name, named.table)).collect())
}
