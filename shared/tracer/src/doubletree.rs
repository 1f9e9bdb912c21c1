//! One path from its middle in both directions, as far as the stop sets do not know it already
//! (Donnet et al. 2005). One probe is in flight each way; a TTL is done with its first answer.
//!
//! What the sets know when a probe is answered counts, and not when the trace began: so traces
//! that run side by side share the way near the source, too.

use std::net::IpAddr;
use std::time::Duration;

use tm_schema::{Backward, Ignored, Stop, StopSetUse};

use crate::stop_set::SharedStopSet;
use crate::strategy::Strategy;
use crate::trace::{Answer, Ending, HopReport, Next, Plan, Send, Sent};

/// Where a trace begins: far enough that few destinations answer at once, near enough that most
/// paths have something beyond it.
const START: u8 = 5;

/// A probe that was sent.
#[derive(Clone, Debug)]
struct Slot {
    ttl: u8,
    sent_at: Duration,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Waiting,
    Answered(Box<Answer>, Duration),
    Lost,
    Failed,
}

/// One direction.
#[derive(Debug)]
struct Way {
    /// The TTL at which it is.
    ttl: u8,
    is_over: bool,
    next_at: Duration,
}

/// A trace that leaves out what is known.
#[derive(Debug)]
pub struct Doubletree {
    plan: Plan,
    source: IpAddr,
    target: IpAddr,
    known: SharedStopSet,
    start: u8,
    slots: Vec<Slot>,
    forward: Way,
    backward: Way,
    ending: Ending,
    /// Why it ended forwards, and backwards.
    ended: Option<Stop>,
    because: Backward,
    /// Silent TTLs in a row.
    silent: u8,
    reports: Vec<HopReport>,
    stop: Option<Stop>,
    ignored: Ignored,
    sent: u32,
    received: u32,
}

impl Doubletree {
    /// A trace from `source` to `target` that begins at `now`.
    pub fn new(
        plan: Plan,
        known: SharedStopSet,
        source: IpAddr,
        target: IpAddr,
        now: Duration,
    ) -> Self {
        let start = START.clamp(plan.first_hop, plan.max_hops);
        let way = |ttl, is_over| Way { ttl, is_over, next_at: now };
        Self {
            forward: way(start, false),
            backward: way(start.saturating_sub(1), start <= plan.first_hop),
            plan,
            source,
            target,
            known,
            start,
            slots: Vec::new(),
            ending: Ending::default(),
            ended: None,
            because: Backward::FirstHop,
            silent: 0,
            reports: Vec::new(),
            stop: None,
            ignored: Ignored::default(),
            sent: 0,
            received: 0,
        }
    }

    fn at(&self, ttl: u8) -> impl Iterator<Item = &Slot> {
        self.slots.iter().filter(move |slot| slot.ttl == ttl)
    }

    /// Who answered at a TTL first.
    fn responder(&self, ttl: u8) -> Option<IpAddr> {
        self.at(ttl).find_map(|slot| match &slot.state {
            State::Answered(answer, _) => Some(answer.responder),
            _ => None,
        })
    }

    /// A TTL was answered, or given up.
    fn is_done(&self, ttl: u8) -> bool {
        let tries = self.at(ttl).filter(|slot| !matches!(slot.state, State::Failed)).count();
        let waits = self.at(ttl).any(|slot| matches!(slot.state, State::Waiting));
        self.responder(ttl).is_some() || !waits && tries >= usize::from(self.plan.probes)
    }

