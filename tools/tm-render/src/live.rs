//! The terminal: a table that is drawn over itself while records come, and left standing at the
//! end.

use std::io;
use std::time::{Duration, Instant};

use tm_schema::Alert;
use tm_stream::{Output, screen};

use crate::alerts::Alerts;
use crate::flags::{Flags, Format};
use crate::footer::count;
use crate::view::{View, Views};
use crate::{figures, map, table};

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
            printed: false,
            alerts: Alerts::default(),
        }
    }

    /// Draws what changed last, if it is time to.
    pub(crate) fn redraw(&mut self, views: &Views) -> io::Result<()> {
        let recent = self.drawn_at.is_some_and(|at| at.elapsed() < BETWEEN_DRAWINGS);
        let (true, false, Some(view)) = (self.live, recent, views.latest()) else { return Ok(()) };
        self.drawn_at = Some(Instant::now());
        let mut lines = self.lines(view);
        if views.len() > 1 {
            lines.push(format!("({})", count(views.len() as u64 - 1, "more host")));
        }
        lines.extend(self.alerts.lines(None, self.flags.columns_of_text()));
        // What scrolls off the screen cannot be drawn over: the end is what moves.
        let most = Flags::lines_of_text().unwrap_or(24) - 1;
        let first = lines.len().saturating_sub(most);
        let shown = lines.get(first..).unwrap_or_default();
        self.erase()?;
        self.standing = shown.len();
        self.write(shown)
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
