//! Numbers and strangers' text as people read them.

use tm_atlas::route;
use tm_schema::{Asn, Confidence, Geo, Time};
use tm_stream::text::{cut, few_ms, visible};

/// The longest text that is shown of a stranger's; a DNS name has at most 253 octets.
const LONGEST: usize = 255;

/// A stranger's text: one line, nothing hidden, not endless. Markup is escaped by whoever writes it.
pub(crate) fn clean(text: &str) -> String {
    // Of a long text only what may be shown is looked at.
    let end = text.char_indices().nth(LONGEST * 2).map_or(text.len(), |(at, _)| at);
    cut(&visible(text.get(..end).unwrap_or(text)), LONGEST).into_owned()
}

/// Milliseconds with as many digits as mean something.
pub(crate) fn ms(ms: f64) -> String {
    match ms {
        ..10.0 => few_ms(ms),
        ..100.0 => format!("{ms:.1}"),
        _ => format!("{ms:.0}"),
    }
}

/// Percent.
pub(crate) fn pct(pct: f64) -> String {
    if pct > 0.0 && pct < 1.0 { format!("{pct:.1} %") } else { format!("{pct:.0} %") }
}

/// Kilometres, thousands set apart.
pub(crate) fn km(km: f64) -> String {
    let whole = format!("{km:.0}");
    match whole.len().checked_sub(3).filter(|at| *at > 0) {
        Some(at) => {
            format!("{},{} km", whole.get(..at).unwrap_or(""), whole.get(at..).unwrap_or(""))
        }
        None => format!("{whole} km"),
    }
}

/// `1 hop`, `2 hops`.
pub(crate) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// `hop 3`, `hops 3–5, 9`.
pub(crate) fn hops(hops: &[u8]) -> String {
    format!("{} {}", if hops.len() == 1 { "hop" } else { "hops" }, route::label(hops))
}

/// `2026-11-24 10:00:00 UTC`.
pub(crate) fn time(time: Time) -> String {
    let text = time.to_string();
    let seconds = text.get(..19).unwrap_or(&text);
    format!("{} UTC", seconds.replace('T', " "))
}

/// `AS64500`, or all of them where a prefix has several origins.
pub(crate) fn as_number(asn: &Asn) -> Option<String> {
    if asn.origins.len() > 1 {
        let all: Vec<String> = asn.origins.iter().map(|number| format!("AS{number}")).collect();
        return Some(all.join(", "));
    }
    asn.number.map(|number| format!("AS{number}"))
}

/// `Frankfurt, DE`.
pub(crate) fn place(geo: &Geo) -> Option<String> {
    let country = geo.country_code.as_deref().or(geo.country.as_deref());
    let parts: Vec<String> = [geo.city.as_deref().or(geo.region.as_deref()), country]
        .into_iter()
        .flatten()
        .filter(|part| !part.is_empty())
        .map(clean)
        .collect();
    match (parts.is_empty(), geo.lat, geo.lon) {
        (false, ..) => Some(parts.join(", ")),
        (true, Some(lat), Some(lon)) => Some(format!("{lat:.2}, {lon:.2}")),
        _ => None,
    }
}

/// The word for it.
pub(crate) fn confidence(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::Low => "low",
        Confidence::Medium => "medium",
        Confidence::High => "high",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_people_read_them() {
        assert_eq!([ms(0.644), ms(11.23), ms(161.4)], ["0.64", "11.2", "161"]);
        assert_eq!([km(92.4), km(9153.2), km(12345.0)], ["92 km", "9,153 km", "12,345 km"]);
        assert_eq!([pct(0.0), pct(0.4), pct(33.33)], ["0 %", "0.4 %", "33 %"]);
        assert_eq!([hops(&[3]), hops(&[3, 4, 9])], ["hop 3", "hops 3–4, 9"]);
    }

    #[test]
    fn endless_text_ends_and_hidden_text_is_shown() {
        let long = clean(&"x".repeat(10_000));
        assert!(long.ends_with('…') && long.chars().count() == LONGEST);
        assert_eq!(clean("a\u{202e}b\n"), r"a\u{202e}b\u{a}");
    }
}
