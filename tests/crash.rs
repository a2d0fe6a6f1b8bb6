//! Kills the daemon, or fails its system calls, at every step of a backup and a removal; restores have `transaction`.
//!
//! A clean run tells which points a job passes; a list in the test says which it has to pass, so that none can vanish
//! unnoticed. Then each passage is hit once, in a world of its own, and what is left is judged.

pub(crate) mod aftermath;
mod errors;
mod kills;
mod power;
mod scenario;
