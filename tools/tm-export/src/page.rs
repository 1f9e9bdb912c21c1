//! What a page and a report show, as strings for their templates. Text of strangers is cleaned
//! here and escaped by the template engine, by the rules of the format.

use serde::Serialize;
use tm_schema::{MplsLabel, ReplyKind};

use crate::chart::Chart;
use crate::diagram::Diagram;
use crate::findings::{Finding, findings, is_doubtful, is_mock};
use crate::graph::Graph;
use crate::map::Map;
use crate::paint;
use crate::rounds::Rounds;
use crate::session::{Responder, Session, Ttl};
use crate::words::{as_number, clean, confidence, count, ms, pct, place, time};

/// Everything.
#[derive(Debug, Serialize)]
pub(crate) struct Page {
    pub(crate) host: String,
    pub(crate) resolved_ip: String,
    /// The name of the place probed from; empty: it has none.
    pub(crate) vantage: String,
    pub(crate) facts: Vec<Fact>,
    pub(crate) cards: Vec<Card>,
    pub(crate) as_path: Vec<String>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) hops: Vec<HopView>,
    pub(crate) alerts: Vec<AlertView>,
    pub(crate) map: Option<Map>,
    pub(crate) chart: Option<Chart>,
    pub(crate) diagram: Option<Diagram>,
    pub(crate) rounds: Option<Rounds>,
    pub(crate) legend: [&'static str; 5],
    pub(crate) silent_tail: Option<String>,
    pub(crate) tool: String,
    /// Columns that have something to show.
    pub(crate) has_as: bool,
    pub(crate) has_place: bool,
}

/// A label and a text.
#[derive(Debug, Serialize)]
pub(crate) struct Fact {
    pub(crate) label: &'static str,
    pub(crate) text: String,
}

/// A number worth a box of its own.
#[derive(Debug, Serialize)]
pub(crate) struct Card {
    pub(crate) label: &'static str,
    pub(crate) value: String,
    pub(crate) note: String,
}

/// A responder at a TTL, or the lack of one.
#[derive(Debug, Default, Serialize)]
pub(crate) struct HopView {
    pub(crate) hop: u8,
    /// Not the first responder of its TTL.
    pub(crate) further: bool,
    pub(crate) id: String,
    pub(crate) silent: bool,
    pub(crate) private: bool,
    pub(crate) destination: bool,
    pub(crate) ip: String,
    pub(crate) name: String,
    pub(crate) asn: String,
    pub(crate) org: String,
    pub(crate) place: String,
    pub(crate) confidence: &'static str,
    pub(crate) impossible: bool,
    pub(crate) mock: bool,
    pub(crate) doubtful: bool,
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) loss: String,
    /// `none`, `some`, `limited`.
    pub(crate) loss_kind: &'static str,
    pub(crate) avg: String,
    /// Smallest and largest RTT.
    pub(crate) spread: String,
    pub(crate) jitter: String,
    pub(crate) median: String,
    pub(crate) stddev: String,
    pub(crate) step: Option<usize>,
    /// Mean RTT as a share of the slowest, in percent.
    pub(crate) share: u32,
    pub(crate) details: Vec<Fact>,
    pub(crate) evidence: Vec<EvidenceView>,
    pub(crate) conflicts: Vec<String>,
}

/// A reason to believe a place.
#[derive(Debug, Serialize)]
pub(crate) struct EvidenceView {
    pub(crate) source: String,
    pub(crate) says: String,
    pub(crate) score: String,
}

/// An alert of tm-watch.
#[derive(Debug, Serialize)]
pub(crate) struct AlertView {
    pub(crate) at: String,
    pub(crate) severity: String,
    pub(crate) kind: String,
    pub(crate) hop: Option<u8>,
    pub(crate) message: String,
}

impl Page {
    /// The page of a session; its map is `width` picture elements wide.
    pub(crate) fn of(session: &Session, width: f64, aspect: f64) -> Self {
        let graph = Graph::of(session);
        let hops = hop_views(session);
        Self {
            host: clean(&session.host),
            resolved_ip: session
                .resolved_ip
                .as_deref()
                .filter(|ip| *ip != session.host)
                .map(clean)
                .unwrap_or_default(),
            vantage: session.vantage.as_deref().map(clean).unwrap_or_default(),
            facts: facts(session),
            cards: cards(session),
            as_path: as_path(session),
            findings: findings(session, &graph),
            has_as: hops.iter().any(|hop| !hop.asn.is_empty()),
            has_place: hops.iter().any(|hop| !hop.place.is_empty()),
            hops,
            alerts: alerts(session),
            map: Map::of(session, &graph, width, aspect),
            chart: Chart::of(session),
            diagram: Diagram::of(session, &graph),
            rounds: Rounds::of(session),
            legend: paint::LEGEND,
            silent_tail: silent_tail(session),
            tool: format!("tm-export {}", env!("CARGO_PKG_VERSION")),
        }
    }
}

