//! Flags that tools share, and reading them with the precedence flag, environment, file, default.

use std::path::PathBuf;
use std::{env, process};

use clap::{Args, Parser};

use crate::color::When;
use crate::{Diagnostics, generate, settings};

/// Flags of every tool.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Output")]
pub struct Common {
    /// Write to FILE, by way of a temporary beside it, instead of stdout
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// When to use colour; the environment's usual variables are heeded too
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = When::Auto)]
    pub color: When,

    /// Say nothing but errors
    #[arg(long)]
    pub quiet: bool,

    /// Say what is being done; twice: and why
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

impl Common {
    /// Diagnostics as loud as the flags say.
    pub fn diagnostics(&self, tool: &str) -> Diagnostics {
        Diagnostics::new(tool, self.verbose, self.quiet)
    }
}

/// Flags of every tool that reads records.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Input")]
pub struct Reading {
    /// Files to read, one after the other; `-` or none: stdin
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// Stop at the first line that is no record, with exit code 2
    #[arg(long)]
    pub strict: bool,
}

/// Flags of tools that need more of a machine than to run.
#[derive(Args, Clone, Debug)]
pub struct Checking {
    /// Check what the tool needs, write the findings as JSON lines, and do nothing else
    #[arg(long, help_heading = "Output")]
    pub check: bool,
}

/// Reads the command line. Ends the process on `--help`, `--version`, `--generate` and usage errors.
pub fn parse<T: Parser>() -> T {
    let command = T::command();
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    if let Some(answer) = generate::answer(&command, &arguments) {
        process::exit(answer.map_or_else(|error| refuse::<T>(&error), |()| 0));
    }
    let command = match settings::apply(command) {
        Ok(command) => generate::with_flag(command),
        Err(error) => process::exit(refuse::<T>(&error)),
    };
    let matches = command.get_matches();
    T::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

fn refuse<T: Parser>(error: &str) -> i32 {
    Diagnostics::new(T::command().get_name(), 0, false).error(error);
    2
}
