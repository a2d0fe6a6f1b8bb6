//! The configuration files that ship with the program, embedded so that it needs no other file to begin with.

use std::path::{Path, PathBuf};

/// `etc/carelogd.toml`: every key with its default, commented out.
pub const DEFAULT_TEMPLATE: &str = include_str!("../../etc/carelogd.toml");

/// `etc/quickstart.toml`: everything under one folder `{dir}`.
pub const QUICKSTART_TEMPLATE: &str = include_str!("../../etc/quickstart.toml");

/// A folder whose name cannot stand in a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} is not UTF-8, so it cannot stand in a configuration file; choose another folder", .0.display())]
pub struct UnfitFolder(pub PathBuf);

/// [`QUICKSTART_TEMPLATE`] for the absolute folder `dir`.
///
/// # Errors
/// [`UnfitFolder`] when its name is not UTF-8.
pub fn fill_quickstart(dir: &Path) -> Result<String, UnfitFolder> {
    let dir = dir.to_str().ok_or_else(|| UnfitFolder(dir.to_owned()))?;
    let mut quoted = String::with_capacity(dir.len());
    for letter in dir.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            control if control.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(control))),
            plain => quoted.push(plain),
        }
    }
    Ok(QUICKSTART_TEMPLATE.replace("{dir}", &quoted))
}
