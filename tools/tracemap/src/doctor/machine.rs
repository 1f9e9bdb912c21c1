//! What is on this machine: tools, settings, cache, terminal.

use std::io::{self, IsTerminal};
use std::process::Command;

use tm_cache::Cache;
use tm_stream::finding::{Finding, State};
use tm_stream::settings;

use crate::{config, tools};

/// Where each tool is, and whether all are of one edition.
pub(super) fn tools() -> Vec<Finding> {
    tools::TOOLS.into_iter().map(tool).collect()
}

fn tool(name: &str) -> Finding {
    let Some(path) = tools::find(name) else {
        let state = if tools::is_required(name) { State::Bad } else { State::Warning };
        let remedy = "install it beside tracemap, or on PATH";
        return Finding::new(name, state, "not installed").with_remedy(remedy);
    };
    let shown = path.display().to_string();
    let said = Command::new(&path).arg("--version").output();
    let said = said.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let own = env!("CARGO_PKG_VERSION");
    match said {
        Ok(said) if said == format!("{name} {own}") => Finding::new(name, State::Ok, shown),
        Ok(said) => {
            let detail = format!("{shown} says that it is {said:?}, and tracemap is {own}");
            Finding::new(name, State::Warning, detail).with_remedy("install tools of one edition")
        }
        Err(error) => Finding::new(name, State::Bad, format!("{shown}: {error}")),
    }
}

/// Whether every tool understands its settings.
pub(super) fn settings() -> Vec<Finding> {
    let Some(path) = settings::config_path() else {
        return vec![Finding::new("config file", State::Ok, "no home folder, so none")];
    };
    let shown = path.display();
    let detail = match path.exists() {
        true => format!("read from {shown}"),
        false => format!("none at {shown}; `tracemap config sample` prints one"),
    };
    let mut all = vec![Finding::new("config file", State::Ok, detail)];
    for name in tools::every() {
        if let Some(Err(error)) = config::ask(name, "settings") {
            let finding = Finding::new(name, State::Bad, error);
            let remedy = format!("mend {shown}; `{name} --help` has the flags that it may set");
            all.push(if path.exists() { finding.with_remedy(remedy) } else { finding });
        }
    }
    all
}

/// Whether answers of other runs can be used, and what providers still take.
pub(super) fn cache() -> Vec<Finding> {
    let Some(path) = tm_cache::default_path() else {
        return vec![Finding::new("cache", State::Warning, "no home folder, so none")];
    };
    let shown = path.display().to_string();
    if !path.exists() {
        return vec![Finding::new("cache", State::Ok, format!("none yet at {shown}"))];
    }
    let counted = Cache::open(&path).and_then(|mut cache| cache.stats());
    let stats = match counted {
        Ok(stats) => stats,
        Err(error) => {
            let remedy = format!("remove {shown}; it is made anew");
            let finding = Finding::new("cache", State::Bad, format!("{shown}: {error}"));
            return vec![finding.with_remedy(remedy)];
        }
    };
    let valid: u64 = stats.kinds.iter().map(|kind| kind.valid).sum();
    let detail = format!("{shown}, {valid} answers, {} octets", stats.size);
    let quotas = stats.quotas.iter().map(|quota| {
        let detail = format!("{} of {} left in {} s", quota.left, quota.allowed, quota.span);
        let how = if quota.left == 0 { State::Warning } else { State::Ok };
        Finding::new(format!("quota {}", quota.provider), how, detail)
    });
    std::iter::once(Finding::new("cache", State::Ok, detail)).chain(quotas).collect()
}

/// What tables and the screen may use.
pub(super) fn terminal() -> Finding {
    if !io::stdout().is_terminal() {
        let detail = "stdout is no terminal: tables are printed once, at the end";
        return Finding::new("terminal", State::Ok, detail);
    }
    let size = rustix::termios::tcgetwinsize(rustix::stdio::stdout());
    let size = size
        .map_or("of unknown size".to_owned(), |size| format!("{}×{}", size.ws_col, size.ws_row));
    let color = tm_stream::color::When::Auto.for_stdout();
    let color = if color { "with colour" } else { "without colour" };
    Finding::new("terminal", State::Ok, format!("{size}, {color}"))
}
