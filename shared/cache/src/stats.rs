//! What the file holds, and throwing it away.

use rusqlite::params;

use crate::{Cache, Error, Kind, now};

/// What the file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// By kind of question.
    pub kinds: Vec<KindStats>,
    /// By provider.
    pub quotas: Vec<QuotaStats>,
    /// Octets of the file and its log.
    pub size: u64,
}

/// Entries of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KindStats {
    /// Which.
    pub kind: Kind,
    /// That still count.
    pub valid: u64,
    /// That count no longer.
    pub expired: u64,
    /// Look-ups of all runs that were answered.
    pub hits: u64,
    /// Look-ups of all runs that were not.
    pub misses: u64,
}

/// What one provider still takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotaStats {
    /// Which, and what of it is limited.
    pub provider: String,
    /// Questions left in the span that runs.
    pub left: u32,
    /// Questions in one span.
    pub allowed: u32,
    /// The span in seconds.
    pub span: u64,
    /// Seconds until nobody has to wait any longer; 0: nobody has to.
    pub rests_for: u64,
}

impl Cache {
    /// Counts everything.
    pub fn stats(&mut self) -> Result<Stats, Error> {
        self.healing(|cache| {
            let kinds = Kind::ALL.map(|kind| cache.kind_stats(kind)).into_iter();
            let size = ["", "-wal"].iter().map(|part| {
                let mut name = cache.path.as_os_str().to_owned();
                name.push(part);
                std::fs::metadata(name).map_or(0, |data| data.len())
            });
            let size = size.sum();
            Ok(Stats {
                kinds: kinds.collect::<Result<_, _>>()?,
                quotas: cache.quota_stats()?,
                size,
            })
        })
    }

    fn kind_stats(&self, kind: Kind) -> Result<KindStats, Error> {
        let name = kind.as_str();
        let (valid, expired) = self.connection.query_row(
            "SELECT count(*) FILTER (WHERE expires > ?2), count(*) FILTER (WHERE expires <= ?2)
             FROM entries WHERE kind = ?1",
            params![name, now()],
            |row| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64)),
        )?;
        let (hits, misses) = self.connection.query_row(
            "SELECT coalesce(sum(hits), 0), coalesce(sum(misses), 0) FROM counts WHERE kind = ?",
            [name],
            |row| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64)),
        )?;
        Ok(KindStats { kind, valid, expired, hits, misses })
    }

    fn quota_stats(&self) -> Result<Vec<QuotaStats>, Error> {
        let mut statement = self.connection.prepare(
            "SELECT provider, seconds, begun, used, allowed, max(coalesce(until, 0) - ?1, 0)
             FROM quotas LEFT JOIN rests USING (provider) ORDER BY provider, seconds",
        )?;
        let now = now();
        let rows = statement.query_map([now], |row| {
            let (seconds, begun, used, allowed) =
                (row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?);
            let runs = i64::le(&begun, &now) && now <= i64::saturating_add(begun, seconds);
            Ok(QuotaStats {
                provider: row.get(0)?,
                left: if runs { u32::saturating_sub(allowed, used) } else { allowed },
                allowed,
                span: seconds as u64,
                rests_for: row.get::<_, i64>(5)? as u64,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Removes the entries of `kinds`, or only those that count no longer; says how many.
    pub fn clear(&mut self, kinds: &[Kind], only_expired: bool) -> Result<usize, Error> {
        self.healing(|cache| {
            let transaction = cache.write()?;
            let before = if only_expired { now() } else { i64::MAX };
            let mut removed = 0;
            for kind in kinds {
                removed += transaction.execute(
                    "DELETE FROM entries WHERE kind = ? AND expires <= ?",
                    params![kind.as_str(), before],
                )?;
            }
            transaction.commit()?;
            // Gives the space back; where others are at work, they keep it a while longer.
            let _ = cache.connection.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);");
            Ok(removed)
        })
    }
}
