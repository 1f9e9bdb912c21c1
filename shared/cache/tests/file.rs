//! One file: what is kept, what counts no longer, and what happens to a broken one.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tm_cache::{Cache, Error, Kind, Put, Quota, Turn};

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/er/cache.sqlite");
    (folder, path)
}

fn put(key: &str, value: &str, seconds: u64) -> Put {
    Put {
        kind: Kind::Dns,
        source: "192.0.2.53:53".into(),
        key: key.into(),
        value: value.into(),
        time_to_live: Duration::from_secs(seconds),
    }
}

fn value(cache: &mut Cache, key: &str) -> Option<String> {
    cache.get(Kind::Dns, "192.0.2.53:53", key).unwrap().map(|entry| entry.value)
}

#[test]
fn an_answer_is_kept_for_its_source_until_it_expires() {
    let (_folder, path) = folder();
    Cache::open(&path)
        .unwrap()
        .put(&[put("192.0.2.1", "a", 60), put("192.0.2.2", "b", 0)])
        .unwrap();
    let mut cache = Cache::open(&path).unwrap();
    assert_eq!(value(&mut cache, "192.0.2.1").as_deref(), Some("a"));
    assert_eq!(value(&mut cache, "192.0.2.2"), None, "expired");
    assert_eq!(cache.get(Kind::Dns, "198.51.100.53:53", "192.0.2.1").unwrap(), None);
    assert_eq!(cache.get(Kind::Asn, "192.0.2.53:53", "192.0.2.1").unwrap(), None);
    cache.put(&[put("192.0.2.1", "c", 60)]).unwrap();
    assert_eq!(value(&mut cache, "192.0.2.1").as_deref(), Some("c"));
}

#[test]
fn the_longest_prefix_that_covers_an_address_answers() {
    let (_folder, path) = folder();
    let mut cache = Cache::open(&path).unwrap();
    cache
        .put(&[
            put("9.0.0.0/8", "wide", 60),
            put("9.1.0.0/16", "narrow", 60),
            put("9.1.2.0/24", "expired", 0),
            put("2a00::/16", "six", 60),
            put("2a00:0::/9", "not as it is written", 60),
            put("0.0.0.0/0", "all", 60),
        ])
        .unwrap();
    let mut no_shorter = |ip: &str, shortest| {
        let ip = ip.parse().unwrap();
        let found = cache.get_covering(Kind::Dns, "192.0.2.53:53", ip, shortest).unwrap();
        found.map(|entry| entry.value)
    };
    assert_eq!(no_shorter("9.2.2.3", 9), None);
    let mut covering = |ip: &str| no_shorter(ip, 0);
    assert_eq!(covering("9.1.2.3").as_deref(), Some("narrow"));
    assert_eq!(covering("9.2.2.3").as_deref(), Some("wide"));
    assert_eq!(covering("8.2.2.3").as_deref(), Some("all"));
    assert_eq!(covering("2a00::1").as_deref(), Some("six"));
    assert_eq!(covering("2a01::1"), None);
    let asn = cache.get_covering(Kind::Asn, "192.0.2.53:53", "9.1.2.3".parse().unwrap(), 0);
    assert_eq!(asn.unwrap(), None);
}

#[test]
fn statistics_count_over_all_runs_and_clearing_leaves_the_rest() {
    let (_folder, path) = folder();
    for _ in 0..2 {
        let mut cache = Cache::open(&path).unwrap();
        value(&mut cache, "192.0.2.1");
        cache.put(&[put("192.0.2.1", "a", 60), put("192.0.2.2", "b", 0)]).unwrap();
        value(&mut cache, "192.0.2.1");
        cache.put(&[]).unwrap();
    }
    let mut cache = Cache::open(&path).unwrap();
    let dns = cache.stats().unwrap().kinds[0];
    assert_eq!((dns.valid, dns.expired, dns.hits, dns.misses), (1, 1, 3, 1));
    assert_eq!(cache.clear(&[Kind::Asn, Kind::Geo], false).unwrap(), 0);
    assert_eq!(cache.clear(&Kind::ALL, true).unwrap(), 1);
    assert_eq!(cache.clear(&Kind::ALL, false).unwrap(), 1);
    assert_eq!(value(&mut cache, "192.0.2.1"), None);
}

