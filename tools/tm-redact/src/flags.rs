//! The flags of `tm-redact`.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use tm_stream::cli::{Common, Reading};

use crate::line;

const EXAMPLES: &str = "\
Examples:
  tm-redact trace.ndjson -o shared.ndjson           the same pseudonyms as in every run of yours
  tm-redact --one-time trace.ndjson                 pseudonyms that nobody can join or undo
  tm-probe example.com | tm-asn | tm-redact | tm-render
  tm-redact --own-as keep --coarse-time hour --coarse-rtt trace.ndjson
  tm-redact --keep site trace.ndjson                a member of your own that harms nobody

What is left: TTLs, RTTs, losses, times, replies, AS facts but for the prefix, countries. Addresses
and host names become pseudonyms: the same one for the same key, addresses that share a prefix
still share one, private ones stay private. Everything else goes. A line that is no record is
dropped, never passed through. Redact last: pseudonyms look like addresses, and looking them up
would find somebody else.

The key is made in $XDG_STATE_HOME/tracemap/redact.key when it is first needed; whoever has it
can undo the addresses.";

/// Take what identifies out of records, so that they can be shared
#[derive(Parser, Clone, Debug)]
#[command(name = "tm-redact", version, max_term_width = 100, after_long_help = EXAMPLES)]
pub(crate) struct Flags {
    #[command(flatten)]
    pub(crate) reading: Reading,

    /// The key: 32 octets or 64 hex digits, in a file that nobody else may read [default: the
    /// key of the state folder]
    #[arg(long, value_name = "FILE", conflicts_with = "one_time", help_heading = "Key")]
    pub(crate) key_file: Option<PathBuf>,

    /// Use a key that is forgotten with this run
    #[arg(long, help_heading = "Key")]
    pub(crate) one_time: bool,

    /// The AS that traces begin in: that of the first responder of a trace that has one
    #[arg(long, value_enum, default_value_t = OwnAs::Drop, help_heading = "What is left")]
    pub(crate) own_as: OwnAs,

    /// Round RTTs up to whole milliseconds
    #[arg(long, help_heading = "What is left")]
    pub(crate) coarse_rtt: bool,

    /// Round times down
    #[arg(long, value_enum, value_name = "TO", help_heading = "What is left")]
    pub(crate) coarse_time: Option<CoarseTime>,

    /// Keep a member that tracemap does not know, as it stands; may be repeated
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = unknown_member)]
    #[arg(help_heading = "What is left")]
    pub(crate) keep: Vec<String>,

    /// Keep records of a type that tracemap does not know, as they stand; may be repeated
    #[arg(long, value_name = "TYPE", value_delimiter = ',', value_parser = unknown_type)]
    #[arg(help_heading = "What is left")]
    pub(crate) keep_type: Vec<String>,

    #[command(flatten)]
    pub(crate) common: Common,
}

/// What becomes of the AS that traces begin in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OwnAs {
    /// It stays
    Keep,
    /// It goes
    Drop,
}

/// How exact times are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CoarseTime {
    /// To the minute
    Minute,
    /// To the hour
    Hour,
    /// To the day, UTC
    Day,
}

impl CoarseTime {
    /// Its length in microseconds.
    pub(crate) fn microseconds(self) -> i64 {
        1_000_000
            * match self {
                Self::Minute => 60,
                Self::Hour => 3600,
                Self::Day => 86_400,
            }
    }
}

fn unknown_member(name: &str) -> Result<String, String> {
    match line::MEMBERS.iter().any(|(_, members)| members.contains(&name)) {
        true => Err("tracemap knows it, and redacts it".to_owned()),
        false => Ok(name.to_owned()),
    }
}

fn unknown_type(name: &str) -> Result<String, String> {
    match line::MEMBERS.iter().any(|(kind, _)| *kind == name) {
        true => Err("tracemap knows it, and redacts it".to_owned()),
        false => Ok(name.to_owned()),
    }
}
