//! One record, its canonical line and its hash.

use std::collections::BTreeMap;
use std::fmt::Display;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{AuditOutcome, Requester, Sha256};

/// Who did something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Actor {
    /// Name of the user, or `uid:N`; `carelogd` for the daemon itself.
    pub user: String,
    /// The user that the kernel reported; `None` for the daemon itself.
    pub uid: Option<u32>,
    /// The user that logged in, so that sudo does not hide who it was; `None` where there was no login.
    pub login_uid: Option<u32>,
    /// `socket`, `schedule`, `recovery`, `restore`, `queue`.
    pub via: String,
    /// The person in whose name a gateway asked.
    pub on_behalf_of: Option<String>,
}

impl Actor {
    /// The daemon itself.
    #[must_use]
    pub fn daemon(via: &str) -> Self {
        Self::of(&Requester::daemon(via), None)
    }

    /// `requester`, who logged in as `login_uid`.
    #[must_use]
    pub fn of(requester: &Requester, login_uid: Option<u32>) -> Self {
        Self {
            user: requester.user.clone(),
            uid: requester.uid,
            login_uid,
            via: requester.via.clone(),
            on_behalf_of: requester.on_behalf_of.clone(),
        }
    }
}

/// What happened, before it has its place in the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When; whole milliseconds count.
    pub time: Timestamp,
    /// Who did it or was refused.
    pub actor: Actor,
    /// What was done, for example `backup.delete`.
    pub action: String,
    /// To what: an id or a name; empty when it concerns the whole.
    pub target: String,
    /// With which parameters.
    pub parameters: BTreeMap<String, String>,
    /// Why, as the person wrote it, or as the program found it.
    pub reason: String,
    /// What became of it.
    pub outcome: AuditOutcome,
}

impl Entry {
    /// An action that was done, without parameters or reason.
    #[must_use]
    pub fn new(time: Timestamp, actor: Actor, action: &str, target: impl Display) -> Self {
        Self {
            time,
            actor,
            action: action.to_owned(),
            target: target.to_string(),
            parameters: BTreeMap::new(),
            reason: String::new(),
            outcome: AuditOutcome::Done,
        }
    }

    /// The same with one more parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Display) -> Self {
        self.parameters.insert(name.to_owned(), value.to_string());
        self
    }

    /// The same with a reason.
    #[must_use]
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = reason.into();
        self
    }

    /// The same with another outcome.
    #[must_use]
    pub fn ended(mut self, outcome: AuditOutcome) -> Self {
        self.outcome = outcome;
        self
    }
}

/// The end of a chain: what the next record builds on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Number of the last record; 0 when there is none.
    pub seq: u64,
    /// Its hash; zeros when there is none.
    pub hash: Sha256,
}

impl Head {
    /// The end of a chain without records.
    pub const EMPTY: Self = Self { seq: 0, hash: Sha256([0; 32]) };
}

/// An entry in its place in the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its number, from 1 without gaps.
    pub seq: u64,
    /// What happened.
    pub entry: Entry,
    /// Hash of the record before it.
    pub prev: Sha256,
    /// SHA-256 of its canonical line.
    pub hash: Sha256,
}

/// A line that is no record, or not in the canonical form.
#[derive(Debug, thiserror::Error)]
pub enum BadLine {
    /// It does not have a record's fields.
    #[error("not an audit record: {0}")]
    NotARecord(#[from] serde_json::Error),
    /// It says what a record says in another way: somebody wrote it anew.
    #[error("not in canonical form: the line was changed after it was written")]
    NotCanonical,
}

impl Record {
    /// Puts `entry` behind `head`.
    #[must_use]
    pub fn behind(head: Head, entry: Entry) -> Self {
        let mut record = Self { seq: head.seq + 1, entry, prev: head.hash, hash: Head::EMPTY.hash };
        record.hash = record.computed_hash();
        record
    }

