//! Where the records of a session come from: a thread that reads them, and the octets on disk,
//! from which any round can be read again. What comes by a pipe is kept in a file without a name.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use tm_schema::{Hop, Record};
use tm_stream::input::Input;
use tm_stream::lines::{Line, Lines};

use crate::side::{self, Side};

/// Records that may wait to be shown; the reader waits then.
const WAITING: usize = 4096;

/// What the thread says.
#[derive(Debug)]
pub(crate) enum Message {
    /// A record, and where its line is.
    Record(Box<Record>, Range<u64>),
    /// A hop that filters still have.
    Preview(Box<Hop>),
    /// What another tool says.
    Note(String),
    /// A line that is no record, and why.
    Malformed(String),
    /// There is no more.
    End,
    /// It cannot be read on.
    Failed(String),
}

/// The records of a session.
#[derive(Debug)]
pub(crate) struct Feed {
    messages: Receiver<Message>,
    sender: SyncSender<Message>,
    kept: Kept,
    /// Where the thread stopped reading.
    ended_at: Receiver<u64>,
    ended: Sender<u64>,
}

/// The octets on disk.
#[derive(Debug)]
pub(crate) struct Kept {
    file: File,
    is_original: bool,
}

impl Kept {
    /// The octets of a range.
    pub(crate) fn read(&self, range: &Range<u64>) -> io::Result<Vec<u8>> {
        let len = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(0);
        let mut bytes = vec![0; len];
        self.file.read_exact_at(&mut bytes, range.start)?;
        Ok(bytes)
    }
}

impl Feed {
    /// Begins to read.
    pub(crate) fn start(mut inputs: Vec<Input>) -> io::Result<Self> {
        let original = match inputs.as_slice() {
            [input] => regular_file(input)?,
            _ => None,
        };
        let (sender, messages) = sync_channel(WAITING);
        let (ended, ended_at) = channel();
        let is_original = original.is_some();
        let file = original.map_or_else(tempfile::tempfile, Ok)?;
        let mut feed = Self { messages, sender, kept: Kept { file, is_original }, ended_at, ended };
        if is_original {
            inputs.clear();
            let from = feed.kept.file.stream_position()?;
            feed.read_original(from)?;
        } else {
            let spooled = feed.kept.file.try_clone()?;
            feed.spawn(move |sender| {
                for input in inputs {
                    let name = input.name.clone();
                    if let Err(error) = spool(input, &spooled, sender) {
                        let _ =
                            sender.send(Message::Failed(format!("cannot read {name}: {error}")));
                    }
                }
                0 // nothing is ever added to it
            })?;
        }
        Ok(feed)
    }

    /// Reads what is shown beside the records.
    pub(crate) fn read_beside(&self, preview: Option<Side>, notes: Option<Side>) {
        if let Some(preview) = preview {
            let sender = self.sender.clone();
            preview.read_aside(move |line| {
                if let Ok(Record::Hop(hop)) = Record::from_slice(line) {
                    let _ = sender.send(Message::Preview(hop)); // the session may be over
                }
            });
        }
        if let Some(notes) = notes {
            let sender = self.sender.clone();
            notes.read_aside(move |line| drop(sender.send(Message::Note(side::note(line)))));
        }
    }

    /// Reads what has been added to the file since; `false`: there is no file, or it is still read.
    pub(crate) fn read_on(&self) -> io::Result<bool> {
        let from = self.ended_at.try_recv();
        match from {
            Ok(from) if self.kept.is_original => self.read_original(from).map(|()| true),
            _ => Ok(false),
        }
    }

    fn read_original(&self, from: u64) -> io::Result<()> {
        let mut file = self.kept.file.try_clone()?;
        self.spawn(move |sender| {
            let read = file.seek(SeekFrom::Start(from)).and_then(|_| read(file, from, sender));
            read.unwrap_or_else(|error| {
                let _ = sender.send(Message::Failed(format!("cannot read on: {error}")));
                from
            })
        })
    }

