//! What light allows. A router cannot have answered sooner than light goes there and back, so a
//! place that is too far for the smallest RTT is none.
//!
//! Two speeds: light in fibre covers 200 km/ms, so that a millisecond of RTT bounds the distance
//! by 100 km; nothing at all is faster than light in vacuum. Clocks and city centres are not
//! exact, hence the slack. What is *not* a bound is the difference of two RTTs: the ways back
//! differ.
//!
//! Three bounds hold for a responder N of smallest RTT r:
//! - from where the probes left: 2 × distance ≤ r × speed;
//! - from the responders nearer on the same flow: the closed way through all of them, to N and
//!   back to its beginning is no longer than r × speed, for the probe went that way and returned;
//! - from any responder A of the trace: 2 × distance ≤ (r + A's RTT) × speed, since both are that
//!   near to where the probes left.
//!
//! Whoever does not know the vantage point still has the other two: the known responder with the
//! smallest RTT is what the vantage point is inferred from. It is within a disc around that
//! responder, and another one of RTT r within a disc of that radius and r's together.

use std::sync::Arc;

use crate::anycast::Disc;
use crate::sphere::Direction;

/// Kilometres of distance for each millisecond of RTT, in fibre.
const FIBRE: f64 = 100.0;

/// The same in vacuum.
const VACUUM: f64 = 149.896_229;

/// What a clock may be off, in milliseconds.
const SLACK_MS: f64 = 0.3;

/// What a place may be off, in kilometres: routers are not at the city's centre.
const SLACK_KM: f64 = 25.0;

/// Known places that one better-known place can prove wrong.
const MOST_WRONG: usize = 3;

/// Places of one trace that are kept.
const MOST_KNOWN: usize = 64;

/// Neighbours on the path are in the same metropolis if they are this near, in kilometres and
/// milliseconds.
const NEAR: (f64, f64) = (100.0, 2.0);

/// How far a responder of this smallest RTT can be, in kilometres.
///
/// ```
/// assert_eq!(tm_path::physics::reach_km(9.7), 1025.0);
/// ```
pub fn reach_km(rtt_ms: f64) -> f64 {
    (rtt_ms + SLACK_MS) * FIBRE + SLACK_KM
}

/// What speed a place would take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Light in fibre does it.
    Possible,
    /// It would have to be faster than light in fibre.
    Implausible,
    /// It would have to be faster than light in vacuum.
    Impossible,
}

/// Whether a probe can have gone `km`, there and back, in `rtt_ms`; `places` on the way are known
/// no better than to the city.
pub fn judge(km: f64, rtt_ms: f64, places: usize) -> Verdict {
    let least = km - 2.0 * SLACK_KM * places as f64;
    let ms = rtt_ms + SLACK_MS;
    if least > 2.0 * VACUUM * ms {
        Verdict::Impossible
    } else if least > 2.0 * FIBRE * ms {
        Verdict::Implausible
    } else {
        Verdict::Possible
    }
}

/// The flows that met a responder; none: unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flows(Option<Arc<[u16]>>);

impl Flows {
    /// These flows.
    pub fn new(mut flows: Vec<u16>) -> Self {
        flows.sort_unstable();
        flows.dedup();
        Self((!flows.is_empty()).then(|| flows.into()))
    }

    /// Every one of them is one of the others too.
    fn are_among(&self, others: &Self) -> bool {
        match (&self.0, &others.0) {
            (Some(own), Some(others)) => own.iter().all(|flow| others.binary_search(flow).is_ok()),
            _ => false,
        }
    }
}

/// What was measured of a responder.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// TTL of the probes.
    pub hop: u8,
    /// The smallest RTT.
    pub rtt_ms: f64,
    /// The flows that met it.
    pub flows: Flows,
}

/// A place with a name.
#[derive(Clone, Debug, PartialEq)]
pub struct Spot {
    /// Where.
    pub direction: Direction,
    /// What people call it.
    pub name: Arc<str>,
}

