//! `alert`: what tm-watch has to say.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Time;

/// Something changed on a watched path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Alert {
    /// Schema major version.
    #[serde(default = "crate::record::version")]
    pub v: u32,
    /// When it was noticed.
    pub at: Time,
    /// The host watched.
    pub host: String,
    /// The address traced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_ip: Option<String>,
    /// The address probed from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_ip: Option<String>,
    /// The name of the place probed from, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vantage: Option<String>,
    /// The trace that showed it.
    pub trace_id: String,
    /// The round that showed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round: Option<u64>,
    /// What changed.
    pub kind: AlertKind,
    /// What is over, of a `recovered`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<AlertKind>,
    /// When that began, or was noticed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// How bad it is.
    pub severity: Severity,
    /// The TTL concerned; null for the whole path.
    pub hop: Option<u8>,
    /// What it was.
    pub before: Option<Value>,
    /// What it is now.
    pub after: Option<Value>,
    /// One line for a person.
    pub message: String,
}

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// A hop is new, gone or replaced.
    RouteChange,
    /// The sequence of ASes differs.
    AsPathChange,
    /// RTT left its usual range.
    RttChange,
    /// Loss end to end.
    Loss,
    /// The destination no longer answers.
    Unreachable,
    /// An earlier alert is over.
    Recovered,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Worth a look.
    Warning,
    /// Worth waking somebody.
    Critical,
}

impl AlertKind {
    /// The name as the records spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RouteChange => "route_change",
            Self::AsPathChange => "as_path_change",
            Self::RttChange => "rtt_change",
            Self::Loss => "loss",
            Self::Unreachable => "unreachable",
            Self::Recovered => "recovered",
        }
    }
}

impl Severity {
    /// The name as the records spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}
