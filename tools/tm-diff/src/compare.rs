//! The comparison itself: aligns two paths and says what became of each hop.

use std::collections::{BTreeMap, HashSet};

use tm_path::align::{Beyond, Pair, align, overlap};
use tm_path::as_path::AsPath;
use tm_path::proportion::fisher;

use crate::changes;
use crate::comparison::{About, Comparison, Row, Verdict};
use crate::flags::{Aspect, Threshold};
use crate::hops::{self, Place, Usual};
use crate::pairing::Paired;
use crate::route::Route;

/// Less likely than this by chance, and it is no chance.
pub(crate) const SIGNIFICANT: f64 = 0.01;
/// A hop whose silence is as likely as this, going by how it answered, has not fallen silent.
const SELDOM: f64 = 0.05;

/// What is compared, and how closely.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) ignored: HashSet<Aspect>,
    pub(crate) threshold: Threshold,
    pub(crate) rare: f64,
}

impl Rules {
    pub(crate) fn heeds(&self, aspect: Aspect) -> bool {
        !self.ignored.contains(&aspect)
    }
}

/// Names of the files that the sides were read from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sources<'a> {
    pub(crate) a: &'a str,
    pub(crate) b: &'a str,
    /// They are one file.
    pub(crate) is_one: bool,
}

/// Compares what was paired.
pub(crate) fn compare(paired: &Paired, sources: Sources, rules: &Rules) -> Comparison {
    if let (Some(a), Some(b)) = (&paired.a, &paired.b) {
        return both(a, b, sources, rules);
    }
    let about = |route: &Option<Route>, source| {
        route.as_ref().map(|route| about(route, source, &places(route, rules), rules))
    };
    let (a, b) = (about(&paired.a, sources.a), about(&paired.b, sources.b));
    let host = [&a, &b].into_iter().flatten().map(|about| about.host.clone()).next();
    let mut comparison = new(&host.unwrap_or_default(), a, b);
    comparison.path.push("missing");
    comparison.counted()
}

fn new(host: &str, a: Option<About>, b: Option<About>) -> Comparison {
    Comparison {
        kind: "diff",
        v: tm_schema::VERSION,
        host: host.to_owned(),
        same: true,
        differences: 0,
        counts: BTreeMap::new(),
        a,
        b,
        path: Vec::new(),
        hops: Vec::new(),
    }
}

fn places<'a>(route: &'a Route, rules: &Rules) -> Vec<Place<'a>> {
    hops::of(route, rules.rare, !rules.heeds(Aspect::Target))
}

fn about(route: &Route, source: &str, places: &[Place], rules: &Rules) -> About {
    let origins: Vec<Vec<u32>> = places.iter().map(Place::origins).collect();
    let as_path = AsPath::of(origins.iter().map(Vec::as_slice));
    let is_shown = rules.heeds(Aspect::Asn) && !as_path.is_empty();
    About {
        source: source.to_owned(),
        host: route.key.host.clone(),
        vantage: route.key.vantage.clone(),
        protocol: route.key.protocol.map_or("", tm_schema::Protocol::as_str),
        port: route.key.port,
        targets: route.targets.iter().cloned().collect(),
        trace_id: route.trace_id.clone(),
        rounds: route.rounds,
        reached_rounds: route.reached,
        reached: route.is_reached(),
        length: route.length(),
        first_at: route.began.map(|(first, _)| first),
        last_at: route.began.map(|(_, last)| last),
        as_path: is_shown.then(|| as_path.to_string()),
        error: route.error.clone(),
    }
}

/// A line of the alignment with what stands there on each side.
pub(crate) struct Line<'a> {
    pair: Pair,
    pub(crate) a: Option<&'a Place<'a>>,
    pub(crate) b: Option<&'a Place<'a>>,
}

