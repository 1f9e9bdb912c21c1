//! SIGINT and SIGTERM: a tool ends after the last whole record, with 130 or 143.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::{Outcome, Output};

/// Calls `on_signal` with the number of each signal, from a thread of its own.
pub fn on_end(mut on_signal: impl FnMut(i32) + Send + 'static) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            on_signal(signal);
        }
    })?;
    Ok(())
}

/// Whether a signal asked for the end.
#[derive(Clone, Debug, Default)]
pub struct Interrupted(Arc<AtomicI32>);

impl Interrupted {
    /// The outcome of a tool that a signal may have ended.
    pub fn or(&self, outcome: Outcome) -> Outcome {
        match self.0.load(Ordering::Relaxed) {
            0 => outcome,
            signal => Outcome::Signal(signal),
        }
    }
}

/// Ends the process on a signal: at the end of its input, which the signal ends too where it went
/// to a whole pipeline, or after `grace`, once what is whole has been written.
pub fn exit_with(output: &Output, grace: Duration) -> io::Result<Interrupted> {
    let (output, interrupted) = (output.clone(), Interrupted::default());
    let noted = interrupted.clone();
    on_end(move |signal| {
        noted.0.store(signal, Ordering::Relaxed);
        thread::sleep(grace);
        output.exit(128 + signal);
    })?;
    Ok(interrupted)
}