/// A responder whose place is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// What was measured of it.
    pub reply: Reply,
    /// Where it is.
    pub spot: Spot,
    /// How well its place is known.
    pub score: f64,
    /// Its place is known with high confidence.
    pub is_sure: bool,
}

/// Why a responder cannot be at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refutation {
    /// What speed it would take; never [`Verdict::Possible`].
    pub verdict: Verdict,
    /// A sentence.
    pub why: String,
}

/// How near a responder must be to something.
#[derive(Clone, Debug, PartialEq)]
pub struct Reach {
    /// No farther than this.
    pub km: f64,
    /// From what.
    pub from: Anchor,
}

/// What a responder is measured from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// The vantage point, as it was given.
    Vantage,
    /// The known responder at this hop and place, which its probes passed.
    Passed(u8, Arc<str>),
    /// The known responder at this hop and place, which the vantage point is inferred from.
    Inferred(u8, Arc<str>),
}

/// What forbids a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound {
    Vantage,
    /// The closed way through so many known responders.
    Way(usize),
    /// The disc around the known responder with the smallest RTT.
    Nearest,
}

/// What is known of the places along one trace.
#[derive(Clone, Debug, Default)]
pub struct Route {
    vantage: Option<Spot>,
    known: Vec<Known>,
    /// The one with the smallest RTT.
    nearest: Option<usize>,
    lane: Lane,
}

/// The known responders that every probe of a set of flows passed, nearest first.
#[derive(Clone, Debug, Default)]
struct Lane {
    flows: Flows,
    members: Vec<usize>,
    /// From the vantage point, or the first of them, through all of them.
    km: f64,
    last_hop: u8,
}

impl Route {
    /// A trace of which nothing is known but, possibly, where its probes leave.
    pub fn new(vantage: Option<Spot>) -> Self {
        Self { vantage, ..Self::default() }
    }

    /// Why the responder cannot be at `spot`; `None`: it can.
    pub fn refute(&mut self, reply: &Reply, spot: &Spot) -> Option<Refutation> {
        self.contradict(reply, spot).map(|(_, refutation)| refutation)
    }

    fn contradict(&mut self, reply: &Reply, spot: &Spot) -> Option<(Bound, Refutation)> {
        if let Some(vantage) = &self.vantage {
            let km = vantage.direction.km_to(spot.direction);
            let why = || format!("{} is {km:.0} km from the vantage point", spot.name);
            if let Some(refuted) = refutation(2.0 * km, reply.rtt_ms, 1, why) {
                return Some((Bound::Vantage, refuted));
            }
        }
        self.enter(&reply.flows);
        let passed = self.passed(reply.hop);
        if passed > 0 {
            let km = self.closed_km(passed, None, spot.direction);
            let why = || format!("{} is {km:.0} km long", self.way(passed, spot));
            if let Some(refuted) = refutation(km, reply.rtt_ms, passed + 1, why) {
                return Some((Bound::Way(passed), refuted));
            }
        }
        // The way through it, or from a vantage point that is known, says more.
        let is_passed = self.lane.members.iter().take(passed).any(|&at| Some(at) == self.nearest);
        if is_passed || self.vantage.is_some() {
            return None;
        }
        let nearest = self.nearest()?;
        let km = nearest.spot.direction.km_to(spot.direction);
        let (hop, rtt) = (nearest.reply.hop, nearest.reply.rtt_ms);
        let why = || {
            let (near, radius) = (&nearest.spot.name, reach_km(rtt));
            format!(
                "{} is {km:.0} km from {near}, where hop {hop} answered in {rtt} ms, so that the \
                 probes left within {radius:.0} km of it",
                spot.name
            )
        };
        let refuted = refutation(2.0 * km, reply.rtt_ms + rtt + SLACK_MS, 2, why)?;
        Some((Bound::Nearest, refuted))
    }

