//! How much text fits: the width that was asked for, the terminal's, the environment's, or 80.

/// Columns of text to fill.
pub fn columns(wanted: Option<u16>) -> usize {
    let of_terminal = || {
        let size = rustix::termios::tcgetwinsize(rustix::stdio::stdout()).ok()?;
        (size.ws_col > 0).then_some(size.ws_col)
    };
    let of_environment = || std::env::var("COLUMNS").ok()?.parse().ok();
    usize::from(wanted.or_else(of_terminal).or_else(of_environment).unwrap_or(80))
}
