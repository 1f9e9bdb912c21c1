//! The file of `--stop-set`: read before the first trace, and written after the last.

use std::cell::RefCell;
use std::fs;
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use std::rc::Rc;

use tm_stream::{Error, Output};
use tm_tracer::stop_set::{SharedStopSet, StopSet};

/// More is no stop set that anybody made.
const LARGEST: u64 = 1 << 30;

/// The sets in a file; empty ones where there is none yet.
pub(crate) fn read(path: &Path) -> Result<SharedStopSet, Error> {
    let cannot =
        |error: io::Error| Error::Failed(format!("cannot read {}: {error}", path.display()));
    let mut text = String::new();
    match fs::File::open(path) {
        Ok(file) => file.take(LARGEST).read_to_string(&mut text).map_err(cannot)?,
        Err(error) if error.kind() == ErrorKind::NotFound => 0,
        Err(error) => return Err(cannot(error)),
    };
    let set = StopSet::parse(&text)
        .map_err(|(line, error)| Error::Failed(format!("{}:{line}: {error}", path.display())))?;
    Ok(Rc::new(RefCell::new(set)))
}

/// Replaces the file.
pub(crate) fn write(path: &Path, set: &StopSet) -> Result<(), Error> {
    let output = Output::open(Some(path))?;
    output.raw(set.to_text().as_bytes())?;
    output.finish()?;
    Ok(())
}
