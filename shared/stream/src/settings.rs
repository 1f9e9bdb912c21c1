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

use std::path::PathBuf;

use clap::{Arg, Command};
use toml::{Table, Value};

use crate::folders;

/// Gives the command's flags the values of environment and configuration file.
pub fn apply(command: Command) -> Result<Command, String> {
    let tool = command.get_name().to_owned();
    let command = with_environment(command, &tool);
    let Some(path) = config_path() else { return Ok(command) };
    let Ok(text) = std::fs::read_to_string(&path) else { return Ok(command) };
    let shown = path.display();
    let file: Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
        format!("{shown}:{line}: {}", error.message().replace('\n', " "))
    })?;
    match file.get(&tool) {
        None => Ok(command),
        Some(Value::Table(table)) => table
            .iter()
            .try_fold(command, |command, (key, value)| with_default(command, key, value)),
        Some(_) => Err("it is not a table".to_owned()),
    }
    .map_err(|error| format!("{shown}: [{tool}] {error}"))
}

/// Where the configuration file is, whether or not there is one.
pub fn config_path() -> Option<PathBuf> {
    Some(folders::config()?.join("config.toml"))
}

fn with_environment(command: Command, tool: &str) -> Command {
    let prefix = tool.trim_start_matches("tm-").to_uppercase();
    command.mut_args(|arg| match arg.get_long() {
        Some(long) if arg.get_env().is_none() => {
            let name = format!("TRACEMAP_{prefix}_{}", long.to_uppercase().replace('-', "_"));
            arg.env(name).hide_env(true)
        }
        _ => arg,
    })
}

fn with_default(command: Command, key: &str, value: &Value) -> Result<Command, String> {
    let values = match value {
        Value::Array(items) => items.iter().map(scalar).collect::<Option<Vec<_>>>(),
        single => scalar(single).map(|text| vec![text]),
    };
    let values =
        values.ok_or_else(|| format!("{key}: it must be a text, a number, true or false"))?;
    let is_meant = |arg: &Arg| arg.get_long() == Some(key);
    let id = command.get_arguments().find(|arg| is_meant(arg)).map(|arg| arg.get_id().clone());
    let id = id.ok_or_else(|| format!("{key}: there is no flag --{key}"))?;
    Ok(command.mut_arg(id, |arg| arg.default_values(values)))
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
}
