//! The URL of a database, in the form that libpq understands
//! (<https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS>), and never a secret in it: it is
//! shown, stored in archives and handed to programs as an argument.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Bytes that a name may have (`NAMEDATALEN` less its NUL).
pub const LONGEST_NAME: usize = 63;

/// `postgresql://[user@][host[:port],…]/database[?parameters]`. Names one database and holds no password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DatabaseUrl {
    /// Up to the slash before the database.
    server: String,
    /// Decoded.
    database: String,
    /// From the question mark; empty when there is none.
    parameters: String,
}

/// Why a text is not such a URL; reads on after the name of the key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadDatabaseUrl(String);

impl DatabaseUrl {
    /// A database of whatever server is the default.
    #[must_use]
    pub fn of(database: &str) -> Self {
        Self { server: "postgresql://".to_owned(), database: database.to_owned(), parameters: String::new() }
    }

    /// The name of the database.
    #[must_use]
    pub fn database(&self) -> &str {
        &self.database
    }

    /// The same server, as the same user, but `database`.
    #[must_use]
    pub fn with_database(&self, database: &str) -> Self {
        Self { database: database.to_owned(), ..self.clone() }
    }

    /// Whether the server is on this machine, as far as the URL tells: a socket's folder, or a loopback address.
    #[must_use]
    pub fn is_local(&self) -> bool {
        let authority = self.server.split_once("://").map_or("", |(_, authority)| authority);
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let host = match self.parameter("host").or_else(|| self.parameter("hostaddr")) {
            Some(host) => host,
            None => decoded(authority).unwrap_or_default(),
        };
        let is_local = |host: &str| {
            let name = host.strip_prefix('[').and_then(|rest| rest.split(']').next());
            let name = name
                .unwrap_or_else(|| if host.starts_with('/') { host } else { host.split(':').next().unwrap_or(host) });
            name.is_empty()
                || name.starts_with(['/', '@'])
                || name == "localhost"
                || name == "::1"
                || name.starts_with("127.")
        };
        self.parameter("service").is_none() && host.split(',').all(is_local)
    }

    fn parameter(&self, key: &str) -> Option<String> {
        parameters(&self.parameters).find(|(name, _)| *name == key).and_then(|(_, value)| decoded(value))
    }
}

impl FromStr for DatabaseUrl {
    type Err = BadDatabaseUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = |why: &str| Err(BadDatabaseUrl(why.to_owned()));
        let Some((scheme, rest)) =
            text.split_once("://").filter(|(scheme, _)| matches!(*scheme, "postgresql" | "postgres"))
        else {
            return bad("has to begin with postgresql://, for example postgresql:///clinic?host=/var/run/postgresql");
        };
        if text.contains(|c: char| c.is_ascii_control() || c == '#') {
            return bad("holds a character that has to be percent-encoded");
        }
        let (rest, query) = rest.split_once('?').map_or((rest, ""), |(rest, query)| (rest, query));
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        // The password would stand in the argument lists of programs and in every archive.
        if authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':')) {
            return bad(NO_PASSWORD);
        }
        for (name, _) in parameters(query) {
            match name {
                "password" | "sslpassword" => return bad(NO_PASSWORD),
                "dbname" => {
                    return bad(
                        "names the database as a parameter; write it behind the host: postgresql://HOST/DATABASE",
                    );
                }
                _ => {}
            }
        }
        let Some(database) = decoded(database) else {
            return bad("has a database name that is not percent-encoded UTF-8");
        };
        if database.is_empty() {
            return bad("names no database; write it behind the host, for example postgresql:///clinic");
        }
        if database.len() > LONGEST_NAME || database.contains('\0') {
            return bad("names a database that cannot exist: a name has at most 63 bytes");
        }
        let parameters = if query.is_empty() { String::new() } else { format!("?{query}") };
        Ok(Self { server: format!("{scheme}://{authority}"), database, parameters })
    }
}

const NO_PASSWORD: &str = "holds a password, and URLs are shown and stored; put it in a password file \
     (passfile=… as a parameter, PGPASSFILE, or ~/.pgpass of run_as) or in a service file";

fn parameters(query: &str) -> impl Iterator<Item = (&str, &str)> {
    let query = query.strip_prefix('?').unwrap_or(query);
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// `None` for what is not percent-encoded UTF-8.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        let (byte, behind) = match first {
            b'%' => {
                let digits = behind.get(..2).and_then(|digits| str::from_utf8(digits).ok())?;
                (u8::from_str_radix(digits, 16).ok()?, &behind[2..])
            }
            byte => (byte, behind),
        };
        bytes.push(byte);
        rest = behind;
    }
    String::from_utf8(bytes).ok()
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.server)?;
        for byte in self.database.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b'~' => {
                    write!(f, "{}", char::from(byte))?;
                }
                byte => write!(f, "%{byte:02X}")?,
            }
        }
        f.write_str(&self.parameters)
    }
}

impl TryFrom<String> for DatabaseUrl {
    type Error = BadDatabaseUrl;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<DatabaseUrl> for String {
    fn from(url: DatabaseUrl) -> Self {
        url.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> DatabaseUrl {
        text.parse().unwrap()
    }

    #[test]
    fn what_was_read_is_written_again() {
        for text in [
            "postgresql:///clinic",
            "postgresql:///clinic?host=/var/run/postgresql",
            "postgres://app@db1:5432,db2:5433/clinic?sslmode=verify-full&passfile=/etc/carelog/pgpass",
            "postgresql://[::1]:5432/with%20space%2F%25",
        ] {
            assert_eq!(url(text).to_string(), text);
            assert_eq!(url(text), url(&url(text).to_string()));
        }
    }

    #[test]
    fn another_database_is_encoded_into_it() {
        let other = url("postgresql://h/clinic?service=x").with_database("a b/ä?");
        assert_eq!(other.to_string(), "postgresql://h/a%20b%2F%C3%A4%3F?service=x");
        assert_eq!(url(&other.to_string()).database(), "a b/ä?");
    }

    #[test]
    fn a_password_is_refused_wherever_it_stands() {
        for text in [
            "postgresql://app:secret@h/clinic",
            "postgresql:///clinic?password=secret",
            "postgresql:///c?a=b&sslpassword=s",
        ] {
            let error = text.parse::<DatabaseUrl>().unwrap_err().to_string();
            assert!(error.contains("holds a password") && !error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn what_names_no_database_is_refused() {
        for text in [
            "postgresql://",
            "postgresql:///",
            "postgresql://h",
            "clinic",
            "host=/run dbname=clinic",
            "postgresql:///%ff",
        ] {
            assert!(text.parse::<DatabaseUrl>().is_err(), "{text}");
        }
        assert!("postgresql:///?dbname=clinic".parse::<DatabaseUrl>().is_err());
    }

    #[test]
    fn local_is_a_socket_or_a_loopback_address() {
        for text in [
            "postgresql:///c",
            "postgresql:///c?host=/run/postgresql",
            "postgresql://%2Frun%2Fpostgresql/c",
            "postgresql://localhost:5433/c",
            "postgresql://me@127.0.0.1/c",
            "postgresql://[::1]:5432/c",
        ] {
            assert!(url(text).is_local(), "{text}");
        }
        for text in
            ["postgresql://db/c", "postgresql:///c?host=db", "postgresql:///c?service=x", "postgresql://localhost,db/c"]
        {
            assert!(!url(text).is_local(), "{text}");
        }
    }
}
