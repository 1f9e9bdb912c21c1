//! The flags of `tm-dns`.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use clap::Parser;
use tm_enrich::flags::CacheFlags;
use tm_stream::cli::{Common, Reading};

const EXAMPLES: &str = "\
Examples:
  tm-probe example.com | tm-dns | tm-render
  tm-dns --resolver 9.9.9.9 --resolver 1.1.1.1:53 trace.ndjson
  tm-dns --verify trace.ndjson | jq -r 'select(.dns.verified == false) | .dns.hostname'
  tm-dns --compare-resolvers --resolver 9.9.9.9 --resolver 1.1.1.1 trace.ndjson

A responder without a name gets {\"source\": SERVER}; one whose name could not be looked up gets
{\"error\": \"timeout\" | \"servfail\" | \"refused\" | \"truncated\" | …} too. Private and other
special-purpose addresses are never asked about.";

/// Add names of responders to hop records
#[derive(Parser, Clone, Debug)]
#[command(name = "tm-dns", version, max_term_width = 100, after_long_help = EXAMPLES)]
pub(crate) struct Flags {
    #[command(flatten)]
    pub(crate) reading: Reading,

    /// DNS server to ask; several are asked in turn [default: those of /etc/resolv.conf]
    #[arg(short, long, value_name = "IP[:PORT]", value_parser = server)]
    pub(crate) resolver: Vec<SocketAddr>,

    /// Seconds that one look-up may take, whatever the servers do
    #[arg(short = 'w', long, value_name = "SECONDS", default_value = "2", value_parser = seconds)]
    pub(crate) timeout: Duration,

    /// Look-ups at the same time
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) concurrency: u16,

    /// Look names up too, and tell whether they lead back to the address
    #[arg(long)]
    pub(crate) verify: bool,

    /// Add what each server says, of the target's own name too
    #[arg(long)]
    pub(crate) compare_resolvers: bool,

    #[command(flatten)]
    pub(crate) cache: CacheFlags,

    #[command(flatten)]
    pub(crate) common: Common,
}

fn server(text: &str) -> Result<SocketAddr, String> {
    let with_port = text.parse::<SocketAddr>().ok();
    let without = || text.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, 53));
    with_port.or_else(without).ok_or_else(|| {
        "it must be an address, with or without a port: 192.0.2.1, 192.0.2.1:53, [2001:db8::1]:53"
            .to_owned()
    })
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.01..=60.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("it must be a number of seconds from 0.01 to 60".to_owned()),
    }
}
