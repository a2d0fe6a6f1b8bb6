//! Whether a source's newest backup is far smaller than what was usual.
//!
//! An import that emptied a table, a tree that was not mounted: each backup of it is a good backup of lost data. Whoever
//! removes older ones then removes the data, so this is asked before anything expires, and said aloud.

use std::collections::BTreeMap;

use jiff::Timestamp;

/// What was usual is the median of so many backups.
const LOOKED_AT: usize = 7;

/// With fewer before it nobody knows what is usual.
const FEWEST: usize = 3;

/// Below this a size says nothing; the counts do.
const SMALLEST_SIZE: u64 = 64 << 10;

/// Below this a count says nothing: a table of five rows may well lose three.
const SMALLEST_COUNT: u64 = 20;

/// What a backup holds of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    /// When the backup began.
    pub at: Timestamp,
    /// Bytes of content.
    pub size_bytes: u64,
    /// Rows per table, elements per top-level collection, files.
    pub counts: BTreeMap<String, u64>,
}

/// What fell far below what was usual.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fallen {
    /// `its size`, or the name of a count.
    pub what: String,
    /// What it usually is.
    pub usual: u64,
    /// What it is in the newest backup.
    pub now: u64,
    /// When the first backup began in which something had fallen.
    pub since: Timestamp,
}

/// What of the newest of `backups`, which are those of one source, the oldest first, is less than half of the median of the
/// usual ones before it. A backup that has fallen does not become usual by being followed by others like it, but by
/// somebody who `accepted` what there was at that moment.
#[must_use]
pub fn fallen(backups: &[Measured], accepted: Option<Timestamp>) -> Option<Fallen> {
    let accepted = accepted.unwrap_or(Timestamp::MIN);
    let before = backups.iter().take_while(|backup| backup.at <= accepted).count();
    // What was accepted is all that is known of what is usual.
    let (mut usual, fewest) = match before.checked_sub(1) {
        Some(last) => (vec![&backups[last]], 1),
        None => (Vec::new(), FEWEST),
    };
    let mut found: Option<Fallen> = None;
    for backup in &backups[before..] {
        let recent = &usual[usual.len().saturating_sub(LOOKED_AT)..];
        let fall = emptied(recent, backup).or_else(|| compared(recent, backup).filter(|_| recent.len() >= fewest));
        if fall.is_none() {
            usual.push(backup);
        }
        let since = found.as_ref().map_or(backup.at, |earlier| earlier.since);
        found = fall.map(|(what, usual, now)| Fallen { what, usual, now, since });
    }
    found
}

/// A source that held something and holds nothing has fallen, however little is known of what is usual.
fn emptied(usual: &[&Measured], backup: &Measured) -> Option<(String, u64, u64)> {
    // An empty tree still has its root.
    let is_nothing = |(name, count): (&String, &u64)| *count == 0 || name == "directories";
    let is_empty = |of: &Measured| of.size_bytes == 0 && of.counts.iter().all(is_nothing);
    let last = usual.last().filter(|last| last.size_bytes > 0 && is_empty(backup))?;
    Some(("its size".to_owned(), last.size_bytes, 0))
}

/// The worst fall of `backup` against the median of `usual`.
fn compared(usual: &[&Measured], backup: &Measured) -> Option<(String, u64, u64)> {
    let size =
        ("its size".to_owned(), median(usual.iter().map(|usual| usual.size_bytes)), backup.size_bytes, SMALLEST_SIZE);
    let names: std::collections::BTreeSet<&String> = usual.iter().flat_map(|usual| usual.counts.keys()).collect();
    let counts = names.into_iter().map(|name| {
        let of = |measured: &Measured| measured.counts.get(name).copied().unwrap_or(0);
        (name.clone(), median(usual.iter().map(|usual| of(usual))), of(backup), SMALLEST_COUNT)
    });
    // A count says more than a size.
    counts
        .chain([size])
        .filter(|(_, usual, now, smallest)| usual >= smallest && *now < usual.div_ceil(2))
        .map(|(what, usual, now, _)| (what, usual, now))
        .min_by(|(_, a_usual, a), (_, b_usual, b)| {
            (u128::from(*a) * u128::from(*b_usual)).cmp(&(u128::from(*b) * u128::from(*a_usual)))
        })
}

