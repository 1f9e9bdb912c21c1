//! From what is known of an address to what a record shows. The reasoning is done once for an
//! address and a name and each of the few things that a round-trip time can say; most records
//! then get octets that are there already.

use std::cell::RefCell;
use std::net::IpAddr;
use std::sync::Arc;

use tm_enrich::Hop;
use tm_enrich::due::Due;
use tm_path::anycast::Sightings;
use tm_path::confidence::{Case, Claim, Kind, NAME, Near, Seen};
use tm_path::geohint;
use tm_path::physics::{self, Reply, Route, Spot};
use tm_schema::{Confidence, Geo};

use crate::claim::Said;

/// Names of one address that are remembered; more is somebody's game.
const MOST_READINGS: usize = 4;

/// Results of one address and name that are remembered.
const MOST_SHOWN: usize = 16;

/// What is known of an address.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    claims: Vec<Claim>,
    /// Who was asked last.
    pub(crate) asked: Option<Arc<str>>,
    /// Why somebody did not answer.
    errors: Vec<String>,
    due: Due,
    readings: RefCell<Vec<Reading>>,
    sightings: RefCell<Sightings>,
}

/// What is known together with a name.
#[derive(Clone, Debug)]
struct Reading {
    /// The member `dns`, as written.
    dns: Box<str>,
    case: Case,
    shown: Vec<Shown>,
}

/// What records show for what their round-trip times say.
#[derive(Clone, Debug)]
struct Shown {
    near: Option<Near>,
    beside: bool,
    is_apart: bool,
    result: Result<Vec<u8>, Nothing>,
    /// The place, where later hops may be measured by it.
    known: Option<Place>,
}

/// A place that hops may be measured by.
#[derive(Clone, Debug)]
struct Place {
    spot: Spot,
    score: f64,
    is_sure: bool,
}

/// Nobody was asked, and there is nothing to tell.
#[derive(Clone, Debug)]
struct Nothing;

impl Known {
    /// What databases say, and who was asked.
    pub(crate) fn new(claims: Vec<Claim>, asked: Option<Arc<str>>) -> Self {
        Self { claims, asked, ..Self::default() }
    }

    /// Whether anybody knows a place.
    pub(crate) fn is_something(&self) -> bool {
        self.claims.iter().any(|claim| claim.kind != Kind::Mock)
    }

    /// A provider's answer.
    pub(crate) fn hear(&mut self, said: Said, provider: Arc<str>) {
        self.claims.push(said.claim(provider, Kind::Provider));
        self.errors.clear();
        self.due = Due::never();
    }

    /// A provider that did not answer.
    pub(crate) fn failed(&mut self, provider: &str, why: &str) {
        self.errors.push(format!("{provider}: {why}"));
        self.asked = Some(provider.into());
        self.due = Due::soon();
    }

    /// Whether it is time to ask again who did not answer; it is said once each time.
    pub(crate) fn is_to_be_asked_again(&self) -> bool {
        self.due.has_come()
    }

    /// Appends what the record shows; `false`: nothing.
    pub(crate) fn write(
        &self,
        hop: &Hop<'_>,
        ip: IpAddr,
        route: &mut Route,
        reply: Option<Reply>,
        out: &mut Vec<u8>,
    ) -> bool {
        let mut readings = self.readings.borrow_mut();
        let at = readings.iter().position(|reading| *reading.dns == *hop.dns);
        let at = at.unwrap_or_else(|| {
            if readings.len() >= MOST_READINGS {
                readings.clear();
            }
            readings.push(self.read(hop, ip));
            readings.len() - 1
        });
        let Some(reading) = readings.get_mut(at) else { return false };
        let disc = reply.as_ref().and_then(|reply| route.disc(reply.rtt_ms));
        let apart = disc.and_then(|disc| self.sightings.borrow_mut().see(&disc));
        let seen =
            reply.as_ref().map_or_else(Seen::default, |reply| reading.see(route, reply, apart));
        let fresh;
        let shown = if seen.refuted.is_empty() {
            let near = |shown: &Shown| {
                shown.near == seen.near
                    && shown.beside == seen.beside
                    && shown.is_apart == seen.apart.is_some()
            };
            let at = reading.shown.iter().position(near);
            let at = at.unwrap_or_else(|| {
                if reading.shown.len() >= MOST_SHOWN {
                    reading.shown.clear();
                }
                reading.shown.push(self.show(&reading.case, seen));
                reading.shown.len() - 1
            });
            reading.shown.get(at)
        } else {
            // The sentence has this record's figures in it.
            fresh = self.show(&reading.case, seen);
            Some(&fresh)
        };
        let Some(shown) = shown else { return false };
        if let (Some(place), Some(reply)) = (&shown.known, reply) {
            let Place { spot, score, is_sure } = place.clone();
            route.confirm(physics::Known { reply, spot, score, is_sure });
        }
        let Ok(json) = &shown.result else { return false };
        out.extend_from_slice(json);
        true
    }

