//! Path MTU: the largest datagram that reaches each TTL. Probes say "do not fragment" and begin
//! at the MTU of the interface.
//!
//! - A router that refuses a probe names the MTU of the next link (RFC 1191, RFC 8201); that TTL
//!   and all beyond it are probed again with that size.
//! - Whoever answers small probes and no large ones stands behind a black hole, unless somebody
//!   farther away answers large ones: then `search` finds the size that passes, as it does where
//!   a router refuses and names nothing (RFC 4821).
//! - Who answers neither is silent, and nothing is known of its MTU but what those beyond it say:
//!   what came farther came this far.
//!
//! All TTLs of a window are in flight at once, one flow to all of them. Where the gap limit would
//! end it, one small probe goes to each TTL a plain trace would have in flight: silent routers
//! hide nobody who answers behind them.

mod report;
mod search;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::time::Duration;

use tm_schema::{MtuDrop, MtuLimit, PathMtu, Stop};

use crate::ledger::{Ledger, Meant, Slot, State};
use crate::strategy::{Strategy, Unsent};
use crate::trace::{Answer, Ending, Next, Plan, Send};
use search::Search;

/// Probes of one size that go unanswered before a TTL is taken not to answer it.
const TRIES: usize = 3;
/// TTLs in flight beyond the farthest answer, where no gap limit says more.
const LEAD: u8 = 3;
/// Every link carries IPv6 datagrams of this size (RFC 8200).
const LEAST_V6: u16 = 1280;
/// The same of IPv4 (RFC 791).
const LEAST_V4: u16 = 68;

/// The discovery of a path's MTU as a state machine.
#[derive(Debug)]
pub struct Mtu {
    plan: Plan,
    target: IpAddr,
    /// MTU of the interface.
    interface: u16,
    /// Probes that pass where anything does.
    small: u16,
    /// The size tried, by TTL.
    sizes: Vec<u16>,
    /// When the next probe of a TTL may leave.
    next_at: Vec<Duration>,
    ledger: Ledger,
    ending: Ending,
    drops: Vec<MtuDrop>,
    search: Option<Search>,
    /// TTLs at which a search came to no end.
    unsure: Vec<u8>,
    /// A TTL up to which a router refused a size and named none that would pass.
    refused: Option<u8>,
    /// The farthest answer when nobody answered within the gap limit: it is looked beyond that.
    looked_from: Option<u8>,
    /// Somebody quotes too little to tell probes apart: one in flight at a time.
    serial: bool,
}

impl Mtu {
    /// A discovery towards `target` that begins at `now`; datagrams of `interface` octets can be
    /// sent.
    pub fn new(plan: Plan, interface: u16, target: IpAddr, now: Duration) -> Self {
        let levels = usize::from(plan.max_hops) + 1;
        let small = if target.is_ipv6() { 80 } else { 60 };
        Self {
            serial: plan.serial,
            target,
            interface: interface.max(small),
            small,
            sizes: vec![interface.max(small); levels],
            next_at: vec![now; levels],
            ledger: Ledger::default(),
            ending: Ending::default(),
            drops: Vec::new(),
            search: None,
            unsure: Vec::new(),
            refused: None,
            looked_from: None,
            plan,
        }
    }

    /// The size tried at a TTL; at least the largest that was answered there.
    fn size(&self, ttl: u8) -> u16 {
        let tried = self.sizes.get(usize::from(ttl)).copied().unwrap_or(self.small);
        tried.max(self.passed(ttl).unwrap_or(0))
    }

    /// The largest size that was answered at a TTL.
    fn passed(&self, ttl: u8) -> Option<u16> {
        self.ledger.at(ttl).filter(|slot| slot.is_answered()).map(Slot::octets).max()
    }

    /// The largest size that was answered at this TTL or farther on.
    fn carried(&self, ttl: u8) -> Option<u16> {
        let beyond = self.ledger.slots.iter().filter(|slot| slot.ttl >= ttl && slot.is_answered());
        beyond.map(Slot::octets).max()
    }

    /// The last TTL to probe, as far as is known.
    fn limit(&self) -> u8 {
        let farthest = self.farthest();
        match self.ending.end() {
            Some((end, _)) => end,
            None if self.looked_from == Some(farthest) => self.plan.reach(farthest, self.plan.lead),
            None => self.plan.reach(farthest, LEAD),
        }
    }

    /// The farthest TTL that anybody answered at.
    fn farthest(&self) -> u8 {
        self.ending.farthest().max(self.plan.first_hop.saturating_sub(1))
    }

    /// Nobody is known to answer near it or beyond: one small probe has to show that.
    fn is_far(&self, ttl: u8) -> bool {
        self.ending.end().is_none() && ttl > self.plan.reach(self.farthest(), LEAD)
    }

