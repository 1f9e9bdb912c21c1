//! What is still to be sent: hop after hop, until each has reached its stopping points.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tm_schema::Stop;

use super::Discovery;
use super::hop::{Class, Classes, Met};
use crate::strategy::Strategy;

/// Attempts to get an answer for a flow at a hop that answers others.
const TRIES: u8 = 3;
/// With more nodes than this before a hop, the hop is looked at as a whole, if it may be.
pub(super) const NARROW: usize = 4;
/// Flows of a node that are followed to see whether links cross.
const FOLLOWED: usize = 2;
/// Linux hosts answer a burst and then once a second.
const PATIENCE: Duration = Duration::from_millis(500);

/// The flows that met something, by what they met.
type Outcomes = BTreeMap<u16, Met>;

impl Discovery {
    /// Finds out what to send next, what is settled, and whether all is done.
    pub(super) fn plan_more(&mut self, now: Duration) {
        self.send_first_flows();
        self.send_after_silence();
        let mut ttl = self.plan.first_hop;
        loop {
            let classes = self.classes(ttl - 1);
            if classes.flows.is_empty() && !classes.any {
                return self.all_ended();
            }
            if ttl > self.farthest.saturating_add(1) || ttl > self.plan.max_hops {
                return self.end_in_silence();
            }
            if !self.hop(ttl).is_some_and(super::hop::Hop::is_quiet) {
                return;
            }
            let state = Some((self.balancers(), self.changes_up_to(ttl)));
            if self.hop(ttl).is_some_and(|hop| hop.closed != state) {
                let wanted = self.wanted(ttl, &classes, now);
                if !wanted.is_empty() {
                    return self.enqueue(&wanted);
                }
                if let Some(hop) = self.hop_mut(ttl) {
                    hop.closed = state;
                }
                if self.note_balancers(ttl, &classes) {
                    self.dirty = true; // the bound has more to share it
                    return;
                }
            }
            match ttl.checked_add(1) {
                Some(next) => ttl = next,
                None => return self.end_in_silence(),
            }
        }
    }

    /// Balancers found so far.
    fn balancers(&self) -> usize {
        self.hops.iter().map(|hop| hop.balancers).sum::<usize>()
    }

    fn changes_up_to(&self, ttl: u8) -> u64 {
        let hops = self.hops.iter().take(usize::from(ttl) + 1);
        self.endings_changed + hops.map(|hop| hop.changes).sum::<u64>()
    }

    /// The stopping point of a node with so many branches. The balancers found share the failure
    /// bound; a node that looks like none may be one more.
    fn point(&mut self, branches: usize) -> usize {
        let shares = match self.confidence.is_per_balancer() {
            true => 1,
            false => self.balancers() + usize::from(branches < 2),
        };
        self.stopping.after(branches.max(1), shares)
    }

    /// Counts the nodes before a TTL at which flows part; true if that is news.
    fn note_balancers(&mut self, ttl: u8, classes: &Classes) -> bool {
        let outcomes = self.outcomes(ttl);
        let Some(hop) = self.hops.get_mut(usize::from(ttl)) else { return false };
        let balancers = match hop.per_packet {
            true => 1,
            false => classes.parting(&outcomes),
        };
        balancers != std::mem::replace(&mut hop.balancers, balancers)
    }

    fn enqueue(&mut self, wanted: &BTreeSet<(u8, u16)>) {
        self.dirty = true;
        for &(ttl, flow) in wanted {
            if let Some(hop) = self.hop_mut(ttl)
                && !hop.todo.contains(&flow)
            {
                hop.todo.push_back(flow);
            }
        }
    }

    /// Every hop needs as many flows as rule a second branch out.
    fn send_first_flows(&mut self) {
        let first = self.point(1) as u16;
        for ttl in self.plan.first_hop..=self.farthest {
            let Some(hop) = self.hops.get(usize::from(ttl)) else { break };
            if hop.begun {
                continue;
            }
            let flows: Vec<u16> = (1..first)
                .filter(|flow| self.may_send(ttl, *flow) && !hop.todo.contains(flow))
                .collect();
            if let Some(hop) = self.hop_mut(ttl) {
                hop.begun = true;
                hop.todo.extend(flows);
            }
        }
    }

