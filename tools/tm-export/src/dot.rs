//! `--format dot`: the graph of all paths, for Graphviz.

use std::collections::BTreeMap;
use std::fmt::Write;

use tm_stream::text::cut;

use crate::graph::Graph;
use crate::session::{Responder, Session};
use crate::words::{as_number, clean, ms, place};

/// The graph of a session.
pub(crate) fn write(session: &Session) -> String {
    let graph = Graph::of(session);
    let mut dot = format!(
        "digraph {} {{\n  rankdir=LR;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n",
        quoted(&clean(&session.host))
    );
    if let Some(name) = &session.vantage {
        let _ = writeln!(dot, "  label={};", quoted(&format!("from {}", clean(name))));
    }
    let mut ranks: BTreeMap<u8, Vec<usize>> = BTreeMap::new();
    for (index, node) in graph.nodes.iter().enumerate() {
        ranks.entry(node.ttl).or_default().push(index);
        let known = node.responder(session);
        let _ = match known {
            Some(responder) => {
                writeln!(dot, "  n{index} [label={}];", quoted(&label(node.ttl, responder)))
            }
            None => {
                writeln!(dot, "  n{index} [label=\"{}. ?\", style=\"rounded,dashed\"];", node.ttl)
            }
        };
    }
    for nodes in ranks.values() {
        let names: Vec<String> = nodes.iter().map(|node| format!("n{node}")).collect();
        let _ = writeln!(dot, "  {{ rank=same; {}; }}", names.join("; "));
    }
    let flows_differ = graph
        .edges
        .iter()
        .any(|edge| edge.flows.len() != graph.edges.first().map_or(0, |first| first.flows.len()));
    for edge in &graph.edges {
        let flows = flows_differ.then(|| format!("label=\"{}\"", edge.flows.len()));
        // Who follows whom is a guess where packets are balanced one by one.
        let guessed = (!edge.is_seen).then(|| "style=dashed".to_owned());
        let attributes: Vec<String> = flows.into_iter().chain(guessed).collect();
        let label = match attributes.as_slice() {
            [] => String::new(),
            some => format!(" [{}]", some.join(", ")),
        };
        let _ = writeln!(dot, "  n{} -> n{}{label};", edge.from, edge.to);
    }
    dot.push_str("}\n");
    dot
}

fn label(ttl: u8, responder: &Responder) -> String {
    let mut lines = vec![format!("{ttl}. {}", clean(&responder.ip))];
    lines.extend(responder.hostname().map(|name| cut(&clean(name), 60).into_owned()));
    lines.extend(responder.asn.as_ref().and_then(as_number));
    lines.extend(responder.geo.as_ref().and_then(place));
    lines.extend(responder.rtt.map(|rtt| format!("{} ms", ms(rtt.avg))));
    lines.join("\n")
}

/// A string in quotes. Backslashes stay backslashes, and no text is HTML.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}
