//! The envelope of every JSON document.

use serde::Serialize;

/// A document for scripts: `schema` first, then the fields of `body`. Only ever printed, never sent over the socket.
#[derive(Clone, Debug, Serialize)]
pub struct Document<T> {
    /// Name and version of the document's form, such as `carelog.backup/1`.
    pub schema: &'static str,
    /// What it holds; a struct or a map.
    #[serde(flatten)]
    pub body: T,
}

impl Document<()> {
    /// Schema of a status, and of the daemon's `status.json`.
    pub const STATUS: &'static str = "carelog.status/1";
}

impl<T: Serialize> Document<T> {
    /// A document of the form `schema`.
    #[must_use]
    pub const fn new(schema: &'static str, body: T) -> Self {
        Self { schema, body }
    }
}
