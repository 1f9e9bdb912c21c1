//! Where flags get their values: the command line, then `TRACEMAP_<TOOL>_<FLAG>`, then the
//! tool's table in `$XDG_CONFIG_HOME/tracemap/config.toml`, then the built-in default.
//!
//! A key of the table is the long name of a flag:
//!
//! ```toml
//! [tm-probe]
//! probes = 5
//! max-hops = 40
//! ```
//!
//! A subcommand has a table below its tool's, `[tracemap.watch]`, and variables with its name:
//! `TRACEMAP_WATCH_INTERVAL`.

use std::env;
use std::path::PathBuf;

use clap::{Arg, ArgAction, Command};
use serde::Serialize;
use toml::{Table, Value};

use crate::folders;

/// A setting in force, and where it comes from.
#[derive(Debug, Serialize)]
pub(crate) struct Setting {
    /// The table of the configuration file.
    table: String,
    key: String,
    /// `null`: not set.
    value: Option<Value>,
    source: Source,
    /// The variable or the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Source {
    Environment,
    File,
    Default,
}

/// Gives the command's flags the values of environment and configuration file.
pub fn apply(command: Command) -> Result<Command, String> {
    let tool = command.get_name().to_owned();
    let file = File::read(&tool)?;
    let command = with_environment(command, &[&tool]);
    file.apply(command, &tool)
}

/// The command and its subcommands, each with the name of its table: `tm-asn`, `tm-asn.build`.
pub(crate) fn tables(command: &Command) -> Vec<(String, &Command)> {
    let name = command.get_name();
    let below = command.get_subcommands().flat_map(tables);
    let below = below.map(|(table, command)| (format!("{name}.{table}"), command));
    std::iter::once((name.to_owned(), command)).chain(below).collect()
}

/// The key that sets a flag; `None`: nothing but the command line does.
pub(crate) fn key(arg: &Arg) -> Option<(&str, &Arg)> {
    let is_setting = matches!(
        arg.get_action(),
        ArgAction::Set | ArgAction::Append | ArgAction::SetTrue | ArgAction::Count
    );
    is_setting.then_some((arg.get_long()?, arg))
}

/// What a flag is when nothing sets it; `None`: not there.
pub(crate) fn default(arg: &Arg) -> Option<Value> {
    match arg.get_action() {
        ArgAction::SetTrue => return Some(Value::Boolean(false)),
        ArgAction::Count => return Some(Value::Integer(0)),
        _ => {}
    }
    let mut all = arg.get_default_values().iter().map(|text| literal(&text.to_string_lossy()));
    let first = all.next()?;
    let rest: Vec<_> = all.collect();
    Some(match rest.is_empty() {
        true => first,
        false => Value::Array(std::iter::once(first).chain(rest).collect()),
    })
}

/// Every setting of the command, whatever the command line says.
pub(crate) fn in_force(command: &Command) -> Result<Vec<Setting>, String> {
    let tool = command.get_name();
    let file = File::read(tool)?;
    file.apply(command.clone(), tool)?; // a key that no flag has is an error here too
    let mut all = Vec::new();
    for (table, command) in tables(command) {
        let names: Vec<_> = table.split('.').collect();
        let values = file.table(&names);
        for (key, arg) in command.get_arguments().filter_map(key) {
            let variable = variable(arg, &names).unwrap_or_default();
            let (value, source, from) = if let Some(text) = set(&variable) {
                (Some(literal(&text)), Source::Environment, Some(variable))
            } else if let Some(value) = values.and_then(|values| values.get(key)) {
                (Some(value.clone()), Source::File, Some(file.shown.clone()))
            } else {
                (default(arg), Source::Default, None)
            };
            let (table, key) = (table.clone(), key.to_owned());
            all.push(Setting { table, key, value, source, from });
        }
    }
    Ok(all)
}

/// What the configuration file says of one tool.
struct File {
    shown: String,
    table: Option<Table>,
}

impl File {
    fn read(tool: &str) -> Result<Self, String> {
        let path = config_path();
        let shown = path.as_deref().map(|path| path.display().to_string()).unwrap_or_default();
        match path.map(std::fs::read_to_string) {
            Some(Ok(text)) => Self::parse(&text, shown, tool),
            _ => Ok(Self { shown, table: None }),
        }
    }

    fn parse(text: &str, shown: String, tool: &str) -> Result<Self, String> {
        let before = |at| text.get(..at).unwrap_or_default();
        let mut file: Table = text.parse().map_err(|error: toml::de::Error| {
            let line = error.span().map_or(1, |span| 1 + before(span.start).matches('\n').count());
            format!("{shown}:{line}: {}", error.message().replace('\n', " "))
        })?;
        match file.remove(tool) {
            None => Ok(Self { shown, table: None }),
            Some(Value::Table(table)) => Ok(Self { shown, table: Some(table) }),
            Some(_) => Err(format!("{shown}: [{tool}] it is not a table")),
        }
    }

    fn apply(&self, command: Command, tool: &str) -> Result<Command, String> {
        let Some(table) = &self.table else { return Ok(command) };
        with_table(command, table).map_err(|error| format!("{}: [{tool}] {error}", self.shown))
    }

