//! The lines under the table: the silent tail, how the trace ended, what was lost.

use tm_schema::{Stop, Trace};
use tm_stream::text::{cut, visible};

use crate::view::View;

/// What to say under the table, in lines of at most `room` columns.
pub(crate) fn lines(view: &View, rate_limited: bool, room: usize) -> Vec<String> {
    let mut lines = Vec::new();
    lines.extend(silent_tail(view));
    if rate_limited {
        lines.push(
            "~ answers seldom; farther hops lose less, so this is no loss on the path".to_owned(),
        );
    }
    lines.push(heading(view));
    if let Some(trace) = &view.trace {
        lines.push(ending(trace));
        lines.push(counts(view, trace));
        lines.extend(trace.error.as_deref().map(|error| format!("error: {}", visible(error))));
    }
    lines.iter().map(|line| cut(line, room).into_owned()).collect()
}

fn silent_tail(view: &View) -> Option<String> {
    let farthest = view.farthest();
    let first = view.ttls.keys().copied().find(|&ttl| ttl > farthest)?;
    let last = view.ttls.keys().copied().max()?;
    Some(if first == last {
        format!("hop {first} did not answer")
    } else {
        format!("hops {first}–{last} did not answer")
    })
}

fn heading(view: &View) -> String {
    let host = visible(&view.host);
    let address = view.resolved_ip.as_deref().map(visible).filter(|ip| *ip != host);
    let address = address.map_or(String::new(), |ip| format!(" ({ip})"));
    let Some(trace) = &view.trace else { return format!("{host}{address} …") };
    let port = trace.port.map_or(String::new(), |port| format!(" port {port}"));
    let by = trace.protocol.map(|protocol| format!(" by {}", protocol.as_str().to_uppercase()));
    format!("{host}{address}{}{port}", by.unwrap_or_default())
}

fn ending(trace: &Trace) -> String {
    let Some(stop) = trace.stop else { return "it is not known how it ended".to_owned() };
    match stop {
        Stop::Destination => "reached",
        Stop::GapLimit => "not reached: nobody answers beyond the last hop shown",
        Stop::MaxHops => "not reached within the largest TTL",
        Stop::Unreachable => "not reached: the last hop refuses to carry on",
        Stop::Interrupted if trace.reached => "reached; interrupted",
        Stop::Interrupted => "interrupted",
        Stop::Error => "could not be traced",
    }
    .to_owned()
}

fn counts(view: &View, trace: &Trace) -> String {
    let answered = view.ttls.values().filter(|ttl| !ttl.responders.is_empty()).count();
    let silent = view.ttls.len() - answered;
    let hops = if view.ttls.len() == 1 { "hop" } else { "hops" };
    let mut parts = vec![format!("{} {hops}", view.ttls.len()), format!("{answered} answered")];
    if silent > 0 {
        parts.push(format!("{silent} silent"));
    }
    let destination =
        view.ttls.values().find(|ttl| ttl.responders.iter().any(|at| at.is_destination));
    if let Some(ttl) = destination {
        parts.push(format!("{:.0}% loss end to end", ttl.loss_pct()));
    }
    if view.rounds > 1 {
        parts.push(format!("{} rounds", view.rounds));
    } else {
        parts.push(format!("{} probes, {} answers", trace.sent, trace.received));
    }
    parts.join(", ")
}