    /// Where flow 0 meets nobody any more, others are sent after it.
    fn send_after_silence(&mut self) {
        let first = self.point(1) as u16;
        for ttl in self.farthest.saturating_add(1)..=self.opened.min(self.near_end()) {
            let Some(hop) = self.hop(ttl) else { break };
            let lost = hop.flows.get(&0).is_some_and(|seen| seen.pending == 0);
            if hop.begun || hop.followed || !lost || self.end(0).is_some() {
                continue;
            }
            let enough = if ttl == self.farthest + 1 { first } else { u16::from(TRIES) };
            let flows: Vec<u16> = (1..enough).filter(|flow| self.may_send(ttl, *flow)).collect();
            if let Some(hop) = self.hop_mut(ttl) {
                hop.followed = true;
                hop.todo.extend(flows);
            }
        }
    }

    /// The flow was not sent to this TTL yet, and could be.
    fn may_send(&self, ttl: u8, flow: u16) -> bool {
        let known = self.hop(ttl).is_some_and(|hop| hop.flows.contains_key(&flow));
        !known && !self.dead.contains(&flow) && self.lasts(flow, ttl)
    }

    /// What became of each flow at a TTL; flows in flight are left out.
    pub(super) fn outcomes(&self, ttl: u8) -> Outcomes {
        let Some(hop) = self.hop(ttl) else { return Outcomes::new() };
        let outcome = |(&flow, seen): (&u16, &super::hop::Seen)| {
            let met = match (seen.met.first(), self.end(flow)) {
                (_, Some((end, _))) if end < ttl => return None,
                (Some(&ip), Some((end, _))) if end == ttl => Met::End(ip),
                (Some(&ip), _) => Met::At(ip),
                (None, _) if seen.pending > 0 || seen.tries == 0 => return None,
                (None, _) => Met::Silent,
            };
            Some((flow, met))
        };
        hop.flows.iter().filter_map(outcome).collect()
    }

    /// The classes of the flows that leave a TTL.
    pub(super) fn classes(&self, ttl: u8) -> Classes {
        let root = Class { ttl, ip: None };
        let one = || Classes { flows: [(root, Vec::new())].into(), any: true };
        if ttl < self.plan.first_hop {
            return one();
        }
        let Some(hop) = self.hop(ttl) else { return Classes::default() };
        if hop.per_packet {
            return one();
        }
        if !hop.answers() {
            return self.classes(ttl - 1);
        }
        let outcomes = self.outcomes(ttl);
        let silent_too = is_silent_too(&outcomes);
        let mut classes = Classes::default();
        for (&flow, met) in &outcomes {
            let ip = match met {
                Met::At(ip) => Some(*ip),
                Met::Silent if silent_too => None,
                _ => continue,
            };
            classes.flows.entry(Class { ttl, ip }).or_default().push(flow);
        }
        let ends = outcomes.values().any(|met| matches!(met, Met::End(_)));
        classes.any = classes.flows.len() == 1 && !ends;
        classes
    }

    /// What is to be sent before this hop is closed.
    fn wanted(&mut self, ttl: u8, classes: &Classes, now: Duration) -> BTreeSet<(u8, u16)> {
        let retries = self.retries(ttl, now);
        if !retries.is_empty() {
            return retries;
        }
        let outcomes = self.outcomes(ttl);
        let Some(hop) = self.hops.get_mut(usize::from(ttl)) else { return BTreeSet::new() };
        hop.per_packet |= hop.flows.values().any(super::hop::Seen::is_torn);
        if hop.per_packet {
            return self.for_any_packet(ttl);
        }
        let sticky = self.hop(ttl - 1).is_some_and(|before| before.thorough);
        let thorough = self.hop(ttl).is_some_and(|hop| hop.thorough) || sticky;
        let many = classes.flows.len() > NARROW;
        let mut wanted = if many && !thorough {
            self.for_hop(ttl, classes, &outcomes)
        } else {
            self.for_each_node(ttl, classes, &outcomes)
        };
        if wanted.is_empty() {
            wanted = self.for_links(ttl, &outcomes, many);
        }
        if wanted.is_empty() {
            wanted = self.repetitions(ttl, classes, &outcomes);
        }
        if wanted.is_empty() && many && !thorough && !is_even(classes, &outcomes) {
            if let Some(hop) = self.hop_mut(ttl) {
                hop.thorough = true;
            }
            return self.wanted(ttl, classes, now);
        }
        if let Some(hop) = self.hop_mut(ttl) {
            hop.thorough |= sticky && many;
        }
        wanted
    }