    /// Whether the responder can be at `spot` after all, if places that are known less well than
    /// `score` are wrong; these are forgotten then.
    pub fn reconcile(&mut self, reply: &Reply, spot: &Spot, score: f64) -> bool {
        let before = self.known.clone();
        for _ in 0..MOST_WRONG {
            let Some((bound, _)) = self.contradict(reply, spot) else { return true };
            let weaker = |&at: &usize| self.known.get(at).is_some_and(|known| known.score < score);
            let culprit = match bound {
                Bound::Vantage => None,
                Bound::Way(passed) => {
                    let members = self.lane.members.iter().take(passed).copied();
                    members.filter(weaker).min_by(|&one, &other| {
                        let without = |at| self.closed_km(passed, Some(at), spot.direction);
                        without(one).total_cmp(&without(other))
                    })
                }
                Bound::Nearest => self.nearest.filter(weaker),
            };
            let Some(culprit) = culprit else { break };
            self.known.remove(culprit);
            self.forget();
        }
        if self.contradict(reply, spot).is_none() {
            return true;
        }
        self.known = before;
        self.forget();
        false
    }

    /// How near the responder must be, and to what.
    pub fn reach(&mut self, reply: &Reply) -> Option<Reach> {
        if self.vantage.is_some() {
            return Some(Reach { km: reach_km(reply.rtt_ms), from: Anchor::Vantage });
        }
        self.enter(&reply.flows);
        if let Some(last) = self.before(reply.hop) {
            let from = Anchor::Passed(last.reply.hop, Arc::clone(&last.spot.name));
            return Some(Reach { km: reach_km(reply.rtt_ms), from });
        }
        let nearest = self.nearest()?;
        let km = reach_km(reply.rtt_ms + SLACK_MS + nearest.reply.rtt_ms);
        let from = Anchor::Inferred(nearest.reply.hop, Arc::clone(&nearest.spot.name));
        Some(Reach { km, from })
    }

    /// The disc that the responder is in, whatever its way; only around what is beyond doubt.
    pub fn disc(&self, rtt_ms: f64) -> Option<Disc> {
        if let Some(Spot { direction, name }) = &self.vantage {
            let name = Arc::clone(name);
            return Some(Disc { center: *direction, km: reach_km(rtt_ms), name });
        }
        let nearest = self.nearest().filter(|nearest| nearest.is_sure)?;
        let km = reach_km(rtt_ms + SLACK_MS + nearest.reply.rtt_ms) + SLACK_KM;
        let name = Arc::clone(&nearest.spot.name);
        Some(Disc { center: nearest.spot.direction, km, name })
    }

    /// The known responder just before it is in the same metropolis, and hardly sooner or later.
    pub fn is_beside_the_last(&mut self, reply: &Reply, spot: &Spot) -> bool {
        self.enter(&reply.flows);
        self.before(reply.hop).is_some_and(|last| {
            last.reply.hop.saturating_add(2) >= reply.hop
                && (last.reply.rtt_ms - reply.rtt_ms).abs() <= NEAR.1
                && last.spot.direction.km_to(spot.direction) <= NEAR.0
        })
    }

    /// The responder is at a place that later ones may be measured by.
    pub fn confirm(&mut self, known: Known) {
        if self.known.len() >= MOST_KNOWN {
            return;
        }
        let (at, hop) = (self.known.len(), known.reply.hop);
        if known.reply.flows == self.lane.flows
            && known.reply.flows.0.is_some()
            && hop > self.lane.last_hop
        {
            self.lane.extend(at, &known, self.vantage_direction(), &self.known);
        } else {
            self.lane = Lane::default();
        }
        if self.nearest().is_none_or(|nearest| known.reply.rtt_ms < nearest.reply.rtt_ms) {
            self.nearest = Some(at);
        }
        self.known.push(known);
    }

    /// Looks at what is known anew.
    fn forget(&mut self) {
        self.lane = Lane::default();
        let rtts = self.known.iter().map(|known| known.reply.rtt_ms).enumerate();
        self.nearest = rtts.min_by(|(_, one), (_, other)| one.total_cmp(other)).map(|(at, _)| at);
    }

