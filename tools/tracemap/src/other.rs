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
        let name = visible(&name);
        return Err(Error::Failed(format!(
            "{name} is no command; neither tracemap-{name} nor tm-{name} is beside tracemap or on \
             PATH; see `tracemap --help`"
        )));
    };
    Err(tools::become_program(Command::new(program).args(arguments)))
}
