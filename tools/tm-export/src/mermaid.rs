//! The path as a Mermaid flowchart, which GitHub and GitLab draw inside Markdown.

use std::fmt::Write;

use tm_stream::text::cut;

use crate::graph::Graph;
use crate::session::Session;
use crate::words::{clean, ms};

/// What Mermaid draws at most, and nobody can raise from within a diagram.
const EDGES: usize = 500;
const OCTETS: usize = 48_000;

/// The diagram; a sentence in its place where the graph is too large for Mermaid.
pub(crate) fn write(session: &Session) -> String {
    let graph = Graph::of(session);
    let mut text = "flowchart LR\n".to_owned();
    for (index, node) in graph.nodes.iter().enumerate() {
        let known = node.responder(session);
        let label = known.map_or_else(
            || "no answer".to_owned(),
            |responder| {
                let who = responder.hostname().unwrap_or(&responder.ip);
                let rtt =
                    responder.rtt.map_or(String::new(), |rtt| format!(" · {} ms", ms(rtt.avg)));
                format!("{}{rtt}", cut(&clean(who), 48))
            },
        );
        let _ = writeln!(text, "  n{index}[\"{}. {}\"]", node.ttl, escaped(&label));
    }
    for edge in &graph.edges {
        let arrow = if edge.is_seen { "-->" } else { "-.->" };
        let _ = writeln!(text, "  n{} {arrow} n{}", edge.from, edge.to);
    }
    if graph.edges.len() > EDGES || text.len() > OCTETS {
        return "flowchart LR\n  n0[\"Too many paths for Mermaid; see --format dot\"]\n".to_owned();
    }
    text
}

/// Mermaid's own entities; only letters, digits and a few harmless marks stay as they are.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_alphanumeric() || matches!(c, '.' | '-' | ' ' | '·' | '…') {
            safe.push(c);
        } else {
            let _ = write!(safe, "#{};", u32::from(c));
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn nothing_ends_a_label() {
        assert_eq!(escaped("a\"]-->b`"), "a#34;#93;--#62;b#96;");
    }
}
