//! `[alerts]`.

use crate::config::Alerts;
use crate::config::reader::Reader;

pub(super) fn alerts(reader: &mut Reader<'_, '_>) -> Alerts {
    let _ = reader;
    Alerts::default()
}
