//! SIGINT and SIGTERM: a tool ends after the last whole record, with 130 or 143.

use std::io;
use std::thread;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::Output;

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

/// Ends the process on a signal once what is whole has been written.
pub fn exit_with(output: &Output) -> io::Result<()> {
    let output = output.clone();
    on_end(move |signal| output.exit(128 + signal))
}
