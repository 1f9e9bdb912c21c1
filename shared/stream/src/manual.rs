//! The manual page of a command, for man(1): what `clap_mangen` makes of its flags, and the
//! text that follows its help, under the headings that manual pages have.

use std::fmt::Write as _;
use std::io;
use std::iter;

use clap::Command;
use clap_mangen::Man;

use crate::program::TOOLS;

const SETTINGS: &str = "\
A flag that is not given has the value of the variable TRACEMAP_TOOL_FLAG, else that of the \
configuration file: TRACEMAP_PROBE_MAX_HOPS=40 stands for tm-probe --max-hops 40. \
`tracemap config show` tells each setting and where it comes from.";

const CONFIGURATION: &str = "\
$XDG_CONFIG_HOME/tracemap/config.toml (~/.config/tracemap/config.toml): a table for each tool, \
whose keys are the long names of its flags; `tracemap config sample` prints one.";

/// Writes the page of a command.
pub(crate) fn page(command: &Command, out: &mut Vec<u8>) -> io::Result<()> {
    let source = format!("tracemap {}", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone()).source(source).manual("tracemap");
    man.render_title(out)?;
    man.render_name_section(out)?;
    man.render_synopsis_section(out)?;
    let after = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
    let parts: Vec<Part> =
        after.split("\n\n").filter(|text| !text.is_empty()).map(Part::of).collect();
    section("DESCRIPTION", parts.iter().filter_map(Part::description), out);
    man.render_options_section(out)?;
    if command.has_subcommands() {
        man.render_subcommands_section(out)?;
    }
    section("EXAMPLES", parts.iter().filter_map(Part::examples), out);
    section("EXIT STATUS", parts.iter().filter_map(Part::status), out);
    section("ENVIRONMENT", [paragraph(SETTINGS)], out);
    section("FILES", [paragraph(CONFIGURATION)], out);
    let all = iter::once("tracemap").chain(TOOLS);
    let others = all.filter(|name| *name != command.get_name());
    let others: Vec<String> = others.map(|name| format!("{name}(1)")).collect();
    section("SEE ALSO", [paragraph(&others.join(", "))], out);
    Ok(())
}

/// A paragraph of the text after the help.
enum Part<'a> {
    Examples(&'a str),
    Status(&'a str),
    Other(&'a str),
}

impl<'a> Part<'a> {
    fn of(text: &'a str) -> Self {
        let after = |heading: &str| text.strip_prefix(heading);
        match (after("Examples:\n"), after("Exit status: ").or(after("Exit code: "))) {
            (Some(lines), _) => Self::Examples(lines),
            (_, Some(status)) => Self::Status(status),
            _ => Self::Other(text),
        }
    }

    fn examples(&self) -> Option<String> {
        let Self::Examples(lines) = self else { return None };
        let lines: Vec<String> =
            lines.lines().map(|line| escaped(line.strip_prefix("  ").unwrap_or(line))).collect();
        Some(format!(".nf\n{}\n.fi\n", lines.join("\n")))
    }

    fn status(&self) -> Option<String> {
        let Self::Status(text) = self else { return None };
        Some(paragraph(text))
    }

    fn description(&self) -> Option<String> {
        let Self::Other(text) = self else { return None };
        Some(paragraph(text))
    }
}

/// A section; one without text is left out.
fn section(heading: &str, texts: impl IntoIterator<Item = String>, out: &mut Vec<u8>) {
    let texts: Vec<String> = texts.into_iter().collect();
    if texts.is_empty() {
        return;
    }
    let mut text = String::new();
    let _ = writeln!(text, ".SH {heading}"); // a String takes everything
    text += &texts.join(".PP\n");
    out.extend_from_slice(text.as_bytes());
}

fn paragraph(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(escaped).collect();
    lines.join("\n") + "\n"
}

/// A line of text that roff takes for nothing else.
fn escaped(line: &str) -> String {
    let text = line.replace('\\', "\\e").replace('-', "\\-");
    match text.starts_with(['.', '\'']) {
        true => format!("\\&{text}"),
        false => text,
    }
}
