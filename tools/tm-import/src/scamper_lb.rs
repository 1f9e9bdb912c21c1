//! scamper's `tracelb`: the load-balanced paths to a destination, as links between routers. Each
//! probe names its TTL, its flow and who answered, so that hops and flows follow.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::value::RawValue;
use tm_schema::{Method, Probe};

use crate::draft::{Draft, answered, lost};
use crate::json::{self, Number, Stopped, Text};
use crate::scamper::{Heading, Stamp};
use crate::sink::Sink;
use crate::{address, note};

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(flatten)]
    heading: Heading,
    #[serde(borrow, default)]
    nodes: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Node {
    addr: String,
    /// By link, then by how far the next answering router is.
    #[serde(default)]
    links: Vec<Vec<Next>>,
}

#[derive(Deserialize)]
struct Next {
    addr: String,
    #[serde(default)]
    probes: Vec<Sent>,
}

#[derive(Deserialize)]
struct Sent {
    #[serde(default)]
    tx: Option<Stamp>,
    ttl: Number,
    #[serde(default)]
    attempt: u32,
    flowid: u16,
    #[serde(default)]
    replies: Vec<Answer>,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    ttl: Option<Number>,
    #[serde(default)]
    rtt: Option<f64>,
    #[serde(default)]
    icmp_type: Option<u8>,
    #[serde(default)]
    icmp_code: Option<u8>,
}

pub(crate) fn document(text: Text, sink: &mut Sink) -> Result<(), Stopped> {
    let document: Document = text.parse()?;
    let mut draft = Draft { method: Some(Method::Mda), ..document.heading.draft() };
    let nodes = text.parts::<Node>("nodes", &document.nodes, sink)?;
    let (mut seen, mut first_flows) = (BTreeSet::new(), BTreeSet::new());
    for (place, node) in nodes.iter().enumerate() {
        for next in node.links.iter().flatten() {
            for sent in &next.probes {
                if place == 0 {
                    first_flows.insert(sent.flowid);
                }
                let number = sent.ttl.ttl().unwrap_or(0);
                // Flows that come from several routers are listed with each of them.
                if number > 0 && seen.insert((number, sent.flowid, sent.attempt)) {
                    add(&mut draft, number, &next.addr, sent);
                }
            }
        }
    }
    let first = document.heading.firsthop.and_then(Number::ttl).unwrap_or(1);
    if let Some(node) = nodes.first()
        && let Some(ip) = address::canonical(&node.addr)
    {
        // The router where the paths begin: its own probes are not listed.
        let responder = draft.ttls.entry(first).or_default().responder(&ip);
        responder.flows.extend(first_flows);
    }
    if let Some((&last, _)) = draft.ttls.last_key_value() {
        draft.fill(first, last);
    }
    draft.assume_time_exceeded();
    json::write(draft, text, sink)
}

fn add(draft: &mut Draft, number: u8, addr: &str, sent: &Sent) {
    let at = sent.tx.and_then(Stamp::time);
    let target = draft.target.clone();
    let ttl = draft.ttls.entry(number).or_default();
    ttl.at = ttl.at.min(at).or(at);
    let Some((ip, answer)) = address::canonical(addr).zip(sent.replies.first()) else {
        ttl.lost.push(Probe { flow: sent.flowid, at, ..lost() });
        return;
    };
    let responder = ttl.responder(&ip);
    let rtt_ms = answer.rtt.and_then(crate::draft::valid);
    responder.probes.push(Probe { rtt_ms, flow: sent.flowid, at, ..answered(0.0) });
    responder.flows.push(sent.flowid);
    if let (Some(kind), Some(code)) = (answer.icmp_type, answer.icmp_code) {
        let reply_ttl = answer.ttl.and_then(Number::ttl);
        let by_target = target.as_ref() == Some(&ip);
        responder.reply = Some(note::of_icmp(kind, code, ip.contains(':'), by_target, reply_ttl));
    }
}
