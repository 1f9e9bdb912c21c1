//! A pipeline: its stages, the shell line that says the same, and running it.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

/// One stage: a tool and its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stage {
    pub(crate) name: String,
    pub(crate) program: String,
    pub(crate) arguments: Vec<String>,
}

impl Stage {
    pub(crate) fn new(name: &str, program: &Path, arguments: Vec<String>) -> Self {
        let program = program.to_string_lossy().into_owned();
        Self { name: name.to_owned(), program, arguments }
    }

    /// As one would type it.
    fn shell(&self) -> String {
        let words = std::iter::once(&self.name).chain(&self.arguments);
        let quoted = words.map(|word| shlex::try_quote(word).unwrap_or_else(|_| "''".into()));
        quoted.collect::<Vec<_>>().join(" ")
    }

    /// Starts it, reading from `input`.
    pub(crate) fn start(&self, input: Stdio, output: Stdio) -> io::Result<Child> {
        Command::new(&self.program).args(&self.arguments).stdin(input).stdout(output).spawn()
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
    pub(crate) children: Vec<(String, Child)>,
    /// What the last stage writes.
    pub(crate) output: Option<ChildStdout>,
}

impl Running {
    /// Starts the stages, each reading what the one before writes.
    pub(crate) fn start(stages: &[Stage]) -> Result<Self, String> {
        let mut running = Self { children: Vec::new(), output: None };
        for stage in stages {
            let input = running.output.take().map_or_else(Stdio::null, Stdio::from);
            let started = stage.start(input, Stdio::piped());
            let mut child =
                started.map_err(|error| format!("cannot start {}: {error}", stage.program))?;
            running.output = child.stdout.take();
            running.children.push((stage.name.clone(), child));
        }
        Ok(running)
    }

    /// Waits for every stage.
    pub(crate) fn wait(self) -> Vec<(String, io::Result<ExitStatus>)> {
        drop(self.output);
        self.children.into_iter().map(|(name, mut child)| (name, child.wait())).collect()
    }
}

/// The exit code of a stage, as a shell has it.
pub(crate) fn code(status: &io::Result<ExitStatus>) -> i32 {
    match status {
        Ok(status) => status.code().unwrap_or(128 + status.signal().unwrap_or(0)),
        Err(_) => 2,
    }
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
