//! Asking: the names of an address, and whether they lead back to it.

use std::net::IpAddr;
use std::sync::Arc;

use hickory_resolver::proto::rr::{Name, RData, RecordType};
use tm_enrich::answers::Desk;
use tm_enrich::resolver::{Records, Servers, reverse_name, shown};
use tm_schema::Dns;
use tm_stream::Diagnostics;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;

use crate::compare::Compared;
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
            diagnostics.error(format_args!("{error}; name one with --resolver"));
            return refuse(questions, &desk).await;
        }
    };
    let places = Arc::new(Semaphore::new(usize::from(flags.dns.concurrency)));
    let compared = Arc::new(Compared::default());
    while let Some(question) = questions.recv().await {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let (servers, desk, keep) = (servers.clone(), desk.clone(), keep.clone());
        let verify = flags.verify;
        let compared = flags.compare_resolvers.then(|| Arc::clone(&compared));
        tokio::spawn(async move {
            let ip = question.ip;
            let answer = if let Some(compared) = compared {
                compared.answer(&servers, question, verify).await
            } else {
                let dns = names(&servers, ip, verify).await;
                keep(ip, &dns);
                Answer::new(dns, Vec::new())
            };
            desk.answer(ip, answer);
            drop(place);
        });
    }
    // What is still under way has a time-out of its own.
    let _ = places.acquire_many(u32::from(flags.dns.concurrency)).await;
}

async fn refuse(mut questions: UnboundedReceiver<Question>, desk: &Desk<Answer>) {
    while let Some(question) = questions.recv().await {
        desk.answer(question.ip, Answer::failed(question));
    }
}

async fn names(servers: &Servers, ip: IpAddr, verify: bool) -> Dns {
    let reply = servers.ask(&reverse_name(ip), RecordType::PTR).await;
    let source = reply.from.map(|server| server.to_string());
    of_records(servers, ip, source, reply.records, verify).await
}

/// The names that one server gave for an address. They are sorted, since servers shuffle them;
/// the first that is verified is the one to show.
pub(crate) async fn of_records(
    servers: &Servers,
    ip: IpAddr,
    source: Option<String>,
    records: Records,
    verify: bool,
) -> Dns {
    let records = match records {
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
/// `None`: nobody could say. They are asked about together, so that they share one time-out.
async fn verified(servers: &Servers, ip: IpAddr, names: &[Name]) -> Option<Option<usize>> {
    let mut asked = JoinSet::new();
    for (place, name) in names.iter().take(MOST_VERIFIED).enumerate() {
        let (servers, name) = (servers.clone(), name.clone());
        asked.spawn(async move { (place, servers.ask(&name, address_type(ip)).await.records) });
    }
    let answers = asked.join_all().await;
    let all_answered = answers.iter().all(|(_, records)| records.is_ok());
    let leads_back = |records: &Records| {
        records.as_ref().is_ok_and(|all| all.iter().any(|data| address(data) == Some(ip)))
    };
    let back = answers.iter().filter(|(_, records)| leads_back(records)).map(|(place, _)| *place);
    match back.min() {
        Some(place) => Some(Some(place)),
        None => all_answered.then_some(None),
    }
}

fn ptr(data: RData) -> Option<Name> {
    match data {
        RData::PTR(name) => Some(name.0),
        _ => None,
    }
}

/// The address of a name's record.
pub(crate) fn address(data: &RData) -> Option<IpAddr> {
    match data {
        RData::A(address) => Some(address.0.into()),
        RData::AAAA(address) => Some(address.0.into()),
        _ => None,
    }
}

/// The records that hold addresses of this family.
pub(crate) fn address_type(ip: IpAddr) -> RecordType {
    if ip.is_ipv4() { RecordType::A } else { RecordType::AAAA }
}
