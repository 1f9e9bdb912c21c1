//! The graph of several paths as a picture: TTLs from left to right, responders below each other.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::graph::Graph;
use crate::paint;
use crate::session::Session;
use crate::words::{clean, count};

const COLUMN: usize = 170;
const ROW: usize = 58;
const BOX: usize = 144;
/// Characters that fit into a box: of its first line, and of the smaller second one.
const FIRST: usize = 18;
const SECOND: usize = 22;
/// More nodes than this are a task for Graphviz.
const MOST: usize = 300;

/// The picture.
#[derive(Debug, Serialize)]
pub(crate) struct Diagram {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) nodes: Vec<Box_>,
    pub(crate) edges: Vec<Line>,
    pub(crate) box_width: usize,
}

/// A node.
#[derive(Debug, Serialize)]
pub(crate) struct Box_ {
    pub(crate) x: usize,
    pub(crate) y: usize,
    pub(crate) text: String,
    pub(crate) sub: String,
    pub(crate) silent: bool,
    pub(crate) step: Option<usize>,
}

/// An edge.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    pub(crate) d: String,
    pub(crate) title: String,
    pub(crate) width: f64,
    /// Packets are balanced one by one: who follows whom is not known.
    pub(crate) guessed: bool,
}

impl Diagram {
    /// `None` where there is one path, or more than a page can show.
    pub(crate) fn of(session: &Session, graph: &Graph) -> Option<Self> {
        if !graph.is_multipath() || graph.nodes.len() > MOST {
            return None;
        }
        let mut rows: BTreeMap<u8, Vec<usize>> = BTreeMap::new();
        for (index, node) in graph.nodes.iter().enumerate() {
            rows.entry(node.ttl).or_default().push(index);
        }
        let tallest = rows.values().map(Vec::len).max().unwrap_or(1);
        let mut places = BTreeMap::new();
        for (column, row) in rows.values().enumerate() {
            let above = (tallest - row.len()) * ROW / 2;
            for (at, node) in row.iter().enumerate() {
                places.insert(*node, (column * COLUMN + 12, above + at * ROW + 12));
            }
        }
        let most = graph.edges.iter().map(|edge| edge.flows.len()).max().unwrap_or(1) as f64;
        let edges = graph.edges.iter().filter_map(|edge| {
            let (from, to) = (places.get(&edge.from)?, places.get(&edge.to)?);
            let (x1, y1, x2, y2) = (from.0 + BOX, from.1 + 20, to.0, to.1 + 20);
            let bend = (x2.saturating_sub(x1)) / 2;
            let flows: Vec<String> = edge.flows.iter().take(12).map(u16::to_string).collect();
            let more = if edge.flows.len() > 12 { ", …" } else { "" };
            Some(Line {
                d: format!(
                    "M{x1} {y1}C{} {y1} {} {y2} {x2} {y2}",
                    x1 + bend,
                    x2.saturating_sub(bend)
                ),
                title: format!(
                    "{}: {}{more}{}",
                    count(edge.flows.len(), "flow", "flows"),
                    flows.join(", "),
                    if edge.is_seen { "" } else { "; balanced packet by packet, a possible link" }
                ),
                guessed: !edge.is_seen,
                width: 1.2 + 2.8 * (edge.flows.len() as f64 / most),
            })
        });
        Some(Self {
            width: rows.len() * COLUMN,
            height: tallest * ROW + 12,
            edges: edges.collect(),
            nodes: places
                .iter()
                .filter_map(|(&node, &(x, y))| boxed(session, graph, node, x, y))
                .collect(),
            box_width: BOX,
        })
    }
}

fn boxed(session: &Session, graph: &Graph, node: usize, x: usize, y: usize) -> Option<Box_> {
    let node = graph.nodes.get(node)?;
    let known = node.responder(session);
    let short = |text: &str, room| tm_stream::text::cut(&clean(text), room).into_owned();
    let hop = node.ttl.to_string();
    let name = |name| format!("{hop} · {}", short(name, SECOND - hop.len() - 3));
    Some(Box_ {
        x,
        y,
        text: known.map_or("no answer".to_owned(), |responder| short(&responder.ip, FIRST)),
        sub: known.and_then(|responder| responder.hostname()).map_or(hop.clone(), name),
        silent: known.is_none(),
        step: known.and_then(|responder| responder.rtt).map(|rtt| paint::step(rtt.avg)),
    })
}
