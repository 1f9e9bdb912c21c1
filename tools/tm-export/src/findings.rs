//! What can be said of a session in words, and how sure it is: observed (a count or a time that
//! was measured), inferred (an explanation that fits), or unknown.

use std::collections::BTreeMap;

use serde::Serialize;
use tm_path::detour::{self, Agreement, KM_PER_MS, LONG_KM};
use tm_path::{delay, loss, sphere::Point};
use tm_schema::{Balancing, Confidence, Diamond, Method, Paths, Stop};

use crate::graph::Graph;
use crate::mtu;
use crate::session::{Responder, Session};
use crate::words::{clean, count, hops, km, ms, pct, place};

/// A sentence, and what it rests on.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Finding {
    pub(crate) text: String,
    pub(crate) certainty: Certainty,
    pub(crate) tone: Tone,
    /// The TTL it is about.
    pub(crate) hop: Option<u8>,
}

/// How sure a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Certainty {
    Observed,
    Inferred,
    Unknown,
}

/// Whether it is good news.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Tone {
    Good,
    Plain,
    Warning,
    Bad,
}

use Certainty::{Inferred, Observed, Unknown};
use Tone::{Bad, Good, Plain, Warning};

/// Everything that can be said, the most important first.
pub(crate) fn findings(session: &Session, graph: &Graph) -> Vec<Finding> {
    let mut all = vec![verdict(session)];
    all.extend(error(session));
    all.extend(losses(session));
    all.extend(step(session));
    all.extend(places(session));
    all.extend(legs(session));
    all.extend(paths(session, graph));
    all.extend(mtu::findings(session));
    all.extend(unknowns(session));
    all
}

pub(crate) fn finding(certainty: Certainty, tone: Tone, hop: Option<u8>, text: String) -> Finding {
    Finding { text, certainty, tone, hop }
}

/// Whether the destination answers.
fn verdict(session: &Session) -> Finding {
    let host = clean(&session.host);
    if let Some((hop, ttl, responder)) = session.destination() {
        let rtt =
            responder.rtt.map_or(String::new(), |rtt| format!(" {} ms on average,", ms(rtt.avg)));
        let loss = ttl.loss_pct();
        let tone = if loss >= 5.0 {
            Bad
        } else if loss > 0.0 {
            Warning
        } else {
            Good
        };
        let text = format!(
            "{host} answers:{rtt} {} loss, {hop} {} away.",
            pct(loss),
            if hop == 1 { "hop" } else { "hops" }
        );
        return finding(Observed, tone, Some(hop), text);
    }
    let farthest = session.farthest();
    let last = session.ttls.get(&farthest).and_then(|ttl| ttl.responders.first());
    let Some(last) = last else {
        return finding(
            Observed,
            Bad,
            None,
            format!("{host} was not reached: nobody answered at all."),
        );
    };
    let note = last.reply.as_ref().and_then(|reply| reply.note.as_deref());
    let ip = clean(&last.ip);
    let why = match session.stop() {
        Some(Stop::Unreachable) => {
            let note = note.map_or(String::new(), |note| format!(" ({})", clean(note)));
            format!("hop {farthest}, {ip}, refuses to carry on{note}")
        }
        // What lies beyond was perhaps never asked.
        Some(Stop::Error | Stop::Interrupted) => {
            format!("the trace came no farther than hop {farthest}, {ip}")
        }
        _ => format!("nobody answers beyond hop {farthest}, {ip}"),
    };
    finding(Observed, Bad, Some(farthest), format!("{host} was not reached: {why}."))
}

/// What went wrong, in the tracer's words.
fn error(session: &Session) -> Option<Finding> {
    let end = session.end()?;
    if let Some(error) = &end.error {
        return Some(finding(Observed, Bad, None, format!("The trace failed: {}.", clean(error))));
    }
    let interrupted = end.stop == Some(Stop::Interrupted);
    interrupted.then(|| {
        finding(
            Observed,
            Warning,
            None,
            "The trace was interrupted; what is missing may not be silent.".to_owned(),
        )
    })
}

