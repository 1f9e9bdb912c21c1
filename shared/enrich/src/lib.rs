//! The one engine behind tm-dns, tm-asn and tm-geo: hop records in, the same records with one
//! more member out, in order, while look-ups run side by side. What to look up, and where, is the
//! tools' own.
//!
//! - [`tool`]: a tool as a whole.
//! - [`filter`]: the loop, and the [`Enricher`] that a tool supplies.
//! - [`hop`]: what a filter sees of a line.
//! - [`answers`]: how look-ups on another thread report back.
//! - [`due`]: when an answer is asked for again.
//! - [`memory`]: answers of this run, in bounded space (of tm-stream).
//! - [`store`]: answers of other runs, in the shared cache.
//! - [`database`]: MaxMind DB files of any vendor.
//! - [`choice`]: which databases a run uses, and what becomes of one that cannot be used.
//! - [`check`]: whether databases and DNS servers are as they should be.
//! - [`resolver`]: DNS, with an eye on resolvers and zones (`zones`) that are slow or dead.

pub mod answers;
pub mod check;
pub mod choice;
pub mod database;
pub mod due;
pub mod filter;
pub mod flags;
pub mod hop;
pub mod resolver;
pub mod store;
pub mod tool;
mod zones;

pub use answers::{Answers, Desk};
pub use filter::Enricher;
pub use hop::Hop;
pub use tm_stream::memory;
