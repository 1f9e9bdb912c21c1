//! `--format influx`: line protocol, one line a hop record and one a trace, in nanoseconds.

use std::fmt::Write;

use tm_schema::{Hop, Time, Trace};
use tm_stream::text::visible;
use tm_stream::{Error, Output};

use crate::sink::Sink;

/// Lines.
pub(crate) struct Influx(pub(crate) Output);

impl Sink for Influx {
    fn hop(&mut self, hop: &Hop) -> Result<(), Error> {
        let mut line = Line::new("tracemap_hop");
        line.tag("host", &hop.host);
        line.tag("protocol", hop.protocol.map_or("", tm_schema::Protocol::as_str));
        line.tag("source", hop.source_ip.as_deref().unwrap_or_default());
        line.tag("vantage", hop.vantage.as_deref().unwrap_or_default());
        line.tag("hop", &hop.hop.to_string());
        line.tag("ip", hop.ip.as_deref().unwrap_or_default());
        if let Some(number) = hop.asn.as_ref().and_then(|asn| asn.number) {
            line.tag("asn", &number.to_string());
        }
        line.field("sent", &format!("{}i", hop.sent));
        line.field("received", &format!("{}i", hop.received));
        line.real("loss_pct", hop.loss_pct);
        if let Some(rtt) = &hop.rtt {
            let numbers = [
                ("rtt_min", Some(rtt.min)),
                ("rtt_avg", Some(rtt.avg)),
                ("rtt_median", rtt.median),
                ("rtt_max", Some(rtt.max)),
                ("rtt_stddev", rtt.stddev),
                ("jitter", rtt.jitter),
            ];
            for (name, value) in numbers {
                if let Some(value) = value {
                    line.real(name, value);
                }
            }
        }
        let name = hop.dns.as_ref().and_then(|dns| dns.hostname.as_deref());
        line.text("hostname", name);
        line.text("city", hop.geo.as_ref().and_then(|geo| geo.city.as_deref()));
        Ok(self.0.raw(line.end(hop.at).as_bytes())?)
    }

    fn trace(&mut self, trace: &Trace) -> Result<(), Error> {
        let mut line = Line::new("tracemap_trace");
        line.tag("host", &trace.host);
        line.tag("protocol", trace.protocol.map_or("", tm_schema::Protocol::as_str));
        line.tag("source", trace.source_ip.as_deref().unwrap_or_default());
        line.tag("vantage", trace.vantage.as_deref().unwrap_or_default());
        line.tag("stop", trace.stop.map_or("", tm_schema::Stop::as_str));
        line.field("reached", if trace.reached { "true" } else { "false" });
        for (name, count) in [
            ("hops", trace.hops),
            ("responded", trace.responded),
            ("sent", trace.sent),
            ("received", trace.received),
        ] {
            line.field(name, &format!("{count}i"));
        }
        let micros = trace.completed_at.as_microseconds() - trace.started_at.as_microseconds();
        line.real("duration_s", micros as f64 / 1e6);
        Ok(self.0.raw(line.end(trace.started_at).as_bytes())?)
    }

    fn finish(self: Box<Self>) -> Result<(), Error> {
        Ok(())
    }
}

/// A line that grows: measurement and tags, then fields.
struct Line {
    head: String,
    fields: String,
}

impl Line {
    fn new(measurement: &str) -> Self {
        Self { head: measurement.to_owned(), fields: String::new() }
    }

    /// Empty tags are not allowed, and left out.
    fn tag(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            let _ = write!(self.head, ",{name}={}", escaped(value));
        }
    }

    fn field(&mut self, name: &str, value: &str) {
        let comma = if self.fields.is_empty() { "" } else { "," };
        let _ = write!(self.fields, "{comma}{name}={value}");
    }

    fn real(&mut self, name: &str, value: f64) {
        if value.is_finite() {
            self.field(name, &value.to_string());
        }
    }

    fn text(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            let shown = visible(text).replace('\\', "\\\\").replace('"', "\\\"");
            self.field(name, &format!("\"{shown}\""));
        }
    }

    fn end(self, at: Time) -> String {
        format!("{} {} {}\n", self.head, self.fields, i128::from(at.as_microseconds()) * 1000)
    }
}

/// A tag's value. A newline cannot be escaped, and a backslash at the end would escape what comes
/// next; both are shown as text.
fn escaped(value: &str) -> String {
    let mut safe = String::with_capacity(value.len());
    for c in visible(value).chars() {
        match c {
            ',' | '=' | ' ' => {
                safe.push('\\');
                safe.push(c);
            }
            // There is no way to write one that every reader understands.
            '\\' => safe.push('/'),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_tag_ends_it() {
        assert_eq!(escaped("a b,c=d"), r"a\ b\,c\=d");
        assert_eq!(escaped("x\\"), "x/");
        assert!(!escaped("one\ntwo").contains('\n'));
    }
}
