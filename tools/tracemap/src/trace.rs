//! `tracemap trace`: the whole pipeline, its records kept on their way.

use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tempfile::NamedTempFile;
use tm_stream::{Diagnostics, Error, Outcome, folders};

use crate::aside::Aside;
use crate::flags::Trace;
use crate::pipeline::{self, Ended, Running, shell_line};
use crate::show::SAVED;
use crate::{preview, stages};

/// Runs the pipeline; the outcome is tm-probe's.
pub(crate) fn run(flags: &Trace, verbose: u8, diagnostics: &Diagnostics) -> Result<Outcome, Error> {
    let stages = stages::of_trace(flags, verbose)?;
    let (sources, sink) = stages.split_at(stages.len() - 1);
    let Some(sink) = sink.first() else { return Ok(Outcome::Done) };
    let save = (!flags.no_save).then_some(flags.save.as_path());
    if flags.print_pipeline {
        return print(&shell_line(sources, save, sink));
    }
    diagnostics.info(shell_line(sources, save, sink));
    let kept = save.map(|path| Kept::open(path, diagnostics)).transpose()?.flatten();
    // The terminal sends SIGINT to every stage; the table is to be finished before we go.
    let interrupted = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::clone(&interrupted))?;
    let aside = if verbose == 0 { Aside::open()? } else { None };
    let (preview, tap) = preview::open(sources).unzip();
    let mut running =
        Running::start(sources, aside.as_ref(), tap, diagnostics).map_err(Error::Failed)?;
    let mut shown = preview::show(sink, preview, None).map_err(Error::Failed)?;
    let saved = match (running.output.take(), shown.stdin.take()) {
        (Some(from), Some(to)) => pass(from, to, kept),
        _ => Ok(()),
    };
    let mut results = running.wait();
    results.push(Ended::alone(&sink.name, &mut shown));
    if let Some(aside) = aside {
        aside.tell();
    }
    let mut outcome = report(&results, diagnostics);
    if let Err(error) = saved {
        diagnostics.error(error);
        outcome = Outcome::Incomplete;
    }
    Ok(if interrupted.load(Ordering::Relaxed) { Outcome::Signal(2) } else { outcome })
}

fn print(line: &str) -> Result<Outcome, Error> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush())?;
    Ok(Outcome::Done)
}

/// The records on their way to a file, which appears when it is whole.
struct Kept<'a> {
    temporary: NamedTempFile,
    path: &'a Path,
}

impl<'a> Kept<'a> {
    /// `None`: nothing can be kept where nobody asked for it to be kept, and that is said.
    fn open(path: &'a Path, diagnostics: &Diagnostics) -> Result<Option<Self>, Error> {
        match create(path) {
            Ok(temporary) => Ok(Some(Self { temporary, path })),
            Err(error) if path == Path::new(SAVED) => {
                let text = cannot_save(path, &error);
                diagnostics.warn(format_args!("{text}; --save FILE names another place"));
                Ok(None)
            }
            Err(error) => Err(Error::Failed(cannot_save(path, &error))),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.temporary.write_all(bytes).map_err(|error| cannot_save(self.path, &error))
    }

    fn finish(self) -> Result<(), String> {
        let Self { temporary, path } = self;
        temporary.persist(path).map(drop).map_err(|error| cannot_save(path, &error.error))
    }
}

fn cannot_save(path: &Path, error: &io::Error) -> String {
    format!("cannot save {}: {error}", path.display())
}

/// Hands on what comes, and keeps it; a reader that is gone does not stop the keeping.
fn pass(mut from: impl Read, to: impl Write, mut kept: Option<Kept>) -> Result<(), String> {
    let mut to = Some(to);
    let mut buffer = vec![0; 64 << 10];
    loop {
        let len = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(len) => len,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(format!("cannot read the records: {error}")),
        };
        let bytes = buffer.get(..len).unwrap_or_default();
        if let Some(kept) = &mut kept {
            kept.write(bytes)?;
        }
        if to.as_mut().is_some_and(|to| to.write_all(bytes).is_err()) {
            to = None;
            if kept.is_none() {
                break;
            }
        }
    }
    kept.map_or(Ok(()), Kept::finish)
}

/// A temporary beside the file that it is to become.
fn create(path: &Path) -> io::Result<NamedTempFile> {
    let folder = folders::of(path);
    fs::create_dir_all(folder)?;
    tempfile::Builder::new().prefix(".trace-").tempfile_in(folder)
}

/// Names the stages that failed; the outcome is the first stage's, unless a later one did worse.
fn report(results: &[Ended], diagnostics: &Diagnostics) -> Outcome {
    let mut outcome = Outcome::Done;
    for (at, ended) in results.iter().enumerate() {
        match (at, ended.code) {
            (_, 0) => {}
            (0, 1) => outcome = Outcome::No,
            (_, code) if pipeline::is_signalled(code) => outcome = Outcome::Signal(code - 128),
            _ => {
                ended.tell(diagnostics);
                outcome = Outcome::Incomplete;
            }
        }
    }
    outcome
}
