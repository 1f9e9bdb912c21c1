//! The flags of `tm-probe`: traceroute's letters where traceroute has them.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Parser};
use tm_schema::Protocol;
use tm_stream::cli::{Checking, Common};
use tm_tracer::bulk::MOST_HOPS;
use tm_tracer::paths::FLOWS;
use tm_tracer::paths::stopping::Confidence;
use tm_tracer::trace::Wait;
use tm_tracer::{Family, Lookup, Options, Spread};

/// Probes of a hop.
const USUAL: u16 = 3;

const EXAMPLES: &str = "\
Examples:
  tm-probe example.com                     trace over UDP, one NDJSON record a hop
  tm-probe -I -q 5 example.com             five ICMP echo probes a hop
  tm-probe -T -p 443 -6 example.com        TCP SYN to port 443, over IPv6
  tm-probe --flows 8 example.com           eight flows side by side, to see load balancing
  tm-probe --discover-paths example.com    every path, and where they part and meet
  tm-probe --mtu example.com               how large datagrams may be, hop by hop
  tm-probe --interval 30 example.com       once every 30 seconds, until interrupted
  tm-probe --targets hosts.txt --rate 500  many hosts, 500 packets a second in all
  tm-probe --targets hosts.txt --stop-set seen    and no router twice that all paths share
  echo 192.0.2.1 | tm-probe                hosts from stdin
  tm-probe --bulk --targets addresses.txt  very many addresses and prefixes, in random order
  tm-probe example.com | tm-render         as a table

Exit status: 0 traced; 1 a target could not be traced; 2 nothing could be done;
130, 143 ended by SIGINT, SIGTERM.";

/// Trace routes to hosts and write one NDJSON record a hop
#[derive(Parser, Clone, Debug)]
#[command(name = "tm-probe", version, max_term_width = 100, after_long_help = EXAMPLES)]
#[command(group = ArgGroup::new("transport").args(["icmp", "tcp", "udp", "protocol"]))]
pub(crate) struct Flags {
    /// Hosts or addresses to trace; none: one a line on stdin
    #[arg(value_name = "HOST")]
    pub(crate) hosts: Vec<String>,

    /// Read hosts from FILE, one a line; `-`: stdin; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) targets: Vec<PathBuf>,

    /// Probe with UDP datagrams (the default)
    #[arg(short = 'U', long, help_heading = "Probes")]
    udp: bool,

    /// Probe with ICMP echo requests
    #[arg(short = 'I', long, help_heading = "Probes")]
    icmp: bool,

    /// Probe with TCP SYNs
    #[arg(short = 'T', long, help_heading = "Probes")]
    tcp: bool,

    /// Probe with PROTOCOL: udp, icmp or tcp
    #[arg(short = 'P', long, value_name = "PROTOCOL", help_heading = "Probes")]
    #[arg(value_parser = parse_protocol)]
    protocol: Option<Protocol>,

    /// Destination port [default: 33434 for UDP, 80 for TCP]
    #[arg(short, long, help_heading = "Probes", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,

    /// Source port, or ICMP identifier, of the first flow [default: a free one]
    #[arg(long, value_name = "PORT", help_heading = "Probes")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..65535))]
    sport: Option<u16>,

    /// Probes per hop, and per flow [default: 3; 1 with --interval under 3 s; with --spread four
    /// every 3 s, at most 20]
    #[arg(short = 'q', long, value_name = "N", help_heading = "Probes")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=255))]
    probes: Option<u16>,

    /// Flows probed side by side, each with a source port of its own
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Probes")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=128))]
    flows: u16,

    /// Find every path that load balancers give: as many flows as that takes, hop by hop
    /// (Multipath Detection Algorithm)
    #[arg(long, help_heading = "Probes", conflicts_with_all = ["flows", "classic", "probes"])]
    discover_paths: bool,

    /// With --discover-paths: how sure to be that no branch was missed, in percent
    #[arg(long, value_name = "PERCENT", default_value = "95", help_heading = "Probes")]
    #[arg(value_parser = parse_confidence, requires = "discover_paths")]
    confidence: Confidence,