    /// Flows that were lost where others are answered are sent again; where nobody answers, only
    /// if answers are lost elsewhere, too, for silence may then be bad luck.
    fn retries(&mut self, ttl: u8, now: Duration) -> BTreeSet<(u8, u16)> {
        let outcomes = self.outcomes(ttl);
        let lossy = self.is_lossy();
        let Some(hop) = self.hops.get_mut(usize::from(ttl)) else { return BTreeSet::new() };
        let lost = hop.flows.iter().filter(|(flow, seen)| {
            let is_silent = outcomes.get(*flow) == Some(&Met::Silent);
            is_silent && seen.tries < TRIES && !self.dead.contains(flow)
        });
        let lost: BTreeSet<(u8, u16)> = lost.map(|(&flow, _)| (ttl, flow)).collect();
        if !hop.answers() && !lossy {
            return BTreeSet::new();
        }
        let at_end = outcomes.values().any(|met| matches!(met, Met::End(_)));
        if at_end && !lost.is_empty() {
            hop.next_at = hop.next_at.max(now + PATIENCE);
        }
        lost
    }

    /// More than one in twenty is lost at hops that answer.
    fn is_lossy(&self) -> bool {
        let hops = self.hops.iter().filter(|hop| hop.answers());
        let flows = || hops.clone().flat_map(|hop| hop.flows.values());
        let sent: usize =
            flows().map(|seen| usize::from(seen.tries.saturating_sub(seen.pending))).sum();
        let met: usize = flows().map(|seen| seen.met.len()).sum();
        sent.saturating_sub(met) * 20 > sent
    }

    /// Node control: the flows through each node reach the stopping point of that node.
    fn for_each_node(
        &mut self,
        ttl: u8,
        classes: &Classes,
        outcomes: &Outcomes,
    ) -> BTreeSet<(u8, u16)> {
        let silent_too = is_silent_too(outcomes);
        let mut wanted = BTreeSet::new();
        let (mut short, mut most) = (0, 0);
        let mut at = ttl - 1;
        for (class, flows) in &classes.flows {
            let met: Vec<Met> = if classes.any {
                outcomes.values().copied().collect()
            } else {
                flows.iter().filter_map(|flow| outcomes.get(flow).copied()).collect()
            };
            let met: Vec<Met> =
                met.into_iter().filter(|met| silent_too || *met != Met::Silent).collect();
            let kinds: BTreeSet<Met> = met.iter().copied().collect();
            let attempts =
                if kinds.is_empty() { self.attempts(ttl, classes.any, flows) } else { met.len() };
            let point = self.point(kinds.len());
            let need = point.saturating_sub(attempts);
            most = most.max(point);
            let candidates = self.candidates(ttl, classes.any, flows, need);
            short += need - candidates.len();
            at = class.ttl;
            wanted.extend(candidates.into_iter().map(|flow| (ttl, flow)));
        }
        match classes.any {
            true => self.incomplete |= short > 0, // there are no more flows
            false => self.find_more(at, short, most, &mut wanted),
        }
        wanted
    }

    /// Flows of a class that were sent to a TTL and met nobody.
    fn attempts(&self, ttl: u8, any: bool, flows: &[u16]) -> usize {
        let Some(hop) = self.hop(ttl) else { return 0 };
        match any {
            true => hop.flows.len(),
            false => flows.iter().filter(|flow| hop.flows.contains_key(flow)).count(),
        }
    }

    /// Up to `most` flows of a class that were not sent to this TTL yet.
    fn candidates(&self, ttl: u8, any: bool, flows: &[u16], most: usize) -> Vec<u16> {
        let may = |flow: &u16| self.may_send(ttl, *flow);
        match any {
            true => (0..self.most_flows).filter(may).take(most).collect(),
            false => flows.iter().copied().filter(may).take(most).collect(),
        }
    }

    /// Sends flows to an earlier hop, to find some that pass the nodes that lack them: `short` in
    /// all, where no node needs more than `most`.
    fn find_more(&mut self, ttl: u8, short: usize, most: usize, wanted: &mut BTreeSet<(u8, u16)>) {
        if short == 0 {
            return;
        }
        let Some(hop) = self.hop(ttl) else { return };
        let limit = 64 + 4 * most * hop.ips.len();
        let room = limit.saturating_sub(hop.flows.len());
        let more = self.candidates(ttl, true, &[], short.min(room));
        if more.is_empty() {
            self.incomplete = true; // whoever lacks flows is hardly ever met
        }
        wanted.extend(more.into_iter().map(|flow| (ttl, flow)));
    }

