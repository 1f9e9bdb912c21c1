//! One path from its middle in both directions, as far as the stop sets do not know it already
//! (Donnet et al. 2005). One probe is in flight each way; a TTL is done with its first answer.
//!
//! Where the gap limit would end it, one probe goes as far as those of a plain trace would have
//! been: if anybody answers, it goes on.
//!
//! What the sets know when a probe is answered counts, and not when the trace began: so traces
//! that run side by side share the way near the source, too.

#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::time::Duration;

use tm_schema::{Backward, Stop, StopSetUse};

use crate::ledger::{Ledger, Slot, State};
use crate::stop_set::{Entry, SharedStopSet};
use crate::strategy::{Strategy, Unsent};
use crate::trace::{Answer, Ending, HopReport, Next, Plan, Send};

/// Where a trace begins: far enough that few destinations answer at once, near enough that most
/// paths have something beyond it.
const START: u8 = 5;

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
    /// What it added to that.
    added: Vec<Entry>,
    start: u8,
    ledger: Ledger,
    forward: Way,
    backward: Way,
    ending: Ending,
    /// Why it ended forwards, and backwards.
    ended: Option<Stop>,
    because: Backward,
    /// Where one probe looks for somebody beyond silent TTLs.
    far: Option<u8>,
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
            added: Vec::new(),
            start,
            ledger: Ledger::default(),
            ending: Ending::default(),
            ended: None,
            because: Backward::FirstHop,
            far: None,
        }
    }

    /// Who answered at a TTL first.
    fn responder(&self, ttl: u8) -> Option<IpAddr> {
        self.ledger.at(ttl).find_map(|slot| match &slot.state {
            State::Answered(answer, _) => Some(answer.responder),
            _ => None,
        })
    }

    /// A TTL was answered, or given up.
    fn is_done(&self, ttl: u8) -> bool {
        let tries = self.ledger.at(ttl).filter(|slot| !slot.is_postponed()).count();
        let waits = self.ledger.at(ttl).any(Slot::is_waiting);
        self.responder(ttl).is_some() || !waits && tries >= usize::from(self.plan.probes)
    }

    fn go_on(&mut self) {
        self.go_forwards();
        // Nothing is decided backwards before it is known who answers at the start.
        if self.is_done(self.start) {
            self.go_backwards();
        }
    }

    fn go_forwards(&mut self) {
        while !self.forward.is_over && self.is_done(self.forward.ttl) {
            let ttl = self.forward.ttl;
            let responder = self.responder(ttl);
            self.ended = match (self.ending.end(), responder) {
                (Some((end, reached)), _) if end <= ttl => {
                    Some(if reached { Stop::Destination } else { Stop::Unreachable })
                }
                (_, Some(ip)) if self.meet(Entry::Global(self.target, ip)) => Some(Stop::StopSet),
                _ if ttl >= self.plan.max_hops => Some(Stop::MaxHops),
                _ => match self.is_over_in_silence(ttl) {
                    Some(false) => None,
                    Some(true) => {
                        let silent = self.ending.farthest().saturating_add(1)..=ttl;
                        Some(self.ledger.after_silence(Stop::GapLimit, silent))
                    }
                    None => return,
                },
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
    }

    /// So many TTLs up to this one are silent that it ends here; `None`: that depends on the
    /// answer of somebody far beyond them.
    fn is_over_in_silence(&mut self, ttl: u8) -> Option<bool> {
        let is_silent = |ttl: &u8| self.responder(*ttl).is_none();
        let silent = (self.start..=ttl).rev().take_while(is_silent).count() as u8;
        let gap = self.plan.gap_limit;
        if gap == 0 || silent < gap || self.ending.farthest() > ttl {
            return Some(false);
        }
        let far = self.plan.reach(ttl - silent, self.plan.lead);
        self.far = Some(far);
        let is_tried = self.is_tried(far) && !self.ledger.at(far).any(Slot::is_waiting);
        (far <= ttl || is_tried).then_some(true)
    }

    fn is_tried(&self, ttl: u8) -> bool {
        self.ledger.at(ttl).any(|slot| !slot.is_postponed())
    }

    fn go_backwards(&mut self) {
        while !self.backward.is_over && self.is_done(self.backward.ttl) {
            let ttl = self.backward.ttl;
            if let Some(responder) = self.responder(ttl) {
                self.meet(Entry::Global(self.target, responder));
                self.meet_near(ttl, responder);
            }
            if !self.backward.is_over {
                self.backward.is_over = ttl <= self.plan.first_hop;
                self.backward.ttl -= u8::from(!self.backward.is_over);
            }
        }
    }

    /// Notes who was met; true if the sets know it.
    fn meet(&mut self, entry: Entry) -> bool {
        let is_known = self.known.borrow_mut().meet(entry);
        self.added.extend((!is_known).then_some(entry));
        is_known
    }

    /// The destination is met where its path ends, which says nothing of paths to others.
    fn meet_near(&mut self, ttl: u8, responder: IpAddr) {
        if responder == self.target {
            return;
        }
        if self.meet(Entry::Local(self.source, ttl, responder)) && !self.backward.is_over {
            self.backward.is_over = true;
            self.because = Backward::StopSet;
        }
    }

    fn next_send(&mut self, now: Duration) -> Option<Send> {
        let start_known = self.is_done(self.start);
        let ways = [(&self.forward, true), (&self.backward, start_known)];
        let ready = ways.into_iter().find(|(way, may)| {
            let waits = || self.ledger.at(way.ttl).any(Slot::is_waiting);
            *may && !way.is_over && way.next_at <= now && !waits() && !self.is_done(way.ttl)
        });
        let may_look = !self.forward.is_over && self.forward.next_at <= now;
        let far =
            self.far.filter(|far| may_look && *far > self.forward.ttl && !self.is_tried(*far));
        let ttl = ready.map(|(way, _)| way.ttl).or(far)?;
        let way = if ttl >= self.start { &mut self.forward } else { &mut self.backward };
        way.next_at = now + self.plan.spacing;
        Some(self.ledger.launch(Slot::new(ttl, 0, now)))
    }

    fn deadline(&self, slot: &Slot) -> Duration {
        self.ledger.patience(slot, &self.plan.wait, slot.ttl..=slot.ttl)
    }

    fn expire(&mut self, now: Duration) {
        for index in self.ledger.overdue(now, |slot| self.deadline(slot)) {
            self.ledger.set(index, State::Lost);
        }
    }

    fn probed(&self) -> Option<(u8, u8)> {
        let sent = || self.ledger.slots.iter().filter(|slot| !slot.is_unsent());
        let ttls = || sent().map(|slot| slot.ttl);
        let last = ttls().filter(|ttl| *ttl <= self.forward.ttl).max()?;
        let end = self.ending.end().map_or(last, |(end, _)| end.min(last));
        Some((ttls().min()?.min(end), end))
    }

    /// Reports what was probed, and ends the trace.
    fn finish(&mut self, stop: Stop) {
        self.ledger.stop = Some(stop);
        self.known.borrow_mut().settle(&self.added);
        let Some((first, last)) = self.probed() else { return };
        let report = |ttl| HopReport::new(ttl, self.ledger.numbered(ttl));
        self.ledger.reports = (first..=last).map(report).collect();
    }
}

impl Strategy for Doubletree {
    fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn ledger_mut(&mut self) -> &mut Ledger {
        &mut self.ledger
    }

    fn poll(&mut self, now: Duration) -> Next {
        self.expire(now);
        if self.ledger.stop.is_none() {
            self.go_on();
            if let Some(stop) = self.ended.filter(|_| self.backward.is_over) {
                self.finish(stop);
            }
        }
        if self.ledger.stop.is_some() {
            return Next::Done;
        }
        if let Some(send) = self.next_send(now) {
            return Next::Send(send);
        }
        let paced = [&self.forward, &self.backward].map(|way| way.next_at);
        let due = paced.into_iter().filter(|at| *at > now);
        let next = self.ledger.waiting().map(|slot| self.deadline(slot)).chain(due).min();
        Next::Wait(next.unwrap_or(now + self.plan.wait.max))
    }

    fn send_failed(&mut self, sequence: u32, why: Unsent) {
        self.ledger.unsent(sequence as usize, why);
        let Some(slot) = self.ledger.slot(sequence as usize) else { return };
        let way = if slot.ttl >= self.start { &mut self.forward } else { &mut self.backward };
        if let Unsent::ForNow(at) = why {
            way.next_at = at;
        }
    }

    fn answered(&mut self, sequence: u32, answer: Answer, quoted_ttl: Option<u8>, rtt: Duration) {
        let (index, is_over) = (sequence as usize, self.ledger.stop.is_some());
        if !self.ledger.admits(sequence, quoted_ttl, |_| is_over) {
            return;
        }
        if let Some(slot) = self.ledger.slot(index) {
            self.ending.note(slot.ttl, &answer, self.target);
        }
        self.ledger.answered(index, answer, rtt);
    }

    fn resolve(&mut self, _: u16, _: Duration) -> Option<u32> {
        self.ledger.meant(Slot::is_waiting).probe()
    }

    fn interrupt(&mut self, stop: Stop) {
        if self.ledger.stop.is_none() {
            self.go_on(); // what was answered since the last look counts
            self.because = if self.backward.is_over { self.because } else { Backward::Interrupted };
            self.finish(stop);
        }
    }

    fn length(&self) -> Option<u8> {
        self.ending.end().filter(|(_, destination)| *destination).map(|(end, _)| end)
    }

    fn stop_set(&self) -> Option<StopSetUse> {
        let (first, last) = self.probed()?;
        Some(StopSetUse { start: self.start, first, last, backward: self.because })
    }
}
