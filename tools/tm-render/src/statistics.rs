//! Running statistics over any number of RTTs, in memory that does not grow.

use std::collections::VecDeque;

use tm_schema::Rtt;

/// RTTs kept for the median.
const RECENT: usize = 100;

/// Statistics of RTTs in the order they came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Statistics {
    pub(crate) count: u64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) mean: f64,
    pub(crate) last: f64,
    /// Sum of squared distances from the mean (Welford).
    squares: f64,
    steps: f64,
    recent: VecDeque<f64>,
}

impl Statistics {
    pub(crate) fn add(&mut self, rtt: f64) {
        if self.count == 0 {
            (self.min, self.max) = (rtt, rtt);
        } else {
            self.steps += (rtt - self.last).abs();
        }
        self.count += 1;
        self.min = self.min.min(rtt);
        self.max = self.max.max(rtt);
        let distance = rtt - self.mean;
        self.mean += distance / self.count as f64;
        self.squares += distance * (rtt - self.mean);
        self.last = rtt;
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(rtt);
    }

    pub(crate) fn stddev(&self) -> f64 {
        if self.count < 2 { 0.0 } else { (self.squares / (self.count - 1) as f64).sqrt() }
    }

    /// Mean absolute difference of consecutive RTTs.
    pub(crate) fn jitter(&self) -> f64 {
        if self.count < 2 { 0.0 } else { self.steps / (self.count - 1) as f64 }
    }

    /// Median of the last hundred.
    pub(crate) fn median(&self) -> f64 {
        let recent: Vec<f64> = self.recent.iter().copied().collect();
        Rtt::of(&recent).map_or(0.0, |rtt| rtt.median)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_statistics_are_those_of_the_whole() {
        let rtts = [10.0, 30.0, 20.0, 25.0];
        let mut running = Statistics::default();
        for rtt in rtts {
            running.add(rtt);
        }
        let whole = Rtt::of(&rtts).unwrap();
        assert_eq!(
            (running.min, running.max, running.mean, running.median()),
            (whole.min, whole.max, whole.avg, whole.median)
        );
        assert!((running.stddev() - whole.stddev).abs() < 1e-4);
        assert!((running.jitter() - whole.jitter).abs() < 1e-4);
    }
}
