//! The traceroute engine: probes leave, answers are matched to them, hops are settled.
//!
//! - [`packet`]: octets on the wire, pure.
//! - [`trace`]: one trace as a state machine, pure; [`paths`]: the discovery of every path, too.
//! - [`methods`]: what this process may do, and the sockets for it.
//! - [`Engine`]: the event loop that joins them; it owns clocks, pace and sockets.

mod active;
pub mod bulk;
mod engine;
pub mod methods;
mod net;
mod options;
mod pace;
pub mod packet;
pub mod paths;
mod record;
mod strategy;
mod target;
pub mod trace;
mod wake;

pub use engine::{Engine, Sink};
pub use options::Options;
pub use strategy::Strategy;
pub use target::{Address, Family, Lookup, Target};
pub use wake::Waker;
