//! The tools that pipelines are made of.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use tm_stream::Error;
pub(crate) use tm_stream::program::{TOOLS, find};

/// Every tool that a pipeline may be made of.
pub(crate) const ALL: [&str; 6] =
    ["tm-probe", "tm-dns", "tm-asn", "tm-geo", "tm-redact", "tm-render"];

/// Every program there is, sources first.
pub(crate) fn every() -> impl Iterator<Item = &'static str> {
    TOOLS.into_iter().chain(["tracemap"])
}

/// Those that only add facts.
pub(crate) const ENRICHERS: [&str; 3] = ["tm-dns", "tm-asn", "tm-geo"];

/// No pipeline can do without it; the others take part where they are installed.
pub(crate) fn is_required(name: &str) -> bool {
    matches!(name, "tm-probe" | "tm-render")
}

/// Where a tool is that the work cannot do without.
pub(crate) fn need(name: &str) -> Result<PathBuf, Error> {
    find(name)
        .ok_or_else(|| Error::Failed(format!("{name} is neither beside tracemap nor on PATH")))
}

/// Becomes the program; why it could not.
pub(crate) fn become_program(command: &mut Command) -> Error {
    let error = command.exec(); // it returns only where it fails
    Error::Failed(format!("cannot start {}: {error}", command.get_program().display()))
}
