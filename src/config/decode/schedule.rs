//! `[[schedule]]`.

use jiff::tz::TimeZone;

use crate::config::Schedule;
use crate::config::document::Document;
use crate::config::problem::Problems;

/// Every schedule that can be used.
pub(super) fn schedules(document: &Document<'_>, zone: &TimeZone, problems: &mut Problems) -> Vec<Schedule> {
    let _ = (document.list("schedule"), zone, problems);
    Vec::new()
}
