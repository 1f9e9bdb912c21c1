//! The traceroute engine: probes leave, answers are matched to them, hops are settled.
//!
//! - [`packet`]: octets on the wire, pure.
//! - [`trace`]: one trace as a state machine, pure; [`paths`]: the discovery of every path, and
//!   [`mtu`]: how large datagrams may be, and [`doubletree`]: one path without what is known of it.
//! - [`methods`]: what this process may do, and the sockets for it; [`privilege`]: giving up what
//!   it need not be able to do.
//! - [`Engine`]: the event loop that joins them; it owns clocks, pace and sockets.

mod active;
pub mod bulk;
pub mod doubletree;
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
pub use options::Options;
pub use strategy::Strategy;
pub use target::{Address, Family, Lookup, Target};
pub use wake::Waker;
