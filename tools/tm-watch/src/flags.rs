//! The flags of `tm-watch`.

use std::path::PathBuf;

use clap::Parser;
use tm_stream::cli::{Common, Reading};

const EXAMPLES: &str = "\
Examples:
  tm-probe --interval 30 example.com | tm-watch | tm-render
  tm-watch --only-alerts trace.jsonl | jq -r .message     what happened in a recorded log
  tm-probe example.com | tm-watch --state path.state --only-alerts --fail   from cron
  tm-watch --exec 'mail -s \"path changed\" ops@example.com' --only-alerts trace.jsonl

Alerts: route_change, as_path_change, rtt_change, loss, unreachable when something begins;
recovered, with what is over in `of`, when it ends or has lasted 60 rounds. The first 10 rounds
of a path are only learnt.

Exit status: 0 done; 1 with --fail, where anything began; 2 some of it could not be done;
130, 143 ended by SIGINT, SIGTERM.";

/// Pass records on, and add alerts where a watched path changes
#[derive(Parser, Clone, Debug)]
#[command(name = "tm-watch", version, max_term_width = 100, after_long_help = EXAMPLES)]
pub(crate) struct Flags {
    #[command(flatten)]
    pub(crate) reading: Reading,

    /// Change of the RTT that counts, in percent
    #[arg(long, value_name = "PERCENT", default_value = "40", value_parser = percent)]
    pub(crate) rtt_spike: f64,

    /// Run CMD for every alert, which it reads as JSON on stdin; its words are split as a shell
    /// does it, but no shell runs it
    #[arg(long, value_name = "CMD")]
    pub(crate) exec: Option<String>,

    /// Write the new alerts, and nothing else
    #[arg(long)]
    pub(crate) only_alerts: bool,

    /// Exit with 1 where anything began
    #[arg(long)]
    pub(crate) fail: bool,

    /// Keep what is usual of each path in PATH, from run to run; a folder: one file a host
    #[arg(long, value_name = "PATH")]
    pub(crate) state: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) common: Common,
}

fn percent(text: &str) -> Result<f64, String> {
    match text.trim_end_matches('%').parse::<f64>() {
        Ok(percent) if (1.0..=10_000.0).contains(&percent) => Ok(percent / 100.0),
        _ => Err("it must be a number from 1 to 10000".to_owned()),
    }
}
