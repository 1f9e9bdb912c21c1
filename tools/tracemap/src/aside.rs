//! What the tools say while a table is drawn over itself on the same terminal: a line in between
//! would leave half a table behind. It is kept until the table stands, or handed to tm-render,
//! which prints it above the table.

use std::io::{self, IsTerminal, PipeReader, PipeWriter, Read, Write};
use std::process::Stdio;
use std::thread::{self, JoinHandle};

use tm_stream::screen;

/// A place for the words of tools until somebody can read them.
pub(crate) struct Aside {
    writer: PipeWriter,
    /// What nobody has been told.
    hearing: JoinHandle<Vec<u8>>,
}

impl Aside {
    /// Keeps it all. `None`: stderr and the table are not on one terminal, so nothing is in the way.
    pub(crate) fn open() -> io::Result<Option<Self>> {
        let keep = |mut reader: PipeReader| {
            let mut words = Vec::new();
            let _ = reader.read_to_end(&mut words); // what was read is told all the same
            words
        };
        is_needed().then(|| Self::hear(keep)).transpose()
    }

    /// Hands on what comes, to be read from the pipe; where nobody reads it, to stderr.
    pub(crate) fn to_table() -> io::Result<Option<(Self, PipeReader)>> {
        if !is_needed() {
            return Ok(None);
        }
        let (notes, table) = io::pipe()?;
        let aside = Self::hear(|mut reader| {
            let _ = io::copy(&mut reader, &mut Listener { table: Some(table) });
            Vec::new()
        })?;
        Ok(Some((aside, notes)))
    }

    fn hear(how: impl FnOnce(PipeReader) -> Vec<u8> + Send + 'static) -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        let hearing = thread::Builder::new().name("aside".to_owned()).spawn(move || how(reader))?;
        Ok(Self { writer, hearing })
    }

    /// Where a tool is to write.
    pub(crate) fn stderr(&self) -> io::Result<Stdio> {
        Ok(Stdio::from(self.writer.try_clone()?))
    }

    /// Tells what has not been told, once every tool has ended.
    pub(crate) fn tell(self) {
        drop(self.writer);
        let words = self.hearing.join().unwrap_or_default();
        let _ = io::stderr().write_all(&words); // nobody can be told that nobody can be told
    }
}

fn is_needed() -> bool {
    screen::takes_escapes() && io::stderr().is_terminal()
}

/// Whoever draws the table, and stderr when that has ended.
struct Listener {
    table: Option<PipeWriter>,
}

impl Write for Listener {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.table.as_mut().map(|table| table.write(bytes)) {
            Some(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe => self.table = None,
            Some(result) => return result,
            None => {}
        }
        io::stderr().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
