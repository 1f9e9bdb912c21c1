//! A pipeline: its stages, the shell line that says the same, and running it.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::Pid;
use tm_stream::Diagnostics;

use crate::aside::Aside;
use crate::guard::Guard;
use crate::preview::Tap;
use crate::tools;

/// One stage: a tool and its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stage {
    pub(crate) name: String,
    pub(crate) program: String,
    pub(crate) arguments: Vec<String>,
    /// The stream is worth having without it.
    pub(crate) may_fail: bool,
}

impl Stage {
    pub(crate) fn new(name: &str, program: &Path, arguments: Vec<String>) -> Self {
        let program = program.to_string_lossy().into_owned();
        let may_fail = tools::ENRICHERS.contains(&name);
        Self { name: name.to_owned(), program, arguments, may_fail }
    }

    /// A filter of the user's own, given as one types it; no shell runs it.
    pub(crate) fn own(command: &str) -> Result<Self, String> {
        let words = shlex::split(command).unwrap_or_default();
        let [name, arguments @ ..] = words.as_slice() else {
            return Err(format!("--with {command:?}: it is no command"));
        };
        let found = if name.contains('/') { Some(name.into()) } else { tools::find(name) };
        let program = found.ok_or_else(|| format!("--with {name}: it is not on PATH"))?;
        Ok(Self { may_fail: true, ..Self::new(name, &program, arguments.to_vec()) })
    }

    /// As one would type it.
    fn shell(&self) -> String {
        let words = std::iter::once(&self.name).chain(&self.arguments);
        let quoted = words.map(|word| shlex::try_quote(word).unwrap_or_else(|_| "''".into()));
        quoted.collect::<Vec<_>>().join(" ")
    }

    /// Starts it, reading from `input`.
    pub(crate) fn start(&self, input: Stdio, output: Stdio) -> Result<Child, String> {
        self.start_beside(input, output, None)
    }

    /// The same; a tool says what it has to say aside. A user's own filter may leave processes
    /// behind that would keep that open, so it keeps its stderr.
    fn start_beside(
        &self,
        input: Stdio,
        output: Stdio,
        aside: Option<&Aside>,
    ) -> Result<Child, String> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdin(input).stdout(output);
        if let Some(aside) = aside.filter(|_| tools::ALL.contains(&self.name.as_str())) {
            command.stderr(aside.stderr().map_err(|error| self.cannot_start(&error))?);
        }
        command.spawn().map_err(|error| self.cannot_start(&error))
    }

    fn cannot_start(&self, error: &io::Error) -> String {
        format!("cannot start {}: {error}", self.program)
    }
}

/// The shell line that does what the stages do; `save`: the records on their way are kept there.
pub(crate) fn shell_line(sources: &[Stage], save: Option<&Path>, sink: &Stage) -> String {
    let tee = save.map(|path| {
        let path = path.to_string_lossy();
        format!("tee {}", shlex::try_quote(&path).unwrap_or_else(|_| "''".into()))
    });
    let stages = sources.iter().map(Stage::shell).chain(tee).chain([sink.shell()]);
    stages.collect::<Vec<_>>().join(" | ")
}

/// Stages that are running.
pub(crate) struct Running {
    stages: Vec<(String, Run)>,
    /// What the last stage writes.
    pub(crate) output: Option<File>,
}

enum Run {
    Alone(Child),
    /// The stream survives its failure.
    Guarded(Guard),
}

/// How a stage has ended.
pub(crate) struct Ended {
    pub(crate) name: String,
    /// As a shell has it.
    pub(crate) code: i32,
    /// Its failure has been told.
    pub(crate) is_told: bool,
}

impl Ended {
    /// A stage that nothing watches over.
    pub(crate) fn alone(name: &str, child: &mut Child) -> Self {
        Self { name: name.to_owned(), code: code(&child.wait()), is_told: false }
    }

    /// A word on its failure, once.
    pub(crate) fn tell(&self, diagnostics: &Diagnostics) {
        if !self.is_told {
            let Self { name, code, .. } = self;
            diagnostics.error(format_args!("{name} failed with exit code {code}"));
        }
    }
}

impl Running {
    /// Starts the stages, each reading what the one before writes. `tap`: gets what the first
    /// filter gets.
    pub(crate) fn start(
        stages: &[Stage],
        aside: Option<&Aside>,
        mut tap: Option<Tap>,
        diagnostics: &Diagnostics,
    ) -> Result<Self, String> {
        let mut running = Self { stages: Vec::new(), output: None };
        for stage in stages {
            let input = running.output.take();
            let run = match input {
                Some(input) if stage.may_fail => {
                    let child = stage.start_beside(Stdio::piped(), Stdio::piped(), aside)?;
                    let guarded = Guard::start(&stage.name, child, input, tap.take(), diagnostics);
                    let (guard, output) = guarded.map_err(|error| stage.cannot_start(&error))?;
                    running.output = Some(File::from(OwnedFd::from(output)));
                    Run::Guarded(guard)
                }
                input => {
                    let input = input.map_or_else(Stdio::null, Stdio::from);
                    let mut child = stage.start_beside(input, Stdio::piped(), aside)?;
                    running.output = child.stdout.take().map(|out| File::from(OwnedFd::from(out)));
                    Run::Alone(child)
                }
            };
            running.stages.push((stage.name.clone(), run));
        }
        Ok(running)
    }

    /// The process of the first stage.
    pub(crate) fn source(&self) -> Option<Pid> {
        match self.stages.first() {
            Some((_, Run::Alone(child))) => Some(Pid::from_child(child)),
            _ => None,
        }
    }

    /// Waits for every stage.
    pub(crate) fn wait(self) -> Vec<Ended> {
        drop(self.output);
        let ended = self.stages.into_iter().map(|(name, run)| match run {
            Run::Alone(mut child) => Ended::alone(&name, &mut child),
            Run::Guarded(guard) => Ended { code: code(&guard.wait()), name, is_told: true },
        });
        ended.collect()
    }
}

/// The exit code of a stage, as a shell has it.
pub(crate) fn code(status: &io::Result<ExitStatus>) -> i32 {
    match status {
        Ok(status) => status.code().unwrap_or(128 + status.signal().unwrap_or(0)),
        Err(_) => 2,
    }
}

/// The user, or the end of a neighbour, ended the stage: SIGINT, SIGPIPE, SIGTERM.
pub(crate) fn is_signalled(code: i32) -> bool {
    matches!(code, 130 | 141 | 143)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shell_line_is_quoted() {
        let probe =
            Stage::new("tm-probe", Path::new("/x/tm-probe"), vec!["--".into(), "a b;$(rm)".into()]);
        let render = Stage::new("tm-render", Path::new("/x/tm-render"), vec![]);
        let line = shell_line(&[probe], Some(Path::new("it's")), &render);
        assert_eq!(line, "tm-probe -- 'a b;$(rm)' | tee \"it's\" | tm-render");
        assert_eq!(shlex::split(&line).unwrap()[2], "a b;$(rm)");
    }
}
