//! The environment variables that go before the file. Their names come from the guide that the product follows.

use std::ffi::OsString;

/// Looks up an environment variable; injected, so that tests do not depend on the environment that they run in.
pub type Lookup<'a> = dyn Fn(&str) -> Option<OsString> + 'a;

/// Goes before `backup.dir`.
pub(super) const BACKUP_DIR: &str = "BACKUP_DIR";
/// Goes before `backup.compression_level`.
pub(super) const BACKUP_COMPRESSION_LEVEL: &str = "BACKUP_COMPRESSION_LEVEL";
/// Goes before `retention.keep_within`.
pub(super) const BACKUP_RETENTION_DAYS: &str = "BACKUP_RETENTION_DAYS";

/// Goes before `email.host`.
pub(super) const SMTP_HOST: &str = "SMTP_HOST";
/// Goes before `email.port`.
pub(super) const SMTP_PORT: &str = "SMTP_PORT";
/// Goes before `email.user`.
pub(super) const SMTP_USER: &str = "SMTP_USER";
/// Goes before `email.password_file`, and is the password itself.
pub(super) const SMTP_PASSWORD: &str = "SMTP_PASSWORD";
/// Goes before `email.tls`.
pub(super) const SMTP_TLS: &str = "SMTP_TLS";
/// Goes before `email.from`.
pub(super) const EMAILS_FROM_EMAIL: &str = "EMAILS_FROM_EMAIL";
/// Goes before `email.from_name`.
pub(super) const EMAILS_FROM_NAME: &str = "EMAILS_FROM_NAME";

/// The variables of this process.
#[must_use]
pub fn system(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// The text of the variable `name`; an empty one counts as not set, as it does in container files.
///
/// # Errors
/// A sentence for people, when it is not UTF-8.
pub(super) fn text(lookup: &Lookup<'_>, name: &str) -> Result<Option<String>, String> {
    match lookup(name).filter(|value| !value.is_empty()).map(OsString::into_string) {
        None => Ok(None),
        Some(Ok(text)) => Ok(Some(text)),
        Some(Err(raw)) => Err(format!("{} is not UTF-8; set it to plain text", raw.display())),
    }
}
