//! `--stats`: the figures of a view as text, a line each.

use tm_stream::text::{shown, width, wrap};

use crate::column::{LONGEST_NAME, LONGEST_ORG};

use crate::flags::Flags;
use crate::footer;
use crate::summary::{LongLeg, Share, Summary};
use crate::symbols::Symbols;
use crate::view::View;

/// The figures as lines.
pub(crate) fn lines(view: &View, flags: &Flags) -> Vec<String> {
    let symbols = flags.symbols();
    let summary = Summary::of(view, flags.detour_km);
    let mut rows: Vec<(&str, String)> = vec![
        ("Host", shown(&summary.host, LONGEST_NAME)),
        (
            "Resolved IP",
            summary.resolved_ip.as_deref().map_or("-".to_owned(), |ip| shown(ip, LONGEST_NAME)),
        ),
        ("Protocol", protocol(&summary)),
        ("Started", summary.started_at.map_or("-".to_owned(), |at| at.to_string())),
        ("Ended", ending(view, &summary)),
        (
            "Hops",
            format!("{}, {} responded, {} silent", summary.hops, summary.responded, summary.silent),
        ),
        ("Loss", loss(view)),
        ("RTT", rtt(&summary)),
    ];
    if let Some(step) = &summary.longest_step {
        let text = format!(
            "{} ms at hop {} ({})",
            ms(step.added_ms),
            step.hop,
            shown(&step.ip, LONGEST_NAME)
        );
        rows.push(("Longest step", text));
    }
    rows.extend(shares("By AS", &summary.by_as));
    rows.extend(shares("By country", &summary.by_country));
    rows.extend(titled("Long legs", summary.long_legs.iter().map(|leg| leg_line(leg, symbols))));
    let room = flags.columns_of_text();
    let title_width = rows.iter().map(|(title, _)| width(title)).max().unwrap_or(0);
    let indent = " ".repeat(title_width + 4);
    rows.into_iter()
        .flat_map(|(title, text)| wrap(&format!("{title:title_width$}  {text}"), room, &indent))
        .collect()
}

fn protocol(summary: &Summary) -> String {
    let port = summary.port.map_or(String::new(), |port| format!(" port {port}"));
    summary.protocol.unwrap_or("not known").to_uppercase() + &port
}

fn ending(view: &View, summary: &Summary) -> String {
    let rounds =
        if summary.rounds > 1 { format!(", {} rounds", summary.rounds) } else { String::new() };
    view.trace.as_ref().map_or("not yet".to_owned(), |trace| footer::ending(trace).to_owned())
        + &rounds
}

fn loss(view: &View) -> String {
    let Some((_, at)) = view.destination() else { return "-".to_owned() };
    if at.sent == 0 {
        return "not known".to_owned();
    }
    let [low, high] = at.loss_interval();
    let (lost, sent, pct) = (at.lost(), at.sent, at.loss_pct());
    format!(
        "{pct:.1}% end to end: {lost} of {sent} probes ({low:.1} to {high:.1}% at 95% confidence)"
    )
}

fn rtt(summary: &Summary) -> String {
    summary.rtt.as_ref().map_or("-".to_owned(), |rtt| {
        format!("min {} avg {} max {} ms", ms(rtt.min), ms(rtt.avg), ms(rtt.max))
    })
}

fn ms(ms: f64) -> String {
    crate::column::milliseconds(ms)
}

/// The title stands before the first line only.
fn titled(
    title: &str,
    texts: impl Iterator<Item = String>,
) -> impl Iterator<Item = (&str, String)> {
    texts.enumerate().map(move |(at, text)| (if at == 0 { title } else { "" }, text))
}

fn shares<'a>(title: &'a str, shares: &[Share]) -> Vec<(&'a str, String)> {
    let whole: f64 = shares.iter().map(|share| share.added_ms).sum();
    let text = |share: &Share| {
        let part = if whole > 0.0 { 100.0 * share.added_ms / whole } else { 0.0 };
        let hops = if share.hops == 1 { "hop" } else { "hops" };
        let of = shown(share.of.as_deref().unwrap_or("unknown"), LONGEST_ORG);
        let org = share
            .org
            .as_deref()
            .map_or(String::new(), |org| format!("  {}", shown(org, LONGEST_ORG)));
        format!("{:>7} ms {part:>3.0}%  {of}, {} {hops}{org}", ms(share.added_ms), share.hops)
    };
    titled(title, shares.iter().map(text)).collect()
}

/// A long leg, in a sentence.
pub(crate) fn leg_line(leg: &LongLeg, symbols: Symbols) -> String {
    let arrow = symbols.arrow();
    let what = if leg.is_detour { "Detour detected: hop" } else { "hop" };
    let added = leg.added_ms.map_or(String::new(), |added| format!("+{} ms, ", ms(added)));
    let verdict = match leg.rtt {
        "supports" => format!("{added}light needs {} ms: the RTT supports it", ms(leg.least_ms)),
        "contradicts" => format!(
            "light needs {} ms: the RTT contradicts it, one of the places is wrong",
            ms(leg.least_ms)
        ),
        _ => format!("{added}light needs {} ms: the RTT does not tell", ms(leg.least_ms)),
    };
    format!(
        "{what} {}{arrow}{} spans {} km ({verdict})",
        leg.from_hop,
        leg.to_hop,
        thousands(leg.km)
    )
}

/// `9153` as `9,153`.
fn thousands(km: f64) -> String {
    let km = km as u64;
    if km < 1000 { km.to_string() } else { format!("{},{:03}", km / 1000, km % 1000) }
}

#[cfg(test)]
mod tests {
    use super::thousands;

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!((thousands(999.0), thousands(9053.4)), ("999".to_owned(), "9,053".to_owned()));
    }
}
