//! What a person types to name a backup, a job or an alert, and what it names.

use jiff::Timestamp;

use super::CatalogError;

/// Why a text names no backup, job or alert.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// None has that name.
    #[error("there is no {noun} '{wanted}'")]
    NotFound {
        /// `backup`, `job` or `alert`.
        noun: &'static str,
        /// What was looked for.
        wanted: String,
    },
    /// There are backups, and all of them are damaged or missing.
    #[error("none of the backups can be restored: {lost} are damaged or missing")]
    NoneUsable {
        /// How many.
        lost: u64,
    },
    /// No available backup is as old.
    #[error("no backup began at {at:.0} or before")]
    NoneBefore {
        /// The time that was asked for.
        at: Timestamp,
    },
    /// Too little of an id was given.
    #[error("'{wanted}' is too short: give at least {MIN_PREFIX} digits of the id")]
    TooShort {
        /// What was looked for.
        wanted: String,
    },
    /// Several ids begin so.
    #[error("'{wanted}' is the beginning of several ids, such as {}; give more digits", candidates.join(", "))]
    Ambiguous {
        /// What was looked for.
        wanted: String,
        /// The ids that begin so, in order; at most [`MAX_CANDIDATES`].
        candidates: Vec<String>,
    },
    /// The catalog could not be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

/// Digits of an id that are needed at least.
pub(super) const MIN_PREFIX: usize = 4;

/// Candidates that are named at most.
pub(super) const MAX_CANDIDATES: u32 = 10;

/// The beginning of an id, in the form in which the catalog stores it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct IdPrefix(String);

impl IdPrefix {
    /// Understands `text` as the beginning of an id: hexadecimal digits, hyphens wherever. `None` when it cannot be one.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits: String = text.chars().filter(|c| *c != '-').map(|c| c.to_ascii_lowercase()).collect();
        if digits.is_empty() || digits.len() > 32 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let mut stored = String::with_capacity(36);
        for (index, digit) in digits.chars().enumerate() {
            if matches!(index, 8 | 12 | 16 | 20) {
                stored.push('-');
            }
            stored.push(digit);
        }
        Some(Self(stored))
    }

    /// Whether it is long enough to be looked up.
    pub(super) fn is_long_enough(&self) -> bool {
        self.0.len() >= MIN_PREFIX
    }

    /// The first text that an id with this prefix can be, and one behind the last: `g` sorts behind every digit.
    pub(super) fn range(&self) -> (&str, String) {
        (&self.0, format!("{}g", self.0))
    }
}

/// Decides what `wanted` names, given the ids that begin so.
pub(super) fn only_one(noun: &'static str, wanted: &str, mut ids: Vec<String>) -> Result<String, FindError> {
    match ids.len() {
        0 => Err(FindError::NotFound { noun, wanted: wanted.to_owned() }),
        1 => Ok(ids.remove(0)),
        _ => Err(FindError::Ambiguous { wanted: wanted.to_owned(), candidates: ids }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_understood_with_and_without_hyphens() {
        for text in ["019a2f3c-1d2e", "019A2F3C1D2E", "019a-2f3c-1d2e"] {
            let prefix = IdPrefix::parse(text).unwrap();
            assert_eq!(prefix.range(), ("019a2f3c-1d2e", "019a2f3c-1d2eg".to_owned()));
        }
        assert!(!IdPrefix::parse("01-9").unwrap().is_long_enough());
        for text in ["", "-", "latest", "019g", &"0".repeat(33)] {
            assert_eq!(IdPrefix::parse(text), None, "{text}");
        }
    }
}
