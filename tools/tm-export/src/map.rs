//! The map of a session as numbers and strings for a template: what part of the world, legs,
//! marks. Pages and pictures share it.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;
use tm_atlas::{Route, View, WORLD, Waypoint, Xy, route};

use crate::findings::{is_doubtful, is_mock};
use crate::graph::{Graph, Who};
use crate::paint;
use crate::session::{Responder, Session, Ttl};
use crate::words::{clean, count, km, ms, place};

/// Units of the grid (26° of longitude) that a map shows at least.
const LEAST: f64 = 296.0;
/// Kilometres around the equator.
const EQUATOR_KM: f64 = 40_075.0;
/// What is nearer is at the same place.
const NEAR_KM: f64 = 20.0;
/// Picture elements around a mark that belong to it.
const REACH: f64 = 13.0;

/// A map.
#[derive(Debug, Serialize)]
pub(crate) struct Map {
    #[serde(skip)]
    pub(crate) view: View,
    /// `x y width height`.
    pub(crate) view_box: String,
    /// Units of the grid for one picture element.
    pub(crate) unit: String,
    /// Where the land is drawn again: x offsets.
    pub(crate) copies: Vec<f64>,
    pub(crate) legs: Vec<Leg>,
    pub(crate) rings: Vec<Ring>,
    pub(crate) marks: Vec<Mark>,
    /// Hops of the path that the map does not show.
    pub(crate) unplaced: Vec<u8>,
    /// Responders that it does not show of hops where it shows others.
    pub(crate) unplaced_responders: Vec<String>,
    pub(crate) has_doubtful: bool,
    pub(crate) has_impossible: bool,
    pub(crate) has_mock: bool,
    pub(crate) has_gap: bool,
}

/// A leg.
#[derive(Debug, Serialize)]
pub(crate) struct Leg {
    pub(crate) d: String,
    pub(crate) step: Option<usize>,
    /// Hops without a place lie between its ends.
    pub(crate) gap: bool,
    /// One of its ends is.
    pub(crate) doubtful: bool,
    pub(crate) hop: u8,
    pub(crate) title: String,
}

/// How far off a doubtful place may be.
#[derive(Debug, Serialize)]
pub(crate) struct Ring {
    pub(crate) x: String,
    pub(crate) y: String,
    pub(crate) r: String,
}

/// A stop.
#[derive(Debug, Serialize)]
pub(crate) struct Mark {
    pub(crate) x: String,
    pub(crate) y: String,
    /// The hops that it stands for at this scale; empty: another mark stands for it.
    pub(crate) label: String,
    pub(crate) width: usize,
    /// The hops here.
    pub(crate) hops: Vec<u8>,
    pub(crate) first: u8,
    pub(crate) step: Option<usize>,
    pub(crate) hollow: bool,
    pub(crate) crossed: bool,
    pub(crate) mock: bool,
    pub(crate) title: String,
}

