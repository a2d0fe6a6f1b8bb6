//! Counts the units that workers have not finished, so that the coordinator can wait for all of them.

use std::sync::{Condvar, Mutex, PoisonError};

#[derive(Debug, Default)]
pub(super) struct InFlight {
    units: Mutex<usize>,
    none: Condvar,
}

/// One unit in flight; counted until it is dropped, even by a worker that panics.
#[derive(Debug)]
pub(super) struct Ticket<'a>(&'a InFlight);

impl InFlight {
    /// Counts one more; the worker that takes the unit calls [`InFlight::ticket`].
    pub(super) fn launch(&self) {
        *self.units.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    }

    pub(super) const fn ticket(&self) -> Ticket<'_> {
        Ticket(self)
    }

    /// Waits until no unit is in flight.
    pub(super) fn wait(&self) {
        let mut units = self.units.lock().unwrap_or_else(PoisonError::into_inner);
        while *units > 0 {
            units = self.none.wait(units).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let mut units = self.0.units.lock().unwrap_or_else(PoisonError::into_inner);
        *units = units.saturating_sub(1);
        if *units == 0 {
            self.0.none.notify_all();
        }
    }
}
