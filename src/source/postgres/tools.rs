//! Which of the installed versions of PostgreSQL's programs to use: that of the server, or the next newer one, because a
//! pg_dump refuses a server newer than itself.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::PostgresError;

/// Where distributions put one folder for each version: Debian and Ubuntu; the project's own RPMs.
const VERSIONED: [(&str, &str, &str); 2] = [("/usr/lib/postgresql", "", "bin"), ("/usr", "pgsql-", "bin")];
/// Where a single version is.
const PLAIN: [&str; 3] = ["/usr/local/pgsql/bin", "/usr/local/bin", "/usr/bin"];

/// A version as the server numbers it (`server_version_num`): 150018 is 15.18.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(pub u32);

impl Version {
    /// The part that decides what is compatible.
    #[must_use]
    pub const fn major(self) -> u32 {
        self.0 / 10_000
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0 / 10_000, self.0 % 10_000)
    }
}

/// The programs of one installed version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tools {
    bin: PathBuf,
    pub(super) version: Version,
}

impl Tools {
    /// The newest that is installed: good enough to ask a server for its version.
    pub(super) fn newest() -> Result<Self, PostgresError> {
        let newest = installed().into_iter().max_by_key(|tools| tools.version);
        newest.ok_or_else(|| PostgresError::NoTools { wanted: "VERSION".to_owned() })
    }

    /// Those for a server of this version.
    pub(super) fn for_server(server: Version, url: &str) -> Result<Self, PostgresError> {
        let all = installed();
        let Some(newest) = all.iter().map(|tools| tools.version).max() else {
            return Err(PostgresError::NoTools { wanted: server.major().to_string() });
        };
        choose(all, server).ok_or_else(|| PostgresError::ToolsTooOld { url: url.to_owned(), server, newest })
    }

    /// Whether psql can be told to obey no command of a script (`\\restrict`, since the releases of August 2025).
    pub(super) const fn psql_can_be_restricted(&self) -> bool {
        let minor = self.version.0 % 10_000;
        match self.version.major() {
            ..13 => false,
            13 => minor >= 22,
            14 => minor >= 19,
            15 => minor >= 14,
            16 => minor >= 10,
            17 => minor >= 6,
            18.. => true,
        }
    }

    /// The path of one of them.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }
}

fn choose(installed: Vec<Tools>, server: Version) -> Option<Tools> {
    let fits = |tools: &Tools| tools.version.major() >= server.major();
    // Of one major version the newest, of several the nearest.
    installed.into_iter().filter(fits).min_by_key(|tools| (tools.version.major(), std::cmp::Reverse(tools.version)))
}

fn installed() -> Vec<Tools> {
    let mut found = Vec::new();
    for (dir, prefix, bin) in VERSIONED {
        let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
        let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix));
        let is_version =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let versioned = named.filter(|entry| is_version(&entry.file_name().to_string_lossy()[prefix.len()..]));
        found.extend(versioned.filter_map(|entry| tools_in(&entry.path().join(bin))));
    }
    if found.is_empty() {
        // Debian's /usr/bin/psql is a script that chooses a version by itself, and slow: the last resort.
        found.extend(PLAIN.iter().filter_map(|bin| tools_in(Path::new(bin))));
    }
    found
}

/// The programs in a folder, if both that are needed are there and say which version they are.
fn tools_in(bin: &Path) -> Option<Tools> {
    if !bin.join("psql").exists() {
        return None;
    }
    let said = std::process::Command::new(bin.join("pg_dump")).arg("--version").env("LC_ALL", "C").output().ok()?;
    let version = version_in(&String::from_utf8_lossy(&said.stdout))?;
    Some(Tools { bin: bin.to_owned(), version })
}

/// From `pg_dump (PostgreSQL) 15.18 (Debian 15.18-1)`; of a version in the making, such as `17beta2`, what it will be.
fn version_in(said: &str) -> Option<Version> {
    let number = said.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    let mut parts = number.split('.').map(|part| part.split(|c: char| !c.is_ascii_digit()).next().unwrap_or(""));
    let major: u32 = parts.next()?.parse().ok()?;
    let minor: u32 = parts.next().and_then(|minor| minor.parse().ok()).unwrap_or(0);
    Some(Version(major.checked_mul(10_000)?.checked_add(minor)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tools(version: u32) -> Tools {
        Tools { bin: PathBuf::from(format!("/{version}")), version: Version(version) }
    }

    #[test]
    fn versions_are_read_as_the_programs_say_them() {
        assert_eq!(version_in("pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some(Version(150_018)));
        assert_eq!(version_in("pg_dump (PostgreSQL) 17beta2"), Some(Version(170_000)));
        assert_eq!(version_in("no version"), None);
        assert_eq!(Version(150_018).to_string(), "15.18");
    }

    #[test]
    fn the_servers_own_version_is_preferred_and_an_older_one_never_taken() {
        let all = || vec![tools(130_022), tools(150_003), tools(150_018), tools(170_001)];
        assert_eq!(choose(all(), Version(150_020)), Some(tools(150_018)));
        assert_eq!(choose(all(), Version(160_001)), Some(tools(170_001)));
        assert_eq!(choose(all(), Version(140_000)), Some(tools(150_018)));
        assert_eq!(choose(all(), Version(180_000)), None);
    }
}
