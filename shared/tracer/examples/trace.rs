//! Traces one address over UDP and prints its records.
//!
//!     cargo run -p tm-tracer --example trace -- 127.0.0.1

use std::io::{self, Write};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc;

use tm_tracer::methods::Way;
use tm_tracer::{Engine, Lookup, Options, Sink, Target, Waker};

struct Print(io::Stdout);

impl Sink for Print {
    fn record(&mut self, record: &tm_schema::Record) -> io::Result<()> {
        serde_json::to_writer(&mut self.0, record)?;
        self.0.write_all(b"\n")
    }

    fn idle(&mut self) -> io::Result<()> {
        self.0.flush()
    }

    fn opened(&mut self, _: bool, _: Way) {}

    fn failed(&mut self, message: &str) {
        let _ = writeln!(io::stderr(), "{message}");
    }
}

fn main() -> io::Result<()> {
    let host = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1".to_owned());
    let (sender, targets) = mpsc::sync_channel(1);
    let _ = sender.send(Target::resolve(&host, Lookup::default()));
    drop(sender);
    let mut print = Print(io::stdout());
    let options = Options {
        unprivileged: std::env::var_os("UNPRIV").is_some(),
        protocol: match std::env::var("PROTO").as_deref() {
            Ok("icmp") => tm_schema::Protocol::Icmp,
            Ok("tcp") => tm_schema::Protocol::Tcp,
            _ => tm_schema::Protocol::Udp,
        },
        ..Options::default()
    };
    Engine::new(options, Waker::new()?, &mut print)?.run(&targets, &AtomicBool::new(false))
}
