//! What is known of origins: databases, the cache of other runs, and the thread that asks.

use std::net::IpAddr;
use std::sync::Arc;

use tm_cache::Kind;
use tm_enrich::answers::{Desk, on_thread};
use tm_enrich::due::Due;
use tm_enrich::store::Store;
use tm_enrich::{Enricher, Hop};
use tm_schema::Asn;
use tm_stream::Diagnostics;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::databases::Databases;
use crate::flags::{Flags, Source};
use crate::look_up::{block, work};

/// An origin as records show it; empty: nobody could be asked.
pub(crate) struct Answer {
    json: Box<[u8]>,
    due: Due,
}

impl Answer {
    pub(crate) fn new(asn: &Asn, due: Due) -> Self {
        Self { json: serde_json::to_vec(asn).unwrap_or_default().into(), due }
    }

    pub(crate) fn failed(source: &str, error: &str) -> Self {
        let (source, error) = (Some(source.to_owned()), Some(error.to_owned()));
        Self::new(&Asn { source, error, ..Asn::default() }, Due::soon())
    }

    fn nobody() -> Self {
        Self { json: Box::default(), due: Due::never() }
    }
}

/// The origins of a run.
pub(crate) struct Origins {
    flags: Flags,
    databases: Databases,
    desk: Desk<Answer>,
    store: Arc<Store>,
    questions: Option<UnboundedSender<IpAddr>>,
    diagnostics: Diagnostics,
}

impl Origins {
    pub(crate) fn new(flags: &Flags, desk: Desk<Answer>, diagnostics: &Diagnostics) -> Self {
        let databases = match flags.source.contains(&Source::Db) {
            true => Databases::new(&flags.db, diagnostics),
            false => Databases::none(diagnostics),
        };
        if databases.are_none() && (flags.offline || !flags.source.contains(&Source::Cymru)) {
            let hint = "no database: only what is in the cache is known; see --db";
            diagnostics.warn(hint);
        }
        Self {
            flags: flags.clone(),
            databases,
            desk,
            store: Arc::new(flags.cache.store(diagnostics)),
            questions: None,
            diagnostics: diagnostics.clone(),
        }
    }

    fn look_up(&mut self, source: Source, ip: IpAddr) -> Option<Asn> {
        match source {
            Source::Db => self.databases.look_up(ip),
            Source::Cymru => {
                let (zone, shortest) = (&self.flags.cymru_zone, block(ip).prefix_len());
                let entry = self.store.get_covering(Kind::Asn, zone, ip, shortest)?;
                serde_json::from_str(&entry.value).ok()
            }
        }
    }

    /// That nobody knows the address, in the name of the first who was asked.
    fn unknown(&self) -> Answer {
        match self.databases.first_name() {
            Some(name) => Answer::new(&Asn { source: Some(name), ..Asn::default() }, Due::never()),
            None => Answer::nobody(),
        }
    }

    fn thread(&mut self) -> Option<&UnboundedSender<IpAddr>> {
        if self.questions.is_none() {
            let (sender, receiver) = unbounded_channel();
            let (flags, desk) = (self.flags.clone(), self.desk.clone());
            let diagnostics = self.diagnostics.clone();
            let store = Arc::clone(&self.store);
            match on_thread(move || work(flags, receiver, desk, store, diagnostics)) {
                Ok(_) => self.questions = Some(sender),
                Err(error) => self.diagnostics.error(format_args!("cannot look up: {error}")),
            }
        }
        self.questions.as_ref()
    }
}

impl Enricher for Origins {
    type Answer = Answer;

    const MEMBER: &'static str = "asn";

    fn at_once(&mut self, _: &Hop<'_>, ip: IpAddr) -> Option<Answer> {
        for source in self.flags.source.clone() {
            if let Some(asn) = self.look_up(source, ip) {
                return Some(Answer::new(&asn, Due::never()));
            }
            if source == Source::Cymru && !self.flags.offline {
                return None; // it is to be asked
            }
        }
        Some(self.unknown())
    }

    fn ask(&mut self, _: &Hop<'_>, ip: IpAddr) {
        let asked = self.thread().is_some_and(|thread| thread.send(ip).is_ok());
        if !asked {
            self.desk.answer(ip, Answer::failed(&self.flags.cymru_zone, "no resolver"));
        }
    }

    fn write(&mut self, hop: &Hop<'_>, ip: IpAddr, answer: &Answer, out: &mut Vec<u8>) -> bool {
        if answer.due.has_come() {
            self.ask(hop, ip);
        }
        out.extend_from_slice(&answer.json);
        !answer.json.is_empty()
    }

    fn is_complete(&self) -> bool {
        self.databases.are_complete()
    }

    fn finish(&self) {
        self.store.finish();
    }
}
