//! The graph of all paths: who follows whom, by flows that met both. A TTL where nobody answered
//! is a node of its own for each pair of neighbours, never one node for all, which would join
//! paths that have nothing in common.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use tm_schema::Method;

use crate::collect::Round;
use crate::session::{Responder, Session};

/// Paths as a graph.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    pub(crate) nodes: Vec<Node>,
    pub(crate) edges: Vec<Edge>,
    /// Each different path once, as indices of nodes, in the order they were seen.
    pub(crate) paths: Vec<Vec<usize>>,
    /// Neighbours at two TTLs at both of which a flow met several: nobody saw who follows whom,
    /// and no path leads from these to those.
    pub(crate) unseen: BTreeSet<(Vec<usize>, Vec<usize>)>,
}

/// A responder at a TTL, or the lack of one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Node {
    pub(crate) ttl: u8,
    pub(crate) who: Who,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Who {
    /// An address.
    Known(String),
    /// Nobody answered, between these two.
    Silent { before: Option<String>, after: Option<String> },
}

/// One follows the other.
#[derive(Debug)]
pub(crate) struct Edge {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) flows: BTreeSet<u16>,
    /// Flows met these two, and none of them several at their TTLs. Otherwise packets are balanced
    /// one by one, and nobody can say who follows whom.
    pub(crate) is_seen: bool,
}

/// A TTL of a path, and who answered there.
type Step<'a> = (u8, Option<Vec<&'a str>>);

#[derive(Default)]
struct Builder {
    graph: Graph,
    nodes: HashMap<Node, usize>,
    edges: HashMap<(usize, usize), usize>,
    paths: HashSet<Vec<usize>>,
}

impl Node {
    /// Who answers here; `None`: nobody does.
    pub(crate) fn responder<'a>(&self, session: &'a Session) -> Option<&'a Responder> {
        let Who::Known(ip) = &self.who else { return None };
        session.ttls.get(&self.ttl)?.responders.iter().find(|at| at.ip == *ip)
    }
}

impl Graph {
    pub(crate) fn of(session: &Session) -> Self {
        let mut builder = Builder::default();
        for round in &session.rounds {
            builder.round(round);
        }
        builder.graph.drop_parts();
        builder.graph
    }

    /// Leaves whole paths: what one flow met of a path that another met more of is none of its own.
    /// Nor is a path on which somebody was silent who may be the one that others met there.
    fn drop_parts(&mut self) {
        let mut order: Vec<usize> = (0..self.paths.len()).collect();
        order.sort_by_cached_key(|&at| {
            let path = self.paths.get(at).map(Vec::as_slice).unwrap_or_default();
            let silent = path.iter().filter(|&&node| self.is_silent(node)).count();
            (std::cmp::Reverse(path.len()), silent)
        });
        let mut whole: BTreeSet<usize> = BTreeSet::new();
        for at in order {
            let Some(path) = self.paths.get(at) else { continue };
            let may_be = |(&one, &other): (&usize, &usize)| {
                one == other || self.is_silent(other) && self.ttl(one) == self.ttl(other)
            };
            let holds = |longer: &Vec<usize>| {
                longer.windows(path.len()).any(|part| part.iter().zip(path).all(may_be))
            };
            if !whole.iter().filter_map(|&at| self.paths.get(at)).any(holds) {
                whole.insert(at);
            }
        }
        let paths = std::mem::take(&mut self.paths).into_iter().enumerate();
        self.paths = paths.filter(|(at, _)| whole.contains(at)).map(|(_, path)| path).collect();
    }

    fn ttl(&self, node: usize) -> Option<u8> {
        self.nodes.get(node).map(|node| node.ttl)
    }

    fn is_silent(&self, node: usize) -> bool {
        self.nodes.get(node).is_some_and(|node| matches!(node.who, Who::Silent { .. }))
    }

    /// There is more than one way to go.
    pub(crate) fn is_multipath(&self) -> bool {
        let mut per_ttl: BTreeMap<u8, usize> = BTreeMap::new();
        for node in self.nodes.iter().filter(|node| matches!(node.who, Who::Known(_))) {
            *per_ttl.entry(node.ttl).or_default() += 1;
        }
        per_ttl.values().any(|&count| count > 1)
    }
}

impl Graph {
    /// How many different ways lead through the graph, from whom nobody precedes to whom nobody
    /// follows; at most `usize::MAX`.
    pub(crate) fn ways(&self) -> usize {
        let mut order: Vec<usize> = (0..self.nodes.len()).collect();
        order.sort_by_key(|&node| self.nodes.get(node).map(|node| node.ttl));
        let mut ways = vec![0_usize; self.nodes.len()];
        let mut ends = vec![true; self.nodes.len()];
        let mut before: Vec<Vec<usize>> = vec![Vec::new(); self.nodes.len()];
        for edge in &self.edges {
            if let (Some(before), Some(is_end)) = (before.get_mut(edge.to), ends.get_mut(edge.from))
            {
                before.push(edge.from);
                *is_end = false;
            }
        }
        for node in order {
            let before = before.get(node).map(Vec::as_slice).unwrap_or_default();
            let sum = before
                .iter()
                .filter_map(|&from| ways.get(from))
                .fold(0, |a: usize, b| a.saturating_add(*b));
            if let Some(here) = ways.get_mut(node) {
                *here = sum.max(1);
            }
        }
        ways.iter()
            .zip(ends)
            .filter(|(_, is_end)| *is_end)
            .fold(0, |a: usize, (b, _)| a.saturating_add(*b))
    }
}

