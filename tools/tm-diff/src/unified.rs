//! `--format unified`: one below the other, as `diff -u` does: `-` only in A, `+` only in B, `!`
//! the same hop with something changed.

use tm_stream::text::visible;

use crate::comparison::{At, Comparison, Row, Verdict};
use crate::grid;
use crate::words::{self, Mark};

/// The comparison as lines of text.
pub(crate) fn lines(comparison: &Comparison, wide: bool, color: bool) -> Vec<String> {
    let mut lines = Vec::new();
    for (sign, about) in [("---", &comparison.a), ("+++", &comparison.b)] {
        let origin = about.as_ref().map_or("none".to_owned(), words::origin);
        lines.push(painted(&format!("{sign} {origin}"), "1", color));
    }
    lines.push(painted(&format!("@@ {} @@", words::title(comparison)), "36", color));
    for row in &comparison.hops {
        add(row, wide, color, &mut lines);
    }
    let below = [words::legend(comparison), words::whole(comparison)].concat();
    let below = below.into_iter().chain([words::summary(comparison)]);
    lines.extend(below.map(|line| format!("# {}", visible(&line))));
    lines
}

fn add(row: &Row, wide: bool, color: bool, lines: &mut Vec<String>) {
    let remarks = words::remarks(row).join("; ");
    let is_apart = matches!(
        row.verdict,
        Verdict::Replaced
            | Verdict::ReplacedInAs
            | Verdict::ReplacedAcrossAs
            | Verdict::SilentNow
            | Verdict::AnsweringNow
            | Verdict::Balanced
    );
    match (&row.a, &row.b) {
        (Some(a), Some(b)) if is_apart => {
            let (old, new) = if row.differs { ("-", "+") } else { ("<", ">") };
            lines.push(line(old, &a.hop.to_string(), a, wide, "", color));
            lines.push(line(new, &b.hop.to_string(), b, wide, &remarks, color));
        }
        (Some(a), Some(b)) => {
            let sign = match Mark::of(row) {
                Mark::Changed => "!",
                Mark::Unknown => "?",
                _ => " ",
            };
            let shown = if a.ips.is_empty() { b } else { b_unless_silent(a, b) };
            lines.push(line(sign, &words::ttls(row), shown, wide, &remarks, color));
        }
        (Some(only), None) | (None, Some(only)) => {
            let sign = match (row.verdict, row.a.is_some()) {
                (Verdict::Unknown, _) => "?",
                (_, true) => "-",
                (_, false) => "+",
            };
            lines.push(line(sign, &only.hop.to_string(), only, wide, &remarks, color));
        }
        (None, None) => {}
    }
}

fn b_unless_silent<'a>(a: &'a At, b: &'a At) -> &'a At {
    if b.ips.is_empty() { a } else { b }
}

fn line(sign: &str, ttl: &str, at: &At, wide: bool, remarks: &str, color: bool) -> String {
    let ips = if at.ips.is_empty() { "*".to_owned() } else { at.ips.join(", ") };
    let mut parts = vec![ips];
    if wide {
        parts.extend(at.hostname.clone());
        parts.extend((!at.origins.is_empty()).then(|| words::systems(&at.origins)));
        parts.extend(at.place.clone());
        parts.extend(at.rtt.map(|rtt| grid::interval(rtt) + " ms"));
        parts.extend(at.loss.map(|loss| format!("loss {}", grid::share(loss))));
    }
    if !remarks.is_empty() {
        parts.push(format!("# {remarks}"));
    }
    let text = format!("{sign}{ttl:>5}  {}", parts.join("  "));
    let paint = match sign {
        "-" => "31",
        "+" => "32",
        "!" => "33",
        " " => "",
        _ => "2",
    };
    painted(&text, paint, color)
}

/// Harmless, and in colour if there is one.
fn painted(text: &str, paint: &str, color: bool) -> String {
    let text = visible(text);
    match color && !paint.is_empty() {
        true => format!("\x1b[{paint}m{text}\x1b[0m"),
        false => text.into_owned(),
    }
}