/// Loss that goes on to the end, and loss that does not.
fn losses(session: &Session) -> Vec<Finding> {
    let mut found = Vec::new();
    let limited: Vec<u8> =
        session.path().filter(|(_, ttl, _)| ttl.rate_limited).map(|(hop, ..)| hop).collect();
    if let Some((end, ttl, _)) = session.destination()
        && let Some((after, by)) = onset(session)
    {
        let begins = match after {
            Some(after) if after + 1 < by => format!("between hops {after} and {by}"),
            _ => format!("at hop {by}"),
        };
        // Nobody beyond the last hop can tell whether it loses or answers seldom.
        let doubt = match by == end {
            true => "; it may also be that the destination limits how often it answers",
            false => "",
        };
        let text = format!(
            "Probes are lost on the way or on the way back: {} at the destination, beginning {begins}{doubt}.",
            pct(ttl.loss_pct())
        );
        let tone = if ttl.loss_pct() >= 5.0 { Bad } else { Warning };
        found.push(finding(Inferred, tone, Some(by), text));
    }
    if let Some(&first) = limited.first() {
        let worst = limited
            .iter()
            .filter_map(|hop| session.ttls.get(hop))
            .map(crate::session::Ttl::loss_pct)
            .fold(0.0, f64::max);
        let (those, routers) = if limited.len() == 1 {
            ("it", "the router limits how often it answers")
        } else {
            ("them", "these routers limit how often they answer")
        };
        found.push(finding(
            Inferred,
            Plain,
            Some(first),
            format!("The loss at {} (up to {}) does not continue beyond {those}: probably {routers}, and traffic passes.", hops(&limited), pct(worst)),
        ));
    }
    found
}

/// Where the loss begins that the destination suffers: the last hop without it, if there is one,
/// and the first with it.
fn onset(session: &Session) -> Option<(Option<u8>, u8)> {
    let ttls: Vec<u8> = session.path().map(|(hop, ..)| hop).collect();
    let onset = loss::onset(&session.losses())?;
    let ttl = |at: usize| ttls.get(at).copied();
    Some((onset.after.and_then(ttl), ttl(onset.by)?))
}

/// Where most of the delay arises.
fn step(session: &Session) -> Option<Finding> {
    let path: Vec<_> = session.path().collect();
    let least: Vec<Option<f64>> =
        path.iter().map(|(_, _, responder)| Some(responder.as_ref()?.rtt?.min)).collect();
    let (at, added) = delay::longest_step(&least)?;
    let (hop, _, Some(to)) = path.get(at)? else { return None };
    let total = delay::up_to(&least).into_iter().flatten().next_back().unwrap_or(added);
    // Where every hop adds its share there is no step.
    if added < 2.0 || added < total / 4.0 || at == 0 {
        return None;
    }
    let what =
        if added > total / 2.0 { "Most of the delay" } else { "The largest step of the delay" };
    let before =
        path.iter().take(at).rev().find_map(|(hop, _, responder)| Some((*hop, (*responder)?)));
    let (from_hop, from) = before?;
    let way = match (usable(from), usable(to)) {
        (Some(a), Some(b)) if a.km_to(b) > 50.0 => {
            let names =
                |responder: &Responder| responder.geo.as_ref().and_then(place).unwrap_or_default();
            let length = a.km_to(b);
            format!(
                " ({} → {}, {}; light in fibre needs {} ms there and back)",
                names(from),
                names(to),
                km(length),
                ms(length / KM_PER_MS)
            )
        }
        _ => String::new(),
    };
    Some(finding(
        Inferred,
        Plain,
        Some(*hop),
        format!("{what}, {} ms, arises between hops {from_hop} and {hop}{way}.", ms(added)),
    ))
}

/// A place that may be reckoned with.
fn usable(responder: &Responder) -> Option<Point> {
    responder
        .point()
        .filter(|_| !responder.is_impossible() && !is_doubtful(responder) && !is_mock(responder))
}

