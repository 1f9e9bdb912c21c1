//! The flags of `tm-import`.

use clap::{Parser, ValueEnum};
use tm_schema::{Protocol, Time};
use tm_stream::cli::{Common, Reading};

const EXAMPLES: &str = "\
Examples:
  traceroute -n example.com | tm-import | tm-asn | tm-render
  mtr --raw -n -c 10 example.com | tm-import --host example.com | tm-render
  tm-import --from ripe-atlas results.json | tm-render --each
  tm-import -v *.txt > all.ndjson

What a source does not say is null; docs/import.md has a list for each format. Text that cannot
be read is named on stderr with its file and line, and the rest is imported.";

/// Write hop records from what other traceroutes wrote
#[derive(Parser, Clone, Debug)]
#[command(name = "tm-import", version, max_term_width = 100, after_long_help = EXAMPLES)]
pub(crate) struct Flags {
    #[command(flatten)]
    pub(crate) reading: Reading,

    /// What the input is; -v says what `auto` found
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Auto)]
    pub(crate) from: Format,

    /// The host that was traced, where the source does not say
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Option<String>,

    /// The protocol of the probes, where the source does not say: udp, icmp or tcp
    #[arg(short = 'P', long, value_name = "NAME", value_parser = protocol)]
    pub(crate) protocol: Option<Protocol>,

    /// When it was traced, in RFC 3339, where the source does not say [default: when the file
    /// was last changed; of a pipe: now]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) at: Option<Time>,

    #[command(flatten)]
    pub(crate) common: Common,
}

/// A format to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Whatever it looks like
    Auto,
    /// traceroute and traceroute6 of Linux and of GNU inetutils
    Traceroute,
    /// traceroute and traceroute6 of macOS and the BSDs
    Bsd,
    /// tracert of Windows, in any language
    Tracert,
    /// mtr --json
    MtrJson,
    /// mtr --report, mtr --report-wide
    MtrReport,
    /// mtr --raw
    MtrRaw,
    /// mtr --csv
    MtrCsv,
    /// scamper -O json, `sc_warts2json`: trace and tracelb
    Scamper,
    /// trip --mode json
    Trippy,
    /// nexttrace --json
    NexttraceJson,
    /// nexttrace --raw, nexttrace --mtr --raw
    NexttraceRaw,
    /// dublin-traceroute
    Dublin,
    /// RIPE Atlas traceroute results, an array or one a line
    RipeAtlas,
    /// Globalping measurements, traceroute and mtr
    Globalping,
    /// paris-traceroute
    Paris,
    /// trace.json and watch logs of the Python tracemap
    Tracemap,
}

impl Format {
    /// The name as `--from` takes it.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

fn protocol(text: &str) -> Result<Protocol, String> {
    match text.to_ascii_lowercase().as_str() {
        "udp" => Ok(Protocol::Udp),
        "icmp" => Ok(Protocol::Icmp),
        "tcp" => Ok(Protocol::Tcp),
        _ => Err("it must be udp, icmp or tcp".to_owned()),
    }
}

fn time(text: &str) -> Result<Time, String> {
    text.parse().map_err(|_| "it must look like 2026-11-24T10:00:00Z".to_owned())
}
