//! The flags of `tm-export`.

use clap::{Parser, ValueEnum};
use tm_stream::cli::{Common, Reading};

use crate::tiles::{OPENSTREETMAP, Tiles};

const EXAMPLES: &str = "\
Examples:
  tm-probe example.com | tm-geo | tm-export -o trace.html   a page: the format follows the name
  tm-export --format md trace.ndjson                        a report for a ticket
  tm-export --format bundle -o incident.zip trace.ndjson    page, picture, report and data
  tm-export --format csv watch.ndjson | xsv stats           one row a hop record
  tm-export --format json --last watch.ndjson               the last trace of a log
  tm-export --format prometheus -o /var/lib/node_exporter/trace.prom trace.ndjson

docs/export.md says what each format holds and what reads it.";

/// Hop records as pages, pictures, reports and tables
#[derive(Parser, Clone, Debug)]
#[command(name = "tm-export", version, max_term_width = 100, after_long_help = EXAMPLES)]
pub(crate) struct Flags {
    #[command(flatten)]
    pub(crate) reading: Reading,

    /// What to write [default: what the ending of --output says]
    #[arg(short, long, value_enum)]
    pub(crate) format: Option<Format>,

    /// Only the trace with this id
    #[arg(long, value_name = "ID", conflicts_with = "last")]
    pub(crate) trace: Option<String>,

    /// Only the last trace
    #[arg(long)]
    pub(crate) last: bool,

    /// Only this round
    #[arg(long, value_name = "N", conflicts_with = "last")]
    pub(crate) round: Option<u64>,

    /// Only traces of this host, as it was asked for
    #[arg(long, value_name = "HOST")]
    pub(crate) host: Option<String>,

    /// Only traces from this vantage point, as tm-probe --vantage named it
    #[arg(long, value_name = "NAME")]
    pub(crate) vantage: Option<String>,

    /// Light, dark, or whichever the reader's system prefers (html, svg)
    #[arg(long, value_enum, default_value_t = Theme::Auto, value_name = "THEME")]
    pub(crate) theme: Theme,

    /// Tiles that the page's reader may switch on: a URL with {z}, {x} and {y} in it, or none (html)
    #[arg(long, value_name = "URL", default_value = OPENSTREETMAP)]
    pub(crate) tiles: Tiles,

    /// Add a diagram of the path that GitHub and GitLab draw (md)
    #[arg(long)]
    pub(crate) mermaid: bool,

    #[command(flatten)]
    pub(crate) common: Common,
}

/// What to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One page that works offline: map, table, chart
    Html,
    /// A map
    Svg,
    /// A report in Markdown
    #[value(alias = "markdown")]
    Md,
    /// A zip of html, svg, md, json, csv and records
    Bundle,
    /// The document of the Python tracemap
    Json,
    /// One row a hop record (RFC 4180)
    Csv,
    /// Places and legs (RFC 7946)
    Geojson,
    /// The graph of all paths, for Graphviz
    Dot,
    /// Metrics for Prometheus, as a textfile collector reads them
    Prometheus,
    /// Line protocol
    Influx,
    /// One row a hop record, in columns
    Parquet,
    /// A database of traces, hops, probes and alerts
    Sqlite,
    /// The document of `mtr --json`
    MtrJson,
    /// The records, chosen and otherwise as they came
    Ndjson,
}

/// Colours of pages and pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Theme {
    /// The reader's choice
    Auto,
    /// Dark on light
    Light,
    /// Light on dark
    Dark,
}

impl Theme {
    /// The name as pages have it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

impl Format {
    /// What the ending of a file's name says.
    fn of_ending(ending: &str) -> Option<Self> {
        Some(match ending.to_ascii_lowercase().as_str() {
            "html" | "htm" => Self::Html,
            "svg" => Self::Svg,
            "md" | "markdown" => Self::Md,
            "zip" => Self::Bundle,
            "json" => Self::Json,
            "csv" => Self::Csv,
            "geojson" => Self::Geojson,
            "dot" | "gv" => Self::Dot,
            "prom" => Self::Prometheus,
            "lp" | "influx" => Self::Influx,
            "parquet" => Self::Parquet,
            "sqlite" | "sqlite3" | "db" => Self::Sqlite,
            "ndjson" | "jsonl" => Self::Ndjson,
            _ => return None,
        })
    }

    /// Not for a terminal.
    pub(crate) fn is_binary(self) -> bool {
        matches!(self, Self::Bundle | Self::Parquet | Self::Sqlite)
    }
}

impl Flags {
    /// The format asked for, in one way or the other.
    pub(crate) fn format(&self) -> Option<Format> {
        let ending = || self.common.output.as_deref()?.extension()?.to_str();
        self.format.or_else(|| Format::of_ending(ending()?))
    }
}
