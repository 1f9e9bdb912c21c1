//! Networks with load balancers, made at random, and driving a discovery through them: no socket,
//! no clock, so that hundreds take seconds.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use tm_schema::{Paths, Stop};
use tm_tracer::Strategy;
use tm_tracer::driving::{Dice, Link, TARGET, answer, drive, graph, mix};
use tm_tracer::paths::Discovery;
use tm_tracer::paths::stopping::Confidence;
use tm_tracer::trace::Plan;

/// A router, or the destination.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// Where it sends packets on, at the next TTL; several: it balances.
    pub next: Vec<usize>,
    /// It balances packets, not flows.
    pub per_packet: bool,
    /// It never says that a time was exceeded.
    pub silent: bool,
}

/// A network: routers by TTL; the last level is the destination alone.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// Nodes by TTL, from 1.
    pub levels: Vec<Vec<Node>>,
    /// Probability that an answer is lost.
    pub loss: f64,
    /// RTT of a hop.
    pub rtt: Duration,
}

/// How a diamond is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Parallel chains of equal length.
    Chains,
    /// Every branch parts again, into equally many.
    Nested,
    /// Every branch parts again, into a number of its own.
    Asymmetric,
    /// Links between neighbouring hops cross.
    Meshed,
}

impl Network {
    /// A path of `hops` hops.
    pub fn straight(hops: usize) -> Self {
        let mut network = Self { rtt: Duration::from_millis(2), ..Self::default() };
        for _ in 0..hops {
            network.append(1);
        }
        network
    }

    /// A level of nodes to which every node of the last level leads.
    fn append(&mut self, nodes: usize) {
        let all: Vec<usize> = (0..nodes).collect();
        for node in self.levels.last_mut().into_iter().flatten() {
            node.next.clone_from(&all);
        }
        self.levels.push(vec![Node::default(); nodes]);
    }

    /// A level to which the nodes of the last level lead as said.
    fn append_led(&mut self, next: Vec<Vec<usize>>) {
        let nodes = next.iter().flatten().max().map_or(0, |last| last + 1);
        for (node, next) in self.levels.last_mut().into_iter().flatten().zip(next) {
            node.next = next;
        }
        self.levels.push(vec![Node::default(); nodes]);
    }

    /// A network of one to three diamonds of width 2 to `widest`.
    pub fn random(dice: &mut Dice, widest: usize) -> Self {
        let mut network = Self::straight(1 + dice.below(3));
        for _ in 0..=dice.below(3) {
            let forms = [Form::Chains, Form::Nested, Form::Asymmetric, Form::Meshed];
            let form = forms.get(dice.below(forms.len())).copied().unwrap_or(Form::Chains);
            network.diamond(dice, form, widest);
            for _ in 0..dice.below(3) {
                network.append(1);
            }
        }
        network.append(1);
        network
    }

    /// A diamond that begins at the last level, which is one node, and ends in one node.
    pub fn diamond(&mut self, dice: &mut Dice, form: Form, widest: usize) {
        // Narrow ones are more frequent, as they are in the Internet.
        let doublings = 1 + dice.below(widest.ilog2() as usize);
        let width = ((1 << doublings) + dice.below(1 << doublings)).min(widest).max(2);
        match form {
            Form::Chains => {
                self.append(width);
                for _ in 0..dice.below(3) {
                    self.append_led((0..width).map(|node| vec![node]).collect());
                }
            }
            Form::Nested => {
                let outer = 2 + dice.below(3);
                let inner = (width / outer).max(2);
                self.append(outer);
                self.append_led(
                    (0..outer).map(|node| (node * inner..(node + 1) * inner).collect()).collect(),
                );
            }
            Form::Asymmetric => {
                let outer = (2 + dice.below(3)).min(width);
                self.append(outer);
                let mut first = 0;
                let mut branches = |_| {
                    let inner = 1 + dice.below((width / outer).max(2));
                    first += inner;
                    (first - inner..first).collect()
                };
                let next = (0..outer).map(&mut branches).collect();
                self.append_led(next);
            }
            Form::Meshed => {
                self.append(width);
                // Node n leads to n and to its neighbour, as in a chain of routers.
                self.append_led((0..width).map(|node| vec![node, (node + 1) % width]).collect());
            }
        }
        self.append(1);
    }

