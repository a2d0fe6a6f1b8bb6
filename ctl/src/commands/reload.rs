//! `carelogctl reload`.

use crate::failure::Failure;
use crate::output::text::clean;
use crate::session::Session;

/// Has the configuration read again; an invalid one changes nothing and is the error.
pub(crate) async fn run(session: &Session) -> Result<(), Failure> {
    let reloaded = session.connect().await?.reload().await?;
    Ok(session.output.show("carelog.reload/1", &reloaded, |_look| {
        let mut lines = vec!["the configuration was read again".to_owned()];
        let changed = reloaded.changed.iter().map(|key| format!("changed: {}", clean(key)));
        let later = reloaded.restart_needed.iter().map(|key| format!("counts only after a restart: {}", clean(key)));
        lines.extend(changed.chain(later));
        lines.join("\n")
    })?)
}
