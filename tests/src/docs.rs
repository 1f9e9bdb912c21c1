//! Documentation that is executed: the fenced blocks of a Markdown page run in order, in a folder
//! of their own with the samples in it and the tools on PATH, and what a page says they print is
//! compared with what they print.
//!
//! | info string | what becomes of the block |
//! |---|---|
//! | `sh` | runs (`sh -e`) |
//! | `sh lab` | runs in the simulated internet `public.toml`; `sh lab=NAME`: in another one |
//! | `cron` | the command of each line runs there |
//! | `LANGUAGE file=NAME` | is written to NAME, executable |
//! | `text`, `json` | what the block before it prints; a line `…` stands for any lines |
//!
//! Anything else is an error, so that no block goes untested by mistake.

use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::{Lab, tool};

/// The internet of `sh lab`.
const LAB: &str = "public";

/// Stands for any lines.
const ANYTHING: &str = "…";

/// A page and where its blocks run.
#[derive(Debug)]
pub struct Page {
    name: String,
    blocks: Vec<Block>,
    folder: PathBuf,
    variables: Vec<(String, String)>,
}

/// A fenced block.
#[derive(Clone, Debug)]
struct Block {
    line: usize,
    info: String,
    text: String,
}

/// Where a page is wrong, and how.
#[derive(Debug)]
pub struct Wrong(String);

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Page {
    /// The page `NAME` of the repository, to run in `folder`, where the samples are put.
    ///
    /// # Panics
    /// Where there is no such page, or the folder cannot be filled.
    #[allow(clippy::expect_used)]
    pub fn open(name: &str, folder: &Path) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let text = fs::read_to_string(root.join(name)).expect("the page is there");
        let samples = fs::read_dir(root.join("tests/samples")).expect("the samples are there");
        for sample in samples.flatten() {
            fs::copy(sample.path(), folder.join(sample.file_name())).expect("a sample is copied");
        }
        Self {
            name: name.to_owned(),
            blocks: blocks(&text),
            folder: folder.to_owned(),
            variables: Vec::new(),
        }
    }

    /// Sets an environment variable of the blocks.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Runs every block; returns how many ran, or all that is wrong.
    pub fn run(&self) -> Result<usize, Wrong> {
        let (mut ran, mut wrong) = (0, Vec::new());
        let mut blocks = self.blocks.iter().peekable();
        while let Some(block) = blocks.next() {
            let printed = self.run_block(block);
            let is_output = |next: &&&Block| matches!(next.info.as_str(), "text" | "json");
            if let Some(wanted) = blocks.next_if(|next| is_output(&next)) {
                wrong.extend(printed.and_then(|text| self.compare(wanted, &text)).err());
            } else {
                wrong.extend(printed.err());
            }
            ran += 1;
        }
        let wrong: Vec<_> = wrong.iter().map(Wrong::to_string).collect();
        if wrong.is_empty() { Ok(ran) } else { Err(Wrong(wrong.join("\n"))) }
    }

    /// Writes the files of the page and runs nothing.
    pub fn write_files(&self) -> Result<(), Wrong> {
        self.blocks
            .iter()
            .filter(|block| file(block).is_some())
            .try_for_each(|block| self.run_block(block).map(drop))
    }

    /// A command that finds the tools, in the page's folder.
    pub fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args);
        self.prepare(&mut command);
        command
    }

    fn run_block(&self, block: &Block) -> Result<String, Wrong> {
        if let Some(name) = file(block) {
            let path = self.folder.join(name);
            fs::write(&path, &block.text)
                .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o755)))
                .map_err(|error| self.wrong(block, &error))?;
            return Ok(String::new());
        }
        match block.info.as_str() {
            "sh" => self.shell(block, &block.text, None),
            "sh lab" => self.shell(block, &block.text, Some(LAB)),
            info if info.starts_with("sh lab=") => {
                self.shell(block, &block.text, info.strip_prefix("sh lab="))
            }
            "cron" => {
                let mut printed = String::new();
                for line in block.text.lines().filter(|line| !line.starts_with('#')) {
                    printed += &self.shell(block, &cron_command(line, block, self)?, Some(LAB))?;
                }
                Ok(printed)
            }
            other => Err(self.wrong(block, &format!("a block that nobody tests: {other:?}"))),
        }
    }

    /// Runs a script, in a simulated internet if one is named.
    fn shell(&self, block: &Block, script: &str, lab: Option<&str>) -> Result<String, Wrong> {
        let arguments = ["-e", "-c", script];
        let mut command = match lab {
            Some(name) => Lab::new(name).command("sh", &arguments),
            None => Command::new("sh"),
        };
        if lab.is_none() {
            command.args(arguments);
        }
        self.prepare(&mut command);
        let output = command.output().map_err(|error| self.wrong(block, &error))?;
        if !output.status.success() {
            let stderr = String::from_utf8_lossy(&output.stderr);
            return Err(self.wrong(block, &format!("{}\n{stderr}", output.status)));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn prepare(&self, command: &mut Command) {
        let tools = tool("tracemap").parent().map(Path::to_owned).unwrap_or_default();
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .current_dir(&self.folder)
            .env("PATH", format!("{}:{}:{path}", tools.display(), self.folder.display()))
            .env("HOME", &self.folder)
            .env("XDG_CONFIG_HOME", "/nonexistent")
            .env("COLUMNS", "100")
            .env_remove("XDG_CACHE_HOME")
            .env_remove("XDG_STATE_HOME")
            .env_remove("TRACEMAP_PROFILE")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
    }

    fn compare(&self, wanted: &Block, printed: &str) -> Result<(), Wrong> {
        let fits = match wanted.info.as_str() {
            "json" => values(&wanted.text).is_some_and(|all| Some(all) == values(printed)),
            _ => fits(&trimmed(&wanted.text), &trimmed(printed)),
        };
        if fits {
            return Ok(());
        }
        Err(self.wrong(wanted, &format!("it prints this:\n{printed}")))
    }

    fn wrong(&self, block: &Block, what: &dyn fmt::Display) -> Wrong {
        Wrong(format!("{}:{}: {what}", self.name, block.line))
    }
}

/// The fenced blocks of a page.
fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (line, number) in text.lines().zip(1..) {
        match (&mut open, line.strip_prefix("```")) {
            (Some(_), Some("")) => blocks.extend(open.take()),
            (Some(block), _) => block.text.extend([line, "\n"]),
            (None, Some(info)) => {
                let info = info.trim().to_owned();
                open = Some(Block { line: number, info, text: String::new() });
            }
            (None, None) => {}
        }
    }
    blocks
}

