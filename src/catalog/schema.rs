//! The schema's versions and the steps between them.
//!
//! A published step is never edited: a change is a new file with the next number, and a catalog of the version before
//! joins `testdata/`, so that today's program opens yesterday's catalog. A new kind of job, or a new word in a column, is
//! a new version too, for then an older program refuses the file instead of misreading it.

use rusqlite::{Connection, TransactionBehavior};

/// Marks the file as ours ("CLOG"), in its header.
pub(super) const APPLICATION_ID: i64 = 0x434c_4f47;

/// Step `n` leads from version `n` to `n + 1`.
const STEPS: &[&str] = &[
    include_str!("migrations/0001.sql"),
    include_str!("migrations/0002.sql"),
    include_str!("migrations/0003.sql"),
    include_str!("migrations/0004.sql"),
];

/// The version that this program writes.
pub(super) const fn newest_version() -> i64 {
    STEPS.len() as i64
}

/// The version of an opened catalog; 0 for an empty file.
pub(super) fn version_of(db: &Connection) -> rusqlite::Result<i64> {
    db.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Takes every step that is left, each in its own transaction.
pub(super) fn migrate(db: &mut Connection) -> rusqlite::Result<()> {
    let done = usize::try_from(version_of(db)?).unwrap_or_default();
    for (index, step) in STEPS.iter().enumerate().skip(done) {
        let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        tx.execute_batch(step)?;
        tx.pragma_update(None, "application_id", APPLICATION_ID)?;
        tx.pragma_update(None, "user_version", index as i64 + 1)?;
        tx.commit()?;
    }
    Ok(())
}