/// Low confidence: shown, and not reckoned with.
pub(crate) fn is_doubtful(responder: &Responder) -> bool {
    responder.geo.as_ref().is_some_and(|geo| geo.confidence == Some(Confidence::Low))
}

/// An invented place, for tests and demonstrations.
pub(crate) fn is_mock(responder: &Responder) -> bool {
    responder
        .geo
        .as_ref()
        .and_then(|geo| geo.source.as_deref())
        .is_some_and(|source| source == "mock")
}

/// Places that cannot be right, and places that were made up.
fn places(session: &Session) -> Vec<Finding> {
    let mut found = Vec::new();
    for (hop, _, responder) in session.path() {
        let Some(responder) = responder else { continue };
        let Some(place) =
            responder.geo.as_ref().and_then(place).filter(|_| responder.is_impossible())
        else {
            continue;
        };
        let rtt = responder.rtt.map_or(String::new(), |rtt| {
            format!(
                ": it answered in {} ms, sooner than light could go there and back",
                ms(rtt.min)
            )
        });
        found.push(finding(
            Inferred,
            Warning,
            Some(hop),
            format!("Hop {hop} cannot stand in {place}{rtt}."),
        ));
    }
    let mocked: Vec<u8> = session
        .path()
        .filter(|(_, _, responder)| responder.is_some_and(is_mock))
        .map(|(hop, ..)| hop)
        .collect();
    if !mocked.is_empty() {
        found.push(finding(
            Unknown,
            Warning,
            mocked.first().copied(),
            format!("The places of {} are invented (mock), and mean nothing.", hops(&mocked)),
        ));
    }
    found
}

/// Long legs that lead out of the way or contradict the RTT.
fn legs(session: &Session) -> Vec<Finding> {
    let place_of = |hop: u8| {
        let responder = session.ttls.get(&hop).and_then(|ttl| ttl.responders.first());
        responder.and_then(|responder| responder.geo.as_ref()).and_then(place).unwrap_or_default()
    };
    let mut found = Vec::new();
    for leg in detour::long_legs(&stops(session), LONG_KM) {
        let (from, to) = (place_of(leg.from), place_of(leg.to));
        let way = format!("hop {} to hop {} ({from} → {to}, {})", leg.from, leg.to, km(leg.km));
        if leg.rtt == Agreement::Contradicts {
            found.push(finding(Inferred, Warning, Some(leg.to), format!("The way from {way} needs {} ms at the speed of light in fibre, but hop {} answered sooner: one of the two places is wrong.", ms(leg.least_ms), leg.to)));
        } else if leg.is_detour {
            let agrees = if leg.rtt == Agreement::Supports {
                "the RTT agrees"
            } else {
                "the RTT neither confirms nor contradicts it"
            };
            found.push(finding(
                Inferred,
                Warning,
                Some(leg.to),
                format!(
                    "A detour: the way from {way} leads far away from the straight way; {agrees}."
                ),
            ));
        }
    }
    found
}

/// The located hops, as tm-path reckons with them.
fn stops(session: &Session) -> Vec<detour::Stop> {
    let path: Vec<_> = session.path().collect();
    let least: Vec<Option<f64>> =
        path.iter().map(|(_, _, responder)| Some(responder.as_ref()?.rtt?.min)).collect();
    let added = delay::added(&least);
    path.iter()
        .zip(least)
        .zip(added)
        .filter_map(|(((hop, _, responder), rtt_min), added_ms)| {
            let point = usable((*responder)?)?;
            Some(detour::Stop { hop: *hop, point, rtt_min, added_ms })
        })
        .collect()
}

