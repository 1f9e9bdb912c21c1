//! What each server says (`--compare-resolvers`): of an address, and of the names of the targets
//! that were found there. Every server is asked each question once, and all of them at once, so
//! that a dead one is waited for once.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use hickory_resolver::proto::rr::{Name, RData, RecordType};
use tm_enrich::memory::Memory;
use tm_enrich::resolver::{Records, Servers, reverse_name, shown};
use tm_schema::{Dns, ResolverSays};
use tokio::sync::Mutex as Turn;

use crate::look_up::{Question, address, address_type, of_records};
use crate::names::{Answer, Target};

/// Addresses whose answers are remembered.
const REMEMBERED: usize = 1 << 16;

/// Targets at one address that are remembered; more are asked about again.
const MOST_TARGETS: usize = 64;

/// What has been compared in this run; one question about an address at a time.
pub(crate) struct Compared(Mutex<Memory<IpAddr, Arc<Turn<Said>>>>);

/// What is known of one address.
#[derive(Default)]
struct Said {
    dns: Option<Dns>,
    targets: Vec<Target>,
}

impl Default for Compared {
    fn default() -> Self {
        Self(Mutex::new(Memory::new(REMEMBERED)))
    }
}

impl Compared {
    /// What each server says of the address, and of every target there that was asked about.
    pub(crate) async fn answer(
        &self,
        servers: &Servers,
        question: Question,
        verify: bool,
    ) -> Answer {
        let Question { ip, host } = question;
        let said = self.of(ip);
        let mut said = said.lock().await;
        let is_new = |host: &String| said.targets.iter().all(|target| target.host != *host);
        let (known, host) = (said.dns.clone(), host.filter(is_new));
        let names = async {
            match known {
                Some(dns) => dns,
                None => names(servers, ip, verify).await,
            }
        };
        let (dns, says) = tokio::join!(names, target(servers, host.as_deref(), ip));
        if dns.error.is_none() {
            said.dns = Some(dns.clone());
        }
        if let Some(host) = host {
            let from = said.targets.len().saturating_sub(MOST_TARGETS);
            said.targets.drain(..from);
            said.targets.push(Target { host, says });
        }
        Answer::new(dns, said.targets.clone())
    }

    fn of(&self, ip: IpAddr) -> Arc<Turn<Said>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.get(&ip) {
            return Arc::clone(known);
        }
        let new = Arc::<Turn<Said>>::default();
        all.insert(ip, Arc::clone(&new));
        new
    }
}

/// The names that the first server knows that knows any, and what each of them says.
async fn names(servers: &Servers, ip: IpAddr, verify: bool) -> Dns {
    let answers = each(servers, &reverse_name(ip), RecordType::PTR).await;
    let resolvers = answers.iter().map(|(server, records)| says(server, records)).collect();
    let some =
        |(_, records): &&(String, Records)| records.as_ref().is_ok_and(|all| !all.is_empty());
    let ok = |(_, records): &&(String, Records)| records.is_ok();
    let best = answers.iter().find(some).or_else(|| answers.iter().find(ok)).or(answers.first());
    let dns = match best.cloned() {
        Some((server, records)) => of_records(servers, ip, Some(server), records, verify).await,
        None => Dns::default(),
    };
    Dns { resolvers, ..dns }
}

/// What each server says of the target's name; nothing where the target is an address.
async fn target(servers: &Servers, host: Option<&str>, ip: IpAddr) -> Vec<ResolverSays> {
    let host = host.and_then(|host| serde_json::from_str::<String>(host).ok());
    match host.filter(|host| host.parse::<IpAddr>().is_err()).map(Name::from_utf8) {
        Some(Ok(mut name)) => {
            name.set_fqdn(true);
            let answers = each(servers, &name, address_type(ip)).await;
            answers.iter().map(|(server, records)| says(server, records)).collect()
        }
        _ => Vec::new(),
    }
}

/// Every server's answer, in the order of the servers.
async fn each(servers: &Servers, name: &Name, kind: RecordType) -> Vec<(String, Records)> {
    let deadline = servers.deadline();
    let asked = servers.each().iter().map(|server| {
        let (server, name) = (Arc::clone(server), name.clone());
        tokio::spawn(async move {
            let records = server.ask(name, kind, deadline).await;
            (server.address.to_string(), records)
        })
    });
    let asked: Vec<_> = asked.collect();
    let mut all = Vec::new();
    for answer in asked {
        all.extend(answer.await);
    }
    all
}

fn says(server: &str, records: &Records) -> ResolverSays {
    let (mut says, error) = match records {
        Ok(records) => (records.iter().filter_map(text).collect(), None),
        Err(failure) => (Vec::new(), Some(failure.to_string())),
    };
    says.sort();
    ResolverSays { source: server.to_owned(), says, error }
}

fn text(data: &RData) -> Option<String> {
    match data {
        RData::PTR(name) => Some(shown(&name.0)),
        other => address(other).map(|ip| ip.to_string()),
    }
}
