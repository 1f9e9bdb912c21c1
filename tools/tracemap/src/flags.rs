//! The command line of `tracemap`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::probing::{Letters, PathFlags};
use crate::profile::Profile;
use crate::watch::flags::Watch;

const EXAMPLES: &str = "\
Examples:
  tracemap trace example.com                 trace, name, locate and show, as far as the tools exist
  tracemap trace -T -p 443 -n example.com    traceroute's letters
  tracemap trace example.com -- --mtu        flags after -- are tm-probe's
  tracemap trace --discover-paths example.com every path that load balancers give
  tracemap trace --profile private 192.0.2.1 nothing asked, nothing told
  tracemap trace --print-pipeline example.com
  tracemap trace example.com --with ./site.py  a filter of your own in the pipeline
  tracemap watch example.com --interval 1m   alerts and a log of every round
  tracemap tui                               walk through the records saved last
  tracemap replay watch.jsonl                play the rounds of a log
  tracemap stats trace.ndjson                loss, RTT, and where the time goes
  tracemap profiles                          the sets of flags that --profile stands for
  tracemap cache stats                       what earlier runs have found out
  tracemap config show --changed             what environment and file have set
  tracemap export -o page.html trace.ndjson  any tool by its name: tm-export, tracemap-NAME
  tracemap doctor                            what is missing here, and how to get it";

/// Trace routes and show them
#[derive(Parser, Debug)]
#[command(name = "tracemap", version, max_term_width = 100, after_long_help = EXAMPLES)]
pub(crate) struct Flags {
    #[command(subcommand)]
    pub(crate) action: Action,

    /// Say what is being done
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Action {
    /// Trace hosts by the pipeline of tools that are installed
    Trace(Box<Trace>),
    /// Trace hosts again and again, log every round, and tell what changes
    Watch(Box<Watch>),
    /// Walk through records: table, map, details, flows, round by round
    Tui {
        /// Records [default: stdin, or those saved last]
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Play the rounds of a log from the first one on
    Replay {
        /// Records [default: stdin, or those saved last]
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Show the figures of traces: loss, RTT, where the time goes
    Stats {
        /// Records [default: stdin, or those saved last]
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Check everything that traces need, and say how to get what is missing
    Doctor(Doctor),
    /// Show the sets of flags that `trace --profile` stands for
    Profiles {
        /// How to write them
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Look into the cache of names, ASes and places, or empty it
    Cache(CacheFlags),
    /// Show the settings of every tool and where each comes from
    Config(Config),
    /// Run the tool NAME: `tracemap-NAME` or `tm-NAME`, beside tracemap or on PATH
    #[command(external_subcommand)]
    Other(Vec<OsString>),
}

#[derive(Args, Debug)]
pub(crate) struct Doctor {
    /// Ask no DNS server and no provider
    #[arg(long)]
    pub(crate) offline: bool,

    /// How to write the report
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Args, Debug)]
pub(crate) struct Config {
    #[command(subcommand)]
    pub(crate) action: ConfigAction,
}

#[derive(Subcommand, Debug)]
pub(crate) enum ConfigAction {
    /// Each setting, and where it comes from: environment, file or default
    Show {
        /// Only what environment or file have set
        #[arg(long)]
        changed: bool,
        /// How to write them
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// A configuration file that sets nothing yet: every key, with its meaning and its default
    Sample,
}

/// How reports are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For a person
    Text,
    /// One JSON document
    Json,
}

/// Which tools a pipeline is made of, and how they use the cache.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Pipeline")]
pub(crate) struct Chain {
    /// A set of flags; see `tracemap profiles`
    #[arg(long, value_enum, value_name = "NAME", default_value_t, env = "TRACEMAP_PROFILE")]
    #[arg(hide_env = true)]
    pub(crate) profile: Profile,

    /// Look up no names of responders
    #[arg(short, long)]
    pub(crate) no_names: bool,

    /// Put a filter of your own into the pipeline, after the enrichers; may be repeated
    #[arg(long, value_name = "CMD")]
    pub(crate) with: Vec<String>,

    /// Neither use nor keep answers of other runs
    #[arg(long)]
    pub(crate) no_cache: bool,

    /// Ask anew, and keep the answers
    #[arg(long, conflicts_with = "no_cache")]
    pub(crate) refresh: bool,

    /// Let the tools say nothing but errors
    #[arg(long)]
    pub(crate) quiet: bool,
}

#[derive(Args, Debug)]
pub(crate) struct CacheFlags {
    #[command(subcommand)]
    pub(crate) action: CacheAction,

    /// How to write the report
    #[arg(long, value_enum, default_value_t = Format::Text, global = true)]
    pub(crate) format: Format,

    /// The cache [default: the one that the tools share]
    #[arg(long, value_name = "FILE", env = "TRACEMAP_CACHE", hide_env = true, global = true)]
    pub(crate) cache: Option<PathBuf>,
}

#[derive(Subcommand, Debug)]
pub(crate) enum CacheAction {
    /// Entries, their age, how many look-ups they answered, and what providers still take
    Stats,
    /// Remove entries: all, or those named
    Clear(Clear),
}

#[derive(Args, Debug)]
pub(crate) struct Clear {
    /// Only entries that count no longer
    #[arg(long)]
    pub(crate) expired: bool,

    /// Names
    #[arg(long)]
    pub(crate) dns: bool,

    /// ASes
    #[arg(long)]
    pub(crate) asn: bool,

    /// Places
    #[arg(long)]
    pub(crate) geo: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Trace {
    /// Hosts or addresses to trace
    #[arg(value_name = "HOST", required = true)]
    pub(crate) hosts: Vec<String>,

    #[command(flatten)]
    pub(crate) letters: Letters,

    #[command(flatten)]
    pub(crate) paths: PathFlags,

    /// More flags for tm-probe, after `--`; see `tm-probe --help`
    #[arg(last = true, value_name = "PROBE FLAGS", help_heading = "Probes")]
    pub(crate) probe: Vec<String>,

    #[command(flatten)]
    pub(crate) chain: Chain,

    /// Where the records are saved
    #[arg(long, value_name = "FILE", default_value = crate::show::SAVED)]
    pub(crate) save: PathBuf,

    /// Save nothing
    #[arg(long, conflicts_with = "save")]
    pub(crate) no_save: bool,

    /// Print the pipeline as a shell line, and run nothing
    #[arg(long)]
    pub(crate) print_pipeline: bool,
}
