//! A hop record as one flat row: the columns that CSV, Parquet and SQLite share.

use std::borrow::Cow;

use tm_schema::{Hop, Time};

use crate::words::confidence;

/// A column.
#[derive(Clone, Copy)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) get: for<'a> fn(&'a Hop) -> Value<'a>,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Integer,
    Real,
    Boolean,
    Text,
    Time,
}

/// A cell.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Null,
    Integer(i64),
    Real(f64),
    Boolean(bool),
    Text(Cow<'a, str>),
    Time(Time),
}

impl<'a> Value<'a> {
    fn text(text: Option<&'a str>) -> Self {
        text.map_or(Self::Null, |text| Self::Text(Cow::Borrowed(text)))
    }

    fn real(number: Option<f64>) -> Self {
        number.filter(|number| number.is_finite()).map_or(Self::Null, Self::Real)
    }

    fn integer(number: Option<impl Into<i64>>) -> Self {
        number.map_or(Self::Null, |number| Self::Integer(number.into()))
    }
}

/// Lists in a cell are JSON.
fn json(list: &impl serde::Serialize) -> Value<'static> {
    Value::Text(Cow::Owned(serde_json::to_string(list).unwrap_or_default()))
}

macro_rules! column {
    ($name:literal, $kind:ident, |$hop:ident| $value:expr) => {
        Column { name: $name, kind: Kind::$kind, get: |$hop| $value }
    };
}

/// All columns, in order.
pub(crate) const COLUMNS: &[Column] = &[
    column!("trace_id", Text, |hop| Value::text(Some(&hop.trace_id))),
    column!("host", Text, |hop| Value::text(Some(&hop.host))),
    column!("resolved_ip", Text, |hop| Value::text(hop.resolved_ip.as_deref())),
    column!("source_ip", Text, |hop| Value::text(hop.source_ip.as_deref())),
    column!("vantage", Text, |hop| Value::text(hop.vantage.as_deref())),
    column!("protocol", Text, |hop| Value::text(hop.protocol.map(tm_schema::Protocol::as_str))),
    column!("port", Integer, |hop| Value::integer(hop.port)),
    column!("round", Integer, |hop| Value::Integer(i64::try_from(hop.round).unwrap_or(i64::MAX))),
    column!("at", Time, |hop| Value::Time(hop.at)),
    column!("hop", Integer, |hop| Value::Integer(hop.hop.into())),
    column!("ip", Text, |hop| Value::text(hop.ip.as_deref())),
    column!("hostname", Text, |hop| Value::text(
        hop.dns.as_ref().and_then(|dns| dns.hostname.as_deref())
    )),
    column!("sent", Integer, |hop| Value::Integer(hop.sent.into())),
    column!("received", Integer, |hop| Value::Integer(hop.received.into())),
    column!("loss_pct", Real, |hop| Value::real(Some(hop.loss_pct))),
    column!("rtt_min", Real, |hop| Value::real(hop.rtt.map(|rtt| rtt.min))),
    column!("rtt_avg", Real, |hop| Value::real(hop.rtt.map(|rtt| rtt.avg))),
    column!("rtt_median", Real, |hop| Value::real(hop.rtt.and_then(|rtt| rtt.median))),
    column!("rtt_max", Real, |hop| Value::real(hop.rtt.map(|rtt| rtt.max))),
    column!("rtt_stddev", Real, |hop| Value::real(hop.rtt.and_then(|rtt| rtt.stddev))),
    column!("jitter", Real, |hop| Value::real(hop.rtt.and_then(|rtt| rtt.jitter))),
    column!("rtts", Text, |hop| json(
        &hop.probes.iter().filter_map(|probe| probe.rtt_ms).collect::<Vec<_>>()
    )),
    column!("flows", Text, |hop| json(&hop.flows)),
    column!("reply", Text, |hop| {
        let kind = hop.reply.as_ref().and_then(|reply| serde_json::to_value(reply.kind).ok());
        match kind {
            Some(serde_json::Value::String(kind)) => Value::Text(kind.into()),
            _ => Value::Null,
        }
    }),
    column!("icmp_type", Integer, |hop| Value::integer(
        hop.reply.as_ref().and_then(|reply| reply.icmp_type)
    )),
    column!("icmp_code", Integer, |hop| Value::integer(
        hop.reply.as_ref().and_then(|reply| reply.code)
    )),
    column!("reply_ttl", Integer, |hop| Value::integer(
        hop.reply.as_ref().and_then(|reply| reply.ttl)
    )),
    column!("note", Text, |hop| Value::text(
        hop.reply.as_ref().and_then(|reply| reply.note.as_deref())
    )),
    column!("mpls_labels", Text, |hop| json(
        &hop.mpls.iter().map(|label| label.label).collect::<Vec<_>>()
    )),
    column!("mtu", Integer, |hop| Value::integer(hop.mtu.and_then(|mtu| mtu.octets))),
    column!("asn", Integer, |hop| Value::integer(hop.asn.as_ref().and_then(|asn| asn.number))),
    column!("as_org", Text, |hop| Value::text(hop.asn.as_ref().and_then(|asn| asn.org.as_deref()))),
    column!("prefix", Text, |hop| Value::text(
        hop.asn.as_ref().and_then(|asn| asn.prefix.as_deref())
    )),
    column!("lat", Real, |hop| Value::real(hop.geo.as_ref().and_then(|geo| geo.lat))),
    column!("lon", Real, |hop| Value::real(hop.geo.as_ref().and_then(|geo| geo.lon))),
    column!("city", Text, |hop| Value::text(hop.geo.as_ref().and_then(|geo| geo.city.as_deref()))),
    column!("country_code", Text, |hop| Value::text(
        hop.geo.as_ref().and_then(|geo| geo.country_code.as_deref())
    )),
    column!("geo_source", Text, |hop| Value::text(
        hop.geo.as_ref().and_then(|geo| geo.source.as_deref())
    )),
    column!("confidence", Text, |hop| Value::text(
        hop.geo.as_ref().and_then(|geo| geo.confidence).map(confidence)
    )),
    column!("impossible", Boolean, |hop| hop
        .geo
        .as_ref()
        .map_or(Value::Null, |geo| Value::Boolean(geo.impossible))),
    column!("is_destination", Boolean, |hop| Value::Boolean(hop.is_destination)),
    column!("is_private", Boolean, |hop| Value::Boolean(hop.is_private)),
    column!("is_timeout", Boolean, |hop| Value::Boolean(hop.is_timeout)),
];
