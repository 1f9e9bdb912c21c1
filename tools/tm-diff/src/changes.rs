//! What else is other at hops that both sides have: RTT, loss, name, AS, place, labels, replies.

use std::collections::BTreeSet;

use tm_path::median::{Median, chance_beyond};
use tm_path::proportion::fisher;
use tm_path::shift::{Delta, Evidence, Shift, shifts};
use tm_path::sphere::Point;
use tm_schema::Geo;

use crate::compare::{Line, Rules, SIGNIFICANT, significant_members};
use crate::comparison::{Change, Row, Verdict, Where};
use crate::flags::{Aspect, Threshold};
use crate::hops::{Place, Usual, place_name};

/// Places closer than this are one, whatever their names are.
const NEAR_KM: f64 = 50.0;
/// What is likelier than this by chance is not worth a word.
const WORTH_NOTING: f64 = 0.1;

/// Adds to each row what changed there; rows and lines stand for each other.
pub(crate) fn add(lines: &[Line], rows: &mut [Row], rules: &Rules) {
    if rules.heeds(Aspect::Rtt) {
        add_rtts(lines, rows, rules);
    }
    if rules.heeds(Aspect::Loss) {
        add_losses(lines, rows);
    }
    for (row, (a, b)) in rows.iter_mut().zip(lines.iter().map(|line| (line.a, line.b))) {
        let (Some(a), Some(b), Verdict::Same) = (a, b, row.verdict) else { continue };
        if rules.heeds(Aspect::Balancing) {
            let (gone, new) = (significant_members(a, b), significant_members(b, a));
            if !(gone.is_empty() && new.is_empty()) {
                row.changes.push(Change::Members { gone, new });
            }
        }
        let both: Vec<(Usual, Usual)> = common(a, b);
        let mut first = |aspect, change: fn(&Usual, &Usual) -> Option<Change>| {
            if rules.heeds(aspect) {
                row.changes.extend(both.iter().find_map(|(a, b)| change(a, b)));
            }
        };
        first(Aspect::Dns, name);
        first(Aspect::Asn, origin);
        first(Aspect::Geo, place);
        first(Aspect::Mpls, labels);
        first(Aspect::Reply, replies);
    }
}

/// The responders that both sides have.
fn common<'a>(a: &Place<'a>, b: &Place<'a>) -> Vec<(Usual<'a>, Usual<'a>)> {
    a.usual
        .iter()
        .filter_map(|here| Some((*here, *b.usual.iter().find(|there| there.name == here.name)?)))
        .collect()
}

fn place_of(shift: Shift) -> Option<Where> {
    match shift {
        Shift::None => None,
        Shift::Local => Some(Where::Local),
        Shift::Onset => Some(Where::Onset),
        Shift::Carried => Some(Where::Carried),
    }
}

/// The same responders answer on both sides.
fn comparable<'a>(line: &Line<'a>, row: &Row) -> Option<(&'a Place<'a>, &'a Place<'a>)> {
    let (a, b) = (line.a?, line.b?);
    (row.verdict == Verdict::Same && a.answers() && b.answers()).then_some((a, b))
}

fn add_rtts(lines: &[Line], rows: &mut [Row], rules: &Rules) {
    let medians = |(line, row): (&Line, &Row)| {
        let (a, b) = comparable(line, row)?;
        let is_common = |name: &str| common(a, b).iter().any(|(usual, _)| usual.name == name);
        let (of_a, of_b) = (a.rtts(is_common), b.rtts(is_common));
        let medians = (Median::of(&of_a)?, Median::of(&of_b)?);
        let delta = rtt_delta(&of_a, &of_b, medians, rules.threshold);
        Some((medians.0.median, medians.1.median, delta))
    };
    let compared: Vec<_> = lines.iter().zip(rows.iter()).map(medians).collect();
    let deltas: Vec<Option<Delta>> =
        compared.iter().map(|known| known.map(|(_, _, delta)| delta)).collect();
    for ((row, known), shift) in rows.iter_mut().zip(compared).zip(shifts(&deltas)) {
        let Some((before, after, delta)) = known else { continue };
        let is_unsure = matches!(delta.evidence, Evidence::Weak(chance) if chance <= WORTH_NOTING);
        let shift = place_of(shift).or(is_unsure.then_some(Where::Unsure));
        row.changes.extend(shift.map(|shift| Change::Rtt { before, after, shift }));
    }
}

