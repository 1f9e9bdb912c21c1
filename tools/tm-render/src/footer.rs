//! The lines under the table: the silent tail, how the trace ended, what was lost.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use tm_path::detour::Agreement;
use tm_schema::{Backward, MtuDrop, Stop, Trace};
use tm_stream::text::{shown, wrap};

use crate::column::{Column, LONGEST_NAME, has_place, milliseconds};
use crate::figures::leg_line;
use crate::flags::Flags;
use crate::marks::Marks;
use crate::summary::legs;
use crate::symbols::Symbols;
use crate::view::{Responder, Ttl, View};

/// What to say under the table, in lines of at most `room` columns.
pub(crate) fn lines(view: &View, marks: &Marks, columns: &[Column], flags: &Flags) -> Vec<String> {
    let symbols = flags.symbols();
    let mut lines = Vec::new();
    lines.extend(silent_tail(view, symbols));
    if !marks.rate_limited.is_empty() {
        lines.push(
            "~ answers seldom; farther hops lose less, so this is no loss on the path".to_owned(),
        );
    }
    if let Some((after, by)) = marks.loss_begins {
        let begins = symbols.begins();
        let place = match after {
            Some(after) if after + 1 < by => format!("between hops {after} and {by}"),
            _ => format!("at hop {by}"),
        };
        lines.push(format!("{begins} loss begins {place} and goes on to the destination"));
    }
    lines.extend(few_probes(view, marks));
    if let Some((hop, ms)) = marks.delay_begins {
        let (begins, ms) = (symbols.begins(), milliseconds(ms));
        lines.push(format!("{begins} most delay is added at hop {hop}: {ms} ms"));
    }
    if columns.contains(&Column::Place)
        && responders(view).any(|at| at.geo.as_ref().is_some_and(has_place))
    {
        lines.push(symbols.trust_legend().to_owned());
    }
    if responders(view).any(|at| columns.iter().any(|column| column.is_awaited(at))) {
        lines.push(format!("{} is being looked up", symbols.awaited()));
    }
    lines.extend(failures(view, columns));
    lines.extend(several(view, symbols));
    let legs = legs(view, flags.detour_km)
        .into_iter()
        .filter(|leg| leg.is_detour || leg.rtt == Agreement::Contradicts);
    lines.extend(legs.map(|leg| leg_line(&leg.into(), symbols)));
    lines.push(heading(view, symbols));
    if let Some(trace) = &view.trace {
        lines.push(ending(trace).to_owned());
        lines.extend(left_out(trace));
        lines.extend(mtu(trace));
        lines.extend(counts(view, trace));
        lines.extend(
            trace.error.as_deref().map(|error| format!("error: {}", shown(error, LONGEST_NAME))),
        );
    }
    let room = flags.columns_of_text();
    lines.iter().flat_map(|line| wrap(line, room, "  ")).collect()
}

/// Hops at which several routers answer: to different flows, which is load balancing (ECMP), or
/// to the same ones, which may be a balancer of packets or a change of route.
fn several(view: &View, symbols: Symbols) -> Vec<String> {
    let several = view.ttls.iter().filter(|(_, ttl)| ttl.responders.len() > 1);
    let (ecmp, others): (Vec<_>, Vec<_>) = several.partition(|(_, ttl)| {
        ttl.responders.iter().all(|responder| !responder.flows.is_empty()) && !balances_packets(ttl)
    });
    let line = |what: String, unit: &str, hops: &[(&u8, &Ttl)]| {
        let noun = if hops.len() == 1 { "hop" } else { "hops" };
        let list =
            hops.iter().map(|(hop, ttl)| format!("hop {hop}: {} {unit}", ttl.responders.len()));
        let list = list.collect::<Vec<_>>().join(", ");
        (!hops.is_empty()).then(|| format!("{what} at {} {noun}: {list}", hops.len()))
    };
    let ecmp = line(format!("{}ECMP detected", symbols.warning()), "paths", &ecmp);
    let trace = view.trace.as_ref();
    // A discovery has sent flows again to tell; a plain trace may have met a change of route.
    let is_known = trace.is_some_and(|trace| trace.paths.is_some());
    let what = if is_known { "packets balanced one by one" } else { "several responders" };
    let others = line(what.to_owned(), "responders", &others);
    ecmp.into_iter().chain(others).chain(trace.and_then(promise)).collect()
}

