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
use tm_schema::{Ignored, Interface, MplsLabel, ReplyKind, Stop};

use crate::strategy::Strategy;
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

/// How long to wait for an answer, as `traceroute -w MAX,HERE,NEAR` says it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wait {
    /// The longest wait.
    pub max: Duration,
    /// Times the RTT of an answer from the same TTL.
    pub here: f64,
    /// Times the RTT of an answer from a farther TTL.
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

/// A probe that was sent.
#[derive(Clone, Debug)]
struct Slot {
    ttl: u8,
    flow: u16,
    sent_at: Duration,
    /// No other probe of the flow was in flight.
    alone: bool,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Waiting,
    Answered(Box<Answer>, Duration),
    Lost,
    /// Answered by somebody who quoted too little to say so; sent again.
    Replaced,
    /// The kernel would not send it.
    Failed,
}

/// The state of one trace.
#[derive(Debug)]
pub struct Trace {
    plan: Plan,
    target: IpAddr,
    slots: Vec<Slot>,
    /// Sequences of the probes by flow and TTL, so that no look at one hop goes through all.
    by_hop: Vec<Vec<usize>>,
    /// Sequences of the probes in state `Waiting`.
    waiting: Vec<usize>,
    flows: Vec<Flow>,
    /// The farthest TTL that anybody answered at; `first_hop - 1` before that.
    farthest: u8,
    /// Largest RTT at each TTL.
    slowest: Vec<Option<Duration>>,
    next_report: u16,
    reports: Vec<HopReport>,
    stop: Option<Stop>,
    ignored: Ignored,
    sent: u32,
    received: u32,
}

impl Trace {
    /// A trace to `target` that begins at `now`.
    pub fn new(plan: Plan, target: IpAddr, now: Duration) -> Self {
        let flows = (0..plan.flows).map(|_| Flow::new(&plan, now)).collect();
        let slowest = vec![None; usize::from(plan.max_hops) + 1];
        Self {
            farthest: plan.first_hop.saturating_sub(1),
            next_report: u16::from(plan.first_hop),
            by_hop: vec![Vec::new(); usize::from(plan.flows) * (usize::from(plan.max_hops) + 1)],
            plan,
            target,
            slots: Vec::new(),
            waiting: Vec::new(),
            flows,
            slowest,
            reports: Vec::new(),
            stop: None,
            ignored: Ignored::default(),
            sent: 0,
            received: 0,
        }
    }
}

impl Strategy for Trace {
    fn poll(&mut self, now: Duration) -> Next {
        self.expire(now);
        self.settle();
        if self.stop.is_some() {
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

    fn send_failed(&mut self, sequence: u32, retry: Option<Duration>) {
        let index = sequence as usize;
        let Some(slot) = self.slots.get_mut(index) else { return };
        slot.state = State::Failed;
        self.sent = self.sent.saturating_sub(1);
        let (ttl, flow) = (slot.ttl, usize::from(slot.flow));
        self.waiting.retain(|&waiting| waiting != index);
        if let (Some(at), Some(flow)) = (retry, self.flows.get_mut(flow)) {
            flow.requeue(at, ttl);
        }
    }

    fn answered(&mut self, sequence: u32, answer: Answer, quoted_ttl: Option<u8>, rtt: Duration) {
        let index = sequence as usize;
        let next_report = self.next_report;
        let Some(slot) = self.slots.get_mut(index) else { return self.ignored.forged += 1 };
        if quoted_ttl.is_some_and(|ttl| ttl > slot.ttl) {
            return self.ignored.forged += 1; // no router adds to a TTL
        }
        match slot.state {
            State::Failed => return self.ignored.forged += 1,
            State::Answered(..) | State::Replaced => return self.ignored.duplicate += 1,
            State::Lost if u16::from(slot.ttl) < next_report => return self.ignored.late += 1,
            State::Waiting | State::Lost => {}
        }
        slot.state = State::Answered(Box::new(answer.clone()), rtt);
        let (ttl, flow) = (slot.ttl, slot.flow);
        self.received += 1;
        self.waiting.retain(|&waiting| waiting != index);
        if let Some(slowest) = self.slowest.get_mut(usize::from(ttl)) {
            *slowest = Some(slowest.map_or(rtt, |slowest| slowest.max(rtt)));
        }
        self.find_end(flow, ttl, &answer);
    }

    fn resolve(&mut self, flow: u16, now: Duration) -> Option<u32> {
        let max = self.plan.wait.max;
        let open = |slot: &Slot| match slot.state {
            State::Waiting => true,
            State::Lost => !slot.alone && slot.sent_at + max > now,
            _ => false,
        };
        let mut candidates =
            self.slots.iter().enumerate().filter(|(_, slot)| slot.flow == flow && open(slot));
        match (candidates.next(), candidates.next()) {
            (Some((index, _)), None) => return Some(index as u32),
            (None, _) => self.ignored.late += 1,
            _ => self.ambiguous(flow),
        }
        None
    }

    fn forged(&mut self) {
        self.ignored.forged += 1;
    }

    fn interrupt(&mut self, stop: Stop) {
        if self.stop.is_none() {
            self.finish(stop, self.farthest);
        }
    }

    fn take_reports(&mut self) -> Vec<HopReport> {
        std::mem::take(&mut self.reports)
    }

    fn stop(&self) -> Option<Stop> {
        self.stop
    }

    fn ignored(&self) -> Ignored {
        self.ignored
    }

    fn totals(&self) -> (u32, u32) {
        (self.sent, self.received)
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
        let (sequence, spacing) = (self.slots.len(), self.plan.spacing);
        let alone = self.flows.get_mut(usize::from(id)).is_some_and(|flow| {
            flow.take(due, spacing, now);
            flow.serial
        });
        self.slots.push(Slot {
            ttl: due.ttl,
            flow: id,
            sent_at: now,
            alone,
            state: State::Waiting,
        });
        self.waiting.push(sequence);
        if let Some(sequences) = self.place(id, due.ttl).and_then(|at| self.by_hop.get_mut(at)) {
            sequences.push(sequence);
        }
        self.sent += 1;
        Send { sequence: sequence as u32, ttl: due.ttl, flow: id, size: None }
    }

    /// Gives up on the probes that have waited long enough.
    fn expire(&mut self, now: Duration) {
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.retain(|&index| {
            let over = self.slots.get(index).is_none_or(|slot| self.deadline(slot) <= now);
            if over && let Some(slot) = self.slots.get_mut(index) {
                slot.state = State::Lost;
            }
            !over
        });
        self.waiting = waiting;
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
        let (from, beyond) = (usize::from(from), usize::from(to) + 1);
        let here = self.slowest.get(from..beyond).into_iter().flatten().flatten().max();
        let near = self.slowest.get(beyond..).into_iter().flatten().flatten().max();
        let here = here.map(|&rtt| wait.times(wait.here, rtt));
        let near = near.map(|&rtt| wait.times(wait.near, rtt));
        slot.sent_at + [here, near].into_iter().flatten().min().unwrap_or(wait.max)
    }

    fn next_deadline(&self, now: Duration) -> Duration {
        let waiting = self.waiting.iter().filter_map(|&index| self.slots.get(index));
        let unsure = self.flows.iter().filter_map(|flow| flow.quiet_at);
        let latest = now + self.plan.wait.max;
        waiting.map(|slot| self.deadline(slot)).chain(unsure).min().unwrap_or(latest)
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
