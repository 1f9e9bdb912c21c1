//! From candidates and the round-trip time of one record to the place that is shown.

use std::sync::Arc;

use tm_schema::{Confidence, Evidence, Geo};

use super::case::{BY_DATA, BY_NAME, BY_RTT, Candidate, Case, InCountry};
use super::{
    BESIDE, COUNTRY, COUNTRY_AGREES, COUNTRY_DIFFERS, HIGH, Kind, MEDIUM, Near, OTHER_PLACE,
    REFUTED, RTT, Seen,
};
use crate::country;

/// Candidates whose scores are nearer than this are equally good: for readings of a name, and
/// for the rest.
const CLOSE: (f64, f64) = (0.5, 1.0);

/// A sentence for `conflicts`, and what it takes off the score.
type Contradiction = (String, Option<Evidence>);

impl Case {
    /// The best candidate that is not refuted.
    pub fn favourite(&self, seen: &Seen) -> Option<usize> {
        (0..self.candidates.len()).find(|&at| !is_refuted(seen, at))
    }

    /// The place that this record shows.
    pub fn conclude(&self, seen: &Seen) -> Geo {
        if let Some((source, says)) = &self.anycast {
            return self.in_many_places(source, says, seen);
        }
        if let Some(apart) = &seen.apart {
            return self.in_many_places(&Arc::from(RTT), apart, seen);
        }
        let mut standing = (0..self.candidates.len()).filter(|&at| !is_refuted(seen, at));
        let first = standing.next().and_then(|at| self.candidates.get(at));
        let second = standing.next().and_then(|at| self.candidates.get(at));
        match (first, second) {
            (Some(top), Some(rival)) if is_as_good(rival, top) => {
                let in_one_country = top.code.is_some() && top.code == rival.code;
                let code = if in_one_country { top.code.as_deref() } else { None };
                self.without_city(code, seen)
            }
            (Some(top), _) => self.in_city(top, seen),
            (None, _) => self.nowhere_possible(seen),
        }
    }

    fn in_city(&self, top: &Candidate, seen: &Seen) -> Geo {
        let mut evidence = top.evidence.clone();
        let mut kinds = top.kinds;
        if let Some(near) = &seen.near {
            evidence.push(heard_of(near));
            kinds |= if near.score() >= 1.0 { BY_RTT } else { 0 };
        }
        if seen.beside {
            let says = "the hop before it is in the same metropolis".to_owned();
            evidence.push(Evidence { source: RTT.to_owned(), says, score: BESIDE });
        }
        let (mut conflicts, against): (Vec<_>, Vec<_>) =
            self.contradictions(top, seen).into_iter().unzip();
        evidence.extend(against.into_iter().flatten());
        evidence.extend(top.code.iter().flat_map(|code| self.of_country(code)));
        conflicts.extend(self.countries.iter().filter_map(|other| {
            let code = top.code.as_deref()?;
            (other.code != code).then(|| format!("{} says {}", other.source, called(&other.code)))
        }));
        let geo = Geo {
            lat: Some(degrees(top.point.lat)),
            lon: Some(degrees(top.point.lon)),
            city: Some(top.city.clone()),
            accuracy_km: top.accuracy_km,
            conflicts,
            ..in_country(top.code.as_deref(), top.region.clone())
        };
        graded(geo, evidence, kinds)
    }

    /// What the other candidates say against the one at the top.
    fn contradictions(&self, top: &Candidate, seen: &Seen) -> Vec<Contradiction> {
        let mut all = Vec::new();
        for (at, other) in self.candidates.iter().enumerate() {
            if std::ptr::eq(top, other) {
                continue;
            }
            let said = says(other);
            if let Some(refuted) = seen.refuted.get(at).and_then(Option::as_ref) {
                all.push((format!("{said}, which is impossible: {}", refuted.why), None));
            } else if top.kinds == BY_NAME && other.kinds == BY_NAME {
                // A lesser reading of the same name contradicts nothing.
            } else {
                let km = top.point.km_to(other.point);
                let against = Evidence {
                    source: source(other).to_owned(),
                    says: format!("{} instead", place_of(other)),
                    score: OTHER_PLACE,
                };
                let is_data = other.kinds & BY_DATA != 0;
                all.push((format!("{said}, {km:.0} km away"), is_data.then_some(against)));
            }
        }
        all
    }

