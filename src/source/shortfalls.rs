//! What could not be made as it was, for want of rights or of support by the file system: summed up by kind.

use std::sync::{Mutex, PoisonError};

/// Something of an entry that could not be made as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shortfall {
    Owner,
    Attributes,
    Device,
}

impl Shortfall {
    const fn in_words(self) -> &'static str {
        match self {
            Self::Owner => "the owner could not be set (only root may)",
            Self::Attributes => "an extended attribute or ACL could not be set",
            Self::Device => "the device node could not be made (only root may) and is missing",
        }
    }
}

/// So many names stand in a warning.
const NAMED: usize = 5;

/// Collects shortfalls from all threads.
#[derive(Debug, Default)]
pub(super) struct Shortfalls {
    owner: Mutex<Collected>,
    attributes: Mutex<Collected>,
    device: Mutex<Collected>,
}

#[derive(Debug, Default)]
struct Collected {
    count: u64,
    first: Vec<String>,
}

impl Shortfalls {
    pub(super) fn note(&self, shortfall: Shortfall, member: &str, detail: &str) {
        let of_kind = match shortfall {
            Shortfall::Owner => &self.owner,
            Shortfall::Attributes => &self.attributes,
            Shortfall::Device => &self.device,
        };
        let mut collected = of_kind.lock().unwrap_or_else(PoisonError::into_inner);
        collected.count += 1;
        if collected.first.len() < NAMED {
            collected.first.push(format!("{member}{detail}"));
        }
    }

    /// One warning per kind, with its count and the first names.
    pub(super) fn into_warnings(self) -> Vec<String> {
        let kinds = [
            (Shortfall::Owner, self.owner),
            (Shortfall::Attributes, self.attributes),
            (Shortfall::Device, self.device),
        ];
        kinds
            .into_iter()
            .map(|(kind, collected)| (kind, collected.into_inner().unwrap_or_else(PoisonError::into_inner)))
            .filter(|(_, collected)| collected.count > 0)
            .map(|(kind, collected)| collected.in_words(kind))
            .collect()
    }
}

impl Collected {
    fn in_words(&self, kind: Shortfall) -> String {
        let names = self.first.join(", ");
        match self.count - self.first.len() as u64 {
            0 => format!("{}: {names}", kind.in_words()),
            more => format!("{}: {names} and {more} more", kind.in_words()),
        }
    }
}
