//! `--generate`: the manual page, completions, and settings of a tool, all from its own flags.

use std::ffi::OsString;
use std::io::{self, Write};

use clap::{Arg, Command, ValueEnum};
use clap_complete::Shell;

use crate::manual;
use crate::settings::{self, Setting};

const FLAG: &str = "--generate";
const GENERATE: &str = "Print a manual page, completions, or settings, and do nothing else";

/// What a tool can tell of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// The manual page, for man(1)
    Man,
    /// Completions for bash
    Bash,
    /// Completions for zsh
    Zsh,
    /// Completions for fish
    Fish,
    /// A configuration file that sets nothing yet
    Config,
    /// The settings in force and where each comes from, as JSON lines
    Settings,
}

/// Lets the command, and each of its subcommands, tell of `--generate` in its help.
pub(crate) fn with_flag(command: Command) -> Command {
    let names: Vec<_> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    let command =
        names.into_iter().fold(command, |command, name| command.mut_subcommand(name, with_flag));
    command.arg(
        Arg::new("generate")
            .long("generate")
            .value_name("WHAT")
            .value_parser(clap::value_parser!(Kind))
            .exclusive(true)
            .hide_short_help(true)
            .help(GENERATE)
            .long_help(GENERATE),
    )
}

/// Writes what is asked for; `None`: nothing is. Clap would want required arguments first.
pub(crate) fn answer(command: &Command, arguments: &[OsString]) -> Option<Result<(), String>> {
    let (kind, path) = match arguments {
        [path @ .., flag, kind] if flag == FLAG => (kind.to_str()?, path),
        [path @ .., both] => (both.to_str()?.strip_prefix(FLAG)?.strip_prefix('=')?, path),
        [] => return None,
    };
    let kind = Kind::from_str(kind, false).ok()?;
    let mut root = with_flag(command.clone());
    root.build();
    let mut one = &root;
    for name in path {
        one = one.find_subcommand(name)?;
    }
    let mut out = Vec::new();
    let shell = match kind {
        Kind::Bash => Some(Shell::Bash),
        Kind::Zsh => Some(Shell::Zsh),
        Kind::Fish => Some(Shell::Fish),
        Kind::Man | Kind::Config | Kind::Settings => None,
    };
    let made = match (kind, shell) {
        (_, Some(shell)) => {
            completions(shell, root, &mut out);
            Ok(())
        }
        (Kind::Man, _) => manual::page(one, &mut out),
        (Kind::Settings, _) => match settings::in_force(command) {
            Ok(all) => as_lines(&all, &mut out),
            Err(error) => return Some(Err(error)),
        },
        _ => sample(command, &mut out),
    };
    let written = made.and_then(|()| io::stdout().lock().write_all(&out));
    Some(written.map_err(|error| error.to_string()))
}

fn completions(shell: Shell, mut command: Command, out: &mut Vec<u8>) {
    let name = command.get_name().to_owned();
    clap_complete::generate(shell, &mut command, name, out);
}

/// The table of a tool, and those of its subcommands, each key with its default, and none in force.
fn sample(command: &Command, out: &mut Vec<u8>) -> io::Result<()> {
    for (table, command) in settings::tables(command) {
        let keys: Vec<_> = command.get_arguments().filter_map(settings::key).collect();
        if keys.is_empty() {
            continue;
        }
        writeln!(out, "[{table}]")?;
        for (key, arg) in keys {
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            for line in textwrap::wrap(&help, 96) {
                writeln!(out, "# {line}")?;
            }
            let value = settings::default(arg).unwrap_or_else(|| {
                let names = arg.get_value_names().unwrap_or_default();
                names.first().map_or("", |name| name.as_str()).into()
            });
            // Texts, numbers and lists are written alike in JSON and TOML.
            writeln!(out, "#{key} = {}\n", serde_json::to_string(&value)?)?;
        }
    }
    Ok(())
}

fn as_lines(all: &[Setting], out: &mut Vec<u8>) -> io::Result<()> {
    for setting in all {
        serde_json::to_writer(&mut *out, setting)?;
        out.push(b'\n');
    }
    Ok(())
}
