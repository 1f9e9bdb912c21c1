//! When enough flows have been sent: the stopping points of the Multipath Detection Algorithm
//! (Augustin, Friedman, Teixeira 2007; Veitch et al. 2009), computed from the failure bound.
//!
//! Whoever has seen `k` branches goes on until `k + 1` equally likely ones would all have been
//! seen, but for the bound. The bound is that of the whole graph: the balancers found, and one that
//! was not, share it evenly. On a path without balancers the points are the published ones.

use std::collections::HashMap;

use super::FLOWS;

/// How sure to be that no branch of any load balancer was missed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Confidence {
    percent: f64,
    per_balancer: bool,
}

impl Confidence {
    /// `percent` from 50 to 99.999.
    pub fn percent(percent: f64) -> Option<Self> {
        (50.0..=99.999).contains(&percent).then_some(Self { percent, per_balancer: false })
    }

    /// The same of each load balancer by itself, as the algorithm was published first: fewer
    /// probes, and the more balancers the likelier a miss.
    #[must_use]
    pub fn per_balancer(self) -> Self {
        Self { per_balancer: true, ..self }
    }

    /// It is promised of each load balancer, not of all of them together.
    pub fn is_per_balancer(self) -> bool {
        self.per_balancer
    }

    /// In percent.
    pub fn as_percent(self) -> f64 {
        self.percent
    }

    /// The most likely that a branch may be missed.
    pub fn failure_bound(self) -> f64 {
        1.0 - self.percent / 100.0
    }
}

impl Default for Confidence {
    fn default() -> Self {
        Self { percent: 95.0, per_balancer: false }
    }
}

/// The stopping points of a failure bound and its shares, computed as they are needed.
#[derive(Clone, Debug)]
pub struct Stopping {
    bound: f64,
    /// By branches and shares: probes that show all branches, but for a share of the bound.
    points: HashMap<(usize, usize), usize>,
}

impl Stopping {
    /// The points for a confidence.
    pub fn new(confidence: Confidence) -> Self {
        Self { bound: confidence.failure_bound(), points: HashMap::new() }
    }

    /// After how many probes to stop, having seen `branches` branches, where the bound is shared
    /// by `shares` balancers; one more than there are flows where they are too few.
    pub fn after(&mut self, branches: usize, shares: usize) -> usize {
        let bound = self.bound / shares.max(1) as f64;
        *self.points.entry((branches + 1, shares)).or_insert_with(|| point(branches + 1, bound))
    }

    /// Equal outcomes in a row that a choice among `branches` at random would hardly give.
    pub fn repetitions(&self, branches: usize) -> usize {
        let each = (branches.max(2) as f64).ln();
        ((-self.bound.ln() / each).ceil() as usize).max(1)
    }
}

fn point(branches: usize, bound: f64) -> usize {
    let mut urn = Urn::new(branches);
    while urn.missing() > bound && urn.draws <= usize::from(FLOWS) {
        urn.draw();
    }
    urn.draws
}

/// How likely `probes` probes miss one of `branches` equally likely branches.
pub fn miss(branches: usize, probes: usize) -> f64 {
    let mut urn = Urn::new(branches);
    for _ in 0..probes {
        urn.draw();
    }
    urn.missing()
}

/// Draws with replacement from equally likely kinds. Sums of terms of one sign only, so that
/// nothing cancels.
struct Urn {
    /// At `n`: the probability that `n` kinds have been seen.
    seen: Vec<f64>,
    draws: usize,
}

impl Urn {
    fn new(kinds: usize) -> Self {
        let mut seen = vec![0.0; kinds + 1];
        if let Some(none) = seen.first_mut() {
            *none = 1.0;
        }
        Self { seen, draws: 0 }
    }

    fn draw(&mut self) {
        let kinds = (self.seen.len() - 1) as f64;
        let mut fewer = 0.0;
        for (count, probability) in self.seen.iter_mut().enumerate() {
            let stay = *probability * count as f64 / kinds;
            let leave = *probability - stay;
            *probability = stay + fewer;
            fewer = leave;
        }
        self.draws += 1;
    }

    fn missing(&self) -> f64 {
        self.seen.split_last().map_or(0.0, |(_, some_missing)| some_missing.iter().sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_points_are_the_published_ones() {
        let mut points = Stopping::new(Confidence::percent(95.0).unwrap());
        let computed: Vec<usize> = (1..=16).map(|branches| points.after(branches, 1)).collect();
        let published = [6, 11, 16, 21, 27, 33, 38, 44, 51, 57, 63, 70, 76, 83, 90, 96];
        assert_eq!(computed, published);
        let mut points = Stopping::new(Confidence::percent(99.0).unwrap());
        let computed: Vec<usize> = (1..=8).map(|branches| points.after(branches, 1)).collect();
        assert_eq!(computed, [8, 15, 21, 28, 36, 43, 51, 58]);
    }

    #[test]
    fn a_point_keeps_the_bound_and_one_probe_less_does_not() {
        for percent in [95.0, 99.0] {
            let confidence = Confidence::percent(percent).unwrap();
            let mut points = Stopping::new(confidence);
            for branches in [1, 2, 7, 40, 128] {
                let point = points.after(branches, 1);
                assert!(miss(branches + 1, point) <= confidence.failure_bound());
                assert!(miss(branches + 1, point - 1) > confidence.failure_bound());
            }
        }
    }

    #[test]
    fn repetitions_are_as_many_as_chance_needs() {
        let points = Stopping::new(Confidence::default());
        assert_eq!(
            (points.repetitions(2), points.repetitions(4), points.repetitions(64)),
            (5, 3, 1)
        );
    }

    #[test]
    fn a_confidence_is_a_percentage_that_can_be_had() {
        assert!(
            [0.0, 100.0, -1.0, f64::NAN, 49.0].iter().all(|&p| Confidence::percent(p).is_none())
        );
    }
}
