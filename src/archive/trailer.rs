//! trailer.
