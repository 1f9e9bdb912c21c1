//! The records that tracemap's tools write to each other, one JSON object a line.
//!
//! This crate holds plain types and their JSON form: no input or output, no clock. The meaning
//! of every member, its unit and its source is on the member itself; `docs/schema.json` is
//! generated from here.
//!
//! ```
//! use tm_schema::Record;
//!
//! let line = r#"{"type":"note","text":"a stranger's record"}"#;
//! let record: Record = serde_json::from_str(line)?;
//! assert!(matches!(record, Record::Other(raw) if raw.get() == line));
//! # Ok::<(), serde_json::Error>(())
//! ```

mod alert;
mod enrichment;
mod hop;
mod mtu;
mod record;
mod time;
mod trace;

pub use alert::{Alert, AlertKind, Severity};
pub use enrichment::{Asn, Confidence, Dns, Evidence, Geo, ResolverSays};
pub use hop::{Hints, Hop, Interface, MplsLabel, Probe, Reply, ReplyKind, Rtt, loss_pct};
pub use mtu::{Mtu, MtuDrop, MtuLimit, PathMtu};
pub use record::Record;
pub use time::Time;
pub use trace::{
    Backward, Balancing, Diamond, Ignored, Method, Paths, Routers, Stop, StopSetUse, Trace,
};

use serde::{Deserialize, Serialize};

/// The major version of the schema, written as `v`.
pub const VERSION: u32 = 1;

/// The transport of the probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// UDP datagrams to a port that is expected to be closed (RFC 768, RFC 792).
    Udp,
    /// ICMP or `ICMPv6` echo requests (RFC 792, RFC 4443).
    Icmp,
    /// TCP SYN segments (RFC 9293).
    Tcp,
}

impl Protocol {
    /// The name as the records spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Icmp => "icmp",
            Self::Tcp => "tcp",
        }
    }
}
