//! What a screen takes: how much text fits (the width that was asked for, the terminal's, the
//! environment's, or 80), and whether it can be drawn on.

use std::io::IsTerminal;
use std::os::fd::BorrowedFd;

/// Columns of text to fill.
pub fn columns(wanted: Option<u16>) -> usize {
    let of_terminal = || columns_of(rustix::stdio::stdout());
    usize::from(wanted.or_else(of_terminal).or_else(columns_of_environment).unwrap_or(80))
}

/// Columns of the terminal that stderr goes to.
pub fn columns_of_stderr() -> usize {
    let of_terminal = columns_of(rustix::stdio::stderr());
    usize::from(of_terminal.or_else(columns_of_environment).unwrap_or(80))
}

fn columns_of(terminal: BorrowedFd) -> Option<u16> {
    let size = rustix::termios::tcgetwinsize(terminal).ok()?;
    (size.ws_col > 0).then_some(size.ws_col)
}

fn columns_of_environment() -> Option<u16> {
    std::env::var("COLUMNS").ok()?.parse().ok()
}

/// Stdout is a terminal that understands escapes: colours, and a cursor that moves.
pub fn takes_escapes() -> bool {
    std::io::stdout().is_terminal() && !is_dumb()
}

/// Terminals here take no escapes.
pub(crate) fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|kind| kind == "dumb")
}
