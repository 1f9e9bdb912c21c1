//! How many questions a provider takes in a span of time, kept in the file so that every process
//! of a user shares it. A span begins with its first question, as the providers count.
//!
//! Times are kept in whole seconds, so what begins now began up to a second ago: a span or a rest
//! that must not end too soon is kept one second longer.

use std::time::Duration;

use rusqlite::{OptionalExtension, params};

use crate::{Cache, Error, now};

/// A provider's limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// The provider, and what of it is limited.
    pub provider: &'static str,
    /// Questions in one span.
    pub allowed: u32,
    /// The span.
    pub span: Duration,
}

/// Whether a question may be asked now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It may; it has been counted.
    Granted,
    /// Not before this time has passed.
    Later(Duration),
}

impl Cache {
    /// Takes one question out of the quota, if there is one left and the provider does not rest.
    pub fn take_turn(&mut self, quota: &Quota) -> Result<Turn, Error> {
        self.healing(|cache| {
            let transaction = cache.write()?;
            let (now, seconds) = (now(), seconds(quota.span));
            let rest: Option<i64> = transaction
                .query_row("SELECT until FROM rests WHERE provider = ?", [quota.provider], |row| {
                    row.get(0)
                })
                .optional()?;
            if let Some(until) = rest.filter(|&until| until > now) {
                return Ok(Turn::Later(Duration::from_secs(until.abs_diff(now))));
            }
            let span: Option<(i64, u32)> = transaction
                .query_row(
                    "SELECT begun, used FROM quotas WHERE provider = ? AND seconds = ?",
                    params![quota.provider, seconds],
                    |row| Ok((row.get(0)?, row.get(1)?)),
                )
                .optional()?;
            // A span from the future was begun by a clock that has been set back.
            let running = span.filter(|&(begun, _)| begun <= now && now <= begun + seconds);
            let (begun, used) = running.unwrap_or((now, 0));
            if used >= quota.allowed {
                return Ok(Turn::Later(Duration::from_secs((begun + seconds + 1).abs_diff(now))));
            }
            transaction.execute(
                "INSERT OR REPLACE INTO quotas (provider, seconds, begun, used, allowed)
                 VALUES (?, ?, ?, ?, ?)",
                params![quota.provider, seconds, begun, used + 1, quota.allowed],
            )?;
            transaction.commit()?;
            Ok(Turn::Granted)
        })
    }

    /// What the provider itself says: `left` questions until the span ends in `ends_in`.
    pub fn set_left(&mut self, quota: &Quota, left: u32, ends_in: Duration) -> Result<(), Error> {
        self.healing(|cache| {
            let transaction = cache.write()?;
            let ends = ends_in.min(quota.span);
            let begun = now() + seconds(ends) - seconds(quota.span);
            let used = quota.allowed.saturating_sub(left);
            transaction.execute(
                "INSERT OR REPLACE INTO quotas (provider, seconds, begun, used, allowed)
                 VALUES (?, ?, ?, ?, ?)",
                params![quota.provider, seconds(quota.span), begun, used, quota.allowed],
            )?;
            Ok(transaction.commit()?)
        })
    }

    /// Nobody asks the provider anything for this long.
    pub fn let_rest(&mut self, provider: &str, time: Duration) -> Result<(), Error> {
        self.healing(|cache| {
            let transaction = cache.write()?;
            transaction.execute(
                "INSERT INTO rests (provider, until) VALUES (?1, ?2)
                 ON CONFLICT (provider) DO UPDATE SET until = max(until, ?2)",
                params![provider, now() + seconds(time) + 1],
            )?;
            Ok(transaction.commit()?)
        })
    }
}

fn seconds(span: Duration) -> i64 {
    i64::try_from(span.as_secs()).unwrap_or(i64::MAX / 4)
}