    /// The table of a command, given the names from the tool down to it.
    fn table(&self, names: &[&str]) -> Option<&Table> {
        let below = names.get(1..)?;
        below.iter().try_fold(self.table.as_ref()?, |table, name| table.get(*name)?.as_table())
    }
}

/// Where the configuration file is, whether or not there is one.
pub fn config_path() -> Option<PathBuf> {
    Some(folders::config()?.join("config.toml"))
}

/// `names`: from the tool down to the command.
fn with_environment(command: Command, names: &[&str]) -> Command {
    let below: Vec<_> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    let command = below.into_iter().fold(command, |command, name| {
        let names: Vec<_> = names.iter().copied().chain([name.as_str()]).collect();
        command.mut_subcommand(&name, |sub| with_environment(sub, &names))
    });
    command.mut_args(|arg| match variable(&arg, names) {
        // An empty variable is how a shell takes one back for a single command.
        Some(name) if set(&name).is_none() => arg.env(None::<&str>),
        Some(name) if arg.get_env().is_none() => arg.env(name).hide_env(true),
        _ => arg,
    })
}

/// The value of a variable; an empty one sets nothing.
fn set(name: &str) -> Option<String> {
    let value = env::var_os(name).filter(|value| !value.is_empty())?;
    Some(value.to_string_lossy().into_owned())
}

/// The variable that sets a flag: `TRACEMAP_PROBE_MAX_HOPS` for `tm-probe --max-hops`.
fn variable(arg: &Arg, names: &[&str]) -> Option<String> {
    if let Some(own) = arg.get_env() {
        return own.to_str().map(str::to_owned);
    }
    let words = names.iter().map(|name| name.trim_start_matches("tm-"));
    let words = words.filter(|word| *word != "tracemap").chain([key(arg)?.0]);
    let words = words.map(|word| word.to_uppercase().replace('-', "_"));
    Some(std::iter::once("TRACEMAP".to_owned()).chain(words).collect::<Vec<_>>().join("_"))
}

fn with_table(command: Command, table: &Table) -> Result<Command, String> {
    table.iter().try_fold(command, |command, (key, value)| {
        let is_below = command.find_subcommand(key).is_some();
        match value {
            Value::Table(table) if is_below => {
                let mut result = Ok(());
                let command = command.mut_subcommand(key, |sub| {
                    with_table(sub.clone(), table).unwrap_or_else(|error| {
                        result = Err(format!("{key}.{error}"));
                        sub
                    })
                });
                result.map(|()| command)
            }
            value => with_default(command, key, value),
        }
    })
}

fn with_default(command: Command, key: &str, value: &Value) -> Result<Command, String> {
    let values = match value {
        Value::Array(items) => items.iter().map(scalar).collect::<Option<Vec<_>>>(),
        single => scalar(single).map(|text| vec![text]),
    };
    let values =
        values.ok_or_else(|| format!("{key}: it must be a text, a number, true or false"))?;
    let is_meant = |arg: &Arg| self::key(arg).is_some_and(|(long, _)| long == key);
    let id = command.get_arguments().find(|arg| is_meant(arg)).map(|arg| arg.get_id().clone());
    let id = id.ok_or_else(|| format!("{key}: there is no flag --{key}"))?;
    Ok(command.mut_arg(id, |arg| arg.default_values(values)))
}

/// A text of the environment or the command's own, as TOML writes it.
fn literal(text: &str) -> Value {
    text.parse::<bool>()
        .map(Value::Boolean)
        .or_else(|_| text.parse().map(Value::Integer))
        .or_else(|_| text.parse().map(Value::Float))
        .unwrap_or_else(|_| Value::String(text.to_owned()))
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Boolean(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// What must hold of any configuration file: it is read, or refused in one line.
///
/// # Panics
/// Where it does not hold.
#[cfg(any(test, fuzzing))]
pub fn check(text: &str) {
    let below = Command::new("watch").arg(Arg::new("interval").long("interval"));
    let command = Command::new("tm-test").arg(Arg::new("max").long("max-hops")).subcommand(below);
    let read = File::parse(text, "config.toml".to_owned(), "tm-test");
    if let Err(error) = read.and_then(|file| file.apply(command, "tm-test")) {
        assert!(!error.contains('\n'), "{error:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command() -> Command {
        Command::new("tm-test").arg(Arg::new("max").long("max-hops").default_value("30"))
    }

    #[test]
    fn a_key_becomes_a_default_that_a_flag_overrides() {
        let with = with_default(command(), "max-hops", &Value::Integer(9)).unwrap();
        let of = |args: &[&str]| {
            let matches = with.clone().get_matches_from(args);
            matches.get_one::<String>("max").cloned().unwrap()
        };
        assert_eq!(of(&["tm-test"]), "9");
        assert_eq!(of(&["tm-test", "--max-hops", "7"]), "7");
    }

    #[test]
    fn what_no_flag_takes_is_named() {
        let unknown = with_default(command(), "max-hop", &Value::Integer(9)).unwrap_err();
        assert!(unknown.contains("max-hop"), "{unknown}");
        let table = with_default(command(), "max-hops", &Value::Table(Table::new())).unwrap_err();
        assert!(table.contains("must be"), "{table}");
    }

    proptest::proptest! {
        #[test]
        fn damaged_files_are_read_or_refused_in_one_line(text in tm_mutate::text(tm_mutate::seeds("settings"))) {
            check(&text);
        }
    }
}