    /// The hash that the record's content has, whatever it claims.
    #[must_use]
    pub fn computed_hash(&self) -> Sha256 {
        Sha256::of(self.line(None).as_bytes())
    }

    /// The chain's end if this is its last record.
    #[must_use]
    pub const fn head(&self) -> Head {
        Head { seq: self.seq, hash: self.hash }
    }

    /// The exported line, without a line end.
    #[must_use]
    pub fn to_line(&self) -> String {
        self.line(Some(self.hash))
    }

    /// Reads an exported line.
    ///
    /// # Errors
    /// [`BadLine`].
    pub fn parse_line(line: &str) -> Result<Self, BadLine> {
        let parsed: Line = serde_json::from_str(line)?;
        let record = Self {
            seq: parsed.seq,
            entry: Entry {
                time: parsed.time.parse().map_err(|_| BadLine::NotCanonical)?,
                actor: parsed.actor,
                action: parsed.action,
                target: parsed.target,
                parameters: parsed.parameters,
                reason: parsed.reason,
                outcome: parsed.outcome,
            },
            prev: parsed.prev,
            hash: parsed.hash.ok_or(BadLine::NotCanonical)?,
        };
        if record.to_line() == line { Ok(record) } else { Err(BadLine::NotCanonical) }
    }

    fn line(&self, hash: Option<Sha256>) -> String {
        let entry = self.entry.clone();
        let line = Line {
            seq: self.seq,
            time: format!("{:.3}", entry.time),
            actor: entry.actor,
            action: entry.action,
            target: entry.target,
            parameters: entry.parameters,
            reason: entry.reason,
            outcome: entry.outcome,
            prev: self.prev,
            hash,
        };
        // Texts, numbers and text-keyed maps always serialize.
        serde_json::to_string(&line).unwrap_or_default()
    }
}

/// The canonical line. The order of the fields is part of the format.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    seq: u64,
    time: String,
    actor: Actor,
    action: String,
    target: String,
    parameters: BTreeMap<String, String>,
    reason: String,
    outcome: AuditOutcome,
    prev: Sha256,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hash: Option<Sha256>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry::new("2025-10-29T14:30:00.1239Z".parse().unwrap(), Actor::daemon("queue"), "job.end", "42")
            .with("b", 2)
            .with("a", "x\"\n")
            .because("done")
    }

    #[test]
    fn the_canonical_line_is_fixed() {
        let record = Record::behind(Head::EMPTY, entry());
        assert_eq!(
            record.line(None),
            concat!(
                r#"{"seq":1,"time":"2025-10-29T14:30:00.123Z","actor":{"user":"carelogd","uid":null,"login_uid":null,"#,
                r#""via":"queue","on_behalf_of":null},"action":"job.end","target":"42","#,
                r#""parameters":{"a":"x\"\n","b":"2"},"reason":"done","outcome":"done","#,
                r#""prev":"0000000000000000000000000000000000000000000000000000000000000000"}"#
            )
        );
        assert_eq!(record.hash.to_string(), "c398ee64b3d5a9ca6f2979d8c5649bf63f7f333233b71bab34567222b30dafd0");
    }

    #[test]
    fn an_exported_line_reads_back_and_any_other_spelling_is_refused() {
        let record = Record::behind(Head::EMPTY, entry());
        let line = record.to_line();
        let read = Record::parse_line(&line).unwrap();
        assert_eq!((read.hash, read.computed_hash()), (record.hash, record.hash));
        for (from, to) in [
            ("\"seq\":1", "\"seq\": 1"),
            ("00.123Z", "00.1230Z"),
            ("\"a\":", "\"c\":\"\",\"a\":"),
            ("\"reason\"", "\"extra\":1,\"reason\""),
        ] {
            let changed = line.replacen(from, to, 1);
            assert_ne!(changed, line);
            Record::parse_line(&changed).unwrap_err();
        }
    }
}
