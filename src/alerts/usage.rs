//! When the store is full, if it goes on growing as it does.

/// With fewer days nobody knows how fast it grows.
const FEWEST: usize = 3;

/// Days until `free_bytes` are used up, by a straight line through `days` (days before now, bytes): what is new minus what
/// expired. `None` when it does not grow, or too little is known.
pub(super) fn days_until_full(days: &[(i64, u64)], free_bytes: u64) -> Option<u64> {
    if days.len() < FEWEST {
        return None;
    }
    let per_day = slope(days);
    // Less than this is a century or more.
    if per_day < 1.0 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "saturates, which is what is meant")]
    #[expect(clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "not negative, and a day is exact enough")]
    let days = (free_bytes as f64 / per_day) as u64;
    (days < 36_500).then_some(days)
}

/// Bytes per day, by least squares.
#[expect(clippy::cast_precision_loss, reason = "a byte in a terabyte does not count here")]
fn slope(days: &[(i64, u64)]) -> f64 {
    let count = days.len() as f64;
    let points = || days.iter().map(|(day, bytes)| (*day as f64, *bytes as f64));
    let (mean_day, mean_bytes) =
        points().fold((0.0, 0.0), |sum, point| (sum.0 + point.0 / count, sum.1 + point.1 / count));
    let (over, under) = points().fold((0.0, 0.0), |sum, (day, bytes)| {
        let (day, bytes) = (day - mean_day, bytes - mean_bytes);
        (day.mul_add(bytes, sum.0), day.mul_add(day, sum.1))
    });
    if under > 0.0 { over / under } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_of_the_last_weeks_says_when() {
        let growing: Vec<(i64, u64)> =
            (-9..=0).map(|day| (day, u64::try_from(1000 + 10 * (day + 9)).unwrap())).collect();
        assert_eq!(days_until_full(&growing, 1000), Some(100));
        assert_eq!(days_until_full(&growing, 0), Some(0));
        assert_eq!(days_until_full(&growing[..2], 1000), None, "two days tell nothing");
        assert_eq!(days_until_full(&[(-2, 5), (-1, 5), (0, 5)], 1000), None, "it does not grow");
        assert_eq!(days_until_full(&[(-2, 9), (-1, 7), (0, 5)], 1000), None, "it shrinks");
        assert_eq!(days_until_full(&growing, u64::MAX), None, "not in a century");
    }

    #[test]
    fn a_day_on_which_much_expired_does_not_turn_the_rate() {
        let mut days: Vec<(i64, u64)> =
            (-20..=0).map(|day| (day, u64::try_from(10_000 + 100 * (day + 20)).unwrap())).collect();
        days[10].1 -= 500;
        let until = days_until_full(&days, 10_000).unwrap();
        assert!((95..=105).contains(&until), "{until}");
    }
}
