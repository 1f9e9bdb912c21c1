//! `tracemap`: starts the very pipelines that a user could type, with real pipes between real
//! processes, and says what this machine allows.

mod aside;
mod cache;
mod config;
mod doctor;
mod flags;
mod guard;
mod other;
mod pipeline;
mod preview;
mod probing;
mod profile;
mod show;
mod stages;
mod tools;
mod trace;
mod watch;

use std::process::ExitCode;

use tm_stream::{Diagnostics, cli, exit};

use flags::{Action, Flags};

fn main() -> ExitCode {
    let flags: Flags = cli::parse();
    let diagnostics = Diagnostics::new("tracemap", flags.verbose, false);
    let result = match &flags.action {
        Action::Trace(trace) => trace::run(trace, flags.verbose, &diagnostics),
        Action::Watch(watch) => watch::run(watch, flags.verbose, &diagnostics),
        Action::Tui { files } => show::run("--tui", files),
        Action::Replay { files } => show::run("--replay", files),
        Action::Stats { files } => show::run("--stats", files),
        Action::Doctor(flags) => doctor::run(flags),
        Action::Profiles { format } => profile::list(*format),
        Action::Cache(flags) => cache::run(flags, &diagnostics),
        Action::Config(flags) => config::run(&flags.action, &diagnostics),
        Action::Other(words) => other::run(words),
    };
    exit::code(&diagnostics, result)
}
