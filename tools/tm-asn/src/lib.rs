//! `tm-asn`: the AS that announces a responder's address.

mod build;
mod check;
mod cymru;
mod databases;
mod facts;
mod flags;
mod index;
mod look_up;
mod mmdb;
mod origins;
mod read;
mod table;

use std::process::ExitCode;

use tm_enrich::tool;
use tm_stream::{Diagnostics, Error, Outcome, cli, exit};

use flags::{Command, Flags};
use origins::Origins;

/// What must hold of any input: `tests/fuzz` calls it.
#[cfg(fuzzing)]
pub mod checks {
    pub use crate::cymru::check as answers;
    pub use crate::databases::check as record;
    pub use crate::table::check as tables;
}

/// The tool: flags from the command line, records in and out.
pub fn main() -> ExitCode {
    let flags: Flags = cli::parse();
    let common = match &flags.command {
        Some(Command::Build(build)) => &build.common,
        None => &flags.common,
    };
    let diagnostics = common.diagnostics("tm-asn");
    let result = match &flags.command {
        Some(Command::Build(flags)) => build::run(flags, &diagnostics),
        None => run(&flags, &diagnostics),
    };
    exit::code(&diagnostics, result)
}

fn run(flags: &Flags, diagnostics: &Diagnostics) -> Result<Outcome, Error> {
    tool::run(
        &flags.common,
        &flags.checking,
        &flags.reading,
        diagnostics,
        || check::findings(flags),
        |desk| Origins::new(flags, desk, diagnostics),
    )
}