    /// MDA-Lite: the flows through the whole hop reach its stopping point, and enough of each
    /// node's are followed to see whether links cross.
    fn for_hop(&mut self, ttl: u8, classes: &Classes, outcomes: &Outcomes) -> BTreeSet<(u8, u16)> {
        let silent_too = is_silent_too(outcomes);
        let met = outcomes.values().filter(|met| silent_too || **met != Met::Silent);
        let (count, kinds) = (met.clone().count(), met.collect::<BTreeSet<_>>().len());
        let answers = self.hop(ttl).is_some_and(super::hop::Hop::answers);
        let followed = if kinds > 1 { FOLLOWED } else { usize::from(answers || kinds > 0) };
        let mut wanted = BTreeSet::new();
        let (mut short, mut at) = (0, ttl - 1);
        for (class, flows) in &classes.flows {
            let known = flows.iter().filter(|flow| outcomes.contains_key(flow)).count();
            let need = followed.saturating_sub(known);
            let candidates = self.candidates(ttl, false, flows, need);
            short += need - candidates.len();
            at = class.ttl;
            wanted.extend(candidates.into_iter().map(|flow| (ttl, flow)));
        }
        self.find_more(at, short, followed, &mut wanted);
        let count = if kinds == 0 { self.attempts(ttl, true, &[]) } else { count };
        let here = wanted.iter().filter(|(at, _)| *at == ttl).count();
        let need = self.point(kinds).saturating_sub(count + here);
        let before: Vec<u16> = classes.flows.values().flatten().copied().collect();
        let known = before.into_iter().filter(|flow| !wanted.contains(&(ttl, *flow)));
        let known: Vec<u16> = known.filter(|flow| self.may_send(ttl, *flow)).take(need).collect();
        let new = (0..self.most_flows).filter(|flow| {
            self.may_send(ttl, *flow) && !known.contains(flow) && !wanted.contains(&(ttl, *flow))
        });
        let new: Vec<u16> = new.take(need - known.len()).collect();
        self.incomplete |= known.len() + new.len() < need;
        wanted.extend(known.into_iter().chain(new).map(|flow| (ttl, flow)));
        wanted
    }

    /// Every node shows a link to a node before it: one of its flows is seen there, too.
    fn for_links(&self, ttl: u8, outcomes: &Outcomes, many: bool) -> BTreeSet<(u8, u16)> {
        let before = ttl - 1;
        let Some(hop) = self.hop(before) else { return BTreeSet::new() };
        let reported = u16::from(before) < self.next_report;
        if reported || before < self.plan.first_hop || hop.per_packet || !hop.answers() {
            return BTreeSet::new();
        }
        let mut by_node: BTreeMap<Met, Vec<u16>> = BTreeMap::new();
        for (&flow, &met) in outcomes.iter().filter(|(_, met)| **met != Met::Silent) {
            by_node.entry(met).or_default().push(flow);
        }
        let enough = if many && by_node.len() > 1 { FOLLOWED } else { 1 };
        let linked = |flow: &&u16| hop.flows.get(flow).is_some_and(|seen| !seen.met.is_empty());
        let mut wanted = BTreeSet::new();
        for flows in by_node.values() {
            let need = enough.saturating_sub(flows.iter().filter(linked).count());
            let more = flows.iter().filter(|flow| self.may_send(before, **flow)).take(need);
            wanted.extend(more.map(|&flow| (before, flow)));
        }
        wanted
    }

    /// Where flows part, some are sent again: a balancer of packets would send them elsewhere.
    fn repetitions(&self, ttl: u8, classes: &Classes, outcomes: &Outcomes) -> BTreeSet<(u8, u16)> {
        let Some(hop) = self.hop(ttl) else { return BTreeSet::new() };
        let mut parted: Vec<Vec<u16>> = Vec::new();
        let mut branches = usize::MAX;
        for flows in classes.flows.values() {
            let all: Vec<u16> =
                if classes.any { outcomes.keys().copied().collect() } else { flows.clone() };
            let met = |flow: &u16| outcomes.get(flow).copied().filter(|met| *met != Met::Silent);
            let kinds: BTreeSet<Met> = all.iter().filter_map(met).collect();
            if kinds.len() > 1 {
                branches = branches.min(kinds.len());
                parted.push(all.into_iter().filter(|flow| met(flow).is_some()).collect());
            }
        }
        if parted.is_empty() {
            return BTreeSet::new();
        }
        let again =
            |flow: &u16| hop.flows.get(flow).map_or(0, |seen| usize::from(seen.met.len() > 1));
        let done: usize = parted.iter().flatten().map(again).sum();
        let need = self.stopping.repetitions(branches).saturating_sub(done);
        let once = |flow: &u16| {
            let seen = hop.flows.get(flow).filter(|_| !self.dead.contains(flow));
            seen.is_some_and(|seen| seen.met.len() == 1 && seen.tries <= TRIES)
        };
        let mut turns: Vec<_> =
            parted.into_iter().map(|flows| flows.into_iter().filter(once)).collect();
        let mut wanted = BTreeSet::new();
        while wanted.len() < need {
            let before = wanted.len();
            for turn in &mut turns {
                if wanted.len() < need {
                    wanted.extend(turn.next().map(|flow| (ttl, flow)));
                }
            }
            if wanted.len() == before {
                break;
            }
        }
        wanted
    }