fn median(values: impl Iterator<Item = u64>) -> u64 {
    let mut values: Vec<u64> = values.collect();
    values.sort_unstable();
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(n: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + n * 86_400).unwrap()
    }

    /// A backup each day with so many patients.
    fn days(patients: &[u64]) -> Vec<Measured> {
        let measured = |(n, patients): (usize, &u64)| Measured {
            at: at(i64::try_from(n).unwrap()),
            size_bytes: patients * 100,
            counts: [("patients".to_owned(), *patients), ("doctors".to_owned(), 5)].into(),
        };
        patients.iter().enumerate().map(measured).collect()
    }

    #[test]
    fn what_falls_below_half_of_the_usual_is_found() {
        for (history, expected) in [
            (&[][..], None),
            (&[0], None),
            (&[100, 100, 0], None),
            (&[100, 100, 100, 50], None),
            (&[100, 100, 100, 49], Some((100, 49))),
            (&[100, 101, 99, 100, 0], Some((100, 0))),
            (&[1, 1, 1, 100, 100, 100, 100, 100, 100, 40], Some((100, 40))),
            (&[100, 80, 60, 45, 35, 30], None),
            (&[19, 19, 19, 0], None),
        ] {
            let found = fallen(&days(history), None);
            assert_eq!(found.as_ref().map(|fallen| (fallen.usual, fallen.now)), expected, "{history:?}");
        }
    }

    #[test]
    fn a_source_of_which_nothing_is_left_has_fallen_although_nobody_knows_what_is_usual() {
        let of_size = |n, size_bytes| Measured {
            at: at(n),
            size_bytes,
            counts: [("files".to_owned(), size_bytes), ("directories".to_owned(), 1)].into(),
        };
        let found = fallen(&[of_size(0, 40), of_size(1, 0), of_size(2, 0)], None).unwrap();
        assert_eq!((found.usual, found.now, found.since), (40, 0, at(1)));
        assert_eq!(fallen(&[of_size(0, 40), of_size(1, 0), of_size(2, 1)], None), None, "something is there again");
        assert_eq!(fallen(&[of_size(0, 0), of_size(1, 0)], None), None, "it never held anything");
    }

    #[test]
    fn it_lasts_however_many_like_it_follow_until_one_is_usual_again() {
        let mut history = vec![100, 100, 100];
        history.extend([3; 30]);
        let found = fallen(&days(&history), None).unwrap();
        assert_eq!((found.what.as_str(), found.usual, found.now, found.since), ("patients", 100, 3, at(3)));
        history.push(90);
        assert_eq!(fallen(&days(&history), None), None);
        history.push(2);
        assert_eq!(fallen(&days(&history), None).unwrap().since, at(34), "another fall");
    }

    #[test]
    fn what_was_accepted_is_what_is_usual_from_then_on() {
        let accepted = Some(at(4));
        let history = |later: &[u64]| days(&[&[1000, 1000, 1000, 300, 300], later].concat());
        assert_eq!(fallen(&history(&[]), accepted), None);
        assert_eq!(fallen(&history(&[300, 290, 310]), accepted), None);
        let again = fallen(&history(&[300, 100]), accepted).unwrap();
        assert_eq!((again.usual, again.now), (300, 100));
    }

    #[test]
    fn a_size_counts_where_nothing_is_counted_and_a_table_that_vanished_is_empty() {
        let of_size = |n, size_bytes| Measured { at: at(n), size_bytes, counts: BTreeMap::new() };
        let large: Vec<_> = (0..3).map(|n| of_size(n, 1 << 20)).collect();
        let found = fallen(&[&large[..], &[of_size(3, 1 << 10)]].concat(), None).unwrap();
        assert_eq!((found.what.as_str(), found.usual, found.now), ("its size", 1 << 20, 1 << 10));
        let gone = Measured { counts: BTreeMap::new(), size_bytes: 10_000, ..days(&[100, 100, 100, 100])[3].clone() };
        let found = fallen(&[&days(&[100, 100, 100])[..], &[gone]].concat(), None).unwrap();
        assert_eq!((found.what.as_str(), found.now), ("patients", 0));
    }
}