    /// Goes over to the lane of these flows.
    fn enter(&mut self, flows: &Flows) {
        if self.lane.flows == *flows {
            return;
        }
        let mut lane = Lane { flows: flows.clone(), ..Lane::default() };
        let on_it = |(_, known): &(usize, &Known)| flows.are_among(&known.reply.flows);
        let mut members: Vec<_> = self.known.iter().enumerate().filter(on_it).collect();
        members.sort_by_key(|(_, known)| known.reply.hop);
        members.dedup_by_key(|(_, known)| known.reply.hop);
        for (at, known) in members {
            lane.extend(at, known, self.vantage_direction(), &self.known);
        }
        self.lane = lane;
    }

    /// How many of the lane are nearer than this TTL.
    fn passed(&self, hop: u8) -> usize {
        if self.lane.last_hop < hop {
            return self.lane.members.len();
        }
        let is_nearer = |known: &&Known| known.reply.hop < hop;
        self.members().take_while(is_nearer).count()
    }

    fn members(&self) -> impl DoubleEndedIterator<Item = &Known> {
        self.lane.members.iter().filter_map(|&at| self.known.get(at))
    }

    fn before(&self, hop: u8) -> Option<&Known> {
        self.members().rfind(|known| known.reply.hop < hop)
    }

    fn vantage_direction(&self) -> Option<Direction> {
        self.vantage.as_ref().map(|vantage| vantage.direction)
    }

    fn nearest(&self) -> Option<&Known> {
        self.known.get(self.nearest?)
    }

    /// The way from the vantage point, or the first known place, through `passed` of the lane
    /// to `to`, and straight back.
    fn closed_km(&self, passed: usize, without: Option<usize>, to: Direction) -> f64 {
        if without.is_none() && passed == self.lane.members.len() {
            let ends = self.members().next().zip(self.members().next_back());
            let Some((first, last)) = ends else { return 0.0 };
            let begin = self.vantage_direction().unwrap_or(first.spot.direction);
            return self.lane.km + last.spot.direction.km_to(to) + to.km_to(begin);
        }
        let on_it = self.lane.members.iter().take(passed).filter(|&&at| Some(at) != without);
        let places = on_it.filter_map(|&at| self.known.get(at)).map(|known| known.spot.direction);
        let way: Vec<_> = self.vantage_direction().into_iter().chain(places).chain([to]).collect();
        let legs = way.iter().zip(way.iter().skip(1)).map(|(from, to)| from.km_to(*to));
        legs.sum::<f64>() + way.first().map_or(0.0, |first| to.km_to(*first))
    }

    /// The way in words: its last places.
    fn way(&self, passed: usize, to: &Spot) -> String {
        let mut names: Vec<&str> = self.members().take(passed).map(|k| &*k.spot.name).collect();
        names.dedup();
        let skipped = names.len().saturating_sub(4);
        let shown = names.get(skipped..).unwrap_or_default().join(", ");
        let more = if skipped > 0 { "…, " } else { "" };
        format!("the way through {more}{shown} to {} and back", to.name)
    }
}

impl Lane {
    fn extend(&mut self, at: usize, known: &Known, vantage: Option<Direction>, all: &[Known]) {
        let last = self.members.last().and_then(|&at| all.get(at)).map(|last| last.spot.direction);
        if let Some(before) = last.or(vantage) {
            self.km += before.km_to(known.spot.direction);
        }
        self.members.push(at);
        self.last_hop = known.reply.hop;
    }
}

fn refutation(km: f64, rtt_ms: f64, places: usize, why: impl Fn() -> String) -> Option<Refutation> {
    let verdict = judge(km, rtt_ms, places);
    let (light, speed) = match verdict {
        Verdict::Possible => return None,
        Verdict::Implausible => ("light in fibre", FIBRE),
        Verdict::Impossible => ("light", VACUUM),
    };
    let far = 2.0 * speed * rtt_ms;
    let ms = (rtt_ms * 1e3).round() / 1e3;
    let why = format!("{}; {light} goes {far:.0} km, there and back, in {ms} ms", why());
    Some(Refutation { verdict, why })
}

#[cfg(test)]
#[path = "physics/tests.rs"]
mod tests;
