//! The points between two steps of staging and swapping, at which a test stops or fails us: by the environment in the
//! daemon ([`crate::failpoint`]), by count in the tests of this floor.

use std::io;

/// Passes the point `name`.
pub(super) fn pass(name: &'static str) -> io::Result<()> {
    #[cfg(test)]
    by_count::pass(name)?;
    crate::failpoint::pass(name)
}

#[cfg(test)]
pub(super) mod by_count {
    use std::cell::{Cell, RefCell};
    use std::io;

    thread_local! {
        static LEFT: Cell<Option<usize>> = const { Cell::new(None) };
        static PASSED: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
    }

    pub(super) fn pass(name: &'static str) -> io::Result<()> {
        PASSED.with_borrow_mut(|passed| passed.push(name));
        match LEFT.get() {
            Some(0) => Err(io::Error::other(format!("stopped at {name}"))),
            Some(left) => {
                LEFT.set(Some(left - 1));
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Runs `act` on this thread and fails it at its point number `nth`, counted from 0, and at all behind it. Returns its
    /// result and the points that it came to.
    pub(crate) fn stopped_at<T>(nth: Option<usize>, act: impl FnOnce() -> T) -> (T, Vec<&'static str>) {
        PASSED.take();
        LEFT.set(nth);
        let result = act();
        LEFT.set(None);
        (result, PASSED.take())
    }
}
