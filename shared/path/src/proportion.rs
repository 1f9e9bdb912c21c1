//! Proportions of few trials, such as lost probes: how far they can be trusted, and whether two
//! of them differ.

use crate::median::Z;

/// The Wilson score interval (Wilson 1927) of 95 %; all of it where there were no trials.
///
/// ```
/// let (low, high) = tm_path::proportion::wilson(1, 10);
/// assert!((low - 0.018).abs() < 0.001 && (high - 0.404).abs() < 0.001);
/// ```
pub fn wilson(hits: u64, trials: u64) -> (f64, f64) {
    if trials == 0 {
        return (0.0, 1.0);
    }
    let n = trials as f64;
    let share = hits.min(trials) as f64 / n;
    let middle = share + Z * Z / (2.0 * n);
    let spread = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    (((middle - spread) / scale).max(0.0), ((middle + spread) / scale).min(1.0))
}

/// More trials than these would take long and say no more.
const MOST_TRIALS: u64 = 100_000;

/// Fisher's exact test, two-sided: how likely two proportions differ at least as much by chance
/// (Fisher 1922). Hits beyond the trials count as all of them. Beyond a hundred thousand trials both
/// are taken for proportionally fewer, which makes chance no less likely.
///
/// ```
/// let p = tm_path::proportion::fisher((0, 10), (10, 10));
/// assert!(p < 0.0001);
/// assert_eq!(tm_path::proportion::fisher((0, 3), (0, 3)), 1.0);
/// ```
pub fn fisher((hits_a, trials_a): (u64, u64), (hits_b, trials_b): (u64, u64)) -> f64 {
    let scale = (trials_a.max(trials_b) / MOST_TRIALS).max(1);
    let (trials_a, trials_b) = (trials_a / scale, trials_b / scale);
    let (hits_a, hits_b) = ((hits_a / scale).min(trials_a), (hits_b / scale).min(trials_b));
    let hits = hits_a + hits_b;
    let fewest = hits.saturating_sub(trials_b);
    let most = hits.min(trials_a);
    let choose = |n: u64, k: u64| ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k);
    let all = choose(trials_a + trials_b, hits);
    let chance = |in_a: u64| (choose(trials_a, in_a) + choose(trials_b, hits - in_a) - all).exp();
    let seen = chance(hits_a) * (1.0 + 1e-7);
    // Chances fall on both sides of their peak, so each tail can stop where it adds nothing.
    let adds = |p: &f64| *p > seen * 1e-12;
    let outward = |side: &mut dyn Iterator<Item = u64>| -> f64 {
        side.map(chance).skip_while(|p| *p > seen).take_while(adds).sum()
    };
    let peak = ((trials_a + 1) * (hits + 1) / (trials_a + trials_b + 2)).clamp(fewest, most);
    let below = outward(&mut (fewest..peak).rev());
    let above = outward(&mut (peak..=most));
    (below + above).min(1.0)
}

/// ln n!, by Stirling's series from 16 on, where its error is below 1e-12.
fn ln_factorial(n: u64) -> f64 {
    if n < 16 {
        return (2..=n).map(|k| (k as f64).ln()).sum();
    }
    let x = n as f64 + 1.0;
    let series = 1.0 / (12.0 * x) - 1.0 / (360.0 * x.powi(3)) + 1.0 / (1260.0 * x.powi(5));
    (x - 0.5) * x.ln() - x + 0.5 * std::f64::consts::TAU.ln() + series
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_tables() {
        for (a, b, p) in [
            ((3, 4), (1, 4), 0.485_714), // the lady tasting tea, two-sided
            ((1, 10), (11, 14), 0.002_759),
            ((0, 3), (3, 3), 0.1),
            ((5, 100), (20, 100), 0.002_197),
        ] {
            assert!((fisher(a, b) - p).abs() < 2e-5, "{a:?} {b:?}: {}", fisher(a, b));
        }
    }

    #[test]
    fn nothing_tried_shows_nothing() {
        assert_eq!(fisher((0, 0), (3, 3)), 1.0);
        assert_eq!(wilson(0, 0), (0.0, 1.0));
    }

    #[test]
    fn many_trials_are_quick_and_sharp() {
        assert!(fisher((1000, 100_000), (1500, 100_000)) < 1e-15);
        assert!(fisher((1000, 100_000), (1010, 100_000)) > 0.5);
        let all = u64::MAX;
        assert!(fisher((0, all), (all, all)) < 1e-9 && fisher((all, all), (all, all)) > 0.99);
        assert!(fisher((all, 3), (0, all)) <= 1.0);
    }

    proptest! {
        #[test]
        fn a_chance_is_a_chance_and_has_no_sides(
            a in 0u64..60, more_a in 0u64..60, b in 0u64..60, more_b in 0u64..60,
        ) {
            let (a, b) = ((a, a + more_a), (b, b + more_b));
            let p = fisher(a, b);
            prop_assert!((0.0..=1.0).contains(&p), "{}", p);
            prop_assert!((p - fisher(b, a)).abs() < 1e-9);
            let (low, high) = wilson(a.0, a.1);
            prop_assert!((0.0..=1.0).contains(&low) && low <= high && high <= 1.0);
        }
    }
}
