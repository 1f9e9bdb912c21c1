//! `tm-dns`: names of responders, from reverse DNS.

mod compare;
mod flags;
mod look_up;
mod names;

use std::process::ExitCode;

use tm_enrich::{check, tool};
use tm_stream::{Diagnostics, Error, Outcome, cli, exit};

use flags::Flags;
use names::Names;

fn main() -> ExitCode {
    let flags: Flags = cli::parse();
    let diagnostics = flags.common.diagnostics("tm-dns");
    let result = run(&flags, &diagnostics);
    exit::code(&diagnostics, result)
}

fn run(flags: &Flags, diagnostics: &Diagnostics) -> Result<Outcome, Error> {
    tool::run(
        &flags.common,
        &flags.checking,
        &flags.reading,
        diagnostics,
        || check::resolvers(&flags.dns.resolver, flags.dns.timeout),
        |desk| Names::new(flags, desk, diagnostics),
    )
}