    /// Every packet is a choice of its own here.
    fn for_any_packet(&mut self, ttl: u8) -> BTreeSet<(u8, u16)> {
        let Some(hop) = self.hop(ttl) else { return BTreeSet::new() };
        let (kinds, count) = (hop.ips.len(), hop.answer_count());
        let need = self.point(kinds).saturating_sub(count);
        let candidates = self.candidates(ttl, true, &[], need);
        self.incomplete |= candidates.len() < need;
        candidates.into_iter().map(|flow| (ttl, flow)).collect()
    }

    /// Every flow has met its end.
    fn all_ended(&mut self) {
        let ends = self.endings.keys().filter_map(|&flow| self.end(flow));
        let last = ends.clone().map(|(ttl, _)| ttl).max().unwrap_or(self.farthest);
        let reached = ends.clone().any(|(_, destination)| destination);
        if self.hops.iter().take(usize::from(last) + 1).all(super::hop::Hop::is_quiet) {
            self.finish(if reached { Stop::Destination } else { Stop::Unreachable }, last);
        }
    }

    /// Nobody answers any more.
    fn end_in_silence(&mut self) {
        if self.opened < self.limit() || self.hops.iter().any(|hop| !hop.is_quiet()) {
            return;
        }
        let ended = self.endings.keys().any(|&flow| self.end(flow).is_some());
        let silence = self.plan.silence(self.farthest);
        match (self.length().is_some(), ended, silence) {
            (true, ..) => self.finish(Stop::Destination, self.farthest),
            (_, true, _) => self.finish(Stop::Unreachable, self.farthest),
            (.., (Stop::GapLimit, _))
                if self.looked_from != Some(self.farthest) && !self.serial =>
            {
                self.looked_from = Some(self.farthest);
                self.dirty = true;
            }
            (.., (stop, last)) => {
                let silent = self.farthest.saturating_add(1)..=last;
                let stop = self.ledger.after_silence(stop, silent);
                self.incomplete |= stop == Stop::Error;
                self.finish(stop, last);
            }
        }
    }
}

/// So many flows meet nobody that a silent node must be among the others.
fn is_silent_too(outcomes: &Outcomes) -> bool {
    let silent = outcomes.values().filter(|met| **met == Met::Silent).count();
    let kinds: BTreeSet<&Met> = outcomes.values().filter(|met| **met != Met::Silent).collect();
    let at_end = kinds.iter().any(|met| matches!(met, Met::End(_)));
    silent > 1 && !kinds.is_empty() && !at_end && silent * 2 * (kinds.len() + 1) >= outcomes.len()
}

/// Links neither cross nor are shared out unevenly, as far as can be seen.
fn is_even(classes: &Classes, outcomes: &Outcomes) -> bool {
    let mut after: BTreeMap<Class, BTreeSet<Met>> = BTreeMap::new();
    let mut before: BTreeMap<Met, BTreeSet<Class>> = BTreeMap::new();
    for (&class, flows) in &classes.flows {
        for flow in flows {
            if let Some(&met) = outcomes.get(flow).filter(|met| **met != Met::Silent) {
                after.entry(class).or_default().insert(met);
                before.entry(met).or_default().insert(class);
            }
        }
    }
    let all_equal =
        |mut counts: BTreeSet<usize>| counts.pop_first().is_none_or(|_| counts.is_empty());
    let after: BTreeSet<usize> = after.values().map(BTreeSet::len).collect();
    let into: BTreeSet<usize> = before.values().map(BTreeSet::len).collect();
    let unshared = after.iter().all(|&count| count <= 1) || into.iter().all(|&count| count <= 1);
    before.len() <= 1 || unshared && all_equal(after) && all_equal(into)
}
