//! Traces as they end; on a terminal, as they grow.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use tm_schema::Record;
use tm_stream::typed::Records;
use tm_stream::{Error, Output};

use crate::flags::Flags;
use crate::live::Screen;
use crate::overlay::Overlay;
use crate::side::Side;
use crate::view::Views;

/// Shows every trace. Beside the records: hops to show before their records come, and notes.
pub(crate) fn run(
    flags: &Flags,
    records: &mut Records,
    (mut preview, notes): (Option<Side>, Option<Side>),
    output: &Output,
) -> Result<(), Error> {
    let screen = Screen::new(flags, output);
    if !(screen.is_live() && flags.shows_table())
        && let Some(preview) = preview.take()
    {
        preview.read_aside(|_| {});
    }
    let overlay = Overlay::new(flags.each, flags.awaited.clone(), preview.is_some());
    let views = Views::new(flags.each);
    let mut show = Show { views, overlay, preview, notes, screen };
    let result = show.all(records);
    show.finish()?;
    result
}

struct Show<'a> {
    views: Views,
    overlay: Overlay,
    preview: Option<Side>,
    notes: Option<Side>,
    screen: Screen<'a>,
}

/// What can be read.
#[derive(Clone, Copy, Debug, Default)]
struct Ready {
    records: bool,
    preview: bool,
    notes: bool,
}

impl Show<'_> {
    fn all(&mut self, records: &mut Records) -> Result<(), Error> {
        loop {
            self.idle(records)?;
            match records.next_record()? {
                Some(record) => self.take(record)?,
                None => return Ok(()),
            }
        }
    }

    fn take(&mut self, record: Record) -> Result<(), Error> {
        self.overlay.record(&record);
        match record {
            Record::Hop(hop) => self.views.hop(*hop),
            Record::Trace(trace) => {
                if let Some(done) = self.views.trace(*trace) {
                    self.screen.print(&done)?;
                }
            }
            Record::Alert(alert) => self.screen.alert(*alert),
            Record::Other(_) => return Ok(()),
        }
        self.screen.is_stale = true;
        Ok(())
    }

    /// Draws what is due and attends to the other inputs until there may be a record to read.
    fn idle(&mut self, records: &Records) -> Result<(), Error> {
        while (self.screen.is_live() || self.notes.is_some()) && !records.more_waits() {
            let due = self.screen.redraw(&self.views, &self.overlay)?;
            let Some(input) = records.input() else { return Ok(()) };
            let ready = self.wait(Some(input.as_fd()), due)?;
            if ready.records {
                return Ok(());
            }
            self.attend(ready)?;
        }
        Ok(())
    }

    fn attend(&mut self, ready: Ready) -> io::Result<()> {
        if let Some(preview) = self.preview.as_mut().filter(|_| ready.preview) {
            let (overlay, is_stale) = (&mut self.overlay, &mut self.screen.is_stale);
            let goes_on = preview.read(|line| {
                if let Ok(Record::Hop(hop)) = Record::from_slice(line) {
                    *is_stale |= overlay.preview(*hop);
                }
            });
            if !goes_on {
                self.preview = None;
                self.overlay.close();
            }
        }
        if let Some(notes) = self.notes.as_mut().filter(|_| ready.notes) {
            let mut said = Ok(());
            let screen = &mut self.screen;
            let goes_on = notes.read(|line| {
                if said.is_ok() {
                    said = screen.say(line);
                }
            });
            if !goes_on {
                self.notes = None;
            }
            said?;
        }
        Ok(())
    }

    /// Leaves standing what is known, and below it what was said in the meantime.
    fn finish(mut self) -> Result<(), Error> {
        for view in std::mem::replace(&mut self.views, Views::new(false)).rest() {
            self.screen.print(&view)?;
        }
        // Once: who goes on talking is not waited for.
        let ready = self.wait(None, Some(Duration::ZERO))?;
        Ok(self.attend(ready)?)
    }

    /// Waits until anything can be read, or for `time`.
    fn wait(&self, records: Option<BorrowedFd>, time: Option<Duration>) -> Result<Ready, Error> {
        let inputs =
            [records, self.preview.as_ref().map(Side::as_fd), self.notes.as_ref().map(Side::as_fd)];
        let mut all: Vec<_> = inputs
            .iter()
            .flatten()
            .map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN))
            .collect();
        let time = time.and_then(|time| Timespec::try_from(time).ok());
        match poll(&mut all, time.as_ref()) {
            Ok(_) => {}
            Err(Errno::INTR) => return Ok(Ready::default()),
            Err(error) => return Err(Error::Failed(format!("cannot wait for records: {error}"))),
        }
        let mut polled = all.iter().map(|fd| !fd.revents().is_empty());
        let [records, preview, notes] =
            inputs.map(|input| input.is_some() && polled.next().unwrap_or(false));
        Ok(Ready { records, preview, notes })
    }
}
