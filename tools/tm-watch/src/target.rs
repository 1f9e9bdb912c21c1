//! What is known of one watched path, and what a round says against it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tm_path::baseline::{self, Baseline, Shift};
use tm_path::loss::watch::{self as loss, Counts, LossWatch};
use tm_path::route::{self, Change, Memory};
use tm_schema::{Stop, Trace};

use crate::rounds::Round;

/// Rounds that reached the destination before it can be missed.
const REACHED: u32 = 3;

/// Rounds in a row without an answer, or with one, that settle it.
const RUN: u32 = 2;

/// Silence as improbable as this is no loss by chance: the logarithm of 1e-5.
const CHANCE: f64 = -11.5;

/// What a round showed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Finding {
    Route {
        change: Change,
        phase: Phase,
    },
    Rtt {
        hop: Option<u8>,
        before: f64,
        after: f64,
        phase: Phase,
    },
    Loss {
        loss: loss::Loss,
        usual: f64,
        phase: Phase,
    },
    Unreachable {
        stop: Option<Stop>,
        error: Option<String>,
        farthest: Option<(u8, String)>,
        phase: Phase,
    },
}

/// Whether it begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Began,
    Ended,
    /// It has lasted, and is usual now.
    Adopted,
}

/// What is known of one path.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Target {
    reach: Reach,
    rtt: Shift,
    /// Whose RTT that is; null: the destination's.
    rtt_of: Option<String>,
    hops: BTreeMap<u8, Near>,
    loss: LossWatch,
    route: Memory,
    /// Lost probes to the destination, of rounds that did not reach it: loss or an outage.
    #[serde(default)]
    held: u32,
}

/// Whether the destination answers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Reach {
    reached: u32,
    missed: u32,
    /// Logarithm of the chance that the missed rounds were silent as usual.
    chance: f64,
    back: u32,
    is_down: bool,
}

/// RTTs of a hop on the way, to say where a change begins.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Near {
    ip: String,
    rtts: Baseline,
}

impl Target {
    /// Takes a round in. `change`: the change of RTT that counts.
    pub(crate) fn observe(&mut self, round: &Round, trace: &Trace, change: f64) -> Vec<Finding> {
        let mut findings = Vec::new();
        // What was cut short says nothing.
        if trace.stop == Some(Stop::Interrupted) {
            return findings;
        }
        let is_reached = trace.reached && round.end.is_some();
        if trace.stop == Some(Stop::Error) {
            findings.extend(self.reach(round, trace, is_reached));
            return findings;
        }
        // Loss first: who knows of it does not take it for an outage.
        findings.extend(self.loss(round, trace, is_reached));
        findings.extend(self.reach(round, trace, is_reached));
        findings.extend(self.route(round));
        findings.extend(self.rtt(round, change));
        findings
    }

    fn reach(&mut self, round: &Round, trace: &Trace, is_reached: bool) -> Option<Finding> {
        let silent = round.silent_end();
        let chance = self.loss.chance_of_silence(&silent, round.end_counts(trace));
        let phase = self.reach.observe(is_reached, chance)?;
        if phase == Phase::Began {
            self.held = 0;
        }
        let at = round.farthest();
        let farthest = at.and_then(|(ttl, at)| Some((ttl, at.responders.first()?.ip.clone())));
        Some(Finding::Unreachable { stop: trace.stop, error: trace.error.clone(), farthest, phase })
    }

    fn route(&mut self, round: &Round) -> Option<Finding> {
        let (change, phase) = match self.route.observe(&round.route(), round.end) {
            route::Verdict::Usual | route::Verdict::Suspect => return None,
            route::Verdict::Began(change) => (change, Phase::Began),
            route::Verdict::Ended(change) => (change, Phase::Ended),
            route::Verdict::Adopted(change) => (change, Phase::Adopted),
        };
        if phase != Phase::Adopted {
            self.loss.forget_from(change.hop);
        }
        Some(Finding::Route { change, phase })
    }

    fn rtt(&mut self, round: &Round, change: f64) -> Option<Finding> {
        let (end, value) = self.end_of_path(round)?;
        let (before, after, phase) = match self.rtt.observe(value, change) {
            baseline::Verdict::Usual => {
                self.learn_hops(round, end);
                return None;
            }
            baseline::Verdict::Suspect | baseline::Verdict::Away => return None,
            baseline::Verdict::Began { before, after } => (before, after, Phase::Began),
            baseline::Verdict::Ended { before, after } => (before, after, Phase::Ended),
            baseline::Verdict::Adopted { before, after } => {
                self.hops.clear();
                (before, after, Phase::Adopted)
            }
        };
        let hop = match phase {
            Phase::Began => Some(self.first_shifted(round, after - before).unwrap_or(end)),
            _ => None,
        };
        Some(Finding::Rtt { hop, before, after, phase })
    }

    /// The RTT to the destination; of a destination that never answers, to the last responder.
    fn end_of_path(&mut self, round: &Round) -> Option<(u8, f64)> {
        if let Some(end) = round.end {
            let rtt = round.ttls.get(&end)?.rtt?;
            if self.rtt_of.take().is_some() {
                self.rtt = Shift::default();
            }
            return Some((end, rtt));
        }
        if self.reach.reached > 0 {
            return None;
        }
        let (ttl, at) = round.farthest()?;
        let ip = &at.responders.first()?.ip;
        if self.rtt_of.as_ref() != Some(ip) {
            self.rtt = Shift::default();
            self.rtt_of = Some(ip.clone());
        }
        Some((ttl, at.rtt?))
    }

