//! One trace as a state machine: which probe to send next, how long to wait, when a hop is
//! settled, when to stop. It has no sockets and no clock; whoever drives it says what time it is.
//!
//! - TTLs are opened one after the other, a [`Plan::stagger`] apart, up to [`Plan::lead`] TTLs
//!   beyond the farthest answer, so that a whole path is in flight at once.
//! - The probes of one TTL leave a [`Plan::spacing`] apart.
//! - Probes that overshot the destination are measurements of the destination: the first
//!   [`Plan::probes`] of a flow that reached it are the probes of its last hop, and no more are
//!   sent. So the destination's limit on ICMP errors is not spent on answers nobody counts.
//! - A probe waits at most [`Wait::max`], less once its own or a farther hop has answered.
//! - An answer that does not say which probe it answers is believed only where one probe alone
//!   can have caused it. The flow then goes on one probe at a time.

mod ending;
mod flow;
mod report;

#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::time::Duration;

use tm_path::hint::Signature;
use tm_schema::{Interface, MplsLabel, ReplyKind, Stop};

use crate::ledger::{Ledger, Meant, Slot, State};
use crate::strategy::{Strategy, Unsent};
pub(crate) use ending::Ending;
use flow::Flow;
pub use report::{HopReport, Responder, Sent};

/// How to trace.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The first TTL probed.
    pub first_hop: u8,
    /// The largest TTL probed.
    pub max_hops: u8,
    /// Probes per TTL and flow.
    pub probes: u16,
    /// The same of a flow that goes on one probe at a time.
    pub probes_in_turn: u16,
    /// Flows probed side by side.
    pub flows: u16,
    /// How long to wait for an answer.
    pub wait: Wait,
    /// Silent hops in a row that end a trace when nothing beyond them answers; 0: none do.
    pub gap_limit: u8,
    /// TTLs in flight beyond the farthest answer.
    pub lead: u8,
    /// Time between the first probes of two neighbouring TTLs.
    pub stagger: Duration,
    /// Time between two probes at one TTL.
    pub spacing: Duration,
    /// One probe of a flow in flight at a time.
    pub serial: bool,
    /// Where an earlier round met the destination.
    pub expected_length: Option<u8>,
}

impl Plan {
    /// The TTL so far beyond the farthest answer; at least as far as the gap limit lets silence go.
    pub(crate) fn reach(&self, farthest: u8, lead: u8) -> u8 {
        let gap = if self.gap_limit == 0 { self.max_hops } else { self.gap_limit };
        farthest.saturating_add(lead.max(gap)).min(self.max_hops)
    }

    /// Why a trace ends beyond whose farthest answer all is silence, and its last TTL.
    pub(crate) fn silence(&self, farthest: u8) -> (Stop, u8) {
        let gap_end = farthest.saturating_add(self.gap_limit);
        match self.gap_limit == 0 || gap_end > self.max_hops {
            true => (Stop::MaxHops, self.max_hops),
            false => (Stop::GapLimit, gap_end),
        }
    }
}

/// How long to wait for an answer, as `traceroute -w MAX,HERE,NEAR` says it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wait {
    /// The longest wait.
    pub max: Duration,
    /// Times the RTT of an answer from the same TTL.
    pub here: f64,
    /// Times the RTT of an answer from the next TTL that answers.
    pub near: f64,
}

impl Wait {
    /// Routers answer from their slow path; a wait cut short is never shorter than this.
    pub const FLOOR: Duration = Duration::from_millis(250);

    pub(crate) fn times(&self, factor: f64, rtt: Duration) -> Duration {
        let wait = Duration::try_from_secs_f64(rtt.as_secs_f64() * factor).unwrap_or(self.max);
        wait.max(Self::FLOOR).min(self.max)
    }
}

