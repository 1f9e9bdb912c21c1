//! What tm-probe is told: traceroute's letters, and how many paths to look for. Values pass through
//! as they were written, for tm-probe judges them.

use clap::Args;

/// The letters that traceroute has too.
#[derive(Args, Debug)]
#[command(next_help_heading = "Probes")]
pub(crate) struct Letters {
    /// Probe with UDP datagrams (the default)
    #[arg(short = 'U', long, conflicts_with_all = ["icmp", "tcp"])]
    udp: bool,

    /// Probe with ICMP echo requests
    #[arg(short = 'I', long, conflicts_with = "tcp")]
    icmp: bool,

    /// Probe with TCP SYNs
    #[arg(short = 'T', long)]
    tcp: bool,

    /// Destination port [default: 33434 for UDP, 80 for TCP]
    #[arg(short, long)]
    port: Option<String>,

    /// Probes per hop, and per flow [default: 3; for watch up to 20, spread over 15 s]
    #[arg(short = 'q', long, value_name = "N")]
    probes: Option<String>,

    /// Largest TTL [default: 30]
    #[arg(short, long, value_name = "TTL")]
    max_hops: Option<String>,

    /// First TTL [default: 1]
    #[arg(short, long, value_name = "TTL")]
    first_hop: Option<String>,

    /// Longest wait for an answer in seconds [default: 2,3,10]
    #[arg(short = 'w', long, value_name = "MAX[,HERE,NEAR]")]
    timeout: Option<String>,

    /// Use IPv4 only
    #[arg(short = '4', conflicts_with = "ipv6")]
    ipv4: bool,

    /// Use IPv6 only
    #[arg(short = '6')]
    ipv6: bool,

    /// Send from INTERFACE
    #[arg(short, long, value_name = "INTERFACE")]
    interface: Option<String>,

    /// Send from ADDRESS
    #[arg(short, long, value_name = "ADDRESS")]
    source: Option<String>,
}

/// How many paths are looked for.
#[derive(Args, Debug)]
#[command(next_help_heading = "Paths")]
pub(crate) struct PathFlags {
    /// Find every path that load balancers give
    #[arg(long, conflicts_with = "flows")]
    discover_paths: bool,

    /// How sure to be that no branch was missed, in percent [default: 95]
    #[arg(long, value_name = "PERCENT", requires = "discover_paths")]
    confidence: Option<String>,

    /// Be that sure of each load balancer by itself, not of all of them together
    #[arg(long, requires = "discover_paths")]
    per_balancer: bool,

    /// Flows probed side by side
    #[arg(long, value_name = "N")]
    flows: Option<String>,
}

impl Letters {
    /// The same for tm-probe.
    pub(crate) fn for_probe(&self) -> Vec<String> {
        let switches = [
            ("-U", self.udp),
            ("-I", self.icmp),
            ("-T", self.tcp),
            ("-4", self.ipv4),
            ("-6", self.ipv6),
        ];
        let values = [
            ("-p", &self.port),
            ("-q", &self.probes),
            ("-m", &self.max_hops),
            ("-f", &self.first_hop),
            ("-w", &self.timeout),
            ("-i", &self.interface),
            ("-s", &self.source),
        ];
        words(&switches, &values)
    }
}

impl PathFlags {
    /// The same for tm-probe.
    pub(crate) fn for_probe(&self) -> Vec<String> {
        let switches =
            [("--discover-paths", self.discover_paths), ("--per-balancer", self.per_balancer)];
        words(&switches, &[("--confidence", &self.confidence), ("--flows", &self.flows)])
    }
}

/// The flags that were given, as words of a command line.
fn words(switches: &[(&str, bool)], values: &[(&str, &Option<String>)]) -> Vec<String> {
    let switches = switches.iter().filter(|(_, is_on)| *is_on).map(|(flag, _)| (*flag).to_owned());
    let values = values.iter().filter_map(|(flag, value)| Some([*flag, value.as_deref()?]));
    switches.chain(values.flatten().map(str::to_owned)).collect()
}
