//! Reading names of operators that have no rule: every word that means a city somewhere is
//! weighed by what it is, where it stands and what stands beside it.

use std::ops::Range;

use super::name::{Name, Part, Word};
use super::table::{self, Sort};
use super::{City, Kind, Reading, operators, words};

/// Log-odds of a word by itself.
mod score {
    pub const CLLI_QUALIFIED: f64 = 3.5;
    pub const CLLI_PLACE_AND_STATE: f64 = 3.0;
    pub const CLLI_NUMBERED: f64 = 2.5;
    pub const CLLI: f64 = 2.0;
    pub const NAME: f64 = 2.0;
    pub const WEAK_NAME: f64 = 0.8;
    pub const CODE_NUMBERED: f64 = 2.0;
    pub const CODE: f64 = 0.5;
    pub const LOCODE_NUMBERED: f64 = 2.0;
    pub const LOCODE: f64 = 0.8;
    pub const ICAO: f64 = 0.8;
    pub const FACILITY: f64 = 1.5;
    /// A country or state beside the word that is the city's, or is not.
    pub const AGREES: f64 = 1.0;
    pub const CONTRADICTS: f64 = -1.0;
    /// The country of the top-level domain.
    pub const HOME: f64 = 0.5;
    pub const ABROAD: f64 = -0.1;
    /// In the name of a subscriber's line.
    pub const ACCESS: f64 = -1.5;
    /// A namesake, for every more populous one before it.
    pub const NAMESAKE: f64 = -1.0;
    /// For each label between the word and the domain.
    pub const FURTHER_LEFT: f64 = -0.1;
    /// In the leftmost of several labels, where interfaces and customers are named.
    pub const LEFTMOST: f64 = -0.2;
}

/// Equinix' metros, by the two letters of its data centres.
const EQUINIX: &str = "am=amsterdam at=atlanta ch=chicago da=dallas db=dublin.ie dc=ashburn \
    du=dusseldorf fr=frankfurt ge=geneva he=helsinki hk=hongkong la=losangeles ld=london.gb \
    ma=manchester.gb md=madrid me=melbourne mi=miami ml=milan mu=munich ny=newyork os=osaka \
    pa=paris rj=riodejaneiro se=seattle sg=singapore sk=stockholm sp=saopaulo sv=sanjose.ca \
    sy=sydney tr=toronto ty=tokyo wa=warsaw zh=zurich";

/// How many parts a city's name may have (`salt-lake-city`, `rio-de-janeiro`).
const LONGEST_NAME: usize = 4;

/// Every reading of every word below the registered domain. `has_rule`: the operator is known to
/// write places otherwise, so bare codes are not believed.
pub(crate) fn read(name: &Name, has_rule: bool) -> Vec<Reading> {
    let mut found: Vec<Reading> = (0..name.below).flat_map(|label| names(name, label)).collect();
    for part in &name.parts {
        for word in name.words(part) {
            let spot = Spot { name, part, last: part, word: word.numbered() };
            found.extend(clli(&spot, word));
            found.extend(facility(&spot, word));
            if !name.is_access && word.is_first {
                found.extend(codes(&spot, word, has_rule));
            }
        }
    }
    for reading in &mut found {
        reading.score += place_of(name, reading.word.start);
    }
    found
}

/// The cities named in a label, in one part (`sanjose1`) or in several (`palo-alto`).
pub(crate) fn names(name: &Name, label: usize) -> Vec<Reading> {
    let parts: Vec<&Part> = name.parts.iter().filter(|part| part.label == label).collect();
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(rest) = parts.get(from..).filter(|rest| !rest.is_empty()) {
        let longest = (1..=rest.len().min(LONGEST_NAME)).rev();
        let mut taken = 1;
        for count in longest {
            let readings = rest.get(..count).map(|parts| named(name, parts)).unwrap_or_default();
            if !readings.is_empty() {
                found.extend(readings);
                taken = count;
                break;
            }
        }
        from += taken;
    }
    found
}