/// An answer to a probe.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Who answered.
    pub responder: IpAddr,
    /// What kind of packet it was.
    pub kind: ReplyKind,
    /// ICMP type.
    pub icmp_type: Option<u8>,
    /// ICMP code.
    pub code: Option<u8>,
    /// MTU that an ICMP error named.
    pub mtu: Option<u32>,
    /// TTL of the answer's own IP header.
    pub ttl: Option<u8>,
    /// MPLS label stack.
    pub mpls: Vec<MplsLabel>,
    /// Interface that the responder named.
    pub interface: Option<Interface>,
    /// The quoted datagram was rewritten on its way; `None`: cannot be seen.
    pub nat: Option<bool>,
}

impl Answer {
    /// What it says of the router that sent it.
    pub(crate) fn signature(&self) -> Signature {
        Signature::new(self.ttl, self.mpls.iter().map(|label| label.label))
    }
}

/// A probe to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Send {
    /// Counts the probes of this trace from 0.
    pub sequence: u32,
    /// TTL or hop limit.
    pub ttl: u8,
    /// Flow id.
    pub flow: u16,
    /// Octets of the datagram; `None`: as all others.
    pub size: Option<u16>,
}

/// What a trace wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Send this probe now.
    Send(Send),
    /// Nothing to do before this time.
    Wait(Duration),
    /// The trace is over.
    Done,
}

/// The state of one trace.
#[derive(Debug)]
pub struct Trace {
    plan: Plan,
    target: IpAddr,
    ledger: Ledger,
    /// Sequences of the probes by flow and TTL, so that no look at one hop goes through all.
    by_hop: Vec<Vec<usize>>,
    flows: Vec<Flow>,
    /// The farthest TTL that anybody answered at; `first_hop - 1` before that.
    farthest: u8,
    next_report: u16,
}

impl Trace {
    /// A trace to `target` that begins at `now`.
    pub fn new(plan: Plan, target: IpAddr, now: Duration) -> Self {
        let flows = (0..plan.flows).map(|_| Flow::new(&plan, now)).collect();
        Self {
            farthest: plan.first_hop.saturating_sub(1),
            next_report: u16::from(plan.first_hop),
            by_hop: vec![Vec::new(); usize::from(plan.flows) * (usize::from(plan.max_hops) + 1)],
            plan,
            target,
            ledger: Ledger::default(),
            flows,
        }
    }
}

impl Strategy for Trace {
    fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn ledger_mut(&mut self) -> &mut Ledger {
        &mut self.ledger
    }

    fn poll(&mut self, now: Duration) -> Next {
        self.expire(now);
        self.settle();
        if self.ledger.stop.is_some() {
            return Next::Done;
        }
        let mut wake = self.next_deadline(now);
        for id in 0..self.plan.flows {
            match self.next_of_flow(id, now) {
                Some(due) if due.at <= now => return Next::Send(self.launch(id, due, now)),
                Some(due) => wake = wake.min(due.at),
                None => {}
            }
        }
        Next::Wait(wake)
    }

    fn send_failed(&mut self, sequence: u32, why: Unsent) {
        let index = sequence as usize;
        self.ledger.unsent(index, why);
        let Some(slot) = self.ledger.slot(index) else { return };
        if let (Unsent::ForNow(at), Some(flow)) = (why, self.flows.get_mut(usize::from(slot.flow)))
        {
            flow.requeue(at, slot.ttl);
        }
    }

    fn answered(&mut self, sequence: u32, answer: Answer, quoted_ttl: Option<u8>, rtt: Duration) {
        let next_report = self.next_report;
        let is_reported = |slot: &Slot| u16::from(slot.ttl) < next_report;
        if !self.ledger.admits(sequence, quoted_ttl, is_reported) {
            return;
        }
        let index = sequence as usize;
        self.ledger.answered(index, answer.clone(), rtt);
        if let Some(&Slot { ttl, flow, .. }) = self.ledger.slot(index) {
            self.find_end(flow, ttl, &answer);
        }
    }