/// Medians differ where their intervals do not overlap. Too few values have no such interval; then
/// it counts how seldom chance would put all of them beyond the other side's.
fn rtt_delta(of_a: &[f64], of_b: &[f64], (a, b): (Median, Median), least: Threshold) -> Delta {
    let amount = b.median - a.median;
    let least = match least {
        Threshold::Milliseconds(ms) => ms,
        Threshold::Percent(part) => a.median * part / 100.0,
    };
    let evidence = match () {
        () if amount.abs() < least || amount == 0.0 => Evidence::None,
        () if a.is_bounded() && b.is_bounded() => match a.is_apart_from(&b) {
            true => Evidence::Strong,
            false => Evidence::None,
        },
        () => {
            let (few, many, is_above) = match of_a.len() < of_b.len() {
                true => (of_a, of_b, amount < 0.0),
                false => (of_b, of_a, amount > 0.0),
            };
            Evidence::Weak(chance_of_position(few, many, is_above))
        }
    };
    let evidence = if matches!(evidence, Evidence::Weak(chance) if chance > 0.5) {
        Evidence::None
    } else {
        evidence
    };
    Delta { amount, evidence }
}

/// How seldom chance puts all of `few` as far up (or down) among `many` as they stand.
fn chance_of_position(few: &[f64], many: &[f64], is_above: bool) -> f64 {
    let nearest = few.iter().copied().reduce(if is_above { f64::min } else { f64::max });
    let Some(nearest) = nearest else { return 1.0 };
    let is_beyond = |rtt: &&f64| if is_above { **rtt >= nearest } else { **rtt <= nearest };
    chance_beyond(few.len(), many.len(), many.iter().filter(is_beyond).count())
}

fn add_losses(lines: &[Line], rows: &mut [Row]) {
    let loss = |(line, row): (&Line, &Row)| {
        let (a, b) = comparable(line, row)?;
        let (a, b) = (a.lost(), b.lost());
        let pct = |(lost, sent): (u64, u64)| (sent > 0).then(|| lost as f64 * 100.0 / sent as f64);
        let (before, after, p) = (pct(a)?, pct(b)?, fisher(a, b));
        let evidence = match p {
            ..SIGNIFICANT => Evidence::Strong,
            ..WORTH_NOTING => Evidence::Weak(p),
            _ => Evidence::None,
        };
        Some((before, after, p, Delta { amount: after - before, evidence }))
    };
    let compared: Vec<_> = lines.iter().zip(rows.iter()).map(loss).collect();
    let deltas: Vec<Option<Delta>> =
        compared.iter().map(|known| known.map(|(.., delta)| delta)).collect();
    for ((row, known), shift) in rows.iter_mut().zip(compared).zip(shifts(&deltas)) {
        let Some((before, after, p, _)) = known else { continue };
        let shift = place_of(shift).or((p < WORTH_NOTING).then_some(Where::Unsure));
        row.changes.extend(shift.map(|shift| Change::Loss { before, after, p, shift }));
    }
}

fn name(a: &Usual, b: &Usual) -> Option<Change> {
    let (a, b) = (a.says.dns.as_ref()?, b.says.dns.as_ref()?);
    let known = a.error.is_none() && b.error.is_none();
    (known && a.hostname != b.hostname)
        .then(|| Change::Name { before: a.hostname.clone(), after: b.hostname.clone() })
}

fn origin(a: &Usual, b: &Usual) -> Option<Change> {
    let (before, after) = (a.says.origins(), b.says.origins());
    let known = !before.is_empty() && !after.is_empty();
    let shared = before.iter().any(|number| after.contains(number));
    (known && !shared).then_some(Change::Origin { before, after })
}

fn place(a: &Usual, b: &Usual) -> Option<Change> {
    let (a, b) = (a.says.geo.as_ref()?, b.says.geo.as_ref()?);
    let point = |geo: &Geo| Point::new(geo.lat?, geo.lon?);
    let named = (place_name(a), place_name(b));
    let is_other = match point(a).zip(point(b)) {
        Some((from, to)) => {
            let blur = a.accuracy_km.unwrap_or(0.0) + b.accuracy_km.unwrap_or(0.0);
            from.km_to(to) > blur.max(NEAR_KM)
        }
        None => matches!(&named, (Some(before), Some(after)) if before != after),
    };
    let shown = |geo: &Geo, name: Option<String>| {
        let degrees = || Some(format!("{:.2}, {:.2}", geo.lat?, geo.lon?));
        name.or_else(degrees)
    };
    let (before, after) = (shown(a, named.0)?, shown(b, named.1)?);
    (is_other && a.error.is_none() && b.error.is_none()).then_some(Change::Place { before, after })
}

fn labels(a: &Usual, b: &Usual) -> Option<Change> {
    let (a, b) = (&a.says.labels, &b.says.labels);
    let list = |stacks: &BTreeSet<Vec<u32>>| stacks.iter().cloned().collect();
    a.is_disjoint(b).then(|| Change::Mpls { before: list(a), after: list(b) })
}

fn replies(a: &Usual, b: &Usual) -> Option<Change> {
    let (a, b) = (&a.says.notes, &b.says.notes);
    let list = |notes: &BTreeSet<String>| notes.iter().cloned().collect();
    let is_other = a.is_disjoint(b) && !a.is_empty() && !b.is_empty();
    is_other.then(|| Change::Reply { before: list(a), after: list(b) })
}
