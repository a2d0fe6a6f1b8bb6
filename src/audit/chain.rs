//! The check of a chain.

use super::record::{Head, Record};

/// The first record at which a chain is broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the audit trail is broken at record {seq}: {why}")]
pub struct FirstBroken {
    /// Number of the record that should stand there.
    pub seq: u64,
    /// What is wrong with it.
    pub why: String,
}

/// A check in progress: records are pushed in order.
#[derive(Clone, Copy, Debug)]
pub struct Chain {
    head: Head,
}

impl Default for Chain {
    fn default() -> Self {
        Self { head: Head::EMPTY }
    }
}

impl Chain {
    /// Checks that `record` is unchanged and follows the one pushed before.
    ///
    /// # Errors
    /// [`FirstBroken`]; what is pushed afterwards means nothing.
    pub fn push(&mut self, record: &Record) -> Result<(), FirstBroken> {
        let seq = self.next_seq();
        let broken = |why: &str| Err(FirstBroken { seq, why: why.to_owned() });
        if record.seq > seq {
            return broken("it is missing");
        }
        if record.seq < seq {
            return broken("another record stands in its place");
        }
        if record.prev != self.head.hash {
            return broken("it does not follow the record before it: one of the two was replaced");
        }
        if record.computed_hash() != record.hash {
            return broken("its content was changed");
        }
        self.head = record.head();
        Ok(())
    }

    /// The number that the next record must have.
    #[must_use]
    pub const fn next_seq(&self) -> u64 {
        self.head.seq + 1
    }

    /// Ends the check. `expected` is the chain's end as noted elsewhere, where it was noted.
    ///
    /// # Errors
    /// [`FirstBroken`] when records are missing at the end, or the last one was replaced.
    pub fn end(self, expected: Option<Head>) -> Result<Head, FirstBroken> {
        match expected {
            Some(expected) if expected.seq > self.head.seq => {
                Err(FirstBroken { seq: self.next_seq(), why: "it is missing".to_owned() })
            }
            Some(expected) if expected != self.head => {
                Err(FirstBroken { seq: self.head.seq, why: "the chain does not end as was noted".to_owned() })
            }
            _ => Ok(self.head),
        }
    }
}

/// Checks a whole chain from its first record; returns its end.
///
/// # Errors
/// [`FirstBroken`].
pub fn verify_chain<'a>(
    records: impl IntoIterator<Item = &'a Record>,
    expected: Option<Head>,
) -> Result<Head, FirstBroken> {
    let mut chain = Chain::default();
    for record in records {
        chain.push(record)?;
    }
    chain.end(expected)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Actor, Entry};
    use crate::model::{AuditOutcome, Sha256};
    use jiff::Timestamp;
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    fn entries() -> impl Strategy<Value = Entry> {
        let actor =
            (".{0,6}", any::<Option<u32>>(), any::<Option<u32>>(), "[a-z]{1,8}", proptest::option::of(".{0,4}"));
        let rest = (btree_map("[a-z]{1,4}", ".{0,6}", 0..3), ".{0,8}", 0..AuditOutcome::ALL.len());
        (0_i64..4_000_000_000_000, actor, "[a-z.]{1,8}", ".{0,8}", rest).prop_map(
            |(ms, (user, uid, login_uid, via, on_behalf_of), action, target, (parameters, reason, outcome))| Entry {
                time: Timestamp::from_millisecond(ms).unwrap(),
                actor: Actor { user, uid, login_uid, via, on_behalf_of },
                action,
                target,
                parameters,
                reason,
                outcome: AuditOutcome::ALL[outcome],
            },
        )
    }

    fn chained(entries: Vec<Entry>) -> Vec<Record> {
        let mut head = Head::EMPTY;
        let behind = |entry| {
            let record = Record::behind(head, entry);
            head = record.head();
            record
        };
        entries.into_iter().map(behind).collect()
    }

    fn chains() -> impl Strategy<Value = (Vec<Record>, usize)> {
        vec(entries(), 1..12).prop_flat_map(|e| (0..e.len(), Just(chained(e)))).prop_map(|(at, chain)| (chain, at))
    }

    /// Everything that one can change in a record.
    const CHANGES: &[fn(&mut Record)] = &[
        |r| r.seq += 1,
        |r| r.entry.time += jiff::SignedDuration::from_millis(1),
        |r| r.entry.actor.user.push('x'),
        |r| r.entry.actor.uid = Some(r.entry.actor.uid.map_or(0, |u| u ^ 1)),
        |r| r.entry.actor.login_uid = Some(r.entry.actor.login_uid.map_or(0, |u| u ^ 1)),
        |r| r.entry.actor.via.push('x'),
        |r| r.entry.actor.on_behalf_of.get_or_insert_default().push('x'),
        |r| r.entry.action.push('x'),
        |r| r.entry.target.push('x'),
        |r| drop(r.entry.parameters.insert("longer-than-any".to_owned(), String::new())),
        |r| r.entry.reason.push('x'),
        |r| r.entry.outcome = AuditOutcome::ALL[(r.entry.outcome as usize + 1) % AuditOutcome::ALL.len()],
        |r| r.prev.0[7] ^= 1,
        |r| r.hash.0[31] ^= 1,
    ];

    proptest! {
        #[test]
        fn an_untouched_chain_is_whole_and_survives_export((chain, _) in chains()) {
            let head = chain.last().unwrap().head();
            prop_assert_eq!(verify_chain(&chain, Some(head)), Ok(head));
            let exported: Vec<_> = chain.iter().map(|r| Record::parse_line(&r.to_line()).unwrap()).collect();
            prop_assert_eq!(exported, chain);
        }

        #[test]
        fn any_change_is_found_at_its_place((chain, at) in chains(), change in 0..CHANGES.len()) {
            let head = chain.last().unwrap().head();
            let mut changed = chain;
            CHANGES[change](&mut changed[at]);
            let broken = verify_chain(&changed, Some(head)).unwrap_err();
            prop_assert_eq!(broken.seq, at as u64 + 1);
        }

        #[test]
        fn a_change_that_is_hashed_anew_is_found_behind_it((chain, at) in chains(), change in 1..CHANGES.len() - 2) {
            let head = chain.last().unwrap().head();
            let mut changed = chain;
            CHANGES[change](&mut changed[at]);
            changed[at].hash = changed[at].computed_hash();
            prop_assert!(verify_chain(&changed, Some(head)).is_err());
        }

        #[test]
        fn any_removal_is_found((chain, at) in chains()) {
            let head = chain.last().unwrap().head();
            let mut shorter = chain;
            shorter.remove(at);
            let broken = verify_chain(&shorter, Some(head)).unwrap_err();
            prop_assert_eq!(broken.seq, at as u64 + 1);
        }

        #[test]
        fn any_swap_is_found((chain, at) in chains(), other in any::<prop::sample::Index>()) {
            let other = other.index(chain.len());
            prop_assume!(other != at);
            let head = chain.last().unwrap().head();
            let mut swapped = chain;
            swapped.swap(at, other);
            prop_assert_eq!(verify_chain(&swapped, Some(head)).unwrap_err().seq, at.min(other) as u64 + 1);
        }
    }

    #[test]
    fn a_chain_without_records_is_whole() {
        assert_eq!(verify_chain(&[], None), Ok(Head::EMPTY));
        let noted = Head { seq: 1, hash: Sha256::of(b"x") };
        assert_eq!(verify_chain(&[], Some(noted)).unwrap_err().seq, 1);
    }
}