    fn learn_hops(&mut self, round: &Round, end: u8) {
        for (&ttl, at) in round.ttls.iter().filter(|&(&ttl, _)| ttl < end) {
            let (Some(rtt), Some(responder)) = (at.rtt, at.responders.first()) else { continue };
            let near = self.hops.entry(ttl).or_default();
            if at.responders.len() == 1 && near.ip != responder.ip {
                *near = Near { ip: responder.ip.clone(), rtts: Baseline::default() };
            }
            near.rtts.push(rtt);
        }
        self.hops.retain(|&ttl, _| ttl < end);
    }

    /// The first hop from which on nearly all hops shifted by at least half of what the
    /// destination did. A hop that shifts alone is busy with itself.
    fn first_shifted(&self, round: &Round, shift: f64) -> Option<u8> {
        let shifted: Vec<(u8, bool)> = self
            .hops
            .iter()
            .filter_map(|(&ttl, near)| {
                let at = round.ttls.get(&ttl)?;
                let is_same = at.responders.first()?.ip == near.ip;
                let difference = at.rtt? - near.rtts.level().filter(|_| is_same)?.median;
                Some((ttl, difference * shift.signum() >= shift.abs() / 2.0))
            })
            .collect();
        let nearly_all = |from: usize| {
            let rest = shifted.get(from..).unwrap_or_default();
            let count = rest.iter().filter(|(_, is_shifted)| *is_shifted).count();
            count * 5 >= rest.len() * 4
        };
        let mut firsts = shifted.iter().enumerate().filter(|(_, (_, is_shifted))| *is_shifted);
        firsts.find(|(at, _)| nearly_all(*at)).map(|(_, (ttl, _))| *ttl)
    }

    fn loss(&mut self, round: &Round, trace: &Trace, is_reached: bool) -> Option<Finding> {
        // A destination that never answers loses nothing.
        if self.reach.reached == 0 || (self.reach.is_down && !is_reached) {
            return None;
        }
        let (usual, mut end) = (self.loss.usual(), round.end_counts(trace));
        let verdict = if is_reached {
            let held = std::mem::take(&mut self.held);
            end.sent = end.sent.saturating_add(held);
            end.lost = end.lost.saturating_add(held);
            self.loss.observe(&round.counts(), end)
        } else {
            // Silence from some hop on may be an outage; loss is what the others show.
            self.held = self.held.saturating_add(end.lost);
            let last = round.farthest().map_or(0, |(ttl, _)| ttl);
            let mut hops = round.counts();
            hops.retain(|&ttl, _| ttl <= last);
            self.loss.observe(&hops, Counts::default())
        };
        let (loss, phase) = match verdict {
            loss::Verdict::Usual | loss::Verdict::Lossy => return None,
            loss::Verdict::Began(loss) => (loss, Phase::Began),
            loss::Verdict::Ended(loss) => (loss, Phase::Ended),
            loss::Verdict::Adopted(loss) => (loss, Phase::Adopted),
        };
        Some(Finding::Loss { loss, usual, phase })
    }
}

impl Reach {
    fn observe(&mut self, is_reached: bool, chance: f64) -> Option<Phase> {
        if is_reached {
            self.reached = self.reached.saturating_add(1);
            (self.missed, self.chance) = (0, 0.0);
            self.back = self.back.saturating_add(1);
            let is_over = self.is_down && self.back >= RUN;
            self.is_down &= !is_over;
            return is_over.then_some(Phase::Ended);
        }
        self.back = 0;
        self.missed = self.missed.saturating_add(1);
        self.chance = (self.chance + chance).max(-1e3);
        let was_there = self.reached >= REACHED;
        let is_no_chance = self.missed >= RUN && self.chance <= CHANCE;
        let begins = !self.is_down && was_there && is_no_chance;
        self.is_down |= begins;
        begins.then_some(Phase::Began)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three probes, of which one in a hundred is usually lost.
    const THREE: f64 = 3.0 * -4.605;

    #[test]
    fn silence_is_an_outage_once_it_is_no_loss_by_chance() {
        let mut reach = Reach::default();
        for _ in 0..5 {
            assert_eq!(reach.observe(true, THREE), None);
        }
        assert_eq!(reach.observe(false, THREE), None, "one round says little");
        assert_eq!(reach.observe(false, THREE), Some(Phase::Began));
        assert_eq!(reach.observe(false, THREE), None, "told once");
        assert_eq!(reach.observe(true, THREE), None);
        assert_eq!(reach.observe(true, THREE), Some(Phase::Ended));
    }

    #[test]
    fn a_lossy_path_is_given_more_time() {
        let mut reach = Reach { reached: 9, ..Reach::default() };
        let half = 3.0 * 0.5_f64.ln();
        let rounds = (1..20).find(|_| reach.observe(false, half).is_some());
        assert_eq!(rounds, Some(6), "0.5 to the power of 18 is below 1e-5, of 15 is not");
    }

    #[test]
    fn what_never_answered_is_not_missed() {
        let mut reach = Reach::default();
        assert!((0..99).all(|_| reach.observe(false, THREE).is_none()));
    }
}
