//! The hops of a trace on the grid: hops at one place share a stop, legs between stops follow
//! great circles, and longitudes go on along the route instead of wrapping.

use tm_path::sphere::Point;

use crate::arc::arc;
use crate::grid::{Bounds, WORLD, Xy, project};

/// One hop of a path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Waypoint {
    /// TTL.
    pub hop: u8,
    /// Where the responder stands; `None`: nobody answered, or nobody knows.
    pub at: Option<Point>,
    /// Shown, but no leg goes there: its place cannot be right.
    pub aside: bool,
}

impl Waypoint {
    /// A hop that the path goes through.
    pub fn new(hop: u8, at: Option<Point>) -> Self {
        Self { hop, at, aside: false }
    }
}

/// Paths on the grid.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Route {
    /// Places, in the order they are met.
    pub stops: Vec<Stop>,
    /// Ways between them, in the order they are gone, each once however many paths share it.
    pub legs: Vec<Leg>,
}

/// A place where hops stand.
#[derive(Clone, Debug, PartialEq)]
pub struct Stop {
    /// On the grid.
    pub at: Xy,
    /// On the Earth: the place of the first hop here.
    pub place: Point,
    /// The TTLs here, ascending, each once.
    pub hops: Vec<u8>,
    /// Every hop here is off the path.
    pub aside: bool,
}

/// Stops too near each other to be marked apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// Indices of the stops; the mark stands at the first.
    pub stops: Vec<usize>,
    /// The TTLs at all of them, ascending.
    pub hops: Vec<u8>,
}

/// The way from one stop to another.
#[derive(Clone, Debug, PartialEq)]
pub struct Leg {
    /// Index of the stop it leaves.
    pub from: usize,
    /// Index of the stop it reaches; never the same.
    pub to: usize,
    /// The TTL that it leaves.
    pub from_hop: u8,
    /// The TTL that it reaches.
    pub to_hop: u8,
    /// Hops between the two that have no place: silent, private or unlocated.
    pub unplaced: u8,
    /// The way on the grid, both ends included.
    pub line: Vec<Xy>,
    /// Kilometres along the great circle.
    pub km: f64,
    /// Indices of the paths that go this way.
    pub paths: Vec<usize>,
    /// How many legs between the same two stops, either way, came before.
    pub parallel: usize,
}

impl Route {
    /// The route of several paths (flows) of one trace, or of one. Hops within `together` units of
    /// a stop share it.
    pub fn of(paths: &[Vec<Waypoint>], together: f64) -> Self {
        let mut route = Self::default();
        for (index, path) in paths.iter().enumerate() {
            route.add(index, path, together);
        }
        route
    }

    /// Around every stop and every leg; `None` where no hop has a place.
    pub fn bounds(&self) -> Option<Bounds> {
        let stops = self.stops.iter().map(|stop| stop.at);
        Bounds::around(stops.chain(self.legs.iter().flat_map(|leg| leg.line.iter().copied())))
    }

    /// The stop at which a TTL stands; the first, where flows differ.
    pub fn stop_of(&self, hop: u8) -> Option<usize> {
        self.stops.iter().position(|stop| stop.hops.contains(&hop))
    }

    /// Stops that would cover each other where a mark is `radius` units around: the index of the
    /// first of each, and the TTLs of all of them. Fewer the nearer one looks.
    pub fn clusters(&self, radius: f64) -> Vec<Cluster> {
        let mut clusters: Vec<Cluster> = Vec::new();
        for (index, stop) in self.stops.iter().enumerate() {
            let is_near = |cluster: &&mut Cluster| {
                let first = cluster.stops.first().and_then(|first| self.stops.get(*first));
                first.is_some_and(|first| first.at.distance(stop.at) <= radius)
            };
            match clusters.iter_mut().find(is_near) {
                Some(cluster) => {
                    cluster.stops.push(index);
                    cluster.hops.extend(&stop.hops);
                    cluster.hops.sort_unstable();
                    cluster.hops.dedup();
                }
                None => clusters.push(Cluster { stops: vec![index], hops: stop.hops.clone() }),
            }
        }
        clusters
    }

