//! What the rounds of one host say together: the statistics of each TTL and of each responder.

use std::collections::{BTreeMap, BTreeSet};

use tm_path::loss;
use tm_path::sphere::Point;
use tm_schema::{
    Alert, Asn, Dns, Geo, Interface, MplsLabel, Protocol, Reply, Rtt, Stop, Time, Trace,
};

use crate::collect::{Collection, Round};

/// The rounds of one host.
#[derive(Debug, Default)]
pub(crate) struct Session {
    pub(crate) host: String,
    pub(crate) resolved_ip: Option<String>,
    pub(crate) source_ip: Option<String>,
    pub(crate) vantage: Option<String>,
    pub(crate) protocol: Option<Protocol>,
    pub(crate) port: Option<u16>,
    pub(crate) rounds: Vec<Round>,
    pub(crate) dropped_rounds: u64,
    /// By TTL, from the first to the last probed.
    pub(crate) ttls: BTreeMap<u8, Ttl>,
    pub(crate) alerts: Vec<Alert>,
}

/// One TTL.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ttl {
    pub(crate) sent: u64,
    pub(crate) received: u64,
    /// The one that answered most first.
    pub(crate) responders: Vec<Responder>,
    /// Loss here ends farther on: the router answers seldom.
    pub(crate) rate_limited: bool,
}

/// What one address said at one TTL.
#[derive(Clone, Debug, Default)]
pub(crate) struct Responder {
    pub(crate) ip: String,
    pub(crate) rtts: Vec<f64>,
    pub(crate) rtt: Option<Rtt>,
    pub(crate) reply: Option<Reply>,
    pub(crate) mpls: Vec<MplsLabel>,
    pub(crate) interface: Option<Interface>,
    pub(crate) nat: bool,
    pub(crate) flows: Vec<u16>,
    pub(crate) is_destination: bool,
    pub(crate) is_private: bool,
    pub(crate) dns: Option<Dns>,
    pub(crate) asn: Option<Asn>,
    pub(crate) geo: Option<Geo>,
}

impl From<Collection> for Session {
    fn from(collection: Collection) -> Self {
        let mut session = Self {
            rounds: collection.rounds.into(),
            dropped_rounds: collection.dropped,
            alerts: collection.alerts.into(),
            ..Self::default()
        };
        session.identify();
        for round in &session.rounds {
            // Records of one TTL repeat its counts; they count once a round.
            let mut counted = BTreeSet::new();
            for hop in &round.hops {
                let ttl = session.ttls.entry(hop.hop).or_default();
                ttl.add(hop, counted.insert(hop.hop));
            }
        }
        session.finish();
        session
    }
}

impl Session {
    fn identify(&mut self) {
        for round in self.rounds.iter().rev() {
            if let Some(end) = &round.end {
                self.host.clone_from(&end.host);
                (self.protocol, self.port) = (end.protocol, end.port);
                (self.resolved_ip, self.source_ip, self.vantage) =
                    (end.resolved_ip.clone(), end.source_ip.clone(), end.vantage.clone());
                return;
            }
            if let Some(hop) = round.hops.first() {
                self.host.clone_from(&hop.host);
                (self.protocol, self.port) = (hop.protocol, hop.port);
                (self.resolved_ip, self.source_ip, self.vantage) =
                    (hop.resolved_ip.clone(), hop.source_ip.clone(), hop.vantage.clone());
            }
        }
    }

    fn finish(&mut self) {
        for ttl in self.ttls.values_mut() {
            for responder in &mut ttl.responders {
                // Imported records may have statistics and no single time.
                responder.rtt = Rtt::of(&responder.rtts).or(responder.rtt.take());
            }
            ttl.responders.sort_by_key(|responder| std::cmp::Reverse(responder.rtts.len()));
        }
        let limited = loss::is_rate_limiting(&self.losses());
        for (ttl, limited) in self.ttls.values_mut().zip(limited) {
            ttl.rate_limited = limited;
        }
    }

    /// The loss of each TTL in percent; `None`: nobody answered.
    pub(crate) fn losses(&self) -> Vec<Option<f64>> {
        let answered = |ttl: &Ttl| (!ttl.responders.is_empty()).then(|| ttl.loss_pct());
        self.ttls.values().map(answered).collect()
    }

    /// Where it was probed from: the name of the place, its address, or both.
    pub(crate) fn origin(&self) -> Option<String> {
        match (&self.vantage, &self.source_ip) {
            (Some(name), Some(ip)) => Some(format!("{name} ({ip})")),
            (one, other) => one.as_ref().or(other.as_ref()).cloned(),
        }
    }

