//! What must hold of any input: every format reads it to its end, and what it makes of it are
//! records that can be. The property tests and `tests/fuzz` call these.

#![allow(clippy::unwrap_used, clippy::missing_panics_doc)] // these are tests

use std::sync::LazyLock;

use clap::Parser;
use tm_schema::{Hop, Record, Trace};
use tm_stream::{Diagnostics, Output};

use crate::encoding::Source;
use crate::flags::{Flags, Format};
use crate::import::{look, read};
use crate::sink::Sink;

static FLAGS: LazyLock<Flags> = LazyLock::new(|| {
    let args = ["tm-import", "-o", "/dev/null", "--at", "2026-11-24T10:00:00Z"];
    Flags::try_parse_from(args).unwrap()
});
static OUTPUT: LazyLock<Output> =
    LazyLock::new(|| Output::open(FLAGS.common.output.as_deref()).unwrap());

/// By the formats that are for people.
pub fn text(octets: &[u8]) {
    use Format::{MtrCsv, MtrRaw, MtrReport, NexttraceRaw, Traceroute, Tracert};
    by(&[Traceroute, Tracert, MtrReport, MtrRaw, MtrCsv, NexttraceRaw], octets);
}

/// By the formats that are JSON.
pub fn json(octets: &[u8]) {
    use Format::{
        Dublin, Globalping, MtrJson, NexttraceJson, RipeAtlas, Scamper, Tracemap, Trippy,
    };
    by(&[MtrJson, Scamper, Trippy, NexttraceJson, Dublin, RipeAtlas, Globalping, Tracemap], octets);
}

/// Each of the formats reads it, and so does what it is taken for.
fn by(formats: &[Format], octets: &[u8]) {
    let diagnostics = Diagnostics::silent();
    let mut sink = Sink::new(&FLAGS, &OUTPUT, &diagnostics, "test", None);
    for format in formats {
        read(*format, octets, &mut sink).unwrap();
    }
    let mut source = Source::new(octets);
    if let Ok(format) = look(&mut source, "test", &sink) {
        read(format, source, &mut sink).unwrap();
    }
}

/// The records say what can be, and can be read.
pub(crate) fn are_sound(hops: &[Hop], trace: &Trace) {
    for hop in hops {
        assert!(hop.hop > 0 && hop.received <= hop.sent, "{hop:?}");
        assert!((0.0..=100.0).contains(&hop.loss_pct), "{hop:?}");
        assert_eq!(hop.is_timeout, hop.ip.is_none(), "{hop:?}");
        assert!(hop.rtt.is_none_or(|rtt| 0.0 <= rtt.min && rtt.min <= rtt.max), "{hop:?}");
        assert!(hop.flows.is_sorted_by(|one, next| one < next), "{hop:?}");
        is_read(&Record::from(hop.clone()));
    }
    assert!(trace.started_at <= trace.completed_at, "{trace:?}");
    is_read(&Record::from(trace.clone()));
}

/// A number that is none, such as an infinite RTT, is written as null and refused.
fn is_read(record: &Record) {
    let line = serde_json::to_string(record).unwrap();
    let read = Record::from_slice(line.as_bytes());
    assert!(matches!(read, Ok(Record::Hop(_) | Record::Trace(_))), "{line}");
}
