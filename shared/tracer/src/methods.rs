//! Which way of probing this process may use, and opening it.

use std::io;

use socket2::{Domain, Protocol as IpProtocol, Socket, Type};
use tm_schema::Protocol;

use crate::net::Channel;
use crate::net::errqueue::ErrorQueue;
use crate::net::flows;
use crate::net::ping::Ping;
use crate::net::raw::Raw;
use crate::net::socket::{self, Binding};
use crate::net::tcp::{self, Connects};
use crate::options::Options;
use crate::packet::shape::Shape;
use crate::{paths, privilege};

/// A way of probing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Raw sockets: needs `CAP_NET_RAW`.
    Raw,
    /// Ordinary UDP or TCP sockets and their error queues.
    ErrorQueue,
    /// Ping sockets: `net.ipv4.ping_group_range` must include one of the user's groups.
    PingSocket,
}

impl Way {
    /// As `-v` and `tracemap doctor` name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw sockets",
            Self::ErrorQueue => "error queues (unprivileged)",
            Self::PingSocket => "ping sockets (unprivileged)",
        }
    }
}

/// What `tracemap doctor` says of one protocol and family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Availability {
    /// Transport of the probes.
    pub protocol: Protocol,
    /// IPv6; otherwise IPv4.
    pub v6: bool,
    /// How it can be probed by this process; `None`: it cannot.
    pub way: Option<Way>,
    /// What stands in the way of more, in the system's words.
    pub obstacle: Option<String>,
    /// What to do about it.
    pub remedy: Option<&'static str>,
}

/// How to allow raw sockets.
pub(crate) const ALLOW_RAW: &str = "sudo setcap cap_net_raw+ep \"$(command -v tm-probe)\"";
/// How to allow ping sockets.
const ALLOW_PING: &str = "sudo sysctl net.ipv4.ping_group_range='0 2147483647', or probe with UDP";

/// What this process may do, protocol by protocol. Opens sockets and sends nothing.
pub fn availability() -> Vec<Availability> {
    let pairs = [Protocol::Udp, Protocol::Icmp, Protocol::Tcp].map(|p| [(p, false), (p, true)]);
    pairs.into_iter().flatten().map(|(protocol, v6)| available(protocol, v6)).collect()
}

fn available(protocol: Protocol, v6: bool) -> Availability {
    let domain = if v6 { Domain::IPV6 } else { Domain::IPV4 };
    let can = |kind, number| Socket::new(domain, kind, Some(number)).map(drop);
    let found = |way, obstacle: Option<io::Error>, remedy| Availability {
        protocol,
        v6,
        way,
        obstacle: obstacle.map(|error| error.to_string()),
        remedy,
    };
    let raw = IpProtocol::from(libc::IPPROTO_RAW);
    let Err(no_raw) = privilege::raised(|| can(Type::RAW, raw)) else {
        return found(Some(Way::Raw), None, None);
    };
    let (way, tried, remedy) = match protocol {
        Protocol::Udp => (Way::ErrorQueue, can(Type::DGRAM, IpProtocol::UDP), ALLOW_RAW),
        Protocol::Tcp => (Way::ErrorQueue, can(Type::STREAM, IpProtocol::TCP), ALLOW_RAW),
        Protocol::Icmp => {
            let number = if v6 { IpProtocol::ICMPV6 } else { IpProtocol::ICMPV4 };
            (Way::PingSocket, can(Type::DGRAM, number), ALLOW_PING)
        }
    };
    match tried {
        Ok(()) => found(Some(way), Some(no_raw), Some(ALLOW_RAW)),
        Err(error) => found(None, Some(error), Some(remedy)),
    }
}

/// One family's way of probing, open.
pub(crate) struct Opened {
    pub(crate) way: Way,
    pub(crate) shape: Shape,
    pub(crate) channel: Box<dyn Channel>,
}

