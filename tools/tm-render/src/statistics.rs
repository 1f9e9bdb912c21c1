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
    /// The last RTT, where single ones are known.
    pub(crate) last: Option<f64>,
    /// Sum of squared distances from the mean (Welford).
    squares: f64,
    steps: f64,
    recent: VecDeque<f64>,
    /// Some of it came as a summary that does not say how far the RTTs spread …
    spread_unknown: bool,
    /// … or as any summary: the order of the RTTs, and their median, are not known.
    order_unknown: bool,
}

impl Statistics {
    pub(crate) fn add(&mut self, rtt: f64) {
        self.widen(rtt, rtt);
        self.steps += self.last.map_or(0.0, |last| (rtt - last).abs());
        self.count += 1;
        let distance = rtt - self.mean;
        self.mean += distance / self.count as f64;
        self.squares += distance * (rtt - self.mean);
        self.last = Some(rtt);
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(rtt);
    }

    /// Adds `count` RTTs of which only the statistics are known.
    pub(crate) fn add_summary(&mut self, rtt: &Rtt, count: u32) {
        let count = u64::from(count.max(1));
        self.widen(rtt.min, rtt.max);
        let (old, new) = (self.count as f64, count as f64);
        let distance = rtt.avg - self.mean;
        self.count += count;
        self.mean += distance * new / self.count as f64;
        self.squares += rtt.stddev.unwrap_or(0.0).powi(2) * (new - 1.0)
            + distance.powi(2) * old * new / self.count as f64;
        self.spread_unknown |= rtt.stddev.is_none();
        self.order_unknown |= count > 1 || self.count > count;
    }

    fn widen(&mut self, min: f64, max: f64) {
        if self.count == 0 {
            (self.min, self.max) = (min, max);
        } else {
            self.min = self.min.min(min);
            self.max = self.max.max(max);
        }
    }

    /// `None`: not known; one RTT has none.
    pub(crate) fn stddev(&self) -> Option<f64> {
        let is_known = self.count > 1 && !self.spread_unknown;
        is_known.then(|| (self.squares / (self.count - 1) as f64).sqrt())
    }

    /// Mean absolute difference of consecutive RTTs; `None`: not known; one RTT has none.
    pub(crate) fn jitter(&self) -> Option<f64> {
        let is_known = self.count > 1 && !self.order_unknown;
        is_known.then(|| self.steps / (self.count - 1) as f64)
    }

    /// Median of the last hundred.
    pub(crate) fn median(&self) -> Option<f64> {
        let recent: Vec<f64> = self.recent.iter().copied().collect();
        Rtt::of(&recent).filter(|_| !self.order_unknown)?.median
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
        assert!((running.stddev().unwrap() - whole.stddev.unwrap()).abs() < 1e-4);
        assert!((running.jitter().unwrap() - whole.jitter.unwrap()).abs() < 1e-4);
    }

    #[test]
    fn summaries_join_and_what_they_do_not_say_stays_unknown() {
        let (first, second) = ([10.0, 30.0], [20.0, 25.0, 60.0]);
        let mut joined = Statistics::default();
        joined.add_summary(&Rtt::of(&first).unwrap(), 2);
        joined.add_summary(&Rtt::of(&second).unwrap(), 3);
        let whole = Rtt::of(&[first.as_slice(), &second].concat()).unwrap();
        assert_eq!((joined.min, joined.max, joined.count), (whole.min, whole.max, 5));
        assert!((joined.mean - whole.avg).abs() < 1e-4);
        assert!((joined.stddev().unwrap() - whole.stddev.unwrap()).abs() < 1e-3);
        assert_eq!((joined.median(), joined.jitter(), joined.last), (None, None, None));
    }
}
