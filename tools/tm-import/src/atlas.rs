//! RIPE Atlas traceroute results: each one a trace of a probe somewhere. Files of them are large,
//! so that they are read in one pass without copying texts; only a result that does not fit is
//! read again hop by hop.

use std::borrow::Cow;
use std::io::Read;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;
use tm_schema::{Method, MplsLabel, Probe, Reply, ReplyKind, Stop, Time};
use tm_stream::Error;

use crate::draft::{Draft, Ttl, answered, lost};
use crate::json::{self, Stopped, Text};
use crate::python::protocol;
use crate::sink::Sink;
use crate::{address, mpls, note, traceroute};

/// The TTL of the last probe, sent when nobody has answered for long: whoever answers stands at no
/// known place on the path.
const LAST_RESORT: u8 = 255;

#[derive(Deserialize)]
struct Measurement<'a, H> {
    #[serde(borrow, rename = "type", default)]
    kind: Option<Cow<'a, str>>,
    #[serde(default)]
    fw: Option<Value>,
    #[serde(default)]
    prb_id: Option<u64>,
    #[serde(default)]
    timestamp: Option<i64>,
    #[serde(default)]
    endtime: Option<i64>,
    #[serde(borrow, alias = "name", default)]
    dst_name: Option<Cow<'a, str>>,
    #[serde(borrow, alias = "addr", default)]
    dst_addr: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    src_addr: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    from: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    proto: Option<Cow<'a, str>>,
    #[serde(default)]
    paris_id: Option<u16>,
    /// Not of firmware 1, where it is a text.
    result: H,
}

#[derive(Deserialize)]
struct Hop<'a> {
    #[serde(rename = "hop", default)]
    number: Option<u8>,
    #[serde(borrow, default)]
    result: Vec<Answer<'a>>,
    #[serde(borrow, default)]
    error: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(default)]
    x: Option<IgnoredAny>,
    #[serde(borrow, default)]
    from: Option<Cow<'a, str>>,
    #[serde(default)]
    rtt: Option<f64>,
    #[serde(default)]
    ttl: Option<u16>,
    #[serde(default)]
    err: Option<Value>,
    /// Of a datagram that was too large.
    #[serde(default)]
    mtu: Option<u32>,
    #[serde(default)]
    late: Option<IgnoredAny>,
    #[serde(default)]
    dup: Option<IgnoredAny>,
    #[serde(borrow, default)]
    flags: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    error: Option<Cow<'a, str>>,
    #[serde(default)]
    icmpext: Option<Extension>,
}

#[derive(Deserialize)]
struct Extension {
    #[serde(default)]
    obj: Vec<Object>,
}

#[derive(Deserialize)]
struct Object {
    #[serde(default)]
    mpls: Vec<Label>,
}

#[derive(Deserialize)]
struct Label {
    #[serde(rename = "label")]
    value: u32,
    exp: u32,
    s: u32,
    ttl: u32,
}

/// Imports every result.
pub(crate) fn read(from: impl Read, sink: &mut Sink) -> Result<(), Error> {
    json::each(from, sink, |text, sink| {
        if let Ok(whole) = serde_json::from_str::<Measurement<Vec<Hop>>>(text.text) {
            return write(&whole, &whole.result, text, sink);
        }
        if let Ok(old) = serde_json::from_str::<Measurement<String>>(text.text) {
            return write_old(&old, text, sink);
        }
        let parts = text.parse::<Measurement<Vec<&RawValue>>>()?;
        let hops = text.parts::<Hop>("result", &parts.result, sink)?;
        write(&parts, &hops, text, sink)
    })
}

fn write<H>(of: &Measurement<H>, hops: &[Hop], text: Text, sink: &mut Sink) -> Result<(), Stopped> {
    let mut draft = of.draft(text)?;
    let paris = of.paris_id.filter(|&id| id > 0);
    for hop in hops {
        draft.error = hop.error.as_deref().map(str::to_owned).or(draft.error.take());
        let Some(number) = hop.number.filter(|&number| number > 0) else { continue };
        if number == LAST_RESORT {
            last_resort(&mut draft, hop);
            continue;
        }
        let is_asked =
            hop.error.is_none() && hop.result.iter().all(|answer| answer.error.is_none());
        if is_asked {
            draft.ttls.entry(number).or_default();
        }
        for answer in &hop.result {
            add(&mut draft, number, answer, paris);
        }
    }
    // Whatever is told as an error ended it.
    let is_target = |ip: &str| draft.target.as_deref() == Some(ip);
    let mut responders = draft.ttls.values().flat_map(|ttl| &ttl.responders);
    if draft.error.is_some() && !responders.any(|responder| is_target(&responder.ip)) {
        draft.stop = Some(Stop::Error);
    }
    draft.assume_time_exceeded();
    json::write(draft, text, sink)
}

/// Firmware 1: the result is what traceroute printed.
fn write_old(of: &Measurement<String>, text: Text, sink: &mut Sink) -> Result<(), Stopped> {
    let Some(printed) = traceroute::one(&of.result) else {
        return Err(Stopped::Bad(text.line, "result: no text of a traceroute".to_owned()));
    };
    let own = of.draft(text)?;
    let draft = Draft {
        host: own.host.or(printed.host),
        target: own.target.or(printed.target),
        max_hops: printed.max_hops,
        ttls: printed.ttls,
        ..own
    };
    json::write(draft, text, sink)
}

