//! Profiles: which tools a pipeline is made of, and with which flags.

use std::io::{self, Write};

use clap::ValueEnum;
use serde_json::json;
use tm_stream::{Error, Outcome};

use crate::flags::{Chain, Format};
use crate::pipeline::{Stage, shell_line};
use crate::tools;

/// A way of tracing, as a set of flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Profile {
    /// Every tool that is installed
    #[default]
    Default,
    /// Nothing leaves the machine but probes
    Offline,
    /// As offline, and redacted before it is saved or shown
    Private,
    /// No DNS names
    Fast,
}

impl Profile {
    fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Offline => "offline",
            Self::Private => "private",
            Self::Fast => "fast",
        }
    }

    fn about(self) -> &'static str {
        match self {
            Self::Default => "every tool that is installed",
            Self::Offline => {
                "nothing leaves the machine but probes: no DNS and no API; hosts are addresses, or \
                 names in /etc/hosts"
            }
            Self::Private => "as offline, and redacted before it is saved or shown",
            Self::Fast => "no DNS names of responders",
        }
    }

    /// The flags of a tool; `None`: the pipeline does without it.
    fn flags(self, tool: &str) -> Option<&'static [&'static str]> {
        let is_offline = matches!(self, Self::Offline | Self::Private);
        match tool {
            "tm-dns" if self != Self::Default => None,
            "tm-redact" if self != Self::Private => None,
            "tm-probe" | "tm-asn" | "tm-geo" if is_offline => Some(&["--offline"]),
            _ => Some(&[]),
        }
    }
}

/// The flags of a tool as the user wants the pipeline; `None`: without the tool.
pub(crate) fn flags(chain: &Chain, tool: &str) -> Option<Vec<String>> {
    let own = chain.profile.flags(tool).filter(|_| !(chain.no_names && tool == "tm-dns"))?;
    let keeps_answers = tools::ENRICHERS.contains(&tool);
    let cache = match (keeps_answers, chain.no_cache, chain.refresh) {
        (true, true, _) => Some("--no-cache"),
        (true, _, true) => Some("--refresh"),
        _ => None,
    };
    let quiet = chain.quiet.then_some("--quiet");
    Some(own.iter().copied().chain(cache).chain(quiet).map(str::to_owned).collect())
}

/// `tracemap profiles`: each profile, and the pipeline that it stands for.
pub(crate) fn list(format: Format) -> Result<Outcome, Error> {
    let text = match format {
        Format::Text => Profile::value_variants().iter().map(|profile| shown(*profile)).collect(),
        Format::Json => {
            let all: Vec<_> = Profile::value_variants().iter().map(|one| as_json(*one)).collect();
            json!(all).to_string() + "\n"
        }
    };
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush())?;
    Ok(Outcome::Done)
}

fn parts(profile: Profile) -> impl Iterator<Item = (&'static str, &'static [&'static str])> {
    tools::ALL.into_iter().filter_map(move |tool| Some((tool, profile.flags(tool)?)))
}

fn shown(profile: Profile) -> String {
    let mut stages: Vec<_> = parts(profile)
        .map(|(tool, flags)| {
            let host = (tool == "tm-probe").then_some("HOST");
            let words = flags.iter().copied().chain(host).map(str::to_owned).collect();
            Stage::new(tool, tool.as_ref(), words)
        })
        .collect();
    let line = stages.pop().map(|sink| shell_line(&stages, None, &sink)).unwrap_or_default();
    format!("{:8} {}\n         {line}\n", profile.as_str(), profile.about())
}

fn as_json(profile: Profile) -> serde_json::Value {
    let tools: Vec<_> =
        parts(profile).map(|(tool, flags)| json!({"name": tool, "flags": flags})).collect();
    json!({"name": profile.as_str(), "about": profile.about(), "tools": tools})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(profile: Profile) -> Chain {
        let with = Vec::new();
        Chain { profile, no_names: false, with, no_cache: false, refresh: false, quiet: false }
    }

    #[test]
    fn no_tool_that_asks_others_runs_offline_without_being_told() {
        for profile in [Profile::Offline, Profile::Private] {
            for tool in tools::ALL {
                let asks_nobody = ["tm-redact", "tm-render"].contains(&tool);
                let is_told = |flags: Vec<String>| flags.contains(&"--offline".to_owned());
                let flags = flags(&chain(profile), tool);
                assert!(asks_nobody || flags.is_none_or(is_told), "{profile:?} {tool}");
            }
        }
    }

    #[test]
    fn only_tools_that_keep_answers_are_told_of_the_cache() {
        let chain = Chain { no_cache: true, ..chain(Profile::Default) };
        for tool in tools::ALL {
            let told = flags(&chain, tool).unwrap_or_default().contains(&"--no-cache".to_owned());
            assert_eq!(told, ["tm-dns", "tm-asn", "tm-geo"].contains(&tool), "{tool}");
        }
    }
}