    /// The next size to send at a TTL; `None`: nothing for now, or it is settled.
    fn wanted(&self, ttl: u8) -> Option<u16> {
        if self.is_far(ttl) {
            let is_fresh = !self.ledger.at(ttl).any(was_sent);
            return is_fresh.then_some(self.small);
        }
        let size = self.size(ttl);
        let count = |size: u16, is: fn(&Slot) -> bool| {
            self.ledger.at(ttl).filter(|slot| slot.octets() == size && is(slot)).count()
        };
        let tries = count(size, was_sent);
        if self.passed(ttl) == Some(size) {
            return (tries < usize::from(self.plan.probes)).then_some(size);
        }
        // The first probe is alone; where it is lost, the others follow each other.
        let (waiting, refused) = (count(size, Slot::is_waiting), count(size, Slot::is_refused));
        if tries < TRIES && refused == 0 {
            return (waiting == 0 || tries > waiting).then_some(size);
        }
        if waiting > 0 {
            return None;
        }
        if self.carried(ttl).is_some_and(|carried| carried >= size) {
            return None;
        }
        let small = self.small.min(size);
        let (sent, waiting) = (count(small, was_sent), count(small, Slot::is_waiting));
        let is_answered = count(small, Slot::is_answered) > 0;
        (!is_answered && sent < TRIES && (waiting == 0 || sent > waiting)).then_some(small)
    }

    fn is_settled(&self, ttl: u8) -> bool {
        self.wanted(ttl).is_none() && !self.ledger.at(ttl).any(Slot::is_waiting)
    }

    fn first(&self) -> u8 {
        self.plan.first_hop
    }

    /// The nearest TTL that answers small probes where neither it nor anybody beyond answers
    /// those of the size tried; with the largest size that passed, and the one that did not.
    fn suspect(&self) -> Option<(u8, u16, u16)> {
        (self.first()..=self.limit()).find_map(|ttl| {
            self.passed(ttl)?;
            let (tried, carried) = (*self.sizes.get(usize::from(ttl))?, self.carried(ttl)?);
            let is_open = carried < tried && !self.unsure.contains(&ttl);
            is_open.then_some((ttl, carried, tried))
        })
    }

    fn next_send(&mut self, now: Duration) -> Option<Send> {
        if self.serial && self.ledger.waiting().next().is_some() {
            return None;
        }
        let (ttl, size) = match &mut self.search {
            Some(search) => (search.ttl, search.next(now)?),
            None => (self.first()..=self.limit()).find_map(|ttl| {
                let due = self.next_at.get(usize::from(ttl)).is_some_and(|at| *at <= now);
                due.then(|| Some((ttl, self.wanted(ttl)?))).flatten()
            })?,
        };
        if let Some(next_at) = self.next_at.get_mut(usize::from(ttl)) {
            *next_at = now + self.plan.spacing;
        }
        let send = self.ledger.launch(Slot { size: Some(size), ..Slot::new(ttl, 0, now) });
        if let Some(search) = &mut self.search {
            search.sent(send.sequence as usize);
        }
        Some(send)
    }

    fn expire(&mut self, now: Duration) {
        for index in self.ledger.overdue(now, |slot| self.deadline(slot)) {
            self.ledger.set(index, State::Lost);
        }
    }

    fn deadline(&self, slot: &Slot) -> Duration {
        let wait = &self.plan.wait;
        if self.serial {
            return slot.sent_at + wait.max;
        }
        self.ledger.patience(slot, wait, slot.ttl..=slot.ttl)
    }

    /// No datagram larger than `size` is to be tried at a TTL or beyond.
    fn lower(&mut self, from: u8, size: u16) {
        for tried in self.sizes.iter_mut().skip(usize::from(from)) {
            *tried = (*tried).min(size);
        }
    }

    /// The host itself sends no datagram larger than `size`.
    fn shrink(&mut self, size: u16) {
        self.interface = self.interface.min(size);
        self.lower(0, size);
    }

    /// A router nearer than `ttl` refused a probe for its size.
    fn refuse(&mut self, index: usize, named: Option<u32>) {
        let Some((ttl, size)) = self.ledger.slot(index).map(|slot| (slot.ttl, slot.octets()))
        else {
            return;
        };
        let least = if self.target.is_ipv6() { LEAST_V6 } else { LEAST_V4 };
        let named = named.filter(|mtu| *mtu > 0).map(|mtu| mtu.max(u32::from(least)));
        let named = named.and_then(|mtu| u16::try_from(mtu).ok()).filter(|mtu| *mtu < size);
        self.ledger.set(index, State::Refused(named));
        match named {
            Some(mtu) => {
                let known = self.drops.iter().any(|drop| drop.octets == u32::from(mtu));
                if !known {
                    self.note_drop(ttl, size, mtu, MtuLimit::Reported);
                }
                self.lower(ttl, mtu);
            }
            None => self.refused = Some(self.refused.map_or(ttl, |known| known.max(ttl))),
        }
    }

    /// Notes where larger datagrams stop; where it is, is told by who answered larger ones when
    /// all is over.
    fn note_drop(&mut self, hop: u8, refused: u16, octets: u16, limit: MtuLimit) {
        let (refused, octets) = (u32::from(refused), u32::from(octets));
        self.drops.push(MtuDrop { after: 0, hop, refused, octets, limit });
    }

