//! `[[webhook]]`.

use crate::config::Webhook;
use crate::config::document::Document;
use crate::config::problem::Problems;

/// Every webhook that can be used.
pub(super) fn webhooks(document: &Document<'_>, problems: &mut Problems) -> Vec<Webhook> {
    let _ = (document.list("webhook"), problems);
    Vec::new()
}
