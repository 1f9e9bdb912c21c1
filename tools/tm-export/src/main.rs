//! `tm-export`: hop records as pages, pictures, reports and tables.

mod chart;
mod collect;
mod diagram;
mod findings;
mod flags;
mod graph;
mod html;
mod map;
mod markdown;
mod page;
mod paint;
mod rounds;
mod select;
mod session;
mod template;
mod words;

use std::process::ExitCode;
use std::time::Duration;

use tm_stream::typed::Records;
use tm_stream::{Diagnostics, Error, Outcome, Output, cli, exit, input, signal};

use flags::{Flags, Format};
use session::Session;

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
        return Err(Error::Failed(
            "which format? give --format, or an -o FILE whose ending says it".to_owned(),
        ));
    };
    let (inputs, all) = input::open_all(&flags.reading.files, diagnostics)?;
    let output = Output::open(flags.common.output.as_deref())?;
    let interrupted = signal::exit_with(&output, GRACE)?;
    let mut records = Records::new(inputs, diagnostics, flags.reading.strict);
    let session = Session::from(collect::collect(&mut records, flags, diagnostics)?);
    let text = match format {
        Format::Html => html::page(&session, flags.theme)?,
        _ => String::new(),
    };
    output.raw(text.as_bytes())?;
    output.finish()?;
    Ok(interrupted.or(if all { Outcome::Done } else { Outcome::Incomplete }))
}