fn both(a: &Route, b: &Route, sources: Sources, rules: &Rules) -> Comparison {
    let (places_a, places_b) = (places(a, rules), places(b, rules));
    let without_origins = !rules.heeds(Aspect::Asn);
    let path_a = hops::path(&places_a, a, without_origins);
    let path_b = hops::path(&places_b, b, without_origins);
    let lines: Vec<Line> = align(&path_a, &path_b)
        .into_iter()
        .map(|pair| {
            let (in_a, in_b) = match pair {
                Pair::Both { a, b } => (Some(a), Some(b)),
                Pair::Removed { a } | Pair::MovedFrom { a, .. } | Pair::PastB { a } => {
                    (Some(a), None)
                }
                Pair::Inserted { b } | Pair::MovedTo { b, .. } | Pair::PastA { b } => {
                    (None, Some(b))
                }
            };
            let a = in_a.and_then(|at| places_a.get(at));
            Line { pair, a, b: in_b.and_then(|at| places_b.get(at)) }
        })
        .collect();

    let about_a = about(a, sources.a, &places_a, rules);
    let about_b = about(b, sources.b, &places_b, rules);
    let mut comparison = new(&a.key.host, Some(about_a), Some(about_b));
    if rules.heeds(Aspect::Target) && a.targets.is_disjoint(&b.targets) && !a.targets.is_empty() {
        comparison.path.extend((!b.targets.is_empty()).then_some("target"));
    }
    if rules.heeds(Aspect::Reached) && reached_differs(a, b) {
        comparison.path.push("reached");
    }
    if rules.heeds(Aspect::Asn) && as_path_differs(&lines) {
        comparison.path.push("as_path");
    }
    // Flows keep their ids within a run, and their way through a load balancer with them.
    let same_flows = sources.is_one && a.run().is_some() && a.run() == b.run();
    let mut tail_counts = !comparison.path.contains(&"reached");
    for line in &lines {
        let mut row = row(line, a, b, same_flows, rules);
        if matches!(line.pair, Pair::PastA { .. } | Pair::PastB { .. }) {
            // A tail that fell silent is one difference, however long it is.
            row.is_tail = row.verdict_counts;
            row.verdict_counts &= tail_counts;
            tail_counts &= !row.verdict_counts;
        }
        comparison.hops.push(row);
    }
    changes::add(&lines, &mut comparison.hops, rules);
    let is_shown = |row: &Row| {
        let answers = |at: &Option<_>| {
            at.as_ref().is_some_and(|at: &crate::comparison::At| !at.ips.is_empty())
        };
        row.verdict != Verdict::Unknown || answers(&row.a) || answers(&row.b)
    };
    comparison.hops.retain(is_shown);
    comparison.counted()
}

/// The destination answers usually on one side only, or clearly more often.
fn reached_differs(a: &Route, b: &Route) -> bool {
    a.is_reached() != b.is_reached()
        || fisher((a.reached, a.rounds), (b.reached, b.rounds)) < SIGNIFICANT
}

/// Compares the origins of hops where both sides know them, and of those that only one side has.
/// Where a hop is silent or nobody knows its AS, nothing can be said.
fn as_path_differs(lines: &[Line]) -> bool {
    let of = |place: Option<&Place>| place.map(Place::origins).unwrap_or_default();
    let known = |side: fn(&Line) -> Vec<u32>| lines.iter().any(|line| !side(line).is_empty());
    if !known(|line| line.a.map(Place::origins).unwrap_or_default())
        || !known(|line| line.b.map(Place::origins).unwrap_or_default())
    {
        return false;
    }
    let (mut in_a, mut in_b) = (Vec::new(), Vec::new());
    for line in lines {
        let (a, b) = (of(line.a), of(line.b));
        match line.pair {
            Pair::Both { .. } if a.is_empty() || b.is_empty() => {}
            Pair::PastA { .. } | Pair::PastB { .. } => {}
            _ => {
                in_a.push(a);
                in_b.push(b);
            }
        }
    }
    let path = |groups: &[Vec<u32>]| AsPath::of(groups.iter().map(Vec::as_slice));
    !path(&in_a).agrees_with(&path(&in_b))
}

fn row(line: &Line, a: &Route, b: &Route, same_flows: bool, rules: &Rules) -> Row {
    let mut row = Row {
        verdict: Verdict::Same,
        differs: false,
        verdict_counts: false,
        is_tail: false,
        may_be_balancing: false,
        answers_seldom: false,
        elsewhere: None,
        a: line.a.map(Place::shown),
        b: line.b.map(Place::shown),
        changes: Vec::new(),
    };
    match (line.pair, line.a, line.b) {
        (Pair::Both { .. }, Some(a), Some(b)) => judge(a, b, same_flows, &mut row, rules),
        (Pair::MovedFrom { b, .. }, ..) => moved(b, &mut row),
        (Pair::MovedTo { a, .. }, ..) => moved(a, &mut row),
        (Pair::Removed { .. }, Some(place), _) => {
            row.verdict = if place.spot.is_some() { Verdict::Removed } else { Verdict::Unknown };
            row.verdict_counts = place.spot.is_some();
        }
        (Pair::Inserted { .. }, _, Some(place)) => {
            row.verdict = if place.spot.is_some() { Verdict::Inserted } else { Verdict::Unknown };
            row.verdict_counts = place.spot.is_some();
        }
        (Pair::PastB { .. }, Some(place), _) => {
            past_end(place, b, Verdict::SilentNow, &mut row, rules);
        }
        (Pair::PastA { .. }, _, Some(place)) => {
            past_end(place, a, Verdict::AnsweringNow, &mut row, rules);
        }
        _ => {}
    }
    row
}