    /// Begins a search where there is a suspect, and ends one that is over.
    fn consider(&mut self) {
        if let Some(search) = &mut self.search {
            let Some(found) = search.step(&self.ledger) else { return };
            let ttl = search.ttl;
            self.search = None;
            match found {
                search::Found::Passes => {} // the suspicion was loss
                search::Found::Size { low, is_barred: true, .. } => self.shrink(low),
                search::Found::Size { low, high, is_barred: false } => {
                    let was_told = self.refused.is_some_and(|far| far >= ttl);
                    let limit = if was_told { MtuLimit::Refused } else { MtuLimit::BlackHole };
                    if !self.drops.iter().any(|drop| drop.octets == u32::from(low)) {
                        self.note_drop(ttl, high, low, limit);
                    }
                    self.lower(ttl, low);
                    self.refused = None;
                }
                search::Found::Unknown => self.unsure.push(ttl),
            }
        }
        let settled = (self.first()..=self.limit()).all(|ttl| self.is_settled(ttl));
        if !settled {
            return;
        }
        match self.suspect() {
            Some((ttl, low, high)) => self.search = Some(Search::new(ttl, low, high, self.small)),
            None => self.conclude(),
        }
    }

    /// Everything is settled and nobody is under suspicion.
    fn conclude(&mut self) {
        let farthest = self.farthest();
        match (self.ending.end(), self.plan.silence(farthest)) {
            (Some((end, true)), _) => self.finish(Stop::Destination, end),
            (Some((end, false)), _) => self.finish(Stop::Unreachable, end),
            (None, (Stop::GapLimit, _)) if self.looked_from != Some(farthest) && !self.serial => {
                self.looked_from = Some(farthest);
            }
            (None, (stop, last)) => {
                let silent = farthest.saturating_add(1)..=last;
                self.finish(self.ledger.after_silence(stop, silent), last);
            }
        }
    }
}

/// It counts as an attempt.
fn was_sent(slot: &Slot) -> bool {
    !slot.is_postponed()
}

/// The answer says that the probe was too large.
fn is_refusal(answer: &Answer) -> bool {
    let kind = (answer.responder.is_ipv6(), answer.icmp_type, answer.code);
    matches!(kind, (false, Some(3), Some(4)) | (true, Some(2), _))
}

impl Strategy for Mtu {
    fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn ledger_mut(&mut self) -> &mut Ledger {
        &mut self.ledger
    }

    fn poll(&mut self, now: Duration) -> Next {
        self.expire(now);
        if self.ledger.stop.is_none() {
            self.consider();
        }
        if self.ledger.stop.is_some() {
            return Next::Done;
        }
        if let Some(send) = self.next_send(now) {
            return Next::Send(send);
        }
        let paced = (self.first()..=self.limit()).filter(|ttl| self.wanted(*ttl).is_some());
        let paced = paced.filter_map(|ttl| self.next_at.get(usize::from(ttl)).copied());
        let search = self.search.as_ref().map(Search::resume_at);
        let due = paced.chain(search).filter(|at| *at > now);
        let next = self.ledger.waiting().map(|slot| self.deadline(slot)).chain(due).min();
        Next::Wait(next.unwrap_or(now + self.plan.wait.max))
    }

    fn send_failed(&mut self, sequence: u32, why: Unsent) {
        let index = sequence as usize;
        self.ledger.unsent(index, why);
        let Some((ttl, size)) = self.ledger.slot(index).map(|slot| (slot.ttl, slot.octets()))
        else {
            return;
        };
        match why {
            Unsent::ForNow(at) => {
                if let Some(next_at) = self.next_at.get_mut(usize::from(ttl)) {
                    *next_at = at;
                }
            }
            Unsent::TooLarge if size > self.small => {
                self.shrink(search::plateau_below(size).max(self.small));
            }
            Unsent::TooLarge | Unsent::Refused => {}
        }
        if let Some(search) = &mut self.search {
            search.unsent(index, size, why);
        }
    }

    fn answered(&mut self, sequence: u32, answer: Answer, quoted_ttl: Option<u8>, rtt: Duration) {
        let (index, is_over) = (sequence as usize, self.ledger.stop.is_some());
        if !self.ledger.admits(sequence, quoted_ttl, |_| is_over) {
            return;
        }
        if is_refusal(&answer) {
            return self.refuse(index, answer.mtu);
        }
        if let Some(slot) = self.ledger.slot(index) {
            self.ending.note(slot.ttl, &answer, self.target);
        }
        self.ledger.answered(index, answer, rtt);
    }

    fn resolve(&mut self, _: u16, _: Duration) -> Option<u32> {
        let meant = self.ledger.meant(Slot::is_waiting);
        self.serial |= meant == Meant::Several;
        meant.probe()
    }

    fn interrupt(&mut self, stop: Stop) {
        if self.ledger.stop.is_none() {
            self.finish(stop, self.ending.farthest());
        }
    }

    fn length(&self) -> Option<u8> {
        self.ending.end().filter(|(_, destination)| *destination).map(|(end, _)| end)
    }

    fn mtu(&self) -> Option<PathMtu> {
        Some(self.path_mtu())
    }
}