impl Map {
    /// The map for a picture `width` elements wide and `aspect` times as wide as high; `None`
    /// where no hop has a place.
    pub(crate) fn of(session: &Session, graph: &Graph, width: f64, aspect: f64) -> Option<Self> {
        let known: BTreeMap<(u8, &str), &Responder> = session
            .ttls
            .iter()
            .flat_map(|(&hop, ttl)| {
                ttl.responders
                    .iter()
                    .map(move |responder| ((hop, responder.ip.as_str()), responder))
            })
            .collect();
        let waypoint = |&node: &usize| {
            let node = graph.nodes.get(node)?;
            let Who::Known(ip) = &node.who else { return Some(Waypoint::new(node.ttl, None)) };
            let responder = known.get(&(node.ttl, ip.as_str()))?;
            let aside = responder.is_impossible();
            Some(Waypoint { aside, ..Waypoint::new(node.ttl, responder.point()) })
        };
        let joints = graph.unseen.iter().flat_map(|(from, to)| joints(session, graph, from, to));
        let paths: Vec<Vec<Waypoint>> = graph
            .paths
            .iter()
            .cloned()
            .chain(joints)
            .map(|path| path.iter().filter_map(waypoint).collect())
            .collect();
        let route = Route::of(&paths, 0.5);
        let view = route.bounds()?.view(aspect, 0.1, LEAST);
        let unit = view.width / width;
        let here = |stop: usize| responders_at(session, &route, stop);
        let mut map = Self {
            view_box: format!("{:.1} {:.1} {:.1} {:.1}", view.x, view.y, view.width, view.height),
            view,
            unit: format!("{unit:.4}"),
            copies: copies(&view),
            legs: route.legs.iter().map(|leg| drawn(session, &route, leg)).collect(),
            rings: Vec::new(),
            marks: Vec::new(),
            unplaced: session
                .path()
                .filter(|(_, ttl, _)| {
                    ttl.responders.iter().all(|responder| responder.point().is_none())
                })
                .map(|(hop, ..)| hop)
                .collect(),
            unplaced_responders: session
                .path()
                .flat_map(|(hop, ttl, _)| beside(hop, ttl))
                .collect(),
            has_doubtful: false,
            has_impossible: false,
            has_mock: false,
            has_gap: route.legs.iter().any(|leg| leg.unplaced > 0),
        };
        let clusters = route.clusters(REACH * 2.0 * unit);
        for (index, stop) in route.stops.iter().enumerate() {
            let cluster = clusters.iter().find(|cluster| cluster.stops.first() == Some(&index));
            let responders = here(index);
            map.rings.extend(ring(stop.at, &responders));
            let label = cluster.map_or(String::new(), |cluster| route::label(&cluster.hops));
            let mark = Mark {
                x: number(stop.at.x),
                y: number(stop.at.y),
                width: width_of(&label),
                label,
                first: stop.hops.first().copied().unwrap_or(0),
                step: responders
                    .last()
                    .and_then(|(_, responder)| responder.rtt)
                    .map(|rtt| paint::step(rtt.avg)),
                hollow: all(&responders, is_doubtful),
                crossed: all(&responders, Responder::is_impossible),
                mock: all(&responders, is_mock),
                title: title(&responders),
                hops: stop.hops.clone(),
            };
            map.has_doubtful |= mark.hollow;
            map.has_impossible |= mark.crossed;
            map.has_mock |= mark.mock;
            map.marks.push(mark);
        }
        Some(map)
    }
}

/// The copies of the world that a view shows, and one more on each side for those who move it.
fn copies(view: &View) -> Vec<f64> {
    let shown = view.copies();
    (shown.start() - 1..=shown.end() + 1).map(|copy| f64::from(copy) * WORLD).collect()
}

fn all(responders: &[(u8, &Responder)], is: impl Fn(&Responder) -> bool) -> bool {
    !responders.is_empty() && responders.iter().all(|(_, responder)| is(responder))
}

/// Width of the pill for a label, in picture elements.
pub(crate) fn width_of(label: &str) -> usize {
    (label.chars().count() * 7 + 10).max(22)
}

/// Nobody saw who follows whom of these; but where all of one side stand at one place, it is known
/// where the other side's neighbours stand.
fn joints(session: &Session, graph: &Graph, from: &[usize], to: &[usize]) -> Vec<Vec<usize>> {
    let stand_together = |nodes: &[usize]| {
        let point = |node: &usize| graph.nodes.get(*node)?.responder(session)?.point();
        let points: Option<Vec<_>> = nodes.iter().map(point).collect();
        points.is_some_and(|points| {
            points.first().is_some_and(|first| points.iter().all(|at| at.km_to(*first) < NEAR_KM))
        })
    };
    match (from, to) {
        ([first, ..], _) if stand_together(from) => to.iter().map(|at| vec![*first, *at]).collect(),
        (_, [first, ..]) if stand_together(to) => from.iter().map(|at| vec![*at, *first]).collect(),
        _ => Vec::new(),
    }
}

/// The responders of a TTL that the map does not show, where it shows others.
fn beside(hop: u8, ttl: &Ttl) -> Vec<String> {
    let (shown, unplaced): (Vec<_>, Vec<_>) =
        ttl.responders.iter().partition(|responder| responder.point().is_some());
    let name = |responder: &&Responder| format!("{} (hop {hop})", clean(&responder.ip));
    if shown.is_empty() { Vec::new() } else { unplaced.iter().map(name).collect() }
}

/// The responders that stand at a stop.
fn responders_at<'a>(session: &'a Session, route: &Route, stop: usize) -> Vec<(u8, &'a Responder)> {
    let Some(stop) = route.stops.get(stop) else { return Vec::new() };
    let stands_here = |responder: &&Responder| {
        responder.point().is_some_and(|point| point.km_to(stop.place) < NEAR_KM)
    };
    let ttls = stop.hops.iter().filter_map(|hop| Some((*hop, session.ttls.get(hop)?)));
    ttls.flat_map(|(hop, ttl)| ttl.responders.iter().filter(stands_here).map(move |at| (hop, at)))
        .collect()
}

