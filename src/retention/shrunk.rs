//! Is a backup far smaller than those before it? Then its source may have lost its data, and the older backups are the
//! ones that count.

use std::collections::BTreeMap;

/// What one source came to in one backup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Weight {
    /// Bytes of content.
    pub size_bytes: u64,
    /// Files and streams.
    pub files: u64,
    /// Rows per table, elements per collection.
    pub counts: BTreeMap<String, u64>,
}

/// What fell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shrunk {
    /// `bytes`, `files`, or the name of a count.
    pub what: String,
    /// How much there is in the newest.
    pub now: u64,
    /// How much is usual.
    pub usual: u64,
}

/// So many earlier backups say what is usual,
const LOOK_BACK: usize = 7;

/// and fewer than these say nothing.
const LEAST: usize = 3;

/// Of a few things half are quickly gone.
const FEW: u64 = 10;

/// What of the newest of `weights`, which come newest first, is less than half of what was usual: the median of those
/// before. When most of these are as small as the newest is, that has become usual.
#[must_use]
pub fn shrunk(weights: &[Weight]) -> Option<Shrunk> {
    let (newest, before) = weights.split_first()?;
    let before = &before[..before.len().min(LOOK_BACK)];
    if before.len() < LEAST {
        return None;
    }
    let fell = |what: &str, of: &dyn Fn(&Weight) -> u64| {
        let (now, usual) = (of(newest), median(before.iter().map(of)));
        (usual >= FEW && now < usual / 2).then(|| Shrunk { what: what.to_owned(), now, usual })
    };
    let count = |name: &String| {
        let of = |weight: &Weight| weight.counts.get(name).copied().unwrap_or(0);
        fell(name, &of)
    };
    let counts = before.iter().flat_map(|weight| weight.counts.keys()).find_map(count);
    fell("bytes", &|weight| weight.size_bytes).or_else(|| fell("files", &|weight| weight.files)).or(counts)
}

fn median(values: impl Iterator<Item = u64>) -> u64 {
    let mut values: Vec<u64> = values.collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weight(size_bytes: u64) -> Weight {
        Weight { size_bytes, files: 100, counts: BTreeMap::from([("patients".to_owned(), 40)]) }
    }

    fn what(weights: &[Weight]) -> Option<String> {
        shrunk(weights).map(|shrunk| format!("{} {} of {}", shrunk.what, shrunk.now, shrunk.usual))
    }

    #[test]
    fn less_than_half_of_the_usual_is_too_little() {
        let sized = |sizes: &[u64]| what(&sizes.iter().map(|size| weight(*size)).collect::<Vec<_>>());
        assert_eq!(sized(&[500, 1000, 1000, 1000]), None);
        assert_eq!(sized(&[499, 1000, 1000, 1000]).as_deref(), Some("bytes 499 of 1000"));
        assert_eq!(sized(&[499, 1000, 1000]), None, "nobody knows what is usual");
        // One odd one in between says nothing; when most are small, small is usual.
        assert_eq!(sized(&[999, 10, 1000, 1000, 1000]), None);
        assert_eq!(sized(&[400, 400, 400, 1000, 1000, 1000, 1000, 1000]).as_deref(), Some("bytes 400 of 1000"));
        assert_eq!(sized(&[400, 400, 400, 400, 400, 1000, 1000, 1000]), None);
        assert_eq!(sized(&[0, 9, 9, 9]), None, "a few");
    }

    #[test]
    fn files_and_each_count_are_looked_at_too() {
        let usual = vec![weight(1000); 4];
        let newest = |weight| what(&[vec![weight], usual.clone()].concat());
        assert_eq!(newest(Weight { files: 49, ..weight(1000) }).as_deref(), Some("files 49 of 100"));
        let emptied = Weight { counts: BTreeMap::new(), ..weight(1000) };
        assert_eq!(newest(emptied).as_deref(), Some("patients 0 of 40"));
    }
}