    fn spawn(
        &self,
        work: impl FnOnce(&SyncSender<Message>) -> u64 + Send + 'static,
    ) -> io::Result<()> {
        let (sender, ended) = (self.sender.clone(), self.ended.clone());
        thread::Builder::new().name("records".to_owned()).spawn(move || {
            let _ = ended.send(work(&sender));
            let _ = sender.send(Message::End);
        })?;
        Ok(())
    }

    /// What has been said and not been taken.
    pub(crate) fn next(&self) -> Option<Message> {
        self.messages.try_recv().ok()
    }

    /// The octets on disk.
    pub(crate) fn kept(&self) -> &Kept {
        &self.kept
    }
}

/// The file that an input is, if its octets will still be there later.
fn regular_file(input: &Input) -> io::Result<Option<File>> {
    let file = File::from(input.as_fd().try_clone_to_owned()?);
    Ok(file.metadata()?.is_file().then_some(file))
}

/// Reads an input that will not be there later, and keeps it.
fn spool(input: Input, mut file: &File, sender: &SyncSender<Message>) -> io::Result<()> {
    let at = file.stream_position()?;
    let mut kept = Keeping { input, file, failed: None };
    read(&mut kept, at, sender)?;
    kept.failed.map_or(Ok(()), Err)
}

/// An input whose octets are in a file before anybody reads them.
struct Keeping<'a> {
    input: Input,
    file: &'a File,
    /// Why the file takes no more; what comes is shown all the same.
    failed: Option<io::Error>,
}

impl Read for Keeping<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.input.read(buffer)?;
        if self.failed.is_none() {
            self.failed = self.file.write_all(buffer.get(..len).unwrap_or_default()).err();
        }
        Ok(len)
    }
}

/// Reads lines from octet `at` on and says what they are; returns where they end. A last line
/// that is torn counts as unread: its writer may be at it.
fn read(from: impl Read, mut at: u64, sender: &SyncSender<Message>) -> io::Result<u64> {
    let mut lines = Lines::new(from);
    while let Some(line) = lines.next_line()? {
        let (bytes, message) = match line {
            Line::Whole(bytes) => (bytes, message(bytes, at)),
            Line::Piece { bytes, last } => {
                (bytes, last.then(|| Message::Malformed("a line is too long".to_owned())))
            }
        };
        if bytes.ends_with(b"\n") || !matches!(message, Some(Message::Malformed(_))) {
            at += bytes.len() as u64;
        }
        if let Some(message) = message
            && sender.send(message).is_err()
        {
            break; // the session is over
        }
    }
    Ok(at)
}

fn message(bytes: &[u8], at: u64) -> Option<Message> {
    if bytes.trim_ascii().is_empty() {
        return None;
    }
    Some(match Record::from_slice(bytes) {
        Ok(record) => Message::Record(Box::new(record), at..at + bytes.len() as u64),
        Err(error) => Message::Malformed(error.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_again_behind_an_input_that_ends_torn() {
        let folder = tempfile::tempdir().unwrap();
        let line = |n: u32| format!("{{\"type\":\"note\",\"n\":{n}}}\n");
        let texts = [line(1) + "{\"type\":\"hop\",", line(2) + &line(3)];
        let inputs = texts.iter().enumerate().map(|(n, text)| {
            let path = folder.path().join(n.to_string());
            std::fs::write(&path, text).unwrap();
            Input::open(&path).unwrap()
        });
        let feed = Feed::start(inputs.collect()).unwrap();
        let (mut lines, mut malformed) = (Vec::new(), 0);
        loop {
            match feed.messages.recv().unwrap() {
                Message::Record(_, range) => lines.push(feed.kept.read(&range).unwrap()),
                Message::Malformed(_) => malformed += 1,
                Message::Failed(why) => panic!("{why}"),
                other @ (Message::Preview(_) | Message::Note(_)) => panic!("{other:?}"),
                Message::End => break,
            }
        }
        assert_eq!(lines.concat(), [line(1), line(2), line(3)].concat().into_bytes());
        assert_eq!(malformed, 1);
    }
}
