//! The traceroute engine: probes leave, answers are matched to them, hops are settled.
//!
//! - [`packet`]: octets on the wire, pure.
//! - [`trace`]: one trace as a state machine, pure; [`paths`]: the discovery of every path, and
//!   [`mtu`]: how large datagrams may be, and [`doubletree`]: one path without what is known of it.
//! - [`driving`]: these without a network, for simulators and tests.
//! - [`methods`]: what this process may do, and the sockets for it; [`privilege`]: giving up what
//!   it need not be able to do.
//! - [`Engine`]: the event loop that joins them; it owns clocks, pace and sockets.
//!
//! It needs Linux, and no privileges: without `CAP_NET_RAW` it probes through error queues and ping
//! sockets. Findings go to a [`Sink`] as the records of `tm-schema`, hop by hop, while the trace runs.
//! Names, origins and places of responders are not looked up here.
//!
//! Tracing a host and printing hop, address and RTT:
//!
//! ```
//! use std::io;
//! use std::sync::{atomic::AtomicBool, mpsc};
//!
//! use tm_schema::Record;
//! use tm_tracer::methods::Way;
//! use tm_tracer::{Engine, Lookup, Options, Sink, Target, Waker};
//!
//! #[derive(Default)]
//! struct Path(Vec<String>);
//!
//! impl Sink for Path {
//!     fn record(&mut self, record: &Record) -> io::Result<()> {
//!         let Record::Hop(hop) = record else { return Ok(()) };
//!         let ip = hop.ip.as_deref().unwrap_or("*");
//!         let rtt = hop.rtt.map_or("-".to_owned(), |rtt| format!("{:.2} ms", rtt.min));
//!         self.0.push(format!("{:2} {ip:15} {rtt}", hop.hop));
//!         Ok(())
//!     }
//!     fn idle(&mut self) -> io::Result<()> {
//!         Ok(())
//!     }
//!     fn opened(&mut self, _v6: bool, _way: Way) {}
//!     fn failed(&mut self, message: &str) {
//!         self.0.push(message.to_owned());
//!     }
//! }
//!
//! // Targets come through a channel, any number of them, while others are being traced.
//! let (sender, targets) = mpsc::sync_channel(1);
//! sender.send(Target::resolve("127.0.0.1", Lookup::default())).ok();
//! drop(sender);
//! let mut path = Path::default();
//! Engine::new(Options::default(), Waker::new()?, &mut path)?
//!     .run(&targets, &AtomicBool::new(false))?;
//! println!("{}", path.0.join("\n"));
//! assert!(path.0[0].starts_with(" 1 127.0.0.1"));
//! # Ok::<(), io::Error>(())
//! ```
//!
//! It follows semantic versioning, where before 1.0 a change that breaks callers raises the minor
//! version. The oldest Rust that it builds with is stated in `Cargo.toml`.

mod active;
pub mod bulk;
pub mod doubletree;
pub mod driving;
mod engine;
mod ledger;
pub mod methods;
pub mod mtu;
mod net;
mod options;
mod pace;
pub mod packet;
pub mod paths;
pub mod privilege;
mod record;
pub mod stop_set;
mod strategy;
mod target;
pub mod trace;
mod wake;

pub use engine::{Engine, Sink};
pub use ledger::Ledger;
pub use options::{Options, Spread};
pub use strategy::{Strategy, Unsent};
pub use target::{Address, Family, Lookup, Target};
pub use wake::Waker;

/// What must hold of any input: `tests/fuzz` calls it.
#[cfg(fuzzing)]
pub mod checks {
    /// What a bulk run reads back.
    pub fn bulk(octets: &[u8]) {
        crate::bulk::check(octets);
    }

    /// Stop sets, hosts files, addresses and prefixes.
    pub fn lists(text: &str) {
        crate::stop_set::check(text);
        crate::target::check(text);
        crate::bulk::check_list(text);
    }
}
