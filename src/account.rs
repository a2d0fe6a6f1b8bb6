//! The users of this system, as whom other programs are run.

use std::path::PathBuf;

use nix::unistd::{Uid, User};

/// A user of this system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Its number.
    pub uid: u32,
    /// Its main group.
    pub gid: u32,
    /// Its home.
    pub home: PathBuf,
}

/// The account of this name.
///
/// # Errors
/// Why there is none, to be read after a colon.
pub fn named(name: &str) -> Result<Account, String> {
    let user = User::from_name(name).map_err(|error| error.to_string())?;
    let user = user.ok_or_else(|| "this system has no such user".to_owned())?;
    Ok(Account { name: user.name, uid: user.uid.as_raw(), gid: user.gid.as_raw(), home: user.dir })
}

/// The account of this name for a child process to become; `None` to stay who we are.
///
/// # Errors
/// Why it cannot be, to be read after a colon.
pub fn to_become(name: &str) -> Result<Option<Account>, String> {
    let account = named(name)?;
    let ours = Uid::effective();
    if account.uid == ours.as_raw() {
        return Ok(None);
    }
    if !ours.is_root() {
        return Err(format!("carelogd runs as user {ours}, and only root can become another"));
    }
    Ok(Some(account))
}