impl Opened {
    /// The probes of one flow must follow each other.
    pub(crate) fn is_serial(&self) -> bool {
        self.connects() && self.shape.paris
    }

    /// The longest wait that means anything.
    pub(crate) fn longest_wait(&self) -> Option<std::time::Duration> {
        self.connects().then_some(tcp::RETRANSMISSION)
    }

    fn connects(&self) -> bool {
        self.way == Way::ErrorQueue && self.shape.protocol == Protocol::Tcp
    }
}

/// Ports tried before giving up; each try has all flows' ports free or none.
const TRIES: u32 = 32;

/// Where the user wants packets to leave, and how.
pub(crate) fn binding(options: &Options) -> Binding {
    Binding {
        interface: options.interface.clone(),
        source: options.source,
        tos: options.tos,
        any_size: options.mtu,
    }
}

/// Opens the best way that this process may use.
pub(crate) fn open(v6: bool, options: &Options) -> io::Result<Opened> {
    let binding = binding(options);
    let mut shape = Shape {
        protocol: options.protocol,
        paris: options.paris,
        port: options.target_port().unwrap_or(0),
        flow_base: 0,
        flows: options.discover.map_or(options.flows, |_| paths::FLOWS),
        at_once: options.flows,
        size: options.size,
        any_size: options.mtu,
        tos: options.tos,
        secret: crate::packet::identity::Secret::default(),
    };
    if options.discover.is_some() {
        flows::raise_descriptor_limit();
    }
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for attempt in 0..TRIES {
        shape.flow_base = options.source_port.unwrap_or_else(|| shape.secret.port(attempt));
        match open_with(v6, options.unprivileged, &shape, &binding) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => last = error,
            opened => return opened,
        }
        if options.source_port.is_some() {
            break;
        }
    }
    Err(last)
}

fn open_with(v6: bool, unprivileged: bool, shape: &Shape, binding: &Binding) -> io::Result<Opened> {
    let opened = |way, channel| Opened { way, shape: shape.clone(), channel };
    if !unprivileged {
        match privilege::raised(|| Raw::open(v6, shape, binding)) {
            Ok(raw) => return Ok(opened(Way::Raw, Box::new(raw))),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            Err(error) => return Err(error),
        }
    }
    Ok(match shape.protocol {
        Protocol::Udp => opened(Way::ErrorQueue, Box::new(ErrorQueue::open(v6, shape, binding)?)),
        Protocol::Tcp => opened(Way::ErrorQueue, Box::new(Connects::open(v6, shape, binding)?)),
        Protocol::Icmp => {
            let ping = Ping::open(v6, shape, binding).map_err(|error| no_ping(&error))?;
            opened(Way::PingSocket, Box::new(ping))
        }
    })
}

/// A refused ping socket says only "permission denied"; this says what to do.
fn no_ping(error: &io::Error) -> io::Error {
    if error.kind() != io::ErrorKind::PermissionDenied {
        return io::Error::new(error.kind(), error.to_string());
    }
    let text = format!(
        "ICMP needs CAP_NET_RAW, or a group of yours in net.ipv4.ping_group_range: {ALLOW_PING}"
    );
    io::Error::new(io::ErrorKind::PermissionDenied, text)
}

/// Whether probes can leave the way that the user asked for.
pub fn check_binding(options: &Options) -> Result<(), String> {
    if let Some(name) = &options.interface {
        let any =
            Socket::new(Domain::IPV4, Type::DGRAM, None).map_err(|error| error.to_string())?;
        rustix::net::netdevice::name_to_index(&any, name)
            .map_err(|_| format!("there is no interface {name:?}; `ip link` lists them"))?;
    }
    if let Some(source) = options.source {
        let binding = Binding { source: Some(source), ..Binding::default() };
        socket::open(source.is_ipv6(), Type::DGRAM, IpProtocol::UDP, &binding, 0)
            .map_err(|error| format!("cannot send from {source}: {error}"))?;
    }
    Ok(())
}
