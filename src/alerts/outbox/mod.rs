//! Delivers what waits in the outbox: at least once, and in an outage neither a hundred times nor all at once.
//!
//! - A way that is closed is tried once for all letters that wait for it, and later each time; when it is open again, all of
//!   them go at once.
//! - Of the stages of one alert that wait for the same recipient only the newest is sent; it says so.
//! - A letter that the other side took before the daemon could write that down is sent a second time after a crash, with
//!   the same Message-ID. Never within one life of the daemon.
//! - After three days a letter is given up, and what the catalog then knows becomes an alert.
//!
//! Called by the daemon's delivery.

mod backoff;
mod unit;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use self::backoff::{REJECTED_WAIT, is_given_up, wait_after};
use self::unit::{Unit, units};
use super::letter::{Channels, Letter, Undelivered, Way};
use crate::catalog::{Catalog, CatalogError, OutboxRow};
use crate::clock::Clock;

/// No more letters than these go one way in a minute: a flood of mails is read by nobody, and earns a place on a blocklist.
const PER_MINUTE: usize = 30;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// What is due within this goes along: letters that failed one behind the other need not each have a connection.
const ALONG: SignedDuration = SignedDuration::from_secs(15);

/// Delivers what waits in the outbox.
#[derive(Debug)]
pub struct Outbox {
    catalog: Catalog,
    clock: Clock,
    /// Another one in each daemon.
    seed: Uuid,
    memory: Mutex<Memory>,
}

/// What is only true while the daemon runs.
#[derive(Debug, Default)]
struct Memory {
    /// When the letters of the last minute went which way.
    sent: BTreeMap<Way, VecDeque<Timestamp>>,
    /// The ways that were open when they were last tried.
    open: BTreeSet<Way>,
    /// Rows that the other side took and that the catalog could not be told of.
    taken: BTreeSet<i64>,
}

impl Outbox {
    /// An outbox that has delivered nothing yet.
    #[must_use]
    pub fn new(catalog: Catalog, clock: Clock) -> Self {
        Self { catalog, clock, seed: Uuid::now_v7(), memory: Mutex::default() }
    }

    /// Delivers what is due; when it wants to be called next, or `None` when nothing waits. Blocks for as long as the
    /// servers take.
    ///
    /// # Errors
    /// [`CatalogError`]; call again in a minute.
    pub fn deliver_due(&self, channels: &dyn Channels) -> Result<Option<Timestamp>, CatalogError> {
        self.note_taken()?;
        let now = self.clock.now();
        let soon = now.saturating_add(ALONG).unwrap_or(now);
        let due: BTreeSet<i64> = self.catalog.due_notices(soon, u32::MAX)?.iter().map(|row| row.seq).collect();
        if due.is_empty() {
            return self.catalog.next_notice_at();
        }
        for (way, rows) in self.waiting()? {
            self.deliver_by(&way, rows, &due, channels)?;
        }
        let next = |(way, rows): (Way, Vec<OutboxRow>)| {
            let next = rows.iter().map(|row| row.next_attempt_at).min()?;
            Some(next.max(self.free_again_at(&way)))
        };
        Ok(self.waiting()?.into_iter().filter_map(next).min())
    }

    /// What waits, by the way that it is to go; the oldest first.
    fn waiting(&self) -> Result<BTreeMap<Way, Vec<OutboxRow>>, CatalogError> {
        let mut ways: BTreeMap<Way, Vec<OutboxRow>> = BTreeMap::new();
        for row in self.catalog.waiting_notices()? {
            ways.entry(Way::of(row.channel, &row.recipient)).or_default().push(row);
        }
        Ok(ways)
    }

    fn deliver_by(
        &self,
        way: &Way,
        rows: Vec<OutboxRow>,
        due: &BTreeSet<i64>,
        channels: &dyn Channels,
    ) -> Result<(), CatalogError> {
        let (units, unreadable) = units(rows);
        for seq in unreadable {
            self.catalog.notice_failed(seq, "what is stored cannot be read", None, self.clock.now())?;
        }
        let (now_due, later): (Vec<_>, Vec<_>) = units.into_iter().partition(|unit| unit.is_due(due));
        if now_due.is_empty() {
            return Ok(());
        }
        let was_open = self.memory().open.contains(way);
        let is_open = self.send(way, &now_due, &later, channels)?;
        if is_open && !was_open {
            // What waited only because the way was closed need not wait any longer.
            self.send(way, &later, &[], channels)?;
        }
        Ok(())
    }

