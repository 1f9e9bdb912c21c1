//! One path from its middle in both directions, as far as the stop sets do not know it already
//! (Donnet et al. 2005). One probe is in flight each way; a TTL is done with its first answer.
//!
//! A TTL that seems silent is not waited for alone: while it is tried again, those beyond it are
//! tried as far as the gap limit would go, or those before it. Once all of these seem silent, one
//! probe goes as far as those of a plain trace would have been: if anybody answers, it goes on.
//!
//! What the sets know when a probe is answered counts, and not when the trace began: so traces
//! that run side by side share the way near the source, too.

#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::ops::RangeInclusive;
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
        }
    }

    /// Who answered at a TTL first.
    fn responder(&self, ttl: u8) -> Option<IpAddr> {
        self.ledger.at(ttl).find_map(|slot| match &slot.state {
            State::Answered(answer, _) => Some(answer.responder),
            _ => None,
        })
    }

    /// Probes that a TTL may yet be sent, were it never answered.
    fn tries_left(&self, ttl: u8) -> usize {
        let tries = self.ledger.at(ttl).filter(|slot| !slot.is_postponed()).count();
        usize::from(self.plan.probes).saturating_sub(tries)
    }

    /// A TTL was answered, or given up.
    fn is_done(&self, ttl: u8) -> bool {
        let waits = self.ledger.at(ttl).any(Slot::is_waiting);
        self.responder(ttl).is_some() || !waits && self.tries_left(ttl) == 0
    }

    /// A TTL was tried in vain, though it may be tried again.
    fn is_silent(&self, ttl: u8) -> bool {
        let is_lost = |slot: &Slot| matches!(slot.state, State::Lost | State::Failed);
        self.responder(ttl).is_none() && self.ledger.at(ttl).any(is_lost)
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

    /// The first TTL of the silence in which it is forwards.
    fn silent_from(&self) -> u8 {
        let before = (self.start..self.forward.ttl).rev();
        let silent = before.take_while(|ttl| self.responder(*ttl).is_none()).count();
        self.forward.ttl - silent as u8
    }

    /// The last TTL before the gap limit ends it, should everybody stay silent.
    fn gap_end(&self) -> u8 {
        let from = match self.plan.gap_limit {
            0 => self.forward.ttl.saturating_add(self.plan.lead),
            gap => self.silent_from().saturating_add(gap - 1),
        };
        let end = self.ending.end().map_or(self.plan.max_hops, |(end, _)| end);
        from.min(end).min(self.plan.max_hops).max(self.forward.ttl)
    }

    /// The TTLs that may be probed forwards.
    fn ahead(&self) -> RangeInclusive<u8> {
        let at = self.forward.ttl;
        at..=if self.is_silent(at) { self.gap_end() } else { at }
    }

    /// The TTLs that may be probed backwards.
    fn behind(&self) -> RangeInclusive<u8> {
        let at = self.backward.ttl;
        if self.is_silent(at) { self.plan.first_hop..=at } else { at..=at }
    }

    /// Where one probe looks for somebody beyond TTLs all of which seem silent, as far as the gap
    /// limit goes.
    fn far(&self) -> Option<u8> {
        let (from, end) = (self.silent_from(), self.gap_end());
        let is_gap = self.plan.gap_limit > 0 && end - from + 1 >= self.plan.gap_limit;
        let is_silence = self.ending.farthest() < from
            && (self.forward.ttl..=end).all(|ttl| self.is_silent(ttl));
        (is_gap && is_silence).then(|| self.plan.reach(from - 1, self.plan.lead))
    }

    /// A probe may be sent there: the first, or what is left once that was lost.
    fn is_wanted(&self, ttl: u8) -> bool {
        let may_follow = self.is_silent(ttl) || !self.ledger.at(ttl).any(Slot::is_waiting);
        self.responder(ttl).is_none() && self.tries_left(ttl) > 0 && may_follow
    }

    fn next_send(&mut self, now: Duration) -> Option<Send> {
        if self.plan.serial && self.ledger.waiting().next().is_some() {
            return None;
        }
        let may = |way: &Way| !way.is_over && way.next_at <= now;
        let forwards = may(&self.forward).then(|| {
            let far = self.far().filter(|far| *far > self.forward.ttl && !self.is_tried(*far));
            self.ahead().find(|ttl| self.is_wanted(*ttl)).or(far)
        });
        let is_start_known = self.is_done(self.start) || self.is_silent(self.start);
        let backwards = (is_start_known && may(&self.backward))
            .then(|| self.behind().rev().find(|ttl| self.is_wanted(*ttl)));
        let ttl = forwards.flatten().or(backwards.flatten())?;
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
        // What was tried ahead of either way's end is not what the trace rests on.
        let probed = self.backward.ttl..=self.forward.ttl;
        let is_meant = |slot: &&Slot| !slot.is_unsent() && probed.contains(&slot.ttl);
        let ttls = || self.ledger.slots.iter().filter(is_meant).map(|slot| slot.ttl);
        let last = ttls().max()?;
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