/// The file that a block is to become.
fn file(block: &Block) -> Option<&str> {
    block.info.split_once(" file=").map(|(_, name)| name)
}

/// What cron hands to the shell: all after the five fields, `\%` being a percent sign.
fn cron_command(line: &str, block: &Block, page: &Page) -> Result<String, Wrong> {
    let mut rest = line.trim_start();
    for _ in 0..5 {
        let (field, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let is_field = |c: char| c.is_ascii_digit() || "*/,-".contains(c);
        if field.is_empty() || !field.chars().all(is_field) {
            return Err(page.wrong(block, &format!("{field:?} is no field of a crontab")));
        }
        rest = after.trim_start();
    }
    match rest.replace("\\%", "").contains('%') {
        true => Err(page.wrong(block, &"cron ends a command at a bare %")),
        false => Ok(rest.replace("\\%", "%")),
    }
}

fn values(text: &str) -> Option<Vec<Value>> {
    let values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    values.map(|value| value.map(as_numbers).ok()).collect()
}

/// The value with 1 and 1.0 being the same.
fn as_numbers(value: Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().into(),
        Value::Array(values) => values.into_iter().map(as_numbers).collect(),
        Value::Object(members) => Value::Object(
            members.into_iter().map(|(name, value)| (name, as_numbers(value))).collect(),
        ),
        other => other,
    }
}

fn trimmed(text: &str) -> Vec<&str> {
    text.trim_end().lines().map(str::trim_end).collect()
}

/// Whether lines are as wanted, where a wanted `…` stands for any lines.
fn fits(wanted: &[&str], printed: &[&str]) -> bool {
    match (wanted, printed) {
        ([], _) => printed.is_empty(),
        ([ANYTHING, wanted @ ..], _) => {
            (0..=printed.len()).any(|skipped| fits(wanted, printed.get(skipped..).unwrap_or(&[])))
        }
        ([line, wanted @ ..], [first, printed @ ..]) => line == first && fits(wanted, printed),
        ([_, ..], []) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_with_their_lines() {
        let found = blocks("a\n```sh lab\nx\n\ny\n```\n```text\n```\n");
        let found: Vec<_> =
            found.iter().map(|b| (b.line, b.info.as_str(), b.text.as_str())).collect();
        assert_eq!(found, [(2, "sh lab", "x\n\ny\n"), (7, "text", "")]);
    }

    #[test]
    fn an_ellipsis_stands_for_any_lines() {
        assert!(fits(&["a", "…", "d"], &["a", "b", "c", "d"]));
        assert!(fits(&["a", "…"], &["a"]) && fits(&[], &[]));
        assert!(!fits(&["a", "…", "d"], &["a", "d", "e"]) && !fits(&["a"], &["a", "b"]));
    }

    #[test]
    fn what_a_page_claims_wrongly_is_found() {
        for (text, wrong) in [
            ("```sh\necho 1\n```\n```text\n2\n```\n", "page:4: it prints this"),
            ("```sh\necho '{}'\n```\n```json\n[]\n```\n", "page:4: it prints this"),
            ("```sh\nfalse\n```\n", "page:1: exit status: 1"),
            ("```toml\n```\n", "page:1: a block that nobody tests"),
            ("```cron\n* * * * echo\n```\n", "is no field"),
            ("```cron\n* * * * * date +%F\n```\n", "bare %"),
        ] {
            let page = Page {
                name: "page".into(),
                blocks: blocks(text),
                folder: "/".into(),
                variables: Vec::new(),
            };
            let error = page.run().unwrap_err().to_string();
            assert!(error.contains(wrong), "{error}");
        }
    }
}
