//! Traces as they end; on a terminal, as they grow.

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
use crate::preview::Preview;
use crate::view::Views;

/// Shows every trace. `preview`: hops to show before their records come, as long as it goes well.
pub(crate) fn run(
    flags: &Flags,
    records: &mut Records,
    preview: Option<Preview>,
    output: &Output,
) -> Result<(), Error> {
    let screen = Screen::new(flags, output);
    let preview = match preview {
        Some(preview) if !(screen.is_live() && flags.shows_table()) => {
            preview.drain()?;
            None
        }
        other => other,
    };
    let overlay = Overlay::new(flags.each, flags.awaited.clone(), preview.is_some());
    let mut show = Show { views: Views::new(flags.each), overlay, preview, screen };
    let result = show.all(records);
    for view in show.views.rest() {
        show.screen.print(&view)?;
    }
    result
}

struct Show<'a> {
    views: Views,
    overlay: Overlay,
    preview: Option<Preview>,
    screen: Screen<'a>,
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
        match record {
            Record::Hop(hop) => {
                self.overlay.replace(&hop);
                self.views.hop(*hop);
            }
            Record::Trace(trace) => {
                self.overlay.end(&trace);
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

    /// Draws what is due and takes previews in until there may be a record to read.
    fn idle(&mut self, records: &Records) -> Result<(), Error> {
        while self.screen.is_live() && !records.more_waits() {
            let due = self.screen.redraw(&self.views, &self.overlay)?;
            let Some(input) = records.input() else { return Ok(()) };
            let preview = self.preview.as_ref().map(Preview::as_fd);
            let (is_input, is_preview) = wait(input.as_fd(), preview, due)?;
            if is_input {
                return Ok(());
            }
            if is_preview {
                self.preview();
            }
        }
        Ok(())
    }

    fn preview(&mut self) {
        let read = self.preview.as_mut().and_then(|preview| preview.read(&mut self.overlay));
        match read {
            Some(is_new) => self.screen.is_stale |= is_new,
            None => {
                self.preview = None;
                self.overlay.close();
            }
        }
    }
}

/// Waits until either can be read, or for `time`; which of them can.
fn wait(
    input: BorrowedFd,
    preview: Option<BorrowedFd>,
    time: Option<Duration>,
) -> Result<(bool, bool), Error> {
    let mut all = vec![PollFd::from_borrowed_fd(input, PollFlags::IN)];
    all.extend(preview.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
    let time = time.and_then(|time| Timespec::try_from(time).ok());
    match poll(&mut all, time.as_ref()) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => return Err(Error::Failed(format!("cannot wait for records: {error}"))),
    }
    let mut ready = all.iter().map(|fd| !fd.revents().is_empty());
    Ok((ready.next().unwrap_or(false), ready.next().unwrap_or(false)))
}
