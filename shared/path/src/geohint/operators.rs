//! How some operators write places, from the table that is built in (`data/operators.tsv`, whose
//! head explains its columns). Here a code needs no plausibility: the operator is known for it.

use std::ops::Range;
use std::sync::LazyLock;

use super::name::{Name, Part};
use super::table::{self, Sort};
use super::{City, Kind, Reading, general, words};

const TSV: &str = include_str!("../../data/operators.tsv");

/// What a word counts where the operator's rule fits, in log-odds.
const SCORE: f64 = 4.0;
/// What it loses in each further place that the rule names.
const LESS_FURTHER_ON: f64 = 0.5;

/// What the rules make of a name.
pub(crate) enum Verdict {
    Found(Vec<Reading>),
    /// The operator is known, and this is no name in which it would write a place.
    SaysNothing,
    /// No rule fits, or (`has_rule`) one that leaves more ways to write a place.
    Unknown {
        has_rule: bool,
    },
}

struct Rule {
    domain: &'static str,
    places: Vec<Place>,
    kinds: Vec<&'static str>,
    /// Which of the lists of codes.
    codes: Option<usize>,
}

/// Where the site stands.
#[derive(Clone, Copy)]
struct Place {
    label: Label,
    first_part_only: bool,
}

#[derive(Clone, Copy)]
enum Label {
    FromDomain(usize),
    Leftmost,
    Any,
}

struct Code {
    text: &'static str,
    /// The word goes on after the code.
    is_head: bool,
    rank: usize,
    city: &'static City,
}

#[derive(Default)]
struct Rules {
    all: Vec<Rule>,
    codes: Vec<Vec<Code>>,
    /// The cities that have a code, in order.
    hubs: Vec<usize>,
}

static RULES: LazyLock<Rules> = LazyLock::new(Rules::load);

/// Reads a name as its operator writes them.
pub(crate) fn read(name: &Name) -> Verdict {
    let Some(rule) = RULES.of(&name.text) else { return Verdict::Unknown { has_rule: false } };
    let labels = name.labels.len() - rule.domain.split('.').count();
    let codes = rule.codes.and_then(|list| RULES.codes.get(list)).map_or(&[][..], Vec::as_slice);
    for (order, place) in rule.places.iter().enumerate() {
        for label in place.label.among(labels) {
            let site = Site { name, rule, codes, place: *place, label };
            let mut found = site.read();
            for reading in &mut found {
                reading.score = SCORE - LESS_FURTHER_ON * order as f64;
            }
            if !found.is_empty() {
                return Verdict::Found(found);
            }
        }
    }
    match rule.writes("only") {
        true => Verdict::SaysNothing,
        false => Verdict::Unknown { has_rule: true },
    }
}

/// Whether some operator has a code of its own for the city: networks meet there.
pub(crate) fn is_hub(rank: usize) -> bool {
    RULES.hubs.binary_search(&rank).is_ok()
}

/// A label in which the operator would write the place.
struct Site<'n> {
    name: &'n Name,
    rule: &'n Rule,
    codes: &'n [Code],
    place: Place,
    label: usize,
}

impl Site<'_> {
    fn read(&self) -> Vec<Reading> {
        let Some(label) = self.name.labels.get(self.label) else { return Vec::new() };
        let whole = self.name.at(label);
        if let Some(code) = self.codes.iter().find(|code| code.text == whole) {
            return vec![code.reading(label.clone())];
        }
        let is_here = |part: &&Part| {
            part.label == self.label && (part.index == 0 || !self.place.first_part_only)
        };
        let mut parts = self.name.parts.iter().rev().filter(is_here);
        // From the right: the site stands behind the customer (`google-ic-345384-fra5-b9`).
        if let Some(reading) = parts.find_map(|part| self.read_part(part)) {
            return vec![reading];
        }
        if self.rule.writes("name") { general::names(self.name, self.label) } else { Vec::new() }
    }

    fn read_part(&self, part: &Part) -> Option<Reading> {
        let text = self.name.at(&part.range);
        let is_head = |code: &Code| {
            let has_digits = code.text.bytes().any(|byte| !byte.is_ascii_lowercase());
            (code.is_head || has_digits) && text.starts_with(code.text)
        };
        if let Some(code) = self.codes.iter().find(|code| is_head(code)) {
            return Some(code.reading(part.range.clone()));
        }
        self.name.words(part).iter().find_map(|word| {
            let text = self.name.at(&word.range);
            let own = self.codes.iter().find(|code| {
                !code.is_head && code.text == text && (word.is_first || text.len() > 2)
            });
            if let Some(code) = own {
                return Some(code.reading(word.numbered()));
            }
            let place = text.get(..6).filter(|_| self.rule.writes("clli"));
            if place.is_some() && ((text.len() == 6 && word.is_first) || text.len() == 8) {
                let found = table::find(place.unwrap_or_default(), Sort::Clli).next();
                if let Some((rank, city)) = found {
                    return Some(reading(rank, city, Kind::Clli, word.numbered()));
                }
            }
            let is_code =
                (word.digits > 0 && self.rule.writes("iata#")) || self.rule.writes("iata");
            let is_plain = matches!(self.place.label, Label::Any) && words::is_stop(text, true);
            let is_candidate = word.is_first && is_code && !is_plain;
            let (rank, city) = table::find(text, Sort::Code).next().filter(|_| is_candidate)?;
            Some(reading(rank, city, Kind::Iata, word.numbered()))
        })
    }
}