/// The paths of one flow, which hold everybody that it met: where it met several, each between
/// those before and after. Between two such TTLs no path leads, for nobody saw who follows whom.
fn alternatives(levels: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let parts = levels.chunk_by(|before, after| before.len() == 1 || after.len() == 1);
    parts
        .flat_map(|part| {
            let widest = part.iter().map(Vec::len).max().unwrap_or(0);
            (0..widest).map(|nth| {
                let one = |nodes: &Vec<usize>| nodes.get(nth % nodes.len().max(1)).copied();
                part.iter().filter_map(one).collect()
            })
        })
        .collect()
}

impl Builder {
    fn round(&mut self, round: &Round) {
        // MDA does not probe every flow at every TTL: a flow missing there was not silent.
        let is_mda = round.end.as_ref().is_some_and(|end| end.method == Some(Method::Mda));
        let mut answered: BTreeSet<u8> = BTreeSet::new();
        let mut flows: BTreeMap<u16, BTreeMap<u8, Vec<&str>>> = BTreeMap::new();
        for hop in &round.hops {
            let Some(ip) = hop.ip.as_deref() else { continue };
            answered.insert(hop.hop);
            let met = if hop.flows.is_empty() { &[0][..] } else { &hop.flows };
            for &flow in met {
                flows.entry(flow).or_default().entry(hop.hop).or_default().push(ip);
            }
        }
        // Where one flow met several, no flow says who follows whom.
        let torn: BTreeSet<u8> = flows
            .values()
            .flatten()
            .filter(|(_, responders)| responders.len() > 1)
            .map(|(&ttl, _)| ttl)
            .collect();
        for (flow, responders) in flows {
            let Some((&last, _)) = responders.last_key_value() else { continue };
            let first = round.hops.iter().map(|hop| hop.hop).min().unwrap_or(1);
            let mut parts: Vec<Vec<Step<'_>>> = vec![Vec::new()];
            for ttl in first..=last {
                let met = responders.get(&ttl).cloned();
                if met.is_none() && is_mda && answered.contains(&ttl) {
                    parts.push(Vec::new());
                } else if let Some(part) = parts.last_mut() {
                    part.push((ttl, met));
                }
            }
            for (at, part) in parts.iter().enumerate() {
                // Silence next to a TTL at which the flow was not probed is no silence of this flow.
                let met = |step: &Step<'_>| step.1.is_some();
                let begin = if at == 0 { Some(0) } else { part.iter().position(met) };
                let end = part.iter().rposition(met);
                if let Some((begin, end)) = begin.zip(end) {
                    self.path(flow, part.get(begin..=end).unwrap_or_default(), &torn);
                }
            }
        }
    }

    /// A path without gaps; a TTL may have several responders even for one flow.
    fn path(&mut self, flow: u16, steps: &[Step<'_>], torn: &BTreeSet<u8>) {
        let known = |step: &Step<'_>| {
            step.1.as_ref().and_then(|ips| ips.first()).map(|ip| (*ip).to_owned())
        };
        let mut before: Vec<usize> = Vec::new();
        let mut levels: Vec<Vec<usize>> = Vec::new();
        for (at, (ttl, ips)) in steps.iter().enumerate() {
            let here: Vec<usize> = if let Some(ips) = ips {
                let nodes =
                    ips.iter().map(|ip| Node { ttl: *ttl, who: Who::Known((*ip).to_owned()) });
                nodes.map(|node| self.node(node)).collect()
            } else {
                let before = steps.iter().take(at).rev().find_map(known);
                let after = steps.iter().skip(at).find_map(known);
                vec![self.node(Node { ttl: *ttl, who: Who::Silent { before, after } })]
            };
            let is_seen = !torn.contains(ttl) && !torn.contains(&ttl.saturating_sub(1));
            for &from in &before {
                for &to in &here {
                    self.edge(from, to, flow, is_seen);
                }
            }
            levels.push(here.clone());
            before = here;
        }
        for pair in levels.windows(2) {
            if let [from, to] = pair
                && from.len() > 1
                && to.len() > 1
            {
                self.graph.unseen.insert((from.clone(), to.clone()));
            }
        }
        for path in alternatives(&levels) {
            if self.paths.insert(path.clone()) {
                self.graph.paths.push(path);
            }
        }
    }

    fn node(&mut self, node: Node) -> usize {
        *self.nodes.entry(node).or_insert_with_key(|node| {
            self.graph.nodes.push(node.clone());
            self.graph.nodes.len() - 1
        })
    }

    fn edge(&mut self, from: usize, to: usize, flow: u16, is_seen: bool) {
        let at = *self.edges.entry((from, to)).or_insert_with(|| {
            self.graph.edges.push(Edge { from, to, flows: BTreeSet::new(), is_seen: false });
            self.graph.edges.len() - 1
        });
        if let Some(edge) = self.graph.edges.get_mut(at) {
            edge.flows.insert(flow);
            edge.is_seen |= is_seen;
        }
    }
}