/// Several ways to go, at once or one after the other.
fn paths(session: &Session, graph: &Graph) -> Vec<Finding> {
    let mut found = Vec::new();
    let discovered = session.end().and_then(|end| end.paths.as_ref());
    for diamond in discovered.iter().flat_map(|paths| &paths.diamonds).take(5) {
        found.push(balancer(diamond));
    }
    if found.is_empty() && graph.is_multipath() {
        let several: Vec<u8> = session
            .ttls
            .iter()
            .filter(|(_, ttl)| ttl.responders.len() > 1)
            .map(|(&hop, _)| hop)
            .collect();
        let why = if session.rounds.len() > 1 {
            "load balancing, or the route changed between rounds"
        } else {
            "load balancing"
        };
        // The discovery follows few flows from end to end: what it has seen are links.
        let is_mda = session.end().is_some_and(|end| end.method == Some(Method::Mda));
        let seen = if is_mda {
            format!("{} by the links seen", count(graph.ways(), "way", "ways"))
        } else if graph.unseen.is_empty() {
            format!("{} seen", count(graph.paths.len(), "path", "paths"))
        } else {
            "several paths seen".to_owned() // in pieces, and nobody knows which belong together
        };
        found.push(finding(
            Observed,
            Plain,
            several.first().copied(),
            format!("{seen}; several routers answer at {}: {why}.", hops(&several)),
        ));
    }
    found.extend(session.end().and_then(|end| end.paths.as_ref()).map(promise));
    found
}

/// Where a load balancer was discovered.
fn balancer(diamond: &Diamond) -> Finding {
    let from = diamond.from;
    let place = match diamond.to {
        Some(to) => format!("between hops {from} and {to}"),
        None => format!("beyond hop {from}"),
    };
    let how = match diamond.balancing {
        Balancing::PerFlow => "a flow keeps to one of them",
        Balancing::PerPacket => {
            "each packet goes its own way, so that nobody can tell which router follows which"
        }
    };
    let text = format!("Load balancing {place}: {} routers side by side; {how}.", diamond.width);
    finding(Observed, Plain, Some(from.saturating_add(1)), text)
}

/// What the discovery of all paths promises.
fn promise(paths: &Paths) -> Finding {
    let of = if paths.per_balancer { "of each load balancer by itself" } else { "of them all" };
    let percent = paths.failure_bound_pct();
    let rest = if paths.complete { "" } else { "; the search did not come to its end" };
    let text = format!(
        "Every path was looked for, to be {} % sure {of}: that a branch is missing is at most \
         {percent} % likely{rest}.",
        paths.confidence
    );
    finding(Inferred, Plain, None, text)
}

/// What is not known.
fn unknowns(session: &Session) -> Vec<Finding> {
    let mut found = Vec::new();
    let silent: Vec<u8> = session
        .path()
        .filter(|(_, _, responder)| responder.is_none())
        .map(|(hop, ..)| hop)
        .collect();
    if !silent.is_empty() {
        found.push(finding(
            Unknown,
            Plain,
            silent.first().copied(),
            format!("Who stands at {}: nobody answered there, and traffic passes.", hops(&silent)),
        ));
    }
    let farthest = session.farthest();
    let may_be_silence =
        !matches!(session.stop(), Some(Stop::Unreachable | Stop::Error | Stop::Interrupted));
    if session.destination().is_none() && farthest > 0 && may_be_silence {
        found.push(finding(Unknown, Warning, None, format!("What is beyond hop {farthest}: a firewall that drops probes, a way back that is broken, and a host that is down look the same from here.")));
    }
    found
}

/// For each TTL, the RTT in milliseconds that light in fibre needs at least from the source, as
/// far as that is known: the source is no farther from the first located hop than its own RTT
/// allows.
pub(crate) fn floors(session: &Session) -> BTreeMap<u8, f64> {
    let located = || session.path().filter_map(|(hop, _, responder)| Some((hop, responder?)));
    let origin =
        located().find_map(|(_, responder)| Some((usable(responder)?, responder.rtt?.min)));
    let Some((origin, near)) = origin else { return BTreeMap::new() };
    located()
        .filter_map(|(hop, responder)| {
            let floor = origin.km_to(responder.point()?) / KM_PER_MS - near;
            Some((hop, floor.max(0.0)))
        })
        .collect()
}
