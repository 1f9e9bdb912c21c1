//! What becomes of each member of a record. Every record is made anew from what may stay, so a
//! member that is not named here is not there.

use tm_schema::{
    Alert, Asn, Geo, Hop, Interface, MplsLabel, Probe, Record, Reply, Rtt, Time, Trace,
};

use crate::address::Addresses;
use crate::alert;
use crate::flags::{CoarseTime, Flags, OwnAs};
use crate::key::Key;
use crate::name::Names;
use crate::own::Own;
use crate::word;

/// Shorter parts of a host name say too little to look for them in the name of an AS.
const TELLING: usize = 4;

/// Redacts records under one key.
pub(crate) struct Redactor {
    pub(crate) addresses: Addresses,
    names: Names,
    /// `None`: the AS that traces begin in stays.
    own: Option<Own>,
    coarse_rtt: bool,
    coarse_time: Option<CoarseTime>,
}

impl Redactor {
    pub(crate) fn new(flags: &Flags, key: &Key) -> Self {
        Self {
            addresses: Addresses::new(key),
            names: Names::new(key),
            own: (flags.own_as == OwnAs::Drop).then(Own::default),
            coarse_rtt: flags.coarse_rtt,
            coarse_time: flags.coarse_time,
        }
    }

    /// The record that may be shared; `None`: it is of a type or a version that is not known.
    pub(crate) fn record(&mut self, record: &Record) -> Option<Record> {
        match record {
            Record::Hop(hop) if hop.v == tm_schema::VERSION => {
                Some(Record::Hop(Box::new(self.hop(hop))))
            }
            Record::Trace(trace) if trace.v == tm_schema::VERSION => {
                Some(Record::Trace(Box::new(self.trace(trace))))
            }
            Record::Alert(alert) if alert.v == tm_schema::VERSION => {
                Some(Record::Alert(Box::new(self.alert(alert))))
            }
            _ => None,
        }
    }

    fn hop(&mut self, hop: &Hop) -> Hop {
        let probes: Vec<_> = hop.probes.iter().map(|probe| self.probe(probe)).collect();
        Hop {
            v: hop.v,
            trace_id: self.names.trace_id(&hop.trace_id),
            host: self.address_or_name(&hop.host),
            resolved_ip: self.address(hop.resolved_ip.as_deref()),
            source_ip: self.address(hop.source_ip.as_deref()),
            vantage: self.vantage(hop.vantage.as_deref()),
            protocol: hop.protocol,
            port: hop.port,
            round: hop.round,
            at: self.time(hop.at),
            hop: hop.hop,
            ip: self.address(hop.ip.as_deref()),
            sent: hop.sent,
            received: hop.received,
            loss_pct: hop.loss_pct,
            rtt: hop.rtt.as_ref().map(|rtt| self.rtt(rtt, &probes)),
            probes,
            reply: hop.reply.as_ref().map(reply),
            mpls: hop.mpls.iter().map(|label| self.label(*label)).collect(),
            interface: hop.interface.as_ref().and_then(|interface| self.interface(interface)),
            nat: hop.nat,
            mtu: hop.mtu,
            hints: hop.hints,
            flows: hop.flows.clone(),
            is_destination: hop.is_destination,
            is_private: hop.is_private,
            is_timeout: hop.is_timeout,
            dns: None,
            asn: hop.asn.as_ref().and_then(|asn| self.asn(hop, asn)),
            geo: hop.geo.as_ref().map(geo),
        }
    }

