//! `tm-render`: shows hop records as a table, live on a terminal.

mod alerts;
mod canvas;
mod column;
mod document;
mod figures;
mod flags;
mod footer;
mod live;
mod map;
mod marks;
mod order;
mod overlay;
mod show;
mod side;
mod statistics;
mod summary;
mod symbols;
mod table;
mod trail;
mod tui;
mod view;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use tm_schema::Record;
use tm_stream::typed::Records;
use tm_stream::{Diagnostics, Error, Outcome, Output, cli, confine, exit, input, signal};

use flags::{Flags, Format};
use side::{Side, tell};
use summary::Summary;
use view::Views;

/// How long the tools before this one may take to write their last records after a signal.
const GRACE: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let flags: Flags = cli::parse();
    let diagnostics = flags.common.diagnostics("tm-render");
    let result = run(&flags, &diagnostics);
    exit::code(&diagnostics, result)
}

fn run(flags: &Flags, diagnostics: &Diagnostics) -> Result<Outcome, Error> {
    let (inputs, all) = input::open_all(&flags.reading.files, diagnostics)?;
    let preview = Side::open("--preview", flags.preview.as_deref(), diagnostics);
    let notes = Side::open("--notes", flags.notes.as_deref(), diagnostics);
    if flags.walks() {
        return tui::run(flags, inputs, (preview, notes), diagnostics);
    }
    let output = Output::open(flags.common.output.as_deref())?;
    confine::to_output(flags.common.output.as_deref(), &[], diagnostics);
    let interrupted = signal::exit_with(&output, GRACE)?;
    let mut records = Records::new(inputs, diagnostics, flags.reading.strict);
    let result = match flags.format {
        Format::Table | Format::Plain => show::run(flags, &mut records, (preview, notes), &output),
        Format::Json => {
            if let Some(preview) = preview {
                preview.read_aside(|_| {});
            }
            if let Some(notes) = notes {
                notes.read_aside(tell);
            }
            if flags.stats {
                summaries(flags, &mut records, &output)
            } else {
                document::write(&mut records, &output)
            }
        }
    };
    output.finish()?;
    result.map(|()| interrupted.or(if all { Outcome::Done } else { Outcome::Incomplete }))
}

/// Writes the figures of every trace as one document.
fn summaries(flags: &Flags, records: &mut Records, output: &Output) -> Result<(), Error> {
    let mut views = Views::new(flags.each);
    let mut all = Vec::new();
    while let Some(record) = records.next_record()? {
        match record {
            Record::Hop(hop) => views.hop(*hop),
            Record::Trace(trace) => {
                let done = views.trace(*trace);
                all.extend(done.map(|view| Summary::of(&view, flags.detour_km)));
            }
            _ => {}
        }
    }
    all.extend(views.rest().map(|view| Summary::of(&view, flags.detour_km)));
    Ok(output.record(&BTreeMap::from([("traces", all)]))?)
}
