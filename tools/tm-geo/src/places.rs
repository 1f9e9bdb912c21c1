//! What is known of places: databases, the cache of other runs, and the thread that asks.

use std::net::IpAddr;
use std::sync::Arc;

use tm_cache::Kind as Cached;
use tm_enrich::answers::{Desk, on_thread};
use tm_enrich::store::Store;
use tm_enrich::{Enricher, Hop};
use tm_path::confidence::{Claim, Kind};
use tm_path::geohint;
use tm_schema::Geo;
use tm_stream::Diagnostics;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::claim::Said;
use crate::databases::Databases;
use crate::flags::{Flags, Prefer};
use crate::look_up::{Providers, Question};
use crate::provider::{Provider, Server, shortest};
pub(crate) use crate::shown::Known;
use crate::trace::Traces;

/// The places of a run.
pub(crate) struct Places {
    flags: Flags,
    desk: Desk<Known>,
    diagnostics: Diagnostics,
    databases: Databases,
    store: Arc<Store>,
    /// Whose answers count, of this run and earlier ones.
    servers: Vec<Server>,
    /// Whether they may be asked.
    asks: bool,
    invents: bool,
    questions: Option<UnboundedSender<Question>>,
    /// What is to be asked next.
    next: Option<Question>,
    traces: Traces,
}

impl Places {
    pub(crate) fn new(flags: &Flags, desk: Desk<Known>, diagnostics: &Diagnostics) -> Self {
        let (heard, allowed) = (flags.api.heard(), flags.api.allowed());
        let remote = heard.iter().filter(|provider| provider.is_remote());
        Self {
            databases: Databases::new(&flags.mmdb, diagnostics),
            store: Arc::new(flags.cache.store(diagnostics)),
            servers: remote.map(|&provider| Server::new(provider, &flags.api)).collect(),
            asks: allowed.iter().any(|provider| provider.is_remote()),
            invents: allowed.contains(&Provider::Mock),
            questions: None,
            next: None,
            traces: Traces::new(&flags.origin),
            flags: flags.clone(),
            desk,
            diagnostics: diagnostics.clone(),
        }
    }

    /// What is known without asking anybody outside, and who could still be asked.
    fn question(&mut self, ip: IpAddr) -> Question {
        let (mut claims, asked) = self.databases.look_up(ip);
        claims.extend(self.invents.then(|| invented(ip)).flatten());
        let mut known = Known::new(claims, asked);
        if known.is_something() && self.flags.prefer == Prefer::Db {
            return Question { ip, whom: Vec::new(), known };
        }
        let mut whom = Vec::new();
        let mut is_kept = false;
        for (at, server) in self.servers.iter().enumerate() {
            let kept = self.store.peek_covering(Cached::Geo, server.source(), ip, shortest(ip));
            let Some(entry) = kept else {
                whom.push(at);
                continue;
            };
            known.asked = Some(server.provider.name().into());
            if let Ok(geo) = serde_json::from_str::<Geo>(&entry.value) {
                known.hear(Said { geo, prefix: None }, server.provider.name().into());
                is_kept = true;
                break;
            }
        }
        if !self.servers.is_empty() {
            self.store.count(Cached::Geo, is_kept || whom.is_empty());
        }
        if is_kept || !self.asks {
            whom.clear();
        }
        Question { ip, whom, known }
    }

    fn thread(&mut self) -> Option<&UnboundedSender<Question>> {
        if self.questions.is_none() {
            let (sender, receiver) = unbounded_channel();
            let providers = Arc::new(Providers::new(
                self.servers.clone(),
                self.flags.api.timeout,
                Arc::clone(&self.store),
                &self.diagnostics,
            ));
            let desk = self.desk.clone();
            match on_thread(move || providers.work(receiver, desk)) {
                Ok(_) => self.questions = Some(sender),
                Err(error) => self.diagnostics.error(format_args!("cannot ask: {error}")),
            }
        }
        self.questions.as_ref()
    }
}

impl Enricher for Places {
    type Answer = Known;

    const MEMBER: &'static str = "geo";

    fn at_once(&mut self, _: &Hop<'_>, ip: IpAddr) -> Option<Known> {
        let question = self.question(ip);
        if question.whom.is_empty() {
            return Some(question.known);
        }
        self.next = Some(question);
        None
    }

    fn ask(&mut self, _: &Hop<'_>, ip: IpAddr) {
        let Some(question) = self.next.take() else { return };
        let is_asked = self.thread().is_some_and(|thread| thread.send(question).is_ok());
        if !is_asked {
            let mut known = Known::default();
            known.failed("tm-geo", "it cannot ask");
            self.desk.answer(ip, known);
        }
    }

    fn write(&mut self, hop: &Hop<'_>, ip: IpAddr, known: &Known, out: &mut Vec<u8>) -> bool {
        // Nobody waits for it: the next record shows what comes of it.
        if known.is_to_be_asked_again() {
            self.next = Some(self.question(ip));
            self.ask(hop, ip);
        }
        let trace = self.traces.of(hop);
        let mut trace = trace.borrow_mut();
        let reply = trace.reply(hop);
        known.write(hop, ip, &mut trace.route, reply, out)
    }

    fn trace_ended(&mut self, trace: &Hop<'_>) {
        self.traces.end(trace);
    }

    fn is_complete(&self) -> bool {
        self.databases.are_complete()
    }

    fn finish(&self) {
        self.store.finish();
    }
}

/// A city for an address, the same each time.
fn invented(ip: IpAddr) -> Option<Claim> {
    let cities = geohint::cities();
    let bits = match ip {
        IpAddr::V4(ip) => u128::from(ip.to_bits()),
        IpAddr::V6(ip) => ip.to_bits(),
    };
    let at = bits.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    let city = cities.get((at % cities.len().max(1) as u128) as usize)?;
    Some(Claim {
        source: Provider::Mock.name().into(),
        kind: Kind::Mock,
        point: Some(city.point),
        city: Some(city.name.to_owned()),
        region: (!city.region.is_empty()).then(|| city.region.to_owned()),
        country_code: Some(city.country_code.to_owned()),
        accuracy_km: None,
        prefix: None,
        anycast: false,
        doubtful: false,
    })
}