    fn address(ttl: usize, node: usize, last: usize) -> IpAddr {
        if ttl == last {
            return TARGET;
        }
        IpAddr::V4(Ipv4Addr::new(10, ttl as u8, (node / 250) as u8, (node % 250) as u8 + 1))
    }

    /// The nodes that answer, by TTL.
    pub fn nodes(&self) -> BTreeSet<(u8, IpAddr)> {
        let last = self.levels.len();
        let level = |(ttl, level): (usize, &Vec<Node>)| {
            let heard = level.iter().enumerate().filter(|(_, node)| !node.silent);
            heard.map(|(at, _)| (ttl as u8, Self::address(ttl, at, last))).collect::<Vec<_>>()
        };
        (1..).zip(&self.levels).flat_map(level).collect()
    }

    /// The links between nodes that answer.
    pub fn links(&self) -> BTreeSet<Link> {
        let last = self.levels.len();
        let mut links = BTreeSet::new();
        for ((ttl, level), beyond) in (1..).zip(&self.levels).zip(self.levels.iter().skip(1)) {
            for (at, node) in level.iter().enumerate().filter(|(_, node)| !node.silent) {
                for &next in &node.next {
                    if beyond.get(next).is_some_and(|node| !node.silent) {
                        let ends =
                            (Self::address(ttl, at, last), Self::address(ttl + 1, next, last));
                        links.insert((ttl as u8, ends.0, ends.1));
                    }
                }
            }
        }
        links
    }

    /// Nodes that share out flows or packets.
    pub fn balancers(&self) -> usize {
        self.levels.iter().flatten().filter(|node| node.next.len() > 1).count()
    }

    /// The most nodes at a TTL.
    pub fn width(&self) -> usize {
        self.levels.iter().map(Vec::len).max().unwrap_or(0)
    }

    /// Where a probe gets: the TTL and the node.
    fn walk(&self, ttl: u8, flow: u16, seed: u64, dice: &mut Dice) -> (usize, usize) {
        let mut at = 0;
        let mut level = 1;
        while level < usize::from(ttl).min(self.levels.len()) {
            let node = self.levels.get(level - 1).and_then(|nodes| nodes.get(at));
            let Some(node) = node else { break };
            let salt = mix(seed ^ (level as u64) << 32 ^ at as u64);
            let choice = if node.per_packet { dice.roll() } else { mix(salt ^ u64::from(flow)) };
            at = node
                .next
                .get((choice % node.next.len().max(1) as u64) as usize)
                .copied()
                .unwrap_or(0);
            level += 1;
        }
        (level, at)
    }
}

/// What a discovery found.
#[derive(Clone, Debug)]
pub struct Found {
    /// Nodes, by TTL.
    pub nodes: BTreeSet<(u8, IpAddr)>,
    /// Pairs that one flow met at neighbouring TTLs, as a reader of the records sees them.
    pub links: BTreeSet<Link>,
    /// Probes sent.
    pub probes: u32,
    /// Why it ended.
    pub stop: Stop,
    /// Simulated time that it took.
    pub took: Duration,
    /// What it promises.
    pub paths: Paths,
}

/// Discovers a network.
///
/// # Panics
/// Where the discovery does not end.
pub fn discover(network: &Network, confidence: Confidence, plan: Plan, seed: u64) -> Found {
    let mut discovery = Discovery::new(plan, confidence, TARGET, Duration::ZERO);
    let mut dice = Dice::new(mix(seed ^ 0x5eed));
    let last = network.levels.len();
    let (hops, took) = drive(&mut discovery, |probe| {
        let (ttl, node) = network.walk(probe.ttl, probe.flow, mix(seed), &mut dice);
        let silent = network.levels.get(ttl - 1).and_then(|level| level.get(node));
        let silent = silent.is_none_or(|node| node.silent);
        let responder = Network::address(ttl, node, last);
        let is_heard = !silent && !dice.chance(network.loss);
        is_heard.then(|| (answer(responder, responder == TARGET), network.rtt * ttl as u32))
    });
    let paths = discovery.paths().unwrap_or_default();
    let stop = discovery.stop().unwrap_or(Stop::Error);
    let (nodes, links) = graph(&hops);
    Found { nodes, links, probes: discovery.totals().0, stop, took, paths }
}
