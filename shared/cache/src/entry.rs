//! Answers, each with the source that gave it and the time until which it counts.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use rusqlite::{OptionalExtension, ToSql, params, params_from_iter};

use crate::{Cache, Error, now};

/// A clock may be set back; what comes from further ahead than this was fetched at no known time.
const AHEAD: i64 = 300;

/// Entries that expired this long ago, in seconds, are removed at the next write.
const KEPT: i64 = 86_400;

/// What was asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Names.
    Dns,
    /// Origin AS.
    Asn,
    /// Places.
    Geo,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Dns, Self::Asn, Self::Geo];

    /// As it stands in the file and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Asn => "asn",
            Self::Geo => "geo",
        }
    }

    /// How long an answer counts.
    pub fn time_to_live(self) -> Duration {
        const DAY: u64 = 86_400;
        Duration::from_secs(match self {
            Self::Dns => DAY,
            Self::Asn => 90 * DAY,
            Self::Geo => 30 * DAY,
        })
    }
}

/// How long it counts that there is no answer.
pub const NEGATIVE: Duration = Duration::from_hours(1);

/// An answer from the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What the source said.
    pub value: String,
    /// When, in seconds since 1970.
    pub fetched: i64,
}

/// An answer for the cache.
#[derive(Clone, Debug)]
pub struct Put {
    /// What was asked about.
    pub kind: Kind,
    /// Who answered.
    pub source: String,
    /// The address or prefix that the answer is for.
    pub key: String,
    /// The answer.
    pub value: String,
    /// How long it counts.
    pub time_to_live: Duration,
}

impl Cache {
    /// The answer of `source` about `key`, if it still counts.
    pub fn get(&mut self, kind: Kind, source: &str, key: &str) -> Result<Option<Entry>, Error> {
        let found = self.healing(|cache| {
            let mut statement = cache.connection.prepare_cached(
                "SELECT value, fetched FROM entries
                 WHERE kind = ? AND source = ? AND key = ? AND expires > ? AND fetched <= ?",
            )?;
            let now = now();
            let row = params![kind.as_str(), source, key, now, now + AHEAD];
            let entry = statement
                .query_row(row, |row| Ok(Entry { value: row.get(0)?, fetched: row.get(1)? }))
                .optional()?;
            Ok(entry)
        })?;
        self.count(kind, found.is_some());
        Ok(found)
    }

    /// The answer of `source` about the longest prefix that covers `ip`, of those whose answers
    /// still count and which are no shorter than `shortest`. Its key is the prefix as [`IpNet`]
    /// writes it.
    pub fn get_covering(
        &mut self,
        kind: Kind,
        source: &str,
        ip: IpAddr,
        shortest: u8,
    ) -> Result<Option<Entry>, Error> {
        let found = self.peek_covering(kind, source, ip, shortest)?;
        self.count(kind, found.is_some());
        Ok(found)
    }

    /// The same, as a part of a look-up that is counted as a whole ([`Cache::count`]).
    pub fn peek_covering(
        &mut self,
        kind: Kind,
        source: &str,
        ip: IpAddr,
        shortest: u8,
    ) -> Result<Option<Entry>, Error> {
        let keys: Vec<String> = prefixes(ip, shortest).map(|prefix| prefix.to_string()).collect();
        let places = vec!["?"; keys.len()].join(", ");
        self.healing(|cache| {
            let mut statement = cache.connection.prepare_cached(&format!(
                "SELECT value, fetched FROM entries
                 WHERE kind = ? AND source = ? AND expires > ? AND fetched <= ? AND key IN ({places})
                 ORDER BY CAST(substr(key, instr(key, '/') + 1) AS INTEGER) DESC LIMIT 1"
            ))?;
            let (kind, now) = (kind.as_str(), now());
            let ahead = now + AHEAD;
            let fixed: [&dyn ToSql; 4] = [&kind, &source, &now, &ahead];
            let all = fixed.into_iter().chain(keys.iter().map(|key| key as &dyn ToSql));
            let entry = statement
                .query_row(params_from_iter(all), |row| {
                    Ok(Entry { value: row.get(0)?, fetched: row.get(1)? })
                })
                .optional()?;
            Ok(entry)
        })
    }

    /// Counts a look-up, which the cache could answer or not; [`Cache::put`] writes the counts.
    pub fn count(&mut self, kind: Kind, is_hit: bool) {
        if let Some((hits, misses)) = self.looked_up.get_mut(kind as usize) {
            *(if is_hit { hits } else { misses }) += 1;
        }
    }

    /// Keeps answers, all or none of them, and counts the look-ups since the last time.
    pub fn put(&mut self, answers: &[Put]) -> Result<(), Error> {
        let counts = self.looked_up;
        self.healing(|cache| {
            let transaction = cache.write()?;
            let now = now();
            {
                let mut insert = transaction.prepare_cached(
                    "INSERT OR REPLACE INTO entries (kind, source, key, value, fetched, expires)
                     VALUES (?, ?, ?, ?, ?, ?)",
                )?;
                for put in answers {
                    let lives = i64::try_from(put.time_to_live.as_secs()).unwrap_or(i64::MAX);
                    let expires = now.saturating_add(lives);
                    let kind = put.kind.as_str();
                    insert.execute(params![kind, put.source, put.key, put.value, now, expires])?;
                }
                let mut count = transaction.prepare_cached(
                    "INSERT INTO counts (kind, hits, misses) VALUES (?1, ?2, ?3)
                     ON CONFLICT (kind) DO UPDATE SET hits = hits + ?2, misses = misses + ?3",
                )?;
                for (kind, (hits, misses)) in Kind::ALL.iter().zip(counts) {
                    if hits + misses > 0 {
                        count.execute(params![kind.as_str(), hits as i64, misses as i64])?;
                    }
                }
                transaction.execute("DELETE FROM entries WHERE expires < ?", [now - KEPT])?;
            }
            Ok(transaction.commit()?)
        })?;
        self.looked_up = Default::default();
        Ok(())
    }
}

/// Every prefix that covers the address and is no shorter than `shortest`.
fn prefixes(ip: IpAddr, shortest: u8) -> impl Iterator<Item = IpNet> {
    let longest = if ip.is_ipv4() { 32 } else { 128 };
    (shortest..=longest).filter_map(move |len| Some(IpNet::new(ip, len).ok()?.trunc()))
}
