//! `tracemap doctor`: whether everything that a trace needs is there, and how to get what is not.
//! Tools that need more than to run are asked themselves (`--check`).

mod clock;
mod machine;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::process::{Command, Stdio};

use serde_json::json;
use tm_stream::finding::{Finding, State};
use tm_stream::text::visible;
use tm_stream::{Error, Outcome};

use crate::flags::{Doctor, Format};
use crate::tools;

/// Findings about one part of the work.
struct Section {
    title: &'static str,
    findings: Vec<Finding>,
}

/// Prints every finding with its remedy; the answer is no when the main job cannot run.
pub(crate) fn run(flags: &Doctor) -> Result<Outcome, Error> {
    let offline: &[&str] = if flags.offline { &["--offline"] } else { &[] };
    let probing = checked("tm-probe", &[]);
    // One protocol of one family is enough to trace.
    let can_probe = probing.iter().any(|finding| finding.state == State::Ok);
    let (tools, settings) = (machine::tools(), machine::settings());
    let is_bad = |all: &[Finding]| all.iter().any(|finding| finding.state == State::Bad);
    let can_trace = can_probe && !is_bad(&tools) && !is_bad(&settings);
    let names = match flags.offline {
        true => vec![Finding::new("DNS servers", State::Ok, "not asked")],
        false => checked("tm-dns", &[]),
    };
    let sections = [
        Section { title: "Probing", findings: probing },
        Section { title: "Tools", findings: tools },
        Section { title: "Settings", findings: settings },
        Section { title: "Names", findings: names },
        Section { title: "Origin ASes", findings: checked("tm-asn", offline) },
        Section { title: "Places", findings: checked("tm-geo", offline) },
        Section { title: "Cache", findings: machine::cache() },
        Section { title: "Clock", findings: vec![clock::check()] },
        Section { title: "Terminal", findings: vec![machine::terminal()] },
    ];
    let text = match flags.format {
        Format::Text => shown(&sections, can_trace),
        Format::Json => as_json(&sections, can_trace),
    };
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush())?;
    Ok(if can_trace { Outcome::Done } else { Outcome::No })
}

/// What a tool finds when it checks what it needs.
fn checked(name: &str, arguments: &[&str]) -> Vec<Finding> {
    let Some(program) = tools::find(name) else {
        let (state, detail) = match tools::is_required(name) {
            true => (State::Bad, "not installed, and no trace does without it"),
            false => (State::Warning, "not installed, so traces do without it"),
        };
        return vec![Finding::new(name, state, detail)];
    };
    let output = Command::new(&program)
        .arg("--check")
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) => return vec![Finding::new(name, State::Bad, error.to_string())],
    };
    let said = String::from_utf8_lossy(&output.stdout);
    let findings: Vec<_> =
        said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    if findings.is_empty() && !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return vec![Finding::new(name, State::Bad, why)];
    }
    findings
}

fn shown(sections: &[Section], can_trace: bool) -> String {
    let mut text = String::new();
    for section in sections {
        let _ = writeln!(text, "{}", section.title);
        let width = section.findings.iter().map(|one| one.subject.chars().count()).max();
        for Finding { subject, state, detail, .. } in &section.findings {
            let line = format!("{} {subject:w$}  {detail}", mark(*state), w = width.unwrap_or(0));
            let _ = writeln!(text, "  {}", visible(line.trim_end()));
        }
        let remedies: BTreeSet<_> =
            section.findings.iter().filter_map(|one| one.remedy.as_deref()).collect();
        for remedy in remedies {
            let _ = writeln!(text, "     → {}", visible(remedy));
        }
        text.push('\n');
    }
    text + if can_trace { "Ready to trace.\n" } else { "Not ready to trace; see above.\n" }
}

fn mark(state: State) -> &'static str {
    match state {
        State::Ok => "ok",
        State::Warning => "! ",
        State::Bad => "no",
    }
}

fn as_json(sections: &[Section], can_trace: bool) -> String {
    let sections = sections.iter().map(|one| (one.title.to_lowercase(), json!(one.findings)));
    let sections: serde_json::Map<_, _> = sections.collect();
    json!({"ready": can_trace, "sections": sections}).to_string() + "\n"
}