    /// What sources that know only a country say of this one.
    fn of_country(&self, code: &str) -> Vec<Evidence> {
        let word = |of: &InCountry| Evidence {
            source: of.source.to_string(),
            says: called(&of.code),
            score: if of.code == code { COUNTRY_AGREES } else { COUNTRY_DIFFERS },
        };
        self.countries.iter().map(word).collect()
    }

    /// A country at most: `given`, or the one that sources agree on.
    fn without_city(&self, given: Option<&str>, seen: &Seen) -> Geo {
        let possible = |&(at, _): &(usize, &Candidate)| !is_refuted(seen, at);
        let cities = || self.candidates.iter().enumerate().filter(possible).map(|(_, one)| one);
        let by_city = cities().filter_map(|one| Some((one.code.clone()?, source(one), one.kinds)));
        let by_country = self.countries.iter().map(|of| (of.code.clone(), &*of.source, BY_DATA));
        let all: Vec<_> = by_country.chain(by_city).collect();
        let conflicts = cities().map(says).chain(self.impossibilities(seen)).collect();
        let Some(code) = given.map(str::to_owned).or_else(|| undisputed(&all)) else {
            let disputed =
                self.countries.iter().map(|of| format!("{} says {}", of.source, called(&of.code)));
            let conflicts: Vec<String> = disputed.chain(conflicts).collect();
            let source = self.asked.as_ref().map(ToString::to_string);
            let confidence = (!conflicts.is_empty()).then_some(Confidence::Low);
            return Geo { source, confidence, conflicts, ..Geo::default() };
        };
        let mut kinds = 0;
        let mut evidence = Vec::new();
        for (of, source, kind) in all {
            // Whoever says it first, in whatever order they were asked.
            let score = match (of == code, kinds == 0) {
                (true, true) => COUNTRY,
                (true, false) => COUNTRY_AGREES,
                (false, _) => COUNTRY_DIFFERS,
            };
            kinds |= if of == code { kind } else { 0 };
            let source = source.to_owned();
            evidence.push(Evidence { source, says: called(&of), score });
        }
        let mut regions = self.countries.iter().filter(|of| of.code == code);
        let region = regions.next().and_then(|of| of.region.clone());
        let region = region.filter(|region| regions.all(|of| of.region.as_ref() == Some(region)));
        graded(Geo { conflicts, ..in_country(Some(&code), region) }, evidence, kinds)
    }

    /// Every city is refuted, or there is none.
    fn nowhere_possible(&self, seen: &Seen) -> Geo {
        let Some(top) = self.candidates.first() else {
            return match (&self.mock, self.countries.is_empty()) {
                (Some(_), true) => self.invented(),
                _ => self.without_city(None, seen),
            };
        };
        let elsewhere = self.countries.iter().any(|of| Some(&of.code) != top.code.as_ref());
        if elsewhere {
            let geo = self.without_city(None, seen);
            if geo.country_code.is_some() {
                return Geo { confidence: Some(Confidence::Low), ..geo };
            }
        }
        let mut evidence = top.evidence.clone();
        let says = "too soon for the place".to_owned();
        evidence.push(Evidence { source: RTT.to_owned(), says, score: REFUTED });
        let geo = Geo {
            lat: Some(degrees(top.point.lat)),
            lon: Some(degrees(top.point.lon)),
            city: Some(top.city.clone()),
            accuracy_km: top.accuracy_km,
            conflicts: self.impossibilities(seen).collect(),
            impossible: true,
            ..in_country(top.code.as_deref(), top.region.clone())
        };
        Geo { confidence: Some(Confidence::Low), ..graded(geo, evidence, top.kinds) }
    }

    fn impossibilities<'a>(&'a self, seen: &'a Seen) -> impl Iterator<Item = String> + 'a {
        self.candidates.iter().enumerate().filter_map(|(at, one)| {
            let refuted = seen.refuted.get(at)?.as_ref()?;
            Some(format!("{}, which is impossible: {}", says(one), refuted.why))
        })
    }

