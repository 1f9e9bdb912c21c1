//! `--tui`: the records as a screen that one walks through, live or round by round.
//!
//! - [`feed`]: a thread that reads records; their octets stay on disk.
//! - [`session`]: rounds, and the view as it was after any of them.
//! - [`app`]: the state, and what keys do to it ([`keys`]); [`position`]: which round is shown.
//! - [`screen`]: drawing, with [`hops`], [`details`], [`flows`] and [`popups`].
//! - [`terminal`]: taking the terminal and giving it back.
//! - [`export`]: the view as a page.

mod app;
mod details;
mod export;
mod feed;
mod flows;
mod hops;
mod keys;
mod popups;
mod position;
mod screen;
mod session;
mod terminal;
#[cfg(test)]
mod tests;

use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::{Duration, Instant};

use ratatui::crossterm::event::{self, Event, KeyEventKind};
use tm_stream::input::Input;
use tm_stream::{Diagnostics, Error, Outcome};

use crate::flags::Flags;
use crate::side::Side;
use app::{App, End};
use feed::Feed;
use terminal::Terminal;

/// Nobody reads faster.
const BETWEEN_DRAWINGS: Duration = Duration::from_millis(80);

/// How long a key may have to wait while nothing happens.
const IDLE: Duration = Duration::from_millis(50);

/// Shows the records of `inputs` until the user has seen enough.
pub(crate) fn run(
    flags: &Flags,
    inputs: Vec<Input>,
    (preview, notes): (Option<Side>, Option<Side>),
    diagnostics: &Diagnostics,
) -> Result<Outcome, Error> {
    if !io::stdout().is_terminal() {
        let hint = "--tui needs a terminal on stdout; without it, records become a table";
        return Err(Error::Failed(hint.to_owned()));
    }
    let signal = terminal::note_signals()?;
    let feed = Feed::start(inputs)
        .map_err(|error| Error::io("cannot keep the records while they are shown", &error))?;
    feed.read_beside(preview, notes);
    let mut app = App::new(flags, flags.common.color.for_stdout(), feed);
    let mut terminal = Terminal::take()?;
    let end = attend(&mut app, &mut terminal, &signal);
    drop(terminal);
    if app.malformed > 0 {
        diagnostics.warn(format_args!("lines that were no records: {}", app.malformed));
    }
    Ok(match (end?, signal.load(Ordering::Relaxed)) {
        (_, number @ 1..) => Outcome::Signal(number),
        (End::Interrupted, _) => Outcome::Signal(signal_hook::consts::SIGINT),
        (End::Quit, _) => Outcome::Done,
    })
}

/// Takes in records and keys by turns until the end.
fn attend(app: &mut App, terminal: &mut Terminal, signal: &AtomicI32) -> io::Result<End> {
    let (mut is_stale, mut drawn_at) = (true, None::<Instant>);
    loop {
        is_stale |= app.turn();
        if is_stale && drawn_at.is_none_or(|at| at.elapsed() >= BETWEEN_DRAWINGS) {
            terminal.draw(app)?;
            // The first hops need not wait: nobody reads an empty screen.
            (is_stale, drawn_at) = (false, app.log().map(|_| Instant::now()));
        }
        if signal.load(Ordering::Relaxed) != 0 {
            return Ok(End::Quit);
        }
        // What has come and is not shown yet is shown soon; what waits is taken in at once.
        let due =
            drawn_at.map_or(Duration::ZERO, |at| BETWEEN_DRAWINGS.saturating_sub(at.elapsed()));
        let mut wait = match app.is_playing() {
            _ if app.more_waits => Duration::ZERO,
            true => IDLE / 10,
            false if is_stale => due.min(IDLE),
            false => IDLE,
        };
        while event::poll(std::mem::take(&mut wait))? {
            match event::read()? {
                Event::Key(key) if key.kind != KeyEventKind::Release => app.key(key),
                Event::Resize(..) => {}
                _ => continue,
            }
            // A key is answered at once.
            (is_stale, drawn_at) = (true, None);
        }
        if let Some(end) = app.outcome {
            return Ok(end);
        }
    }
}
