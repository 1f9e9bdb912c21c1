//! From what a trace found to the records of the schema.

use std::net::IpAddr;
use std::time::{Duration, UNIX_EPOCH};

use tm_path::hint;
use tm_schema::{Hints, Hop, Method, Probe, Reply, ReplyKind, Rtt, Stop, Time, Trace, loss_pct};

use crate::options::Options;
use crate::trace::{Answer, HopReport, Responder};

/// What every record of one round says alike.
#[derive(Clone, Debug)]
pub(crate) struct Heading {
    pub(crate) trace_id: String,
    pub(crate) host: String,
    pub(crate) target: Option<IpAddr>,
    pub(crate) source: Option<IpAddr>,
    pub(crate) round: u64,
    pub(crate) started: Duration,
    /// Per TTL and flow.
    pub(crate) probes: u16,
}

/// How a round went.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) stop: Option<Stop>,
    pub(crate) error: Option<String>,
    pub(crate) hops: u32,
    pub(crate) responded: u32,
    pub(crate) sent: u32,
    pub(crate) received: u32,
    pub(crate) reached: bool,
    pub(crate) ignored: tm_schema::Ignored,
    pub(crate) paths: Option<tm_schema::Paths>,
    pub(crate) mtu: Option<tm_schema::PathMtu>,
    pub(crate) stop_set: Option<tm_schema::StopSetUse>,
}

/// A point in time, given as the time since 1970.
pub(crate) fn time(since_1970: Duration) -> Time {
    Time::from(UNIX_EPOCH + since_1970)
}

/// A trace id: `UUIDv7` (RFC 9562).
pub(crate) fn trace_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

impl Heading {
    /// The records of one TTL; `sent_at` tells when a probe left, by its sequence.
    pub(crate) fn hops(
        &self,
        options: &Options,
        report: &HopReport,
        sent_at: impl Fn(u32) -> Duration,
    ) -> Vec<Hop> {
        let sequences = report
            .responders
            .iter()
            .flat_map(|responder| responder.probes.iter().map(|(sent, _)| sent.sequence))
            .chain(report.lost.iter().map(|sent| sent.sequence));
        let Some(first) = sequences.clone().map(&sent_at).min() else { return Vec::new() };
        let sent = sequences.count() as u32;
        let received = sent - report.lost.len() as u32;
        let flow_of = |sent: &crate::trace::Sent| match options.paris {
            true => sent.flow,
            false => sent.sequence as u16,
        };
        let silent = Hop {
            trace_id: self.trace_id.clone(),
            host: self.host.clone(),
            resolved_ip: self.target.map(|ip| ip.to_string()),
            source_ip: self.source.map(|ip| ip.to_string()),
            vantage: options.vantage.clone(),
            protocol: Some(options.protocol),
            port: options.target_port(),
            round: self.round,
            sent,
            received,
            loss_pct: loss_pct(sent, received),
            mtu: report.mtu,
            ..Hop::silent(report.ttl, time(first))
        };
        if report.responders.is_empty() {
            let probe = |sent: &crate::trace::Sent| Probe {
                rtt_ms: None,
                at_most: false,
                ok: false,
                flow: flow_of(sent),
                at: Some(time(sent_at(sent.sequence))),
            };
            return vec![Hop { probes: report.lost.iter().map(probe).collect(), ..silent }];
        }
        let signatures: Vec<_> =
            report.responders.iter().map(|responder| responder.answer.signature()).collect();
        let width = hint::width(&signatures);
        let answered = |(responder, router): (&Responder, Option<u16>)| {
            let probe = |(sent, rtt): &(crate::trace::Sent, Duration)| Probe {
                rtt_ms: Some(milliseconds(*rtt)),
                at_most: false,
                ok: true,
                flow: flow_of(sent),
                at: Some(time(sent_at(sent.sequence))),
            };
            let probes: Vec<Probe> = responder.probes.iter().map(probe).collect();
            let rtts: Vec<f64> = probes.iter().filter_map(|probe| probe.rtt_ms).collect();
            let mut flows: Vec<u16> = probes.iter().map(|probe| probe.flow).collect();
            flows.sort_unstable();
            flows.dedup();
            let answer = &responder.answer;
            Hop {
                ip: Some(responder.ip.to_string()),
                probes,
                rtt: Rtt::of(&rtts),
                reply: Some(reply(answer, self.target)),
                mpls: answer.mpls.clone(),
                interface: answer.interface.clone(),
                nat: answer.nat,
                hints: hints(report.ttl, answer, router),
                flows,
                is_destination: is_destination(answer, self.target),
                is_private: tm_path::special::is_private(responder.ip),
                is_timeout: false,
                ..silent.clone()
            }
        };
        report.responders.iter().zip(width.router).map(answered).collect()
    }

    /// The record that ends the round.
    pub(crate) fn trace(&self, options: &Options, outcome: &Outcome, now: Duration) -> Trace {
        Trace {
            v: tm_schema::VERSION,
            trace_id: self.trace_id.clone(),
            host: self.host.clone(),
            resolved_ip: self.target.map(|ip| ip.to_string()),
            source_ip: self.source.map(|ip| ip.to_string()),
            vantage: options.vantage.clone(),
            protocol: Some(options.protocol),
            port: options.target_port(),
            round: self.round,
            tool: "tm-probe".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            platform: format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH),
            max_hops: Some(options.max_hops),
            probes: Some(u32::from(self.probes)),
            timeout_s: Some(options.wait.max.as_secs_f64()),
            method: Some(match options.discover {
                Some(_) => Method::Mda,
                None if options.paris => Method::Paris,
                None => Method::Classic,
            }),
            started_at: time(self.started),
            completed_at: time(now.max(self.started)),
            reached: outcome.reached,
            stop: Some(outcome.stop.unwrap_or(Stop::Error)),
            error: outcome.error.clone(),
            hops: outcome.hops,
            responded: outcome.responded,
            sent: outcome.sent,
            received: outcome.received,
            ignored: outcome.ignored,
            paths: outcome.paths.clone(),
            mtu: outcome.mtu.clone(),
            stop_set: outcome.stop_set,
        }
    }
}