    fn go_on(&mut self) {
        while !self.forward.is_over && self.is_done(self.forward.ttl) {
            let ttl = self.forward.ttl;
            let responder = self.responder(ttl);
            self.silent = if responder.is_some() { 0 } else { self.silent.saturating_add(1) };
            let gap = self.plan.gap_limit;
            let known = |ip| self.known.borrow_mut().meet_towards(self.target, ip);
            self.ended = match (self.ending.end(), responder) {
                (Some((end, reached)), _) if end <= ttl => {
                    Some(if reached { Stop::Destination } else { Stop::Unreachable })
                }
                (_, Some(responder)) if known(responder) => Some(Stop::StopSet),
                _ if ttl >= self.plan.max_hops => Some(Stop::MaxHops),
                _ if gap > 0 && self.silent >= gap => Some(Stop::GapLimit),
                _ => None,
            };
            // The way back from the start is as well known as the start is.
            if ttl == self.start
                && let Some(responder) = responder
            {
                self.meet_near(ttl, responder);
            }
            self.forward.is_over = self.ended.is_some();
            self.forward.ttl += u8::from(self.ended.is_none());
        }
        // Nothing is decided backwards before it is known who answers at the start.
        while !self.backward.is_over && self.is_done(self.start) && self.is_done(self.backward.ttl)
        {
            let ttl = self.backward.ttl;
            if let Some(responder) = self.responder(ttl) {
                self.known.borrow_mut().meet_towards(self.target, responder);
                self.meet_near(ttl, responder);
            }
            if !self.backward.is_over {
                self.backward.is_over = ttl <= self.plan.first_hop;
                self.backward.ttl -= u8::from(!self.backward.is_over);
            }
        }
    }

    /// The destination is met where its path ends, which says nothing of paths to others.
    fn meet_near(&mut self, ttl: u8, responder: IpAddr) {
        if responder == self.target {
            return;
        }
        if self.known.borrow_mut().meet_near(self.source, ttl, responder) && !self.backward.is_over
        {
            self.backward.is_over = true;
            self.because = Backward::StopSet;
        }
    }

    fn next_send(&mut self, now: Duration) -> Option<Send> {
        let start_known = self.is_done(self.start);
        let ways = [(&self.forward, true), (&self.backward, start_known)];
        let ready = ways.into_iter().find(|(way, may)| {
            let waits = || self.at(way.ttl).any(|slot| matches!(slot.state, State::Waiting));
            *may && !way.is_over && way.next_at <= now && !waits() && !self.is_done(way.ttl)
        });
        let ttl = ready?.0.ttl;
        let way = if ttl >= self.start { &mut self.forward } else { &mut self.backward };
        way.next_at = now + self.plan.spacing;
        let sequence = self.slots.len() as u32;
        self.slots.push(Slot { ttl, sent_at: now, state: State::Waiting });
        self.sent += 1;
        Some(Send { sequence, ttl, flow: 0, size: None })
    }

    fn deadline(&self, slot: &Slot) -> Duration {
        let wait = &self.plan.wait;
        let slowest = |is_there: fn(u8, u8) -> bool| {
            let there = self.slots.iter().filter(|other| is_there(other.ttl, slot.ttl));
            let rtts = there.filter_map(|slot| match slot.state {
                State::Answered(_, rtt) => Some(rtt),
                _ => None,
            });
            rtts.max()
        };
        let near = slowest(|ttl, own| ttl > own).map(|rtt| wait.times(wait.near, rtt));
        slot.sent_at + near.unwrap_or(wait.max).min(wait.max)
    }

    fn expire(&mut self, now: Duration) {
        let is_over =
            |slot: &Slot| matches!(slot.state, State::Waiting) && self.deadline(slot) <= now;
        let over: Vec<usize> = self
            .slots
            .iter()
            .enumerate()
            .filter(|(_, slot)| is_over(slot))
            .map(|(at, _)| at)
            .collect();
        for at in over {
            if let Some(slot) = self.slots.get_mut(at) {
                slot.state = State::Lost;
            }
        }
    }

    fn probed(&self) -> Option<(u8, u8)> {
        let last = self.slots.iter().map(|slot| slot.ttl).max()?;
        let end = self.ending.end().map_or(last, |(end, _)| end.min(last));
        Some((self.slots.iter().map(|slot| slot.ttl).min()?.min(end), end))
    }

