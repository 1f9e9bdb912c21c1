//! Asking: the names of an address, whether they lead back to it, and what each server says.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use hickory_resolver::proto::rr::{Name, RData, RecordType};
use tm_enrich::answers::Desk;
use tm_enrich::resolver::{Records, Servers, reverse_name, shown};
use tm_schema::{Dns, ResolverSays};
use tm_stream::Diagnostics;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::flags::Flags;
use crate::names::Answer;

/// Names of one address that are looked up again to verify them.
const MOST_VERIFIED: usize = 4;

/// What is asked.
pub(crate) struct Question {
    pub(crate) ip: IpAddr,
    /// The target's name, as it is written in the record, if each server's word on it is wanted.
    pub(crate) host: Option<String>,
}

/// Answers questions until there are none.
pub(crate) async fn work(
    flags: Flags,
    mut questions: UnboundedReceiver<Question>,
    desk: Desk<Answer>,
    keep: impl Fn(IpAddr, &Dns) + Clone + Send + 'static,
    diagnostics: Diagnostics,
) {
    let servers = match Servers::new(&flags.dns.resolver, flags.dns.timeout) {
        Ok(servers) => servers,
        Err(error) => {
            diagnostics.error(error);
            return refuse(questions, &desk).await;
        }
    };
    let places = Arc::new(Semaphore::new(usize::from(flags.dns.concurrency)));
    while let Some(question) = questions.recv().await {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let (servers, desk, keep) = (servers.clone(), desk.clone(), keep.clone());
        let (verify, compare) = (flags.verify, flags.compare_resolvers);
        tokio::spawn(async move {
            let Question { ip, host } = question;
            let mut dns = names(&servers, ip, verify).await;
            if compare {
                dns.resolvers = each(&servers, &reverse_name(ip), RecordType::PTR).await;
                dns.target = target(&servers, host.as_deref(), ip).await;
            } else {
                keep(ip, &dns);
            }
            desk.answer(ip, Answer::new(dns, host));
            drop(place);
        });
    }
    // What is still under way has a time-out of its own.
    let _ = places.acquire_many(u32::from(flags.dns.concurrency)).await;
}

async fn refuse(mut questions: UnboundedReceiver<Question>, desk: &Desk<Answer>) {
    while let Some(question) = questions.recv().await {
        let error = Some("no resolver".to_owned());
        desk.answer(question.ip, Answer::new(Dns { error, ..Dns::default() }, None));
    }
}

/// The names of an address. They are sorted, since servers shuffle them; the first that is
/// verified is the one to show.
async fn names(servers: &Servers, ip: IpAddr, verify: bool) -> Dns {
    let reply = servers.ask(&reverse_name(ip), RecordType::PTR).await;
    let source = reply.from.map(|server| server.to_string());
    let records = match reply.records {
        Ok(records) => records,
        Err(failure) => {
            let error = Some(failure.to_string());
            return Dns { source, error, ..Dns::default() };
        }
    };
    let mut found: Vec<Name> = records.into_iter().filter_map(ptr).collect();
    found.sort();
    found.dedup();
    let verified = match verify && !found.is_empty() {
        true => verified(servers, ip, &found).await,
        false => None,
    };
    let place = verified.flatten().unwrap_or(0);
    Dns {
        hostname: found.get(place).map(shown),
        names: found.iter().map(shown).collect(),
        verified: verified.map(|place| place.is_some()),
        source,
        ..Dns::default()
    }
}

/// Which of the names leads back to the address (RFC 8499: forward-confirmed reverse DNS);
/// `None`: nobody could say.
async fn verified(servers: &Servers, ip: IpAddr, names: &[Name]) -> Option<Option<usize>> {
    let mut all_answered = true;
    for (place, name) in names.iter().take(MOST_VERIFIED).enumerate() {
        match servers.ask(name, address_type(ip)).await.records {
            Ok(records) if records.iter().any(|data| address(data) == Some(ip)) => {
                return Some(Some(place));
            }
            Ok(_) => {}
            Err(_) => all_answered = false,
        }
    }
    all_answered.then_some(None)
}

/// What each server says of the target's name; nothing where the target is an address.
async fn target(servers: &Servers, host: Option<&str>, ip: IpAddr) -> Vec<ResolverSays> {
    let host = host.and_then(|host| serde_json::from_str::<String>(host).ok());
    match host.filter(|host| host.parse::<IpAddr>().is_err()).map(Name::from_utf8) {
        Some(Ok(mut name)) => {
            name.set_fqdn(true);
            each(servers, &name, address_type(ip)).await
        }
        _ => Vec::new(),
    }
}

async fn each(servers: &Servers, name: &Name, kind: RecordType) -> Vec<ResolverSays> {
    let deadline = servers.deadline();
    let asked = servers.each().iter().map(|server| {
        let (server, name) = (Arc::clone(server), name.clone());
        tokio::spawn(async move { says(&server, name, kind, deadline).await })
    });
    let asked: Vec<_> = asked.collect();
    let mut all = Vec::new();
    for says in asked {
        all.extend(says.await);
    }
    all
}

async fn says(
    server: &tm_enrich::resolver::Server,
    name: Name,
    kind: RecordType,
    deadline: Instant,
) -> ResolverSays {
    let records: Records = server.ask(name, kind, deadline).await;
    let (mut says, error) = match records {
        Ok(records) => (records.iter().filter_map(text).collect(), None),
        Err(failure) => (Vec::new(), Some(failure.to_string())),
    };
    says.sort();
    ResolverSays { source: server.address.to_string(), says, error }
}

fn ptr(data: RData) -> Option<Name> {
    match data {
        RData::PTR(name) => Some(name.0),
        _ => None,
    }
}

fn text(data: &RData) -> Option<String> {
    match data {
        RData::PTR(name) => Some(shown(&name.0)),
        other => address(other).map(|ip| ip.to_string()),
    }
}

fn address(data: &RData) -> Option<IpAddr> {
    match data {
        RData::A(address) => Some(address.0.into()),
        RData::AAAA(address) => Some(address.0.into()),
        _ => None,
    }
}

fn address_type(ip: IpAddr) -> RecordType {
    if ip.is_ipv4() { RecordType::A } else { RecordType::AAAA }
}
