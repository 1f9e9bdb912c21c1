//! What the tools say while a table is drawn over itself on the same terminal. It is kept until the
//! table stands: a line in between would leave half a table behind.

use std::io::{self, IsTerminal, PipeWriter, Read, Write};
use std::process::Stdio;
use std::thread::{self, JoinHandle};

use tm_stream::screen;

/// A place for the words of tools until somebody can read them.
pub(crate) struct Aside {
    writer: PipeWriter,
    reading: JoinHandle<Vec<u8>>,
}

impl Aside {
    /// `None`: stderr and the table are not on one terminal, so nothing is in the way.
    pub(crate) fn open() -> io::Result<Option<Self>> {
        if !screen::takes_escapes() || !io::stderr().is_terminal() {
            return Ok(None);
        }
        let (mut reader, writer) = io::pipe()?;
        let reading = thread::Builder::new().name("aside".to_owned()).spawn(move || {
            let mut words = Vec::new();
            let _ = reader.read_to_end(&mut words); // what was read is told all the same
            words
        })?;
        Ok(Some(Self { writer, reading }))
    }

    /// Where a tool is to write.
    pub(crate) fn stderr(&self) -> io::Result<Stdio> {
        Ok(Stdio::from(self.writer.try_clone()?))
    }

    /// Tells it all, once every tool has ended.
    pub(crate) fn tell(self) {
        drop(self.writer);
        let words = self.reading.join().unwrap_or_default();
        let _ = io::stderr().write_all(&words); // nobody can be told that nobody can be told
    }
}
