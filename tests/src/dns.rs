//! A DNS server on loopback whose zone is a closure, and which can be slow, silent or wrong.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, PTR, TXT};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};

/// What the server does with a question.
#[derive(Clone, Debug)]
pub enum Say {
    /// Names of an address.
    Ptr(Vec<String>),
    /// Addresses of a name.
    Address(Vec<IpAddr>),
    /// Texts, each of several strings.
    Txt(Vec<Vec<String>>),
    /// A response code and nothing else.
    Code(ResponseCode),
    /// Nothing at all.
    Nothing,
    /// That it did not fit, over UDP and over TCP.
    Truncated,
    /// The answer, that it did not fit over UDP.
    OverTcp(Box<Say>),
    /// The answer, after a while.
    Late(Duration, Box<Say>),
}

impl Say {
    /// There is no such name.
    pub fn no_such_name() -> Self {
        Self::Code(ResponseCode::NXDomain)
    }

    /// One name.
    pub fn ptr(name: &str) -> Self {
        Self::Ptr(vec![name.to_owned()])
    }

    /// Texts of one string each.
    pub fn txt(texts: &[&str]) -> Self {
        Self::Txt(texts.iter().map(|&text| vec![text.to_owned()]).collect())
    }
}

type Zone = dyn Fn(&str, RecordType) -> Say + Send + Sync;

/// A running server; it ends with the test.
#[derive(Clone, Debug)]
pub struct DnsServer {
    /// Where it listens, UDP and TCP.
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl DnsServer {
    /// Starts a server that answers from `zone`, which is given names in lower case without a dot
    /// at the end.
    ///
    /// # Panics
    /// Where it cannot listen.
    #[allow(clippy::expect_used)]
    pub fn start(zone: impl Fn(&str, RecordType) -> Say + Send + Sync + 'static) -> Self {
        let (udp, tcp) = sockets();
        let address = udp.local_addr().expect("a bound socket has an address");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let zone: Arc<Zone> = Arc::new(zone);
        let server = Self { address, asked };
        let (over_udp, udp_zone) = (server.clone(), Arc::clone(&zone));
        thread::spawn(move || over_udp.serve_udp(&udp, &udp_zone));
        thread::spawn(move || serve_tcp(&tcp, &zone));
        server
    }

    /// A server that fails for two seconds, and then knows the zone.
    pub fn failing_at_first(
        zone: impl Fn(&str, RecordType) -> Say + Send + Sync + 'static,
    ) -> Self {
        let begun = Instant::now();
        Self::start(move |name, kind| match begun.elapsed().as_secs() {
            0..2 => Say::Code(ResponseCode::ServFail),
            _ => zone(name, kind),
        })
    }

    /// Every question so far, as `NAME TYPE`, over UDP only.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn serve_udp(&self, udp: &UdpSocket, zone: &Arc<Zone>) {
        let mut buffer = [0; 4096];
        while let Ok((len, from)) = udp.recv_from(&mut buffer) {
            let Some((message, name, kind)) = question(buffer.get(..len).unwrap_or_default())
            else {
                continue;
            };
            self.asked
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(format!("{name} {kind}"));
            let (zone, socket) = (Arc::clone(zone), udp.try_clone());
            thread::spawn(move || {
                let answer = reply(&message, zone(&name, kind), false);
                if let (Some(answer), Ok(socket)) = (answer, socket) {
                    let _ = socket.send_to(&answer, from);
                }
            });
        }
    }
}

fn serve_tcp(tcp: &TcpListener, zone: &Arc<Zone>) {
    for stream in tcp.incoming() {
        let (Ok(mut stream), zone) = (stream, Arc::clone(zone)) else { continue };
        thread::spawn(move || {
            let mut len = [0; 2];
            while stream.read_exact(&mut len).is_ok() {
                let mut bytes = vec![0; usize::from(u16::from_be_bytes(len))];
                if stream.read_exact(&mut bytes).is_err() {
                    return;
                }
                let Some((message, name, kind)) = question(&bytes) else { return };
                if let Some(answer) = reply(&message, zone(&name, kind), true) {
                    let len = u16::try_from(answer.len()).unwrap_or(0).to_be_bytes();
                    let _ = stream.write_all(&[&len[..], &answer].concat());
                }
            }
        });
    }
}

/// UDP and TCP at one port.
#[allow(clippy::expect_used)]
fn sockets() -> (UdpSocket, TcpListener) {
    let local = (Ipv4Addr::LOCALHOST, 0);
    (0..50)
        .find_map(|_| {
            let udp = UdpSocket::bind(local).ok()?;
            let tcp = TcpListener::bind(udp.local_addr().ok()?).ok()?;
            Some((udp, tcp))
        })
        .expect("a free port")
}

fn question(bytes: &[u8]) -> Option<(Message, String, RecordType)> {
    let message = Message::from_vec(bytes).ok()?;
    let query = message.queries.first()?;
    let name = query.name().to_ascii().to_lowercase();
    let (name, kind) = (name.trim_end_matches('.').to_owned(), query.query_type());
    Some((message, name, kind))
}

fn reply(question: &Message, say: Say, over_tcp: bool) -> Option<Vec<u8>> {
    let query = question.queries.first()?.clone();
    let mut message = Message::response(question.metadata.id, question.metadata.op_code);
    message.metadata.recursion_available = true;
    message.add_query(query.clone());
    let data = match say {
        Say::Nothing => return None,
        Say::Late(time, say) => {
            thread::sleep(time);
            return reply(question, *say, over_tcp);
        }
        Say::OverTcp(say) if over_tcp => return reply(question, *say, over_tcp),
        Say::OverTcp(_) | Say::Truncated => {
            message.metadata.truncation = true;
            Vec::new()
        }
        Say::Code(code) => {
            message.metadata.response_code = code;
            Vec::new()
        }
        Say::Ptr(names) => {
            // Octets as they are: a hostile zone holds what no parser of text would take.
            let name = |name: &String| {
                let labels = name.trim_end_matches('.').split('.').map(str::as_bytes);
                Name::from_labels(labels).map(|name| RData::PTR(PTR(name)))
            };
            names.iter().map(name).collect::<Result<_, _>>().ok()?
        }
        Say::Txt(texts) => texts.into_iter().map(|text| RData::TXT(TXT::new(text))).collect(),
        Say::Address(addresses) => addresses
            .into_iter()
            .map(|ip| match ip {
                IpAddr::V4(ip) => RData::A(A(ip)),
                IpAddr::V6(ip) => RData::AAAA(AAAA(ip)),
            })
            .filter(|data| data.record_type() == query.query_type())
            .collect(),
    };
    for data in data {
        message.add_answer(Record::from_rdata(query.name().clone(), 300, data));
    }
    message.to_vec().ok()
}
