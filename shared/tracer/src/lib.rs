//! The traceroute engine: probes leave, answers are matched to them, hops are settled.
//!
//! - [`packet`]: octets on the wire, pure.
//! - [`trace`]: one trace as a state machine, pure.
//! - [`methods`]: what this process may do, and the sockets for it.
//! - [`Engine`]: the event loop that joins them; it owns clocks, pace and sockets.

mod active;
mod engine;
pub mod methods;
mod net;
mod options;
mod pace;
pub mod packet;
mod record;
mod target;
pub mod trace;
mod wake;

pub use engine::{Engine, Sink};
pub use options::Options;
pub use target::{Address, Family, Lookup, Target};
pub use wake::Waker;
