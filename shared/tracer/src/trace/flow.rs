//! The flows of a trace: which TTLs are open, what is due, and how a flow goes on one probe at a
//! time once its answers cannot be told apart.

use std::time::Duration;

use super::{Ending, Plan, Trace};
use crate::ledger::{Slot, State};

/// The state of one flow.
#[derive(Debug)]
pub(super) struct Flow {
    /// The largest TTL opened.
    opened: u8,
    next_open: Duration,
    queue: Vec<Due>,
    pub(super) ending: Ending,
    pub(super) end: Option<End>,
    /// The farthest TTL that anybody answered at.
    pub(super) farthest: u8,
    /// One probe in flight at a time.
    pub(super) serial: bool,
    /// Answers that could belong to several probes, not yet made good.
    unresolved: usize,
    /// When every probe that was in flight with others will have been given up for good.
    pub(super) quiet_at: Option<Duration>,
}

/// A probe that is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) at: Duration,
    pub(super) ttl: u8,
}

/// The TTL at which a flow ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) ttl: u8,
    /// The destination answered there; otherwise somebody refused to carry on.
    pub(super) destination: bool,
}

impl Flow {
    pub(super) fn new(plan: &Plan, now: Duration) -> Self {
        Self {
            opened: plan.first_hop.saturating_sub(1),
            next_open: now,
            queue: Vec::new(),
            ending: Ending::default(),
            end: None,
            farthest: 0,
            serial: plan.serial,
            unresolved: 0,
            quiet_at: None,
        }
    }

    /// Removes what is being sent. A probe that left late moves the others to its router on, so
    /// that they do not arrive in a burst.
    pub(super) fn take(&mut self, due: Due, spacing: Duration, now: Duration) {
        if let Some(at) = self.queue.iter().position(|queued| *queued == due) {
            self.queue.swap_remove(at);
        }
        let mut same: Vec<&mut Due> =
            self.queue.iter_mut().filter(|queued| queued.ttl == due.ttl).collect();
        same.sort_by_key(|queued| queued.at);
        for (queued, nth) in same.into_iter().zip(1..) {
            queued.at = queued.at.max(now + spacing * nth);
        }
    }

    /// Puts a probe that could not be sent back.
    pub(super) fn requeue(&mut self, at: Duration, ttl: u8) {
        self.queue.push(Due { at, ttl });
    }

    /// Nothing at this TTL is still to be sent.
    pub(super) fn is_through(&self, ttl: u8) -> bool {
        self.opened >= ttl && !self.queue.iter().any(|due| due.ttl == ttl)
    }

    /// Opens the TTLs up to `limit` whose time has come.
    fn open(&mut self, limit: u8, plan: &Plan, now: Duration) {
        while self.opened < limit && self.next_open <= now {
            self.opened += 1;
            let probes = if self.serial { plan.probes_in_turn } else { plan.probes };
            for attempt in 0..u32::from(probes) {
                self.queue.push(Due {
                    at: self.next_open.max(now) + plan.spacing * attempt,
                    ttl: self.opened,
                });
            }
            // A driver that came late may catch up a little, not all at once.
            self.next_open =
                self.next_open.max(now.saturating_sub(plan.stagger * 4)) + plan.stagger;
        }
    }

    fn next_due(&self, now: Duration) -> Option<Due> {
        if self.serial {
            return self.queue.iter().copied().min_by_key(|due| (due.at.max(now), due.ttl, due.at));
        }
        self.queue.iter().copied().min_by_key(|due| (due.at, due.ttl))
    }
}

impl Trace {
    /// What the flow wants to send next, once nothing hinders it.
    pub(super) fn next_of_flow(&mut self, id: u16, now: Duration) -> Option<Due> {
        let limit = self.limit(id);
        let enough = self.reached_end_often_enough(id);
        let in_flight = self.in_flight(id);
        let flow = self.flows.get_mut(usize::from(id))?;
        flow.open(limit, &self.plan, now);
        if let Some(end) = flow.end {
            flow.queue.retain(|due| due.ttl < end.ttl || (due.ttl == end.ttl && !enough));
        }
        if flow.serial && (in_flight > 0 || flow.quiet_at.is_some()) {
            return None;
        }
        let opening = (flow.opened < limit).then_some(Due { at: flow.next_open, ttl: 0 });
        match (flow.next_due(now), opening) {
            (Some(due), Some(opening)) if opening.at < due.at => Some(opening),
            (Some(due), _) => Some(due),
            (None, opening) => opening,
        }
    }

