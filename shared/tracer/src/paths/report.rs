//! What was found: hops, links, diamonds, and how sure it is.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use tm_path::hint;
use tm_schema::{Balancing, Diamond, Paths, Routers, Stop};

use super::hop::{Hop, Met};
use super::stopping::miss;
use super::{Discovery, Found};
use crate::ledger::{Slot, State};
use crate::trace::HopReport;

impl Discovery {
    /// Reports what is left up to `last`, and ends the discovery.
    pub(super) fn finish(&mut self, stop: Stop, last: u8) {
        self.ledger.stop = Some(stop);
        while self.next_report <= u16::from(last) {
            self.report_next();
        }
    }

    fn report_next(&mut self) {
        let ttl = self.next_report as u8;
        let lasting = |(_, slot): &(usize, &Slot)| self.lasts(slot.flow, ttl);
        let report = HopReport::new(ttl, self.ledger.numbered(ttl).filter(lasting));
        self.ledger.reports.push(report);
        self.next_report += 1;
    }

    /// What is found before it is over.
    pub(super) fn so_far(&self) -> Found {
        let graph = self.graph(self.farthest);
        let is_busy = |hop: &Hop| hop.in_flight > 0 || !hop.todo.is_empty();
        let busy = self.hops.iter().zip(0..=u8::MAX).find(|(hop, _)| is_busy(hop));
        Found {
            host: String::new(),
            ttl: busy.map_or(self.farthest, |(_, ttl)| ttl),
            farthest: self.farthest,
            nodes: graph.nodes(),
            links: graph.links(),
            probes: self.ledger.sent,
        }
    }

    /// What can be promised.
    pub(super) fn summary(&self) -> Paths {
        let graph = self.graph(self.last());
        let flows: BTreeSet<u16> = self.ledger.slots.iter().map(|slot| slot.flow).collect();
        Paths {
            confidence: self.confidence.as_percent(),
            per_balancer: self.confidence.is_per_balancer(),
            failure_bound: (self.failure_bound() * 1e6).ceil() / 1e6,
            complete: !self.incomplete,
            probes: self.ledger.sent,
            flows: flows.len() as u32,
            nodes: graph.nodes() as u32,
            links: graph.links() as u32,
            diamonds: self.diamonds(&graph),
        }
    }

    fn last(&self) -> u8 {
        self.next_report.saturating_sub(1) as u8
    }

    fn graph(&self, last: u8) -> Graph {
        let mut graph = Graph::default();
        let address = |met: &Met| match met {
            Met::At(ip) | Met::End(ip) => Some(*ip),
            Met::Silent => None,
        };
        let mut before = BTreeMap::new();
        for ttl in self.plan.first_hop..=last {
            let outcomes = self.outcomes(ttl);
            let hop = self.hop(ttl);
            let nodes = match hop.filter(|hop| hop.per_packet) {
                Some(hop) => hop.ips.clone(),
                None => outcomes.values().filter_map(address).collect(),
            };
            let torn = hop.is_some_and(|hop| hop.per_packet);
            let torn_before = self.hop(ttl - 1).is_some_and(|hop| hop.per_packet);
            let links =
                outcomes.iter().filter(|_| !torn && !torn_before).filter_map(|(flow, met)| {
                    Some((before.get(flow).and_then(address)?, address(met)?))
                });
            graph.links.insert(ttl - 1, links.collect());
            graph.nodes.insert(ttl, nodes);
            before = outcomes;
        }
        graph
    }

    fn diamonds(&self, graph: &Graph) -> Vec<Diamond> {
        let mut diamonds = Vec::new();
        let mut open: Option<Diamond> = None;
        for (&ttl, nodes) in &graph.nodes {
            let width = nodes.len() as u32;
            if width > 1 {
                let diamond = open.get_or_insert(Diamond {
                    from: ttl - 1,
                    to: None,
                    width,
                    balancing: Balancing::PerFlow,
                    meshed: false,
                    routers: None,
                });
                if diamond.routers.is_none() || width > diamond.width {
                    diamond.routers = Some(self.routers(ttl, nodes));
                }
                diamond.width = diamond.width.max(width);
                diamond.meshed |= graph.links.get(&(ttl - 1)).is_some_and(is_meshed);
                if self.hop(ttl).is_some_and(|hop| hop.per_packet) {
                    diamond.balancing = Balancing::PerPacket;
                }
            } else if width == 1
                && let Some(diamond) = open.take()
            {
                diamonds.push(Diamond { to: Some(ttl), ..diamond });
            }
        }
        diamonds.extend(open);
        diamonds
    }

