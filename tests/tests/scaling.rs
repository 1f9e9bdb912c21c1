//! docs/scaling.md and docs/spark.md, followed to the letter: shares of an archive on several cores,
//! vantage points over ssh and NATS, and Apache Spark (`make scale`).

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;
use tm_tests::docs::{Page, Wrong};
use tm_tests::exporting::{pipe, read_by};
use tm_tests::foreign::{Server, debian, python};
use tm_tests::{mmdb, tool};

const NATS: [&str; 1] = ["nats-py==2.16.0"];
const SPARK: [&str; 3] = ["pyspark==4.1.4", "duckdb==2.0.1", "chdb==4.4.0"];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn script(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The examples, databases, an hour of RIPE Atlas, and a Python with packages.
fn fill(folder: &Path, packages: &[&str]) {
    let root = repository();
    for example in ["enrich.sh", "records_nats.py", "spark_enrich.py"] {
        fs::copy(root.join("docs/examples").join(example), folder.join(example)).unwrap();
    }
    let table = folder.join("table.dat");
    let prefixes = (1..10).map(|net| format!("{net}.0.0.0/8\t{net}00\n"));
    fs::write(&table, prefixes.collect::<String>()).unwrap();
    let args = ["build", table.to_str().unwrap(), "-o", "asn.mmdb"];
    assert!(
        Command::new(tool("tm-asn")).args(args).current_dir(folder).status().unwrap().success()
    );
    let place = |city: &str, code: &str, lat: f64, lon: f64| {
        json!({"city": {"names": {"en": city}}, "country": {"iso_code": code},
            "location": {"latitude": lat, "longitude": lon, "accuracy_radius": 20}})
    };
    let places = [
        ("1.0.0.0/8", place("Oslo", "NO", 59.91, 10.75)),
        ("2.0.0.0/8", place("Hamburg", "DE", 53.55, 9.99)),
        ("4.0.0.0/8", place("London", "GB", 51.51, -0.13)),
        ("7.0.0.0/8", place("Sydney", "AU", -33.87, 151.21)),
    ];
    mmdb::write(folder, "places.mmdb", "GeoLite2-City", &places);
    let archive = r#"python3 "$0" 200 | bzip2 > traceroute-2026-11-25T1000.bz2"#;
    let generator = root.join("tests/bench/archive.py");
    let mut make = Command::new("sh");
    make.args(["-c", archive]).arg(generator).current_dir(folder);
    assert!(make.status().unwrap().success());
    let bin = python(packages).parent().unwrap().to_owned();
    for program in ["python3", "spark-submit"] {
        let path = format!("PATH='{0}':\"$PATH\" exec '{0}/{program}' \"$@\"", bin.display());
        script(&folder.join(program), &path);
    }
}

fn follow(page: Result<usize, Wrong>) {
    match page {
        Ok(ran) => assert!(ran > 0, "it has no blocks"),
        Err(wrong) => panic!("{wrong}"),
    }
}

/// Two vantage points behind one sshd on loopback, each in an internet of its own; `ssh` finds
/// them by their names.
fn vantages(folder: &Path) -> Server {
    let root = debian(&["openssh-server", "libwrap0"]);
    let home = folder.join("vantages");
    let (at, user) = (home.display().to_string(), read_by("id", &["-un"], ""));
    fs::create_dir(&home).unwrap();
    for key in ["host", "user"] {
        let path = home.join(key);
        read_by("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", path.to_str().unwrap()], "");
    }
    let internet =
        fs::read_to_string(repository().join("tests/lab/topologies/public.toml")).unwrap();
    fs::write(home.join("oslo.toml"), &internet).unwrap();
    assert!(internet.contains("192.168.1.1"));
    fs::write(home.join("bergen.toml"), internet.replace("192.168.1.1", "192.168.7.1")).unwrap();
    let (sim, probe) = (tool("tm-sim"), tool("tm-probe"));
    script(
        &home.join("bin/tm-probe"),
        &format!("exec {} '{at}'/$VANTAGE.toml -- {} \"$@\"", sim.display(), probe.display()),
    );
    let library = root.join("usr/lib/x86_64-linux-gnu");
    let library = format!("{}:{}", library.display(), root.join("lib/x86_64-linux-gnu").display());
    let sshd = root.join("usr/sbin/sshd");
    let config = home.join("sshd_config");
    // What sshd wants of the system where it may change users: a user and a folder of its own.
    let passwd = fs::read_to_string("/etc/passwd").unwrap();
    let own = "sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin\n";
    fs::write(home.join("passwd"), passwd + own).unwrap();
    let start = r#"
        if [ "$(id -u)" = 0 ]; then
            mount --bind "$1/passwd" /etc/passwd
            mount -t tmpfs none /run && mkdir -m 755 /run/sshd
        fi
        exec "$0" -D -e -f "$1/sshd_config" 2> "$1/log""#;
    let server = Server::start(|port| {
        let lines = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {at}/host\nAuthorizedKeysFile {at}/user.pub\n\
             StrictModes no\nUsePAM no\nPidFile none\nPermitRootLogin prohibit-password\n\
             PasswordAuthentication no\nAcceptEnv VANTAGE\nSetEnv PATH={at}/bin:/usr/bin:/bin\n"
        );
        fs::write(&config, lines).unwrap();
        let is_root = read_by("id", &["-u"], "").trim() == "0";
        let mut command = Command::new(if is_root { "unshare" } else { "env" });
        command.args(is_root.then_some("-m")).args(["sh", "-ec", start]).arg(&sshd).arg(&home);
        command.env("LD_LIBRARY_PATH", &library).stdin(Stdio::null());
        command
    });
    let port = server.port;
    let key = fs::read_to_string(home.join("host.pub")).unwrap();
    fs::write(home.join("known"), format!("[127.0.0.1]:{port} {key}")).unwrap();
    let hosts = format!(
        "Host oslo\n  SetEnv VANTAGE=oslo\nHost bergen\n  SetEnv VANTAGE=bergen\n\
         Host *\n  HostName 127.0.0.1\n  Port {port}\n  User {user}  IdentityFile {at}/user\n  \
         IdentitiesOnly yes\n  UserKnownHostsFile {at}/known\n  BatchMode yes\n"
    );
    fs::write(home.join("ssh_config"), hosts).unwrap();
    let ssh = read_by("sh", &["-c", "command -v ssh"], "");
    script(&folder.join("ssh"), &format!("exec {} -F '{at}/ssh_config' \"$@\"", ssh.trim()));
    server
}

