//! The Python tracemap's trace.json, which `tm-export --format json` writes too, and its watch log.

use std::io::Read;

use serde::Deserialize;
use serde_json::value::RawValue;
use tm_schema::{Asn, Confidence, Geo, Probe, Protocol, Time};
use tm_stream::Error;

use crate::address;
use crate::draft::{Draft, answered, lost};
use crate::json::{self, Number, Stopped, Text};
use crate::nexttrace::is_place;
use crate::sink::Sink;

/// A line of the watch log, or the document itself.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, default)]
    trace: Option<&'a RawValue>,
    #[serde(default)]
    timestamp: Option<String>,
}

#[derive(Deserialize)]
struct Document<'a> {
    meta: Meta,
    #[serde(borrow)]
    hops: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Meta {
    host: String,
    #[serde(default)]
    resolved_ip: Option<String>,
    #[serde(default)]
    source_ip: Option<String>,
    #[serde(default)]
    tool: Option<String>,
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    max_hops: Option<Number>,
    #[serde(default)]
    probes: Option<Number>,
    #[serde(default)]
    timeout_s: Option<Number>,
    #[serde(default)]
    protocol: Option<String>,
    #[serde(default)]
    port: Option<u16>,
    #[serde(default)]
    started_at: Option<String>,
    #[serde(default)]
    completed_at: Option<String>,
    #[serde(default)]
    platform_system: Option<String>,
    #[serde(default)]
    platform_release: Option<String>,
}

#[derive(Deserialize)]
struct Hop {
    #[serde(rename = "hop")]
    number: Number,
    #[serde(default)]
    ip: Option<String>,
    #[serde(default)]
    hostname: Option<String>,
    #[serde(default)]
    probes: Vec<Answer>,
    #[serde(default)]
    geo: Option<Place>,
    #[serde(default)]
    is_private: bool,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    rtt_ms: Option<f64>,
    #[serde(default)]
    ok: bool,
    #[serde(default)]
    ip: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Place {
    lat: Option<f64>,
    lon: Option<f64>,
    city: Option<String>,
    region: Option<String>,
    country: Option<String>,
    country_code: Option<String>,
    asn: Option<Number>,
    asn_org: Option<String>,
    source: Option<String>,
    confidence: Option<Confidence>,
}

/// Imports every document and every line of a log.
pub(crate) fn read(from: impl Read, sink: &mut Sink) -> Result<(), Error> {
    json::each(from, sink, |text, sink| {
        let line: Line = text.parse()?;
        match line.trace {
            Some(trace) => document(text.part(trace), line.timestamp.as_deref(), sink),
            None => document(text, None, sink),
        }
    })
}

fn document(text: Text, logged_at: Option<&str>, sink: &mut Sink) -> Result<(), Stopped> {
    let Document { meta, hops } = text.parse()?;
    let tool = meta.tool.unwrap_or_else(|| "tracemap".to_owned());
    // The Python program writes local times without their zone, which are no points in time.
    let time = |text: Option<&str>| text.and_then(|text| text.parse::<Time>().ok());
    let stated = meta.started_at.as_deref().or(logged_at);
    if stated.is_some() && time(stated).is_none() {
        let stated = stated.unwrap_or_default();
        sink.skipped(text.line, format_args!("meta.started_at: {stated} has no zone"));
    }
    let mut draft = Draft {
        target: meta.resolved_ip.as_deref().and_then(address::canonical),
        source_ip: meta.source_ip,
        protocol: meta.protocol.as_deref().and_then(protocol),
        port: meta.port,
        version: meta.version.unwrap_or_default(),
        platform: [meta.platform_system, meta.platform_release]
            .into_iter()
            .flatten()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(" "),
        max_hops: meta.max_hops.and_then(Number::ttl),
        probes: meta.probes.and_then(Number::count),
        timeout_s: meta.timeout_s.map(|seconds| seconds.0),
        started_at: time(stated).or_else(|| time(logged_at)),
        completed_at: time(meta.completed_at.as_deref()),
        host: Some(meta.host),
        tool,
        ..Draft::default()
    };
    for hop in text.parts::<Hop>("hops", &hops, sink)? {
        add(&mut draft, hop);
    }
    json::write(draft, text, sink)
}

pub(crate) fn protocol(text: &str) -> Option<Protocol> {
    match text.to_ascii_lowercase().as_str() {
        "udp" => Some(Protocol::Udp),
        "icmp" => Some(Protocol::Icmp),
        "tcp" => Some(Protocol::Tcp),
        _ => None,
    }
}

fn add(draft: &mut Draft, hop: Hop) {
    let Some(number) = hop.number.ttl() else { return };
    let (tool, ttl) = (draft.tool.clone(), draft.ttls.entry(number).or_default());
    let own = hop.ip.map(|ip| address::canonical(&ip).unwrap_or(ip));
    if let Some(ip) = &own {
        let responder = ttl.responder(ip);
        responder.name = hop.hostname.filter(|name| !name.is_empty() && name != ip);
        responder.is_private = hop.is_private;
        if let Some(place) = hop.geo {
            responder.asn = origin(&place, &tool);
            responder.geo = geo(place, &tool);
        }
    }
    for probe in hop.probes {
        let by = probe.ip.and_then(|ip| address::canonical(&ip)).or_else(|| own.clone());
        match by.filter(|_| probe.ok) {
            Some(ip) => {
                let rtt = probe.rtt_ms.and_then(crate::draft::valid);
                ttl.responder(&ip).probes.push(Probe { rtt_ms: rtt, ..answered(0.0) });
            }
            None => ttl.lost.push(lost()),
        }
    }
}

fn origin(place: &Place, tool: &str) -> Option<Asn> {
    let number = place.asn.and_then(Number::count);
    let source = place.source.clone().unwrap_or_else(|| tool.to_owned());
    let org = place.asn_org.clone();
    (number.is_some() || org.is_some()).then(|| Asn {
        number,
        org,
        source: Some(source),
        ..Asn::default()
    })
}

/// The place; the Python program makes places up where it finds none, and does not say so.
fn geo(place: Place, tool: &str) -> Option<Geo> {
    let point = place.lat.zip(place.lon).filter(|&(lat, lon)| is_place(lat, lon));
    let says = point.is_some() || place.city.is_some() || place.country.is_some();
    says.then(|| Geo {
        lat: point.map(|point| point.0),
        lon: point.map(|point| point.1),
        city: place.city,
        region: place.region,
        country: place.country,
        country_code: place.country_code,
        source: place.source.or_else(|| Some(tool.to_owned())),
        confidence: place.confidence.or(Some(Confidence::Low)),
        ..Geo::default()
    })
}
