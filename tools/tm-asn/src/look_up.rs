//! Asking Team Cymru. An answer is believed for the whole of a block around the address, so
//! that nothing is asked twice in one run, and it is kept for others.
//!
//! The block is not the announced prefix: inside 8.0.0.0/9 of one AS lies 8.8.8.0/24 of another,
//! and who asks about 8.0.0.1 is not told. It is the longest prefix that the Internet routes, a
//! /24 or /48, or the announced one where that is longer still.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hickory_resolver::proto::rr::{Name, RData, RecordType};
use ipnet::IpNet;
use serde::Serialize;
use tm_cache::{Kind, NEGATIVE, Put};
use tm_enrich::answers::Desk;
use tm_enrich::due::Due;
use tm_enrich::memory::Memory;
use tm_enrich::resolver::{Failure, Reply, Servers};
use tm_enrich::store::Store;
use tm_schema::Asn;
use tm_stream::Diagnostics;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{Mutex as Turn, OnceCell, Semaphore};
use tokio::time::timeout_at;

use crate::cymru::{self, Malformed};
use crate::flags::Flags;
use crate::origins::Answer;

/// Blocks and names that are remembered.
const REMEMBERED: usize = 1 << 16;

/// What is known inside one /24 or /48, and until when; one question at a time.
type Known = Arc<Turn<Vec<(IpNet, Asn, Due)>>>;

/// The name of an AS, if it has one.
type AsName = Option<String>;

/// The service, as one run knows it.
struct Cymru {
    servers: Servers,
    flags: Flags,
    blocks: Mutex<Memory<IpNet, Known>>,
    names: Mutex<Memory<u32, Arc<OnceCell<AsName>>>>,
    store: Arc<Store>,
}

/// Answers questions until there are none.
pub(crate) async fn work(
    flags: Flags,
    mut questions: UnboundedReceiver<IpAddr>,
    desk: Desk<Answer>,
    store: Arc<Store>,
    diagnostics: Diagnostics,
) {
    let servers = match Servers::new(&flags.dns.resolver, flags.dns.timeout) {
        Ok(servers) => servers,
        Err(error) => {
            diagnostics.error(format_args!("{error}; name one with --resolver"));
            while let Some(ip) = questions.recv().await {
                desk.answer(ip, Answer::failed(&flags.cymru_zone, "no resolver"));
            }
            return;
        }
    };
    let concurrency = flags.dns.concurrency;
    let places = Arc::new(Semaphore::new(usize::from(concurrency)));
    let (blocks, names) = (Memory::new(REMEMBERED), Memory::new(REMEMBERED));
    let (blocks, names) = (Mutex::new(blocks), Mutex::new(names));
    let cymru = Arc::new(Cymru { servers, flags, blocks, names, store });
    while let Some(ip) = questions.recv().await {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let (cymru, desk) = (Arc::clone(&cymru), desk.clone());
        tokio::spawn(async move {
            let (asn, due) = cymru.find(ip).await;
            desk.answer(ip, Answer::new(&asn, due));
            drop(place);
        });
    }
    // What is still under way has a time-out of its own.
    let _ = places.acquire_many(u32::from(concurrency)).await;
}

impl Cymru {
    async fn find(&self, ip: IpAddr) -> (Asn, Due) {
        let block = block(ip);
        let known = remembered(&self.blocks, block);
        let mut known = known.lock().await;
        known.retain(|(_, _, due)| !due.has_come());
        if let Some((_, asn, due)) = known.iter().find(|(net, ..)| net.contains(&ip)) {
            return (asn.clone(), due.clone());
        }
        let (announced, asn, is_whole) = self.ask(ip).await;
        let longer = announced.filter(|net| net.prefix_len() > block.prefix_len());
        let block = longer.unwrap_or(block);
        let mut due = Due::soon();
        if is_whole {
            let time_to_live = time_to_live(asn.prefix.is_some());
            self.keep(block.to_string(), &asn, time_to_live);
            due = Due::after(time_to_live);
        }
        known.push((block, asn.clone(), due.clone()));
        (asn, due)
    }

