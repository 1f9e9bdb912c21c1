//! The flags of `tm-render`.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use tm_stream::cli::{Common, Reading};
use tm_stream::screen;

use tm_path::detour::LONG_KM;

use crate::column::Column;
use crate::map::Zoom;
use crate::order::Order;
use crate::overlay::Member;
use crate::symbols::Symbols;

const EXAMPLES: &str = "\
Examples:
  tm-probe example.com | tm-render              a table that grows as answers come
  tm-probe --interval 1 example.com | tm-render statistics over rounds, as mtr shows them
  tm-render trace.ndjson                        a trace from a file
  tm-render --columns hop,ip,avg,stddev,loss    these columns
  tm-render --wide --sort loss trace.ndjson     all of them, the worst loss first
  tm-probe --interval 1 example.com | tm-render --tui
  tm-render --replay watch.jsonl                play the rounds of a log
  tm-render --map trace.ndjson                  where the path leads
  tm-render --stats trace.ndjson                figures: loss, RTT, where the time goes
  tm-render --format plain trace.ndjson | awk '$1 > 3'
  tm-render --format json trace.ndjson | jq '.traces[0].hops'

The loss of a hop is marked `~` where farther hops lose clearly less: then the router limits
how often it answers, and carries everything on. `◄` marks the hop where the loss begins that the
destination suffers, and the hop that adds most delay.";

/// Show hop records as a table
#[derive(Parser, Clone, Debug)]
#[command(name = "tm-render", version, max_term_width = 100, after_long_help = EXAMPLES)]
pub(crate) struct Flags {
    #[command(flatten)]
    pub(crate) reading: Reading,

    /// What to write
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,

    /// Columns, in this order [default: hop,ip,host,avg,minmax,loss,mtu,asn,place, where there is
    /// something to show]
    #[arg(long, value_enum, value_delimiter = ',', value_name = "LIST")]
    pub(crate) columns: Vec<Column>,

    /// Every column that there is room and something for
    #[arg(long, conflicts_with = "columns")]
    pub(crate) wide: bool,

    /// Order of the lines [default: along the path]
    #[arg(long, value_enum, value_name = "BY")]
    pub(crate) sort: Option<Order>,

    /// The figures of each trace instead of its hops
    #[arg(long, conflicts_with = "map")]
    pub(crate) stats: bool,

    /// A screen to walk through: table, map, details, flows, round by round
    #[arg(long, conflicts_with_all = ["stats", "map", "format"])]
    pub(crate) tui: bool,

    /// As --tui, played from the first round on
    #[arg(long, conflicts_with_all = ["stats", "map", "format"])]
    pub(crate) replay: bool,

    /// A map of the path instead of its hops
    #[arg(long)]
    pub(crate) map: bool,

    /// How far the map shows
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    pub(crate) zoom: Zoom,

    /// Draw with ASCII only
    #[arg(long)]
    pub(crate) ascii: bool,

    /// Length of a leg between two places from which on it is looked at, in kilometres
    #[arg(long, value_name = "KM", default_value_t = LONG_KM, value_parser = kilometres)]
    pub(crate) detour_km: f64,

    /// Columns of text to fill [default: the terminal's, or 80]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(20..))]
    pub(crate) width: Option<u16>,

    /// Show every round by itself, not all rounds of a host together
    #[arg(long)]
    pub(crate) each: bool,

    /// Hops before their filters are done with them, for the table that grows on a terminal: a
    /// FIFO, /dev/fd/N or a file
    #[arg(long, value_name = "FILE")]
    pub(crate) preview: Option<PathBuf>,

    /// What the filters add: shown as `…` where a hop of --preview has it not yet
    #[arg(long, value_enum, value_delimiter = ',', value_name = "LIST")]
    #[arg(default_value = "dns,asn,geo")]
    pub(crate) awaited: Vec<Member>,

    /// What other tools say, to stand above the table that grows and not in the middle of it: a
    /// FIFO, /dev/fd/N or a file
    #[arg(long, value_name = "FILE")]
    pub(crate) notes: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) common: Common,
}

/// What to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A table in a box, with a summary below
    Table,
    /// Aligned text, no box, no colour, nothing cut
    Plain,
    /// One JSON document: {"traces": [{"trace": …, "hops": […]}]}
    Json,
}

fn kilometres(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(km) if (0.0..=20_100.0).contains(&km) => Ok(km),
        _ => Err("it must be a number of kilometres up to 20100".to_owned()),
    }
}

impl Flags {
    /// One walks through the records on a screen.
    pub(crate) fn walks(&self) -> bool {
        self.tui || self.replay
    }

    /// The table is what is shown, not something else about the path.
    pub(crate) fn shows_table(&self) -> bool {
        self.format == Format::Table && !self.stats && !self.map
    }

    /// What signs may be used.
    pub(crate) fn symbols(&self) -> Symbols {
        Symbols::new(self.ascii)
    }

    /// Columns of text to fill.
    pub(crate) fn columns_of_text(&self) -> usize {
        screen::columns(self.width)
    }

    /// Lines of the terminal; `None`: no terminal.
    pub(crate) fn lines_of_text() -> Option<usize> {
        let size = rustix::termios::tcgetwinsize(rustix::stdio::stdout()).ok()?;
        Some(usize::from(size.ws_row).max(5))
    }
}
