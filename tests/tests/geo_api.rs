//! tm-geo and the providers that it asks: what goes over the wire, what does not, and what
//! happens when they are busy, broken or dead.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tm_tests::hop_line::{filter_command, hop, lines};
use tm_tests::http::{Asked, Say};
use tm_tests::providers::{Providers, cities, hops, ip_api, ipapi};
use tm_tests::{bare, mmdb, tool};

#[test]
fn all_hops_of_a_trace_are_asked_about_at_once() {
    let providers = Providers::new(ip_api, ipapi);
    let ips: Vec<_> = (1..=30).map(|n| format!("9.0.0.{n}")).collect();
    let ips: Vec<_> = ips.iter().map(String::as_str).collect();
    let (places, err) = providers.run(&[], &hops(&ips));
    assert!(places.iter().all(|place| place["source"] == "ip-api.com"), "{places:?}");
    assert_eq!(
        places[0],
        json!({
            "lat": 50.1109, "lon": 8.6821, "city": "Frankfurt am Main", "country": "Germany",
            "country_code": "DE", "source": "ip-api.com", "confidence": "medium", "score": 1.5,
            "evidence": [{"source": "ip-api.com", "says": "Frankfurt am Main, DE", "score": 1.5}]
        })
    );
    // One; more only where the machine is so busy that they come slowly.
    assert!(providers.asked().0 <= 3, "{:?}", providers.first.asked());
    assert_eq!(providers.asked().1, 0);
    let asked = &providers.first.asked()[0];
    assert!(asked.target.contains("fields=status,message,country,countryCode,"), "{asked:?}");
    assert!(!asked.target.contains("key"), "{asked:?}");
    assert_eq!(err.lines().count(), 1, "{err}");
    assert!(err.contains("not encrypted") && err.contains("ip-api.com"), "{err}");
}

