//! `--format prometheus`: the last trace of each target from each vantage point as metrics, for
//! a textfile collector. Addresses and names stand in one series alone (`…_info`), so that a route
//! that changes does not make new series of every number.

use std::collections::BTreeMap;
use std::fmt::Write;

use sha2::{Digest, Sha256};
use tm_schema::{Hop, Protocol, Record, Trace};
use tm_stream::Error;
use tm_stream::text::{cut, visible};
use tm_stream::typed::Records;

use crate::select::Selection;

/// What makes a series.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    target: String,
    protocol: &'static str,
    /// Of its address.
    family: &'static str,
    /// The name of the place probed from; empty: it has none.
    vantage: String,
}

impl Key {
    fn new(
        target: &str,
        protocol: Option<Protocol>,
        ip: Option<&str>,
        vantage: Option<&str>,
    ) -> Self {
        Self {
            target: target.to_owned(),
            protocol: protocol.map_or("", Protocol::as_str),
            family: family(ip),
            vantage: vantage.unwrap_or_default().to_owned(),
        }
    }
}

/// The last trace of a target.
#[derive(Default)]
struct Last {
    trace_id: String,
    hops: Vec<Hop>,
    end: Option<Trace>,
}

/// Reads every record and writes the metrics.
pub(crate) fn write(
    records: &mut Records,
    selection: &Selection,
    only_last: bool,
) -> Result<String, Error> {
    let mut targets: BTreeMap<Key, Last> = BTreeMap::new();
    let mut latest = None;
    while let Some(record) = records.next_record()? {
        match record {
            Record::Hop(hop) if selection.takes(&*hop) => {
                let (ip, vantage) = (hop.resolved_ip.as_deref(), hop.vantage.as_deref());
                let key = Key::new(&hop.host, hop.protocol, ip, vantage);
                latest = Some(key.clone());
                targets.entry(key).or_default().of(&hop.trace_id).hops.push(*hop);
            }
            Record::Trace(trace) if selection.takes(&*trace) => {
                let (ip, vantage) = (trace.resolved_ip.as_deref(), trace.vantage.as_deref());
                let key = Key::new(&trace.host, trace.protocol, ip, vantage);
                let trace_id = trace.trace_id.clone();
                latest = Some(key.clone());
                targets.entry(key).or_default().of(&trace_id).end = Some(*trace);
            }
            _ => {}
        }
    }
    if only_last {
        targets.retain(|key, _| Some(key) == latest.as_ref());
    }
    Ok(text(&targets))
}

impl Last {
    /// This, emptied where another trace begins.
    fn of(&mut self, trace_id: &str) -> &mut Self {
        if self.trace_id != trace_id {
            *self = Self { trace_id: trace_id.to_owned(), ..Self::default() };
        }
        self
    }

    fn is_reached(&self) -> bool {
        self.end
            .as_ref()
            .map_or_else(|| self.hops.iter().any(|hop| hop.is_destination), |end| end.reached)
    }

    /// A number that stays while the path does, exact in a double.
    fn path_id(&self) -> u64 {
        let mut hash = Sha256::new();
        let mut path: Vec<(u8, &str)> =
            self.hops.iter().map(|hop| (hop.hop, hop.ip.as_deref().unwrap_or("*"))).collect();
        path.sort_unstable();
        for (hop, ip) in path {
            hash.update([hop]);
            hash.update(ip.as_bytes());
            hash.update([0]);
        }
        let digest = hash.finalize();
        digest.iter().take(6).fold(0, |id, octet| id << 8 | u64::from(*octet))
    }
}

fn family(ip: Option<&str>) -> &'static str {
    match ip {
        Some(ip) if ip.contains(':') => "6",
        Some(_) => "4",
        None => "",
    }
}

/// One metric of the targets.
struct Metric<'a> {
    text: &'a mut String,
    name: &'static str,
}

impl<'a> Metric<'a> {
    fn new(text: &'a mut String, name: &'static str, help: &str) -> Self {
        let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n");
        Self { text, name }
    }

    fn add(&mut self, key: &Key, more: &[(&str, &str)], value: f64) {
        let labels = [
            ("target", key.target.as_str()),
            ("protocol", key.protocol),
            ("family", key.family),
            ("vantage", &key.vantage),
        ];
        let shown = labels.iter().chain(more).filter(|(_, value)| !value.is_empty());
        let all: Vec<String> =
            shown.map(|(name, value)| format!("{name}=\"{}\"", label(value))).collect();
        let _ = writeln!(self.text, "{}{{{}}} {value}", self.name, all.join(","));
    }
}

