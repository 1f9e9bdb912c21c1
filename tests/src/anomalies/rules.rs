//! Fixed thresholds, to compare with: each round is held against the round before and nothing
//! else. A rule that goes on holding is one alert.

use std::collections::BTreeMap;

use tm_schema::{AlertKind, Record};

use super::score::Alarm;

/// What one round showed.
#[derive(Clone, Default)]
struct Seen {
    path: BTreeMap<u8, String>,
    ases: Vec<u32>,
    rtt: Option<f64>,
    loss: Option<f64>,
}

/// The alerts of fixed rules over lines of records.
pub fn alarms(lines: &str) -> Vec<Alarm> {
    let (mut now, mut before): (Seen, Option<Seen>) = (Seen::default(), None);
    let mut holding: Vec<AlertKind> = Vec::new();
    let mut alarms = Vec::new();
    for record in lines.lines().filter_map(|line| Record::from_slice(line.as_bytes()).ok()) {
        match record {
            Record::Hop(hop) => {
                if let Some(ip) = &hop.ip {
                    now.path.insert(hop.hop, ip.clone());
                    now.ases.extend(hop.asn.as_ref().and_then(|asn| asn.number));
                    now.ases.dedup();
                }
                if hop.is_destination {
                    now.rtt = hop.rtt.map(|rtt| rtt.avg);
                    now.loss = Some(hop.loss_pct);
                }
            }
            Record::Trace(trace) => {
                let rules = before.as_ref().map_or(Vec::new(), |before| broken(before, &now));
                let new = rules.iter().filter(|kind| !holding.contains(kind));
                alarms.extend(new.map(|&kind| Alarm { round: trace.round, kind, over: None }));
                holding = rules;
                before = Some(std::mem::take(&mut now));
            }
            _ => {}
        }
    }
    alarms
}

fn broken(before: &Seen, now: &Seen) -> Vec<AlertKind> {
    let mut kinds = Vec::new();
    let differs = |(ttl, ip): (&u8, &String)| before.path.get(ttl).is_some_and(|was| was != ip);
    if now.path.iter().any(differs) {
        kinds.push(AlertKind::RouteChange);
    }
    if !before.ases.is_empty() && before.ases != now.ases {
        kinds.push(AlertKind::AsPathChange);
    }
    if let (Some(was), Some(is)) = (before.rtt, now.rtt)
        && (is - was).abs() > 0.4 * was
    {
        kinds.push(AlertKind::RttChange);
    }
    if now.loss.is_some_and(|loss| loss > 5.0) {
        kinds.push(AlertKind::Loss);
    }
    if now.loss.is_none() {
        kinds.push(AlertKind::Unreachable);
    }
    kinds
}
