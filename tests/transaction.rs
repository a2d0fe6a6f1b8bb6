//! A restore happens wholly or not at all: with hooks, with failing hooks, and killed or failed at every point that it, and
//! the recovery from it, passes; and when the power goes at any of them.

#[cfg(feature = "failpoints")]
mod cancels;
#[cfg(feature = "failpoints")]
mod crashes;
mod hooks;
#[cfg(feature = "failpoints")]
mod power;
#[cfg(feature = "failpoints")]
mod powered;
#[cfg(feature = "failpoints")]
mod recovery;
mod site;
#[cfg(feature = "failpoints")]
mod undoing;
mod writer;
