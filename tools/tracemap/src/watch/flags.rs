//! The flags of `tracemap watch`.

use std::time::Duration;

use clap::Args;

use crate::flags::Chain;
use crate::probing::Letters;

/// `tracemap watch`
#[derive(Args, Debug)]
pub(crate) struct Watch {
    /// Hosts or addresses to watch
    #[arg(value_name = "HOST", required = true)]
    pub(crate) hosts: Vec<String>,

    #[command(flatten)]
    pub(crate) letters: Letters,

    /// More flags for tm-probe, after `--`; see `tm-probe --help`
    #[arg(last = true, value_name = "PROBE FLAGS", help_heading = "Probes")]
    pub(crate) probe: Vec<String>,

    #[command(flatten)]
    pub(crate) chain: Chain,

    /// Time between two rounds: 30s, 5m, 1h; a mere number is seconds
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = positive)]
    pub(crate) interval: Duration,

    /// End after TIME
    #[arg(long, value_name = "TIME", value_parser = positive)]
    pub(crate) duration: Option<Duration>,

    /// End after N rounds; 0: go on
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) rounds: u64,

    /// Show no table; say alerts on stderr, as a service does
    #[arg(long)]
    pub(crate) no_table: bool,

    /// Change of the RTT that counts, in percent [default: tm-watch's]
    #[arg(long, value_name = "PERCENT")]
    pub(crate) rtt_spike: Option<String>,

    /// Run CMD for every alert, which it reads as JSON on stdin; no shell runs it
    #[arg(long, value_name = "CMD")]
    pub(crate) exec: Option<String>,

    /// Begin a new log when it is as large as SIZE: 500k, 100M, 2G; 0: never
    #[arg(long, value_name = "SIZE", default_value = "100M", value_parser = size)]
    pub(crate) log_max: u64,

    /// Begin a new log when it is as old as TIME: 12h, 7d; 0: never
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = time)]
    pub(crate) log_age: Duration,

    /// Logs put aside that are kept; 0: all
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) log_keep: usize,
}

fn positive(text: &str) -> Result<Duration, String> {
    match time(text) {
        Ok(time) if time.is_zero() => Err("it must be more than nothing".to_owned()),
        other => other,
    }
}

fn time(text: &str) -> Result<Duration, String> {
    let wrong = || "it is no time; try 30s, 5m, 12h, 7d".to_owned();
    let (number, seconds) = scaled(text, &[("s", 1.0), ("m", 60.0), ("h", 3600.0), ("d", 86400.0)])
        .ok_or_else(wrong)?;
    Duration::try_from_secs_f64(number * seconds).map_err(|_| wrong())
}

fn size(text: &str) -> Result<u64, String> {
    let (k, m, g) = (1024.0, 1024.0 * 1024.0, 1024.0 * 1024.0 * 1024.0);
    let units = [("k", k), ("K", k), ("m", m), ("M", m), ("g", g), ("G", g)];
    match scaled(text, &units) {
        Some((number, unit)) if number * unit < 1e15 => Ok((number * unit) as u64),
        _ => Err("it is no size; try 500k, 100M, 2G".to_owned()),
    }
}

/// A number of 0 or more, and the factor of the unit behind it.
fn scaled(text: &str, units: &[(&str, f64)]) -> Option<(f64, f64)> {
    let unit = units.iter().find_map(|(name, factor)| Some((text.strip_suffix(name)?, *factor)));
    let (number, factor) = unit.unwrap_or((text, 1.0));
    let number: f64 = number.trim().parse().ok()?;
    (number.is_finite() && number >= 0.0).then_some((number, factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_are_read_with_their_units() {
        assert_eq!(time("30"), Ok(Duration::from_secs(30)));
        assert_eq!(time("0.5s"), Ok(Duration::from_millis(500)));
        assert_eq!(time("7d"), Ok(Duration::from_hours(168)));
        assert_eq!(size("100M"), Ok(100 << 20));
        assert_eq!(size("0"), Ok(0));
        for wrong in ["", "s", "-1", "1w", "inf", "nan", "1e300d"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
        assert!(size("1T").is_err() && size("9e99G").is_err() && positive("0").is_err());
    }
}
