//! How often `tm_path::geohint` finds the right city, measured on real router names. The list has
//! three parts (its head says which); rules may be shaped on one of them only, so of the others
//! nothing but totals is printed.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use std::collections::BTreeSet;
use std::path::Path;

use tm_path::geohint;
use tm_path::sphere::Point;

/// As near as this is the same metropolitan area (Newark and New York are 14 km apart).
const METRO_KM: f64 = 50.0;

struct Row {
    part: String,
    name: String,
    /// `None`: the name says no city.
    truth: Option<Point>,
    city: String,
}

#[derive(Clone, Copy, Default)]
struct Tally {
    names: usize,
    with_city: usize,
    answered: usize,
    right: usize,
    /// The right one is among the readings.
    within: usize,
}

impl Tally {
    fn precision(self) -> f64 {
        self.right as f64 / self.answered as f64
    }

    fn recall(self) -> f64 {
        self.right as f64 / self.with_city as f64
    }
}

fn rows() -> Vec<Row> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/router-names.tsv");
    let text = std::fs::read_to_string(file).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#')).skip(1);
    lines
        .map(|line| {
            let fields: Vec<_> = line.split('\t').collect();
            let [part, name, city, _, _, lat, lon] = fields[..] else { panic!("{line}") };
            assert!(matches!(part, "tune" | "held" | "fresh"), "{line}");
            let truth = (city != "-")
                .then(|| Point::new(lat.parse().unwrap(), lon.parse().unwrap()).unwrap());
            Row { part: part.to_owned(), name: name.to_owned(), truth, city: city.to_owned() }
        })
        .collect()
}

/// The name as an operator would have it of whom nothing is known.
fn under_an_unknown_domain(name: &str) -> String {
    let mut labels: Vec<_> = name.split('.').collect();
    if let Some(own) = labels.iter_mut().rev().nth(1) {
        *own = "example";
    }
    labels.join(".")
}

fn measure(rows: &[Row], part: &str, as_read: impl Fn(&str) -> String) -> Tally {
    let mut tally = Tally::default();
    for row in rows.iter().filter(|row| row.part == part) {
        let hints = geohint::read(&as_read(&row.name));
        let is_right = |hint: &geohint::Hint| {
            row.truth.is_some_and(|truth| truth.km_to(hint.city.point) <= METRO_KM)
        };
        let right = hints.first().is_some_and(is_right);
        tally.names += 1;
        tally.with_city += usize::from(row.truth.is_some());
        tally.answered += usize::from(!hints.is_empty());
        tally.right += usize::from(right);
        tally.within += usize::from(hints.iter().any(is_right));
        if part == "tune" && !right && (row.truth.is_some() || !hints.is_empty()) {
            let said = hints.first().map_or("-".to_owned(), |hint| {
                format!("{} ({}, {:.1})", hint.city.name, hint.token, hint.score)
            });
            println!("  {}: {}, read as {said}", as_read(&row.name), row.city);
        }
    }
    tally
}

fn print(what: &str, tally: Tally) {
    println!(
        "{what:24} {:5} names, {:3} with a city, {:3} answered, {:3} right: precision {:.1} %, \
         recall {:.1} %; right among the readings {:.1} %",
        tally.names,
        tally.with_city,
        tally.answered,
        tally.right,
        100.0 * tally.precision(),
        100.0 * tally.recall(),
        100.0 * tally.within as f64 / tally.with_city as f64,
    );
}

#[test]
fn router_names_are_read_no_worse_than_recorded() {
    let rows = rows();
    assert!(rows.len() >= 300);
    let operators: BTreeSet<_> = rows
        .iter()
        .filter(|row| row.truth.is_some())
        .map(|row| {
            let mut labels: Vec<_> = row.name.rsplit('.').take(2).map(str::to_lowercase).collect();
            labels.reverse();
            labels.join(".")
        })
        .collect();
    assert!(operators.len() >= 15, "{operators:?}");
    assert!(rows.iter().filter(|row| row.truth.is_none()).count() >= 40);
    println!("{} names of {} operators' domains", rows.len(), operators.len());

    // Precision and recall in percent, below which no change may bring them.
    let floors = [
        ("tune", false, 0.0, 0.0),
        ("held", false, 0.0, 0.0),
        ("tune", true, 0.0, 0.0),
        ("held", true, 0.0, 0.0),
    ];
    for (part, is_masked, precision, recall) in floors {
        let as_read = if is_masked { under_an_unknown_domain } else { str::to_owned };
        let tally = measure(&rows, part, as_read);
        print(&format!("{part}{}", if is_masked { ", no rules" } else { "" }), tally);
        assert!(100.0 * tally.precision() >= precision, "precision");
        assert!(100.0 * tally.recall() >= recall, "recall");
    }
}