    fn add(&mut self, path: usize, hops: &[Waypoint], together: f64) {
        // Where the path stands: the stop, the TTL, and how many hops without a place since.
        let mut here: Option<(usize, u8)> = None;
        let mut unplaced = 0;
        for waypoint in hops {
            let Some(place) = waypoint.at else {
                unplaced += 1;
                continue;
            };
            let stop = self.stop_at(place, here.map(|(stop, _)| stop), together);
            let Some(reached) = self.stops.get_mut(stop) else { continue };
            if let Err(at) = reached.hops.binary_search(&waypoint.hop) {
                reached.hops.insert(at, waypoint.hop);
            }
            if waypoint.aside {
                unplaced += 1;
                continue;
            }
            reached.aside = false;
            if let Some((from, from_hop)) = here.filter(|(from, _)| *from != stop) {
                self.leg(path, (from, from_hop), (stop, waypoint.hop), unplaced);
            }
            (here, unplaced) = (Some((stop, waypoint.hop)), 0);
        }
    }

    /// The stop for a place, made where there is none near.
    fn stop_at(&mut self, place: Point, before: Option<usize>, together: f64) -> usize {
        let projected = project(place);
        let is_near = |stop: &Stop| projected.near(stop.at.x).distance(stop.at) <= together;
        // The stop where the path stands comes first, so that consecutive hops stay together.
        let known = before.filter(|&at| self.stops.get(at).is_some_and(is_near));
        if let Some(known) = known.or_else(|| self.stops.iter().position(is_near)) {
            return known;
        }
        let from = before.or(self.stops.len().checked_sub(1)).and_then(|at| self.stops.get(at));
        let at = match from {
            Some(from) => end_of(&line(from, place)).unwrap_or(projected),
            None => projected,
        };
        self.stops.push(Stop { at, place, hops: Vec::new(), aside: true });
        self.stops.len() - 1
    }

    fn leg(&mut self, path: usize, from: (usize, u8), to: (usize, u8), unplaced: u8) {
        let same = |leg: &&mut Leg| {
            (leg.from, leg.to, leg.from_hop, leg.to_hop) == (from.0, to.0, from.1, to.1)
                && leg.unplaced == unplaced
        };
        if let Some(known) = self.legs.iter_mut().find(same) {
            if !known.paths.contains(&path) {
                known.paths.push(path);
            }
            return;
        }
        let (Some(start), Some(end)) = (self.stops.get(from.0), self.stops.get(to.0)) else {
            return;
        };
        let between = |leg: &&Leg| {
            (leg.from, leg.to) == (from.0, to.0) || (leg.to, leg.from) == (from.0, to.0)
        };
        self.legs.push(Leg {
            from: from.0,
            to: to.0,
            from_hop: from.1,
            to_hop: to.1,
            unplaced,
            line: line(start, end.place),
            km: start.place.km_to(end.place),
            paths: vec![path],
            parallel: self.legs.iter().filter(between).count(),
        });
    }
}

impl Stop {
    /// The TTLs here, runs joined: `2–4, 9`.
    pub fn label(&self) -> String {
        label(&self.hops)
    }
}

/// Ascending TTLs, runs joined: `2–4, 9`.
///
/// ```
/// assert_eq!(tm_atlas::route::label(&[2, 3, 4, 9]), "2–4, 9");
/// ```
pub fn label(hops: &[u8]) -> String {
    let mut runs: Vec<(u8, u8)> = Vec::new();
    for &hop in hops {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(hop) => *last = hop,
            _ => runs.push((hop, hop)),
        }
    }
    let run = |&(first, last): &(u8, u8)| {
        if first == last { first.to_string() } else { format!("{first}–{last}") }
    };
    runs.iter().map(run).collect::<Vec<_>>().join(", ")
}

/// The great circle from a stop to a place, x going on from the stop's.
fn line(from: &Stop, to: Point) -> Vec<Xy> {
    let mut x = from.at.x;
    let step = |point: Point| {
        let at = project(point).near(x);
        x = at.x;
        at
    };
    let mut line: Vec<Xy> = arc(from.place, to).into_iter().map(step).collect();
    // A pole swings the longitude about; no leg is worth more than a turn of the world.
    line.dedup();
    line
}

