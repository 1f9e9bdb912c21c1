//! Every path to a destination: the Multipath Detection Algorithm (Augustin, Friedman, Teixeira
//! 2007; Veitch et al. 2009) as a state machine with no sockets and no clock.
//!
//! - Flow 0 goes ahead and finds the length of the path; the first few flows follow close behind,
//!   for every hop needs that many.
//! - Then hop after hop is closed (`planning`): node by node where few nodes are before it
//!   (*node control*), over the whole hop where many are, as long as links neither cross nor
//!   are shared out unevenly (MDA-Lite, Vermeulen et al. 2018).
//! - Where flows part, some are sent once more, to tell balancing per packet from per flow.
//! - A hop that stays silent hides nobody: the flows beyond it are those before it.
//! - What a flow met at two neighbouring TTLs is a link, and every link found is made visible so.

mod hop;
mod planning;
mod report;
pub mod stopping;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::time::Duration;

use tm_schema::{Paths, ReplyKind, Stop};

use crate::ledger::{Ledger, Meant, Slot, State};
use crate::strategy::{Strategy, Unsent};
use crate::trace::{Answer, Ending, Next, Plan, Send};
use hop::Hop;
use stopping::{Confidence, Stopping};

/// Flows that a discovery may use.
pub const FLOWS: u16 = 4096;
/// Probes that a discovery may send: their numbers are 16 bits wide.
const PROBES: usize = 60_000;
/// Flows that the kernel may refuse to send before it is taken to send none.
const REFUSALS: usize = 64;
/// TTLs that flow 0 is ahead of the farthest answer.
const LEAD: u8 = 3;

/// What a discovery has found before it is over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// What was asked for.
    pub host: String,
    /// The nearest TTL that is being probed.
    pub ttl: u8,
    /// The farthest TTL that anybody answered at.
    pub farthest: u8,
    /// Responders, those of each TTL.
    pub nodes: usize,
    /// Pairs of them that a flow met one after the other.
    pub links: usize,
    /// Probes sent.
    pub probes: u32,
}

/// The discovery of all paths to one target.
#[derive(Debug)]
pub struct Discovery {
    plan: Plan,
    most_flows: u16,
    most_probes: usize,
    confidence: Confidence,
    stopping: Stopping,
    target: IpAddr,
    /// By TTL.
    hops: Vec<Hop>,
    ledger: Ledger,
    /// Where flows end.
    endings: HashMap<u16, Ending>,
    /// The nearest TTL at which any flow met the destination.
    nearest: Option<u8>,
    /// Probes in flight, by flow.
    busy: HashMap<u16, usize>,
    /// Flows that the kernel would not send.
    dead: BTreeSet<u16>,
    /// The largest TTL that flow 0 was sent to, and when the next may follow.
    opened: u8,
    next_open: Duration,
    /// The farthest TTL that anybody answered at.
    farthest: u8,
    /// The farthest answer when nobody answered within the gap limit: it is looked beyond that.
    looked_from: Option<u8>,
    /// One probe of a flow in flight at a time.
    serial: bool,
    /// Somebody quotes too little to tell the probes of a flow apart.
    wary: bool,
    /// Something changed since the last planning.
    dirty: bool,
    /// A stopping point could not be reached.
    incomplete: bool,
    /// Counts how often the end of a flow was found or moved.
    endings_changed: u64,
    next_report: u16,
}

impl Discovery {
    /// A discovery of the paths to `target` that begins at `now`.
    pub fn new(plan: Plan, confidence: Confidence, target: IpAddr, now: Duration) -> Self {
        Self {
            hops: vec![Hop::default(); usize::from(plan.max_hops) + 2],
            opened: plan.first_hop.saturating_sub(1),
            farthest: plan.first_hop.saturating_sub(1),
            next_report: u16::from(plan.first_hop),
            looked_from: None,
            next_open: now,
            serial: plan.serial,
            most_flows: FLOWS,
            most_probes: PROBES,
            plan,
            confidence,
            stopping: Stopping::new(confidence),
            target,
            ledger: Ledger::default(),
            endings: HashMap::new(),
            nearest: None,
            busy: HashMap::new(),
            dead: BTreeSet::new(),
            wary: false,
            dirty: true,
            incomplete: false,
            endings_changed: 0,
        }
    }

    fn hop(&self, ttl: u8) -> Option<&Hop> {
        self.hops.get(usize::from(ttl))
    }

    fn hop_mut(&mut self, ttl: u8) -> Option<&mut Hop> {
        self.hops.get_mut(usize::from(ttl))
    }