    /// With --discover-paths: be that sure of each load balancer by itself, not of all of them
    /// together, as the algorithm was published first; fewer probes
    #[arg(long, help_heading = "Probes", requires = "discover_paths")]
    per_balancer: bool,

    /// Find how large datagrams may be, hop by hop: path MTU, and where it gets smaller
    #[arg(long, help_heading = "Probes")]
    #[arg(conflicts_with_all = ["flows", "discover_paths", "classic", "size"])]
    mtu: bool,

    /// Make every probe a flow of its own, as classic traceroute does
    #[arg(long, help_heading = "Probes", conflicts_with = "flows")]
    classic: bool,

    /// Largest TTL
    #[arg(short, long, value_name = "TTL", default_value_t = 30, help_heading = "Path")]
    #[arg(value_parser = clap::value_parser!(u8).range(1..))]
    max_hops: u8,

    /// First TTL
    #[arg(short, long, value_name = "TTL", default_value_t = 1, help_heading = "Path")]
    #[arg(value_parser = clap::value_parser!(u8).range(1..))]
    first_hop: u8,

    /// Stop after N silent hops in a row, when nothing beyond them answers; 0: go on to the end
    #[arg(long, value_name = "N", default_value_t = 3, help_heading = "Path")]
    gap_limit: u8,

    /// Longest wait for an answer in seconds; at most HERE times the RTT of an answer from the
    /// same hop, and NEAR times that of the next hop that answers
    #[arg(short = 'w', long, value_name = "MAX[,HERE,NEAR]", default_value = "2,3,10")]
    #[arg(help_heading = "Path", value_parser = parse_wait)]
    timeout: Wait,

    /// Use IPv4 only
    #[arg(short = '4', help_heading = "Path", conflicts_with = "ipv6")]
    ipv4: bool,

    /// Use IPv6 only
    #[arg(short = '6', help_heading = "Path")]
    ipv6: bool,

    /// Ask no DNS server: hosts are addresses, or names in /etc/hosts
    #[arg(long, help_heading = "Path")]
    offline: bool,

    /// Send from INTERFACE
    #[arg(short, long, value_name = "INTERFACE", help_heading = "Packets")]
    interface: Option<String>,

    /// Send from ADDRESS
    #[arg(short, long, value_name = "ADDRESS", help_heading = "Packets")]
    source: Option<IpAddr>,

    /// TOS octet, or IPv6 traffic class: 0 to 255, or 0x00 to 0xff
    #[arg(long, value_name = "OCTET", help_heading = "Packets", value_parser = parse_octet)]
    tos: Option<u8>,

    /// Differentiated services code point, 0 to 63 (RFC 2474)
    #[arg(long, value_name = "DSCP", help_heading = "Packets", conflicts_with = "tos")]
    #[arg(value_parser = clap::value_parser!(u8).range(0..=63))]
    dscp: Option<u8>,

    /// Octets of a whole UDP or ICMP probe, IP header included [default: 60; IPv6: 80]
    #[arg(long, value_name = "OCTETS", help_heading = "Packets")]
    #[arg(value_parser = clap::value_parser!(u16).range(40..=65_000))]
    size: Option<u16>,

    /// Leave out what the stop sets in FILE know of paths, and add to them what is found: fewer
    /// probes for many targets (Doubletree). FILE need not exist
    #[arg(long, value_name = "FILE", help_heading = "Pace")]
    #[arg(conflicts_with_all = ["flows", "discover_paths", "classic", "mtu", "interval", "rounds"])]
    pub(crate) stop_set: Option<PathBuf>,

    /// Use no raw sockets, even where they are allowed
    #[arg(long, help_heading = "Packets")]
    unprivileged: bool,

    /// Packets a second, over all targets; 0: no limit
    #[arg(long, value_name = "PPS", default_value_t = 5000, help_heading = "Pace")]
    rate: u32,

    /// Trace again every SECONDS, until interrupted or --rounds are done
    #[arg(long, value_name = "SECONDS", help_heading = "Pace", value_parser = parse_interval)]
    interval: Option<Duration>,

    /// Trace N times; 0: until interrupted [default: 1; 0 with --interval]
    #[arg(long, value_name = "N", help_heading = "Pace")]
    rounds: Option<u64>,

