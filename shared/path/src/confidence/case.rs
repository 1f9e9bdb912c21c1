//! What all sources together say of one address: candidate places, best first, and countries.

use std::net::IpAddr;
use std::sync::Arc;

use tm_schema::Evidence;

use super::{
    AGREES_WITH_NAME, BLURRED, BLURRED_KM, CITY_KM, Claim, DATABASE, DATABASES_AGREE, DOUBTFUL,
    Kind, NAME, PROVIDER, PROVIDER_AGREES, SAME_KM, SHARP, SHARP_KM,
};
use crate::anycast;
use crate::geohint::{Hint, cities};
use crate::physics::Spot;
use crate::sphere::Point;

/// Readings of a name that are looked at.
const MOST_READINGS: usize = 6;

/// Candidates that are looked at.
const MOST_CANDIDATES: usize = 8;

/// Where databases put what they know only the country of: centres of countries, as the CIA
/// Factbook rounds them and as `MaxMind` has them.
const CENTRES: &[(f64, f64)] = &[
    (37.751, -97.822),
    (39.76, -98.5),
    (38.0, -97.0),
    (60.0, -95.0),
    (51.2993, 9.491),
    (51.0, 9.0),
    (48.8582, 2.3387),
    (46.0, 2.0),
    (54.0, -2.0),
    (52.5, 5.75),
    (-33.494, 143.2104),
    (-27.0, 133.0),
    (36.0, 138.0),
    (34.7732, 113.722),
    (35.0, 105.0),
    (60.0, 100.0),
    (21.9974, 79.0011),
    (20.0, 77.0),
    (-10.0, -55.0),
    (37.0, 127.5),
    (62.0, 15.0),
    (43.1479, 12.1097),
    (42.8333, 12.8333),
    (40.0, -4.0),
    (47.1449, 8.1551),
    (47.0, 8.0),
    (62.0, 10.0),
    (52.0, 20.0),
];

/// Kinds of evidence, as bits.
pub(super) const BY_NAME: u8 = 1;
pub(super) const BY_DATA: u8 = 2;
pub(super) const BY_RTT: u8 = 4;

/// A place that some source gives.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Where, and what to call it.
    pub spot: Spot,
    /// What speaks for it, the round-trip time apart.
    pub score: f64,
    pub(super) point: Point,
    pub(super) city: String,
    pub(super) region: Option<String>,
    pub(super) code: Option<String>,
    pub(super) accuracy_km: Option<f64>,
    pub(super) evidence: Vec<Evidence>,
    pub(super) kinds: u8,
}

/// That a source names a country and no city.
#[derive(Clone, Debug)]
pub(super) struct InCountry {
    pub(super) code: String,
    pub(super) region: Option<String>,
    pub(super) source: Arc<str>,
}

/// What all sources together say of one address.
#[derive(Clone, Debug, Default)]
pub struct Case {
    pub(super) candidates: Vec<Candidate>,
    pub(super) countries: Vec<InCountry>,
    /// Why it is anycast, and who says so.
    pub(super) anycast: Option<(Arc<str>, String)>,
    pub(super) mock: Option<Claim>,
    /// Who was asked, in case there is no more to tell.
    pub(super) asked: Option<Arc<str>>,
}

impl Case {
    /// Gathers what is said of an address. `asked` is who was, whatever the answer.
    pub fn new(ip: IpAddr, claims: &[Claim], hints: &[Hint], asked: Option<&str>) -> Self {
        let known = anycast::known(ip).map(|whose| {
            let says = format!("{whose}: the address is announced from many places");
            (Arc::from("anycast"), says)
        });
        let said = claims.iter().find(|claim| claim.anycast);
        let said = said.map(|claim| {
            (Arc::clone(&claim.source), "the address is announced from many places".to_owned())
        });
        let mut case = Self { anycast: known.or(said), ..Self::default() };
        for hint in hints.iter().take(MOST_READINGS) {
            case.read(hint);
        }
        for claim in claims {
            match claim.kind {
                Kind::Mock => case.mock = Some(claim.clone()),
                Kind::Database | Kind::Provider => case.hear(claim, ip),
            }
        }
        case.candidates.sort_by(|one, other| other.score.total_cmp(&one.score));
        case.candidates.truncate(MOST_CANDIDATES);
        let claimed = claims.first().map(|claim| Arc::clone(&claim.source));
        let named = hints.first().map(|_| NAME);
        case.asked = claimed.or_else(|| asked.or(named).map(Arc::from));
        case
    }