fn moved(elsewhere: usize, row: &mut Row) {
    row.verdict = Verdict::Moved;
    row.verdict_counts = true;
    row.elsewhere = u8::try_from(elsewhere + 1).ok();
}

/// What became of a hop that stands on both sides.
fn judge(a: &Place, b: &Place, same_flows: bool, row: &mut Row, rules: &Rules) {
    match (a.answers(), b.answers()) {
        _ if a.spot.is_none() || b.spot.is_none() => row.verdict = Verdict::Unknown,
        (false, false) => {}
        (true, false) => silence(a, b.lost().1, Verdict::SilentNow, row, rules),
        (false, true) => silence(b, a.lost().1, Verdict::AnsweringNow, row, rules),
        (true, true) if overlap(&names(a), &names(b)) => {}
        (true, true) => replaced(a, b, same_flows, row, rules),
    }
}

fn names<'a>(place: &Place<'a>) -> Vec<&'a str> {
    place.usual.iter().map(|usual| usual.name).collect()
}

fn replaced(a: &Place, b: &Place, same_flows: bool, row: &mut Row, rules: &Rules) {
    let (in_a, in_b) = match rules.heeds(Aspect::Asn) {
        true => (a.origins(), b.origins()),
        false => (Vec::new(), Vec::new()),
    };
    row.verdict = match () {
        () if in_a.is_empty() || in_b.is_empty() => Verdict::Replaced,
        () if overlap(&in_a, &in_b) => Verdict::ReplacedInAs,
        () => Verdict::ReplacedAcrossAs,
    };
    row.verdict_counts = true;
    let spots = a.spot.zip(b.spot);
    let went_elsewhere = same_flows
        && spots.is_some_and(|(a, b)| !a.by_packet && !b.by_packet && a.flows.shares(&b.flows));
    let can_balance = !went_elsewhere
        && row.verdict != Verdict::ReplacedAcrossAs
        && !(a.is_destination() || b.is_destination())
        && significant_members(a, b).is_empty()
        && significant_members(b, a).is_empty();
    if !can_balance {
        return;
    }
    if a.usual.len() > 1 || b.usual.len() > 1 {
        row.verdict = Verdict::Balanced;
        row.verdict_counts = false;
    } else {
        row.may_be_balancing = true;
        row.verdict_counts = rules.heeds(Aspect::Balancing);
    }
}

/// The responders of `here` whose absence `there` cannot be chance: as many flows as met others
/// there would have met them too. Where a balancer deals out packets and not flows, probes count.
pub(crate) fn significant_members(here: &Place, there: &Place) -> Vec<String> {
    let (Some(from), Some(to)) = (here.spot, there.spot) else { return Vec::new() };
    let by_packet = from.by_packet || to.by_packet;
    let trials = |spot: &crate::route::Spot| match by_packet {
        true => spot.received,
        false => spot.flows.count(),
    };
    let is_there = |usual: &Usual| {
        to.responders.contains_key(usual.ip) || there.usual.iter().any(|at| at.name == usual.name)
    };
    let missing: Vec<&Usual> = here.usual.iter().filter(|usual| !is_there(usual)).collect();
    // Many members are many chances to look significant.
    let limit = SIGNIFICANT / missing.len().max(1) as f64;
    missing
        .into_iter()
        .filter(|usual| {
            let hits = if by_packet { usual.says.answers } else { usual.says.flows.count() };
            fisher((hits, trials(from)), (0, trials(to))) < limit
        })
        .map(|usual| usual.ip.to_owned())
        .collect()
}

/// A hop answers on one side only; `asked`: probes sent on the side that is silent.
fn silence(answering: &Place, asked: u64, verdict: Verdict, row: &mut Row, rules: &Rules) {
    let (lost, sent) = answering.lost();
    let answers = (sent.saturating_sub(lost) as f64 + 0.5) / (sent as f64 + 1.0);
    row.verdict = verdict;
    row.answers_seldom = (1.0 - answers).powf(asked as f64) >= SELDOM;
    row.verdict_counts = !row.answers_seldom && rules.heeds(Aspect::Silence);
}

/// A hop faces what lies behind the end of the `other` path.
fn past_end(place: &Place, other: &Route, verdict: Verdict, row: &mut Row, rules: &Rules) {
    if other.beyond() != Beyond::Silence || !place.answers() {
        row.verdict = Verdict::Unknown;
        return;
    }
    let silent = other.ttls.values().next_back().map_or(0, |spot| spot.sent);
    silence(place, silent, verdict, row, rules);
}
