//! The cities and every word for them, from the table that is built in (`data/cities.tsv`).

use std::sync::LazyLock;

use super::City;
use crate::sphere::Point;

const TSV: &str = include_str!("../../data/cities.tsv");

/// What a word is to a city.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sort {
    /// Its name without spaces.
    Name,
    /// An IATA code or a short form.
    Code,
    Icao,
    Locode,
    Clli,
}

struct Entry {
    /// The first eight bytes of the word, so that most comparisons are one of numbers.
    head: u64,
    word: &'static str,
    sort: Sort,
    city: u16,
}

struct Table {
    cities: Vec<City>,
    words: Vec<Entry>,
}

static TABLE: LazyLock<Table> = LazyLock::new(Table::load);

/// Every city that a name can mean, the most populous first.
pub fn cities() -> &'static [City] {
    &TABLE.cities
}

/// The cities that a lower-case word means in this way, the most populous first, each with its
/// place in [`cities`].
pub(crate) fn find(word: &str, sort: Sort) -> impl Iterator<Item = (usize, &'static City)> {
    let table = &*TABLE;
    let key = (head(word), word, sort);
    let start = table.words.partition_point(|entry| (entry.head, entry.word, entry.sort) < key);
    table
        .words
        .get(start..)
        .unwrap_or_default()
        .iter()
        .take_while(move |entry| entry.sort == sort && entry.word == word)
        .filter_map(|entry| {
            let index = usize::from(entry.city);
            Some((index, table.cities.get(index)?))
        })
}

/// The city that `name`, or `name.region` or `name.country` in lower case, stands for.
pub(crate) fn named(name: &str) -> Option<(usize, &'static City)> {
    let (name, part) = name.split_once('.').unwrap_or((name, ""));
    find(name, Sort::Name).find(|(_, city)| {
        part.is_empty()
            || city.region.eq_ignore_ascii_case(part)
            || city.country_code.eq_ignore_ascii_case(part)
    })
}

impl Table {
    fn load() -> Self {
        let mut table = Self { cities: Vec::with_capacity(1200), words: Vec::with_capacity(6000) };
        for line in TSV.lines().skip(1) {
            table.add(line);
        }
        table.words.sort_unstable_by(|a, b| {
            (a.head, a.word, a.sort, a.city).cmp(&(b.head, b.word, b.sort, b.city))
        });
        table
    }

    /// A line that is none adds nothing; a test sees to it that there is no such line.
    fn add(&mut self, line: &'static str) -> Option<()> {
        let mut fields = line.split('\t');
        let mut next = || fields.next();
        let (name, region, country_code) = (next()?, next()?, next()?);
        let (lat, lon) = (next()?.parse().ok()?, next()?.parse().ok()?);
        let point = Point::new(lat, lon)?;
        let city = u16::try_from(self.cities.len()).ok()?;
        for sort in [Sort::Name, Sort::Code, Sort::Icao, Sort::Locode, Sort::Clli] {
            let words = next()?.split(',').filter(|word| !word.is_empty());
            self.words.extend(words.map(|word| Entry { head: head(word), word, sort, city }));
        }
        self.cities.push(City { name, region, country_code, point });
        Some(())
    }
}

fn head(word: &str) -> u64 {
    word.bytes().take(8).fold(0, |head, byte| head << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_a_city() {
        assert_eq!(cities().len(), TSV.lines().count() - 1);
        assert!(cities().len() > 1000, "{}", cities().len());
        for city in cities() {
            assert!(city.country_code.len() == 2, "{city:?}");
            assert!(city.country_code.bytes().all(|byte| byte.is_ascii_uppercase()), "{city:?}");
        }
    }

    #[test]
    fn words_are_lower_case_and_of_their_length() {
        for Entry { word, sort, .. } in &TABLE.words {
            let is_plain = word.bytes().all(|byte| byte.is_ascii_lowercase());
            let fits = match sort {
                Sort::Name => word.len() > 2,
                Sort::Code => (3..5).contains(&word.len()),
                Sort::Icao => word.len() == 4,
                Sort::Locode => word.len() == 5,
                Sort::Clli => word.len() == 6,
            };
            assert!(fits && (is_plain || *sort == Sort::Locode), "{word} {sort:?}");
        }
    }

    #[test]
    fn well_known_words_find_their_city() {
        let cases = [
            ("frankfurt", Sort::Name, "Frankfurt"),
            ("nyc", Sort::Code, "New York"),
            ("lon", Sort::Code, "London"),
            ("eddf", Sort::Icao, "Frankfurt"),
            ("usqas", Sort::Locode, "Ashburn"),
            ("asbnva", Sort::Clli, "Ashburn"),
            ("sngpsi", Sort::Clli, "Singapore"),
        ];
        for (word, sort, name) in cases {
            assert_eq!(find(word, sort).next().map(|(_, city)| city.name), Some(name), "{word}");
        }
        assert!(find("frankfur", Sort::Name).next().is_none());
        assert!(find("frankfurtt", Sort::Name).next().is_none());
        assert!(find("", Sort::Name).next().is_none());
    }

    #[test]
    fn a_region_or_a_country_tells_namesakes_apart() {
        let of = |name| named(name).map(|(_, city)| (city.region, city.country_code));
        assert_eq!(of("portland.or"), Some(("OR", "US")));
        assert_eq!(of("portland.me"), Some(("ME", "US")));
        assert_eq!(of("birmingham.gb"), Some(("", "GB")));
        assert_eq!(of("birmingham.al"), Some(("AL", "US")));
        assert_eq!(of("portland.fr"), None);
    }

    #[test]
    fn places_are_where_they_are() {
        let at = |name: &str, lat, lon| {
            let (_, city) = named(name).unwrap();
            assert!(city.point.km_to(Point { lat, lon }) < 30.0, "{city:?}");
        };
        at("sydney", -33.87, 151.21);
        at("tokyo", 35.68, 139.69);
        at("saopaulo", -23.55, -46.63);
        at("johannesburg", -26.20, 28.05);
        at("sanjose.ca", 37.34, -121.89);
        at("sanjose.cr", 9.93, -84.08);
        at("reykjavik", 64.15, -21.94);
        at("london.gb", 51.51, -0.13);
    }
}
