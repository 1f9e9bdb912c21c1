//! What a responder did in the last rounds, and drawing it as a line of blocks.

use std::collections::VecDeque;

use crate::symbols::Symbols;

/// Rounds that are remembered.
const LONGEST: usize = 120;

/// The last rounds of a responder, the newest last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trail {
    rounds: VecDeque<Sample>,
    /// The round of the newest sample.
    trace_id: String,
}

/// One round of a responder.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sample {
    /// Median RTT in milliseconds; `None`: it did not answer.
    pub(crate) rtt: Option<f32>,
    /// At least one probe at its TTL was not answered.
    pub(crate) lossy: bool,
}

impl Trail {
    /// It answered in a round.
    pub(crate) fn answer(&mut self, trace_id: &str, rtt: Option<f64>, lossy: bool) {
        let sample = self.round(trace_id);
        sample.rtt = rtt.map(|rtt| rtt as f32).or(sample.rtt);
        sample.lossy |= lossy;
    }

    /// Probes at its TTL were lost in a round; `all`: nobody answered any.
    pub(crate) fn lose(&mut self, trace_id: &str, all: bool) {
        let is_known = self.trace_id == trace_id;
        if all || is_known {
            self.round(trace_id).lossy = true;
        }
    }

    fn round(&mut self, trace_id: &str) -> &mut Sample {
        if self.trace_id != trace_id || self.rounds.is_empty() {
            if self.rounds.len() == LONGEST {
                self.rounds.pop_front();
            }
            trace_id.clone_into(&mut self.trace_id);
            return self.rounds.push_back_mut(Sample::default());
        }
        let newest = self.rounds.len() - 1;
        #[allow(clippy::indexing_slicing)] // it is not empty
        &mut self.rounds[newest]
    }

    /// How many rounds are remembered.
    pub(crate) fn len(&self) -> usize {
        self.rounds.len()
    }

    /// The newest `columns` rounds, a character each: its height is the RTT between the least and
    /// the greatest shown; a cross where nobody answered.
    pub(crate) fn draw(&self, columns: usize, symbols: Symbols) -> String {
        let shown = self.rounds.iter().skip(self.rounds.len().saturating_sub(columns));
        let rtts = || shown.clone().filter_map(|sample| sample.rtt);
        let (least, most) = (rtts().fold(f32::INFINITY, f32::min), rtts().fold(0.0, f32::max));
        // Differences too small to matter are drawn flat.
        let span = (most - least).max(most * 0.1).max(0.5);
        let height = |rtt: f32| ((rtt - least) / span * 7.0).round().clamp(0.0, 7.0) as usize;
        shown.map(|sample| symbols.bar(sample.rtt.map(height))).collect()
    }

    /// The newest `columns` rounds: a cross where every probe was lost, a stroke where some were.
    pub(crate) fn draw_losses(&self, columns: usize, symbols: Symbols) -> String {
        let shown = self.rounds.iter().skip(self.rounds.len().saturating_sub(columns));
        shown.map(|sample| symbols.lost(sample.rtt.is_some(), sample.lossy)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heights_follow_the_rtt_and_silence_is_a_cross() {
        let mut trail = Trail::default();
        for (round, rtt) in [Some(10.0), Some(20.0), None, Some(15.0)].into_iter().enumerate() {
            match rtt {
                Some(rtt) => trail.answer(&round.to_string(), Some(rtt), false),
                None => trail.lose(&round.to_string(), true),
            }
        }
        assert_eq!(trail.draw(10, Symbols::Unicode), "▁█×▅");
        trail.lose("3", false);
        assert_eq!(trail.draw_losses(10, Symbols::Unicode), "··×/");
        assert_eq!(trail.draw_losses(2, Symbols::Ascii), "x/");
        assert_eq!(trail.draw(2, Symbols::Ascii).len(), 2);
        assert_eq!(trail.draw(0, Symbols::Unicode), "");
    }

    #[test]
    fn a_round_counts_once_and_old_ones_are_forgotten() {
        let mut trail = Trail::default();
        trail.answer("a", Some(1.0), false);
        trail.lose("a", false);
        trail.lose("b", false);
        assert_eq!((trail.len(), trail.rounds[0].lossy), (1, true));
        for round in 0..1000 {
            trail.answer(&round.to_string(), Some(1.0), false);
        }
        assert_eq!(trail.len(), LONGEST);
    }
}
