//! `tracemap cache`: what the enrichers' shared cache holds, and emptying it.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;

use serde_json::json;
use tm_cache::stats::{KindStats, QuotaStats, Stats};
use tm_cache::{Cache, Kind};
use tm_stream::{Diagnostics, Error, Outcome};

use crate::flags::{CacheAction, CacheFlags, Clear, Format};

/// Does what the user wants with the cache.
pub(crate) fn run(flags: &CacheFlags, diagnostics: &Diagnostics) -> Result<Outcome, Error> {
    let path = flags.cache.clone().or_else(tm_cache::default_path).ok_or_else(|| {
        Error::Failed("no home folder, so no cache: name it with --cache".to_owned())
    })?;
    let text = match &flags.action {
        CacheAction::Stats => {
            let stats = with(&path, diagnostics, Cache::stats)?;
            match flags.format {
                Format::Text => stats.map_or_else(|| none(&path), |stats| shown(&path, &stats)),
                Format::Json => as_json(&path, stats.unwrap_or_default()),
            }
        }
        CacheAction::Clear(clear) => {
            let work = |cache: &mut Cache| cache.clear(&kinds(clear), clear.expired);
            let removed = with(&path, diagnostics, work)?.unwrap_or(0);
            match flags.format {
                Format::Text => format!("removed entries: {removed}\n"),
                Format::Json => json!({"removed": removed}).to_string() + "\n",
            }
        }
    };
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush())?;
    Ok(Outcome::Done)
}

/// `None`: there is no cache, and none is made for looking.
fn with<T>(
    path: &Path,
    diagnostics: &Diagnostics,
    work: impl FnOnce(&mut Cache) -> Result<T, tm_cache::Error>,
) -> Result<Option<T>, Error> {
    if !path.exists() {
        return Ok(None);
    }
    let cannot = |error| Error::Failed(format!("cannot use {}: {error}", path.display()));
    let mut cache = Cache::open(path).map_err(cannot)?;
    let result = work(&mut cache).map_err(cannot)?;
    if let Some(notice) = cache.take_notice() {
        diagnostics.warn(notice);
    }
    Ok(Some(result))
}

/// Those that the user named; all, where none is named.
fn kinds(clear: &Clear) -> Vec<Kind> {
    let named = [(Kind::Dns, clear.dns), (Kind::Asn, clear.asn), (Kind::Geo, clear.geo)];
    let all = !named.iter().any(|(_, is_named)| *is_named);
    named.into_iter().filter(|(_, is_named)| all || *is_named).map(|(kind, _)| kind).collect()
}

fn none(path: &Path) -> String {
    format!("no cache yet at {}\n", path.display())
}

fn shown(path: &Path, stats: &Stats) -> String {
    let mut text = format!("{}, {}\n\n", path.display(), octets(stats.size));
    text += "      entries    valid  expired  look-ups  hit rate\n";
    for kind in stats.kinds.iter().copied().map(Row::of).chain([Row::total(&stats.kinds)]) {
        let Row { name, valid, expired, hits, misses } = kind;
        let rate = kind.hit_rate().map_or("-".to_owned(), |rate| format!("{:.1}%", rate * 100.0));
        let (all, asked) = (valid + expired, hits + misses);
        let _ = writeln!(text, "{name:4} {all:>8} {valid:>8} {expired:>8} {asked:>9} {rate:>9}");
    }
    if !stats.quotas.is_empty() {
        text += "\nQuotas\n";
    }
    for quota in &stats.quotas {
        let QuotaStats { provider, left, allowed, span, rests_for } = quota;
        let provider = tm_stream::text::visible(provider);
        let _ = write!(text, "  {provider:16} {left} of {allowed} left in {span} s");
        if *rests_for > 0 {
            let _ = write!(text, "; left alone for {rests_for} s");
        }
        text.push('\n');
    }
    text
}

fn as_json(path: &Path, stats: Stats) -> String {
    let entries = |row: &Row| {
        json!({
            "entries": row.valid + row.expired, "valid": row.valid, "expired": row.expired,
            "hits": row.hits, "misses": row.misses, "hit_rate": row.hit_rate(),
        })
    };
    let total = Row::total(&stats.kinds);
    let kinds = stats.kinds.into_iter().map(Row::of);
    let kinds = kinds.map(|row| (row.name.to_owned(), entries(&row)));
    let quotas = stats.quotas.iter().map(|quota| {
        json!({
            "provider": quota.provider, "left": quota.left, "allowed": quota.allowed,
            "span_s": quota.span, "rests_for_s": quota.rests_for,
        })
    });
    let document = json!({
        "path": path.to_string_lossy(), "size": stats.size, "total": entries(&total),
        "kinds": kinds.collect::<serde_json::Map<_, _>>(), "quotas": quotas.collect::<Vec<_>>(),
    });
    document.to_string() + "\n"
}

/// Counts of one kind of entry, or of all.
#[derive(Clone, Copy, Debug, Default)]
struct Row {
    name: &'static str,
    valid: u64,
    expired: u64,
    hits: u64,
    misses: u64,
}

impl Row {
    fn of(stats: KindStats) -> Self {
        let KindStats { kind, valid, expired, hits, misses } = stats;
        Self { name: kind.as_str(), valid, expired, hits, misses }
    }

    fn total(kinds: &[KindStats]) -> Self {
        let start = Self { name: "all", ..Self::default() };
        kinds.iter().fold(start, |all, kind| Self {
            valid: all.valid + kind.valid,
            expired: all.expired + kind.expired,
            hits: all.hits + kind.hits,
            misses: all.misses + kind.misses,
            ..all
        })
    }

    /// The share of look-ups that were answered, over all runs.
    fn hit_rate(&self) -> Option<f64> {
        let asked = self.hits + self.misses;
        (asked > 0).then(|| self.hits as f64 / asked as f64)
    }
}

fn octets(size: u64) -> String {
    match size {
        ..1024 => format!("{size} B"),
        1024..1_048_576 => format!("{:.1} KiB", size as f64 / 1024.0),
        _ => format!("{:.1} MiB", size as f64 / 1_048_576.0),
    }
}
