//! From findings to alerts: kind, severity, and one line for a person.

use serde_json::{Value, json};
use tm_path::baseline::ADOPTED_AFTER;
use tm_path::loss::watch::Loss;
use tm_path::route::Change;
use tm_schema::{AlertKind, Severity, Stop};

use crate::target::{Finding, Phase};

/// Names in a message; all of them are in `before` and `after`.
const NAMED: usize = 4;

/// Loss that is worth waking somebody for.
const CRITICAL_LOSS: f64 = 0.2;

/// What an alert says of a finding.
pub(crate) struct Said {
    pub(crate) kind: AlertKind,
    pub(crate) phase: Phase,
    pub(crate) severity: Severity,
    pub(crate) hop: Option<u8>,
    pub(crate) before: Option<Value>,
    pub(crate) after: Option<Value>,
    pub(crate) message: String,
}

/// Puts a finding into words.
pub(crate) fn say(finding: &Finding) -> Said {
    match finding {
        Finding::Route { change, phase } => route(change, *phase),
        Finding::Rtt { hop, before, after, phase } => rtt(*hop, *before, *after, *phase),
        Finding::Loss { loss, usual, phase } => lossy(loss, *usual, *phase),
        Finding::Unreachable { stop, error, farthest, phase } => {
            unreachable(*stop, error.as_deref(), farthest.as_ref(), *phase)
        }
    }
}

fn route(change: &Change, phase: Phase) -> Said {
    let kind = match change.is_as_change {
        true => AlertKind::AsPathChange,
        false => AlertKind::RouteChange,
    };
    let is_within = !change.is_as_change && !change.ases_after.is_empty();
    let severity = match phase {
        Phase::Began if is_within => Severity::Info,
        Phase::Began => Severity::Warning,
        Phase::Ended | Phase::Adopted => Severity::Info,
    };
    let message = match phase {
        Phase::Began => route_message(change),
        Phase::Ended => format!("the route is as it was, {} on", from(change.hop)),
        Phase::Adopted => {
            format!("the new route has lasted {ADOPTED_AFTER} rounds and is the usual one now")
        }
    };
    let (was, is) = (
        json!({"path": change.before, "ases": change.ases_before}),
        json!({"path": change.after, "ases": change.ases_after}),
    );
    let (before, after) = if phase == Phase::Ended { (is, was) } else { (was, is) };
    let hop = Some(change.hop);
    Said { kind, phase, severity, hop, before: Some(before), after: Some(after), message }
}

fn route_message(change: &Change) -> String {
    let (first, was, is) = (change.hop, listed(&change.before), listed(&change.after));
    let longest = change.before.len().max(change.after.len());
    let last = usize::from(first) + longest.saturating_sub(1);
    let hops = match longest {
        0 | 1 => format!("hop {first}"),
        _ => format!("hops {first}–{last}"),
    };
    let path = match (change.before.is_empty(), change.after.is_empty()) {
        // The same responders, announced by another AS.
        (true, true) => "the same hops".to_owned(),
        (true, false) => format!("{hops} new: {is}"),
        (false, true) => format!("{hops} gone: {was}"),
        (false, false) => format!("{hops}: {was} became {is}"),
    };
    if !change.is_as_change {
        return format!("route changed, {path}");
    }
    let ases =
        |ases: &[u32]| listed(&ases.iter().map(|asn| format!("AS{asn}")).collect::<Vec<_>>());
    format!("AS path {} became {}; {path}", ases(&change.ases_before), ases(&change.ases_after))
}

fn listed(names: &[String]) -> String {
    let mut text = names.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(" > ");
    if names.len() > NAMED {
        text += " > …";
    }
    text
}

fn from(hop: u8) -> String {
    format!("from hop {hop}")
}

fn rtt(hop: Option<u8>, before: f64, after: f64, phase: Phase) -> Said {
    let percent = if before > 0.0 { 100.0 * (after - before) / before } else { 0.0 };
    let change = format!("{before:.1} → {after:.1} ms ({percent:+.0} %)");
    let severity = match phase {
        Phase::Began if after > before => Severity::Warning,
        _ => Severity::Info,
    };
    let message = match (phase, hop) {
        (Phase::Began, Some(hop)) => format!("RTT {change}, {} on", from(hop)),
        (Phase::Began, None) => format!("RTT {change}"),
        (Phase::Ended, _) => format!("RTT is back: {change}"),
        (Phase::Adopted, _) => {
            format!("RTT {change} has lasted {ADOPTED_AFTER} rounds and is usual now")
        }
    };
    let value = |rtt: f64| Some(json!({"rtt_ms": (rtt * 1000.0).round() / 1000.0}));
    let kind = AlertKind::RttChange;
    Said { kind, phase, severity, hop, before: value(before), after: value(after), message }
}

fn lossy(loss: &Loss, usual: f64, phase: Phase) -> Said {
    let percent = |rate: f64| (rate * 1e4).round() / 100.0;
    let rate = loss.rate();
    let counted = format!("{:.0} % ({} of {} probes)", rate * 100.0, loss.lost, loss.sent);
    let place = loss.hop.map_or("at the destination".to_owned(), |hop| from(hop) + " on");
    let severity = match phase {
        Phase::Began if rate >= CRITICAL_LOSS => Severity::Critical,
        Phase::Began => Severity::Warning,
        Phase::Ended | Phase::Adopted => Severity::Info,
    };
    let message = match phase {
        Phase::Began => format!("loss of {counted} {place}"),
        Phase::Ended => format!("loss of {counted} {place} is over"),
        Phase::Adopted => {
            format!("loss of {counted} {place} has lasted {ADOPTED_AFTER} rounds and is usual now")
        }
    };
    let was = json!({"loss_pct": percent(usual)});
    let is = json!({"loss_pct": percent(rate), "sent": loss.sent, "lost": loss.lost});
    let (before, after) = if phase == Phase::Ended { (is, was) } else { (was, is) };
    let (before, after) = (Some(before), Some(after));
    Said { kind: AlertKind::Loss, phase, severity, hop: loss.hop, before, after, message }
}

fn unreachable(
    stop: Option<Stop>,
    error: Option<&str>,
    farthest: Option<&(u8, String)>,
    phase: Phase,
) -> Said {
    let has_begun = phase == Phase::Began;
    let whence = match (error, farthest) {
        (Some(error), _) => format!(": {error}"),
        (None, Some((ttl, ip))) => format!("; the last answer is hop {ttl}, {ip}"),
        (None, None) => "; nor does anybody on the way".to_owned(),
    };
    Said {
        kind: AlertKind::Unreachable,
        phase,
        severity: if has_begun { Severity::Critical } else { Severity::Info },
        hop: farthest.map(|(ttl, _)| *ttl).filter(|_| has_begun),
        before: Some(json!({"reached": has_begun})),
        after: Some(json!({"reached": !has_begun, "stop": stop})),
        message: match has_begun {
            true => format!("the destination no longer answers{whence}"),
            false => "the destination answers again".to_owned(),
        },
    }
}
