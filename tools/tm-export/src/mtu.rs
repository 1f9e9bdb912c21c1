//! How large datagrams may be on the way, in words.

use tm_schema::{MtuDrop, MtuLimit};

use crate::findings::{Certainty, Finding, Tone, finding};
use crate::session::Session;

/// The MTU of the path, where it was looked for, and each place where it gets smaller.
pub(crate) fn findings(session: &Session) -> Vec<Finding> {
    let Some(mtu) = session.end().and_then(|end| end.mtu.as_ref()) else { return Vec::new() };
    let interface = mtu.interface;
    let of_path = if let Some(octets) = mtu.octets {
        let text = format!(
            "Path MTU {octets}: datagrams of up to {octets} octets get there; the interface takes {interface}."
        );
        finding(Certainty::Observed, Tone::Plain, None, text)
    } else {
        let text = "The path MTU: the destination did not answer.".to_owned();
        finding(Certainty::Unknown, Tone::Plain, None, text)
    };
    std::iter::once(of_path).chain(mtu.drops.iter().map(drop)).collect()
}

fn drop(drop: &MtuDrop) -> Finding {
    let (certainty, tone) = match drop.limit {
        MtuLimit::BlackHole => (Certainty::Inferred, Tone::Warning),
        _ => (Certainty::Observed, Tone::Plain),
    };
    let text = format!("MTU {} {}: {}.", drop.octets, drop.place(), drop.limit.reason());
    finding(certainty, tone, Some(drop.hop), text)
}
