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
/// And this is the same city.
const CITY_KM: f64 = 10.0;

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
    /// Nearer than [`CITY_KM`].
    near: usize,
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

/// The last two labels.
fn domain(name: &str) -> String {
    let mut labels: Vec<_> = name.rsplit('.').take(2).map(str::to_lowercase).collect();
    labels.reverse();
    labels.join(".")
}

fn measure(rows: &[Row], part: &str, as_read: impl Fn(&str) -> String) -> Tally {
    let mut tally = Tally::default();
    for row in rows.iter().filter(|row| row.part == part) {
        let hints = geohint::read(&as_read(&row.name));
        let first = hints.first().map(|hint| hint.city.point);
        let distance = row.truth.zip(first).map(|(truth, place)| truth.km_to(place));
        let right = distance.is_some_and(|km| km <= METRO_KM);
        tally.names += 1;
        tally.with_city += usize::from(row.truth.is_some());
        tally.answered += usize::from(!hints.is_empty());
        tally.right += usize::from(right);
        tally.near += usize::from(distance.is_some_and(|km| km <= CITY_KM));
        if part == "tune" && !right && (row.truth.is_some() || !hints.is_empty()) {
            let said = hints.first().map_or("-".to_owned(), |hint| {
                format!("{} ({}, {:.1})", hint.city.name, hint.token, hint.score)
            });
            println!("  {}: {}, read as {said}", as_read(&row.name), row.city);
        }
    }
    tally
}

/// A line of the table in `docs/accuracy.md`.
fn line(part: &str, is_masked: bool, tally: Tally) -> String {
    let Tally { names, with_city, answered, right, .. } = tally;
    format!(
        "| {part}{} | {names} | {with_city} | {answered} | {right} | {:.1} % | {:.1} % | {:.1} % |",
        if is_masked { ", no rules" } else { "" },
        100.0 * tally.precision(),
        100.0 * tally.recall(),
        100.0 * tally.near as f64 / tally.answered as f64,
    )
}

#[test]
fn router_names_are_read_no_worse_than_recorded() {
    let rows = rows();
    assert!(rows.len() >= 300);
    let operators: BTreeSet<_> =
        rows.iter().filter(|row| row.truth.is_some()).map(|row| domain(&row.name)).collect();
    assert!(operators.len() >= 15, "{operators:?}");
    assert!(rows.iter().filter(|row| row.truth.is_none()).count() >= 40);
    println!("{} names of {} operators' domains", rows.len(), operators.len());

    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/accuracy.md");
    let docs = std::fs::read_to_string(docs).unwrap();
    let domains: BTreeSet<_> = rows.iter().map(|row| domain(&row.name)).collect();
    let extent = format!("{} real router names under {} domains", rows.len(), domains.len());
    let without = rows.iter().filter(|row| row.truth.is_none()).count();
    let cities = geohint::cities().len();
    let rules = include_str!("../data/operators.tsv").lines().filter(|line| !line.starts_with('#'));
    for claim in [
        extent,
        format!("{without} of them say no city"),
        format!("from {},{:03} cities", cities / 1000, cities % 1000),
        format!("write under {} domains", rules.count() - 1),
    ] {
        assert!(docs.contains(&claim), "docs/accuracy.md does not say so: {claim}");
    }
    // Precision and recall in percent, below which no change may bring them.
    let floors = [
        ("tune", false, 99.0, 99.0),
        ("held", false, 99.0, 99.0),
        ("tune", true, 98.0, 75.0),
        ("held", true, 98.0, 76.0),
        ("fresh", false, 97.0, 66.0),
        ("fresh", true, 95.0, 63.0),
    ];
    let mut missing = Vec::new();
    for (part, is_masked, precision, recall) in floors {
        let as_read = if is_masked { under_an_unknown_domain } else { str::to_owned };
        let tally = measure(&rows, part, as_read);
        let line = line(part, is_masked, tally);
        println!("{line}");
        assert!(100.0 * tally.precision() >= precision, "{line}: precision below {precision} %");
        assert!(100.0 * tally.recall() >= recall, "{line}: recall below {recall} %");
        if !docs.contains(&line) {
            missing.push(line);
        }
    }
    assert!(missing.is_empty(), "docs/accuracy.md does not say so:\n{}", missing.join("\n"));
}
