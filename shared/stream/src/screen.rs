//! What a screen takes: how much text fits (the width that was asked for, the terminal's, the
//! environment's, or 80), and whether it can be drawn on.

use std::io::IsTerminal;

/// Columns of text to fill.
pub fn columns(wanted: Option<u16>) -> usize {
    let of_terminal = || {
        let size = rustix::termios::tcgetwinsize(rustix::stdio::stdout()).ok()?;
        (size.ws_col > 0).then_some(size.ws_col)
    };
    let of_environment = || std::env::var("COLUMNS").ok()?.parse().ok();
    usize::from(wanted.or_else(of_terminal).or_else(of_environment).unwrap_or(80))
}

/// Stdout is a terminal that understands escapes: colours, and a cursor that moves.
pub fn takes_escapes() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("TERM").is_none_or(|kind| kind != "dumb")
}