fn facts(session: &Session) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut fact = |label, text: Option<String>| {
        facts.extend(text.filter(|text| !text.is_empty()).map(|text| Fact { label, text }));
    };
    let end = session.end();
    fact("From", session.origin().as_deref().map(clean));
    fact("To", session.resolved_ip.as_deref().map(clean));
    fact(
        "Protocol",
        session.protocol.map(|protocol| {
            let port = session.port.map_or(String::new(), |port| format!(", port {port}"));
            format!("{}{port}", protocol.as_str().to_uppercase())
        }),
    );
    fact("Started", session.started_at().map(time));
    fact("Ended", session.completed_at().map(time));
    fact(
        "Rounds",
        (session.rounds.len() > 1).then(|| {
            let older = match session.dropped_rounds {
                0 => String::new(),
                older => format!(" (and {older} older ones, not shown)"),
            };
            format!("{}{older}", session.rounds.len())
        }),
    );
    fact(
        "Probes",
        end.map(|end| {
            let method = serde_json::to_value(end.method).ok();
            let parts = [
                end.probes.map(|probes| format!("{probes} a hop")),
                end.timeout_s.map(|seconds| format!("{seconds} s wait")),
                end.max_hops.map(|hops| format!("up to {hops} hops")),
                method.and_then(|method| method.as_str().map(str::to_owned)),
            ];
            parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
        }),
    );
    fact("Path discovery", end.and_then(|end| end.paths.as_ref()).map(discovery));
    fact("Traced by", end.map(|end| clean(&format!("{} {}", end.tool, end.version))));
    fact("Platform", end.map(|end| clean(&end.platform)));
    facts
}

/// What path discovery did, and how likely it missed something.
fn discovery(paths: &tm_schema::Paths) -> String {
    let responders = count(paths.nodes as usize, "responder", "responders");
    let links = count(paths.links as usize, "link", "links");
    let flows = count(paths.flows as usize, "flow", "flows");
    let sure = if paths.complete {
        let missed = paths.failure_bound_pct();
        format!(
            "another branch was missed with a probability of at most {missed} %, where flows are spread evenly"
        )
    } else {
        "it was cut short: there may be more".to_owned()
    };
    format!("{responders} and {links} by {flows}; {sure}")
}

fn cards(session: &Session) -> Vec<Card> {
    let mut cards = Vec::new();
    if let Some((_, ttl, responder)) = session.destination() {
        if let Some(rtt) = responder.rtt {
            cards.push(Card {
                label: "Round trip",
                value: format!("{} ms", ms(rtt.avg)),
                note: format!("{} ms", spread(rtt))
                    + &jitter(responder)
                        .map_or(String::new(), |jitter| format!(", jitter {}", ms(jitter))),
            });
        }
        cards.push(Card {
            label: "Loss end to end",
            value: pct(ttl.loss_pct()),
            note: format!(
                "{} of {} answered",
                ttl.received,
                count(ttl.sent as usize, "probe", "probes")
            ),
        });
    } else {
        let note = session.end().map_or(String::new(), |end| {
            let stop = end.stop.map_or("it is not known why", tm_schema::Stop::as_str);
            format!("stopped: {}", stop.replace('_', " "))
        });
        cards.push(Card { label: "Destination", value: "no answer".to_owned(), note });
    }
    let path: Vec<_> = session.path().collect();
    let silent = path.iter().filter(|(_, _, at)| at.is_none()).count();
    let private = path.iter().filter(|(_, _, at)| at.is_some_and(|at| at.is_private)).count();
    cards.push(Card {
        label: "Hops",
        value: path.len().to_string(),
        note: match path.len() {
            0 => format!("of {} probed", session.ttls.len()),
            _ => format!("{silent} silent, {private} private"),
        },
    });
    let placed = || path.iter().filter_map(|(_, _, at)| at.filter(|at| at.point().is_some()));
    if placed().next().is_some() {
        let sure =
            placed().filter(|at| !is_doubtful(at) && !at.is_impossible() && !is_mock(at)).count();
        cards.push(Card {
            label: "Located",
            value: format!("{} of {}", placed().count(), path.len()),
            note: format!("{sure} with confidence"),
        });
    }
    cards
}

