//! A terminal, so that tests can look at what a user sees and press keys: tmux, on a server of its
//! own. Nothing here waits for a fixed time.

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::tool;

/// Nothing that a test waits for takes this long.
const DEADLINE: Duration = Duration::from_mins(1);

/// How often it looks.
const PAUSE: Duration = Duration::from_millis(20);

/// A terminal with a shell command in it. After the command stands what it ended with.
#[derive(Debug)]
pub struct Terminal {
    folder: TempDir,
}

/// Says how a command ended, and that the tests are not waiting in vain.
const OVER: &str = "ended with";

#[allow(clippy::panic, clippy::expect_used)] // a test that has no terminal has failed
impl Terminal {
    /// Runs `command` in `columns` × `lines` characters, in a folder of its own, where the tools are
    /// on the path.
    ///
    /// # Panics
    /// Where tmux does not start.
    pub fn run(columns: u16, lines: u16, command: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let terminal = Self { folder };
        let tools = tool("tm-render").parent().map(Path::to_owned).unwrap_or_default();
        let path = std::env::var("PATH").unwrap_or_default();
        let script = format!(
            "cd '{0}'; export PATH='{1}':\"$PATH\" HOME='{0}' XDG_CONFIG_HOME=/nonexistent; \
             unset TMUX COLUMNS; stty -a >before; ({command}); ended=$?; stty -a >after; \
             echo {OVER} $ended; exec sleep 600",
            terminal.folder().display(),
            tools.display(),
        );
        let size = [columns.to_string(), lines.to_string()];
        let new = ["-f", "/dev/null", "-u", "new-session", "-d", "-x", &size[0], "-y", &size[1]];
        let mut tmux = terminal.command();
        tmux.args(new).arg(script).env("PATH", path).env("SHELL", "/bin/sh");
        tmux.env("LC_ALL", "C.UTF-8").env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
        let output = tmux.output().expect("tmux is installed (make tools)");
        assert!(output.status.success(), "{output:?}");
        terminal
    }

    /// Where the command runs.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self) -> Command {
        let mut command = Command::new("tmux");
        command.arg("-S").arg(self.folder().join("tmux"));
        command
    }

    fn tmux(&self, args: &[&str]) -> String {
        let output = self.command().args(args).output().expect("tmux runs");
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Presses keys, by tmux's names for them.
    pub fn press(&self, keys: &[&str]) {
        for key in keys {
            self.tmux(&["send-keys", "--", key]);
        }
    }

    /// Makes it larger or smaller.
    pub fn resize(&self, columns: u16, lines: u16) {
        self.tmux(&["resize-window", "-x", &columns.to_string(), "-y", &lines.to_string()]);
    }

    /// What it shows.
    pub fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// What it shows, with escapes for colours.
    pub fn coloured_screen(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-e"])
    }

    /// What tmux says of it, in tmux's words.
    pub fn ask(&self, format: &str) -> String {
        self.tmux(&["display-message", "-p", format]).trim_end().to_owned()
    }

    /// Waits until it shows what is wanted and is not being drawn on, and returns that.
    ///
    /// # Panics
    /// Where it never does.
    #[track_caller]
    pub fn until(&self, what: &str, is_shown: impl Fn(&str) -> bool) -> String {
        let begun = Instant::now();
        loop {
            let screen = self.screen();
            thread::sleep(PAUSE);
            if is_shown(&screen) && self.screen() == screen {
                return screen;
            }
            assert!(begun.elapsed() < DEADLINE, "{what} never came:\n{screen}");
        }
    }

    /// Waits until it shows a text.
    ///
    /// # Panics
    /// Where it never does.
    #[track_caller]
    pub fn shows(&self, text: &str) -> String {
        self.until(text, |screen| screen.contains(text))
    }

    /// Waits until it shows a text no more.
    ///
    /// # Panics
    /// Where it goes on.
    #[track_caller]
    pub fn hides(&self, text: &str) -> String {
        self.until(&format!("the end of {text}"), |screen| !screen.contains(text))
    }

    /// Waits until the command is over; what it ended with.
    ///
    /// # Panics
    /// Where it goes on.
    #[track_caller]
    pub fn ended(&self) -> i32 {
        let screen = self.shows(OVER);
        let line = screen.lines().find_map(|line| line.strip_prefix(OVER));
        line.and_then(|line| line.trim().parse().ok()).unwrap_or_else(|| panic!("{screen}"))
    }

    /// Whether it is as it was before the command: its modes, its usual screen, its cursor.
    ///
    /// # Panics
    /// Where its modes cannot be read.
    pub fn is_as_before(&self) -> bool {
        let modes = |name| std::fs::read_to_string(self.folder().join(name)).expect("its modes");
        modes("before") == modes("after")
            && self.ask("#{alternate_on} #{cursor_flag} #{mouse_any_flag}") == "0 1 0"
    }

    /// The column that each line ends in, as the terminal counts them, the first being 0.
    pub fn ends_of_lines(&self, lines: u16) -> Vec<u16> {
        self.tmux(&["copy-mode"]);
        let end = |line: u16| {
            self.tmux(&["send-keys", "-X", "top-line"]);
            if line > 0 {
                self.tmux(&["send-keys", "-N", &line.to_string(), "-X", "cursor-down"]);
            }
            self.tmux(&["send-keys", "-X", "end-of-line"]);
            self.ask("#{copy_cursor_x}").parse().unwrap_or(u16::MAX)
        };
        let ends = (0..lines).map(end).collect();
        self.tmux(&["send-keys", "-X", "cancel"]);
        ends
    }

    /// The process of this name that runs in it.
    ///
    /// # Panics
    /// Where there is none.
    pub fn process(&self, name: &str) -> String {
        let mut open = vec![self.ask("#{pane_pid}")];
        while let Some(pid) = open.pop() {
            let read = |file: &str| std::fs::read_to_string(format!("/proc/{pid}/{file}"));
            if read("comm").is_ok_and(|comm| comm.trim_end() == name) {
                return pid;
            }
            let children = read(&format!("task/{pid}/children")).unwrap_or_default();
            open.extend(children.split_whitespace().map(str::to_owned));
        }
        panic!("{name} does not run");
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.command().arg("kill-server").output();
    }
}