    fn trace(&mut self, trace: &Trace) -> Trace {
        Trace {
            v: trace.v,
            trace_id: self.names.trace_id(&trace.trace_id),
            host: self.address_or_name(&trace.host),
            resolved_ip: self.address(trace.resolved_ip.as_deref()),
            source_ip: self.address(trace.source_ip.as_deref()),
            vantage: self.vantage(trace.vantage.as_deref()),
            protocol: trace.protocol,
            port: trace.port,
            round: trace.round,
            tool: word::tool(&trace.tool),
            version: word::version(&trace.version),
            platform: word::platform(&trace.platform),
            max_hops: trace.max_hops,
            probes: trace.probes,
            timeout_s: trace.timeout_s,
            method: trace.method,
            started_at: self.time(trace.started_at),
            completed_at: self.time(trace.completed_at),
            reached: trace.reached,
            stop: trace.stop,
            error: withheld(trace.error.as_ref()),
            hops: trace.hops,
            responded: trace.responded,
            sent: trace.sent,
            received: trace.received,
            ignored: trace.ignored,
            paths: trace.paths.clone(),
            mtu: trace.mtu.clone(),
            stop_set: trace.stop_set,
        }
    }

    fn alert(&mut self, alert: &Alert) -> Alert {
        Alert {
            v: alert.v,
            at: self.time(alert.at),
            host: self.address_or_name(&alert.host),
            resolved_ip: self.address(alert.resolved_ip.as_deref()),
            source_ip: self.address(alert.source_ip.as_deref()),
            vantage: self.vantage(alert.vantage.as_deref()),
            trace_id: self.names.trace_id(&alert.trace_id),
            round: alert.round,
            kind: alert.kind,
            of: alert.of,
            since: alert.since.map(|since| self.time(since)),
            severity: alert.severity,
            hop: alert.hop,
            before: alert.before.as_ref().map(|value| self.told(alert, value)),
            after: alert.after.as_ref().map(|value| self.told(alert, value)),
            message: alert::message(alert),
        }
    }

    fn told(&mut self, alert: &Alert, value: &serde_json::Value) -> serde_json::Value {
        let keeps_own_as = self.own.is_none();
        let coarse_rtt = self.coarse_rtt;
        alert::Told { addresses: &mut self.addresses, keeps_own_as, coarse_rtt }
            .value(alert.kind, value)
    }

    /// The pseudonym of a member that should be an address; what is none has one like a name's.
    fn address(&mut self, text: Option<&str>) -> Option<String> {
        text.map(|text| self.address_or_name(text))
    }

    /// The pseudonym of a place that was given a name, which may well say where it is.
    fn vantage(&mut self, name: Option<&str>) -> Option<String> {
        name.map(|name| self.names.host(name))
    }

    fn address_or_name(&mut self, text: &str) -> String {
        match self.addresses.pseudonym_of_text(text) {
            Some(address) => address,
            None => self.names.host(text),
        }
    }

    fn probe(&self, probe: &Probe) -> Probe {
        Probe {
            rtt_ms: probe.rtt_ms.map(|rtt| self.milliseconds(rtt)),
            at_most: probe.at_most,
            ok: probe.ok,
            flow: probe.flow,
            at: probe.at.map(|at| self.time(at)),
        }
    }

    /// The statistics, of the coarse RTTs where RTTs are coarse.
    fn rtt(&self, rtt: &Rtt, probes: &[Probe]) -> Rtt {
        if !self.coarse_rtt {
            return *rtt;
        }
        let rtts: Vec<_> = probes.iter().filter_map(|probe| probe.rtt_ms).collect();
        Rtt::of(&rtts).unwrap_or_else(|| Rtt {
            min: rtt.min.ceil(),
            avg: rtt.avg.ceil(),
            median: rtt.median.map(f64::ceil),
            max: rtt.max.ceil(),
            stddev: rtt.stddev.map(f64::ceil),
            jitter: rtt.jitter.map(f64::ceil),
        })
    }

    fn label(&self, label: MplsLabel) -> MplsLabel {
        MplsLabel { label: self.names.label(label.label), ..label }
    }

    /// The address; name and index are what its operator calls it.
    fn interface(&mut self, interface: &Interface) -> Option<Interface> {
        Some(Interface {
            role: word::interface_role(&interface.role)?,
            index: None,
            ip: interface.ip.map(|ip| self.addresses.pseudonym(ip)),
            name: None,
            mtu: interface.mtu,
        })
    }