    /// Reports what was probed, and ends the trace.
    fn finish(&mut self, stop: Stop) {
        self.stop = Some(stop);
        let Some((first, last)) = self.probed() else { return };
        for ttl in first..=last {
            let mut report = HopReport { ttl, responders: Vec::new(), lost: Vec::new(), mtu: None };
            for (index, slot) in self.slots.iter().enumerate().filter(|(_, slot)| slot.ttl == ttl) {
                let sent = Sent { sequence: index as u32, flow: 0 };
                match &slot.state {
                    State::Answered(answer, rtt) => report.add(sent, answer, *rtt),
                    State::Lost | State::Waiting => report.lost.push(sent),
                    State::Failed => {}
                }
            }
            self.reports.push(report);
        }
    }
}

impl Strategy for Doubletree {
    fn poll(&mut self, now: Duration) -> Next {
        self.expire(now);
        if self.stop.is_none() {
            self.go_on();
            if let Some(stop) = self.ended.filter(|_| self.backward.is_over) {
                self.finish(stop);
            }
        }
        if self.stop.is_some() {
            return Next::Done;
        }
        if let Some(send) = self.next_send(now) {
            return Next::Send(send);
        }
        let waiting = self.slots.iter().filter(|slot| matches!(slot.state, State::Waiting));
        let paced = [&self.forward, &self.backward].map(|way| way.next_at);
        let due = paced.into_iter().filter(|at| *at > now);
        let next = waiting.map(|slot| self.deadline(slot)).chain(due).min();
        Next::Wait(next.unwrap_or(now + self.plan.wait.max))
    }

    fn send_failed(&mut self, sequence: u32, retry: Option<Duration>) {
        let Some(slot) = self.slots.get_mut(sequence as usize) else { return };
        slot.state = State::Failed;
        let way = if slot.ttl >= self.start { &mut self.forward } else { &mut self.backward };
        self.sent = self.sent.saturating_sub(1);
        match retry {
            Some(at) => way.next_at = at,
            None => self.finish(Stop::Error),
        }
    }

    fn answered(&mut self, sequence: u32, answer: Answer, quoted_ttl: Option<u8>, rtt: Duration) {
        let over = self.stop.is_some();
        let Some(slot) = self.slots.get_mut(sequence as usize) else {
            return self.ignored.forged += 1;
        };
        if quoted_ttl.is_some_and(|ttl| ttl > slot.ttl) {
            return self.ignored.forged += 1;
        }
        match slot.state {
            State::Failed => return self.ignored.forged += 1,
            State::Answered(..) => return self.ignored.duplicate += 1,
            State::Lost if over => return self.ignored.late += 1,
            State::Waiting | State::Lost => {}
        }
        self.received += 1;
        self.ending.note(slot.ttl, &answer, self.target);
        slot.state = State::Answered(Box::new(answer), rtt);
    }

    fn resolve(&mut self, _: u16, _: Duration) -> Option<u32> {
        let waits = |(_, slot): &(usize, &Slot)| matches!(slot.state, State::Waiting);
        let mut waiting = self.slots.iter().enumerate().filter(waits);
        match (waiting.next(), waiting.next()) {
            (Some((index, _)), None) => return Some(index as u32),
            (None, _) => self.ignored.late += 1,
            _ => self.ignored.ambiguous += 1,
        }
        None
    }

    fn forged(&mut self) {
        self.ignored.forged += 1;
    }

    fn interrupt(&mut self, stop: Stop) {
        if self.stop.is_none() {
            self.because = if self.backward.is_over { self.because } else { Backward::Interrupted };
            self.finish(stop);
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
        self.ending.end().filter(|(_, destination)| *destination).map(|(end, _)| end)
    }

    fn stop_set(&self) -> Option<StopSetUse> {
        let (first, last) = self.probed()?;
        Some(StopSetUse { start: self.start, first, last, backward: self.because })
    }
}
