//! `tm-export`: hop records as pages, pictures, reports and tables.

mod bundle;
mod chart;
mod collect;
mod columns;
mod csv;
mod diagram;
mod document;
mod dot;
mod findings;
mod flags;
mod geojson;
mod graph;
mod html;
mod influx;
mod map;
mod markdown;
mod mermaid;
mod mtr;
mod mtu;
mod ndjson;
mod page;
mod paint;
mod parquet;
mod prometheus;
mod rounds;
mod select;
mod session;
mod sink;
mod sqlite;
mod svg;
mod template;
mod tiles;
mod words;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use clap::ValueEnum;
use tm_stream::typed::Records;
use tm_stream::{Diagnostics, Error, Outcome, Output, cli, confine, exit, input, signal};

use flags::{Flags, Format};
use select::Selection;
use session::Session;
use sink::Sink;

/// How long the tools before this one may take to write their last records after a signal.
const GRACE: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let flags: Flags = cli::parse();
    let diagnostics = flags.common.diagnostics("tm-export");
    let result = run(&flags, &diagnostics);
    exit::code(&diagnostics, result)
}

fn run(flags: &Flags, diagnostics: &Diagnostics) -> Result<Outcome, Error> {
    let Some(format) = flags.format() else {
        let all = Format::value_variants().iter().filter_map(Format::to_possible_value);
        let all: Vec<String> = all.map(|format| format.get_name().to_owned()).collect();
        return Err(Error::Failed(format!(
            "which format? give --format, or an -o FILE whose ending says it: {}",
            all.join(", ")
        )));
    };
    if format.is_binary() && flags.common.output.is_none() && std::io::stdout().is_terminal() {
        let hint = "this format is not for a terminal: give -o FILE, or a pipe";
        return Err(Error::Failed(hint.to_owned()));
    }
    let (inputs, all) = input::open_all(&flags.reading.files, diagnostics)?;
    let output = Output::open(flags.common.output.as_deref())?;
    let temporary = std::env::temp_dir();
    let scratch = if format == Format::Sqlite { sqlite::scratch(&temporary) } else { Vec::new() };
    confine::to_output(flags.common.output.as_deref(), &scratch, diagnostics);
    let interrupted = signal::exit_with(&output, GRACE)?;
    if format == Format::Ndjson {
        ndjson::write(inputs, flags, &output, diagnostics)?;
    } else {
        let mut records = Records::new(inputs, diagnostics, flags.reading.strict);
        export(format, flags, &mut records, &output, diagnostics)?;
    }
    output.finish()?;
    Ok(interrupted.or(if all { Outcome::Done } else { Outcome::Incomplete }))
}

fn export(
    format: Format,
    flags: &Flags,
    records: &mut Records,
    output: &Output,
    diagnostics: &Diagnostics,
) -> Result<(), Error> {
    let sink: Option<Box<dyn Sink>> = match format {
        Format::Csv => Some(Box::new(csv::Csv::new(output)?)),
        Format::Influx => Some(Box::new(influx::Influx(output.clone()))),
        Format::Parquet => Some(Box::new(parquet::Parquet::new(output)?)),
        Format::Sqlite => Some(Box::new(sqlite::Database::new(output)?)),
        _ => None,
    };
    match sink {
        Some(sink) if flags.last => {
            return sink::replay(&collect::collect(records, flags, diagnostics)?, sink);
        }
        Some(sink) => return sink::stream(records, &Selection::of(flags), sink),
        None => {}
    }
    if format == Format::Prometheus {
        return Ok(output
            .raw(prometheus::write(records, &Selection::of(flags), flags.last)?.as_bytes())?);
    }
    let collection = collect::collect(records, flags, diagnostics)?;
    if format == Format::Bundle {
        return Ok(output.raw(&bundle::write(collection, flags)?)?);
    }
    let session = Session::from(collection);
    let text = match format {
        Format::Svg => svg::picture(&session, flags.theme)?,
        Format::Md => markdown::report(&session, flags.mermaid)?,
        Format::Json => document::write(&session),
        Format::Geojson => geojson::write(&session),
        Format::Dot => dot::write(&session),
        Format::MtrJson => mtr::write(&session),
        _ => html::page(&session, flags)?,
    };
    Ok(output.raw(text.as_bytes())?)
}