    /// How the last round ended, where that is known.
    pub(crate) fn end(&self) -> Option<&Trace> {
        self.rounds.iter().rev().find_map(|round| round.end.as_ref())
    }

    /// Why the last round ended, where that is known.
    pub(crate) fn stop(&self) -> Option<Stop> {
        self.end()?.stop
    }

    /// When the first probe left.
    pub(crate) fn started_at(&self) -> Option<Time> {
        let of_round = |round: &Round| {
            let end = round.end.as_ref().map(|end| end.started_at);
            end.or(round.hops.iter().map(|hop| hop.at).min())
        };
        self.rounds.iter().filter_map(of_round).min()
    }

    /// When the last round was over, as far as anybody said.
    pub(crate) fn completed_at(&self) -> Option<Time> {
        let of_round = |round: &Round| {
            let end = round.end.as_ref().map(|end| end.completed_at);
            end.or(round.hops.iter().map(|hop| hop.at).max())
        };
        self.rounds.iter().filter_map(of_round).max()
    }

    /// The farthest TTL at which anybody answered; 0: nowhere.
    pub(crate) fn farthest(&self) -> u8 {
        let answered = self.ttls.iter().filter(|(_, ttl)| !ttl.responders.is_empty());
        answered.map(|(&hop, _)| hop).max().unwrap_or(0)
    }

    /// The TTLs up to the farthest that anybody answered at, each with its first responder.
    pub(crate) fn path(&self) -> impl Iterator<Item = (u8, &Ttl, Option<&Responder>)> {
        let farthest = self.farthest();
        let on_it = self.ttls.iter().take_while(move |(hop, _)| **hop <= farthest);
        on_it.map(|(&hop, ttl)| (hop, ttl, ttl.responders.first()))
    }

    /// The TTL at which the destination answered.
    pub(crate) fn destination(&self) -> Option<(u8, &Ttl, &Responder)> {
        self.ttls.iter().find_map(|(&hop, ttl)| {
            let found = ttl.responders.iter().find(|responder| responder.is_destination)?;
            Some((hop, ttl, found))
        })
    }
}

impl Ttl {
    fn add(&mut self, hop: &tm_schema::Hop, first_of_round: bool) {
        if first_of_round {
            self.sent += u64::from(hop.sent);
            self.received += u64::from(hop.received);
        }
        let Some(ip) = &hop.ip else { return };
        let known = self.responders.iter().position(|responder| responder.ip == *ip);
        let at = known.unwrap_or_else(|| {
            self.responders.push(Responder { ip: ip.clone(), ..Responder::default() });
            self.responders.len() - 1
        });
        if let Some(responder) = self.responders.get_mut(at) {
            responder.add(hop);
        }
    }

    /// Loss over all probes, in percent.
    pub(crate) fn loss_pct(&self) -> f64 {
        match self.sent {
            0 => 0.0,
            sent => 100.0 * sent.saturating_sub(self.received) as f64 / sent as f64,
        }
    }
}

impl Responder {
    fn add(&mut self, hop: &tm_schema::Hop) {
        self.rtt = hop.rtt.or(self.rtt.take());
        self.rtts.extend(hop.probes.iter().filter_map(|probe| probe.rtt_ms));
        self.flows.extend(
            hop.flows.iter().filter(|flow| !self.flows.contains(flow)).copied().collect::<Vec<_>>(),
        );
        self.flows.sort_unstable();
        self.reply = hop.reply.clone().or(self.reply.take());
        self.mpls.clone_from(&hop.mpls);
        self.interface = hop.interface.clone().or(self.interface.take());
        self.nat |= hop.nat == Some(true);
        self.is_destination |= hop.is_destination;
        self.is_private |= hop.is_private;
        self.dns = hop.dns.clone().or(self.dns.take());
        self.asn = hop.asn.clone().or(self.asn.take());
        self.geo = hop.geo.clone().or(self.geo.take());
    }

    /// The name to show.
    pub(crate) fn hostname(&self) -> Option<&str> {
        self.dns.as_ref()?.hostname.as_deref().filter(|name| !name.is_empty())
    }

    /// Where it stands, if anybody said so and it is a place.
    pub(crate) fn point(&self) -> Option<Point> {
        let geo = self.geo.as_ref()?;
        Point::new(geo.lat?, geo.lon?)
    }

    /// Its place cannot be right.
    pub(crate) fn is_impossible(&self) -> bool {
        self.geo.as_ref().is_some_and(|geo| geo.impossible)
    }
}