#[test]
fn neither_a_rest_nor_a_span_ends_before_its_time() {
    let second = Duration::from_secs(1);
    let (_folder, path) = folder();
    let mut cache = Cache::open(&path).unwrap();
    let quota = Quota { provider: "example", allowed: 1, span: second };
    // Just before and just after a turn was granted.
    let granted = |cache: &mut Cache| loop {
        let before = Instant::now();
        match cache.take_turn(&quota).unwrap() {
            Turn::Granted => break (before, Instant::now()),
            Turn::Later(time) => assert!(time > Duration::ZERO && time <= second * 2, "{time:?}"),
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let begun = Instant::now();
    cache.let_rest("example", second).unwrap();
    let (first, rested) = granted(&mut cache);
    assert!(rested - begun >= second, "{:?}", rested - begun);
    let (_, next) = granted(&mut cache);
    assert!(next - first >= second, "{:?}", next - first);
}

#[test]
fn a_quota_is_shared_and_a_resting_provider_is_left_alone() {
    let (_folder, path) = folder();
    let quota = Quota { provider: "example", allowed: 3, span: Duration::from_mins(1) };
    let mut caches = [Cache::open(&path).unwrap(), Cache::open(&path).unwrap()];
    let turns: Vec<_> = (0..4).map(|turn| caches[turn % 2].take_turn(&quota).unwrap()).collect();
    assert_eq!(turns[..3], [Turn::Granted; 3]);
    assert!(matches!(turns[3], Turn::Later(wait) if wait.as_secs() > 55), "{turns:?}");
    caches[0].set_left(&quota, 2, Duration::from_secs(30)).unwrap();
    assert_eq!(caches[1].take_turn(&quota).unwrap(), Turn::Granted);
    assert_eq!(caches[1].stats().unwrap().quotas[0].left, 1);
    caches[0].let_rest("example", Duration::from_secs(500)).unwrap();
    caches[0].let_rest("example", Duration::from_secs(5)).unwrap();
    assert!(
        matches!(caches[1].take_turn(&quota).unwrap(), Turn::Later(wait) if wait.as_secs() > 490)
    );
    assert!(caches[1].stats().unwrap().quotas[0].rests_for > 490);
}

#[test]
fn a_corrupt_file_is_set_aside_told_once_and_begun_anew() {
    for damage in ["no database at all", "a page in the middle"] {
        let (_folder, path) = folder();
        let many: Vec<_> = (0..2000).map(|n| put(&format!("k{n}"), &"v".repeat(50), 60)).collect();
        let mut cache = Cache::open(&path).unwrap();
        cache.put(&many).unwrap();
        drop(cache);
        let mut bytes = std::fs::read(&path).unwrap();
        let harmed = if damage.starts_with("no") { 0..4096 } else { 8192..bytes.len() };
        bytes[harmed].fill(b'x');
        std::fs::write(&path, bytes).unwrap();
        let mut cache = Cache::open(&path).unwrap();
        for n in 0..2000 {
            value(&mut cache, &format!("k{n}"));
        }
        let notice = cache.take_notice().unwrap();
        assert!(notice.contains("corrupt"), "{notice}");
        cache.put(&[put("new", "a", 60)]).unwrap();
        assert_eq!(value(&mut cache, "new").as_deref(), Some("a"));
        let mut again = Cache::open(&path).unwrap();
        assert_eq!((again.take_notice(), value(&mut again, "new").as_deref()), (None, Some("a")));
        let names = std::fs::read_dir(path.parent().unwrap()).unwrap();
        let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
        let aside = names.iter().filter(|name| name.to_string_lossy().contains("corrupt-"));
        assert_eq!(aside.count(), 1, "{names:?}");
    }
}

#[test]
fn only_the_owner_may_read_it_and_no_link_is_followed() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let (_folder, path) = folder();
    Cache::open(&path).unwrap();
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    let link = path.with_file_name("link.sqlite");
    symlink(path.with_file_name("elsewhere"), &link).unwrap();
    assert!(matches!(Cache::open(&link), Err(Error::Io(_))));
    assert!(!path.with_file_name("elsewhere").exists());
}

#[test]
fn a_newer_layout_is_left_alone() {
    let (_folder, path) = folder();
    Cache::open(&path).unwrap();
    let sql = rusqlite::Connection::open(&path).unwrap();
    sql.pragma_update(None, "user_version", 9).unwrap();
    assert!(matches!(Cache::open(&path), Err(Error::Newer(9))));
}
