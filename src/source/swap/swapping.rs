//! One swap in the hands of who makes it: the record, and how far it came.

use super::super::error::StageError;
use super::super::swap_record::SwapRecord;

/// A swap that is to be made, is made, or was taken back.
#[derive(Debug)]
pub(in crate::source) struct Swapping {
    record: SwapRecord,
    /// Set before the first step: one that failed half-way is to be taken back too.
    has_begun: bool,
    is_made: bool,
}

impl Swapping {
    pub(in crate::source) const fn new(record: SwapRecord) -> Self {
        Self { record, has_begun: false, is_made: false }
    }

    pub(in crate::source) const fn record(&self) -> &SwapRecord {
        &self.record
    }

    pub(in crate::source) const fn is_made(&self) -> bool {
        self.is_made
    }

    /// Something else is to be swapped: what is live or what is staged was replaced by another.
    pub(in crate::source) fn replace_record(&mut self, record: SwapRecord) {
        self.record = record;
    }

    pub(in crate::source) fn commit(&mut self) -> Result<(), StageError> {
        if self.is_made {
            return Ok(());
        }
        self.record.require_untouched()?;
        self.has_begun = true;
        self.record.put_forward()?;
        self.is_made = true;
        Ok(())
    }

    pub(in crate::source) fn undo(&mut self) -> Result<(), StageError> {
        if !self.has_begun {
            return Ok(());
        }
        if self.is_made { self.record.take_back() } else { self.record.put_back() }?;
        self.has_begun = false;
        self.is_made = false;
        Ok(())
    }
}
