//! Bytes on the wire: probes are built here, and answers are read. No sockets, no clock.

pub mod build;
pub mod extension;
pub mod identity;
pub mod parse;
pub mod shape;