    /// The announced prefix, what is known of it, and whether that is all there is to know.
    async fn ask(&self, ip: IpAddr) -> (Option<IpNet>, Asn, bool) {
        let zone = &self.flags.cymru_zone;
        let mut asn = Asn { source: Some(zone.clone()), ..Asn::default() };
        let deadline = self.servers.deadline();
        let texts = match self.texts(&cymru::question(ip, zone)).await {
            Ok(texts) => texts,
            Err(failure) => {
                asn.error = Some(failure.to_string());
                return (None, asn, false);
            }
        };
        match cymru::route(ip, texts.iter().map(Vec::as_slice)) {
            Ok(None) => (None, asn, true),
            Err(Malformed) => {
                asn.error = Some("malformed answer".to_owned());
                (None, asn, false)
            }
            Ok(Some(route)) => {
                let prefix = route.prefix;
                (asn.country, asn.registry) = (route.country, route.registry);
                asn.prefix = Some(prefix.to_string());
                route.origins.show(&mut asn);
                let mut is_whole = true;
                if let Some(number) = asn.number {
                    let name = timeout_at(deadline.into(), self.name(number)).await;
                    is_whole = matches!(name, Ok(Ok(_)));
                    asn.org = name.ok().and_then(Result::ok).flatten();
                }
                (Some(prefix), asn, is_whole)
            }
        }
    }

    /// The name of an AS, which is asked for until somebody answers.
    async fn name(&self, number: u32) -> Result<AsName, Failure> {
        let cell = remembered(&self.names, number);
        let ask = async || {
            let (key, zone) = (format!("AS{number}"), &self.flags.cymru_zone);
            let kept = self.store.get(Kind::Asn, zone, &key);
            if let Some(Ok(name)) = kept.map(|entry| serde_json::from_str(&entry.value)) {
                return Ok(name);
            }
            let texts = self.texts(&format!("{key}.{zone}.")).await?;
            let name = texts.iter().find_map(|text| cymru::name(number, text));
            self.keep(key, &name, time_to_live(name.is_some()));
            Ok(name)
        };
        cell.get_or_try_init(ask).await.cloned()
    }

    /// Keeps an answer for other runs.
    fn keep(&self, key: String, answer: &impl Serialize, time_to_live: Duration) {
        if let Ok(value) = serde_json::to_string(answer) {
            let source = self.flags.cymru_zone.clone();
            self.store.put(Put { kind: Kind::Asn, source, key, value, time_to_live });
        }
    }

    /// Every text at a name, the strings of each put together.
    async fn texts(&self, name: &str) -> Result<Vec<Vec<u8>>, Failure> {
        let name = Name::from_ascii(name).map_err(|error| Failure::Other(error.to_string()))?;
        let Reply { records, .. } = self.servers.ask(&name, RecordType::TXT).await;
        let text = |data: RData| match data {
            RData::TXT(text) => Some(text.txt_data.concat()),
            _ => None,
        };
        Ok(records?.into_iter().filter_map(text).collect())
    }
}

/// How long an answer counts; one that says that there is nothing counts for less.
fn time_to_live(is_something: bool) -> Duration {
    if is_something { Kind::Asn.time_to_live() } else { NEGATIVE }
}

/// The longest prefix around an address that the Internet routes.
pub(crate) fn block(ip: IpAddr) -> IpNet {
    let length = if ip.is_ipv4() { 24 } else { 48 };
    IpNet::new(ip, length).map_or_else(|_| ip.into(), |net| net.trunc())
}

fn remembered<Q, V>(memory: &Mutex<Memory<Q, Arc<V>>>, key: Q) -> Arc<V>
where
    Q: std::hash::Hash + Eq,
    V: Default,
{
    let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = memory.get(&key) {
        return Arc::clone(known);
    }
    let new = Arc::<V>::default();
    memory.insert(key, Arc::clone(&new));
    new
}
