//! What grows with the length of a log, kept in bounded room.

use std::collections::BTreeSet;

/// RTTs kept of one responder.
const MOST: usize = 4096;

/// RTTs in the order they were measured. Once there are too many, every second one is dropped and
/// from then on every second one is taken, so that what is kept stands evenly over the whole time.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    kept: Vec<f64>,
    every: u64,
    seen: u64,
}

impl Default for Sample {
    fn default() -> Self {
        Self { kept: Vec::new(), every: 1, seen: 0 }
    }
}

impl Sample {
    pub(crate) fn add(&mut self, rtt: f64) {
        if !rtt.is_finite() {
            return;
        }
        if self.seen.is_multiple_of(self.every) {
            if self.kept.len() == MOST {
                let mut at = 0;
                self.kept.retain(|_| {
                    at += 1;
                    at % 2 == 1
                });
                self.every *= 2;
            }
            if self.seen.is_multiple_of(self.every) {
                self.kept.push(rtt);
            }
        }
        self.seen += 1;
    }

    pub(crate) fn kept(&self) -> &[f64] {
        &self.kept
    }
}

/// How many different flows were met. Flows of one run of a prober keep their ids from round to
/// round; another run's flows are others, though they bear the same ids.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flows {
    run: u64,
    of_run: BTreeSet<u16>,
    before: u64,
}

impl Flows {
    pub(crate) fn add(&mut self, run: u64, flow: u16) {
        if self.run != run {
            self.before += self.of_run.len() as u64;
            self.of_run.clear();
            self.run = run;
        }
        self.of_run.insert(flow);
    }

    /// Whether a flow of the last run was met there too; of one run, that is.
    pub(crate) fn shares(&self, other: &Self) -> bool {
        self.run == other.run && !self.of_run.is_disjoint(&other.of_run)
    }

    pub(crate) fn count(&self) -> u64 {
        self.before + self.of_run.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_log_is_thinned_evenly() {
        let mut sample = Sample::default();
        (0..100_000).for_each(|n| sample.add(f64::from(n)));
        let kept = sample.kept();
        assert!((MOST / 2..=MOST).contains(&kept.len()), "{}", kept.len());
        let step = kept[1] - kept[0];
        assert!(kept.windows(2).all(|two| two[1] - two[0] == step));
        assert!(kept[0] == 0.0 && kept[kept.len() - 1] > 99_900.0);
    }

    #[test]
    fn flows_of_another_run_are_others() {
        let mut flows = Flows::default();
        for (run, flow) in [(1, 0), (1, 1), (1, 0), (2, 0)] {
            flows.add(run, flow);
        }
        assert_eq!(flows.count(), 3);
    }
}