fn drawn(session: &Session, route: &Route, leg: &tm_atlas::Leg) -> Leg {
    let end = responders_at(session, route, leg.to);
    let reached = end.iter().find(|(hop, _)| *hop == leg.to_hop).map(|(_, responder)| responder);
    let rtt = reached.and_then(|responder| responder.rtt);
    let gap = match leg.unplaced {
        0 => String::new(),
        hops => format!(", {} between them without a place", count(hops.into(), "hop", "hops")),
    };
    Leg {
        d: path(&leg.line),
        step: rtt.map(|rtt| paint::step(rtt.avg)),
        gap: leg.unplaced > 0,
        doubtful: all(&end, is_doubtful)
            || all(&responders_at(session, route, leg.from), is_doubtful),
        hop: leg.to_hop,
        title: format!("Hop {} to hop {}: {}{gap}", leg.from_hop, leg.to_hop, km(leg.km)),
    }
}

/// A circle of the radius that a database gives, where a place is doubtful.
fn ring(at: Xy, responders: &[(u8, &Responder)]) -> Option<Ring> {
    let (_, responder) = responders.iter().find(|(_, responder)| is_doubtful(responder))?;
    let geo = responder.geo.as_ref()?;
    let km = geo.accuracy_km.filter(|km| (1.0..3000.0).contains(km))?;
    let shrunk = geo.lat?.to_radians().cos().max(0.05);
    Some(Ring { x: number(at.x), y: number(at.y), r: number(km / (EQUATOR_KM * shrunk) * WORLD) })
}

/// One line a responder.
fn title(responders: &[(u8, &Responder)]) -> String {
    let line = |(hop, responder): &(u8, &Responder)| {
        let name = responder.hostname().map_or(String::new(), |name| format!(" {}", clean(name)));
        let rtt = responder.rtt.map_or(String::new(), |rtt| format!(" · {} ms", ms(rtt.avg)));
        let place = responder
            .geo
            .as_ref()
            .and_then(place)
            .map_or(String::new(), |place| format!(" · {place}"));
        let doubt = match (responder.is_impossible(), is_mock(responder), is_doubtful(responder)) {
            (true, ..) => " (impossible)",
            (_, true, _) => " (invented)",
            (_, _, true) => " (doubtful)",
            _ => "",
        };
        format!("Hop {hop}: {}{name}{rtt}{place}{doubt}", clean(&responder.ip))
    };
    responders.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Path data, absolute start, relative steps of a tenth of a unit.
fn path(line: &[Xy]) -> String {
    let tenth = |value: f64| (value * 10.0).round() as i64;
    let mut points = line.iter().map(|at| (tenth(at.x), tenth(at.y)));
    let Some((mut x, mut y)) = points.next() else { return String::new() };
    let mut d = format!("M{} {}", decimal(x), decimal(y));
    for (to_x, to_y) in points {
        let _ = write!(d, "l{} {}", decimal(to_x - x), decimal(to_y - y));
        (x, y) = (to_x, to_y);
    }
    d
}

fn number(value: f64) -> String {
    decimal((value * 10.0).round() as i64)
}

/// Tenths as a decimal.
fn decimal(tenths: i64) -> String {
    let (whole, rest) = (tenths.abs() / 10, tenths.abs() % 10);
    let sign = if tenths < 0 { "-" } else { "" };
    if rest == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{rest}") }
}

/// The land that a picture of this view shows, as path data, and where to draw it again.
pub(crate) fn land(view: &View) -> (String, String) {
    let join = |path: &'static str| tm_atlas::land::within(path, view).collect::<Vec<_>>().join("");
    (join(tm_atlas::Detail::Fine.land_svg()), join(tm_atlas::Detail::Fine.borders_svg()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_data_is_short_and_adds_up() {
        let line = [Xy { x: -10.04, y: 5.0 }, Xy { x: -9.0, y: 5.25 }, Xy { x: 0.0, y: 0.0 }];
        assert_eq!(path(&line), "M-10 5l1 0.3l9 -5.3");
        assert_eq!([decimal(-5), decimal(0), decimal(123)], ["-0.5", "0", "12.3"]);
    }

    #[test]
    fn a_pill_grows_with_its_label() {
        assert!(width_of("1") == 22 && width_of("2–4, 9") > width_of("12"));
    }
}
