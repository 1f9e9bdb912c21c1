//! `tm-redact`: takes what identifies out of records, so that they can be shared.
//!
//! Redaction reads records whole and writes them anew from a list of what may stay; what it does
//! not know it drops, and so it drops lines that are no records.

mod address;
mod alert;
#[cfg(any(test, fuzzing))]
mod check;
mod flags;
mod key;
mod line;
mod name;
mod own;
mod pan;
mod redactor;
mod word;

use std::collections::BTreeMap;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use tm_stream::typed::Records;
use tm_stream::{Diagnostics, Error, Outcome, Output, cli, exit, input, signal};

use flags::Flags;
use key::Key;
use line::Line;
use redactor::Redactor;

/// How long the tools before this one may take to write their last records after a signal.
const GRACE: Duration = Duration::from_secs(1);

/// Names that are told apart in what is said at the end.
const TOLD: usize = 8;

/// What must hold of any input: `tests/fuzz` calls it.
#[cfg(fuzzing)]
pub mod checks {
    /// A stream of records.
    pub fn stream(octets: &[u8]) {
        crate::check::check(octets);
    }
}

/// The tool: flags from the command line, records in and out.
pub fn main() -> ExitCode {
    let flags: Flags = cli::parse();
    let diagnostics = flags.common.diagnostics("tm-redact");
    let result = run(&flags, &diagnostics);
    exit::code(&diagnostics, result)
}

fn run(flags: &Flags, diagnostics: &Diagnostics) -> Result<Outcome, Error> {
    let (inputs, all) = input::open_all(&flags.reading.files, diagnostics)?;
    let key = match &flags.key_file {
        _ if flags.one_time => Key::one_time(),
        Some(path) => Key::from_file(path),
        None => Key::of_user(diagnostics),
    }?;
    let output = Output::open(flags.common.output.as_deref())?;
    let interrupted = signal::exit_with(&output, GRACE)?;
    let mut records = Records::new(inputs, diagnostics, flags.reading.strict);
    let mut filter = Filter {
        flags,
        redactor: Redactor::new(flags, &key),
        output: &output,
        text: Vec::new(),
        types: Dropped::default(),
        members: Dropped::default(),
    };
    let result = filter.all(&mut records);
    filter.tell(diagnostics);
    output.finish()?;
    result.map(|()| interrupted.or(if all { Outcome::Done } else { Outcome::Incomplete }))
}

struct Filter<'a> {
    flags: &'a Flags,
    redactor: Redactor,
    output: &'a Output,
    text: Vec<u8>,
    types: Dropped,
    members: Dropped,
}

impl Filter<'_> {
    fn all(&mut self, records: &mut Records<Line>) -> Result<(), Error> {
        while let Some(line) = records.next_record()? {
            self.line(&line)?;
            if !records.more_waits() {
                self.output.flush()?;
            }
        }
        Ok(())
    }

    fn line(&mut self, line: &Line) -> io::Result<()> {
        self.text.clear();
        match self.redactor.record(&line.record) {
            Some(record) => {
                serde_json::to_writer(&mut self.text, &record)?;
                self.keep_members(line);
            }
            None => match line.type_name() {
                Some(kind) if self.flags.keep_type.contains(&kind) => {
                    self.text.extend_from_slice(line.as_it_came().as_bytes());
                }
                kind => {
                    self.types.count(kind.as_deref().unwrap_or("without type"));
                    return Ok(());
                }
            },
        }
        self.text.push(b'\n');
        self.output.raw(&self.text)
    }

    /// Adds the members that the user wants to keep before the closing brace.
    fn keep_members(&mut self, line: &Line) {
        let Self { flags, text, members, .. } = self;
        line.strange_members(|name, value| {
            if !flags.keep.iter().any(|kept| kept == name) {
                members.count(name);
                return;
            }
            text.pop();
            text.push(b',');
            text.extend_from_slice(serde_json::Value::from(name).to_string().as_bytes());
            text.push(b':');
            text.extend_from_slice(value.get().as_bytes());
            text.push(b'}');
        });
    }

    fn tell(&self, diagnostics: &Diagnostics) {
        let (types, members) = (&self.types, &self.members);
        if types.all > 0 {
            let what = "dropped records of types that it does not know";
            diagnostics.warn(format_args!("{what}: {types}; --keep-type keeps them"));
        }
        if members.all > 0 {
            let what = "dropped members that it does not know";
            diagnostics.warn(format_args!("{what}: {members}; --keep keeps them"));
        }
        if diagnostics.malformed_count() > 0 {
            let count = diagnostics.malformed_count();
            diagnostics.warn(format_args!("dropped lines that are no records: {count}"));
        }
    }
}

/// What was dropped, by name.
#[derive(Default)]
struct Dropped {
    all: u64,
    named: BTreeMap<String, u64>,
}

impl Dropped {
    fn count(&mut self, name: &str) {
        self.all += 1;
        if let Some(known) = self.named.get_mut(name) {
            *known += 1;
        } else if self.named.len() < TOLD {
            self.named.insert(name.chars().take(60).collect(), 1);
        }
    }
}

impl std::fmt::Display for Dropped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let told: u64 = self.named.values().sum();
        let names = self.named.iter().map(|(name, count)| format!("{name} {count}"));
        let others = (told < self.all).then(|| format!("others {}", self.all - told));
        f.write_str(&names.chain(others).collect::<Vec<_>>().join(", "))
    }
}