/// The ASes on the way, each run once.
fn as_path(session: &Session) -> Vec<String> {
    let mut path: Vec<String> = Vec::new();
    for (_, _, responder) in session.path() {
        let Some(asn) = responder.and_then(|at| at.asn.as_ref()) else { continue };
        let Some(number) = as_number(asn) else { continue };
        if path.last().is_none_or(|last| last.split(' ').next() != number.split(' ').next()) {
            let org = asn
                .org
                .as_deref()
                .map_or(String::new(), |org| format!(" {}", tm_stream::text::cut(&clean(org), 28)));
            path.push(format!("{number}{org}"));
        }
    }
    path
}

fn alerts(session: &Session) -> Vec<AlertView> {
    let word = |value: Result<serde_json::Value, _>| -> String {
        value
            .ok()
            .as_ref()
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default()
            .replace('_', " ")
    };
    session
        .alerts
        .iter()
        .map(|alert| AlertView {
            at: time(alert.at),
            severity: word(serde_json::to_value(alert.severity)),
            kind: word(serde_json::to_value(alert.kind)),
            hop: alert.hop,
            message: clean(&alert.message),
        })
        .collect()
}

fn silent_tail(session: &Session) -> Option<String> {
    let beyond: Vec<u8> =
        session.ttls.keys().copied().filter(|hop| *hop > session.farthest()).collect();
    let silent = crate::words::hops(&beyond);
    let lead = if session.farthest() > 0 { "Beyond: " } else { "Probed: " };
    (!beyond.is_empty()).then(|| format!("{lead}{silent} did not answer"))
}

fn hop_views(session: &Session) -> Vec<HopView> {
    let slowest =
        session.path().filter_map(|(.., at)| at?.rtt).map(|rtt| rtt.avg).fold(0.1, f64::max);
    let mut views = Vec::new();
    for (hop, ttl, _) in session.path() {
        if ttl.responders.is_empty() {
            views.push(HopView { silent: true, ..base(hop, 0, ttl) });
        }
        for (at, responder) in ttl.responders.iter().enumerate() {
            views.push(view(base(hop, at, ttl), responder, slowest));
        }
    }
    views
}

fn base(hop: u8, at: usize, ttl: &Ttl) -> HopView {
    HopView {
        hop,
        further: at > 0,
        id: if at == 0 { format!("hop-{hop}") } else { format!("hop-{hop}-{at}") },
        sent: ttl.sent,
        received: ttl.received,
        loss: pct(ttl.loss_pct()),
        loss_kind: match ttl.loss_pct() {
            0.0 => "none",
            _ if ttl.rate_limited => "limited",
            _ => "some",
        },
        ..HopView::default()
    }
}

fn view(base: HopView, responder: &Responder, slowest: f64) -> HopView {
    let rtt = responder.rtt;
    let several = |text: String| if responder.rtts.len() == 1 { String::new() } else { text };
    let shown = |value: fn(&tm_schema::Rtt) -> Option<f64>| {
        rtt.as_ref().and_then(value).map(ms).unwrap_or_default()
    };
    let geo = responder.geo.as_ref();
    HopView {
        private: responder.is_private,
        destination: responder.is_destination,
        ip: clean(&responder.ip),
        name: responder.hostname().map(clean).unwrap_or_default(),
        asn: responder.asn.as_ref().and_then(as_number).unwrap_or_default(),
        org: responder
            .asn
            .as_ref()
            .and_then(|asn| asn.org.as_deref())
            .map(clean)
            .unwrap_or_default(),
        place: geo.and_then(place).unwrap_or_default(),
        confidence: geo.and_then(|geo| geo.confidence).map_or("", confidence),
        impossible: responder.is_impossible(),
        mock: is_mock(responder),
        doubtful: is_doubtful(responder),
        avg: shown(|rtt| Some(rtt.avg)),
        spread: rtt.map(spread).unwrap_or_default(),
        jitter: jitter(responder).map(ms).unwrap_or_default(),
        median: several(shown(|rtt| rtt.median)),
        stddev: several(shown(|rtt| rtt.stddev)),
        step: rtt.map(|rtt| paint::step(rtt.avg)),
        share: rtt.map_or(0, |rtt| (rtt.avg / slowest * 100.0).round().clamp(1.0, 100.0) as u32),
        details: details(responder),
        evidence: geo.map(evidence).unwrap_or_default(),
        conflicts: geo
            .map(|geo| geo.conflicts.iter().take(8).map(|text| clean(text)).collect())
            .unwrap_or_default(),
        ..base
    }
}

/// From the smallest RTT to the largest.
fn spread(rtt: tm_schema::Rtt) -> String {
    let (min, max) = (ms(rtt.min), ms(rtt.max));
    if min == max { min } else { format!("{min}–{max}") }
}