    /// With --interval: from the second round on, let the probes of a hop leave one by one, the
    /// last SECONDS after the first; 0: close together
    #[arg(long, value_name = "SECONDS", help_heading = "Pace", value_parser = parse_spread)]
    #[arg(overrides_with = "spread")]
    spread: Option<Duration>,

    /// Targets traced at a time
    #[arg(long, value_name = "N", default_value_t = 1024, help_heading = "Pace")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=20_000))]
    parallel: u32,

    /// Probe very many addresses and prefixes: one probe a TTL, in random order over all of them,
    /// nothing kept in memory; the records come at the end. Needs raw sockets
    #[arg(long, help_heading = "Bulk", conflicts_with_all = [
        "probes", "flows", "discover_paths", "mtu", "stop_set", "classic", "unprivileged",
        "interval", "rounds", "parallel", "offline",
    ])]
    pub(crate) bulk: bool,

    /// Call the place probed from NAME, in every record
    #[arg(long, value_name = "NAME", help_heading = "Output")]
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    vantage: Option<String>,

    /// With --bulk: probes a second to each of TTL 1 to 3, whose routers are on every path;
    /// those beyond it are left out; 0: no limit
    #[arg(long, value_name = "PPS", default_value_t = 1000, help_heading = "Bulk")]
    #[arg(requires = "bulk")]
    pub(crate) near_rate: u32,

    #[command(flatten)]
    pub(crate) checking: Checking,

    #[command(flatten)]
    pub(crate) common: Common,
}

impl Flags {
    /// How names become addresses.
    pub(crate) fn lookup(&self) -> Lookup {
        let family = match (self.ipv4, self.ipv6, self.source) {
            (true, ..) | (false, false, Some(IpAddr::V4(_))) => Family::V4,
            (_, true, _) | (false, false, Some(IpAddr::V6(_))) => Family::V6,
            _ => Family::Any,
        };
        Lookup { family, offline: self.offline }
    }

    /// What the engine is to do.
    pub(crate) fn options(&self) -> Result<Options, String> {
        let protocol = match self.protocol {
            _ if self.icmp => Protocol::Icmp,
            _ if self.tcp => Protocol::Tcp,
            named => named.unwrap_or(Protocol::Udp),
        };
        self.check(protocol)?;
        // Routers and hosts answer about one probe a second; more would look like loss.
        let often = self.interval.is_some_and(|interval| interval < Duration::from_secs(3));
        let rounds = self.rounds.unwrap_or(u64::from(self.interval.is_none()));
        Ok(Options {
            protocol,
            paris: !self.classic,
            unprivileged: self.unprivileged,
            port: self.port,
            source_port: self.sport,
            first_hop: self.first_hop,
            max_hops: self.max_hops,
            probes: self.first_probes(often),
            spread: self.spread(),
            vantage: self.vantage.clone(),
            flows: self.flows,
            discover: self.discovery(),
            mtu: self.mtu,
            wait: self.timeout,
            gap_limit: self.gap_limit,
            interface: self.interface.clone(),
            source: self.source,
            tos: self.tos.or(self.dscp.map(|dscp| dscp << 2)).unwrap_or(0),
            size: self.size.map(usize::from),
            rate: self.rate,
            rounds,
            interval: self.interval.unwrap_or(Duration::from_secs(1)),
            parallel: self.parallel as usize,
            ..Options::default()
        })
    }

    /// Probes of a hop, in the first round where others are spread.
    fn first_probes(&self, often: bool) -> u16 {
        match self.probes {
            Some(probes) if self.spread().is_some() => probes.min(USUAL),
            Some(probes) => probes,
            None if often || self.discover_paths || self.bulk => 1,
            None => USUAL,
        }
    }

    fn spread(&self) -> Option<Spread> {
        let over = self.spread.filter(|over| !over.is_zero())?;
        // A Linux host answers six probes at once and one a second; this is never more.
        let default = (over.as_secs_f64() * 4.0 / 3.0).clamp(f64::from(USUAL), 20.0) as u16;
        Some(Spread { over, probes: self.probes.unwrap_or(default) })
    }

