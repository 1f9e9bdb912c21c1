//! The flags of `tm-dns`.

use clap::Parser;
use tm_enrich::flags::{CacheFlags, DnsFlags};
use tm_stream::cli::{Checking, Common, Reading};

const EXAMPLES: &str = "\
Examples:
  tm-probe example.com | tm-dns | tm-render
  tm-dns --resolver 9.9.9.9 --resolver 1.1.1.1:53 trace.ndjson
  tm-dns --verify trace.ndjson | jq -r 'select(.dns.verified == false) | .dns.hostname'
  tm-dns --compare-resolvers --resolver 9.9.9.9 --resolver 1.1.1.1 trace.ndjson

A responder without a name gets {\"source\": SERVER}; one whose name could not be looked up gets
{\"error\": \"timeout\" | \"servfail\" | \"refused\" | \"truncated\" | …} too. Private and other
special-purpose addresses are never asked about.

A DNS server that answers nothing is waited for once, and a zone whose own servers are dead a few
times; then both are left alone for 30 seconds. Who could not be asked, or did not answer, is asked
again while the stream goes on.";

/// Add names of responders to hop records
#[derive(Parser, Clone, Debug)]
#[command(name = "tm-dns", version, max_term_width = 100, after_long_help = EXAMPLES)]
pub(crate) struct Flags {
    #[command(flatten)]
    pub(crate) reading: Reading,

    /// Look names up too, and tell whether they lead back to the address
    #[arg(long)]
    pub(crate) verify: bool,

    /// Add what each server says, of the target's own name too
    #[arg(long)]
    pub(crate) compare_resolvers: bool,

    #[command(flatten)]
    pub(crate) dns: DnsFlags,

    #[command(flatten)]
    pub(crate) cache: CacheFlags,

    #[command(flatten)]
    pub(crate) checking: Checking,

    #[command(flatten)]
    pub(crate) common: Common,
}