fn responders(view: &View) -> impl Iterator<Item = &Responder> {
    view.ttls.values().flat_map(|ttl| &ttl.responders)
}

/// Look-ups that failed and stand as `?` in the table: why, and who was asked.
fn failures(view: &View, columns: &[Column]) -> Option<String> {
    let by = |error: &str, source: &Option<String>| match source {
        Some(source) => format!("{error} ({source})"),
        None => error.to_owned(),
    };
    let name = responders(view).find_map(|at| {
        let dns = at.dns.as_ref()?;
        Some(by(dns.error.as_deref()?, &dns.source))
    });
    let asn = responders(view).find_map(|at| {
        let asn = at.asn.as_ref()?;
        Some(by(asn.error.as_deref()?, &asn.source))
    });
    // Several providers may be asked, and this error names each.
    let place = responders(view).find_map(|at| at.geo.as_ref()?.error.clone());
    let told = [
        (Column::Host, "names", name),
        (Column::Asn, "ASes", asn),
        (Column::Place, "places", place),
    ];
    let told = told.into_iter().filter(|(column, ..)| columns.contains(column));
    let told: Vec<_> = told
        .filter_map(|(_, what, why)| Some(format!("{what}: {}", shown(&why?, LONGEST_NAME))))
        .collect();
    (!told.is_empty()).then(|| format!("? could not be looked up; {}", told.join("; ")))
}

/// What a stop set spared.
fn left_out(trace: &Trace) -> Option<String> {
    let known = trace.stop_set.as_ref().filter(|known| known.backward == Backward::StopSet)?;
    let nearer = known.first.checked_sub(1).filter(|nearer| *nearer > 0)?;
    let hops =
        if nearer == 1 { "hop 1 was".to_owned() } else { format!("hops 1 to {nearer} were") };
    Some(format!("{hops} not probed: the way there was found before"))
}

/// How large datagrams may be, and where that gets less.
fn mtu(trace: &Trace) -> Vec<String> {
    let Some(mtu) = &trace.mtu else { return Vec::new() };
    let of_path = match mtu.octets {
        Some(octets) => format!("path MTU {octets}"),
        None => "path MTU unknown: the destination did not answer".to_owned(),
    };
    let drop =
        |drop: &MtuDrop| format!("MTU {} {}: {}", drop.octets, drop.place(), drop.limit.reason());
    std::iter::once(of_path).chain(mtu.drops.iter().map(drop)).collect()
}

/// A flow met several responders at this TTL.
pub(crate) fn balances_packets(ttl: &Ttl) -> bool {
    let flows = ttl.responders.iter().flat_map(|responder| &responder.flows);
    flows.clone().collect::<BTreeSet<_>>().len() < flows.count()
}

/// How sure it is that these are all paths, where they were looked for.
pub(crate) fn promise(trace: &Trace) -> Option<String> {
    let paths = trace.paths.as_ref()?;
    let percent = paths.failure_bound_pct();
    let bound = if paths.complete {
        format!("a branch is missing with at most {percent} % likelihood")
    } else {
        "the search for more did not come to its end".to_owned()
    };
    let nodes = count(paths.nodes.into(), "responder");
    let (links, flows) = (count(paths.links.into(), "link"), count(paths.flows.into(), "flow"));
    Some(format!("{nodes}, {links}, found by {flows}; {bound}"))
}

/// Of fewer probes than this, the loss in percent is hardly known.
const FEW: u64 = 10;

