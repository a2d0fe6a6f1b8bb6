//! Frames.

/// How frames are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// Zstandard at this level, 1 to 19.
    Zstd(i32),
    /// Gzip at this level, 1 to 9.
    Gzip(u32),
    /// Not at all.
    None,
}

impl Codec {
    /// The file name's ending: `.tar.zst`, `.tar.gz`, `.tar`.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Zstd(_) => ".tar.zst",
            Self::Gzip(_) => ".tar.gz",
            Self::None => ".tar",
        }
    }
}