fn end_of(line: &[Xy]) -> Option<Xy> {
    line.last().copied().filter(|at| at.x.abs() < WORLD * 64.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FRANKFURT: (f64, f64) = (50.1, 8.7);
    const SAN_JOSE: (f64, f64) = (37.3, -121.9);
    const TOKYO: (f64, f64) = (35.7, 139.7);
    const AUCKLAND: (f64, f64) = (-36.8, 174.8);

    fn hop(hop: u8, (lat, lon): (f64, f64)) -> Waypoint {
        Waypoint::new(hop, Point::new(lat, lon))
    }

    fn silent(hop: u8) -> Waypoint {
        Waypoint::new(hop, None)
    }

    fn labels(route: &Route) -> Vec<String> {
        route.stops.iter().map(Stop::label).collect()
    }

    #[test]
    fn a_route_goes_on_across_the_antimeridian_in_one_piece() {
        let path = vec![hop(1, FRANKFURT), hop(2, SAN_JOSE), hop(3, TOKYO), hop(4, AUCKLAND)];
        let route = Route::of(&[path], 3.0);
        let lons: Vec<f64> =
            route.stops.iter().map(|stop| stop.at.x / WORLD * 360.0 - 180.0).collect();
        for (lon, wanted) in lons.iter().zip([8.7, -121.9, 139.7 - 360.0, 174.8 - 360.0]) {
            assert!((lon - wanted).abs() < 1e-6, "{lons:?}");
        }
        for leg in &route.legs {
            assert!(leg.line.windows(2).all(|two| (two[0].x - two[1].x).abs() < WORLD / 4.0));
            assert_eq!(leg.line.last().copied(), Some(route.stops[leg.to].at));
        }
    }

    #[test]
    fn hops_at_one_place_share_a_stop_and_a_return_is_no_new_one() {
        let near = (50.2, 8.8);
        let path = vec![
            hop(2, FRANKFURT),
            hop(3, near),
            hop(4, FRANKFURT),
            hop(5, TOKYO),
            silent(6),
            hop(7, near),
        ];
        let route = Route::of(&[path], 5.0);
        assert_eq!(labels(&route), ["2–4, 7", "5"]);
        assert_eq!(route.legs.len(), 2);
        assert_eq!((route.legs[1].unplaced, route.legs[1].parallel), (1, 1));
        assert_eq!((route.legs[1].from_hop, route.legs[1].to_hop), (5, 7));
    }

    #[test]
    fn flows_share_what_they_have_in_common() {
        let one = vec![hop(1, FRANKFURT), hop(2, TOKYO), hop(3, AUCKLAND)];
        let two = vec![hop(1, FRANKFURT), hop(2, SAN_JOSE), hop(3, AUCKLAND)];
        let route = Route::of(&[one.clone(), two, one], 3.0);
        assert_eq!(labels(&route), ["1", "2", "3", "2"]);
        assert_eq!(route.legs.len(), 4);
        assert_eq!(route.legs[0].paths, [0, 2]);
    }

    #[test]
    fn a_hop_aside_is_a_stop_but_no_leg_goes_there() {
        let mut wrong = hop(2, AUCKLAND);
        wrong.aside = true;
        let route = Route::of(&[vec![hop(1, FRANKFURT), wrong, hop(3, TOKYO)]], 3.0);
        assert_eq!(
            route.stops.iter().map(|stop| stop.aside).collect::<Vec<_>>(),
            [false, true, false]
        );
        assert_eq!(route.legs.len(), 1);
        assert_eq!(route.legs[0].unplaced, 1);
    }

    #[test]
    fn stops_too_near_to_be_marked_apart_share_a_mark() {
        let path = vec![hop(1, FRANKFURT), hop(2, (50.9, 7.0)), hop(3, TOKYO), hop(4, FRANKFURT)];
        let route = Route::of(&[path], 1.0);
        let marks = |radius| {
            let clusters = route.clusters(radius);
            clusters.iter().map(|cluster| label(&cluster.hops)).collect::<Vec<_>>()
        };
        assert_eq!(marks(1.0), ["1, 4", "2", "3"]);
        assert_eq!(marks(100.0), ["1–2, 4", "3"]);
    }

    #[test]
    fn nothing_placed_is_an_empty_route() {
        let route = Route::of(&[vec![silent(1), silent(2)], Vec::new()], 3.0);
        assert!(route.stops.is_empty() && route.bounds().is_none());
    }

    proptest! {
        #[test]
        fn any_places_make_a_finite_route(
            places in prop::collection::vec(prop::option::of((-90.0..=90.0, -180.0..=180.0)), 0..30),
            together in 0.0..200.0
        ) {
            let path: Vec<Waypoint> = places
                .iter()
                .zip(1..)
                .map(|(place, ttl)| Waypoint::new(ttl, place.and_then(|(lat, lon)| Point::new(lat, lon))))
                .collect();
            let route = Route::of(&[path], together);
            let placed = places.iter().flatten().count();
            prop_assert_eq!(route.stops.iter().map(|stop| stop.hops.len()).sum::<usize>(), placed);
            for leg in &route.legs {
                prop_assert!(leg.from != leg.to);
                prop_assert!(leg.line.iter().all(|at| at.x.is_finite() && at.y.is_finite()));
            }
            if let Some(bounds) = route.bounds() {
                let view = bounds.view(2.0, 0.1, 300.0);
                prop_assert!(view.width.is_finite() && view.copies().count() < 4);
            }
        }
    }
}