    /// The TTL at which a flow ends, and whether at the destination.
    ///
    /// A flow that met nobody where others met the destination, and then the destination, was
    /// there already: the answer was lost.
    fn end(&self, flow: u16) -> Option<(u8, bool)> {
        let ending = self.endings.get(&flow)?;
        match (ending.end()?, self.nearest) {
            ((ttl, true), Some(nearest)) if ending.passed < nearest => {
                Some((ttl.min(nearest), true))
            }
            (end, _) => Some(end),
        }
    }

    /// The flow goes on at least to this TTL, as far as is known.
    fn lasts(&self, flow: u16, ttl: u8) -> bool {
        self.end(flow).is_none_or(|(end, _)| end >= ttl)
    }

    /// Flow 0 goes on while its answers do.
    fn open(&mut self, now: Duration) {
        while self.opened < self.limit() && self.next_open <= now {
            self.opened += 1;
            let ttl = self.opened;
            if let Some(hop) = self.hop_mut(ttl) {
                hop.todo.push_back(0);
            }
            self.next_open =
                self.next_open.max(now.saturating_sub(self.plan.stagger * 4)) + self.plan.stagger;
        }
    }

    /// The largest TTL for flow 0.
    fn limit(&self) -> u8 {
        if let Some((end, _)) = self.end(0) {
            return end;
        }
        match self.looked_from {
            Some(from) if from == self.farthest => self.plan.reach(from, self.plan.lead),
            _ => self.near_end(),
        }
    }

    /// How far flow 0 is followed where nobody answers it.
    fn near_end(&self) -> u8 {
        self.plan.reach(self.farthest, if self.serial { 1 } else { LEAD })
    }

    fn next_send(&mut self, now: Duration) -> Option<Send> {
        if self.is_spent() {
            for hop in &mut self.hops {
                self.incomplete |= !hop.todo.is_empty();
                hop.todo.clear();
            }
            return None;
        }
        let (serial, busy) = (self.serial, &self.busy);
        let free = |flow: &u16| !serial || !busy.contains_key(flow);
        let ready = self.hops.iter().zip(0..=u8::MAX).filter(|(hop, _)| hop.next_at <= now);
        let ready = ready.filter(|(hop, _)| hop.todo.iter().any(free));
        let (_, ttl) = ready.min_by_key(|(hop, ttl)| (hop.next_at, *ttl))?;
        let hop = self.hops.get_mut(usize::from(ttl))?;
        let flow = hop.todo.iter().position(free).and_then(|at| hop.todo.remove(at))?;
        let share = hop.ips.len().clamp(1, 16) as u32;
        hop.next_at = now + self.plan.spacing / share;
        hop.in_flight += 1;
        hop.changes += 1;
        let seen = hop.flows.entry(flow).or_default();
        seen.pending += 1;
        seen.tries += 1;
        *self.busy.entry(flow).or_default() += 1;
        Some(self.ledger.launch(Slot::new(ttl, flow, now)))
    }

    /// A probe is no longer in flight.
    fn landed(&mut self, sequence: usize) {
        let Some(&Slot { ttl, flow, .. }) = self.ledger.slot(sequence) else { return };
        if let Some(hop) = self.hop_mut(ttl) {
            hop.in_flight = hop.in_flight.saturating_sub(1);
            hop.changes += 1;
            let quiet = hop.in_flight == 0;
            if let Some(seen) = hop.flows.get_mut(&flow) {
                seen.pending = seen.pending.saturating_sub(1);
            }
            self.dirty |= quiet;
        }
        if let Some(count) = self.busy.get_mut(&flow) {
            *count -= 1;
            if *count == 0 {
                self.busy.remove(&flow);
            }
        }
    }

    fn expire(&mut self, now: Duration) {
        for index in self.ledger.overdue(now, |slot| self.deadline(slot)) {
            self.ledger.set(index, State::Lost);
            self.landed(index);
        }
    }

    fn deadline(&self, slot: &Slot) -> Duration {
        let wait = &self.plan.wait;
        if self.wary {
            return slot.sent_at + wait.max; // a late answer would be taken for the next one's
        }
        self.ledger.patience(slot, wait, slot.ttl..=slot.ttl)
    }

    fn wake(&self, now: Duration) -> Duration {
        let due = self.hops.iter().filter(|hop| !hop.todo.is_empty() && hop.next_at > now);
        let opening = (self.opened < self.limit()).then_some(self.next_open);
        let waiting = self.ledger.waiting().map(|slot| self.deadline(slot));
        waiting
            .chain(due.map(|hop| hop.next_at))
            .chain(opening)
            .min()
            .unwrap_or(now + self.plan.wait.max)
    }

