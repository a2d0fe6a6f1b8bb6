//! What of the waiting rows is sent as one letter.

use std::collections::{BTreeMap, BTreeSet};

use crate::alerts::Notice;
use crate::alerts::letter::{Earlier, Letter};
use crate::catalog::OutboxRow;

/// A row, and older ones in place of which it is sent.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) newest: OutboxRow,
    pub(super) notice: Notice,
    /// The oldest first.
    older: Vec<(OutboxRow, Notice)>,
}

impl Unit {
    pub(super) fn letter(&self) -> Letter {
        let earlier = self.older.iter().map(|(_, notice)| notice.at).min();
        Letter {
            recipient: self.newest.recipient.clone(),
            notice: self.notice.clone(),
            earlier: earlier.map(|since| Earlier { count: self.older.len(), since }),
        }
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &OutboxRow> {
        self.older.iter().map(|(row, _)| row).chain([&self.newest])
    }

    pub(super) fn seqs(&self) -> impl Iterator<Item = i64> {
        self.rows().map(|row| row.seq)
    }

    pub(super) fn older(&self) -> Vec<i64> {
        self.older.iter().map(|(row, _)| row.seq).collect()
    }

    /// A new stage is due although older ones were put off.
    pub(super) fn is_due(&self, due: &BTreeSet<i64>) -> bool {
        self.seqs().any(|seq| due.contains(&seq))
    }

    /// How often it was tried: a new stage begins anew.
    pub(super) const fn attempts(&self) -> u32 {
        self.newest.attempts
    }
}

/// The letters that `rows`, the oldest first, come to; and the rows that cannot be read.
pub(super) fn units(rows: Vec<OutboxRow>) -> (Vec<Unit>, Vec<i64>) {
    let mut unreadable = Vec::new();
    let mut units: Vec<Unit> = Vec::new();
    let mut by_key: BTreeMap<(String, String), usize> = BTreeMap::new();
    for row in rows {
        let Ok(notice) = serde_json::from_value::<Notice>(row.notice.clone()) else {
            unreadable.push(row.seq);
            continue;
        };
        if notice.occasion.is_stage() && !notice.key.is_empty() {
            let key = (row.recipient.clone(), notice.key.clone());
            if let Some(unit) = by_key.get(&key).and_then(|&index| units.get_mut(index)) {
                let row = std::mem::replace(&mut unit.newest, row);
                let notice = std::mem::replace(&mut unit.notice, notice);
                unit.older.push((row, notice));
                continue;
            }
            by_key.insert(key, units.len());
        }
        units.push(Unit { newest: row, notice, older: Vec::new() });
    }
    (units, unreadable)
}
