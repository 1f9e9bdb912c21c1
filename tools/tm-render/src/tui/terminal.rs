//! Taking the terminal, and giving it back as it was: at the end, after an error, after a panic.

use std::io::{self, Stdout, stdout};
use std::panic;
use std::process;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Once};
use std::thread;
use std::time::Duration;

use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};

use signal_hook::consts::{SIGHUP, SIGTERM};
use signal_hook::iterator::Signals;

use super::app::App;
use super::screen;

/// The terminal, while it is ours.
pub(crate) struct Terminal(ratatui::Terminal<CrosstermBackend<Stdout>>);

impl Terminal {
    /// Takes it.
    pub(crate) fn take() -> io::Result<Self> {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let before = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                give_back();
                before(info);
            }));
        });
        enable_raw_mode()?;
        let taken = execute!(stdout(), EnterAlternateScreen, Hide)
            .and_then(|()| ratatui::Terminal::new(CrosstermBackend::new(stdout())));
        taken.map(Self).inspect_err(|_| give_back())
    }

    /// Draws the session.
    pub(crate) fn draw(&mut self, app: &mut App) -> io::Result<()> {
        if app.wants_clear() {
            self.0.clear()?;
        }
        self.0.draw(|frame| screen::draw(frame, app)).map(drop)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        give_back();
    }
}

/// How long the session may take to end by itself after a signal. Where the terminal is gone, it
/// waits for keys that never come.
const GRACE: Duration = Duration::from_millis(300);

/// Notes SIGTERM and SIGHUP, and sees to it that the process ends.
pub(crate) fn note_signals() -> io::Result<Arc<AtomicI32>> {
    let noted = Arc::new(AtomicI32::new(0));
    let by_thread = Arc::clone(&noted);
    let mut signals = Signals::new([SIGTERM, SIGHUP])?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        if let Some(signal) = signals.forever().next() {
            by_thread.store(signal, Ordering::Relaxed);
            thread::sleep(GRACE);
            give_back();
            process::exit(128 + signal);
        }
    })?;
    Ok(noted)
}

/// What fails here cannot be mended, and nobody could be told.
fn give_back() {
    let _ = disable_raw_mode();
    let _ = execute!(stdout(), LeaveAlternateScreen, Show);
}
