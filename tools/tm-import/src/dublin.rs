//! `dublin-traceroute`: for each flow, the probes along its path.

use std::collections::BTreeMap;
use std::io::Read;

use serde::Deserialize;
use serde_json::value::RawValue;
use tm_schema::{Method, Probe, Protocol, Time};
use tm_stream::Error;

use crate::draft::{Draft, answered, lost};
use crate::json::{self, Number, Stopped, Text};
use crate::sink::Sink;
use crate::{address, mpls, note};

#[derive(Deserialize)]
struct Document<'a> {
    /// By destination port, which is what makes a flow.
    #[serde(borrow)]
    flows: BTreeMap<u16, Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct Attempt {
    sent: Packet,
    #[serde(default)]
    received: Option<Packet>,
    #[serde(default)]
    rtt_usec: Option<u64>,
    #[serde(default)]
    name: String,
    #[serde(default)]
    is_last: bool,
}

#[derive(Deserialize)]
struct Packet {
    ip: Ip,
    #[serde(default)]
    timestamp: Option<Box<RawValue>>,
    #[serde(default)]
    icmp: Option<Icmp>,
}

#[derive(Deserialize)]
struct Ip {
    src: String,
    dst: String,
    #[serde(default)]
    ttl: Option<Number>,
}

#[derive(Deserialize)]
struct Icmp {
    #[serde(rename = "type")]
    kind: u8,
    code: u8,
    #[serde(default)]
    mpls_labels: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    label: u32,
    experimental: u32,
    bottom_of_stack: u32,
    ttl: u32,
}

/// Imports every document.
pub(crate) fn read(from: impl Read, sink: &mut Sink) -> Result<(), Error> {
    json::each(from, sink, document)
}

fn document(text: Text, sink: &mut Sink) -> Result<(), Stopped> {
    let document: Document = text.parse()?;
    let mut draft = Draft {
        tool: "dublin-traceroute".to_owned(),
        protocol: Some(Protocol::Udp),
        method: Some(Method::Paris),
        probes: Some(document.flows.len() as u32),
        ..Draft::default()
    };
    for (flow, probes) in &document.flows {
        for probe in text.parts::<Attempt>(&format!("flows.{flow}"), probes, sink)? {
            let is_last = probe.is_last;
            add(&mut draft, *flow, probe);
            if is_last {
                break;
            }
        }
    }
    if let Some((&last, _)) = draft.ttls.last_key_value() {
        draft.fill(1, last);
    }
    json::write(draft, text, sink)
}

fn add(draft: &mut Draft, flow: u16, probe: Attempt) {
    let Some(number) = probe.sent.ip.ttl.and_then(Number::ttl) else { return };
    let at = probe.sent.time();
    draft.started_at = draft.started_at.min(at).or(at);
    let done = probe.received.as_ref().and_then(Packet::time).or(at);
    draft.completed_at = draft.completed_at.max(done);
    draft.target = address::canonical(&probe.sent.ip.dst);
    let source = address::canonical(&probe.sent.ip.src);
    draft.source_ip = source.filter(|ip| ip != "0.0.0.0" && ip != "::");
    let target = draft.target.clone();
    let ttl = draft.ttls.entry(number).or_default();
    ttl.at = ttl.at.min(at).or(at);
    let Some((packet, ip)) =
        probe.received.and_then(|packet| address::canonical(&packet.ip.src).map(|ip| (packet, ip)))
    else {
        ttl.lost.push(Probe { flow, at, ..lost() });
        return;
    };
    let responder = ttl.responder(&ip);
    let micros = probe.rtt_usec.map_or(f64::NAN, |micros| micros as f64);
    responder.probes.push(Probe { flow, at, ..answered(micros / 1000.0) });
    responder.flows.push(flow);
    responder.name = Some(probe.name).filter(|name| !name.is_empty() && *name != ip);
    if let Some(icmp) = packet.icmp {
        let (kind, code) = icmp.kind_and_code();
        let (is_v6, by_target) = (ip.contains(':'), target.as_ref() == Some(&ip));
        let left = packet.ip.ttl.and_then(Number::ttl);
        responder.reply = Some(note::of_icmp(kind, code, is_v6, by_target, left));
        let labels = icmp.mpls_labels.iter();
        responder.mpls = labels
            .filter_map(|at| {
                mpls::entry(at.label, at.experimental, at.bottom_of_stack == 1, at.ttl)
            })
            .collect();
    }
}

impl Packet {
    /// When it was seen: seconds, a dot, and microseconds, which the version in C++ writes without
    /// their leading zeros.
    fn time(&self) -> Option<Time> {
        let text = self.timestamp.as_ref()?.get().trim_matches('"');
        let (seconds, micros) = text.split_once('.')?;
        let micros: i64 = micros.parse().ok().filter(|micros| (0..1_000_000).contains(micros))?;
        let seconds: i64 = seconds.parse().ok()?;
        Time::from_microseconds(seconds.checked_mul(1_000_000)?.checked_add(micros)?)
    }
}

impl Icmp {
    /// The version in C++ writes each where the other belongs, the one in Go does not. Types are 3
    /// (11) in IPv4 and 1 (3) in IPv6, and codes of 11 hardly occur.
    fn kind_and_code(&self) -> (u8, u8) {
        let is_type = |number| matches!(number, 1 | 3 | 11);
        match (self.kind, self.code) {
            (kind, code) if is_type(code) && (code == 11 || !is_type(kind)) => (code, kind),
            both => both,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn microseconds_are_a_number_and_no_fraction() {
        let at = |text: &str| {
            let packet = format!(r#"{{"ip":{{"src":"a","dst":"b"}},"timestamp":{text}}}"#);
            serde_json::from_str::<Packet>(&packet).unwrap().time().map(Time::as_microseconds)
        };
        assert_eq!(at("\"1795618518.4183\""), Some(1_795_618_518_004_183));
        assert_eq!(at("1795618518.004183"), Some(1_795_618_518_004_183));
        assert_eq!([at("\"x\""), at("\"1.-4\""), at("9e99"), at("null")], [None; 4]);
    }

    #[test]
    fn type_and_code_are_told_apart_in_either_order() {
        let of = |kind, code| Icmp { kind, code, mpls_labels: Vec::new() }.kind_and_code();
        assert_eq!([of(0, 11), of(11, 0)], [(11, 0); 2]);
        assert_eq!([of(13, 3), of(3, 13), of(0, 3), of(3, 3)], [(3, 13), (3, 13), (3, 0), (3, 3)]);
        assert_eq!([of(3, 1), of(3, 0)], [(3, 1), (3, 0)]);
    }
}
