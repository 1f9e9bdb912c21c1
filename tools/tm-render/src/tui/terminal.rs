//! Taking the terminal, and giving it back as it was: at the end, after an error, after a panic.

use std::io::{self, BufWriter, Stdout, stdout};
use std::panic;
use std::process;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Once};
use std::thread;
use std::time::Duration;

use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::layout::{Position, Rect};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::app::App;
use super::screen;

/// The terminal, while it is ours.
pub(crate) struct Terminal(ratatui::Terminal<CrosstermBackend<BufWriter<Stdout>>>);

/// More than a drawing takes, so that none is seen half done.
const BUFFER: usize = 1 << 18;

impl Terminal {
    /// Takes it.
    pub(crate) fn take() -> io::Result<Self> {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let before = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                give_back();
                before(info);
                if thread::current().name() != Some("main") {
                    process::exit(101); // what is left would go on without its thread
                }
            }));
        });
        TAKEN.store(true, Ordering::Relaxed);
        enable_raw_mode().inspect_err(|_| give_back())?;
        let taken = execute!(stdout(), EnterAlternateScreen, Hide).and_then(|()| {
            let buffered = BufWriter::with_capacity(BUFFER, stdout());
            ratatui::Terminal::new(CrosstermBackend::new(buffered))
        });
        taken.map(Self).inspect_err(|_| give_back())
    }

    /// Draws the session.
    pub(crate) fn draw(&mut self, app: &mut App) -> io::Result<()> {
        if app.wants_clear() {
            // `clear` would ask the terminal where its cursor is and wait for the answer.
            let size = self.0.size()?;
            self.0.resize(Rect::from((Position::ORIGIN, size)))?;
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

/// Notes SIGINT from outside, SIGTERM and SIGHUP, and sees to it that the process ends.
pub(crate) fn note_signals() -> io::Result<Arc<AtomicI32>> {
    let noted = Arc::new(AtomicI32::new(0));
    let by_thread = Arc::clone(&noted);
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
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

/// It is ours. Giving it back twice would put the cursor where it once was, over what has been
/// said since.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// What fails here cannot be mended, and nobody could be told.
fn give_back() {
    if !TAKEN.swap(false, Ordering::Relaxed) {
        return;
    }
    let _ = disable_raw_mode();
    let _ = execute!(stdout(), LeaveAlternateScreen, Show);
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::process::Command;
    use std::time::{Duration, Instant};

    use super::{Terminal, thread};

    /// Runs in a terminal, by the test below.
    #[test]
    #[ignore = "it panics"]
    fn panics_with_the_terminal() {
        let _terminal = Terminal::take().unwrap();
        thread::sleep(Duration::from_millis(100));
        panic!("something is wrong");
    }

    fn tmux(socket: &str, args: &[&str]) -> String {
        let output = Command::new("tmux").args(["-S", socket]).args(args).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn a_panic_gives_the_terminal_back_and_says_what_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("tmux").display().to_string();
        let test = env::current_exe().unwrap();
        let command = format!(
            "stty -a | md5sum; '{}' --ignored --nocapture panics_with_the_terminal; \
             stty -a | md5sum; echo over; sleep 60",
            test.display()
        );
        tmux(&socket, &["-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "40", &command]);
        let until = Instant::now() + Duration::from_mins(1);
        let screen = loop {
            let screen = tmux(&socket, &["capture-pane", "-p"]);
            if screen.lines().any(|line| line == "over") || Instant::now() > until {
                break screen;
            }
            thread::sleep(Duration::from_millis(50));
        };
        let state = tmux(&socket, &["display-message", "-p", "#{alternate_on} #{cursor_flag}"]);
        tmux(&socket, &["kill-server"]);
        assert!(screen.contains("something is wrong"), "{screen}");
        assert_eq!(state, "0 1\n", "the usual screen, with its cursor\n{screen}");
        let modes: Vec<&str> = screen.lines().filter(|line| line.ends_with("  -")).collect();
        assert!(modes.len() == 2 && modes[0] == modes[1], "{screen}");
    }
}