    /// Whose the hop is, unless that says where the trace began or whom it was for. The prefix
    /// would give the address away.
    fn asn(&mut self, hop: &Hop, asn: &Asn) -> Option<Asn> {
        if self.own.as_mut().is_some_and(|own| own.is(hop, asn)) {
            return None;
        }
        if asn.org.as_ref().is_some_and(|org| names_host(org, &hop.host)) {
            return None;
        }
        let org = asn.org.as_ref().filter(|org| !is_telling(org) && !names_hop(org, hop));
        Some(Asn {
            number: asn.number,
            org: org.cloned(),
            prefix: None,
            country: asn.country.as_deref().and_then(word::country_code),
            registry: asn.registry.as_deref().and_then(word::registry),
            origins: asn.origins.clone(),
            reserved: asn.reserved.as_deref().and_then(word::reserved),
            source: asn.source.as_deref().map(word::source),
            error: withheld(asn.error.as_ref()),
        })
    }

    /// Never sooner than it was: an RTT that is too small would put a hop too near.
    fn milliseconds(&self, ms: f64) -> f64 {
        if self.coarse_rtt { ms.ceil() } else { ms }
    }

    fn time(&self, time: Time) -> Time {
        let Some(coarse) = self.coarse_time else { return time };
        let unit = coarse.microseconds();
        Time::from_microseconds(time.as_microseconds().div_euclid(unit) * unit).unwrap_or(time)
    }
}

fn withheld(text: Option<&String>) -> Option<String> {
    text.map(|_| word::WITHHELD.to_owned())
}

fn reply(reply: &Reply) -> Reply {
    Reply { note: reply.note.as_deref().and_then(word::note), ..reply.clone() }
}

/// The country and how far it can be trusted.
fn geo(geo: &Geo) -> Geo {
    let country = word::country(geo.country_code.as_deref(), geo.country.as_deref());
    let (country_code, country) = country.unzip();
    Geo {
        country,
        country_code,
        source: geo.source.as_deref().map(word::source),
        confidence: geo.confidence,
        score: geo.score,
        impossible: geo.impossible,
        anycast: geo.anycast,
        error: withheld(geo.error.as_ref()),
        ..Geo::default()
    }
}

/// Whether the name of an AS holds a part of the host's name.
fn names_host(org: &str, host: &str) -> bool {
    let (org, host) = (org.to_lowercase(), host.to_lowercase());
    let parts = host.split(|c: char| !c.is_alphanumeric());
    parts.filter(|part| part.chars().count() >= TELLING).any(|part| org.contains(part))
}

/// Whether the name of an AS holds a name of the hop.
fn names_hop(org: &str, hop: &Hop) -> bool {
    let org = org.to_lowercase();
    let names = hop.dns.iter().flat_map(|dns| dns.names.iter().chain(&dns.hostname));
    let mut names = names.map(|name| name.trim_end_matches('.').to_lowercase());
    names.any(|name| !name.is_empty() && org.contains(&name))
}

/// Whether the name of an AS may hold an address or a host name, in whatever notation. Its source
/// is a database of ASes, where few do.
fn is_telling(org: &str) -> bool {
    let digits = org.bytes().filter(u8::is_ascii_digit).count();
    let is_hex = |word: &str| word.len() >= 8 && word.bytes().all(|c| c.is_ascii_hexdigit());
    let has_dot = |word: &str| word.trim_matches(|c: char| !c.is_alphanumeric()).contains('.');
    digits > 3
        || org.contains(':')
        || org.split_whitespace().any(has_dot)
        || org.split(|c: char| !c.is_alphanumeric()).any(is_hex)
}

#[cfg(test)]
#[path = "redactor_tests.rs"]
mod tests;
