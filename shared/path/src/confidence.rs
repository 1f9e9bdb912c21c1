//! Where a responder is, as far as the evidence goes, and how far that is.
//!
//! Sources say places; a place's score is the sum of what speaks for it and against it, in steps
//! that are roughly log-odds. What they say is gathered once for an address and a name
//! ([`Case::new`]); what the round-trip time says is weighed for each record
//! ([`Case::conclude`]).
//!
//! Three kinds of evidence are independent of each other: the router's name (its operator says
//! where it is), databases and providers (registries and measurements; they copy from each
//! other, so several of them count as one kind), and the round-trip time (light says where it is
//! not). High confidence takes two kinds.

mod case;
mod conclude;

use std::sync::Arc;

use crate::physics::{Anchor, Reach, Refutation};
use crate::sphere::Point;

pub use case::{Candidate, Case};

/// A database's city.
const DATABASE: f64 = 1.0;
/// A database whose radius is at most [`SHARP_KM`], or whose prefix is at least a /24 or /48.
const SHARP: f64 = 0.5;
/// A database whose radius is over [`BLURRED_KM`], or whose prefix is a /16, a /32 or shorter.
const BLURRED: f64 = -0.5;
/// A provider's city.
const PROVIDER: f64 = 1.5;
/// A provider that calls it a mobile network, a proxy or a data centre.
const DOUBTFUL: f64 = -0.5;
/// A database or provider that has the place that the name means.
const AGREES_WITH_NAME: f64 = 1.5;
/// A database that has the place that another one has.
const DATABASES_AGREE: f64 = 1.0;
/// A provider that has the place that a database or another provider has: they share sources.
const PROVIDER_AGREES: f64 = 0.5;
/// A country and no city.
const COUNTRY: f64 = 1.5;
/// Another source with the same country.
const COUNTRY_AGREES: f64 = 0.5;
/// Another source with another country.
const COUNTRY_DIFFERS: f64 = -0.5;
/// Another source with another place that is possible too.
const OTHER_PLACE: f64 = -1.0;
/// The responder must be within so many kilometres of where the probes left, or of a known hop.
const REACHES: [(u16, f64); 3] = [(150, 1.5), (300, 1.0), (1000, 0.5)];
/// The hop before it is in the same metropolis.
const BESIDE: f64 = 0.5;
/// The round-trip time is too short for the place.
const REFUTED: f64 = -6.0;

/// From this score on, confidence is medium.
const MEDIUM: f64 = 1.5;
/// From this score on, and with two kinds of evidence, it is high.
const HIGH: f64 = 3.0;

const SHARP_KM: f64 = 50.0;
const BLURRED_KM: f64 = 200.0;

/// Places this near each other are one.
const SAME_KM: f64 = 100.0;

/// How good a name's word on a city is: routers stand around it.
const CITY_KM: f64 = 30.0;

/// The source that records give for router names.
pub const NAME: &str = "name";

/// The source that records give for round-trip times.
pub const RTT: &str = "rtt";

/// What sort of source says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A local database.
    Database,
    /// Somebody's server.
    Provider,
    /// Nobody: an invention for demonstrations.
    Mock,
}

/// What one source says of an address.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// Who says so.
    pub source: Arc<str>,
    /// What sort of source it is.
    pub kind: Kind,
    /// Where.
    pub point: Option<Point>,
    /// City.
    pub city: Option<String>,
    /// Region or state.
    pub region: Option<String>,
    /// Country, ISO 3166 alpha-2.
    pub country_code: Option<String>,
    /// Radius of uncertainty in kilometres.
    pub accuracy_km: Option<f64>,
    /// Length of the prefix that it is for, if it is for one.
    pub prefix: Option<u8>,
    /// The source itself says that the address is announced from several places.
    pub anycast: bool,
    /// The source itself has a reason to doubt.
    pub doubtful: bool,
}

/// What the round-trip time of one record says.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Why the responder cannot be at a candidate, for each of them in their order.
    pub refuted: Vec<Option<Refutation>>,
    /// How near it must be to something.
    pub near: Option<Near>,
    /// The hop before it is in the same metropolis as the favourite.
    pub beside: bool,
    /// How it is known to answer from several places: the word of two vantage points.
    pub apart: Option<Arc<str>>,
}

/// A [`Reach`] in steps, so that many records say the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Near {
    /// No farther than this.
    km: u16,
    score: u16,
    from: Anchor,
}

impl Near {
    /// The step of a reach; `None`: it is too far to mean anything.
    pub fn of(reach: Reach) -> Option<Self> {
        let (km, score) = REACHES.into_iter().find(|&(km, _)| reach.km <= f64::from(km))?;
        Some(Self { km, score: (score * 10.0) as u16, from: reach.from })
    }

    fn score(&self) -> f64 {
        f64::from(self.score) / 10.0
    }

    fn says(&self) -> String {
        let km = self.km;
        match &self.from {
            Anchor::Vantage => format!("within {km} km of the vantage point"),
            Anchor::Passed(hop, city) => format!("within {km} km of {city}, where hop {hop} is"),
            Anchor::Inferred(hop, city) => format!(
                "within {km} km of {city}: hop {hop}, which is there, answered so soon that the \
                 probes left near it"
            ),
        }
    }
}

#[cfg(test)]
#[path = "confidence/tests.rs"]
mod tests;
