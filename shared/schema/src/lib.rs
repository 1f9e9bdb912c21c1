//! The records that tracemap's tools write to each other, one JSON object a line.
//!
//! This crate holds plain types and their JSON form: no input or output, no clock. The meaning
//! of every member, its unit and its source is on the member itself; `docs/schema.json` is
//! generated from here.
//!
//! The path of a trace, from the lines that the tools write:
//!
//! ```
//! use tm_schema::Record;
//!
//! let lines = [
//!     r#"{"type":"hop","v":1,"trace_id":"t","host":"example.com","resolved_ip":"192.0.2.9",
//!         "source_ip":"192.0.2.1","protocol":"udp","port":33434,"round":1,
//!         "at":"2026-11-24T10:00:00.000000Z","hop":1,"ip":"198.51.100.1",
//!         "probes":[{"rtt_ms":0.6,"ok":true,"flow":0}],"sent":1,"received":1,"loss_pct":0.0,
//!         "rtt":{"min":0.6,"avg":0.6,"median":0.6,"max":0.6,"stddev":0.0,"jitter":0.0},
//!         "reply":null,"flows":[0],"is_destination":false,"is_private":false,
//!         "is_timeout":false,"mine":{"kept":"by whoever passes the line on"}}"#,
//!     r#"{"type":"note","text":"a stranger's record"}"#,
//! ];
//! for line in lines {
//!     match Record::from_slice(line.as_bytes())? {
//!         Record::Hop(hop) => {
//!             let rtt = hop.rtt.map_or("-".to_owned(), |rtt| format!("{} ms", rtt.min));
//!             let path = format!("{} {} {rtt}", hop.hop, hop.ip.as_deref().unwrap_or("*"));
//!             assert_eq!(path, "1 198.51.100.1 0.6 ms");
//!         }
//!         // Types that this version does not know are kept byte for byte.
//!         Record::Other(raw) => assert_eq!(raw.get(), lines[1]),
//!         Record::Trace(_) | Record::Alert(_) => {}
//!     }
//! }
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! # Compatibility
//!
//! [`VERSION`] is the major version of the records: members and types are added within it, none
//! is taken away or given another meaning. The crate follows semantic versioning, where before 1.0
//! a change that breaks callers raises the minor version; a new member of a struct is such a
//! change, since the structs can be built literally. The oldest Rust that it builds with is
//! stated in `Cargo.toml` (`rust-version`) and raised only with a minor version.
//!
//! The feature `json-schema` derives [JSON Schema](https://json-schema.org) for every record.

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

/// What must hold of any input: `tests/fuzz` calls it.
#[cfg(fuzzing)]
pub mod checks {
    pub use crate::record::check as records;
}

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