    /// The largest TTL that the flow may probe now.
    fn limit(&self, id: u16) -> u8 {
        let plan = &self.plan;
        let flow = self.flows.get(usize::from(id));
        if let Some(end) = flow.and_then(|flow| flow.end) {
            return end.ttl;
        }
        let serial = flow.is_some_and(|flow| flow.serial);
        let lead = if serial { 1 } else { plan.lead }.max(plan.gap_limit).max(1);
        let base = if plan.gap_limit == 0 {
            self.farthest.max(self.tried_through())
        } else {
            self.farthest
        };
        let limit = base.saturating_add(lead).min(plan.max_hops);
        match plan.expected_length {
            Some(length) if !self.is_missed(length) => limit.min(length),
            _ => limit,
        }
    }

    /// The destination did not answer where an earlier round met it.
    fn is_missed(&self, length: u8) -> bool {
        let sequences = (0..self.plan.flows).flat_map(|flow| self.sequences(flow, length));
        sequences.filter_map(|&sequence| self.ledger.slots.get(sequence)).any(|slot| {
            match &slot.state {
                State::Answered(answer, _) => answer.responder != self.target,
                State::Lost => true,
                _ => false,
            }
        })
    }

    /// The largest TTL up to which a probe of each was answered or given up.
    fn tried_through(&self) -> u8 {
        (self.plan.first_hop..=self.plan.max_hops)
            .take_while(|&ttl| self.is_tried(ttl))
            .last()
            .unwrap_or(self.plan.first_hop.saturating_sub(1))
    }

    fn is_tried(&self, ttl: u8) -> bool {
        let has_waited = |&sequence: &usize| {
            self.ledger.slots.get(sequence).is_some_and(|slot| !slot.is_waiting())
        };
        self.flows.iter().zip(0..).all(|(flow, id)| {
            let is_over = flow.end.is_some_and(|end| end.ttl < ttl);
            is_over || self.sequences(id, ttl).iter().any(has_waited)
        })
    }

    /// As many probes as wanted went to the end of the flow or beyond it.
    fn reached_end_often_enough(&self, id: u16) -> bool {
        let Some(end) = self.flows.get(usize::from(id)).and_then(|flow| flow.end) else {
            return false;
        };
        self.counted(id, end.ttl).count() >= usize::from(self.plan.probes)
    }

    fn in_flight(&self, id: u16) -> usize {
        self.ledger.waiting().filter(|slot| slot.flow == id).count()
    }

    /// Notes an answer that several probes of the flow can have caused.
    pub(super) fn ambiguous(&mut self, id: u16) {
        let in_flight = self.in_flight(id);
        let latest = self
            .ledger
            .slots
            .iter()
            .filter(|slot| slot.flow == id && !slot.alone)
            .map(|slot| slot.sent_at)
            .max();
        self.thin_out(id);
        let Some(flow) = self.flows.get_mut(usize::from(id)) else { return };
        flow.serial = true;
        flow.unresolved += 1;
        flow.quiet_at = latest.map(|sent_at| sent_at + self.plan.wait.max);
        if flow.unresolved >= in_flight {
            flow.quiet_at = Some(Duration::ZERO); // every one of them has been answered
        }
    }

    /// Leaves no more to send than there is time for, one probe at a time.
    fn thin_out(&mut self, id: u16) {
        let sent: Vec<usize> =
            (0..=self.plan.max_hops).map(|ttl| self.sequences(id, ttl).len()).collect();
        let enough = usize::from(self.plan.probes_in_turn);
        let Some(flow) = self.flows.get_mut(usize::from(id)).filter(|flow| !flow.serial) else {
            return;
        };
        flow.queue.sort_by_key(|due| due.at);
        let mut left: Vec<usize> = sent.iter().map(|sent| enough.saturating_sub(*sent)).collect();
        flow.queue.retain(|due| match left.get_mut(usize::from(due.ttl)) {
            Some(left) if *left > 0 => {
                *left -= 1;
                true
            }
            _ => false,
        });
    }

    /// Once no answer to them can come any more, sends the probes again that were answered
    /// without saying so: one at a time, so that the answers can be told apart.
    pub(super) fn replace_ambiguous(&mut self, id: u16, now: Duration) {
        let Some(flow) = self.flows.get_mut(usize::from(id)) else { return };
        if flow.quiet_at.is_none_or(|at| at > now) {
            return;
        }
        flow.quiet_at = None;
        flow.unresolved = 0;
        let is_unsure = |slot: &Slot| {
            slot.flow == id && !slot.alone && matches!(slot.state, State::Lost | State::Waiting)
        };
        for sequence in self.ledger.those(is_unsure) {
            self.ledger.set(sequence, State::Replaced);
            let ttl = self.ledger.slot(sequence).map(|slot| slot.ttl);
            flow.queue.extend(ttl.map(|ttl| Due { at: now, ttl }));
        }
    }
}
