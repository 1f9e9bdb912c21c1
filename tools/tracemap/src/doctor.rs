//! `tracemap doctor`: what this user may probe with, what is installed, and how to get more.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

use tm_schema::Protocol;
use tm_stream::text::visible;
use tm_stream::{Diagnostics, Error, Outcome, settings};
use tm_tracer::methods::{self, Availability, Way};

use crate::tools;

/// Prints every finding with its remedy; the answer is no when the main job cannot run.
pub(crate) fn run(_: &Diagnostics) -> Result<Outcome, Error> {
    let methods = methods::availability();
    let installed: Vec<_> = tools::ALL
        .iter()
        .map(|name| (*name, tools::find(name)))
        .filter(|(name, path)| path.is_some() || tools::is_required(name))
        .collect();
    let mut text = String::from("Probing\n");
    for method in &methods {
        text += &method_line(method);
    }
    let remedies: BTreeSet<_> = methods.iter().filter_map(|method| method.remedy).collect();
    for remedy in remedies {
        let _ = writeln!(text, "  for more: {remedy}");
    }
    text += "\nTools\n";
    for (name, path) in &installed {
        let found =
            path.as_ref().map_or("not installed".to_owned(), |path| path.display().to_string());
        let _ = writeln!(text, "  {name:10} {}", visible(&found));
    }
    let (config, config_is_sound) = configuration();
    let _ = write!(text, "\nSettings\n  {config}\n\nTerminal\n  {}\n", terminal());
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush())?;
    let udp = methods.iter().any(|method| method.protocol == Protocol::Udp && method.way.is_some());
    let complete = installed.iter().all(|(_, path)| path.is_some());
    Ok(if udp && complete && config_is_sound { Outcome::Done } else { Outcome::No })
}

fn method_line(method: &Availability) -> String {
    let family = if method.v6 { "IPv6" } else { "IPv4" };
    let protocol = method.protocol.as_str().to_uppercase();
    let (mark, how) = match (method.way, method.protocol) {
        (Some(Way::ErrorQueue), Protocol::Tcp) => {
            ("ok", "error queues (unprivileged); one probe of a flow at a time".to_owned())
        }
        (Some(way), _) => ("ok", way.as_str().to_owned()),
        (None, _) => ("no", method.obstacle.clone().unwrap_or_default()),
    };
    format!("  {mark} {protocol:4} {family}  {how}\n")
}

fn configuration() -> (String, bool) {
    let Some(path) = settings::config_path() else {
        return ("no home folder, so no settings".to_owned(), true);
    };
    let shown = visible(&path.display().to_string()).into_owned();
    match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            (format!("none at {shown}; defaults are used"), true)
        }
        Err(error) => (format!("cannot read {shown}: {error}"), false),
        Ok(text) => match text.parse::<toml::Table>() {
            Ok(_) => (format!("read from {shown}"), true),
            Err(error) => (format!("{shown} is no TOML: {}", visible(error.message())), false),
        },
    }
}

fn terminal() -> String {
    if !io::stdout().is_terminal() {
        return "stdout is no terminal: tables are printed once, at the end".to_owned();
    }
    let size = rustix::termios::tcgetwinsize(rustix::stdio::stdout());
    let size = size
        .map_or("of unknown size".to_owned(), |size| format!("{}×{}", size.ws_col, size.ws_row));
    let color = tm_stream::color::When::Auto.for_stdout();
    format!("{size}, {}", if color { "with colour" } else { "without colour" })
}
