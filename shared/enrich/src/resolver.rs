//! DNS by way of hickory. Each server is asked by itself, so that a slow or dead one can be told
//! from a name that does not exist, and is left alone once it has shown what it is.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::{Resolver, TokioResolver};
use tokio::task::JoinSet;
use tokio::time::timeout_at;

use crate::zones::Zones;

/// A server that does not answer is left alone for this long.
const REST: Duration = Duration::from_secs(30);

/// Answers that count as too many to be looked at.
const MOST_RECORDS: usize = 64;

/// Why there is no answer. That there is no such name is an answer, and none of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nothing came in time.
    Timeout,
    /// SERVFAIL (RFC 1035, section 4.1.1).
    ServFail,
    /// REFUSED.
    Refused,
    /// It did not fit into a datagram, and TCP did not bring it either.
    Truncated,
    /// Anything else, in its own words.
    Other(String),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Timeout => "timeout",
            Self::ServFail => "servfail",
            Self::Refused => "refused",
            Self::Truncated => "truncated",
            Self::Other(words) => words,
        })
    }
}

/// What was said, and by whom; nobody where every server rests.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The server.
    pub from: Option<SocketAddr>,
    /// What it said.
    pub records: Records,
}

/// What a server said; empty: there is no such name, or none of this type.
pub type Records = Result<Vec<RData>, Failure>;

/// One DNS server.
pub struct Server {
    /// Address and port.
    pub address: SocketAddr,
    client: TokioResolver,
    begun: Instant,
    /// Milliseconds since `begun` at which it last answered anything.
    answered: AtomicU64,
    /// It is being asked whether it is alive.
    is_checked: AtomicBool,
    /// It has missed its turn before, so that the others are asked first.
    is_slow: AtomicBool,
    /// Milliseconds since `begun` until which it is left alone.
    rests_until: AtomicU64,
}

impl Server {
    fn new(address: SocketAddr, patience: Duration) -> Result<Self, NetError> {
        let connections =
            [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                connection.port = address.port();
                connection
            });
        let server = NameServerConfig::new(address.ip(), true, connections.into());
        let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
        let mut builder = Resolver::builder_with_config(config, TokioRuntimeProvider::default());
        *builder.options_mut() = options(patience);
        Ok(Self {
            address,
            client: builder.build()?,
            begun: Instant::now(),
            answered: AtomicU64::new(0),
            is_checked: AtomicBool::new(false),
            is_slow: AtomicBool::new(false),
            rests_until: AtomicU64::new(0),
        })
    }

    /// Asks this server, unless it rests: then nobody waits for it.
    pub async fn ask(self: &Arc<Self>, name: Name, kind: RecordType, deadline: Instant) -> Records {
        if self.is_resting() {
            return Err(Failure::Timeout);
        }
        let (asked, now) = (self.now(), Instant::now());
        let mut look_up = pin!(self.look_up(name, kind, deadline));
        let half = now + deadline.saturating_duration_since(now) / 2;
        let result = if let Ok(result) = timeout_at(half.into(), &mut look_up).await {
            result
        } else {
            self.doubt(asked);
            look_up.await
        };
        if result == Err(Failure::Timeout) {
            self.was_silent(asked);
        } else {
            self.has_answered();
        }
        result
    }

    async fn look_up(&self, name: Name, kind: RecordType, deadline: Instant) -> Records {
        let lookup = self.client.lookup(name, kind);
        match timeout_at(deadline.into(), lookup).await {
            Ok(Ok(lookup)) => {
                let of_kind = lookup.answers().iter().filter(|record| record.record_type() == kind);
                Ok(of_kind.take(MOST_RECORDS).map(|record| record.data.clone()).collect())
            }
            Ok(Err(error)) => failure(&error),
            Err(_) => Err(Failure::Timeout),
        }
    }

    /// A question takes long: asks what every server knows at once, so that a zone whose own
    /// servers are dead is told from a server that is.
    fn doubt(self: &Arc<Self>, asked: u64) {
        if self.has_answered_since(asked) || self.is_checked.swap(true, Ordering::Relaxed) {
            return;
        }
        let server = Arc::clone(self);
        tokio::spawn(async move {
            let root = server.look_up(Name::root(), RecordType::NS, Instant::now() + REST).await;
            if root != Err(Failure::Timeout) {
                server.has_answered();
            }
            server.is_checked.store(false, Ordering::Relaxed);
        });
    }

    fn has_answered(&self) {
        self.answered.store(self.now(), Ordering::Relaxed);
        self.rests_until.store(0, Ordering::Relaxed);
    }

    fn has_answered_since(&self, then: u64) -> bool {
        self.answered.load(Ordering::Relaxed) > then
    }

    /// A question of the time `asked` had no answer: it is the server's fault only if nothing
    /// else had one either.
    fn was_silent(&self, asked: u64) {
        if !self.has_answered_since(asked) {
            self.rests_until.store(self.now() + REST.as_millis() as u64, Ordering::Relaxed);
        }
    }

    fn now(&self) -> u64 {
        self.begun.elapsed().as_millis() as u64
    }

    fn is_resting(&self) -> bool {
        self.rests_until.load(Ordering::Relaxed) > self.now()
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Server({})", self.address)
    }
}

/// Servers that are asked one after the other, until one answers.
#[derive(Clone, Debug)]
pub struct Servers {
    all: Arc<[Arc<Server>]>,
    zones: Arc<Zones>,
    patience: Duration,
}

