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
    /// The trace that showed it.
    pub trace_id: String,
    /// What changed.
    pub kind: AlertKind,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