    fn resolve(&mut self, flow: u16, now: Duration) -> Option<u32> {
        let max = self.plan.wait.max;
        let meant = self.ledger.meant(|slot| match slot.state {
            _ if slot.flow != flow => false,
            State::Waiting => true,
            State::Lost => !slot.alone && slot.sent_at + max > now,
            _ => false,
        });
        if meant == Meant::Several {
            self.ambiguous(flow);
        }
        meant.probe()
    }

    fn interrupt(&mut self, stop: Stop) {
        if self.ledger.stop.is_none() {
            self.finish(stop, self.farthest);
        }
    }

    fn length(&self) -> Option<u8> {
        self.flows
            .iter()
            .filter_map(|flow| flow.end)
            .filter(|end| end.destination)
            .map(|end| end.ttl)
            .max()
    }
}

impl Trace {
    /// Where the probes of a flow and TTL are listed.
    fn place(&self, flow: u16, ttl: u8) -> Option<usize> {
        let levels = usize::from(self.plan.max_hops) + 1;
        (usize::from(ttl) < levels).then(|| usize::from(flow) * levels + usize::from(ttl))
    }

    /// The sequences of the probes of a flow and TTL.
    fn sequences(&self, flow: u16, ttl: u8) -> &[usize] {
        self.place(flow, ttl).and_then(|at| self.by_hop.get(at)).map_or(&[], Vec::as_slice)
    }

    fn launch(&mut self, id: u16, due: flow::Due, now: Duration) -> Send {
        let spacing = self.plan.spacing;
        let alone = self.flows.get_mut(usize::from(id)).is_some_and(|flow| {
            flow.take(due, spacing, now);
            flow.serial
        });
        let send = self.ledger.launch(Slot { alone, ..Slot::new(due.ttl, id, now) });
        if let Some(sequences) = self.place(id, due.ttl).and_then(|at| self.by_hop.get_mut(at)) {
            sequences.push(send.sequence as usize);
        }
        send
    }

    /// Gives up on the probes that have waited long enough.
    fn expire(&mut self, now: Duration) {
        for index in self.ledger.overdue(now, |slot| self.deadline(slot)) {
            self.ledger.set(index, State::Lost);
        }
        for id in 0..self.plan.flows {
            self.replace_ambiguous(id, now);
        }
    }

    fn deadline(&self, slot: &Slot) -> Duration {
        let wait = &self.plan.wait;
        if slot.alone && !self.plan.serial {
            return slot.sent_at + wait.max; // a late answer would be taken for the next one's
        }
        let end = self.flows.get(usize::from(slot.flow)).and_then(|flow| flow.end);
        let (from, to) = match end {
            Some(end) if end.ttl <= slot.ttl => (end.ttl, self.plan.max_hops), // it overshot
            _ => (slot.ttl, slot.ttl),
        };
        self.ledger.patience(slot, wait, from..=to)
    }

    fn next_deadline(&self, now: Duration) -> Duration {
        let unsure = self.flows.iter().filter_map(|flow| flow.quiet_at);
        let latest = now + self.plan.wait.max;
        let waiting = self.ledger.waiting().map(|slot| self.deadline(slot));
        waiting.chain(unsure).min().unwrap_or(latest)
    }

    /// Where the flow ends, now that a probe of it was answered.
    fn find_end(&mut self, id: u16, ttl: u8, answer: &Answer) {
        let Some(flow) = self.flows.get_mut(usize::from(id)) else { return };
        flow.ending.note(ttl, answer, self.target);
        flow.end = flow.ending.end().map(|(ttl, destination)| flow::End { ttl, destination });
        flow.farthest = flow.end.map_or(flow.ending.farthest(), |end| end.ttl);
        let before = self.plan.first_hop.saturating_sub(1);
        self.farthest = self.flows.iter().map(|flow| flow.farthest).fold(before, u8::max);
    }
}