/// How much the RTT varies; one answer tells nothing of that.
fn jitter(responder: &Responder) -> Option<f64> {
    responder.rtt?.jitter.filter(|_| responder.rtts.len() != 1)
}

fn evidence(geo: &tm_schema::Geo) -> Vec<EvidenceView> {
    let view = |evidence: &tm_schema::Evidence| EvidenceView {
        source: clean(&evidence.source),
        says: clean(&evidence.says),
        score: format!("{:+.0}", evidence.score),
    };
    geo.evidence.iter().take(8).map(view).collect()
}

/// What a row has no column for.
fn details(responder: &Responder) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut fact = |label, text: Option<String>| {
        facts.extend(text.filter(|text| !text.is_empty()).map(|text| Fact { label, text }));
    };
    if let Some(dns) = &responder.dns {
        let others: Vec<String> = dns
            .names
            .iter()
            .filter(|name| Some(*name) != dns.hostname.as_ref())
            .take(5)
            .map(|name| clean(name))
            .collect();
        fact("Other names", Some(others.join(", ")));
        let checked = match dns.verified {
            Some(true) => "resolves back to the address",
            Some(false) => "does not resolve back to the address",
            None => "",
        };
        fact("Name check", dns.hostname.is_some().then(|| checked.to_owned()));
        fact("Name", dns.error.as_deref().map(|error| format!("look-up failed: {}", clean(error))));
    }
    if let Some(asn) = &responder.asn {
        fact("Prefix", asn.prefix.as_deref().map(clean));
        fact(
            "Registered",
            asn.country.as_deref().map(|country| {
                let registry = asn
                    .registry
                    .as_deref()
                    .map_or(String::new(), |registry| format!(" ({})", clean(registry)));
                format!("{}{registry}", clean(country))
            }),
        );
        fact("AS by", asn.source.as_deref().map(clean));
        fact("AS", asn.error.as_deref().map(|error| format!("look-up failed: {}", clean(error))));
    }
    if let Some(geo) = &responder.geo {
        fact("Region", geo.region.as_deref().filter(|_| geo.city.is_some()).map(clean));
        fact("Country", geo.country.as_deref().map(clean));
        fact("Coordinates", geo.lat.zip(geo.lon).map(|(lat, lon)| format!("{lat:.3}, {lon:.3}")));
        fact("Accuracy", geo.accuracy_km.map(|km| format!("within about {km:.0} km")));
        fact(
            "Anycast",
            geo.anycast.then(|| {
                "announced from several places; this is one of them, or near one".to_owned()
            }),
        );
        fact("Place by", geo.source.as_deref().map(clean));
        fact(
            "Place",
            geo.error.as_deref().map(|error| format!("look-up failed: {}", clean(error))),
        );
    }
    fact("Reply", responder.reply.as_ref().map(reply));
    fact("MPLS", Some(mpls(&responder.mpls)));
    fact(
        "Interface",
        responder.interface.as_ref().map(|interface| {
            let name = interface.name.as_deref().map(clean);
            let parts = [
                Some(clean(&interface.role.replace('_', " "))),
                name,
                interface.ip.map(|ip| ip.to_string()),
                interface.mtu.map(|mtu| format!("MTU {mtu}")),
            ];
            parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
        }),
    );
    fact("NAT", responder.nat.then(|| "the probe was rewritten on its way".to_owned()));
    fact(
        "Flows",
        (responder.flows.len() > 1).then(|| count(responder.flows.len(), "flow", "flows")),
    );
    facts
}

fn reply(reply: &tm_schema::Reply) -> String {
    let kind = match reply.kind {
        ReplyKind::TimeExceeded => "ICMP time exceeded",
        ReplyKind::DestUnreachable => "ICMP destination unreachable",
        ReplyKind::EchoReply => "ICMP echo reply",
        ReplyKind::SynAck => "TCP SYN-ACK: the port is open",
        ReplyKind::Rst => "TCP RST: the port is closed",
        ReplyKind::UdpReply => "UDP: the port is open",
    };
    let note = reply.note.as_deref().map_or(String::new(), |note| format!(" {}", clean(note)));
    let ttl = reply.ttl.map_or(String::new(), |ttl| format!(", TTL {ttl} left"));
    format!("{kind}{note}{ttl}")
}

fn mpls(labels: &[MplsLabel]) -> String {
    let label =
        |label: &MplsLabel| format!("{} (class {}, TTL {})", label.label, label.tc, label.ttl);
    labels.iter().map(label).collect::<Vec<_>>().join(" → ")
}
