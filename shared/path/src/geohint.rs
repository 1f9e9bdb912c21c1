//! Reading the place out of a router's name, offline: operators write where a router stands into
//! its PTR record (`be3084.ccr42.lax01.atlas.cogentco.com`).
//!
//! A name is a hint, never proof: it may be stale, or name the neighbour. What is found carries
//! a score (log-odds) and the word that it was found in, so that others can weigh it against
//! round-trip times and databases. An interconnect's name (`telia.jfk04.atlas.cogentco.com`)
//! says where the port stands, not whose router it is.
//!
//! Here live the types and the ranking. `name` takes a host name apart, `operators` knows how
//! some operators write, `general` reads everybody else, `table` holds the cities, `words` the
//! words that look like places and are none. Nothing here looks at addresses, times or networks.

mod general;
mod name;
mod operators;
mod table;
mod words;

use crate::sphere::Point;

pub use table::cities;

/// A city in which networks meet.
#[derive(Clone, Debug, PartialEq)]
pub struct City {
    /// Its English name.
    pub name: &'static str,
    /// State or province in the United States, Canada and Australia (the part of ISO 3166-2
    /// after the hyphen); empty elsewhere.
    pub region: &'static str,
    /// ISO 3166-1 alpha-2 code of the country.
    pub country_code: &'static str,
    /// Where it is.
    pub point: Point,
}

/// What sort of word gave the place away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A code of this operator's own.
    Operator,
    /// A CLLI place (`asbnva`) or one written in its manner (`londen`).
    Clli,
    /// The city's name.
    Name,
    /// A UN/LOCODE (`defra`).
    Locode,
    /// An IATA code of an airport or a metropolis, or a usual short form (`fra`, `nyc`, `msk`).
    Iata,
    /// An ICAO code of an airport (`eddf`).
    Icao,
    /// A data centre (`eqld5`).
    Facility,
}

impl Kind {
    /// As evidence calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator code",
            Self::Clli => "CLLI place",
            Self::Name => "city name",
            Self::Locode => "UN/LOCODE",
            Self::Iata => "IATA code",
            Self::Icao => "ICAO code",
            Self::Facility => "data centre",
        }
    }
}

/// A place that a name may mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Hint {
    /// The city.
    pub city: &'static City,
    /// What sort of word said so.
    pub kind: Kind,
    /// The word, as it stands in the name.
    pub token: String,
    /// How much the word speaks for the city, in log-odds.
    pub score: f64,
}

/// How many readings of one name are worth telling.
const MOST: usize = 4;
/// Readings with no more than this for them are left out.
const LEAST_SCORE: f64 = 0.15;
/// What a second word of another kind adds that means the same city.
const AGREEMENT: f64 = 1.5;
/// No name can be more certain than this.
const CEILING: f64 = 6.0;

/// A reading before it is ranked: the word is where it stands in the name.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    pub city: &'static City,
    /// The city's place in the table, the most populous first.
    pub rank: usize,
    pub kind: Kind,
    pub word: std::ops::Range<usize>,
    pub score: f64,
}

/// The places that a router's name may mean, the likeliest first; none where it says nothing.
///
/// ```
/// use tm_path::geohint::{Kind, read};
/// let hints = read("ae-1.r20.londen12.uk.bb.gin.ntt.net");
/// let first = hints.first().ok_or("no hint")?;
/// assert_eq!((first.city.name, first.token.as_str()), ("London", "londen12"));
/// assert_eq!(first.kind, Kind::Clli);
/// assert!(read("cpe-24-90-201-1.nyc.res.example.com").is_empty());
/// # Ok::<(), &str>(())
/// ```
pub fn read(hostname: &str) -> Vec<Hint> {
    let Some(name) = name::Name::parse(hostname) else { return Vec::new() };
    let found = match operators::read(&name) {
        operators::Verdict::Found(readings) => readings,
        operators::Verdict::SaysNothing => return Vec::new(),
        operators::Verdict::Unknown { has_rule } => general::read(&name, has_rule),
    };
    rank(found)
        .into_iter()
        .map(|reading| Hint {
            city: reading.city,
            kind: reading.kind,
            token: hostname.get(reading.word).unwrap_or_default().to_owned(),
            score: reading.score,
        })
        .collect()
}

/// One reading a city, its words' agreement counted, the likeliest first.
fn rank(found: Vec<Reading>) -> Vec<Reading> {
    let mut best: Vec<Reading> = Vec::new();
    for reading in found {
        match best.iter_mut().find(|known| known.rank == reading.rank) {
            None => best.push(reading),
            Some(known) => {
                let is_apart =
                    known.word.end <= reading.word.start || reading.word.end <= known.word.start;
                let agreed = if is_apart { AGREEMENT } else { 0.0 };
                let score = known.score.max(reading.score) + agreed;
                if reading.score > known.score {
                    *known = reading;
                }
                known.score = score.min(CEILING);
            }
        }
    }
    best.retain(|reading| reading.score > LEAST_SCORE);
    best.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.rank.cmp(&b.rank)));
    best.truncate(MOST);
    best
}

/// What must hold of any name: few places, the likeliest first, each found in a word of the name,
/// in whatever case it is written.
///
/// # Panics
/// Where it does not hold.
#[cfg(any(test, fuzzing))]
pub fn check(name: &str) {
    let hints = read(name);
    assert!(hints.len() <= MOST && hints.is_sorted_by(|a, b| a.score >= b.score), "{hints:?}");
    for hint in &hints {
        assert!(!hint.token.is_empty() && name.contains(&hint.token), "{hint:?}");
        assert!(hint.score > LEAST_SCORE && hint.score <= CEILING, "{hint:?}");
    }
    let places = |hints: &[Hint]| -> Vec<_> {
        hints.iter().map(|hint| (hint.city.name, hint.score.to_bits())).collect()
    };
    assert_eq!(places(&hints), places(&read(&name.to_ascii_uppercase())), "{name:?}");
}

#[cfg(test)]
mod tests;
