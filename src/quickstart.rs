//! The demonstration on a sample clinic.

use std::path::Path;

/// Runs it in `dir`, or in a new temporary folder.
///
/// # Errors
/// Whatever stops it.
pub fn run(dir: Option<&Path>) -> anyhow::Result<()> {
    anyhow::bail!("the demonstration in {dir:?} is not built yet")
}