impl Servers {
    /// The servers at `addresses`, or the system's own. To be called inside a tokio runtime.
    pub fn new(addresses: &[SocketAddr], patience: Duration) -> Result<Self, String> {
        let own = if addresses.is_empty() { system()? } else { addresses.to_vec() };
        let servers = own.into_iter().map(|address| Server::new(address, patience).map(Arc::new));
        let servers: Vec<_> =
            servers.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
        Ok(Self { all: servers.into(), zones: Arc::default(), patience })
    }

    /// Each of them.
    pub fn each(&self) -> &[Arc<Server>] {
        &self.all
    }

    /// When a question that is asked now has waited long enough.
    pub fn deadline(&self) -> Instant {
        Instant::now() + self.patience
    }

    /// Asks one server, and where it is slow or fails the next one too, all within one time-out.
    /// A server that has been silent is left out; where all are, or the zone's own servers are
    /// dead, nobody waits.
    pub async fn ask(&self, name: &Name, kind: RecordType) -> Reply {
        if self.zones.is_dead(name) {
            return Reply { from: None, records: Err(Failure::Timeout) };
        }
        let reply = self.ask_in_turn(name, kind).await;
        if reply.records != Err(Failure::Timeout) {
            self.zones.has_answered(name);
        } else if self.all.iter().any(|server| !server.is_resting()) {
            self.zones.was_silent(name);
        }
        reply
    }

    async fn ask_in_turn(&self, name: &Name, kind: RecordType) -> Reply {
        let deadline = self.deadline();
        let mut next = self.in_order();
        let share = self.patience / (next.len().max(1) as u32);
        let mut asked = JoinSet::new();
        let mut current = None;
        let mut reply = Reply { from: None, records: Err(Failure::Timeout) };
        loop {
            if let Some(server) = next.pop_front() {
                current = Some(Arc::clone(&server));
                let name = name.clone();
                let ask = async move { (server.address, server.ask(name, kind, deadline).await) };
                asked.spawn(ask);
            }
            // The last one has until the deadline, by which it reports itself.
            let turn =
                if next.is_empty() { deadline + self.patience } else { Instant::now() + share };
            match timeout_at(turn.into(), asked.join_next()).await {
                Ok(Some(Ok((from, records)))) => {
                    let is_answer = records.is_ok();
                    if is_answer || reply.from.is_none() || records != Err(Failure::Timeout) {
                        reply = Reply { from: Some(from), records };
                    }
                    if is_answer {
                        break;
                    }
                }
                Ok(None) => break, // everybody has been asked
                Ok(Some(Err(_))) => {}
                Err(_) => {
                    if let Some(slow) = &current {
                        slow.is_slow.store(true, Ordering::Relaxed);
                    }
                }
            }
        }
        asked.detach_all(); // whether the others answer says how they are
        reply
    }

    /// Those that do not rest, the slow ones last.
    fn in_order(&self) -> VecDeque<Arc<Server>> {
        let mut servers: Vec<_> =
            self.all.iter().filter(|server| !server.is_resting()).cloned().collect();
        servers.sort_by_key(|server| server.is_slow.load(Ordering::Relaxed));
        servers.into()
    }
}

fn options(patience: Duration) -> ResolverOpts {
    let mut options = ResolverOpts::default();
    options.timeout = patience;
    options.attempts = 0; // lost datagrams are sent again all the same
    options.cache_size = 0;
    options.use_hosts_file = ResolveHosts::Never;
    options.num_concurrent_reqs = 1;
    options.max_active_requests = 1024;
    options.edns0 = true;
    options
}

/// The servers of `/etc/resolv.conf`.
fn system() -> Result<Vec<SocketAddr>, String> {
    let none = "no DNS server in /etc/resolv.conf";
    let read = hickory_resolver::system_conf::read_system_conf();
    let (config, _) = read.map_err(|_| none.to_owned())?;
    let address = |server: &NameServerConfig| {
        let port = server.connections.first().map_or(53, |connection| connection.port);
        SocketAddr::new(server.ip, port)
    };
    let servers: Vec<_> = config.name_servers().iter().map(address).collect();
    if servers.is_empty() { Err(none.to_owned()) } else { Ok(servers) }
}

fn failure(error: &NetError) -> Records {
    Err(match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code {
            ResponseCode::NXDomain | ResponseCode::NoError => return Ok(Vec::new()),
            code => of_code(code),
        },
        NetError::Dns(DnsError::ResponseCode(code)) => of_code(*code),
        NetError::Truncated => Failure::Truncated,
        NetError::Timeout | NetError::NoConnections => Failure::Timeout,
        other => Failure::Other(other.to_string()),
    })
}

fn of_code(code: ResponseCode) -> Failure {
    match code {
        ResponseCode::ServFail => Failure::ServFail,
        ResponseCode::Refused => Failure::Refused,
        other => Failure::Other(other.to_str().to_ascii_lowercase()),
    }
}

/// The name under which an address has its names (RFC 1035, section 3.5; RFC 3596).
pub fn reverse_name(ip: IpAddr) -> Name {
    ip.into()
}

/// A name as records show it: no dot at the end, odd octets escaped as in zone files.
pub fn shown(name: &Name) -> String {
    let text = name.to_ascii();
    text.strip_suffix('.').unwrap_or(&text).to_owned()
}
