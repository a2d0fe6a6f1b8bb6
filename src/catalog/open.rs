//! Opening the catalog, and setting a damaged one aside.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::schema::{self, APPLICATION_ID};
use super::{Catalog, CatalogError};
use crate::fsio::{self, Reserve};

/// What was found at the catalog's place. All but [`Opened::Existing`] mean: rebuild the backups from the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// A sound catalog.
    Existing,
    /// Nothing; an empty one was made.
    Created,
    /// A damaged one; it was moved away and an empty one made.
    SetAside {
        /// Where the damaged one is now.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

/// Why an existing file cannot be used.
enum Unusable {
    /// Its content is damaged: it is set aside.
    Damaged(String),
    /// Anything else: it must be left as it is, and the daemon must not start.
    Refused(CatalogError),
}

impl Catalog {
    /// Opens the catalog at `path`, and makes one where there is none. A file whose content is damaged is set aside under
    /// a name with `now` in it; one that merely cannot be read (permissions, a failing disk) is an error, because to go on
    /// with an empty catalog would hide it.
    ///
    /// # Errors
    /// [`CatalogError::TooNew`], [`CatalogError::Open`], [`CatalogError::Io`].
    pub fn open(path: &Path, now: Timestamp) -> Result<(Self, Opened), CatalogError> {
        let failed = |source| CatalogError::Io { path: path.to_owned(), source };
        let found = path.try_exists().map_err(failed)?;
        if !found {
            // Their catalog is gone: SQLite must not replay them into the new one.
            set_companions_aside(path, &damaged_suffix(now)).map_err(failed)?;
            return Ok((Self::create(path)?, Opened::Created));
        }
        match open_existing(path) {
            Ok(connection) => Ok((Self::of(path, connection), Opened::Existing)),
            Err(Unusable::Refused(error)) => Err(error),
            Err(Unusable::Damaged(why)) => {
                let aside = fsio::set_aside(path, &damaged_suffix(now)).map_err(failed)?;
                set_companions_aside(path, &suffix_of(path, &aside)).map_err(failed)?;
                Ok((Self::create(path)?, Opened::SetAside { path: aside, why }))
            }
        }
    }

    fn create(path: &Path) -> Result<Self, CatalogError> {
        // Made here, because SQLite gives its log files the permissions of the main file.
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        made.map_err(|source| CatalogError::Io { path: path.to_owned(), source })?;
        match open_existing(path) {
            Ok(connection) => Ok(Self::of(path, connection)),
            Err(Unusable::Refused(error)) => Err(error),
            Err(Unusable::Damaged(why)) => Err(CatalogError::Io {
                path: path.to_owned(),
                source: io::Error::other(format!("just made, and {why}")),
            }),
        }
    }

    fn of(path: &Path, connection: Connection) -> Self {
        Self { connection: Arc::new(Mutex::new(connection)), reserve: reserve_of(path), is_full: Arc::default() }
    }
}

fn reserve_of(path: &Path) -> Reserve {
    Reserve::in_dir(path.parent().unwrap_or(path))
}

/// On a full disk with what the reserve makes room for: who cannot start cannot remove anything either.
fn open_existing(path: &Path) -> Result<Connection, Unusable> {
    match try_open_existing(path) {
        Err(Unusable::Refused(error)) if error.is_disk_full() && reserve_of(path).give_up() => try_open_existing(path),
        opened => opened,
    }
}

fn try_open_existing(path: &Path) -> Result<Connection, Unusable> {
    let judged = |source| judge(path, source);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut db = Connection::open_with_flags(path, flags).map_err(judged)?;
    db.busy_timeout(Duration::from_secs(10)).map_err(judged)?;
    check_content(&db).map_err(judged)?.map_or(Ok(()), |why| Err(Unusable::Damaged(why)))?;
    let (found, known) = (schema::version_of(&db).map_err(judged)?, schema::newest_version());
    if found > known {
        return Err(Unusable::Refused(CatalogError::TooNew { path: path.to_owned(), found, known }));
    }
    // FULL: a commit that was answered for survives a power loss. recursive_triggers: a REPLACE in the audit table fires
    // the trigger that forbids a DELETE.
    let settings = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
                    PRAGMA recursive_triggers = ON; PRAGMA trusted_schema = OFF;";
    db.execute_batch(settings).map_err(judged)?;
    schema::migrate(&mut db).map_err(judged)?;
    Ok(db)
}

/// What is wrong with the content of the file, if anything.
fn check_content(db: &Connection) -> rusqlite::Result<Option<String>> {
    let problem: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if problem != "ok" {
        return Ok(Some(problem));
    }
    let id: i64 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    // An empty file is one whose first migration never committed.
    let empty = id == 0 && tables == 0 && schema::version_of(db)? == 0;
    Ok((id != APPLICATION_ID && !empty).then(|| "it is the database of another program".to_owned()))
}

fn judge(path: &Path, source: rusqlite::Error) -> Unusable {
    match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => Unusable::Damaged(source.to_string()),
        _ => Unusable::Refused(CatalogError::Open { path: path.to_owned(), source }),
    }
}

/// Moves the log files of the catalog at `path` away, so that they keep belonging to what was set aside.
fn set_companions_aside(path: &Path, suffix: &str) -> io::Result<()> {
    for companion in ["-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(companion);
        let from = PathBuf::from(name);
        // SQLite looks for NAME-wal beside NAME: the companion's ending stays last.
        let mut to = path.as_os_str().to_owned();
        to.push(suffix);
        to.push(companion);
        match fsio::publish(&from, Path::new(&to)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => other?,
        }
    }
    Ok(())
}

fn damaged_suffix(now: Timestamp) -> String {
    format!(".damaged-{}", now.strftime("%Y%m%dT%H%M%SZ"))
}

fn suffix_of(path: &Path, aside: &Path) -> String {
    let (path, aside) = (path.to_string_lossy(), aside.to_string_lossy());
    aside.strip_prefix(path.as_ref()).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
