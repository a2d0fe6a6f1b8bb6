//! The text of `NAME.globals.sql`: comments for people, the data, and the same as SQL.

use std::fmt::Write as _;

use super::super::super::shown::shown;
use super::super::Postgres;
use super::super::error::PostgresError;
use super::super::process::Process;
use super::super::restore::loading_options;
use super::super::server::Server;
use super::{GLOBALS_VERSION, Globals};
use crate::archive::SourceMetadata;
use crate::config::DatabaseUrl;
use crate::source::Source as _;

/// Begins the comment line that holds the data.
const DATA: &str = "-- carelog: ";

/// Why a text is not a `NAME.globals.sql` that can be used.
#[derive(Debug, thiserror::Error)]
pub(in super::super) enum BadGlobals {
    #[error("it has no line that begins with '{DATA}'")]
    NoData,
    #[error("its data cannot be understood: {0}")]
    NotUnderstood(serde_json::Error),
    #[error("it was written by a newer version of this program (globals version {0}); install that one")]
    TooNew(u32),
}

impl Globals {
    /// The text of the member.
    ///
    /// # Errors
    /// [`PostgresError`] when the server's roles are to be in it and cannot be had.
    pub(in super::super) fn text(&self, source: &Postgres, server: &Server) -> Result<String, PostgresError> {
        let roles = if source.options.include_roles { Some(dump_roles(source, server)?) } else { None };
        let data = serde_json::to_string(self).map_err(|error| PostgresError::Answer {
            doing: "writing the globals".to_owned(),
            message: error.to_string(),
        })?;
        Ok(self.compose(&source.metadata(), &data, roles.as_deref()))
    }

    fn compose(&self, metadata: &SourceMetadata, data: &str, roles: Option<&str>) -> String {
        let name = &self.database.name;
        let [globals_member, dump_member] = [metadata.globals_member(), metadata.member()];
        let mut text = format!(
            "-- The database {shown} of {location}, but for what is in it: that is {dump_member}.\n\
             -- Server {server}, pg_dump {tool}.\n\
             --\n\
             -- To make it again by hand, on a server that has no database of this name:\n\
             --     export PGOPTIONS='{options}'\n\
             --     psql --dbname=postgres --file={globals_member}\n\
             --     psql --dbname={url} --set=ON_ERROR_STOP=1 --file={dump_member}\n\
             -- In the first, 'already exists' of a role is no harm. Without the options, settings of the database that the first\n\
             -- makes (read-only transactions, timeouts) could keep the second from loading. The line below is for carelogd.\n\
             {DATA}{data}\n",
            shown = shown(name.as_bytes()),
            location = metadata.location,
            server = self.server_version,
            tool = self.tool_version,
            url = DatabaseUrl::of(name),
            options = loading_options(self.server_version),
        );
        match roles {
            Some(roles) => {
                let _infallible = write!(text, "\n-- The server's roles.\n\n{}\n", roles.trim());
            }
            None => {
                let names: Vec<_> = self.roles.iter().map(|role| shown(role.name.as_bytes())).collect();
                let _infallible =
                    writeln!(text, "\n-- Roles were not saved. These have to exist: {}", names.join(", "));
            }
        }
        let tablespace = Some(self.database.tablespace.as_str()).filter(|name| *name != "pg_default");
        let groups = [
            ("The database.", vec![self.create(name, tablespace)]),
            ("Its settings.", self.settings(name)),
            ("Who may use it.", self.grants(name)),
            ("What else belongs to it.", self.finish(name)),
        ];
        for (heading, statements) in groups.iter().filter(|(_, statements)| !statements.is_empty()) {
            let _infallible = write!(text, "\n-- {heading}\n\n{}\n", statements.join("\n"));
        }
        text
    }

