//! The names of archives: `backup_2025-10-29_14-30-00.tar.zst`, with `-2` before the ending for a second one of the same
//! second, and `safety_` in front of a safety backup's.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::model::Class;

/// The endings that archives have.
const EXTENSIONS: &[&str] = &[".tar.zst", ".tar.gz", ".tar"];

const TIME_FORMAT: &str = "%Y-%m-%d_%H-%M-%S";

/// Length of a time in [`TIME_FORMAT`].
const TIME_LENGTH: usize = "2025-10-29_14-30-00".len();

/// The file name of an archive. One that parses is safe to join to a folder. Names sort by class, then by time, then by
/// which of that second they are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ArchiveName(String);

/// A text that is not the name of an archive.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not the name of an archive; one looks like backup_2025-10-29_14-30-00.tar.zst")]
pub struct BadArchiveName(String);

impl ArchiveName {
    /// The name of the `ordinal`-th archive (from 1) of this class that began in the second of `created_at`; `extension`
    /// is one of `.tar.zst`, `.tar.gz`, `.tar`.
    #[must_use]
    pub fn new(class: Class, created_at: Timestamp, ordinal: u32, extension: &str) -> Self {
        let prefix = prefix_of(class);
        let time = created_at.to_zoned(TimeZone::UTC).strftime(TIME_FORMAT);
        let again = if ordinal > 1 { format!("-{ordinal}") } else { String::new() };
        Self(format!("{prefix}{time}{again}{extension}"))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Ord for ArchiveName {
    fn cmp(&self, other: &Self) -> Ordering {
        Parts::of(&self.0).cmp(&Parts::of(&other.0)).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for ArchiveName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

const fn prefix_of(class: Class) -> &'static str {
    match class {
        Class::Backup => "backup_",
        Class::Safety => "safety_backup_",
    }
}

impl fmt::Display for ArchiveName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for ArchiveName {
    type Err = BadArchiveName;

    fn from_str(text: &str) -> Result<Self, BadArchiveName> {
        if Parts::of(text).is_some() { Ok(Self(text.to_owned())) } else { Err(BadArchiveName(text.to_owned())) }
    }
}

/// What a name is made of, in the order by which names sort.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Parts<'a> {
    class: Class,
    time: &'a str,
    ordinal: u32,
}

impl<'a> Parts<'a> {
    fn of(name: &'a str) -> Option<Self> {
        let (class, rest) =
            Class::ALL.iter().find_map(|class| Some((*class, name.strip_prefix(prefix_of(*class))?)))?;
        let stem = EXTENSIONS.iter().find_map(|extension| rest.strip_suffix(extension))?;
        let (time, again) = stem.split_at_checked(TIME_LENGTH)?;
        DateTime::strptime(TIME_FORMAT, time).ok()?;
        Some(Self { class, time, ordinal: ordinal_in(again)? })
    }
}

fn ordinal_in(text: &str) -> Option<u32> {
    if text.is_empty() {
        return Some(1);
    }
    let digits = text.strip_prefix('-')?;
    digits.parse().ok().filter(|n: &u32| *n > 1 && n.to_string() == digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_class_time_and_which_of_that_second() {
        let at: Timestamp = "2025-10-29T14:30:00.9Z".parse().unwrap();
        assert_eq!(ArchiveName::new(Class::Backup, at, 1, ".tar.zst").as_str(), "backup_2025-10-29_14-30-00.tar.zst");
        assert_eq!(ArchiveName::new(Class::Safety, at, 2, ".tar").as_str(), "safety_backup_2025-10-29_14-30-00-2.tar");
    }

    #[test]
    fn names_sort_by_time_and_then_by_which_of_that_second() {
        let at: Timestamp = "2025-10-29T14:30:00Z".parse().unwrap();
        let later = ArchiveName::new(Class::Backup, at + jiff::SignedDuration::from_secs(1), 1, ".tar");
        let mut names: Vec<_> = [10, 2, 1].map(|n| ArchiveName::new(Class::Backup, at, n, ".tar")).into();
        names.insert(0, later);
        names.sort();
        let ends: Vec<_> = names.iter().map(|name| name.as_str().trim_start_matches("backup_2025-10-29_")).collect();
        assert_eq!(ends, ["14-30-00.tar", "14-30-00-2.tar", "14-30-00-10.tar", "14-30-01.tar"]);
    }

    #[test]
    fn only_names_of_that_form_parse() {
        for good in ["backup_2025-10-29_14-30-00.tar.zst", "safety_backup_2025-10-29_14-30-00-12.tar.gz"] {
            assert_eq!(good.parse::<ArchiveName>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            "backup_2025-10-29_14-30-00.tar.zst.partial",
            "backup_2025-10-29_14-30-00.tar.zst.sha256",
            "backup_2025-13-29_14-30-00.tar.zst",
            "backup_2025-10-29_14-30-00-1.tar.zst",
            "backup_2025-10-29_14-30-00-02.tar.zst",
            "backup_2025-10-29_14-30-00-.tar.zst",
            "../backup_2025-10-29_14-30-00.tar.zst",
            "backup_ä025-10-29_14-30-0.tar.zst",
            "backup_/../../../../../../x.tar",
        ] {
            assert!(bad.parse::<ArchiveName>().is_err(), "{bad}");
        }
    }
}
