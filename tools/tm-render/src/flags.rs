//! The flags of `tm-render`.

use clap::{Parser, ValueEnum};
use tm_stream::cli::{Common, Reading};
use tm_stream::screen;

use crate::column::Column;

const EXAMPLES: &str = "\
Examples:
  tm-probe example.com | tm-render              a table that grows as answers come
  tm-probe --interval 1 example.com | tm-render statistics over rounds, as mtr shows them
  tm-render trace.ndjson                        a trace from a file
  tm-render --columns hop,ip,avg,stddev,loss    these columns
  tm-render --format plain trace.ndjson | awk '$1 > 3'
  tm-render --format json trace.ndjson | jq '.traces[0].hops'

The loss of a hop is marked `~` where farther hops lose clearly less: then the router limits
how often it answers, and carries everything on.";

/// Show hop records as a table
#[derive(Parser, Clone, Debug)]
#[command(name = "tm-render", version, max_term_width = 100, after_long_help = EXAMPLES)]
pub(crate) struct Flags {
    #[command(flatten)]
    pub(crate) reading: Reading,

    /// What to write
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,

    /// Columns, in this order [default: hop,ip,host,avg,minmax,loss,asn,place, where there is
    /// something to show]
    #[arg(long, value_enum, value_delimiter = ',', value_name = "LIST")]
    pub(crate) columns: Vec<Column>,

    /// Columns of text to fill [default: the terminal's, or 80]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(20..))]
    pub(crate) width: Option<u16>,

    /// Show every round by itself, not all rounds of a host together
    #[arg(long)]
    pub(crate) each: bool,

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

impl Flags {
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