    fn read(&self, hop: &Hop<'_>, ip: IpAddr) -> Reading {
        let hostname = hop.hostname();
        let hints = hostname.as_deref().map(geohint::read).unwrap_or_default();
        let name = hostname.is_some().then_some(NAME);
        let asked = self.asked.as_deref().or(name);
        let case = Case::new(ip, &self.claims, &hints, asked);
        Reading { dns: hop.dns.into(), case, shown: Vec::new() }
    }

    fn show(&self, case: &Case, seen: Seen) -> Shown {
        let mut geo = case.conclude(&seen);
        let is_answer = geo.country_code.is_some() || geo.city.is_some() || geo.anycast;
        if !is_answer && !self.errors.is_empty() {
            geo.error = Some(self.errors.join("; "));
        }
        let trusted = geo.confidence >= Some(Confidence::Medium) && geo.city.is_some();
        let spot = case.favourite(&seen).and_then(|at| case.candidates().get(at));
        let known = spot.filter(|_| trusted && !geo.impossible && !geo.anycast);
        let known = known.map(|candidate| Place {
            spot: candidate.spot.clone(),
            score: geo.score.unwrap_or_default(),
            is_sure: geo.confidence == Some(Confidence::High),
        });
        let result = match serde_json::to_vec(&geo) {
            Ok(json) if geo != Geo::default() => Ok(json),
            _ => Err(Nothing),
        };
        let is_apart = seen.apart.is_some();
        Shown { near: seen.near, beside: seen.beside, is_apart, result, known }
    }
}

impl Reading {
    /// What the round-trip time says of the candidates.
    fn see(&self, route: &mut Route, reply: &Reply, apart: Option<Arc<str>>) -> Seen {
        let candidates = self.case.candidates();
        let mut seen = Seen { apart, ..Seen::default() };
        if self.case.is_anycast() || seen.apart.is_some() {
            seen.near = route.reach(reply).and_then(Near::of);
            return seen;
        }
        for (at, candidate) in candidates.iter().enumerate() {
            if let Some(refuted) = route.refute(reply, &candidate.spot) {
                seen.refuted.resize(candidates.len(), None);
                if let Some(place) = seen.refuted.get_mut(at) {
                    *place = Some(refuted);
                }
            }
        }
        // Rather than that every place is wrong, an earlier one may be.
        let all = !candidates.is_empty() && seen.refuted.iter().all(Option::is_some);
        if let Some(best) = candidates.first()
            && all
            && seen.refuted.len() == candidates.len()
            && route.reconcile(reply, &best.spot, best.score)
        {
            let rest = seen.refuted.split_off(1);
            seen.refuted = if rest.is_empty() { rest } else { [vec![None], rest].concat() };
        }
        if let Some(favourite) = self.case.favourite(&seen).and_then(|at| candidates.get(at)) {
            seen.near = route.reach(reply).and_then(Near::of);
            seen.beside = route.is_beside_the_last(reply, &favourite.spot);
        }
        seen
    }
}
