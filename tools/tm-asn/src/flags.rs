//! The flags of `tm-asn`.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use tm_enrich::flags::{CacheFlags, DnsFlags};
use tm_stream::cli::{Checking, Common, Reading};

const EXAMPLES: &str = "\
Examples:
  tm-probe example.com | tm-asn | tm-render
  tm-asn --db GeoLite2-ASN.mmdb --offline trace.ndjson
  tm-asn --source cymru --resolver 9.9.9.9 trace.ndjson
  tm-asn build ip2asn-combined.tsv.gz -o asn.mmdb

Databases are MMDB files with AS numbers (MaxMind, DB-IP, IPinfo, `tm-asn build`) and text tables
(pyasn, CAIDA pfx2as, iptoasn.com), gzipped or not. Without --db and TRACEMAP_ASN_DB, those in
$XDG_DATA_HOME/tracemap/ are used. What no database knows, Team Cymru is asked over DNS. Private
and other special-purpose addresses are never asked about.";

/// Add origin AS of responders to hop records
#[derive(Parser, Clone, Debug)]
#[command(
    name = "tm-asn",
    version,
    max_term_width = 100,
    after_long_help = EXAMPLES,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true
)]
pub(crate) struct Flags {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    #[command(flatten)]
    pub(crate) reading: Reading,

    /// Database, or a folder of them; several are asked in turn
    #[arg(long, value_name = "FILE", help_heading = "Sources")]
    pub(crate) db: Vec<PathBuf>,

    /// Where to look, in this order
    #[arg(
        long,
        value_name = "LIST",
        value_enum,
        value_delimiter = ',',
        default_value = "db,cymru",
        help_heading = "Sources"
    )]
    pub(crate) source: Vec<Source>,

    /// Send nothing: databases and the cache only
    #[arg(long, help_heading = "Sources")]
    pub(crate) offline: bool,

    /// Domain of the service that Team Cymru runs
    #[arg(long, value_name = "DOMAIN", default_value = "asn.cymru.com", help_heading = "DNS")]
    pub(crate) cymru_zone: String,

    #[command(flatten)]
    pub(crate) dns: DnsFlags,

    #[command(flatten)]
    pub(crate) cache: CacheFlags,

    #[command(flatten)]
    pub(crate) checking: Checking,

    #[command(flatten)]
    pub(crate) common: Common,
}

/// Where origins come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Source {
    /// Local databases
    Db,
    /// Team Cymru, over DNS
    Cymru,
}

/// What else the tool does.
#[derive(Subcommand, Clone, Debug)]
pub(crate) enum Command {
    /// Make an MMDB of text tables, which opens at once
    Build(Build),
}

/// The flags of `tm-asn build`.
#[derive(Parser, Clone, Debug)]
#[command(max_term_width = 100, mut_arg("output", |output| output.required(true)))]
pub(crate) struct Build {
    /// Tables: pyasn .dat, CAIDA pfx2as, iptoasn.com TSV; where two have the same prefix, the
    /// first counts
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,

    /// Stop at the first line that is none of a table, with exit code 2
    #[arg(long)]
    pub(crate) strict: bool,

    #[command(flatten)]
    pub(crate) common: Common,
}