fn broker(folder: &Path) -> Server {
    let program = debian(&["nats-server"]).join("usr/sbin/nats-server");
    Server::start(|port| {
        let mut command = Command::new(&program);
        command.args(["-a", "127.0.0.1", "-p", &port.to_string(), "-js", "-sd"]);
        command.arg(folder.join("jetstream")).stdin(Stdio::null()).stderr(Stdio::null());
        command
    })
}

#[test]
fn shares_of_an_archive_and_vantage_points_become_one_stream() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), &NATS);
    let _sshd = vantages(folder.path());
    let broker = broker(folder.path());
    let url = format!("nats://127.0.0.1:{}", broker.port);
    follow(Page::open("docs/scaling.md", folder.path()).with("NATS_URL", &url).run());
}

#[test]
fn a_vantage_point_probes_no_longer_than_its_ssh() {
    let folder = tempfile::tempdir().unwrap();
    let _sshd = vantages(folder.path());
    let probe = ["-n", "oslo", "tm-probe", "--interval", "0.2", "9.9.9.9"];
    let mut command = Command::new(folder.path().join("ssh"));
    let mut ssh = command.args(probe).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    // Open till the end: ssh would go on its next record, were nobody there to read it.
    let mut records = BufReader::new(ssh.stdout.take().unwrap());
    records.read_line(&mut line).unwrap();
    assert!(line.contains(r#""ip":"192.168.1.1""#), "{line}");
    let internet = folder.path().join("vantages/oslo.toml").display().to_string();
    let is_probing =
        || Command::new("pgrep").args(["-f", &internet]).output().unwrap().status.success();
    assert!(is_probing());
    ssh.kill().unwrap();
    ssh.wait().unwrap();
    let ended = (0..100).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        !is_probing()
    });
    assert!(ended, "tm-probe goes on");
}

#[test]
fn the_mapper_fails_where_a_stage_or_a_database_does_and_not_on_an_empty_share() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), &NATS);
    let page = Page::open("docs/scaling.md", folder.path());
    let mapper = folder.path().join("enrich.sh").display().to_string();
    let map = |args: &[&str], database: &str, input: &str| {
        pipe(page.command(&mapper, args).env("GEO_DB", database), input)
    };
    let places = folder.path().join("places.mmdb").display().to_string();
    let empty = map(&["ripe-atlas"], &places, "");
    assert_eq!((empty.status.code(), empty.stdout.len()), (Some(0), 0), "{empty:?}");
    let line = r#"{"type":"hop","v":1,"trace_id":"t","hop":2,"ip":"7.1.2.3"}"#;
    let good = map(&[], &places, line);
    let text = String::from_utf8(good.stdout).unwrap();
    assert!(good.status.success() && text.contains(r#""city":"Sydney""#), "{text}");
    let missing = map(&[], "/nonexistent.mmdb", line);
    let told = String::from_utf8(missing.stderr).unwrap();
    assert_eq!((missing.status.code(), missing.stdout.len()), (Some(2), 0), "{told}");
    assert!(told.contains("cannot read /nonexistent.mmdb"), "{told}");
    let wrong = map(&["ripe-atlas"], &places, "no result\n");
    assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");
}

#[test]
fn without_a_broker_a_publisher_says_so_in_a_line() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), &NATS);
    let page = Page::open("docs/scaling.md", folder.path());
    let program = folder.path().join("records_nats.py").display().to_string();
    let mut command = page.command(&program, &["publish", "trace.oslo"]);
    let output = pipe(command.env("NATS_URL", "nats://127.0.0.1:9"), "{}\n");
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.starts_with("records_nats.py: ") && told.lines().count() == 1, "{told}");
}

#[test]
#[ignore = "fetches PySpark, and takes minutes: make scale"]
fn spark_makes_the_records_of_one_process() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), &SPARK);
    let page = Page::open("docs/spark.md", folder.path()).with("SPARK_LOCAL_IP", "127.0.0.1");
    let followed = page.run();
    // Executors of a local cluster leave what they unpacked beside PySpark.
    let find = "import pyspark; print(pyspark.__path__[0])";
    let spark = read_by(python(&SPARK).to_str().unwrap(), &["-c", find], "");
    drop(fs::remove_dir_all(Path::new(spark.trim()).join("work")));
    follow(followed);
}
