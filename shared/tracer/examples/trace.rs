//! Traces hosts over UDP and prints hop, address and RTT.
//!
//!     cargo run -p tm-tracer --example trace -- example.com

use std::io::{self, Write};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc;

use tm_schema::Record;
use tm_tracer::methods::Way;
use tm_tracer::{Engine, Lookup, Options, Sink, Target, Waker};

struct Print(io::Stdout);

impl Sink for Print {
    fn record(&mut self, record: &Record) -> io::Result<()> {
        match record {
            Record::Hop(hop) => {
                let ip = hop.ip.as_deref().unwrap_or("*");
                let rtt = hop.rtt.map_or("-".to_owned(), |rtt| format!("{:.2} ms", rtt.min));
                writeln!(self.0, "{:2}  {ip:15}  {rtt}", hop.hop)
            }
            Record::Trace(trace) => {
                let how = if trace.reached { "reached" } else { "not reached" };
                writeln!(self.0, "{} {how}", trace.host)
            }
            _ => Ok(()),
        }
    }

    fn idle(&mut self) -> io::Result<()> {
        self.0.flush()
    }

    fn opened(&mut self, _v6: bool, _way: Way) {}

    fn failed(&mut self, message: &str) {
        let _ = writeln!(io::stderr(), "{message}");
    }
}

fn main() -> io::Result<()> {
    let hosts: Vec<String> = std::env::args().skip(1).collect();
    let (sender, targets) = mpsc::sync_channel(hosts.len());
    for host in hosts {
        let _ = sender.send(Target::resolve(&host, Lookup::default())); // it has room
    }
    drop(sender);
    let mut print = Print(io::stdout());
    let options = Options::default();
    Engine::new(options, Waker::new()?, &mut print)?.run(&targets, &AtomicBool::new(false))
}
