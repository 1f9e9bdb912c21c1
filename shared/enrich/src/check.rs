//! Checking what enrichers need: databases and DNS servers (`--check`).

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hickory_resolver::proto::rr::RecordType;
use tm_schema::Time;
use tm_stream::finding::{Finding, State};

use crate::database::Database;
use crate::resolver::{Failure, Servers, reverse_name};

/// Prefixes change hands, and a database of last year tells last year's owners.
const OLD: u64 = 180;

const DAY: u64 = 86_400;

/// An address that is nobody's (RFC 5737), so that asking about it tells nobody anything.
pub const NOBODY: std::net::Ipv4Addr = std::net::Ipv4Addr::new(192, 0, 2, 1);

/// A database: what it is, and how old.
pub fn database(path: &Path) -> Finding {
    let subject = format!("database {}", path.display());
    let database = match Database::open(path) {
        Ok(database) => database,
        Err(error) => {
            return Finding::new(subject, State::Bad, error)
                .with_remedy("replace it, or remove it");
        }
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let days = now.saturating_sub(database.built()) / DAY;
    let detail = format!("{}, built {}, {days} days ago", database.kind(), day(database.built()));
    if days <= OLD {
        return Finding::new(subject, State::Ok, detail);
    }
    Finding::new(subject, State::Warning, detail)
        .with_remedy("fetch a newer edition from its publisher")
}

/// The day of a time in seconds since 1970, as `2026-01-31`.
pub fn day(seconds: u64) -> String {
    let micros = i64::try_from(seconds).ok().and_then(|at| at.checked_mul(1_000_000));
    let time = micros.and_then(Time::from_microseconds).map(|at| at.to_string());
    time.as_deref().and_then(|at| at.get(..10)).unwrap_or("nobody knows when").to_owned()
}

/// The DNS servers, each asked for the name of an address that has none.
pub fn resolvers(addresses: &[SocketAddr], patience: Duration) -> Vec<Finding> {
    let all = run(async {
        let servers = Servers::new(addresses, patience)?;
        let deadline = servers.deadline();
        let asked = servers.each().iter().map(|server| {
            let server = Arc::clone(server);
            tokio::spawn(async move {
                let begun = Instant::now();
                let name = reverse_name(NOBODY.into());
                let answer = server.ask(name, RecordType::PTR, deadline).await;
                resolver(server.address, answer.err(), begun.elapsed())
            })
        });
        let asked: Vec<_> = asked.collect();
        let mut all = Vec::new();
        for finding in asked {
            all.extend(finding.await);
        }
        Ok(all)
    });
    all.unwrap_or_else(|error: String| {
        vec![
            Finding::new("DNS server", State::Bad, error)
                .with_remedy("name one with --resolver, or in /etc/resolv.conf"),
        ]
    })
}

fn resolver(address: SocketAddr, failure: Option<Failure>, took: Duration) -> Finding {
    let subject = format!("DNS server {address}");
    match failure {
        // Whether it knows this name does not matter.
        None | Some(Failure::ServFail) => {
            let detail = format!("answers within {:.0} ms", took.as_secs_f64() * 1e3);
            Finding::new(subject, State::Ok, detail)
        }
        Some(failure) => Finding::new(subject, State::Bad, format!("does not answer: {failure}"))
            .with_remedy("name another one with --resolver, or in /etc/resolv.conf"),
    }
}

/// Runs a check that waits for others.
pub fn run<T>(check: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| format!("cannot ask: {error}"))?.block_on(check)
}
