//! scamper's JSON (`-O json`, `sc_warts2json`): traces; of `tracelb`, see the module beside it.

use std::io::Read;

use serde::Deserialize;
use serde_json::value::RawValue;
use tm_schema::{Method, MplsLabel, Probe, Protocol, Reply, ReplyKind, Stop, Time};
use tm_stream::Error;

use crate::draft::{Draft, answered, lost};
use crate::json::{self, Number, Stopped, Text};
use crate::sink::Sink;
use crate::{address, mpls, note, scamper_lb};

#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(flatten)]
    heading: Heading,
    #[serde(default)]
    stop_reason: Option<String>,
    #[serde(default)]
    hop_count: Option<Number>,
    #[serde(default)]
    hoplimit: Option<Number>,
    #[serde(default)]
    wait: Option<f64>,
    #[serde(default)]
    probe_count: Option<Number>,
    #[serde(borrow, default)]
    hops: Vec<&'a RawValue>,
}

/// What a trace and a `tracelb` both say of themselves.
#[derive(Deserialize)]
pub(crate) struct Heading {
    method: String,
    #[serde(default)]
    src: Option<String>,
    dst: String,
    #[serde(default)]
    dport: Option<Number>,
    #[serde(default)]
    start: Option<Stamp>,
    #[serde(default)]
    pub(crate) firsthop: Option<Number>,
    #[serde(default)]
    attempts: Option<Number>,
}

#[derive(Clone, Copy, Deserialize)]
pub(crate) struct Stamp {
    sec: i64,
    #[serde(default)]
    usec: i64,
}

impl Stamp {
    pub(crate) fn time(self) -> Option<Time> {
        Time::from_microseconds(self.sec.checked_mul(1_000_000)?.checked_add(self.usec)?)
    }
}

#[derive(Deserialize)]
struct Hop {
    addr: String,
    #[serde(default)]
    name: Option<String>,
    probe_ttl: Number,
    #[serde(default)]
    rtt: Option<f64>,
    #[serde(default)]
    tx: Option<Stamp>,
    #[serde(default)]
    reply_ttl: Option<Number>,
    #[serde(default)]
    icmp_type: Option<u8>,
    #[serde(default)]
    icmp_code: Option<u8>,
    #[serde(default)]
    tcp_flags: Option<u8>,
    #[serde(default)]
    icmpext: Vec<Extension>,
}

#[derive(Deserialize)]
struct Extension {
    #[serde(default)]
    mpls_labels: Vec<Label>,
}

#[derive(Deserialize)]
struct Label {
    #[serde(rename = "mpls_label")]
    value: u32,
    #[serde(rename = "mpls_exp")]
    exp: u32,
    #[serde(rename = "mpls_s")]
    bottom: u32,
    #[serde(rename = "mpls_ttl")]
    ttl: u32,
}

/// Imports every trace.
pub(crate) fn read(from: impl Read, sink: &mut Sink) -> Result<(), Error> {
    json::each(from, sink, |text, sink| match text.parse::<Kind>()?.kind.as_str() {
        "trace" => document(text, sink),
        "tracelb" => scamper_lb::document(text, sink),
        "cycle-start" | "cycle-stop" => Ok(()),
        other => Err(Stopped::Bad(text.line, format!("type: `{other}` is no trace"))),
    })
}

fn document(text: Text, sink: &mut Sink) -> Result<(), Stopped> {
    let document: Document = text.parse()?;
    let mut draft = document.heading.draft();
    draft.stop = match document.stop_reason.as_deref() {
        Some("UNREACH") => Some(Stop::Unreachable),
        Some("GAPLIMIT") => Some(Stop::GapLimit),
        Some("HOPLIMIT") => Some(Stop::MaxHops),
        Some("HALTED") => Some(Stop::Interrupted),
        Some("ERROR") => Some(Stop::Error),
        _ => None,
    };
    draft.error = document.stop_reason.filter(|reason| reason == "LOOP" || reason == "ERROR");
    draft.max_hops = document.hoplimit.and_then(Number::ttl);
    draft.timeout_s = document.wait;
    for hop in text.parts::<Hop>("hops", &document.hops, sink)? {
        add(&mut draft, hop);
    }
    let first = document.heading.firsthop.and_then(Number::ttl).unwrap_or(1);
    draft.fill(first, document.hop_count.and_then(Number::ttl).unwrap_or(0));
    let sent = document.probe_count.and_then(Number::count);
    count_silence(&mut draft, document.heading.attempts.and_then(Number::count), sent);
    draft.assume_time_exceeded();
    json::write(draft, text, sink)
}

