//! The lines of a comparison as cells, for the formats that have columns.

use crate::comparison::{At, Comparison, Interval, Row, Share, Verdict};
use crate::words::{self, Mark};

/// Responders shown of one TTL.
const MOST: usize = 8;

/// A comparison as columns.
pub(crate) struct Grid {
    pub(crate) titles: Vec<&'static str>,
    /// Columns of addresses and names.
    pub(crate) literal: [usize; 3],
    pub(crate) lines: Vec<Line>,
}

/// A line: its mark, and the lines of text of each cell. Strangers' text is in there as it came.
pub(crate) struct Line {
    pub(crate) mark: Mark,
    pub(crate) cells: Vec<Vec<String>>,
}

impl Grid {
    pub(crate) fn of(comparison: &Comparison, wide: bool) -> Self {
        let mut titles = vec!["#", "Trace A IP", "Trace B IP", "Match"];
        if wide {
            titles.extend(["Hostname", "RTT A", "RTT B", "Loss A", "Loss B", "ASN", "Location"]);
        }
        let line = |row: &Row| {
            let mark = Mark::of(row);
            let mut cells = vec![
                vec![words::ttls(row)],
                ips(row.a.as_ref(), row.b.as_ref(), row.verdict),
                ips(row.b.as_ref(), row.a.as_ref(), row.verdict),
                matched(mark, &words::remarks(row)),
            ];
            if wide {
                cells.extend(facts(row));
            }
            Line { mark, cells }
        };
        Self { titles, literal: [1, 2, 4], lines: comparison.hops.iter().map(line).collect() }
    }
}

/// Who answers, those that the other side has too first.
fn ips(at: Option<&At>, other: Option<&At>, verdict: Verdict) -> Vec<String> {
    let Some(at) = at else {
        let is_silent = matches!(verdict, Verdict::SilentNow | Verdict::AnsweringNow);
        return vec![if is_silent { "*".to_owned() } else { String::new() }];
    };
    if at.ips.is_empty() {
        return vec!["*".to_owned()];
    }
    let mut ips: Vec<&String> = at.ips.iter().collect();
    ips.sort_by_key(|ip| !other.is_some_and(|other| other.ips.contains(ip)));
    let mut lines: Vec<String> = ips.into_iter().take(MOST).cloned().collect();
    if at.ips.len() > MOST {
        lines.push(format!("and {} more", at.ips.len() - MOST));
    }
    lines
}

fn matched(mark: Mark, remarks: &[String]) -> Vec<String> {
    match remarks.split_first() {
        None => vec![mark.sign().to_owned()],
        Some((first, rest)) => {
            let first = format!("{} {first}", mark.sign());
            [first].into_iter().chain(rest.iter().cloned()).collect()
        }
    }
}

fn facts(row: &Row) -> Vec<Vec<String>> {
    let sides = [row.a.as_ref(), row.b.as_ref()];
    let each = |text: fn(&At) -> Option<String>| {
        let [a, b] = sides.map(|at| at.and_then(text));
        vec![match (a, b) {
            (Some(a), Some(b)) if a != b => format!("{a} → {b}"),
            (a, b) => b.or(a).unwrap_or_default(),
        }]
    };
    let rtt = |at: Option<&At>| vec![at.and_then(|at| at.rtt).map_or(String::new(), interval)];
    let loss = |at: Option<&At>| vec![at.and_then(|at| at.loss).map_or(String::new(), share)];
    let [a, b] = sides;
    vec![
        each(|at| at.hostname.clone()),
        rtt(a),
        rtt(b),
        loss(a),
        loss(b),
        each(|at| (!at.origins.is_empty()).then(|| words::systems(&at.origins))),
        each(|at| at.place.clone()),
    ]
}

/// The median and its interval; of too few values the least and the greatest, which bound nothing.
pub(crate) fn interval(rtt: Interval) -> String {
    let (median, low, high) = (words::ms(rtt.median), words::ms(rtt.low), words::ms(rtt.high));
    match rtt.count {
        1 => median,
        _ if rtt.bounded => format!("{median} [{low}–{high}]"),
        _ => format!("{median} ({low}–{high})"),
    }
}

/// Lost of sent.
pub(crate) fn share(loss: Share) -> String {
    match loss.lost {
        0 => format!("0% of {}", loss.sent),
        _ => format!("{} of {}", words::percent(loss.pct), loss.sent),
    }
}
