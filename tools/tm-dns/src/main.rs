//! `tm-dns`: names of responders, from reverse DNS.

mod compare;
mod flags;
mod look_up;
mod names;

use std::process::ExitCode;

use tm_enrich::{answers, check, filter};
use tm_stream::{Diagnostics, Error, Outcome, Output, cli, exit, finding};

use flags::Flags;
use names::Names;

fn main() -> ExitCode {
    let flags: Flags = cli::parse();
    let diagnostics = flags.common.diagnostics("tm-dns");
    let result = run(&flags, &diagnostics);
    exit::code(&diagnostics, result)
}

fn run(flags: &Flags, diagnostics: &Diagnostics) -> Result<Outcome, Error> {
    let output = Output::open(flags.common.output.as_deref())?;
    if flags.checking.check {
        let findings = check::resolvers(&flags.dns.resolver, flags.dns.timeout);
        return finding::tell(&findings, &output);
    }
    let (desk, answers) = answers::desk()?;
    let mut names = Names::new(flags, desk, diagnostics);
    let result = filter::run(&mut names, answers, &flags.reading, &output, diagnostics);
    names.finish();
    result
}