/// A silent hop got every attempt, if that is what the sum of probes sent says.
fn count_silence(draft: &mut Draft, attempts: Option<u32>, sent: Option<u32>) {
    let (Some(attempts), Some(sent)) = (attempts, sent) else { return };
    let answers: usize =
        draft.ttls.values().flat_map(|ttl| &ttl.responders).map(|at| at.probes.len()).sum();
    let silent = draft.ttls.values().filter(|ttl| ttl.responders.is_empty()).count();
    let probes = (silent as u64).saturating_mul(u64::from(attempts)).saturating_add(answers as u64);
    if probes != u64::from(sent) || attempts > 255 {
        return;
    }
    for ttl in draft.ttls.values_mut().filter(|ttl| ttl.responders.is_empty()) {
        ttl.lost = vec![lost(); attempts as usize];
    }
}

impl Heading {
    pub(crate) fn draft(&self) -> Draft {
        let protocol = match self.method.split('-').next() {
            Some("udp") => Some(Protocol::Udp),
            Some("icmp") => Some(Protocol::Icmp),
            Some("tcp") => Some(Protocol::Tcp),
            _ => None,
        };
        let port = self.dport.and_then(Number::count).and_then(|port| u16::try_from(port).ok());
        let method = match self.method.as_str() {
            method if method.contains("paris") => Some(Method::Paris),
            "udp" | "icmp" | "icmp-echo" => Some(Method::Classic),
            _ => None,
        };
        Draft {
            tool: "scamper".to_owned(),
            target: address::canonical(&self.dst),
            host: Some(self.dst.clone()),
            source_ip: self.src.as_deref().and_then(address::canonical),
            protocol,
            port: port.filter(|_| protocol != Some(Protocol::Icmp)),
            method,
            started_at: self.start.and_then(Stamp::time),
            ..Draft::default()
        }
    }
}

fn add(draft: &mut Draft, hop: Hop) {
    let Some(number) = hop.probe_ttl.ttl() else { return };
    let is_paris = draft.method == Some(Method::Paris);
    let ip = address::canonical(&hop.addr).unwrap_or(hop.addr);
    let by_target = draft.target.as_ref() == Some(&ip);
    let at = hop.tx.and_then(Stamp::time);
    let ttl = draft.ttls.entry(number).or_default();
    ttl.at = ttl.at.min(at).or(at);
    let responder = ttl.responder(&ip);
    let rtt_ms = hop.rtt.and_then(crate::draft::valid);
    responder.probes.push(Probe { rtt_ms, at, ..answered(0.0) });
    if is_paris {
        responder.flows.push(0);
    }
    responder.name = hop.name.or(responder.name.take());
    let reply_ttl = hop.reply_ttl.and_then(Number::ttl);
    let is_v6 = ip.contains(':');
    responder.reply = match (hop.icmp_type, hop.icmp_code, hop.tcp_flags) {
        (Some(kind), Some(code), _) => Some(note::of_icmp(kind, code, is_v6, by_target, reply_ttl)),
        (_, _, Some(flags)) => tcp(flags, reply_ttl),
        _ => responder.reply.take(),
    };
    responder.mpls =
        hop.icmpext.iter().flat_map(|ext| &ext.mpls_labels).filter_map(entry).collect();
}

fn entry(label: &Label) -> Option<MplsLabel> {
    mpls::entry(label.value, label.exp, label.bottom == 1, label.ttl)
}

/// A TCP reply by its flags (RFC 9293).
fn tcp(flags: u8, ttl: Option<u8>) -> Option<Reply> {
    let kind = match flags {
        flags if flags & 0x04 != 0 => ReplyKind::Rst,
        flags if flags & 0x12 == 0x12 => ReplyKind::SynAck,
        _ => return None,
    };
    Some(Reply { kind, icmp_type: None, code: None, ttl, note: None })
}
