//! The stream contract that every tool keeps: NDJSON in, NDJSON out, and a word on stderr where
//! something is wrong. What a tool does with the records is not here.
//!
//! - [`cli`]: flags that all tools share, and where their defaults come from ([`settings`]);
//!   manual pages and completions are made of the same flags.
//! - [`input`], [`lines`], [`typed`], [`passing`]: from files and pipes to lines to records.
//! - [`splice`]: setting one member of a line, every other byte untouched.
//! - [`output`]: whole lines out, flushed when nothing more waits, quiet when the pipe closes.
//! - [`diagnostics`], [`exit`], [`signal`]: how a tool complains and how it ends; [`progress`]: what
//!   it says while a person waits.
//! - [`program`]: where the tools are; [`finding`]: how they are (`--check`).
//! - [`text`], [`color`], [`screen`]: what may reach a terminal, and how much fits; `frame`: tables.
//! - [`confine`]: what a process may not do any more.
//! - [`folders`]: where files are; [`file_name`]: what may name one.
//! - [`memory`]: what has been seen, in bounded space.

pub mod cli;
pub mod color;
pub mod confine;
pub mod diagnostics;
pub mod exit;
pub mod file_name;
pub mod finding;
pub mod folders;
#[cfg(feature = "frame")]
pub mod frame;
mod generate;
pub mod input;
pub mod lines;
mod manual;
pub mod memory;
pub mod output;
pub mod passing;
pub mod program;
pub mod progress;
pub mod screen;
pub mod settings;
pub mod signal;
pub mod splice;
pub mod text;
pub mod typed;

pub use diagnostics::Diagnostics;
pub use exit::{Error, Outcome};
pub use output::Output;