#[test]
fn nothing_is_asked_twice_and_nothing_private_at_all() {
    let providers = Providers::new(ip_api, ipapi);
    let ips = ["9.0.0.1", "10.0.0.1", "9.9.0.1", "192.0.2.7", "fe80::1", "100.64.0.1", "9.0.0.1"];
    let all: Vec<_> = (0..200).map(|n| hop(1, ips[n % ips.len()], 1.0)).collect();
    for run in 0..2 {
        let (places, _) = providers.run(&[], &all);
        for (record, place) in all.iter().zip(places) {
            let ip = record["ip"].as_str().unwrap();
            let wanted = match ip {
                "9.0.0.1" => json!("Frankfurt am Main"),
                _ => Value::Null,
            };
            assert_eq!(place["city"], wanted, "run {run}, {ip}");
            assert_eq!(place.is_object(), ip.starts_with('9'), "run {run}, {ip}");
        }
    }
    let body = &providers.first.asked()[0].body;
    assert_eq!((providers.asked(), body.as_str()), ((1, 1), r#"["9.0.0.1","9.9.0.1"]"#));
    assert!(providers.second.asked()[0].target.starts_with("/9.9.0.1/"));
}

#[test]
fn behind_a_translator_the_ipv4_router_itself_is_asked_about() {
    let providers = Providers::new(ip_api, ipapi);
    let ips = ["64:ff9b::900:1", "9.0.0.1", "64:ff9b::10.0.0.1"];
    let (places, _) = providers.run(&[], &hops(&ips));
    let cities: Vec<&Value> = places.iter().map(|place| &place["city"]).collect();
    let frankfurt = json!("Frankfurt am Main");
    assert_eq!(cities, [&frankfurt, &frankfurt, &Value::Null]);
    assert_eq!(providers.asked(), (1, 0));
    assert!(providers.first.asked()[0].target.starts_with("/json/9.0.0.1?"));
}

#[test]
fn nothing_is_sent_where_that_is_forbidden() {
    let providers = Providers::new(ip_api, ipapi);
    for flag in ["--offline", "--no-api"] {
        let (places, err) = providers.run(&[flag], &hops(&["9.0.0.1"]));
        assert_eq!((&places[0], err.as_str()), (&Value::Null, ""));
    }
    assert_eq!(providers.asked(), (0, 0));
}

/// Packets that tm-geo sends, of any kind, in a network namespace of its own.
fn packets(home: &Path, args: &str) -> u64 {
    let script = format!(
        "ip link set lo up && ip route add default dev lo && {} {args} >/dev/null 2>&1
         sed -n 's/ *lo: *//p' /proc/net/dev | cut -d' ' -f1",
        tool("tm-geo").display()
    );
    std::fs::write(home.join("in.ndjson"), lines(&hops(&["9.0.0.1", "9.0.0.2"]))).unwrap();
    let mut command = bare("unshare");
    command.args(["-rn", "sh", "-c", &script]).current_dir(home);
    let output = command.env("HOME", home).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").output();
    let output = output.unwrap();
    String::from_utf8_lossy(&output.stdout).trim().parse().unwrap()
}

#[test]
fn not_a_single_packet_leaves_offline() {
    let home = tempfile::tempdir().unwrap();
    assert_eq!(packets(home.path(), "--offline in.ndjson"), 0);
    assert_eq!(packets(home.path(), "--no-api in.ndjson"), 0);
    // The counter counts.
    assert!(packets(home.path(), "--timeout 0.3 --ip-api-url http://127.0.0.1:9 in.ndjson") > 0);
}

#[test]
fn the_order_is_the_users() {
    let providers = Providers::new(ip_api, ipapi);
    let file = mmdb::write(
        providers.home.path(),
        "city.mmdb",
        "x",
        &[(
            "9.0.0.0/24",
            json!({"city": "Hamburg", "country": "DE", "lat": "53.55", "lng": "9.99"}),
        )],
    );
    let file = file.to_str().unwrap();
    let one = hops(&["9.0.0.1", "9.0.1.1"]);
    let fresh = |args: &[&str]| {
        let (places, _) = providers.run(&[args, &["--no-cache", "--mmdb", file]].concat(), &one);
        cities(&places).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(fresh(&[]), ["Hamburg", "Frankfurt am Main"], "what the database has is not asked");
    assert_eq!(providers.asked(), (1, 0));
    assert_eq!(fresh(&["--providers", "ipapi.co"]), ["Hamburg", "Munich"]);
    assert_eq!(fresh(&["--providers", "ipapi.co,ip-api.com", "--no-api"]), ["Hamburg", "-"]);
    let (places, _) = providers.run(&["--no-cache", "--mmdb", file, "--prefer", "api"], &one);
    let evidence = places[0].to_string();
    assert!(evidence.contains("ip-api.com") && evidence.contains("Hamburg"), "{evidence}");
}

/// Why a provider fails, and what it says.
type Case = (&'static str, Box<dyn Fn() -> Say + Send + Sync>);

#[test]
fn the_next_provider_steps_in_for_one_that_fails() {
    let dead = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let endless = || Say::Endless;
    let cases: Vec<Case> = vec![
        ("HTTP 503", Box::new(|| Say::status(503))),
        ("HTTP 403", Box::new(|| Say::status(403))),
        ("HTTP 302", Box::new(|| Say::status(302).with("Location", "http://127.0.0.1:1/"))),
        ("documented", Box::new(|| Say::Answer(200, vec![], "<html>".to_owned()))),
        ("documented", Box::new(|| Say::json(&json!({"message": "hello"})))),
        ("documented", Box::new(|| Say::json(&json!([[[]], 7, null])))),
        ("the connection broke", Box::new(|| Say::Raw(b"nonsense\r\n\r\n".to_vec()))),
        ("the connection broke", Box::new(|| Say::Raw(Vec::new()))),
        ("timeout", Box::new(|| Say::Nothing)),
        ("an endless answer", Box::new(endless)),
    ];
    for (why, say) in cases {
        let providers = Providers::new(move |_| say(), ipapi);
        let (places, _) = providers.run(&["--timeout", "0.5"], &hops(&["9.0.0.1", "9.0.0.2"]));
        assert_eq!(cities(&places), ["Munich", "Munich"], "{why}");
        assert_eq!(providers.asked(), (1, 2), "{why}: asked once, and left alone");
        // Alone, the failure is told, and not kept for 30 days.
        let (places, _) = providers.run(
            &["--providers", "ip-api.com", "--no-cache", "--timeout", "0.5"],
            &hops(&["9.0.0.3"]),
        );
        let error = places[0]["error"].as_str().unwrap();
        assert!(error.starts_with("ip-api.com: ") && error.contains(why), "{error}");
        assert_eq!(places[0]["source"], "ip-api.com");
    }
    let providers = Providers::new(ip_api, ipapi);
    let (places, _) = providers.run_at(&dead, &[], &hops(&["9.0.0.1"]));
    assert_eq!(cities(&places), ["Munich"]);
}

#[test]
fn certificates_are_asked_for_where_the_url_says_so() {
    let providers = Providers::new(ip_api, ipapi);
    let plain = providers.first.url().replace("http://", "https://");
    let (places, err) = providers.run_at(&plain, &[], &hops(&["9.0.0.1"]));
    assert_eq!(cities(&places), ["Munich"], "{err}");
    assert!(providers.first.asked().iter().all(|asked| !asked.method.is_ascii()), "{err}");
}

#[test]
fn a_busy_provider_is_left_alone_for_as_long_as_it_says() {
    for (say, seconds) in [
        (Say::status(429).with("X-Rl", "0").with("X-Ttl", "410"), "410"),
        (Say::status(429).with("Retry-After", "170"), "170"),
        (Say::status(429), "60"),
        (Say::status(429).with("Retry-After", "999999999"), "3600"),
        // A date is held against the server's own clock, whatever ours says.
        (
            Say::status(429)
                .with("Date", "Sun, 06 Nov 1994 08:49:37 GMT")
                .with("Retry-After", "Sunday, 06-Nov-94 08:55:00 GMT"),
            "323",
        ),
        (Say::status(429).with("Retry-After", "Fri, 31 Dec 9999 23:59:59 GMT"), "3600"),
        (Say::status(429).with("Retry-After", "next Tuesday"), "60"),
        (Say::status(503).with("Retry-After", "1200"), "1200"),
    ] {
        let why =
            if matches!(say, Say::Answer(503, ..)) { "HTTP 503" } else { "too many questions" };
        let providers = Providers::new(move |_| say.clone(), |_| Say::status(500));
        let (places, _) = providers.run(&[], &hops(&["9.0.0.1", "9.0.0.2"]));
        let wanted = format!("ip-api.com: {why}, more in {seconds} s; ipapi.co: HTTP 500");
        assert_eq!(places[0]["error"], wanted);
        assert_eq!(providers.asked().0, 1);
        // Another process knows, by way of the cache.
        let (places, _) = providers.run(&[], &hops(&["9.0.0.3"]));
        assert_eq!(providers.asked().0, 1, "{places:?}");
        assert!(places[0]["error"].as_str().unwrap().contains("more in "), "{places:?}");
    }
}

#[test]
fn a_provider_that_was_busy_is_asked_again_and_not_before_its_time() {
    // A date that is over is a second.
    let busy = || Say::status(429).with("Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT");
    let times = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&times);
    let say = move |asked: &Asked| {
        let mut times = noted.lock().unwrap();
        times.push(Instant::now());
        if times.len() == 1 { busy() } else { ip_api(asked) }
    };
    let providers = Providers::new(say, |_| Say::status(500));
    let found = (0..10_000).any(|_| {
        let (places, _) = providers.run(&[], &hops(&["9.0.0.1"]));
        places[0]["city"] == "Frankfurt am Main"
    });
    let times = times.lock().unwrap();
    assert!(found && times.len() == 2, "{times:?}");
    assert!(times[1] - times[0] >= Duration::from_secs(1), "{times:?}");
}

#[test]
fn what_is_left_by_the_providers_own_count_is_heeded() {
    let last = |asked: &Asked| ip_api(asked).with("X-Rl", "0").with("X-Ttl", "50");
    // The later header counts.
    let providers = Providers::new(
        move |asked| match last(asked) {
            Say::Answer(status, headers, body) => {
                let kept = headers.into_iter().rev();
                let mut once: Vec<(&'static str, String)> = Vec::new();
                for header in kept {
                    if once.iter().all(|(name, _)| *name != header.0) {
                        once.push(header);
                    }
                }
                Say::Answer(status, once, body)
            }
            other => other,
        },
        ipapi,
    );
    let (places, _) = providers.run(&[], &hops(&["9.0.0.1", "9.0.0.2"]));
    assert_eq!(cities(&places), ["Frankfurt am Main"; 2]);
    let (places, _) = providers.run(&[], &hops(&["9.0.0.3", "9.0.0.4"]));
    // The batches are used up; single questions are counted by themselves, and one is left.
    assert_eq!(cities(&places), ["Frankfurt am Main", "Munich"]);
    let (places, _) = providers.run(&[], &hops(&["9.0.0.5", "9.0.0.6"]));
    assert_eq!(cities(&places), ["Munich"; 2]);
    assert_eq!(providers.asked(), (2, 3));
}

#[test]
fn errors_of_ipapi_are_told_apart() {
    for (say, error) in [
        (json!({"error": true, "reason": "RateLimited", "message": "x"}), "too many questions"),
        (json!({"error": true, "reason": "\u{1b}[2J evil"}), "an error of its own"),
        (json!({"ip": "9.9.9.9", "city": "Elsewhere"}), "no answer about it"),
        (json!({}), "no such answer"),
    ] {
        let providers = Providers::new(ip_api, move |_| Say::json(&say));
        let (places, _) = providers.run(&["--providers", "ipapi.co"], &hops(&["9.0.0.1"]));
        assert!(places[0]["error"].as_str().unwrap().contains(error), "{places:?}");
    }
    let reserved = json!({"error": true, "reason": "Reserved IP Address", "reserved": true});
    let providers = Providers::new(ip_api, move |_| Say::json(&reserved));
    let (places, _) = providers.run(&["--providers", "ipapi.co"], &hops(&["9.0.0.1"]));
    assert_eq!(places[0], json!({"source": "ipapi.co"}));
}

#[test]
fn strangers_words_are_data() {
    let evil = "\u{1b}]0;x\u{7}\u{202e}<b>\"',\n".repeat(50);
    let say = json!({"status": "success", "query": "9.0.0.1", "city": evil, "country": evil,
        "countryCode": "DE", "regionName": evil, "lat": 50.1, "lon": 8.6});
    let providers = Providers::new(move |_| Say::json(&say), ipapi);
    let (places, err) = providers.run(&[], &hops(&["9.0.0.1"]));
    assert_eq!(places[0]["country"], "Germany");
    assert!(places[0]["city"].as_str().unwrap().chars().count() <= 100);
    assert_eq!(err.lines().count(), 1);
    for lat in [json!(0), json!("NaN"), json!(1e300)] {
        let say = json!({"status": "success", "query": "9.0.0.1", "city": "", "country": "",
            "countryCode": "", "lat": lat, "lon": 0});
        let providers = Providers::new(move |_| Say::json(&say), |_| Say::status(404));
        let (places, _) = providers.run(&[], &hops(&["9.0.0.1"]));
        assert_eq!((&places[0]["lat"], &places[0]["city"]), (&Value::Null, &Value::Null));
    }
}

#[test]
fn a_key_is_sent_and_never_shown() {
    let providers = Providers::new(ip_api, |_| Say::status(500));
    let run = |args: &[&str]| {
        let own = providers.args();
        let args: Vec<&str> = own.iter().map(String::as_str).chain(args.iter().copied()).collect();
        let mut child = filter_command("tm-geo", &args, providers.home.path())
            .env("TRACEMAP_GEO_IP_API_KEY", "s3cret&x")
            .env("TRACEMAP_GEO_IPAPI_KEY", "s3cret&y")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Where it only shows its help, nobody reads.
        let _ = child.stdin.take().unwrap().write_all(lines(&hops(&["9.0.0.1"])).as_bytes());
        let output = child.wait_with_output().unwrap();
        format!("{output:?}")
    };
    for args in [
        &["-vv", "--no-cache"][..],
        &["--providers", "ipapi.co", "-vv"],
        &["--help"],
        &["--origin", "x"],
    ] {
        let all = run(args);
        assert!(!all.contains("s3cret"), "{all}");
    }
    assert!(providers.first.asked()[0].target.ends_with("&key=s3cret%26x"));
    assert!(providers.second.asked()[0].target.ends_with("/json/?key=s3cret%26y"));
}

#[test]
fn no_hop_waits_for_a_dead_provider_twice() {
    let providers = Providers::new(|_| Say::Nothing, |_| Say::Nothing);
    let own = providers.args();
    let mut args: Vec<&str> = own.iter().map(String::as_str).collect();
    args.extend(["--timeout", "0.4"]);
    let mut child = filter_command("tm-geo", &args, providers.home.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
    for n in 1..=20 {
        stdin.write_all(lines(&[hop(1, &format!("9.0.1.{n}"), 1.0)]).as_bytes()).unwrap();
        let line = out.next().unwrap().unwrap();
        assert!(line.contains("ip-api.com: timeout; ipapi.co: timeout"), "{line}");
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
    assert_eq!(providers.asked(), (1, 1));
}

#[test]
fn a_provider_that_is_well_again_is_asked_again_while_the_stream_goes_on() {
    let times = AtomicUsize::new(0);
    let busy = move |asked: &Asked| match times.fetch_add(1, Ordering::Relaxed) {
        0 => Say::status(429).with("Retry-After", "1"),
        _ => ip_api(asked),
    };
    let providers = Providers::new(busy, ipapi);
    let own = providers.args();
    let mut args: Vec<&str> = own.iter().map(String::as_str).collect();
    args.extend(["--providers", "ip-api.com"]);
    let mut child = filter_command("tm-geo", &args, providers.home.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut found = false;
    for _ in 0..60 {
        stdin.write_all(lines(&[hop(1, "9.0.0.1", 1.0)]).as_bytes()).unwrap();
        let line = out.next().unwrap().unwrap();
        found = line.contains("Frankfurt");
        assert!(found || line.contains("too many questions"), "{line}");
        if found {
            break;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(found);
    assert_eq!(providers.asked(), (2, 0));
    drop(stdin);
    child.wait().unwrap();
}

#[test]
fn a_slow_provider_holds_nobody_but_those_that_wait_for_it() {
    let slow = |asked: &Asked| Say::Late(Duration::from_millis(1500), Box::new(ip_api(asked)));
    let providers = Providers::new(slow, ipapi);
    let own = providers.args();
    let args: Vec<&str> = own.iter().map(String::as_str).collect();
    let mut child = filter_command("tm-geo", &args, providers.home.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
    for n in 1..=10 {
        stdin.write_all(lines(&[hop(n, &format!("9.0.0.{n}"), 1.0)]).as_bytes()).unwrap();
        std::thread::sleep(Duration::from_millis(20));
    }
    for _ in 0..10 {
        assert!(out.next().unwrap().unwrap().contains("Frankfurt"));
    }
    // Those that came while the first question was out went together in the second.
    assert_eq!(providers.asked(), (2, 0), "{:?}", providers.first.asked());
    stdin.write_all(lines(&[hop(1, "9.0.0.1", 1.0)]).as_bytes()).unwrap();
    assert!(out.next().unwrap().unwrap().contains("Frankfurt"));
    assert_eq!(providers.asked(), (2, 0), "what is known is not asked again");
    drop(stdin);
    child.wait().unwrap();
}