    /// How many routers the responders of a TTL may be: a hint.
    fn routers(&self, ttl: u8, nodes: &BTreeSet<IpAddr>) -> Routers {
        let mut signatures: BTreeMap<IpAddr, hint::Signature> = BTreeMap::new();
        for slot in self.ledger.slots.iter().filter(|slot| slot.ttl == ttl) {
            if let State::Answered(answer, _) = &slot.state
                && nodes.contains(&answer.responder)
            {
                signatures.entry(answer.responder).or_insert_with(|| answer.signature());
            }
        }
        let signatures: Vec<_> = signatures.into_values().collect();
        let width = hint::width(&signatures);
        Routers { at_least: width.at_least, at_most: width.at_most }
    }

    /// By the probes that were really sent: that a branch of a balancer found was missed; where
    /// there is none, that one balancer of two branches was.
    fn failure_bound(&self) -> f64 {
        let (mut sound, mut single) = (1.0, 0.0_f64);
        for ttl in self.plan.first_hop..=self.last() {
            for (kinds, count) in self.choices(ttl) {
                let failure = miss(kinds + 1, count);
                if kinds > 1 {
                    sound *= 1.0 - failure;
                } else {
                    single = single.max(failure);
                }
            }
        }
        (1.0 - sound).max(single)
    }

    /// The balancers before a TTL as they were looked at: branches and flows of each.
    fn choices(&self, ttl: u8) -> Vec<(usize, usize)> {
        let Some(hop) = self.hop(ttl).filter(|hop| hop.answers()) else { return Vec::new() };
        if hop.per_packet {
            return vec![(hop.ips.len(), hop.answer_count())];
        }
        let outcomes = self.outcomes(ttl);
        let classes = self.classes(ttl - 1);
        let count = |met: &[Met]| (met.iter().collect::<BTreeSet<_>>().len(), met.len());
        let heard = |met: &&Met| **met != Met::Silent;
        if classes.any || classes.flows.len() > super::planning::NARROW && !hop.thorough {
            let met: Vec<Met> = outcomes.values().filter(heard).copied().collect();
            if classes.parting(&outcomes) > 0 {
                return vec![count(&met)];
            }
            return vec![(1, met.len())]; // who was found before this hop is found here
        }
        let of_class = |flows: &Vec<u16>| {
            let met: Vec<Met> =
                flows.iter().filter_map(|flow| outcomes.get(flow)).filter(heard).copied().collect();
            count(&met)
        };
        classes.flows.values().map(of_class).filter(|(kinds, _)| *kinds > 0).collect()
    }
}

/// Who was met, and by the same flow one TTL farther.
#[derive(Debug, Default)]
struct Graph {
    nodes: BTreeMap<u8, BTreeSet<IpAddr>>,
    /// By the TTL at which they begin.
    links: BTreeMap<u8, BTreeSet<(IpAddr, IpAddr)>>,
}

impl Graph {
    fn nodes(&self) -> usize {
        self.nodes.values().map(BTreeSet::len).sum()
    }

    fn links(&self) -> usize {
        self.links.values().map(BTreeSet::len).sum()
    }
}

/// A node before has several after it, and one after has several before it.
fn is_meshed(links: &BTreeSet<(IpAddr, IpAddr)>) -> bool {
    let repeated = |ends: Vec<&IpAddr>| ends.iter().collect::<BTreeSet<_>>().len() < ends.len();
    let crossing = links.iter().filter(|(from, to)| {
        repeated(links.iter().filter(|(other, _)| other == from).map(|(other, _)| other).collect())
            && repeated(
                links.iter().filter(|(_, other)| other == to).map(|(_, other)| other).collect(),
            )
    });
    crossing.count() > 0
}
