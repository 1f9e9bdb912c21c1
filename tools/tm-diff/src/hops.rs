//! The hops of a path as the comparison sees them: who answers there usually, and what is known
//! of those.

use tm_path::align::{Path, Step};
use tm_path::median::Median;
use tm_path::proportion::wilson;
use tm_schema::Geo;

use crate::comparison::{At, Interval, Share};
use crate::route::{Responder, Route, Spot};

/// What stands for the destination where its address is not compared.
const DESTINATION: &str = "the destination";

/// One TTL of a path.
#[derive(Clone, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) ttl: u8,
    /// `None`: it was not probed.
    pub(crate) spot: Option<&'a Spot>,
    /// Who usually answers, by name.
    pub(crate) usual: Vec<Usual<'a>>,
    rare: Vec<&'a str>,
}

/// A responder that is usual at its TTL.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usual<'a> {
    /// By what it is compared: its address.
    pub(crate) name: &'a str,
    pub(crate) ip: &'a str,
    pub(crate) says: &'a Responder,
}

/// Every TTL up to the farthest that answers usually. `rare`: percent of the rounds of a TTL's
/// most frequent responder below which another one is left out, and percent of all rounds below
/// which an answer does not make the path longer.
pub(crate) fn of(route: &Route, rare: f64, ignore_target: bool) -> Vec<Place<'_>> {
    let place = |ttl| {
        let spot = route.ttls.get(&ttl);
        let mut place = Place { ttl, spot, usual: Vec::new(), rare: Vec::new() };
        let responders = || spot.into_iter().flat_map(|spot| &spot.responders);
        let most = responders().map(|(_, says)| says.rounds).max().unwrap_or(0);
        for (ip, says) in responders() {
            if (says.rounds as f64) * 100.0 < rare * most as f64 {
                place.rare.push(ip);
                continue;
            }
            let name = if ignore_target && says.is_destination { DESTINATION } else { ip };
            place.usual.push(Usual { name, ip, says });
        }
        place.usual.sort_by_key(|usual| usual.name);
        place
    };
    let is_usual = |(&ttl, spot): (&u8, &Spot)| {
        let rounds = spot.responders.values().map(|says| says.rounds).max()?;
        (rounds as f64 * 100.0 >= rare * route.rounds as f64).then_some(ttl)
    };
    let farthest = route.ttls.iter().filter_map(is_usual).max();
    (1..=farthest.unwrap_or(route.farthest())).map(place).collect()
}

/// The path to align.
pub(crate) fn path<'a>(places: &[Place<'a>], route: &Route, ignore_origins: bool) -> Path<'a> {
    let step = |place: &Place<'a>| match place.spot {
        None => Step::Unprobed,
        Some(_) if place.usual.is_empty() => Step::Silent,
        Some(_) => {
            let mut responders: Vec<&str> = place.usual.iter().map(|usual| usual.name).collect();
            responders.dedup();
            let origins = if ignore_origins { Vec::new() } else { place.origins() };
            Step::Answered { responders, origins, is_destination: place.is_destination() }
        }
    };
    Path { steps: places.iter().map(step).collect(), beyond: route.beyond() }
}

impl Place<'_> {
    pub(crate) fn answers(&self) -> bool {
        !self.usual.is_empty()
    }

    pub(crate) fn is_destination(&self) -> bool {
        self.usual.iter().any(|usual| usual.says.is_destination)
    }

    /// Origin ASes of its responders, in order.
    pub(crate) fn origins(&self) -> Vec<u32> {
        let mut origins: Vec<u32> =
            self.usual.iter().flat_map(|usual| usual.says.origins()).collect();
        origins.sort_unstable();
        origins.dedup();
        origins
    }

    /// RTTs of the responders that `wanted` names.
    pub(crate) fn rtts(&self, wanted: impl Fn(&str) -> bool) -> Vec<f64> {
        let meant = self.usual.iter().filter(|usual| wanted(usual.name));
        meant.flat_map(|usual| usual.says.rtts.kept()).copied().collect()
    }

    /// Lost and sent probes.
    pub(crate) fn lost(&self) -> (u64, u64) {
        self.spot.map_or((0, 0), |spot| (spot.sent.saturating_sub(spot.received), spot.sent))
    }

    /// As the outputs show it.
    pub(crate) fn shown(&self) -> At {
        let first = self.usual.first().map(|usual| usual.says);
        let dns = first.and_then(|says| says.dns.as_ref());
        let median = Median::of(&self.rtts(|_| true));
        let (lost, sent) = self.lost();
        let (low, high) = wilson(lost, sent);
        let pct = |share: f64| (share * 1e4).round() / 100.0;
        At {
            hop: self.ttl,
            ips: self.usual.iter().map(|usual| usual.ip.to_owned()).collect(),
            rare: self.rare.iter().map(|&ip| ip.to_owned()).collect(),
            hostname: dns.and_then(|dns| dns.hostname.clone()),
            origins: self.origins(),
            place: first.and_then(|says| says.geo.as_ref()).and_then(place_name),
            rtt: median.map(|median| Interval {
                median: median.median,
                low: median.low,
                high: median.high,
                count: median.count,
                bounded: median.is_bounded(),
            }),
            loss: (sent > 0).then(|| Share {
                sent,
                lost,
                pct: pct(lost as f64 / sent as f64),
                low: pct(low),
                high: pct(high),
            }),
        }
    }
}

/// City and country, as far as they are known.
pub(crate) fn place_name(geo: &Geo) -> Option<String> {
    let country = geo.country_code.as_deref().or(geo.country.as_deref());
    let parts: Vec<&str> = [geo.city.as_deref(), country].into_iter().flatten().collect();
    (geo.error.is_none() && !parts.is_empty()).then(|| parts.join(", "))
}
