//! `tm-asn build`: text tables in, one MMDB out.

use tm_stream::progress::Progress;
use tm_stream::{Diagnostics, Error, Outcome, Output};

use crate::flags::Build;
use crate::table::Table;
use crate::{index, read};

/// Reads every file and writes the database.
pub(crate) fn run(flags: &Build, diagnostics: &Diagnostics) -> Result<Outcome, Error> {
    let output = Output::open(flags.common.output.as_deref())?;
    let mut table = Table::default();
    let mut malformed = 0;
    let mut progress = Progress::new(!flags.common.quiet);
    for file in &flags.files {
        let read = read::file(file, &mut table, diagnostics, |prefixes| {
            progress.say(|| Some(format!("{}: {prefixes} prefixes", file.display())));
        });
        progress.clear();
        malformed += read.map_err(Error::Failed)?;
        if flags.strict && malformed > 0 {
            let why = "stopped at a line that is none of a table (--strict)";
            return Err(Error::Failed(why.to_owned()));
        }
    }
    if table.entries.is_empty() {
        return Err(Error::Failed("no prefix in any of the files".to_owned()));
    }
    progress.say(|| Some(format!("building from {} prefixes", table.entries.len())));
    let bytes = index::mmdb(table);
    progress.clear();
    let bytes = bytes.map_err(|error| Error::Failed(format!("cannot build: {error}")))?;
    output.raw(&bytes)?;
    output.finish()?;
    Ok(if malformed == 0 { Outcome::Done } else { Outcome::Incomplete })
}