    /// The farthest answer of all, those beyond the end of their flow apart.
    fn note_answer(&mut self, ttl: u8, flow: u16, answer: &Answer) {
        let ending = self.endings.entry(flow).or_default();
        let before = ending.end();
        ending.note(ttl, answer, self.target);
        let reached = answer.kind != ReplyKind::TimeExceeded && answer.responder == self.target;
        if reached && self.nearest.is_none_or(|nearest| ttl < nearest) {
            self.nearest = Some(ttl);
            self.endings_changed += 1;
        }
        self.endings_changed += u64::from(ending.end() != before);
        let end = self.end(flow).map_or(ttl, |(end, _)| end.min(ttl));
        self.dirty |= end > self.farthest;
        self.farthest = self.farthest.max(end);
    }
}

impl Strategy for Discovery {
    fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn ledger_mut(&mut self) -> &mut Ledger {
        &mut self.ledger
    }

    fn poll(&mut self, now: Duration) -> Next {
        self.expire(now);
        loop {
            if self.ledger.stop.is_some() {
                return Next::Done;
            }
            self.open(now);
            if let Some(send) = self.next_send(now) {
                return Next::Send(send);
            }
            if !std::mem::take(&mut self.dirty) {
                return Next::Wait(self.wake(now));
            }
            match self.is_spent() {
                true => self.end_spent(),
                false => self.plan_more(now),
            }
        }
    }

    fn send_failed(&mut self, sequence: u32, why: Unsent) {
        let index = sequence as usize;
        if self.ledger.unsent(index, why) {
            self.landed(index);
        }
        let Some(&Slot { ttl, flow, .. }) = self.ledger.slot(index) else { return };
        let Some(hop) = self.hop_mut(ttl) else { return };
        if let Some(seen) = hop.flows.get_mut(&flow) {
            seen.tries = seen.tries.saturating_sub(1);
        }
        if let Unsent::ForNow(at) = why {
            hop.todo.push_back(flow);
            hop.next_at = hop.next_at.max(at);
            return;
        }
        self.dead.insert(flow);
    }

    fn answered(&mut self, sequence: u32, answer: Answer, quoted_ttl: Option<u8>, rtt: Duration) {
        let next_report = self.next_report;
        let is_reported = |slot: &Slot| u16::from(slot.ttl) < next_report;
        if !self.ledger.admits(sequence, quoted_ttl, is_reported) {
            return;
        }
        let index = sequence as usize;
        if self.ledger.answered(index, answer.clone(), rtt) {
            self.landed(index);
        } else {
            self.dirty = true; // an answer after all
        }
        let Some(&Slot { ttl, flow, .. }) = self.ledger.slot(index) else { return };
        if let Some(hop) = self.hop_mut(ttl) {
            hop.changes += 1;
            hop.ips.insert(answer.responder);
            hop.flows.entry(flow).or_default().met.push(answer.responder);
        }
        self.note_answer(ttl, flow, &answer);
    }

    fn resolve(&mut self, flow: u16, now: Duration) -> Option<u32> {
        let max = self.plan.wait.max;
        let meant = self.ledger.meant(|slot| match slot.state {
            _ if slot.flow != flow => false,
            State::Waiting => true,
            State::Lost => !self.wary && slot.sent_at + max > now,
            _ => false,
        });
        if meant == Meant::Several {
            self.serial = true;
            self.wary = true;
            self.forgive(flow);
        }
        meant.probe()
    }

    fn interrupt(&mut self, stop: Stop) {
        if self.ledger.stop.is_none() {
            self.incomplete = true;
            self.finish(stop, self.farthest);
        }
    }

    fn length(&self) -> Option<u8> {
        let ends = self.endings.keys().filter_map(|&flow| self.end(flow));
        ends.filter(|&(_, destination)| destination).map(|(ttl, _)| ttl).max()
    }

    fn paths(&self) -> Option<Paths> {
        Some(self.summary())
    }

    fn found(&self) -> Option<Found> {
        Some(self.so_far())
    }
}

impl Discovery {
    /// All probes that it may send were sent, or the kernel sends no more.
    fn is_spent(&self) -> bool {
        self.ledger.slots.len() >= self.most_probes || self.is_barred()
    }

    fn is_barred(&self) -> bool {
        self.dead.len() > REFUSALS
    }

    /// Ends it when the last of them was answered or given up.
    fn end_spent(&mut self) {
        self.incomplete = true;
        if self.ledger.waiting().next().is_none() {
            let stop = match self.length() {
                _ if self.is_barred() => Stop::Error,
                Some(_) => Stop::Destination,
                None => Stop::Interrupted,
            };
            self.finish(stop, self.farthest);
        }
    }

    /// The probes of a flow that cannot be told apart are no attempts.
    fn forgive(&mut self, flow: u16) {
        for hop in &mut self.hops {
            if let Some(seen) = hop.flows.get_mut(&flow)
                && seen.pending > 0
            {
                seen.tries = seen.tries.saturating_sub(1);
            }
        }
    }
}