/// The cities whose name these parts are together; digits may follow the last.
fn named(name: &Name, parts: &[&Part]) -> Vec<Reading> {
    let ([first, .., last] | [first @ last]) = parts else { return Vec::new() };
    let mut joined = String::new();
    let mut digits = 0;
    for part in parts {
        let words = name.words(part);
        // What follows the number (`waltham2bo2`) belongs to the last part alone.
        let Some(word) = words.first() else { return Vec::new() };
        if words.len() > 1 && (parts.len() > 1 || word.digits == 0) {
            return Vec::new();
        }
        let is_last = part.range.start == last.range.start;
        if !word.is_first || (!is_last && word.digits > 0) {
            return Vec::new();
        }
        digits = word.digits;
        joined.push_str(name.at(&word.range));
    }
    let spot = Spot { name, part: first, last, word: first.range.start..last.range.end };
    let cities: Vec<_> = table::find(&joined, Sort::Name).collect();
    let agreeing = cities.iter().any(|(_, city)| spot.fit(city) == Fit::Agrees);
    let mut readings = Vec::new();
    let mut before = 0.0;
    for (rank, city) in cities {
        let fit = spot.fit(city);
        let is_home = name.country.eq_ignore_ascii_case(city.country_code);
        if agreeing && fit != Fit::Agrees {
            continue;
        }
        let is_borne_out = fit == Fit::Agrees || is_home;
        let mut score = match words::is_weak_name(&joined) {
            true if !is_borne_out && (digits == 0 || name.below < 2) => continue,
            true => score::WEAK_NAME,
            false => score::NAME,
        };
        score += fit.score() + if is_home { score::HOME } else { 0.0 };
        score += if name.is_access { score::ACCESS } else { 0.0 };
        readings.push(spot.reading(rank, city, Kind::Name, score + before));
        before += score::NAMESAKE;
    }
    readings
}

/// A CLLI place (`asbnva02`), one with its building (`nycmny837`, `lsancarc0`), or its letters
/// and the state apart (`chcg01-il`).
fn clli(spot: &Spot, word: &Word) -> Option<Reading> {
    let text = spot.name.at(&word.range);
    if !word.is_first {
        return None;
    }
    if text.len() == 4 {
        let state = spot.right().into_iter().flatten().find(|word| word.len() == 2)?;
        let (rank, city) = table::find(&format!("{text}{state}"), Sort::Clli).next()?;
        return Some(spot.reading(rank, city, Kind::Clli, score::CLLI_PLACE_AND_STATE));
    }
    let place = text.get(..6)?;
    if text.len() != 6 && (text.len() != 8 || word.digits == 0) {
        return None;
    }
    let (rank, city) = table::find(place, Sort::Clli).next()?;
    let score = match spot.fit(city) {
        Fit::Agrees => score::CLLI_QUALIFIED,
        Fit::Contradicts => return None,
        Fit::Silent if word.digits > 0 => score::CLLI_NUMBERED,
        Fit::Silent => score::CLLI,
    };
    let access = if spot.name.is_access { score::ACCESS } else { 0.0 };
    Some(spot.reading(rank, city, Kind::Clli, score + access))
}

/// An Equinix data centre (`eqld5`, `eqxty2`).
fn facility(spot: &Spot, word: &Word) -> Option<Reading> {
    let text = spot.name.at(&word.range);
    let metro = ["equinix", "eqix", "eqx", "eq"].iter().find_map(|maker| text.strip_prefix(maker));
    let metro = metro.filter(|metro| metro.len() == 2 && word.digits > 0)?;
    let mut metros = EQUINIX.split_whitespace().filter_map(|pair| pair.split_once('='));
    let (_, city) = metros.find(|(code, _)| *code == metro)?;
    let (rank, city) = table::named(city)?;
    Some(spot.reading(rank, city, Kind::Facility, score::FACILITY))
}

