//! Where data goes: stdout, or a file that appears only when it is whole. Only whole lines are
//! ever handed to the kernel, so whoever ends the process ends it between two records.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tempfile::NamedTempFile;

use crate::folders;

/// Lines collected before they are written in bulk.
const BULK: usize = 64 << 10;

/// The output of a tool; cheap to clone.
#[derive(Clone, Debug)]
pub struct Output(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    lines: Vec<u8>,
    to: Destination,
}

#[derive(Debug)]
enum Destination {
    Stdout,
    File(NamedTempFile, PathBuf),
    /// A device or a pipe, which cannot be replaced.
    Special(File),
    Finished,
}

impl Output {
    /// `file`, by way of a temporary beside it; otherwise stdout.
    pub fn open(file: Option<&Path>) -> Result<Self, crate::Error> {
        let to = match file {
            None => Destination::Stdout,
            Some(path) => create(path).map_err(|error| {
                crate::Error::io(&format!("cannot write {}", path.display()), &error)
            })?,
        };
        Ok(Self(Arc::new(Mutex::new(Inner { lines: Vec::with_capacity(BULK), to }))))
    }

    /// One record, as one line.
    pub fn record(&self, record: &impl Serialize) -> io::Result<()> {
        let mut inner = self.lock();
        let before = inner.lines.len();
        if let Err(error) = serde_json::to_writer(&mut inner.lines, record) {
            inner.lines.truncate(before); // half a record is none
            return Err(error.into());
        }
        inner.lines.push(b'\n');
        inner.write_bulk()
    }

    /// Octets as they are: whole lines, newline included.
    pub fn raw(&self, lines: &[u8]) -> io::Result<()> {
        let mut inner = self.lock();
        inner.lines.extend_from_slice(lines);
        inner.write_bulk()
    }

    /// What `write` appends: whole lines, newline included.
    pub fn append(&self, write: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let mut inner = self.lock();
        write(&mut inner.lines);
        inner.write_bulk()
    }

    /// Hands everything over to the kernel.
    pub fn flush(&self) -> io::Result<()> {
        self.lock().flush()
    }

    /// Flushes; a file takes its name now.
    pub fn finish(&self) -> io::Result<()> {
        let mut inner = self.lock();
        inner.flush()?;
        match std::mem::replace(&mut inner.to, Destination::Finished) {
            Destination::File(temporary, path) => {
                temporary.as_file().sync_all()?;
                temporary.persist(path).map(drop).map_err(|error| error.error)
            }
            Destination::Stdout | Destination::Special(_) | Destination::Finished => Ok(()),
        }
    }

    /// Flushes and ends the process; a file keeps what is whole.
    pub(crate) fn exit(&self, code: i32) -> ! {
        let _ = self.finish();
        // Keeps the lock, so that no other thread writes after the last record.
        let _guard = self.lock();
        std::process::exit(code)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn write_bulk(&mut self) -> io::Result<()> {
        if self.lines.len() < BULK { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut rest = self.lines.as_slice();
        let result = match &mut self.to {
            Destination::Stdout => loop {
                match rest {
                    [] => break Ok(()),
                    _ => match rustix::io::write(rustix::stdio::stdout(), rest) {
                        Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                        Err(rustix::io::Errno::INTR) => {}
                        Err(error) => break Err(error.into()),
                    },
                }
            },
            Destination::File(file, _) => file.write_all(rest),
            Destination::Special(file) => file.write_all(rest),
            Destination::Finished => Ok(()),
        };
        self.lines.clear(); // what could not be written now will not be written later
        result
    }
}

fn create(path: &Path) -> io::Result<Destination> {
    if let Ok(metadata) = path.metadata()
        && !metadata.is_file()
    {
        return File::options().write(true).open(path).map(Destination::Special);
    }
    let temporary = tempfile::Builder::new()
        .prefix(".tracemap-")
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .tempfile_in(folders::of(path))
        .map_err(|error| without_temporary(&error))?;
    Ok(Destination::File(temporary, path.to_owned()))
}

/// The system's error, without the name of a temporary that the user never gave; tempfile puts it
/// behind the text.
fn without_temporary(error: &io::Error) -> io::Error {
    let text = error.to_string();
    let cause = text.split_once(" at path ").map_or(text.as_str(), |(cause, _)| cause);
    io::Error::new(error.kind(), cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_file_that_was_asked_for_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("no/such/out.ndjson");
        let error = Output::open(Some(&path)).unwrap_err().to_string();
        let wanted = format!("cannot write {}: No such file or directory", path.display());
        assert!(error.starts_with(&wanted) && !error.contains(".tracemap-"), "{error}");
    }

    #[test]
    fn a_file_appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.ndjson");
        let output = Output::open(Some(&path)).unwrap();
        output.record(&[1, 2]).unwrap();
        output.flush().unwrap();
        assert!(!path.exists());
        output.finish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"[1,2]\n");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary is left");
    }

    #[test]
    fn a_full_disk_is_an_error() {
        let output = Output::open(Some(Path::new("/dev/full"))).unwrap();
        output.record(&1).unwrap();
        assert!(output.finish().is_err());
    }
}
