//! The terminal: a table that is drawn over itself while records come, and left standing at the
//! end.

use std::io;
use std::time::{Duration, Instant};

use tm_schema::Alert;
use tm_stream::{Output, screen};

use crate::alerts::Alerts;
use crate::flags::{Flags, Format};
use crate::footer::count;
use crate::overlay::Overlay;
use crate::view::{View, Views};
use crate::{figures, map, side, table};

/// Nobody reads faster.
const BETWEEN_DRAWINGS: Duration = Duration::from_millis(100);

/// Where tables are shown.
pub(crate) struct Screen<'a> {
    flags: &'a Flags,
    output: &'a Output,
    color: bool,
    live: bool,
    /// Lines of the drawing that stands on the terminal and is to be drawn over.
    standing: usize,
    drawn_at: Option<Instant>,
    /// Something has come since.
    pub(crate) is_stale: bool,
    printed: bool,
    alerts: Alerts,
}

impl<'a> Screen<'a> {
    pub(crate) fn new(flags: &'a Flags, output: &'a Output) -> Self {
        let terminal = flags.common.output.is_none() && screen::takes_escapes();
        Self {
            flags,
            output,
            color: flags.format == Format::Table && flags.common.color.for_stdout(),
            live: terminal && flags.format == Format::Table,
            standing: 0,
            drawn_at: None,
            is_stale: false,
            printed: false,
            alerts: Alerts::default(),
        }
    }

    /// Records are shown before they are all there.
    pub(crate) fn is_live(&self) -> bool {
        self.live
    }

    /// Draws what changed last, if it is time to; how long until it is, where it is not.
    pub(crate) fn redraw(
        &mut self,
        views: &Views,
        overlay: &Overlay,
    ) -> io::Result<Option<Duration>> {
        if !self.is_stale {
            return Ok(None);
        }
        if let Some(due) = self.drawn_at.and_then(|at| BETWEEN_DRAWINGS.checked_sub(at.elapsed())) {
            return Ok(Some(due));
        }
        let Some(view) = overlay.latest(views) else { return Ok(None) };
        (self.drawn_at, self.is_stale) = (Some(Instant::now()), false);
        let mut lines = self.lines(&view);
        let others = overlay.views(views).saturating_sub(1);
        if others > 0 {
            lines.push(format!("({})", count(others as u64, "more host")));
        }
        lines.extend(self.alerts.lines(None, self.flags.columns_of_text()));
        // What scrolls off the screen cannot be drawn over: the end is what moves.
        let most = Flags::lines_of_text().unwrap_or(24) - 1;
        let first = lines.len().saturating_sub(most);
        let shown = lines.get(first..).unwrap_or_default();
        self.erase()?;
        self.standing = shown.len();
        self.write(shown)?;
        Ok(None)
    }

    /// Prints a table to stay.
    pub(crate) fn print(&mut self, view: &View) -> io::Result<()> {
        self.erase()?;
        if std::mem::replace(&mut self.printed, true) {
            self.output.raw(b"\n")?;
        }
        let mut lines = self.lines(view);
        if self.flags.format == Format::Table {
            lines.extend(self.alerts.lines(Some(&view.host), self.flags.columns_of_text()));
        }
        self.write(&lines)
    }

    /// Prints a line to stay, above the table.
    pub(crate) fn say(&mut self, line: &[u8]) -> io::Result<()> {
        if !self.live {
            side::tell(line);
            return Ok(());
        }
        self.is_stale |= self.standing > 0;
        self.drawn_at = None;
        self.erase()?;
        self.write(&[side::note(line)])
    }

    /// Notes an alert, to be shown below the table.
    pub(crate) fn alert(&mut self, alert: Alert) {
        self.alerts.add(alert);
    }

    fn lines(&self, view: &View) -> Vec<String> {
        match self.flags {
            Flags { stats: true, .. } => figures::lines(view, self.flags),
            Flags { map: true, .. } => map::lines(view, self.flags, self.color),
            _ => table::lines(view, self.flags, self.color),
        }
    }

    fn erase(&mut self) -> io::Result<()> {
        match std::mem::take(&mut self.standing) {
            0 => Ok(()),
            lines => self.output.raw(format!("\x1b[{lines}A\x1b[J").as_bytes()),
        }
    }

    fn write(&self, lines: &[String]) -> io::Result<()> {
        for line in lines {
            self.output.raw(line.as_bytes())?;
            self.output.raw(b"\n")?;
        }
        self.output.flush()
    }
}