fn text(targets: &BTreeMap<Key, Last>) -> String {
    let mut text = String::new();
    let mut of_trace = |name, help: &str, value: &dyn Fn(&Last) -> Option<f64>| {
        let mut metric = Metric::new(&mut text, name, help);
        for (key, last) in targets {
            if let Some(value) = value(last) {
                metric.add(key, &[], value);
            }
        }
    };
    of_trace("tracemap_up", "The destination answered the last trace.", &|last| {
        Some(f64::from(u8::from(last.is_reached())))
    });
    of_trace("tracemap_hops", "Hops of the last trace.", &|last| {
        last.end.as_ref().map(|end| end.hops.into())
    });
    of_trace("tracemap_start_time_seconds", "When the last trace began.", &|last| {
        Some(last.end.as_ref()?.started_at.as_microseconds() as f64 / 1e6)
    });
    of_trace("tracemap_duration_seconds", "How long the last trace took.", &|last| {
        let end = last.end.as_ref()?;
        Some((end.completed_at.as_microseconds() - end.started_at.as_microseconds()) as f64 / 1e6)
    });
    of_trace("tracemap_path_id", "A number that changes when the path does.", &|last| {
        (!last.hops.is_empty()).then(|| last.path_id() as f64)
    });
    of_trace("tracemap_rtt_seconds", "Mean round-trip time of the destination.", &|last| {
        let destination = last.hops.iter().find(|hop| hop.is_destination)?;
        Some(seconds(destination.rtt?.avg))
    });
    of_trace("tracemap_loss_ratio", "Probes lost end to end.", &|last| {
        let destination = last.hops.iter().find(|hop| hop.is_destination)?;
        Some(destination.loss_pct / 100.0)
    });
    of_hops(&mut text, targets);
    text
}

fn of_hops(text: &mut String, targets: &BTreeMap<Key, Last>) {
    type Get = fn(&Hop) -> Option<f64>;
    let metrics: [(&'static str, &str, Get); 5] = [
        ("tracemap_hop_sent", "Probes sent at a TTL.", |hop| Some(hop.sent.into())),
        ("tracemap_hop_received", "Probes answered at a TTL.", |hop| Some(hop.received.into())),
        ("tracemap_hop_rtt_min_seconds", "Smallest round-trip time at a TTL.", |hop| {
            hop.rtt.map(|rtt| seconds(rtt.min))
        }),
        (
            "tracemap_hop_rtt_seconds",
            "Mean round-trip time of the first responder at a TTL.",
            |hop| hop.rtt.map(|rtt| seconds(rtt.avg)),
        ),
        (
            "tracemap_hop_jitter_seconds",
            "Mean difference of consecutive round-trip times.",
            |hop| hop.rtt.and_then(|rtt| rtt.jitter).map(seconds),
        ),
    ];
    for (name, help, get) in metrics {
        let mut metric = Metric::new(text, name, help);
        for (key, last) in targets {
            for hop in first_of_each_ttl(&last.hops) {
                if let Some(value) = get(hop) {
                    metric.add(key, &[("ttl", &hop.hop.to_string())], value);
                }
            }
        }
    }
    let mut metric = Metric::new(text, "tracemap_hop_info", "Who answered at a TTL.");
    for (key, last) in targets {
        for hop in first_of_each_ttl(&last.hops).filter(|hop| hop.ip.is_some()) {
            let asn = hop
                .asn
                .as_ref()
                .and_then(|asn| asn.number)
                .map_or(String::new(), |number| number.to_string());
            let name = hop.dns.as_ref().and_then(|dns| dns.hostname.as_deref()).unwrap_or_default();
            let ttl = hop.hop.to_string();
            let labels = [
                ("ttl", ttl.as_str()),
                ("addr", hop.ip.as_deref().unwrap_or_default()),
                ("hostname", name),
                ("asn", &asn),
            ];
            metric.add(key, &labels, 1.0);
        }
    }
}

/// A series may come only once.
fn first_of_each_ttl(hops: &[Hop]) -> impl Iterator<Item = &Hop> {
    let mut seen = [false; 256];
    hops.iter().filter(move |hop| {
        let seen = seen.get_mut(usize::from(hop.hop));
        seen.is_some_and(|seen| !std::mem::replace(seen, true))
    })
}

fn seconds(ms: f64) -> f64 {
    (ms * 1e4).round() / 1e7
}

fn label(value: &str) -> String {
    cut(&visible(value), 255).replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
