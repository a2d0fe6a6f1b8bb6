//! quickstart.
