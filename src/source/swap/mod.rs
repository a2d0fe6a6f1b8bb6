//! How what is staged takes the place of what is live, and back.
//!
//! Whatever the method, a swap is a list of pairs of names: one for the whole, or one for each entry of the root. Each
//! step is one rename, and who was interrupted looks at the inodes to know which were made. Sources choose the method
//! ([`choose`]); [`SwapRecord`](super::SwapRecord) is the list as a journal keeps it.

pub(super) mod choose;
pub(super) mod mounts;
pub(super) mod pair;
pub(super) mod root_metadata;
pub(super) mod site;
pub(super) mod swapping;
pub(super) mod thing;

use std::fmt;

/// How live data is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SwapMethod {
    /// The live root and the staged root beside it exchange their names in one step (`renameat2`, RENAME_EXCHANGE); where
    /// nothing is live, the staged root is renamed.
    ExchangeRoot,
    /// As [`Self::ExchangeRoot`] where the file system cannot exchange: the live root gets a third name, the staged root
    /// the live one, and the third name becomes that of the staged one.
    RenameRoot,
    /// The root is a mount point, or the folder above it may not be written: its entries are exchanged one by one with
    /// those of a folder in it.
    ExchangeEntries,
    /// As [`Self::ExchangeEntries`], each entry in the three steps of [`Self::RenameRoot`].
    RenameEntries,
    /// Two databases of a server exchange their names, both in one transaction.
    RenameDatabase,
}

impl SwapMethod {
    /// Whether the entries of the root are replaced and not the root.
    #[must_use]
    pub const fn is_by_entry(self) -> bool {
        matches!(self, Self::ExchangeEntries | Self::RenameEntries)
    }

    /// Whether databases are renamed, and nothing in a file system is.
    #[must_use]
    pub const fn is_of_database(self) -> bool {
        matches!(self, Self::RenameDatabase)
    }

    /// Whether a third name is needed on the way.
    #[must_use]
    pub const fn is_by_rename(self) -> bool {
        matches!(self, Self::RenameRoot | Self::RenameEntries)
    }
}

impl fmt::Display for SwapMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::ExchangeRoot => "exchange of the whole",
            Self::RenameRoot => "renaming of the whole",
            Self::ExchangeEntries => "exchange of each entry of the folder",
            Self::RenameEntries => "renaming of each entry of the folder",
            Self::RenameDatabase => "renaming of the database",
        })
    }
}
