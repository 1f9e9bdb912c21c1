//! `--exec`: runs a command for every alert, beside the stream and never in its way.

use std::io::Write;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tm_stream::{Diagnostics, Error};

/// Alerts that may wait for the command.
const WAITING: usize = 256;

/// How long the command may take.
const LONGEST: Duration = Duration::from_mins(1);

/// Runs the command, one alert at a time.
pub(crate) struct Runner {
    alerts: SyncSender<Vec<u8>>,
    thread: JoinHandle<()>,
    has_failed: Arc<AtomicBool>,
    diagnostics: Diagnostics,
}

impl Runner {
    /// Splits `command` into words and waits for alerts.
    pub(crate) fn start(command: &str, diagnostics: &Diagnostics) -> Result<Self, Error> {
        let words = shlex::split(command).unwrap_or_default();
        let Some((program, arguments)) = words.split_first() else {
            return Err(Error::Failed(format!("--exec {command:?}: no command, or an open quote")));
        };
        let (alerts, waiting) = sync_channel(WAITING);
        let has_failed = Arc::new(AtomicBool::new(false));
        let job = Job {
            program: program.clone(),
            arguments: arguments.to_vec(),
            diagnostics: diagnostics.clone(),
            has_failed: Arc::clone(&has_failed),
        };
        let builder = thread::Builder::new().name("exec".to_owned());
        let thread = builder.spawn(move || job.run(&waiting))?;
        Ok(Self { alerts, thread, has_failed, diagnostics: diagnostics.clone() })
    }

    /// Hands an alert over; never waits.
    pub(crate) fn run(&self, alert: Vec<u8>) {
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) =
            self.alerts.try_send(alert)
        {
            self.has_failed.store(true, Ordering::Relaxed);
            self.diagnostics.error(format_args!(
                "--exec: over {WAITING} alerts wait for the command; it is not run for this one"
            ));
        }
    }

    /// Waits for the alerts handed over; `false`: some could not be handled.
    pub(crate) fn finish(self) -> bool {
        drop(self.alerts);
        self.thread.join().is_ok() && !self.has_failed.load(Ordering::Relaxed)
    }
}

/// What the thread does.
struct Job {
    program: String,
    arguments: Vec<String>,
    diagnostics: Diagnostics,
    has_failed: Arc<AtomicBool>,
}

impl Job {
    fn run(&self, waiting: &Receiver<Vec<u8>>) {
        for alert in waiting {
            if let Err(reason) = self.one(alert) {
                self.has_failed.store(true, Ordering::Relaxed);
                self.diagnostics.error(format_args!("--exec {}: {reason}", self.program));
            }
        }
    }

    fn one(&self, mut alert: Vec<u8>) -> Result<(), String> {
        alert.push(b'\n');
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(to_stderr())
            .spawn()
            .map_err(|error| error.to_string())?;
        if let Some(mut stdin) = child.stdin.take() {
            // A command that does not read must not hold us up; one that has ended need not read.
            thread::spawn(move || drop(stdin.write_all(&alert)));
        }
        let status = wait(&mut child)?;
        if status.success() { Ok(()) } else { Err(status.to_string()) }
    }
}

/// Stdout is for records alone.
fn to_stderr() -> Stdio {
    let copied: Result<OwnedFd, _> = rustix::io::dup(rustix::stdio::stderr());
    copied.map_or_else(|_| Stdio::null(), Stdio::from)
}

fn wait(child: &mut Child) -> Result<ExitStatus, String> {
    let began = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) if began.elapsed() < LONGEST => thread::sleep(pause),
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("it took over {} s and was ended", LONGEST.as_secs()));
            }
            Err(error) => return Err(error.to_string()),
        }
        pause = (pause * 2).min(Duration::from_millis(100));
    }
}
