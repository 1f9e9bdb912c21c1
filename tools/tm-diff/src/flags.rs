//! The flags of `tm-diff`.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as ValueError, StrDeserializer};
use tm_schema::Time;
use tm_stream::cli::Common;

const EXAMPLES: &str = "\
Examples:
  tm-diff before.ndjson after.ndjson        two traces, or all rounds of two logs
  tm-diff --last monday.log tuesday.log     the last round of each
  tm-diff watch.log                         the first round of a log against its last
  tm-diff --last watch.log                  its last two rounds
  tm-diff --at 2026-11-24T10:00 watch.log   the round then against the last
  tm-diff --split 2026-11-24T10:00 watch.log   all rounds before against all from then on
  tm-probe --flows 16 example.com | tm-diff good.ndjson - --ignore rtt
  tm-diff --format ndjson a b | jq -c '.hops[] | select(.differs)'

Exit code: 0 nothing differs, 1 something differs, 2 they could not be compared.";

/// Compare two traces, or two logs of many
#[derive(Parser, Clone, Debug)]
#[command(name = "tm-diff", version, max_term_width = 100, after_long_help = EXAMPLES)]
pub(crate) struct Flags {
    /// Before and after; one file: its rounds among each other; `-` or none: stdin
    #[arg(value_name = "FILE", num_args = 0..=2, help_heading = "Input")]
    pub(crate) files: Vec<PathBuf>,

    /// Stop at the first line that is no record, with exit code 2
    #[arg(long, help_heading = "Input")]
    pub(crate) strict: bool,

    /// Only this host; repeat for several
    #[arg(long, value_name = "HOST", help_heading = "Input")]
    pub(crate) host: Vec<String>,

    #[command(flatten)]
    pub(crate) rounds: Rounds,

    /// What not to compare
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        value_name = "LIST",
        help_heading = "Comparison"
    )]
    pub(crate) ignore: Vec<Aspect>,

    /// Smallest change of the median RTT that counts: 5 or 5ms, or 10% of what it was
    #[arg(long, value_name = "MS|PCT", default_value = "1ms", value_parser = threshold, help_heading = "Comparison")]
    pub(crate) rtt_threshold: Threshold,

    /// Leave out a responder seen in less than this part of the rounds in which the usual one of
    /// its TTL is seen
    #[arg(long, value_name = "PCT", default_value = "5", value_parser = percent, help_heading = "Comparison")]
    pub(crate) rare: f64,

    /// What to write
    #[arg(long, value_enum, default_value_t = Format::Table, help_heading = "Output")]
    pub(crate) format: Format,

    /// Show names, RTT, loss, AS and place too
    #[arg(long, help_heading = "Output")]
    pub(crate) wide: bool,

    /// Columns of text to fill [default: the terminal's, or 80]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(40..), help_heading = "Output")]
    pub(crate) width: Option<u16>,

    #[command(flatten)]
    pub(crate) common: Common,
}

/// Which rounds to compare.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Rounds")]
#[group(id = "which", multiple = false)]
pub(crate) struct Rounds {
    /// The trace of this id, or of the only id that begins so; twice with one file: A and B.
    /// Of two files, one that has no such trace is taken whole
    #[arg(long, value_name = "ID", action = clap::ArgAction::Append)]
    pub(crate) trace: Vec<String>,

    /// The last round of each file; of one file, its last two
    #[arg(long)]
    pub(crate) last: bool,

    /// The last round begun at or before TIME (UTC, unless it names a zone); twice: A and B
    #[arg(long, value_name = "TIME", value_parser = time, action = clap::ArgAction::Append)]
    pub(crate) at: Vec<Time>,

    /// Of one file: all rounds begun before TIME against all begun from then on
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) split: Option<Time>,
}

/// What is compared and can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub(crate) enum Aspect {
    /// Round-trip times
    Rtt,
    /// Lost probes
    Loss,
    /// Names (tm-dns)
    Dns,
    /// Origin ASes and the AS path (tm-asn)
    Asn,
    /// Places (tm-geo)
    Geo,
    /// MPLS labels
    Mpls,
    /// What else an answer says, such as !X
    Reply,
    /// Hops that answer on one side only
    Silence,
    /// What a load balancer can explain
    Balancing,
    /// The address that the host's name led to
    Target,
    /// Whether the destination answered
    Reached,
}

/// The smallest change of an RTT that counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Threshold {
    Milliseconds(f64),
    Percent(f64),
}

/// What to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Side by side, in a box
    Table,
    /// One below the other, as diff -u does
    Unified,
    /// A table for issues and chats
    Markdown,
    /// One JSON object a line for each pair of paths
    Ndjson,
}

fn threshold(text: &str) -> Result<Threshold, String> {
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|n| (0.0..=1e6).contains(n));
    match (text.strip_suffix('%'), text.strip_suffix("ms").unwrap_or(text)) {
        (Some(part), _) => number(part).map(Threshold::Percent),
        (None, ms) => number(ms).map(Threshold::Milliseconds),
    }
    .ok_or_else(|| "it must be milliseconds or a percentage: 5, 5ms, 10%".to_owned())
}

fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).parse::<f64>().ok();
    number
        .filter(|n| (0.0..=100.0).contains(n))
        .ok_or_else(|| "it must be a percentage from 0 to 100".to_owned())
}

/// RFC 3339, or its beginning, in UTC.
fn time(text: &str) -> Result<Time, String> {
    let text = text.trim();
    let read = |text: &str| {
        let text: StrDeserializer<ValueError> = text.into_deserializer();
        Time::deserialize(text).ok()
    };
    let written = [text.to_owned(), format!("{text}Z"), format!("{text}T00:00:00Z")];
    written.iter().find_map(|text| read(text)).ok_or_else(|| {
        "it must be a time: 2026-11-24, 2026-11-24T10:00, 2026-11-24T10:00:00.5+01:00".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        let at = |text: &str| time(text).map(|time| time.to_string());
        assert_eq!(at("2026-11-24"), Ok("2026-11-24T00:00:00.000000Z".to_owned()));
        assert_eq!(at("2026-11-24T10:00"), Ok("2026-11-24T10:00:00.000000Z".to_owned()));
        assert_eq!(at("2026-11-24 10:00:30"), Ok("2026-11-24T10:00:30.000000Z".to_owned()));
        assert_eq!(at("2026-11-24T10:00:00+01:00"), Ok("2026-11-24T09:00:00.000000Z".to_owned()));
        assert!(at("ten o'clock").is_err() && at("").is_err() && at("2026-13-01").is_err());
    }

    #[test]
    fn thresholds_are_milliseconds_or_percent() {
        assert_eq!(threshold("5"), Ok(Threshold::Milliseconds(5.0)));
        assert_eq!(threshold("2.5ms"), Ok(Threshold::Milliseconds(2.5)));
        assert_eq!(threshold("10%"), Ok(Threshold::Percent(10.0)));
        for wrong in ["", "x", "-1", "NaN", "5s", "inf", "%"] {
            assert!(threshold(wrong).is_err(), "{wrong}");
        }
    }
}
