//! The command line of `tracemap`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::watch::flags::Watch;

const EXAMPLES: &str = "\
Examples:
  tracemap trace example.com                 trace, name, locate and show, as far as the tools exist
  tracemap trace example.com -- -T -p 443    flags after -- are tm-probe's
  tracemap trace --print-pipeline example.com
  tracemap watch example.com --interval 1m   alerts and a log of every round
  tracemap doctor                            what this user may probe with, and how to get more";

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
    Trace(Trace),
    /// Trace hosts again and again, log every round, and tell what changes
    Watch(Box<Watch>),
    /// Say which ways of probing this user may use, and how to get more
    Doctor,
}

#[derive(Args, Debug)]
pub(crate) struct Trace {
    /// Hosts or addresses to trace
    #[arg(value_name = "HOST", required = true)]
    pub(crate) hosts: Vec<String>,

    /// Flags for tm-probe, after `--`; see `tm-probe --help`
    #[arg(last = true, value_name = "PROBE FLAGS")]
    pub(crate) probe: Vec<String>,

    /// Where the records are saved
    #[arg(long, value_name = "FILE", default_value = ".tracemap/trace.ndjson")]
    pub(crate) save: PathBuf,

    /// Save nothing
    #[arg(long, conflicts_with = "save")]
    pub(crate) no_save: bool,

    /// Print the pipeline as a shell line, and run nothing
    #[arg(long)]
    pub(crate) print_pipeline: bool,
}
