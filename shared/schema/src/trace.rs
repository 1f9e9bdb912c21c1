//! `trace`: the one line that ends a trace or a round.

use serde::{Deserialize, Serialize};

use crate::{PathMtu, Protocol, Time};

/// The last record of a trace or a round: how it was made and how it ended. What the source of an
/// imported record does not say is null, or an empty text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Trace {
    /// Schema major version.
    #[serde(default = "crate::record::version")]
    pub v: u32,
    /// `UUIDv7` that joins the records of one trace (one round).
    pub trace_id: String,
    /// What was asked for.
    pub host: String,
    /// The address traced; null where the name did not resolve.
    pub resolved_ip: Option<String>,
    /// The address probed from; null where there was no route.
    pub source_ip: Option<String>,
    /// The name of the place probed from, where somebody gave it one (`tm-probe --vantage`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vantage: Option<String>,
    /// Transport of the probes.
    pub protocol: Option<Protocol>,
    /// Destination port; null for ICMP.
    pub port: Option<u16>,
    /// The repetition, from 1.
    #[serde(default = "crate::record::first_round")]
    pub round: u64,
    /// The program that traced.
    pub tool: String,
    /// Its version.
    pub version: String,
    /// Operating system and architecture.
    pub platform: String,
    /// Largest TTL allowed.
    pub max_hops: Option<u8>,
    /// Probes per TTL and flow.
    pub probes: Option<u32>,
    /// Longest wait for an answer, in seconds.
    pub timeout_s: Option<f64>,
    /// How flows were chosen.
    pub method: Option<Method>,
    /// When the trace began.
    pub started_at: Time,
    /// When it ended.
    pub completed_at: Time,
    /// The address traced answered as a destination does.
    pub reached: bool,
    /// Why it ended.
    pub stop: Option<Stop>,
    /// What went wrong; null where nothing did.
    pub error: Option<String>,
    /// TTLs reported.
    pub hops: u32,
    /// TTLs at which anybody answered.
    pub responded: u32,
    /// Probes sent, those beyond the last hop included.
    pub sent: u32,
    /// Probes answered, those beyond the last hop included.
    pub received: u32,
    /// Packets that looked like answers and were not counted as such.
    #[serde(default, skip_serializing_if = "Ignored::is_empty")]
    pub ignored: Ignored,
    /// What `tm-probe --discover-paths` can promise; absent of every other trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paths: Option<Paths>,
    /// How large datagrams may be, from `tm-probe --mtu`; absent of every other trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<PathMtu>,
    /// What `tm-probe --stop-set` left out; absent of every other trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_set: Option<StopSetUse>,
}

/// Which part of a path was probed, where a stop set says what is known already. The TTLs outside
/// were not probed; no record says anything of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct StopSetUse {
    /// The TTL that probing began at, forwards and backwards.
    pub start: u8,
    /// The nearest TTL probed.
    pub first: u8,
    /// The farthest TTL probed, where it ended forwards, for the reason that `stop` gives.
    pub last: u8,
    /// Why it ended backwards.
    pub backward: Backward,
}

/// Why probing towards the source ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Backward {
    /// The responder was met on another path at the same TTL: the way to it is taken as known.
    StopSet,
    /// The first TTL was probed.
    FirstHop,
    /// A signal ended it.
    Interrupted,
}

/// How completely the paths were discovered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Paths {
    /// Wanted, in percent: that no branch of any load balancer was missed.
    pub confidence: f64,
    /// It was wanted of each load balancer by itself, not of all of them together.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub per_balancer: bool,
    /// At most this likely, a branch of any load balancer found was missed; by the probes that
    /// were sent, where every balancer spreads its flows evenly.
    pub failure_bound: f64,
    /// Every stopping point was reached.
    pub complete: bool,
    /// Probes sent, repetitions included.
    pub probes: u32,
    /// Flows used.
    pub flows: u32,
    /// Responders, each counted once a TTL.
    pub nodes: u32,
    /// Pairs of responders at neighbouring TTLs that one flow met.
    pub links: u32,
    /// Where paths part and meet again, nearest first.
    pub diamonds: Vec<Diamond>,
}

impl Paths {
    /// The failure bound in percent, rounded up to what a reader takes in, so that it stays a bound.
    pub fn failure_bound_pct(&self) -> f64 {
        (self.failure_bound * 1e4).ceil() / 1e2
    }
}

/// Where paths part and meet again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Diamond {
    /// The last TTL before the paths part; 0: they part at once.
    pub from: u8,
    /// The first TTL at which they have met again; null where they have not.
    pub to: Option<u8>,
    /// The most responders at one TTL.
    pub width: u32,
    /// What is balanced.
    pub balancing: Balancing,
    /// Somewhere inside, links cross: a responder before and one after have several each.
    pub meshed: bool,
    /// A hint, and no fact: how many routers there may be where it is widest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routers: Option<Routers>,
}

/// How many routers a number of responders may be. A hint: by reply TTLs and MPLS labels alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Routers {
    /// Replies that differ in their initial TTL or labels seem to be of different routers.
    pub at_least: u32,
    /// Replies with the same labels and the same initial TTL seem to be of one router.
    pub at_most: u32,
}

/// What a load balancer shares out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Balancing {
    /// All probes of a flow take one way.
    PerFlow,
    /// Each probe is sent on by itself; equal flows at neighbouring TTLs are no links here.
    PerPacket,
}

/// Packets that looked like answers and were not believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Ignored {
    /// Second and later answers to one probe.
    pub duplicate: u64,
    /// Answers that came after their hop had been reported.
    pub late: u64,
    /// Answers that quote too little to say which probe they answer.
    pub ambiguous: u64,
    /// Answers whose quoted packet names this trace but is none that was sent.
    pub forged: u64,
}

impl Ignored {
    /// Nothing was ignored.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// How flows were chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// What a load balancer hashes stays fixed for a flow (Augustin et al. 2006).
    Paris,
    /// Every probe is a flow of its own.
    Classic,
    /// The Multipath Detection Algorithm (Veitch et al. 2009).
    Mda,
}

/// Why a trace ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// The address traced answered.
    Destination,
    /// Too many silent hops in a row, and nothing beyond them answered.
    GapLimit,
    /// The largest TTL was probed.
    MaxHops,
    /// Somebody on the way said that the destination cannot be reached.
    Unreachable,
    /// The last responder was met before on the way to this address: what lies beyond it is taken
    /// as known, and was not probed (`tm-probe --stop-set`).
    StopSet,
    /// A signal ended it.
    Interrupted,
    /// It could not be made.
    Error,
}

impl Stop {
    /// The name as the records spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Destination => "destination",
            Self::GapLimit => "gap_limit",
            Self::MaxHops => "max_hops",
            Self::Unreachable => "unreachable",
            Self::StopSet => "stop_set",
            Self::Interrupted => "interrupted",
            Self::Error => "error",
        }
    }
}
