//! What every way of tracing keeps: the probes that it sent and what became of them, how long it
//! took at each TTL, the hops settled, and the counts of the `trace` record. Which probe is sent
//! next and when a hop is settled is not decided here.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Unbounded};
use std::ops::RangeInclusive;
use std::time::Duration;

use tm_schema::{Ignored, Stop};

use crate::strategy::Unsent;
use crate::trace::{Answer, HopReport, Send, Sent, Wait};

/// A probe that was sent.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) ttl: u8,
    pub(crate) flow: u16,
    /// Octets of the datagram; `None`: as all others.
    pub(crate) size: Option<u16>,
    pub(crate) sent_at: Duration,
    /// No other probe of the flow was in flight.
    pub(crate) alone: bool,
    pub(crate) state: State,
}

/// What became of a probe.
#[derive(Clone, Debug)]
pub(crate) enum State {
    Waiting,
    Answered(Box<Answer>, Duration),
    /// Somebody nearer refused it for its size, and may have named one that passes.
    Refused(Option<u16>),
    Lost,
    /// Answered by somebody who quoted too little to say so; sent again.
    Replaced,
    /// The kernel would not send it.
    Failed,
    /// The kernel could not send it just then; another one takes its place.
    Postponed,
}

impl Slot {
    /// A probe of a flow that leaves at `sent_at`.
    pub(crate) fn new(ttl: u8, flow: u16, sent_at: Duration) -> Self {
        Self { ttl, flow, size: None, sent_at, alone: false, state: State::Waiting }
    }

    pub(crate) fn is_waiting(&self) -> bool {
        matches!(self.state, State::Waiting)
    }

    pub(crate) fn is_answered(&self) -> bool {
        matches!(self.state, State::Answered(..))
    }

    /// Octets of the datagram, where its size was chosen.
    pub(crate) fn octets(&self) -> u16 {
        self.size.unwrap_or(0)
    }

    /// The MTU that somebody named who refused it.
    pub(crate) fn named(&self) -> Option<u16> {
        if let State::Refused(named) = self.state { named } else { None }
    }

    pub(crate) fn is_refused(&self) -> bool {
        matches!(self.state, State::Refused(_))
    }

    /// It never left.
    pub(crate) fn is_unsent(&self) -> bool {
        matches!(self.state, State::Failed | State::Postponed)
    }

    /// It never left, and another one takes its place.
    pub(crate) fn is_postponed(&self) -> bool {
        matches!(self.state, State::Postponed)
    }
}

/// Which probe an answer means that does not say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meant {
    /// Only this one.
    Probe(u32),
    /// None that is open.
    Nobody,
    /// One of several.
    Several,
}

impl Meant {
    pub(crate) fn probe(self) -> Option<u32> {
        match self {
            Self::Probe(sequence) => Some(sequence),
            Self::Nobody | Self::Several => None,
        }
    }
}

/// The books of one trace.
#[derive(Debug, Default)]
pub struct Ledger {
    /// By sequence.
    pub(crate) slots: Vec<Slot>,
    /// Sequences of the probes in state `Waiting`.
    waiting: BTreeSet<usize>,
    /// The largest RTT at each TTL that answered.
    slowest: BTreeMap<u8, Duration>,
    /// Hops settled and not yet taken.
    pub(crate) reports: Vec<HopReport>,
    pub(crate) stop: Option<Stop>,
    pub(crate) ignored: Ignored,
    pub(crate) sent: u32,
    received: u32,
}

impl Ledger {
    /// Probes sent and answered.
    pub(crate) fn totals(&self) -> (u32, u32) {
        (self.sent, self.received)
    }

    pub(crate) fn slot(&self, sequence: usize) -> Option<&Slot> {
        self.slots.get(sequence)
    }

