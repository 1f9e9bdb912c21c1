//! What the filters add to a hop: names, origin AS, place. Every member says its source.
//!
//! Looked up in vain: `error` is set. Looked up, and there is none: only `source` is set.

use serde::{Deserialize, Serialize};

/// Names of a responder, from tm-dns.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Dns {
    /// The name to show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// All PTR names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// The name resolves back to the address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified: Option<bool>,
    /// What each server says (`tm-dns --compare-resolvers`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resolvers: Vec<ResolverSays>,
    /// What each server says of the target's own name, on the destination's record.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub target: Vec<ResolverSays>,
    /// Who said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Why there is no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What one DNS server says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ResolverSays {
    /// The server, address and port.
    pub source: String,
    /// Names of an address, or addresses of a name; none: there is no such name.
    pub says: Vec<String>,
    /// Why it says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Origin AS of a responder, from tm-asn.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Asn {
    /// AS number; absent where there are several and none comes first, or it is reserved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<u32>,
    /// Organisation that holds the AS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub org: Option<String>,
    /// The prefix that this is known of: the announced one, where the source knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Country of registration, ISO 3166 alpha-2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// Regional registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registry: Option<String>,
    /// Every origin AS, where a prefix has several or only a reserved one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<u32>,
    /// Among the origins is a number that says nothing of who it is: `private`, `documentation`,
    /// `transition` (AS 23456) or `reserved`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reserved: Option<String>,
    /// Who said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Why there is no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// How far a place can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// A guess of one source, or a contradicted one.
    Low,
    /// One good source, uncontradicted.
    Medium,
    /// Independent sources agree.
    High,
}

/// One reason to believe a place.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Evidence {
    /// Who says so: `name`, a database's file name, a provider, `rtt`.
    pub source: String,
    /// What it says, for a person.
    pub says: String,
    /// What it adds to the score; negative where it speaks against the place.
    pub score: f64,
}

/// Place of a responder, from tm-geo.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Geo {
    /// Latitude in degrees, north positive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lat: Option<f64>,
    /// Longitude in degrees, east positive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lon: Option<f64>,
    /// City.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// Region or state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Country.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// ISO 3166 alpha-2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country_code: Option<String>,
    /// Radius of uncertainty in kilometres.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accuracy_km: Option<f64>,
    /// Who said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// How far to trust it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Confidence>,
    /// The score behind the confidence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// What supports it, the strongest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
    /// What contradicts it, a sentence each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<String>,
    /// The responder answered sooner than light could have been there and back: it stands
    /// elsewhere, and nobody said where.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub impossible: bool,
    /// The address is announced from several places; this is one of them, or near one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub anycast: bool,
    /// Why there is no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}