/// IATA codes and short forms, UN/LOCODEs, ICAO codes.
fn codes(spot: &Spot, word: &Word, has_rule: bool) -> Vec<Reading> {
    let text = spot.name.at(&word.range);
    let is_numbered = (1..5).contains(&word.digits);
    let is_whole = word.numbered() == spot.part.range;
    let (iata, locode) = match is_numbered {
        true => (score::CODE_NUMBERED, score::LOCODE_NUMBERED),
        false => (score::CODE, score::LOCODE),
    };
    let is_stop = words::is_stop(text, is_numbered);
    let mut found = Vec::new();
    let mut look_up = |sort, kind, score: f64| {
        found.extend(table::find(text, sort).filter_map(|(rank, city)| {
            let fit = spot.fit(city);
            let is_bare = score < 1.0 && fit != Fit::Agrees;
            let is_doubtful = has_rule || !operators::is_hub(rank) || is_stop;
            if fit == Fit::Contradicts || (is_bare && is_doubtful) {
                return None;
            }
            let country = spot.name.country;
            let home = match country.eq_ignore_ascii_case(city.country_code) {
                true => score::HOME,
                false if country.is_empty() => 0.0,
                false => score::ABROAD,
            };
            Some(spot.reading(rank, city, kind, score + fit.score() + home))
        }));
    };
    if is_whole || (is_numbered && !is_stop) {
        look_up(Sort::Code, Kind::Iata, if is_stop { score::CODE } else { iata });
        look_up(Sort::Locode, Kind::Locode, locode);
    }
    if is_whole {
        look_up(Sort::Icao, Kind::Icao, score::ICAO);
    }
    found
}

/// What it counts where in the name a word stands.
fn place_of(name: &Name, position: usize) -> f64 {
    let label = name.labels.iter().take_while(|label| label.end <= position).count();
    let steps = name.below.saturating_sub(label + 1).min(4);
    let leftmost = if label == 0 && name.below > 2 { score::LEFTMOST } else { 0.0 };
    score::FURTHER_LEFT * steps as f64 + leftmost
}

/// Where a word stands: from one part to another of the same label.
struct Spot<'n> {
    name: &'n Name,
    part: &'n Part,
    last: &'n Part,
    word: Range<usize>,
}

/// What the neighbours of a word say of a city.
#[derive(Clone, Copy, PartialEq)]
enum Fit {
    Agrees,
    Silent,
    Contradicts,
}

impl Fit {
    fn score(self) -> f64 {
        match self {
            Self::Agrees => score::AGREES,
            Self::Silent => 0.0,
            Self::Contradicts => score::CONTRADICTS,
        }
    }
}

impl Spot<'_> {
    fn reading(&self, rank: usize, city: &'static City, kind: Kind, score: f64) -> Reading {
        Reading { city, rank, kind, word: self.word.clone(), score }
    }

    /// Whether the words beside it name the city's country or state (`sjc2.us`, `miami-fl`,
    /// `de-fra01`), or another one behind it.
    fn fit(&self, city: &City) -> Fit {
        let is_its = |word: &str| {
            word.eq_ignore_ascii_case(city.country_code)
                || (word == "uk" && city.country_code == "GB")
                || (!city.region.is_empty() && word.eq_ignore_ascii_case(city.region))
        };
        let right = self.right();
        if right.into_iter().chain(self.left()).flatten().any(is_its) {
            Fit::Agrees
        } else if right.into_iter().flatten().any(words::is_qualifier) {
            Fit::Contradicts
        } else {
            Fit::Silent
        }
    }

    /// The next part of the label and the next label.
    fn right(&self) -> [Option<&str>; 2] {
        let part = self.sibling(self.last, self.last.index + 1);
        [part, self.name.label(self.part.label + 1).filter(|_| self.is_below(1))]
    }

    /// The part before in the label and the label before.
    fn left(&self) -> [Option<&str>; 2] {
        let part = self.part.index.checked_sub(1).and_then(|index| self.sibling(self.part, index));
        let label = self.part.label.checked_sub(1).and_then(|label| self.name.label(label));
        [part, label]
    }

    /// Whether the label so many steps to the right is still below the registered domain.
    fn is_below(&self, steps: usize) -> bool {
        self.part.label + steps < self.name.below
    }

    fn sibling(&self, part: &Part, index: usize) -> Option<&str> {
        let found = self.name.parts.iter().find(|p| p.label == part.label && p.index == index)?;
        Some(self.name.at(&found.range))
    }
}