    /// The probes in flight.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &Slot> {
        self.waiting.iter().filter_map(|&sequence| self.slots.get(sequence))
    }

    /// The probes of one TTL.
    pub(crate) fn at(&self, ttl: u8) -> impl Iterator<Item = &Slot> {
        self.slots.iter().filter(move |slot| slot.ttl == ttl)
    }

    /// The same with their sequences.
    pub(crate) fn numbered(&self, ttl: u8) -> impl Iterator<Item = (usize, &Slot)> {
        self.slots.iter().enumerate().filter(move |(_, slot)| slot.ttl == ttl)
    }

    /// Notes a probe that is about to leave.
    pub(crate) fn launch(&mut self, slot: Slot) -> Send {
        let Slot { ttl, flow, size, .. } = slot;
        let sequence = self.slots.len();
        self.slots.push(slot);
        self.waiting.insert(sequence);
        self.sent += 1;
        Send { sequence: sequence as u32, ttl, flow, size }
    }

    /// Moves a probe to a state; true if it was in flight before.
    pub(crate) fn set(&mut self, sequence: usize, state: State) -> bool {
        let Some(slot) = self.slots.get_mut(sequence) else { return false };
        slot.state = state;
        self.waiting.remove(&sequence)
    }

    /// The kernel did not send a probe; that is no loss. True if it was thought to be in flight.
    pub(crate) fn unsent(&mut self, sequence: usize, why: Unsent) -> bool {
        self.sent = self.sent.saturating_sub(1);
        let is_passing = matches!(why, Unsent::ForNow(_));
        self.set(sequence, if is_passing { State::Postponed } else { State::Failed })
    }

    /// Why a trace ends beyond whose farthest answer all is silence: if the kernel sent nothing to
    /// one of those TTLs, its silence says nothing.
    pub(crate) fn after_silence(&self, stop: Stop, mut silent: RangeInclusive<u8>) -> Stop {
        let is_barred = |ttl| self.at(ttl).next().is_some() && self.at(ttl).all(Slot::is_unsent);
        if silent.any(is_barred) { Stop::Error } else { stop }
    }

    /// Whether an answer is to be believed, where a probe given up may still be answered unless it
    /// `is_past`. Counts the answer either way.
    pub(crate) fn admits(
        &mut self,
        sequence: u32,
        quoted_ttl: Option<u8>,
        is_past: impl Fn(&Slot) -> bool,
    ) -> bool {
        let ignored = &mut self.ignored;
        let count = match self.slots.get(sequence as usize) {
            None => &mut ignored.forged,
            // No router adds to a TTL.
            Some(slot) if quoted_ttl.is_some_and(|ttl| ttl > slot.ttl) => &mut ignored.forged,
            Some(slot) => match slot.state {
                State::Failed | State::Postponed => &mut ignored.forged,
                State::Answered(..) | State::Refused(_) | State::Replaced => &mut ignored.duplicate,
                State::Lost if is_past(slot) => &mut ignored.late,
                State::Waiting | State::Lost => {
                    self.received += 1;
                    return true;
                }
            },
        };
        *count += 1;
        false
    }

    /// A probe was answered after `rtt`; true if it was in flight.
    pub(crate) fn answered(&mut self, sequence: usize, answer: Answer, rtt: Duration) -> bool {
        if let Some(slot) = self.slots.get(sequence) {
            let slowest = self.slowest.entry(slot.ttl).or_default();
            *slowest = rtt.max(*slowest);
        }
        self.set(sequence, State::Answered(Box::new(answer), rtt))
    }

    /// Which probe an answer means that does not say it, among those open.
    pub(crate) fn meant(&mut self, is_open: impl Fn(&Slot) -> bool) -> Meant {
        let mut open = self.slots.iter().enumerate().filter(|(_, slot)| is_open(slot));
        match (open.next(), open.next()) {
            (Some((sequence, _)), None) => Meant::Probe(sequence as u32),
            (None, _) => {
                self.ignored.late += 1;
                Meant::Nobody
            }
            _ => {
                self.ignored.ambiguous += 1;
                Meant::Several
            }
        }
    }

    /// The sequences of some probes.
    pub(crate) fn those(&self, are_meant: impl Fn(&Slot) -> bool) -> Vec<usize> {
        let slots = self.slots.iter().enumerate();
        slots.filter(|(_, slot)| are_meant(slot)).map(|(sequence, _)| sequence).collect()
    }

    /// The probes in flight that have waited until their deadline.
    pub(crate) fn overdue(
        &self,
        now: Duration,
        deadline: impl Fn(&Slot) -> Duration,
    ) -> Vec<usize> {
        let is_over = |&&at: &&usize| self.slots.get(at).is_none_or(|slot| deadline(slot) <= now);
        self.waiting.iter().filter(is_over).copied().collect()
    }

    /// Until when a probe is waited for: less long once these TTLs have answered, or some beyond
    /// them, the nearest of which is most like them.
    pub(crate) fn patience(&self, slot: &Slot, wait: &Wait, here: RangeInclusive<u8>) -> Duration {
        let beyond = (Excluded(*here.end()), Unbounded);
        let here = self.slowest.range(here).map(|(_, rtt)| *rtt).max();
        let near = self.slowest.range(beyond).next().map(|(_, rtt)| *rtt);
        let here = here.map(|rtt| wait.times(wait.here, rtt));
        let near = near.map(|rtt| wait.times(wait.near, rtt));
        slot.sent_at + [here, near].into_iter().flatten().min().unwrap_or(wait.max)
    }
}

impl HopReport {
    /// What these probes say of a TTL.
    pub(crate) fn new<'a>(ttl: u8, probes: impl Iterator<Item = (usize, &'a Slot)>) -> Self {
        let mut report = Self { ttl, responders: Vec::new(), lost: Vec::new(), mtu: None };
        for (sequence, slot) in probes {
            let sent = Sent { sequence: sequence as u32, flow: slot.flow };
            match &slot.state {
                State::Answered(answer, rtt) => report.add(sent, answer, *rtt),
                State::Lost => report.lost.push(sent),
                _ => {} // still in flight when the trace was interrupted: neither lost nor answered
            }
        }
        report
    }
}
