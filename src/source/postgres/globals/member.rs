//! The text of `NAME.globals.sql`.

use super::{GLOBALS_VERSION, Globals};

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