/// A word of caution where loss that may be real was seen with few probes.
fn few_probes(view: &View, marks: &Marks) -> Option<String> {
    let is_lossy = |at: &Ttl| !at.responders.is_empty() && at.lost() > 0;
    let (hop, at) = view
        .ttls
        .iter()
        .find(|&(hop, at)| is_lossy(at) && at.sent < FEW && !marks.rate_limited.contains(hop))?;
    let [low, high] = at.loss_interval();
    Some(format!(
        "few probes tell little: {} of {} lost at hop {hop} may be anything from {low:.0} to \
         {high:.0}%",
        at.lost(),
        at.sent
    ))
}

fn silent_tail(view: &View, symbols: Symbols) -> Option<String> {
    let farthest = view.farthest();
    let first = view.ttls.keys().copied().find(|&ttl| ttl > farthest)?;
    let last = view.ttls.keys().copied().max()?;
    Some(if first == last {
        format!("hop {first} did not answer")
    } else {
        format!("hops {first}{}{last} did not answer", symbols.dash())
    })
}

/// What was traced, how, and from which named place.
pub(crate) fn heading(view: &View, symbols: Symbols) -> String {
    let host = shown(&view.host, LONGEST_NAME);
    let address = view.resolved_ip.as_deref().map(|ip| shown(ip, LONGEST_NAME));
    let address = address.filter(|ip| *ip != host);
    let address = address.map_or(String::new(), |ip| format!(" ({ip})"));
    let from = view.vantage.as_deref().map(|name| format!(" from {}", shown(name, LONGEST_NAME)));
    let from = from.unwrap_or_default();
    let Some(trace) = &view.trace else {
        return format!("{host}{address}{from} {}", symbols.ellipsis());
    };
    let port = trace.port.map_or(String::new(), |port| format!(" port {port}"));
    let by = trace.protocol.map(|protocol| format!(" by {}", protocol.as_str().to_uppercase()));
    format!("{host}{address}{}{port}{from}", by.unwrap_or_default())
}

/// How a trace ended.
pub(crate) fn ending(trace: &Trace) -> &'static str {
    let Some(stop) = trace.stop else { return "it is not known how it ended" };
    match stop {
        Stop::Destination => "reached",
        Stop::GapLimit => "not reached: nobody answers beyond the last hop shown",
        Stop::MaxHops => "not reached within the largest TTL",
        Stop::Unreachable => "not reached: the last hop refuses to carry on",
        Stop::StopSet => "not followed to its end: what lies beyond was found before",
        Stop::Interrupted if trace.reached => "reached; interrupted",
        Stop::Interrupted => "interrupted",
        Stop::Error if trace.received > 0 => "not followed to its end: an error ended it",
        Stop::Error => "could not be traced",
    }
}

/// What was sent and what came of it; `None`: no probe left.
fn counts(view: &View, trace: &Trace) -> Option<String> {
    if view.ttls.is_empty() && trace.sent == 0 {
        return None;
    }
    let answered = view.ttls.values().filter(|ttl| !ttl.responders.is_empty()).count();
    let silent = view.ttls.len() - answered;
    let mut parts = vec![count(view.ttls.len() as u64, "hop"), format!("{answered} answered")];
    if silent > 0 {
        parts.push(format!("{silent} silent"));
    }
    if let Some((_, ttl)) = view.destination() {
        parts.push(format!("{:.0}% loss end to end", ttl.loss_pct()));
    }
    if view.rounds > 1 {
        parts.push(format!("{} rounds", view.rounds));
    } else {
        // Those of the table; the trace counts also those that overshot its last hop.
        let sent = view.ttls.values().map(|ttl| ttl.sent).sum();
        let received = view.ttls.values().map(|ttl| ttl.received).sum();
        parts.extend([count(sent, "probe"), count(received, "answer")]);
    }
    Some(parts.join(", "))
}

/// `1 probe`, `2 probes`.
pub(crate) fn count(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
