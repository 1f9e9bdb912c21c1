//! `tracemap NAME`: any tool, tracemap's or a user's own, by its short name.

use std::ffi::OsString;
use std::process::Command;

use tm_stream::text::visible;
use tm_stream::{Error, Outcome};

use crate::tools;

/// Becomes `tracemap-NAME` or `tm-NAME`.
pub(crate) fn run(words: &[OsString]) -> Result<Outcome, Error> {
    let Some((name, arguments)) = words.split_first() else { return Ok(Outcome::Done) };
    let name = name.to_string_lossy();
    // A tool is found by its name, never by a path.
    let found = (!name.contains('/'))
        .then(|| ["tracemap-", "tm-"].iter().find_map(|kind| tools::find(&format!("{kind}{name}"))))
        .flatten();
    let Some(program) = found else {
        return Err(Error::Failed(unknown(&visible(&name))));
    };
    Err(tools::become_program(Command::new(program).args(arguments)))
}

fn unknown(name: &str) -> String {
    // Dots and colons stand in hosts and addresses, and in the name of no tool.
    if name.contains(['.', ':']) && !name.contains('/') {
        return format!("{name} is no command; to trace it: tracemap trace {name}");
    }
    format!(
        "{name} is no command; neither tracemap-{name} nor tm-{name} is beside tracemap or on PATH; \
         see `tracemap --help`"
    )
}