/// Milliseconds to a tenth of a microsecond.
fn milliseconds(rtt: Duration) -> f64 {
    (rtt.as_secs_f64() * 1e7).round() / 1e4
}

/// What a reply suggests of the way back and of who sent it.
fn hints(ttl: u8, answer: &Answer, router: Option<u16>) -> Option<Hints> {
    let reply_hops = answer.ttl.and_then(hint::reply_hops).filter(|hops| *hops != ttl);
    let initial_ttl = reply_hops.and(answer.ttl.and_then(hint::initial_ttl));
    let hints = Hints { initial_ttl, reply_hops, router };
    (hints != Hints::default()).then_some(hints)
}

pub(crate) fn is_destination(answer: &Answer, target: Option<IpAddr>) -> bool {
    answer.kind != ReplyKind::TimeExceeded && Some(answer.responder) == target
}

fn reply(answer: &Answer, target: Option<IpAddr>) -> Reply {
    Reply {
        kind: answer.kind,
        icmp_type: answer.icmp_type,
        code: answer.code,
        ttl: answer.ttl,
        note: note(answer, target),
    }
}

/// The annotation as traceroute prints it.
fn note(answer: &Answer, target: Option<IpAddr>) -> Option<String> {
    if answer.kind != ReplyKind::DestUnreachable {
        return None;
    }
    let (icmp_type, code) = (answer.icmp_type?, answer.code?);
    let fragmentation = || answer.mtu.map_or("!F".to_owned(), |mtu| format!("!F-{mtu}"));
    let text = match (answer.responder.is_ipv6(), icmp_type, code) {
        // A closed port is how a destination answers UDP; anybody else refuses with it.
        (false, 3, 3) | (true, 1, 4) if Some(answer.responder) == target => return None,
        (false, 3, 0) | (true, 1, 0) => "!N".to_owned(),
        (false, 3, 1) | (true, 1, 3) => "!H".to_owned(),
        (false, 3, 2) | (true, 4, 1) => "!P".to_owned(),
        (false, 3, 4) | (true, 2, _) => fragmentation(),
        (false, 3, 5) | (true, 1, 2) => "!S".to_owned(),
        (false, 3, 13) | (true, 1, 1) => "!X".to_owned(),
        (false, 3, 14) => "!V".to_owned(),
        (false, 3, 15) => "!C".to_owned(),
        (false, 3, code) | (true, 1, code) => format!("!<{code}>"),
        (_, icmp_type, code) => format!("!<{icmp_type}-{code}>"),
    };
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::plain_answer;

    #[test]
    fn notes_are_those_that_traceroute_prints() {
        let (v4, v6): (IpAddr, IpAddr) =
            ("192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap());
        for (from, icmp_type, code, mtu, wanted) in [
            (v4, 3, 0, None, Some("!N")),
            (v4, 3, 1, None, Some("!H")),
            (v4, 3, 2, None, Some("!P")),
            (v4, 3, 3, None, Some("!<3>")),
            (v4, 3, 4, Some(1400), Some("!F-1400")),
            (v4, 3, 4, None, Some("!F")),
            (v4, 3, 5, None, Some("!S")),
            (v4, 3, 9, None, Some("!<9>")),
            (v4, 3, 13, None, Some("!X")),
            (v4, 3, 14, None, Some("!V")),
            (v4, 3, 15, None, Some("!C")),
            (v4, 12, 0, None, Some("!<12-0>")),
            (v6, 1, 0, None, Some("!N")),
            (v6, 1, 1, None, Some("!X")),
            (v6, 1, 2, None, Some("!S")),
            (v6, 1, 3, None, Some("!H")),
            (v6, 1, 4, None, Some("!<4>")),
            (v6, 1, 6, None, Some("!<6>")),
            (v6, 2, 0, Some(1280), Some("!F-1280")),
            (v6, 4, 1, None, Some("!P")),
            (v6, 4, 0, None, Some("!<4-0>")),
        ] {
            let plain = plain_answer(from, ReplyKind::DestUnreachable, Some(60));
            let answer = Answer { icmp_type: Some(icmp_type), code: Some(code), mtu, ..plain };
            let elsewhere = Some(IpAddr::from([198, 51, 100, 9]));
            assert_eq!(note(&answer, elsewhere).as_deref(), wanted, "{from} {icmp_type} {code}");
            // A closed port is how a destination answers UDP, and no refusal.
            let is_port = matches!((icmp_type, code), (3, 3) | (1, 4));
            let own = note(&answer, Some(from));
            assert_eq!(own.as_deref(), wanted.filter(|_| !is_port), "{from} {icmp_type} {code}");
            let other = Answer { kind: ReplyKind::TimeExceeded, ..answer };
            assert_eq!(note(&other, elsewhere), None);
        }
    }
}