    fn discovery(&self) -> Option<Confidence> {
        let confidence =
            if self.per_balancer { self.confidence.per_balancer() } else { self.confidence };
        self.discover_paths.then_some(confidence)
    }

    fn check(&self, protocol: Protocol) -> Result<(), String> {
        let flows = if self.discover_paths { FLOWS } else { self.flows };
        let ports = self.sport.map(|port| u32::from(port) + u32::from(flows) - 1);
        if self.first_hop > self.max_hops {
            return Err(format!(
                "--first-hop {} is beyond --max-hops {}",
                self.first_hop, self.max_hops
            ));
        }
        let is_crowded = |over: Duration| self.interval.is_none_or(|interval| over >= interval);
        if self.spread.is_some_and(|over| !over.is_zero() && is_crowded(over)) {
            return Err("--spread must be shorter than --interval".to_owned());
        }
        if self.bulk && self.max_hops > MOST_HOPS {
            return Err(format!("--max-hops is at most {MOST_HOPS} with --bulk"));
        }
        if protocol == Protocol::Icmp && self.port.is_some() {
            return Err("--port means nothing to ICMP; use -U or -T with it".to_owned());
        }
        if protocol == Protocol::Tcp && self.size.is_some() {
            return Err("--size means nothing to TCP, whose SYNs carry no data".to_owned());
        }
        if protocol == Protocol::Tcp && self.mtu {
            return Err("--mtu means nothing to TCP, whose SYNs carry no data".to_owned());
        }
        if ports.is_some_and(|last| last > 65_534) {
            return Err(format!("--sport leaves no room for {flows} flows below port 65535"));
        }
        Ok(())
    }
}

fn parse_protocol(text: &str) -> Result<Protocol, String> {
    match text.to_ascii_lowercase().as_str() {
        "udp" => Ok(Protocol::Udp),
        "icmp" => Ok(Protocol::Icmp),
        "tcp" => Ok(Protocol::Tcp),
        _ => Err("it is none of udp, icmp, tcp".to_owned()),
    }
}

fn parse_octet(text: &str) -> Result<u8, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(hex) => u8::from_str_radix(hex, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| "it is not an octet, 0 to 255".to_owned())
}

fn parse_confidence(text: &str) -> Result<Confidence, String> {
    let percent = parse_positive(text)?;
    Confidence::percent(percent).ok_or_else(|| "it is not 50 to 99.999".to_owned())
}

fn parse_interval(text: &str) -> Result<Duration, String> {
    let seconds = parse_positive(text)?;
    Duration::try_from_secs_f64(seconds).map_err(|_| "it is too long".to_owned())
}

fn parse_spread(text: &str) -> Result<Duration, String> {
    if text.trim().parse() == Ok(0.0) { Ok(Duration::ZERO) } else { parse_interval(text) }
}

fn parse_wait(text: &str) -> Result<Wait, String> {
    let mut parts = text.split(',').map(parse_positive);
    let mut next = |default| parts.next().unwrap_or(Ok(default));
    let (max, here, near) = (next(2.0)?, next(Options::WAIT.here)?, next(Options::WAIT.near)?);
    if max > 3600.0 {
        return Err("the longest wait is an hour".to_owned());
    }
    match parts.next() {
        None => Ok(Wait { max: Duration::from_secs_f64(max), here, near }),
        Some(_) => Err("it is not MAX or MAX,HERE,NEAR".to_owned()),
    }
}

