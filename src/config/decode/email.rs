//! `[email]` with `[email.users]`, and the variables of the environment that go before it.

use crate::config::Email;
use crate::config::document::Fields;
use crate::config::environment::Lookup;
use crate::config::problem::Problems;

pub(super) fn email(fields: Option<&Fields<'_>>, environment: &Lookup<'_>, problems: &mut Problems) -> Option<Email> {
    let _ = (fields, environment, problems);
    None
}
