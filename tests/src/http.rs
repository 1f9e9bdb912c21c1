//! An HTTP server on loopback whose answers are a closure, and which can be slow, silent or
//! wrong; and the documented answers of the two providers that tm-geo asks.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// `GET` or `POST`.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// What was sent.
    pub body: String,
}

/// What the server does with a request.
#[derive(Clone, Debug)]
pub enum Say {
    /// A status, headers and a body.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// These octets, whatever they mean.
    Raw(Vec<u8>),
    /// Nothing, for as long as anybody waits.
    Nothing,
    /// The answer, after a while.
    Late(Duration, Box<Say>),
    /// The head of an answer, and a body that does not end.
    Endless,
}

impl Say {
    /// JSON.
    pub fn json(value: &Value) -> Self {
        Self::Answer(200, vec![("Content-Type", "application/json".to_owned())], value.to_string())
    }

    /// The same with one more header.
    #[must_use]
    pub fn with(self, name: &'static str, value: &str) -> Self {
        match self {
            Self::Answer(status, mut headers, body) => {
                headers.push((name, value.to_owned()));
                Self::Answer(status, headers, body)
            }
            other => other,
        }
    }

    /// A status and nothing else.
    pub fn status(status: u16) -> Self {
        Self::Answer(status, Vec::new(), String::new())
    }
}

type World = dyn Fn(&Asked) -> Say + Send + Sync;

/// A running server; it ends with the test.
#[derive(Clone, Debug)]
pub struct HttpServer {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl HttpServer {
    /// Starts a server.
    ///
    /// # Panics
    /// Where it cannot listen.
    #[allow(clippy::expect_used)]
    pub fn start(world: impl Fn(&Asked) -> Say + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let server = Self { address, asked: Arc::default() };
        let (own, world): (_, Arc<World>) = (server.clone(), Arc::new(world));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (own, world) = (own.clone(), Arc::clone(&world));
                thread::spawn(move || own.serve(&stream, &world));
            }
        });
        server
    }

    /// `http://ADDRESS:PORT`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every request so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn serve(&self, stream: &TcpStream, world: &Arc<World>) -> Option<()> {
        let mut reader = BufReader::new(stream);
        loop {
            let asked = request(&mut reader)?;
            self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked.clone());
            let mut say = world(&asked);
            while let Say::Late(time, then) = say {
                thread::sleep(time);
                say = *then;
            }
            answer(stream, say)?;
        }
    }
}

fn request(reader: &mut impl BufRead) -> Option<Asked> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, target) = (words.next()?, words.next()?);
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Asked { method, target, body: String::from_utf8_lossy(&body).into_owned() })
}

/// `None`: the connection is over.
fn answer(mut stream: &TcpStream, say: Say) -> Option<()> {
    match say {
        Say::Answer(status, headers, body) => {
            let headers = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
            let headers: String = headers.collect();
            let length = body.len();
            write!(stream, "HTTP/1.1 {status} X\r\n{headers}Content-Length: {length}\r\n\r\n{body}")
                .ok()
        }
        Say::Raw(octets) => {
            stream.write_all(&octets).ok()?;
            None
        }
        Say::Nothing => {
            thread::sleep(Duration::from_mins(1));
            None
        }
        Say::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n[").ok()?;
            while stream.write_all(&[b' '; 4096]).is_ok() {}
            None
        }
        Say::Late(..) => None,
    }
}

/// What ip-api.com says of an address, in its documented form; `None`: it is reserved.
pub fn ip_api_item(ip: &str, place: Option<(&str, &str, &str, f64, f64)>) -> Value {
    match place {
        Some((city, country, code, lat, lon)) => json!({
            "status": "success", "country": country, "countryCode": code, "regionName": "",
            "city": city, "lat": lat, "lon": lon, "mobile": false, "proxy": false,
            "hosting": false, "query": ip
        }),
        None => json!({"status": "fail", "message": "reserved range", "query": ip}),
    }
}

/// What ipapi.co says of an address, in its documented form.
pub fn ipapi_item(ip: &str, place: Option<(&str, &str, &str, f64, f64)>) -> Value {
    match place {
        Some((city, country, code, lat, lon)) => json!({
            "ip": ip, "network": format!("{ip}/32"), "version": "IPv4", "city": city,
            "region": "Region", "region_code": "R", "country": code, "country_name": country,
            "country_code": code, "latitude": lat, "longitude": lon, "asn": "AS64500",
            "org": "Example"
        }),
        None => json!({
            "ip": ip, "error": true, "reason": "Reserved IP Address", "reserved": true,
            "version": "IPv4"
        }),
    }
}