fn parse_positive(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 => Ok(number),
        _ => Err(format!("{text:?} is not a number above 0")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(args: &[&str]) -> Result<Options, String> {
        let flags = Flags::try_parse_from([&["tm-probe"], args].concat());
        flags.map_err(|error| error.to_string())?.options()
    }

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory;
        Flags::command().debug_assert();
    }

    #[test]
    fn waits_are_read_as_traceroute_reads_them() {
        assert_eq!(
            options(&["-w", "5,2,7", "h"]).unwrap().wait,
            Wait { max: Duration::from_secs(5), here: 2.0, near: 7.0 }
        );
        assert_eq!(options(&["-w", "0.5", "h"]).unwrap().wait.max, Duration::from_millis(500));
        for wrong in ["0", "-1", "x", "1,2,3,4", "inf", ""] {
            assert!(options(&["-w", wrong, "h"]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn protocols_and_octets_are_read_in_each_spelling() {
        for (text, wanted) in
            [("udp", Protocol::Udp), ("ICMP", Protocol::Icmp), ("Tcp", Protocol::Tcp)]
        {
            assert_eq!(options(&["-P", text, "h"]).unwrap().protocol, wanted);
        }
        for (text, wanted) in [("0", 0), ("0x2e", 46), ("46", 46), ("255", 255), ("0xFF", 255)] {
            assert_eq!(parse_octet(text), Ok(wanted));
        }
        for wrong in ["256", "0x100", "-1", "0x", "", "x"] {
            assert!(parse_octet(wrong).is_err(), "{wrong}");
        }
        for wrong in [&["-P", "sctp", "h"][..], &["-w", "3601", "h"]] {
            assert!(options(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn the_family_is_that_of_the_source_where_none_is_named() {
        let of = |args: &[&str]| {
            Flags::try_parse_from([&["tm-probe"], args, &["h"]].concat()).unwrap().lookup().family
        };
        assert_eq!(of(&[]), Family::Any);
        assert_eq!((of(&["-4"]), of(&["-6"])), (Family::V4, Family::V6));
        assert_eq!(of(&["-s", "192.0.2.1"]), Family::V4);
        assert_eq!(of(&["-s", "2001:db8::1"]), Family::V6);
    }

    #[test]
    fn rounds_follow_from_the_interval() {
        let of =
            |args: &[&str]| options(args).map(|options| (options.rounds, options.probes)).unwrap();
        assert_eq!(of(&["h"]), (1, 3));
        assert_eq!(of(&["--interval", "1", "h"]), (0, 1));
        assert_eq!(of(&["--interval", "30", "--rounds", "2", "h"]), (2, 3));
        assert_eq!(of(&["--interval", "1", "-q", "2", "h"]), (0, 2));
    }

    #[test]
    fn probes_that_are_spread_are_no_more_than_routers_answer_and_the_first_three_are_quick() {
        let of = |args: &[&str]| {
            let all = [&["--interval", "30"], args, &["h"]].concat();
            options(&all).map(|at| (at.probes, at.spread.map(|way| way.probes))).unwrap()
        };
        assert_eq!(of(&["--spread", "15"]), (3, Some(20)));
        assert_eq!(of(&["--spread", "25"]), (3, Some(20)));
        assert_eq!(of(&["--spread", "6"]), (3, Some(8)));
        assert_eq!(of(&["--spread", "1"]), (3, Some(3)));
        assert_eq!(of(&["--spread", "15", "-q", "12"]), (3, Some(12)));
        assert_eq!(of(&["--spread", "15", "-q", "1"]), (1, Some(1)));
        assert_eq!(
            of(&["--spread", "15", "--spread", "0", "-q", "9"]),
            (9, None),
            "the last counts"
        );
    }

    #[test]
    fn contradictions_are_errors() {
        for wrong in [
            &["-f", "9", "-m", "3", "h"][..],
            &["-I", "-p", "80", "h"],
            &["-T", "--size", "80", "h"],
            &["-p", "0", "h"],
            &["-I", "-T", "h"],
            &["--discover-paths", "--flows", "3", "h"],
            &["--discover-paths", "-q", "3", "h"],
            &["--discover-paths", "--sport", "62000", "h"],
            &["--discover-paths", "--confidence", "100", "h"],
            &["--confidence", "99", "h"],
            &["--mtu", "-T", "h"],
            &["--mtu", "--discover-paths", "h"],
            &["--mtu", "--size", "900", "h"],
            &["--bulk", "-m", "64", "h"],
            &["--bulk", "-q", "3", "h"],
            &["--near-rate", "9", "h"],
            &["--spread", "5", "h"],
            &["--spread", "30", "--interval", "30", "h"],
            &["--vantage", "", "h"],
        ] {
            assert!(options(wrong).is_err(), "{wrong:?}");
        }
    }
}
