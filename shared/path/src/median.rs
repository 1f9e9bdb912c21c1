//! The median of few and noisy RTTs, and how far it can be trusted.
//!
//! The interval is that of Fontugne, Pelsser, Aben and Bush, "Pinpointing Delay and Forwarding
//! Anomalies Using Large-Scale Traceroute Measurements" (IMC 2017): the Wilson score (Wilson 1927)
//! of the proportion one half gives two ranks, and the order statistics of those ranks bound the
//! median. It assumes no distribution, and single outliers do not move it. Two medians differ
//! where their intervals do not overlap.

/// The 97.5 % quantile of the normal distribution: intervals hold with 95 %.
pub(crate) const Z: f64 = 1.959_964;

/// Fewer values than these bound no median with 95 %: even the least and the greatest of five
/// miss it once in sixteen times.
pub const ENOUGH: usize = 6;

/// A median and its interval of 95 %; of fewer than [`ENOUGH`] values, the least and the greatest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Median {
    /// Lower end of the interval.
    pub low: f64,
    /// The median; the mean of the middle two of an even count.
    pub median: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// How many values there are.
    pub count: usize,
}

impl Median {
    /// Of values in any order; `None` of none.
    ///
    /// ```
    /// use tm_path::median::Median;
    /// let rtts: Vec<f64> = (1..=20).map(f64::from).collect();
    /// let median = Median::of(&rtts).unwrap();
    /// assert_eq!((median.low, median.median, median.high), (5.0, 10.5, 16.0));
    /// ```
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let count = sorted.len();
        let last = count.checked_sub(1)?;
        let lower = lowest_rank(count) - 1;
        let at = |index: usize| sorted.get(index).copied();
        Some(Self {
            low: at(lower)?,
            median: f64::midpoint(at(last / 2)?, at(count / 2)?),
            high: at(last - lower)?,
            count,
        })
    }

    /// Whether the intervals have nothing in common.
    pub fn is_apart_from(&self, other: &Self) -> bool {
        self.high < other.low || other.high < self.low
    }

    /// The interval holds with 95 %.
    pub fn is_bounded(&self) -> bool {
        self.count >= ENOUGH
    }
}

/// The rank, from 1, of the lower end: `n` times the lower Wilson score of one half, rounded down.
fn lowest_rank(count: usize) -> usize {
    let n = count as f64;
    let spread = Z * (0.25 / n + Z * Z / (4.0 * n * n)).sqrt() / (1.0 + Z * Z / n);
    ((n * (0.5 - spread)) as usize).max(1)
}

/// How likely all of `few` values lie beyond all but `beyond` of `many` others, if nothing tells
/// the two apart: of all ways to choose who is who among the values, the part that looks so.
///
/// ```
/// use tm_path::median::chance_beyond;
/// assert!((chance_beyond(3, 3, 0) - 0.05).abs() < 1e-12); // one of 20 ways
/// assert!((chance_beyond(1, 9, 9) - 1.0).abs() < 1e-12);
/// ```
pub fn chance_beyond(few: usize, many: usize, beyond: usize) -> f64 {
    (1..=few).map(|k| (beyond.min(many) + k) as f64 / (many + k) as f64).product()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The chance that fewer than `rank` of `n` values lie below the median.
    fn tail(n: usize, rank: usize) -> f64 {
        let mut term = 0.5_f64.powi(n as i32);
        let mut sum = 0.0;
        for k in 0..rank {
            sum += term;
            term *= (n - k) as f64 / (k + 1) as f64;
        }
        sum
    }

    #[test]
    fn the_interval_covers_the_median_with_95_percent_from_six_values_on() {
        for n in ENOUGH..=900 {
            let covered = 1.0 - 2.0 * tail(n, lowest_rank(n));
            assert!(covered >= 0.95, "{n} values: {covered}");
            assert!(n < 30 || covered < 0.985, "{n} values: {covered}, wider than need be");
        }
        let of_five = 1.0 - 2.0 * tail(ENOUGH - 1, lowest_rank(ENOUGH - 1));
        assert!(of_five < 0.95, "five are not enough: {of_five}");
    }

    #[test]
    fn one_outlier_moves_nothing() {
        let mut rtts: Vec<f64> = (0..15).map(|n| 10.0 + f64::from(n) * 0.01).collect();
        let quiet = Median::of(&rtts).unwrap();
        rtts[14] = 900.0;
        assert_eq!(Median::of(&rtts).unwrap(), quiet);
    }

    #[test]
    fn few_values_have_their_extremes_and_none_have_nothing() {
        let of_three = Median::of(&[3.0, 1.0, 2.0]).unwrap();
        assert_eq!((of_three.low, of_three.median, of_three.high), (1.0, 2.0, 3.0));
        assert!(!of_three.is_bounded());
        assert_eq!(Median::of(&[]), None);
        assert_eq!(Median::of(&[5.0]).unwrap().median, 5.0);
    }

    #[test]
    fn few_values_beyond_many() {
        assert!((chance_beyond(1, 1, 0) - 0.5).abs() < 1e-12);
        assert!((chance_beyond(3, 5, 0) - 1.0 / 56.0).abs() < 1e-12);
        assert!((chance_beyond(5, 3, 0) - chance_beyond(3, 5, 0)).abs() < 1e-12);
        // Three values in the upper twentieth of a thousand.
        assert!((chance_beyond(3, 1000, 50) - 0.05_f64.powi(3)).abs() < 2e-5);
    }
}