    /// No single place is right; what is near says more than any database.
    fn in_many_places(&self, source: &Arc<str>, says: &str, seen: &Seen) -> Geo {
        let mut evidence =
            vec![Evidence { source: source.to_string(), says: says.to_owned(), score: 0.0 }];
        let near = seen.near.as_ref().map(heard_of);
        evidence.extend(near.map(|near| Evidence { score: 0.0, ..near }));
        let conflicts = self.candidates.iter().map(self::says).chain(
            self.countries.iter().map(|of| format!("{} says {}", of.source, called(&of.code))),
        );
        let conflicts = conflicts.map(|said| format!("{said}, as if it were one place")).collect();
        let source = Some(source.to_string());
        Geo { anycast: true, source, evidence, conflicts, ..Geo::default() }
    }

    fn invented(&self) -> Geo {
        let Some(mock) = &self.mock else { return Geo::default() };
        let says = "invented, for demonstration".to_owned();
        Geo {
            lat: mock.point.map(|point| degrees(point.lat)),
            lon: mock.point.map(|point| degrees(point.lon)),
            city: mock.city.clone(),
            source: Some(mock.source.to_string()),
            confidence: Some(Confidence::Low),
            score: Some(0.0),
            evidence: vec![Evidence { source: mock.source.to_string(), says, score: 0.0 }],
            ..in_country(mock.country_code.as_deref(), mock.region.clone())
        }
    }
}

impl super::Claim {
    /// Whether it says anything of a place.
    pub fn is_empty(&self) -> bool {
        self.country_code.is_none() && self.city.is_none() && !self.anycast
    }

    /// Whether it is an invention.
    pub fn is_mock(&self) -> bool {
        self.kind == Kind::Mock
    }
}

fn is_refuted(seen: &Seen, at: usize) -> bool {
    seen.refuted.get(at).is_some_and(Option::is_some)
}

/// Whether nobody could choose between the two. A router's name is chosen over databases.
fn is_as_good(rival: &Candidate, top: &Candidate) -> bool {
    let ahead = top.score - rival.score;
    match (top.kinds & BY_NAME != 0, rival.kinds & BY_NAME != 0) {
        (true, false) => false,
        (true, true) => ahead < CLOSE.0,
        _ => ahead < CLOSE.1,
    }
}

/// The country that all, or clearly most of them, name.
fn undisputed(all: &[(String, &str, u8)]) -> Option<String> {
    let count = |code: &str| all.iter().filter(|(of, ..)| of == code).count();
    let (code, ..) = all.iter().max_by_key(|(of, ..)| count(of))?;
    (2 * count(code) > all.len()).then(|| code.clone())
}

fn in_country(code: Option<&str>, region: Option<String>) -> Geo {
    Geo {
        region,
        country: code.and_then(country::name).map(str::to_owned),
        country_code: code.map(str::to_owned),
        ..Geo::default()
    }
}

/// Adds up the evidence and says what it amounts to.
fn graded(geo: Geo, mut evidence: Vec<Evidence>, kinds: u8) -> Geo {
    evidence.sort_by(|one, other| other.score.total_cmp(&one.score));
    let score: f64 = evidence.iter().map(|one| one.score).sum();
    let score = (score * 10.0).round() / 10.0;
    let confidence = match score {
        _ if score >= HIGH && kinds.count_ones() >= 2 => Confidence::High,
        _ if score >= MEDIUM => Confidence::Medium,
        _ => Confidence::Low,
    };
    let source = evidence.iter().find(|one| one.source != RTT).map(|one| one.source.clone());
    Geo { source, confidence: Some(confidence), score: Some(score), evidence, ..geo }
}

fn heard_of(near: &Near) -> Evidence {
    Evidence { source: RTT.to_owned(), says: near.says(), score: near.score() }
}

fn source(candidate: &Candidate) -> &str {
    candidate.evidence.first().map_or("", |first| &first.source)
}

fn says(candidate: &Candidate) -> String {
    let source = match source(candidate) {
        super::NAME => "the name",
        other => other,
    };
    format!("{source} says {}", place_of(candidate))
}

fn place_of(candidate: &Candidate) -> String {
    match &candidate.code {
        Some(code) => format!("{}, {code}", candidate.city),
        None => candidate.city.clone(),
    }
}

fn called(code: &str) -> String {
    country::name(code).unwrap_or(code).to_owned()
}

/// To eleven metres, which is more than anybody knows.
fn degrees(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}
