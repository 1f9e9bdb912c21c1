//! `trip --mode json`: statistics of each hop, as texts with two decimals.

use std::io::Read;

use serde::Deserialize;
use serde_json::value::RawValue;
use tm_schema::{MplsLabel, Time};
use tm_stream::Error;

use crate::draft::{Draft, Responder, Ttl, statistics};
use crate::json::{self, Number, Stopped, Text};
use crate::sink::Sink;
use crate::{address, mpls};

#[derive(Deserialize)]
struct Document<'a> {
    info: Info,
    #[serde(borrow)]
    hops: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Info {
    target: Host,
    #[serde(default)]
    start_timestamp: Option<String>,
    #[serde(default)]
    end_timestamp: Option<String>,
}

#[derive(Deserialize)]
struct Host {
    ip: String,
    #[serde(default)]
    hostname: Option<String>,
}

#[derive(Deserialize)]
struct Hop {
    ttl: Number,
    hosts: Vec<Host>,
    #[serde(default)]
    extensions: Vec<Extension>,
    sent: Number,
    recv: Number,
    best: Number,
    avg: Number,
    worst: Number,
    #[serde(default)]
    stddev: Option<Number>,
}

#[derive(Deserialize)]
struct Extension {
    #[serde(default)]
    mpls: Option<Members>,
}

#[derive(Deserialize)]
struct Members {
    members: Vec<Member>,
}

#[derive(Deserialize)]
struct Member {
    label: u32,
    exp: u32,
    bos: u32,
    ttl: u32,
}

/// Imports every document.
pub(crate) fn read(from: impl Read, sink: &mut Sink) -> Result<(), Error> {
    json::each(from, sink, document)
}

fn document(text: Text, sink: &mut Sink) -> Result<(), Stopped> {
    let Document { info, hops } = text.parse()?;
    let time = |text: Option<String>| text.and_then(|text| text.parse::<Time>().ok());
    let mut draft = Draft {
        tool: "trippy".to_owned(),
        target: address::canonical(&info.target.ip),
        host: info.target.hostname.or(Some(info.target.ip)),
        started_at: time(info.start_timestamp),
        completed_at: time(info.end_timestamp),
        ..Draft::default()
    };
    for hop in text.parts::<Hop>("hops", &hops, sink)? {
        let Some(number) = hop.ttl.ttl() else { continue };
        draft.ttls.insert(number, ttl(hop));
    }
    json::write(draft, text, sink)
}

fn ttl(hop: Hop) -> Ttl {
    let (sent, received) = (hop.sent.count().unwrap_or(0), hop.recv.count().unwrap_or(0));
    let labels = hop.extensions.iter().filter_map(|extension| extension.mpls.as_ref());
    let labels: Vec<MplsLabel> = labels
        .flat_map(|mpls| &mpls.members)
        .filter_map(|entry| mpls::entry(entry.label, entry.exp, entry.bos == 1, entry.ttl))
        .collect();
    let of_all = [hop.best.0, hop.avg.0, hop.worst.0].map(Some);
    let rtt = statistics(received, of_all, hop.stddev.map(|stddev| stddev.0));
    // Of several hosts, nobody says whose answers the statistics are of.
    let rtt = rtt.filter(|_| hop.hosts.len() == 1);
    let mpls = if hop.hosts.len() == 1 { labels } else { Vec::new() };
    let responder = |host: Host| {
        let ip = address::canonical(&host.ip).unwrap_or(host.ip);
        // Where the look-up failed, the error stands in the name's place.
        let name = host.hostname.filter(|name| !name.contains([' ', ':']));
        Responder { ip, name, rtt, mpls: mpls.clone(), ..Responder::default() }
    };
    let responders = hop.hosts.into_iter().map(responder).collect();
    Ttl { counted: Some((sent.max(received), received)), responders, ..Ttl::default() }
}
