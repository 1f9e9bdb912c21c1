//! Flags that the enrichers share.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tm_stream::Diagnostics;

use crate::store::{Store, Use};

/// How the shared cache is used.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Cache")]
pub struct CacheFlags {
    /// Neither use nor keep answers of other runs
    #[arg(long)]
    pub no_cache: bool,

    /// Ask anew, and keep the answers
    #[arg(long, conflicts_with = "no_cache")]
    pub refresh: bool,

    /// The cache [default: tracemap/cache.sqlite in the user's cache folder]
    #[arg(long, value_name = "FILE", env = "TRACEMAP_CACHE", hide_env = true)]
    pub cache: Option<PathBuf>,
}

impl CacheFlags {
    /// The cache as the flags want it.
    pub fn store(&self, diagnostics: &Diagnostics) -> Store {
        let path = self.cache.clone().or_else(tm_cache::default_path);
        let path = path.filter(|_| !self.no_cache);
        Store::new(Use { path, refresh: self.refresh }, diagnostics)
    }
}

/// How DNS is asked.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "DNS")]
pub struct DnsFlags {
    /// DNS server to ask; several are asked in turn [default: those of /etc/resolv.conf]
    #[arg(short, long, value_name = "IP[:PORT]", value_parser = server)]
    pub resolver: Vec<SocketAddr>,

    /// Seconds that one look-up may take, whatever the servers do
    #[arg(short = 'w', long, value_name = "SECONDS", default_value = "2", value_parser = seconds)]
    pub timeout: Duration,

    /// Look-ups at the same time
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    pub concurrency: u16,
}

fn server(text: &str) -> Result<SocketAddr, String> {
    let with_port = text.parse::<SocketAddr>().ok();
    let without = || text.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, 53));
    with_port.or_else(without).ok_or_else(|| {
        "it must be an address, with or without a port: 192.0.2.1, 192.0.2.1:53, [2001:db8::1]:53"
            .to_owned()
    })
}

/// A time-out in seconds, as flags take it.
pub fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.01..=60.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("it must be a number of seconds from 0.01 to 60".to_owned()),
    }
}