    /// Sends the letters of `units`. Returns whether the way is open, which it is not known to be when nothing was sent.
    fn send(&self, way: &Way, units: &[Unit], later: &[Unit], channels: &dyn Channels) -> Result<bool, CatalogError> {
        let room = self.room(way);
        let letters: Vec<Letter> = units.iter().take(room).map(Unit::letter).collect();
        let mut is_open = false;
        let mut noted = Ok(());
        channels.deliver(way, &letters, &mut |index, answer| {
            let Some(unit) = units.get(index) else { return };
            if !matches!(answer, Err(Undelivered::Unreachable(_) | Undelivered::Gone)) {
                self.memory().sent.entry(way.clone()).or_default().push_back(self.clock.now());
                self.memory().open.insert(way.clone());
                is_open = true;
            }
            let done = match answer {
                Ok(answer) => self.delivered(way, unit, &answer),
                Err(Undelivered::Refused(why)) => self.put_off(way, unit, &why, None),
                Err(Undelivered::Rejected(why)) => self.put_off(way, unit, &why, Some(REJECTED_WAIT)),
                Err(Undelivered::Unreachable(why)) => {
                    is_open = false;
                    self.closed(way, units.get(index..).unwrap_or_default(), later, &why)
                }
                Err(Undelivered::Gone) => self.drop_all(way, units.iter().chain(later)),
            };
            // The first error tells; the rest of the letters are on their way already.
            if noted.is_ok() {
                noted = done;
            }
        });
        noted.map(|()| is_open)
    }

    fn delivered(&self, way: &Way, unit: &Unit, answer: &str) -> Result<(), CatalogError> {
        tracing::info!(channel = %way, "notice {} delivered: {answer}", unit.notice.id);
        self.memory().taken.extend(unit.seqs());
        self.note_taken_of(&unit.older(), unit.newest.seq)
    }

    /// Writes down what could not be written down before.
    fn note_taken(&self) -> Result<(), CatalogError> {
        let taken: Vec<i64> = self.memory().taken.iter().copied().collect();
        taken.into_iter().try_for_each(|seq| self.note_taken_of(&[], seq))
    }

    /// The older ones first: after a crash in between, the newest is sent once more, and not an old stage after it.
    fn note_taken_of(&self, older: &[i64], newest: i64) -> Result<(), CatalogError> {
        let now = self.clock.now();
        if !older.is_empty() {
            self.catalog.notices_superseded(older, now)?;
        }
        crate::failpoint::pass("outbox.taken").map_err(CatalogError::Injected)?;
        self.catalog.notice_delivered(newest, now)?;
        let mut memory = self.memory();
        for seq in older.iter().chain([&newest]) {
            memory.taken.remove(seq);
        }
        Ok(())
    }

    fn put_off(&self, way: &Way, unit: &Unit, why: &str, wait: Option<SignedDuration>) -> Result<(), CatalogError> {
        tracing::warn!(channel = %way, "notice {} not delivered: {why}", unit.notice.id);
        let now = self.clock.now();
        let wait = wait.unwrap_or_else(|| wait_after(unit.attempts(), self.seed));
        unit.rows().try_for_each(|row| self.failed(row, why, now, wait))
    }

    /// Puts off every letter that would be tried before the way is tried again, so that it is tried once for all of them.
    fn closed(&self, way: &Way, tried: &[Unit], later: &[Unit], why: &str) -> Result<(), CatalogError> {
        let now = self.clock.now();
        let attempts = tried.iter().map(Unit::attempts).max().unwrap_or_default();
        let wait = wait_after(attempts, self.seed);
        tracing::warn!(channel = %way, "{} notices wait: {why}", tried.len() + later.len());
        self.memory().open.remove(way);
        let again = now.saturating_add(wait).unwrap_or(now);
        let before_then = later.iter().filter(|unit| unit.newest.next_attempt_at <= again);
        tried.iter().chain(before_then).flat_map(Unit::rows).try_for_each(|row| self.failed(row, why, now, wait))
    }

    fn failed(&self, row: &OutboxRow, why: &str, now: Timestamp, wait: SignedDuration) -> Result<(), CatalogError> {
        if self.memory().taken.contains(&row.seq) {
            return Ok(());
        }
        let again = (!is_given_up(row, now)).then(|| now.saturating_add(wait).unwrap_or(now));
        if again.is_none() {
            tracing::error!(
                recipient = row.recipient,
                "a notice was given up after {} attempts: {why}",
                row.attempts + 1
            );
        }
        self.catalog.notice_failed(row.seq, why, again, now)
    }

    /// Somebody took the way out of the configuration, and with it what was to go there.
    fn drop_all<'u>(&self, way: &Way, units: impl Iterator<Item = &'u Unit>) -> Result<(), CatalogError> {
        let seqs: Vec<i64> = units.flat_map(Unit::seqs).collect();
        tracing::warn!("{} notices are not sent: {way} is not configured any more", seqs.len());
        self.catalog.notices_superseded(&seqs, self.clock.now())
    }

    /// How many letters may still go this way within this minute.
    fn room(&self, way: &Way) -> usize {
        let now = self.clock.now();
        let mut memory = self.memory();
        let Some(sent) = memory.sent.get_mut(way) else { return PER_MINUTE };
        // What lies ahead went out before somebody set the clock back.
        sent.retain(|at| *at <= now && now.duration_since(*at) < MINUTE);
        PER_MINUTE.saturating_sub(sent.len())
    }

    fn free_again_at(&self, way: &Way) -> Timestamp {
        let now = self.clock.now();
        if self.room(way) > 0 {
            return now;
        }
        let first = self.memory().sent.get(way).and_then(|sent| sent.front().copied()).unwrap_or(now);
        first.saturating_add(MINUTE).unwrap_or(now)
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
