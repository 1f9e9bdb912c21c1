//! Which stages a pipeline has: the tools that are installed, in the order of the design, and the
//! user's own.

use std::path::Path;
use std::time::Duration;

use tm_stream::Error;

use crate::flags::{Chain, Trace};
use crate::pipeline::Stage;
use crate::profile::Profile;
use crate::watch::flags::Watch;
use crate::{profile, tools};

/// `tracemap trace`: tm-probe, filters, tm-render.
pub(crate) fn of_trace(flags: &Trace, verbose: u8) -> Result<Vec<Stage>, Error> {
    let first = [flags.letters.for_probe(), flags.paths.for_probe()].concat();
    let mut stages = vec![probe(&flags.chain, verbose, &first, &flags.probe, &flags.hosts)?];
    stages.extend(filters(&flags.chain)?);
    stages.push(tool("tm-render", Vec::new())?);
    Ok(stages)
}

/// `tracemap watch`, without the table: tm-probe, filters, tm-watch.
pub(crate) fn of_watch(flags: &Watch, verbose: u8, state: &Path) -> Result<Vec<Stage>, Error> {
    if flags.chain.profile == Profile::Private {
        let text = "watch keeps a log by host, which --profile private would hide; redact the log";
        return Err(Error::Failed(text.to_owned()));
    }
    let mut first = flags.letters.for_probe();
    first.push(format!("--interval={}", flags.interval.as_secs_f64()));
    first.push(format!("--rounds={}", flags.rounds));
    let spread = spread(flags.interval);
    first.extend(spread.map(|over| format!("--spread={}", over.as_secs_f64())));
    let mut stages = vec![probe(&flags.chain, verbose, &first, &flags.probe, &flags.hosts)?];
    stages.extend(filters(&flags.chain)?);
    let mut watch = vec![format!("--state={}", state.display())];
    watch.extend(flags.rtt_spike.iter().map(|percent| format!("--rtt-spike={percent}")));
    watch.extend(flags.exec.iter().map(|command| format!("--exec={command}")));
    stages.push(tool("tm-watch", watch)?);
    Ok(stages)
}

/// Over what time the probes of a hop leave: half the interval, so that every round ends well within
/// it, and 15 s at most. Their number follows: 20 in 15 s, where loss shows within two rounds. Where
/// rounds come fast, few probes suffice.
fn spread(interval: Duration) -> Option<Duration> {
    const LONGEST: Duration = Duration::from_secs(15);
    const SHORTEST: Duration = Duration::from_secs(3);
    let half = interval / 2;
    (half >= SHORTEST).then_some(half.min(LONGEST))
}

fn probe(
    chain: &Chain,
    verbose: u8,
    first: &[String],
    own: &[String],
    hosts: &[String],
) -> Result<Stage, Error> {
    let mut arguments = profile::flags(chain, "tm-probe").unwrap_or_default();
    arguments.extend((verbose > 0).then(|| format!("-{}", "v".repeat(verbose.into()))));
    arguments.extend_from_slice(first);
    arguments.extend_from_slice(own);
    arguments.push("--".to_owned());
    arguments.extend_from_slice(hosts);
    tool("tm-probe", arguments)
}

/// What stands between source and sink. The user's own come before redaction, which must see all.
fn filters(chain: &Chain) -> Result<Vec<Stage>, Error> {
    let own = chain.with.iter().map(|command| Stage::own(command).map_err(Error::Failed));
    let enrichers = tools::ENRICHERS.iter().filter_map(|name| installed(chain, name)).map(Ok);
    let redaction = profile::flags(chain, "tm-redact").map(|flags| tool("tm-redact", flags));
    enrichers.chain(own).chain(redaction).collect()
}

/// A tool that the pipeline can do without.
fn installed(chain: &Chain, name: &str) -> Option<Stage> {
    let arguments = profile::flags(chain, name)?;
    Some(Stage::new(name, &tools::find(name)?, arguments))
}

/// A tool that the pipeline needs.
pub(crate) fn tool(name: &str, arguments: Vec<String>) -> Result<Stage, Error> {
    Ok(Stage::new(name, &tools::need(name)?, arguments))
}
