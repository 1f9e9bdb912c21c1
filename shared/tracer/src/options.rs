//! What the user asked for.

use std::net::IpAddr;
use std::time::Duration;

use tm_schema::Protocol;

use crate::paths::stopping::Confidence;
use crate::trace::{Plan, Wait};

/// What the user asked for. [`Options::default`] is what `tm-probe HOST` does.
#[derive(Clone, Debug)]
pub struct Options {
    /// Transport of the probes.
    pub protocol: Protocol,
    /// Load balancers see one flow; otherwise every probe is a flow of its own.
    pub paris: bool,
    /// Use no raw sockets, even where they are allowed.
    pub unprivileged: bool,
    /// Destination port; `None`: 33434 for UDP, 80 for TCP.
    pub port: Option<u16>,
    /// Source port of flow 0, or ICMP identifier; `None`: one that is free.
    pub source_port: Option<u16>,
    /// The first TTL probed.
    pub first_hop: u8,
    /// The largest TTL probed.
    pub max_hops: u8,
    /// Probes per TTL and flow.
    pub probes: u16,
    /// From the second round on, other probes, and one after the other.
    pub spread: Option<Spread>,
    /// Flows probed side by side.
    pub flows: u16,
    /// Find every path, this sure that none is missed; otherwise follow `flows` flows.
    pub discover: Option<Confidence>,
    /// Find the path MTU of each hop, along one flow.
    pub mtu: bool,
    /// How long to wait for an answer.
    pub wait: Wait,
    /// Silent hops in a row that end a trace; 0: none do.
    pub gap_limit: u8,
    /// Interface to send from.
    pub interface: Option<String>,
    /// Address to send from.
    pub source: Option<IpAddr>,
    /// TOS octet or traffic class.
    pub tos: u8,
    /// Octets of a whole probe; `None`: 60 for IPv4, 80 for IPv6.
    pub size: Option<usize>,
    /// Packets a second over all traces; 0: no limit.
    pub rate: u32,
    /// Repetitions; 0: until interrupted.
    pub rounds: u64,
    /// From the start of one round to the start of the next.
    pub interval: Duration,
    /// Traces at a time.
    pub parallel: usize,
    /// Time between the first probes of two neighbouring TTLs.
    pub stagger: Duration,
    /// Time between two probes at one TTL.
    pub spacing: Duration,
    /// What the place probed from is called.
    pub vantage: Option<String>,
}

/// Probes of a hop that leave one after the other. The first round, which has yet to find the
/// path, sends [`Options::probes`] close together: those that overshoot a destination would use up
/// the answers that it gives in so short a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spread {
    /// From the first one to the last.
    pub over: Duration,
    /// Probes per TTL and flow.
    pub probes: u16,
}

impl Spread {
    /// Time between two of them.
    pub(crate) fn spacing(self) -> Duration {
        self.over / u32::from(self.probes.saturating_sub(1).max(1))
    }
}

impl Options {
    /// Longest waits, as `-w` says them.
    pub const WAIT: Wait = Wait { max: Duration::from_secs(2), here: 3.0, near: 10.0 };
    /// Time between the first probes of two neighbouring TTLs.
    pub const STAGGER: Duration = Duration::from_micros(500);
    /// Time between two probes at one TTL.
    pub const SPACING: Duration = Duration::from_millis(5);
    /// TTLs in flight beyond the farthest answer.
    const LEAD: u8 = 12;

    /// Destination port; `None` for ICMP.
    pub fn target_port(&self) -> Option<u16> {
        match self.protocol {
            Protocol::Udp => Some(self.port.unwrap_or(33434)),
            Protocol::Tcp => Some(self.port.unwrap_or(80)),
            Protocol::Icmp => None,
        }
    }

    /// The plan of one trace.
    pub(crate) fn plan(&self, serial: bool, longest_wait: Option<Duration>) -> Plan {
        let max = longest_wait.map_or(self.wait.max, |longest| self.wait.max.min(longest));
        Plan {
            first_hop: self.first_hop,
            max_hops: self.max_hops,
            probes: self.probes,
            probes_in_turn: self.probes,
            flows: self.flows,
            wait: Wait { max, ..self.wait },
            gap_limit: self.gap_limit,
            lead: Self::LEAD,
            stagger: self.stagger,
            spacing: self.spacing,
            serial,
            expected_length: None,
        }
    }

    /// The plan of a later round of a trace that began with `first` and met the destination at
    /// `length`.
    pub(crate) fn plan_again(&self, first: &Plan, length: Option<u8>) -> Plan {
        // What sends one probe at a time, or as many as it takes, has a pace of its own.
        let has_own_pace = first.serial || self.discover.is_some() || self.mtu;
        let spread = self.spread.filter(|_| !has_own_pace);
        let (probes, spacing) =
            spread.map_or((first.probes, first.spacing), |way| (way.probes, way.spacing()));
        Plan { probes, spacing, expected_length: length, ..first.clone() }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            protocol: Protocol::Udp,
            paris: true,
            unprivileged: false,
            port: None,
            source_port: None,
            first_hop: 1,
            max_hops: 30,
            probes: 3,
            spread: None,
            flows: 1,
            discover: None,
            mtu: false,
            wait: Self::WAIT,
            gap_limit: 3,
            interface: None,
            source: None,
            tos: 0,
            size: None,
            rate: 0,
            rounds: 1,
            interval: Duration::from_secs(1),
            parallel: 1024,
            stagger: Self::STAGGER,
            spacing: Self::SPACING,
            vantage: None,
        }
    }
}