impl<H> Measurement<'_, H> {
    fn draft(&self, text: Text) -> Result<Draft, Stopped> {
        if let Some(kind) = self.kind.as_deref().filter(|kind| *kind != "traceroute") {
            return Err(Stopped::Bad(text.line, format!("type: `{kind}` is no traceroute")));
        }
        let time = |seconds: Option<i64>| Time::from_microseconds(seconds?.checked_mul(1_000_000)?);
        let canonical = |ip: &Option<Cow<str>>| ip.as_deref().and_then(address::canonical);
        // What a probe behind a NAT calls itself, thousands do: the public address tells it apart.
        let own = canonical(&self.src_addr);
        let public = canonical(&self.from);
        let source_ip = own.clone().filter(|ip| !address::is_private(ip)).or(public).or(own);
        let target = canonical(&self.dst_addr);
        let host = self.dst_name.as_deref().filter(|name| !name.is_empty()).map(str::to_owned);
        Ok(Draft {
            tool: "ripe-atlas".to_owned(),
            version: self.fw.as_ref().map(Value::to_string).unwrap_or_default(),
            platform: self.prb_id.map(|id| format!("ripe-atlas probe {id}")).unwrap_or_default(),
            host: host.or_else(|| target.clone()),
            target,
            source_ip,
            protocol: self.proto.as_deref().and_then(protocol),
            method: self.paris_id.map(|id| if id > 0 { Method::Paris } else { Method::Classic }),
            started_at: time(self.timestamp),
            completed_at: time(self.endtime),
            ..Draft::default()
        })
    }
}

fn last_resort(draft: &mut Draft, hop: &Hop) {
    draft.stop = Some(Stop::GapLimit);
    let from = |answer: &Answer| answer.from.as_deref().and_then(address::canonical);
    draft.reached = hop.result.iter().any(|answer| {
        let in_time = answer.rtt.is_some() && answer.err.is_none();
        in_time && draft.target.is_some() && from(answer) == draft.target
    });
}

fn add(draft: &mut Draft, number: u8, answer: &Answer, paris: Option<u16>) {
    let by = answer.from.as_deref();
    if answer.late.is_some() || answer.dup.is_some() {
        // The probe that it answers has been counted already.
        draft.ignored.late += u64::from(answer.late.is_some());
        draft.ignored.duplicate += u64::from(answer.late.is_none());
        return;
    }
    if let Some(error) = &answer.error {
        draft.error = Some(error.clone().into_owned());
        return;
    }
    let ttl: &mut Ttl = draft.ttls.entry(number).or_default();
    let Some(ip) = by.and_then(address::canonical) else {
        if answer.x.is_some() || by.is_none() {
            ttl.lost.push(Probe { flow: paris.unwrap_or(0), ..lost() });
        }
        return;
    };
    let by_target = draft.target.as_ref() == Some(&ip);
    let is_v6 = ip.contains(':');
    let responder = ttl.responder(&ip);
    let rtt_ms = answer.rtt.and_then(crate::draft::valid);
    responder.probes.push(Probe { rtt_ms, flow: paris.unwrap_or(0), ..answered(0.0) });
    responder.flows.extend(paris);
    let reply_ttl = answer.ttl.and_then(|ttl| u8::try_from(ttl).ok());
    responder.reply = match (&answer.err, answer.flags.as_deref(), answer.mtu) {
        (Some(err), ..) => Some(refusal(err, is_v6, by_target, reply_ttl)),
        (None, Some(flags), _) => tcp(flags, reply_ttl).or(responder.reply.take()),
        (None, None, Some(mtu)) => {
            let (icmp_type, code) = if is_v6 { (2, 0) } else { (3, 4) };
            let too_large = note::of_icmp(icmp_type, code, is_v6, by_target, reply_ttl);
            Some(Reply { note: Some(format!("!F-{mtu}")), ..too_large })
        }
        (None, None, None) if !by_target => {
            Some(Reply { ttl: reply_ttl, ..note::time_exceeded(is_v6) })
        }
        (None, None, None) => responder.reply.take(),
    };
    if let Some(extension) = &answer.icmpext {
        responder.mpls = extension.obj.iter().flat_map(|obj| &obj.mpls).filter_map(entry).collect();
    }
}

fn entry(label: &Label) -> Option<MplsLabel> {
    mpls::entry(label.value, label.exp, label.s == 1, label.ttl)
}

/// What the letters of `err` stand for; a number is a code that has none.
fn refusal(err: &Value, is_v6: bool, by_target: bool, ttl: Option<u8>) -> Reply {
    let text = err.as_str().map_or_else(|| err.to_string(), str::to_owned);
    let code = match (text.as_str(), is_v6) {
        ("N", _) => Some((false, 0)),
        ("H", false) | ("A", true) => Some((false, 1)),
        ("P", false) | ("h", true) => Some((false, 2)),
        ("p", false) | ("H", true) => Some((false, 3)),
        ("p", true) => Some((false, 4)),
        ("A", false) => Some((false, 13)),
        ("P", true) => Some((true, 1)),
        (number, _) => number.parse().ok().map(|code| (false, code)),
    };
    let icmp_type = |is_parameter: bool| match (is_v6, is_parameter) {
        (false, _) => 3,
        (true, false) => 1,
        (true, true) => 4,
    };
    match code {
        Some((is_parameter, code)) => {
            note::of_icmp(icmp_type(is_parameter), code, is_v6, by_target, ttl)
        }
        None => Reply {
            kind: ReplyKind::DestUnreachable,
            icmp_type: None,
            code: None,
            ttl,
            note: Some(format!("!<{text}>")),
        },
    }
}

/// `SA`, `RA`: the flags of a TCP reply, by their first letters.
fn tcp(flags: &str, ttl: Option<u8>) -> Option<Reply> {
    let kind = match () {
        () if flags.contains('R') => ReplyKind::Rst,
        () if flags.contains('S') && flags.contains('A') => ReplyKind::SynAck,
        () => return None,
    };
    Some(Reply { kind, icmp_type: None, code: None, ttl, note: None })
}