    /// The places, best first.
    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    /// The address is known to be announced from several places, so that none of them is its own.
    pub fn is_anycast(&self) -> bool {
        self.anycast.is_some()
    }

    /// A reading of the name; one that means the place of a better one adds nothing.
    fn read(&mut self, hint: &Hint) {
        let city = hint.city;
        if self.near(city.point).is_some() {
            return;
        }
        let says = format!(
            "\u{201c}{}\u{201d} ({}) means {}, {}",
            hint.token,
            hint.kind.as_str(),
            city.name,
            city.country_code
        );
        self.candidates.push(Candidate {
            spot: Spot { direction: city.point.direction(), name: city.name.into() },
            score: hint.score,
            point: city.point,
            city: city.name.to_owned(),
            region: (!city.region.is_empty()).then(|| city.region.to_owned()),
            code: Some(city.country_code.to_owned()),
            accuracy_km: Some(CITY_KM),
            evidence: vec![Evidence { source: NAME.to_owned(), says, score: hint.score }],
            kinds: BY_NAME,
        });
    }

    fn hear(&mut self, claim: &Claim, ip: IpAddr) {
        let Some((point, city)) = place(claim) else {
            if let Some(code) = &claim.country_code {
                let (region, source) = (claim.region.clone(), Arc::clone(&claim.source));
                self.countries.push(InCountry { code: code.clone(), region, source });
            }
            return;
        };
        let mut says = city.clone();
        says.extend(claim.country_code.iter().flat_map(|code| [", ", code]));
        if let Some(at) = self.near(point) {
            let Some(candidate) = self.candidates.get_mut(at) else { return };
            let score = match claim.kind {
                _ if candidate.kinds == BY_NAME => AGREES_WITH_NAME,
                Kind::Database => DATABASES_AGREE,
                _ => PROVIDER_AGREES,
            };
            candidate.evidence.push(Evidence { source: claim.source.to_string(), says, score });
            candidate.score += score;
            candidate.kinds |= BY_DATA;
            return;
        }
        let score = weight(claim, ip);
        self.candidates.push(Candidate {
            spot: Spot { direction: point.direction(), name: city.as_str().into() },
            score,
            point,
            city,
            region: claim.region.clone(),
            code: claim.country_code.clone(),
            accuracy_km: claim.accuracy_km,
            evidence: vec![Evidence { source: claim.source.to_string(), says, score }],
            kinds: BY_DATA,
        });
    }

    /// The nearest candidate, if it is near enough to be the same place.
    fn near(&self, point: Point) -> Option<usize> {
        let far = |candidate: &Candidate| candidate.point.km_to(point);
        let all = self.candidates.iter().map(far).enumerate();
        let nearest = all.min_by(|(_, one), (_, other)| one.total_cmp(other));
        nearest.filter(|&(_, km)| km <= SAME_KM).map(|(at, _)| at)
    }
}

/// What a single database or provider counts for a city.
fn weight(claim: &Claim, ip: IpAddr) -> f64 {
    if claim.kind == Kind::Provider {
        return PROVIDER + if claim.doubtful { DOUBTFUL } else { 0.0 };
    }
    let radius = match claim.accuracy_km {
        Some(km) if km <= SHARP_KM => SHARP,
        Some(km) if km > BLURRED_KM => BLURRED,
        _ => 0.0,
    };
    let (long, short) = if ip.is_ipv4() { (24, 16) } else { (48, 32) };
    let prefix = match claim.prefix {
        Some(length) if length >= long => SHARP,
        Some(length) if length <= short => BLURRED,
        _ => 0.0,
    };
    DATABASE + radius + prefix
}

/// The city that a claim means, if it means one. Coordinates without a city, or of the middle of
/// a country, are no more than a country; a city without coordinates has them from its name.
fn place(claim: &Claim) -> Option<(Point, String)> {
    let city = claim.city.as_ref()?;
    if let Some(point) = claim.point {
        return (!is_centre(point)).then(|| (point, city.clone()));
    }
    let code = claim.country_code.as_deref()?;
    let mut called =
        cities().iter().filter(|of| of.country_code == code && of.name.eq_ignore_ascii_case(city));
    let (only, other) = (called.next()?, called.next());
    other.is_none().then(|| (only.point, city.clone()))
}

fn is_centre(point: Point) -> bool {
    let is_it = |&(lat, lon): &(f64, f64)| {
        (point.lat - lat).abs() < 0.002 && (point.lon - lon).abs() < 0.002
    };
    CENTRES.iter().any(is_it)
}