    /// Reads the data of a `NAME.globals.sql`. Only comment lines at its beginning are looked at.
    ///
    /// # Errors
    /// [`BadGlobals`].
    pub(in super::super) fn parse(text: &[u8]) -> Result<Self, BadGlobals> {
        #[derive(serde::Deserialize)]
        struct OnlyVersion {
            version: u32,
        }
        let comments = text.split(|byte| *byte == b'\n').take_while(|line| line.starts_with(b"--"));
        let data = comments.filter_map(|line| line.strip_prefix(DATA.as_bytes())).next().ok_or(BadGlobals::NoData)?;
        let OnlyVersion { version } = serde_json::from_slice(data).map_err(BadGlobals::NotUnderstood)?;
        if version > GLOBALS_VERSION {
            return Err(BadGlobals::TooNew(version));
        }
        serde_json::from_slice(data).map_err(BadGlobals::NotUnderstood)
    }
}

const DOING: &str = "dumping the server's roles";

/// A server keeps the names of roles as they came, and does not know in which encoding that was.
const OTHER_ENCODING: &str = "the name of a role seems to be in another encoding than this database: rename it (ALTER ROLE … RENAME \
     TO …;), or leave the roles out by include_roles = false of the source";

/// All roles of the server with their settings and memberships, as SQL.
fn dump_roles(source: &Postgres, server: &Server) -> Result<String, PostgresError> {
    const END: &str = "-- PostgreSQL database cluster dump complete";
    let database = source.database();
    // It connects to this database and no other. As a URL, because it takes a name with a '=' for more than a name.
    let initial = format!("--database={}", server.connection.url);
    // Whatever the site has set for its clients.
    let mut options = vec!["--roles-only", "--no-password", "--encoding=UTF8", &initial];
    if !source.options.include_role_passwords {
        options.push("--no-role-passwords");
    }
    let process = Process::start(&server.invocation("pg_dumpall", database, &options, None), &server.progress)?;
    let (ended, printed) = process.finish()?;
    server.require_success(database, DOING, &ended).map_err(|error| match error {
        PostgresError::Failed { doing, message } if message.contains("encoding") => {
            PostgresError::Failed { doing, message: format!("{message}; {OTHER_ENCODING}") }
        }
        other => other,
    })?;
    let printed = String::from_utf8(printed).map_err(|error| PostgresError::Failed {
        doing: DOING.to_owned(),
        message: format!("{error}; {OTHER_ENCODING}"),
    })?;
    if !printed.contains(END) {
        let why = format!("the dump of the server's roles does not end with '{END}'");
        return Err(PostgresError::Incomplete { database: database.to_owned(), why });
    }
    Ok(printed)
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::super::tools::Version;
    use super::super::{Database, LocaleProvider};
    use super::*;

    pub(in super::super) fn globals() -> Globals {
        let database = Database {
            name: "clinic".to_owned(),
            owner: "doctor".to_owned(),
            encoding: "UTF8".to_owned(),
            collate: "C.UTF-8".to_owned(),
            ctype: "C.UTF-8".to_owned(),
            locale_provider: LocaleProvider::Libc,
            locale: None,
            icu_rules: None,
            tablespace: "pg_default".to_owned(),
            connection_limit: -1,
            allow_connections: true,
            is_template: false,
            comment: Some("one\ntwo".to_owned()),
        };
        Globals {
            version: GLOBALS_VERSION,
            server_version: Version(150_018),
            tool_version: Version(150_018),
            database,
            settings: Vec::new(),
            grants: None,
            security_labels: Vec::new(),
            extensions: Vec::new(),
            roles: Vec::new(),
            tablespaces: Vec::new(),
            needs_superuser: Vec::new(),
        }
    }

    #[test]
    fn the_data_is_looked_for_in_the_first_comments_only() {
        let json = serde_json::to_string(&globals()).unwrap();
        let text = |before: &str| format!("{before}{DATA}{json}\nSELECT 1;\n");
        assert_eq!(Globals::parse(text("-- a comment\n").as_bytes()).unwrap(), globals());
        assert!(matches!(Globals::parse(text("SELECT 1;\n").as_bytes()), Err(BadGlobals::NoData)));
        let newer = json.replace("\"version\":1", "\"version\":2");
        assert!(matches!(Globals::parse(format!("{DATA}{newer}\n").as_bytes()), Err(BadGlobals::TooNew(2))));
        assert!(matches!(Globals::parse(format!("{DATA}{{}}\n").as_bytes()), Err(BadGlobals::NotUnderstood(_))));
    }
}
