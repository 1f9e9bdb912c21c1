//! `tracemap config`: what every tool is set to, and by whom. Each tool is asked itself.

use std::env;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;

use serde::Deserialize;
use serde_json::{Value, json};
use tm_stream::text::visible;
use tm_stream::{Diagnostics, Error, Outcome, settings};

use crate::flags::{ConfigAction, Format};
use crate::tools;

/// A setting as a tool tells it (`--generate settings`).
#[derive(Deserialize)]
pub(crate) struct Setting {
    pub(crate) table: String,
    pub(crate) key: String,
    pub(crate) value: Value,
    pub(crate) source: String,
    #[serde(default)]
    pub(crate) from: Option<String>,
}

/// Shows the settings, or writes a file to begin with.
pub(crate) fn run(action: &ConfigAction, diagnostics: &Diagnostics) -> Result<Outcome, Error> {
    let (kind, mut text, mut is_complete) = match action {
        ConfigAction::Show { .. } => ("settings", String::new(), true),
        ConfigAction::Sample => ("config", sample_head(), true),
    };
    let mut all = Vec::new();
    for name in tools::every() {
        match ask(name, kind) {
            None => {}
            Some(Ok(said)) if kind == "config" => text += &said,
            Some(Ok(said)) => {
                all.extend(said.lines().filter_map(|line| serde_json::from_str(line).ok()));
            }
            Some(Err(error)) => {
                diagnostics.error(error);
                is_complete = false;
            }
        }
    }
    if let ConfigAction::Show { changed, format } = action {
        all.retain(|setting: &Setting| !changed || setting.source != "default");
        text = match format {
            Format::Text => shown(&all),
            Format::Json => as_json(&all),
        };
    }
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush())?;
    Ok(if is_complete { Outcome::Done } else { Outcome::Incomplete })
}

/// What a tool tells of itself; `None`: it is not installed.
pub(crate) fn ask(name: &str, kind: &str) -> Option<Result<String, String>> {
    let program = match name {
        "tracemap" => env::current_exe().ok()?,
        _ => tools::find(name)?,
    };
    Some(told(&program, kind).map_err(|error| format!("{name} cannot tell its settings: {error}")))
}

fn told(program: &Path, kind: &str) -> Result<String, String> {
    let output = Command::new(program).args(["--generate", kind]).output();
    let output = output.map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(visible(String::from_utf8_lossy(&output.stderr).trim()).into_owned());
    }
    String::from_utf8(output.stdout).map_err(|error| error.to_string())
}

fn sample_head() -> String {
    let path = settings::config_path();
    let path = path.as_deref().unwrap_or(Path::new("~/.config/tracemap/config.toml")).display();
    format!(
        "# Settings of tracemap's tools; their place is {path}.\n\
         # A flag on the command line wins, then TRACEMAP_ variables, then this file.\n\n"
    )
}

/// `tm-probe.max-hops = 40    file /home/me/.config/tracemap/config.toml`
fn shown(all: &[Setting]) -> String {
    let lines: Vec<_> = all.iter().map(|one| (format!("{}.{}", one.table, one.key), one)).collect();
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (name, setting) in lines {
        let from = setting.from.as_deref().map(|from| format!(" {from}")).unwrap_or_default();
        let line = format!("{name:width$} = {:14} {}{from}", value(setting), setting.source);
        let _ = writeln!(text, "{}", visible(&line));
    }
    text
}

fn value(setting: &Setting) -> String {
    match &setting.value {
        Value::Null => "-".to_owned(),
        _ if is_secret(setting) => "********".to_owned(),
        value => value.to_string(),
    }
}

/// What opens a provider's door is not shown.
fn is_secret(setting: &Setting) -> bool {
    !setting.value.is_null() && setting.key.ends_with("-key")
}

fn as_json(all: &[Setting]) -> String {
    let all: Vec<_> = all
        .iter()
        .map(|one| {
            let value = if is_secret(one) { json!("********") } else { one.value.clone() };
            json!({"table": one.table, "key": one.key, "value": value, "source": one.source,
                   "from": one.from})
        })
        .collect();
    json!(all).to_string() + "\n"
}