impl Code {
    fn reading(&self, word: Range<usize>) -> Reading {
        reading(self.rank, self.city, Kind::Operator, word)
    }
}

fn reading(rank: usize, city: &'static City, kind: Kind, word: Range<usize>) -> Reading {
    Reading { city, rank, kind, word, score: SCORE }
}

impl Label {
    /// The labels that it means, where so many stand left of the domain.
    fn among(self, labels: usize) -> Vec<usize> {
        match self {
            Self::FromDomain(steps) => labels.checked_sub(steps).into_iter().collect(),
            Self::Leftmost => (0..labels.min(1)).collect(),
            Self::Any => (0..labels).rev().collect(),
        }
    }
}

impl Rule {
    fn writes(&self, kind: &str) -> bool {
        self.kinds.contains(&kind)
    }

    fn is_for(&self, hostname: &str) -> bool {
        let Some(rest) = hostname.strip_suffix(self.domain) else { return false };
        rest.is_empty() || rest.ends_with('.')
    }
}

impl Rules {
    fn of(&self, hostname: &str) -> Option<&Rule> {
        let fitting = self.all.iter().filter(|rule| rule.is_for(hostname));
        fitting.max_by_key(|rule| rule.domain.len())
    }

    fn load() -> Self {
        let mut rules = Self::default();
        let lines = TSV.lines().filter(|line| !line.starts_with('#')).skip(1);
        for line in lines {
            rules.add(line);
        }
        rules.hubs = rules.codes.iter().flatten().map(|code| code.rank).collect();
        rules.hubs.sort_unstable();
        rules.hubs.dedup();
        rules
    }

    /// A line that is none adds nothing; a test sees to it that there is no such line.
    fn add(&mut self, line: &'static str) -> Option<()> {
        let mut fields = line.split('\t');
        let (domain, places) = (fields.next()?, fields.next()?);
        let (kinds, codes) = (fields.next()?, fields.next()?);
        let codes = match codes.strip_prefix('@') {
            Some(other) => self.all.iter().find(|rule| rule.domain == other)?.codes,
            None if codes == "-" => None,
            None => {
                self.codes.push(codes.split(' ').filter_map(Code::parse).collect());
                Some(self.codes.len() - 1)
            }
        };
        let places = places.split(',').filter_map(Place::parse).collect();
        self.all.push(Rule { domain, places, kinds: kinds.split(',').collect(), codes });
        Some(())
    }
}

impl Place {
    fn parse(text: &str) -> Option<Self> {
        let (label, part) = text.split_once(':').unwrap_or((text, ""));
        let label = match label {
            "*" => Label::Any,
            "l1" => Label::Leftmost,
            _ => Label::FromDomain(label.strip_prefix('r')?.parse().ok()?),
        };
        Some(Self { label, first_part_only: part == "first" })
    }
}

impl Code {
    fn parse(text: &'static str) -> Option<Self> {
        let (code, city) = text.split_once('=')?;
        let (rank, city) = table::named(city)?;
        let head = code.strip_suffix('*');
        Some(Self { text: head.unwrap_or(code), is_head: head.is_some(), rank, city })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_rule_and_every_code_a_city() {
        let lines = TSV.lines().filter(|line| !line.starts_with('#')).skip(1);
        for line in lines.clone() {
            let fields: Vec<_> = line.split('\t').collect();
            let [_, places, kinds, codes] = fields[..] else { panic!("{line}") };
            assert!(places.split(',').all(|place| Place::parse(place).is_some()), "{line}");
            let known = ["code", "iata", "iata#", "clli", "name", "only"];
            assert!(kinds.split(',').all(|kind| known.contains(&kind)), "{line}");
            if !codes.starts_with(['@', '-']) {
                for code in codes.split(' ') {
                    assert!(Code::parse(code).is_some(), "{line}: {code}");
                }
            }
        }
        assert_eq!(RULES.all.len(), lines.count());
    }

    #[test]
    fn the_most_specific_domain_decides() {
        let domain = |hostname| RULES.of(hostname).map(|rule| rule.domain);
        assert_eq!(domain("x.customer.alter.net"), Some("customer.alter.net"));
        assert_eq!(domain("gw1.sea1.alter.net"), Some("alter.net"));
        assert_eq!(domain("gw1.sea1.notalter.net"), None);
    }
}
