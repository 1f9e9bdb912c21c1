//! Pure analysis over traceroute hops: no input or output, no clock. What hops look like on the
//! wire or in a file is not here; most of it works on plain numbers, addresses and names.
//!
//! - What the network did: [`delay`], [`loss`], [`shift`], [`mod@median`], [`proportion`], [`baseline`].
//! - Which way it went: [`route`], [`align`], [`as_path`].
//! - Where routers stand: [`geohint`], [`physics`], [`confidence`], [`anycast`], [`country`],
//!   [`detour`], [`sphere`].
//! - What addresses are: [`special`]; what replies suggest: [`hint`].
//!
//! ```
//! use tm_path::{delay, geohint, loss, special};
//!
//! // Smallest RTTs and losses of four hops; the second answers slowly and seldom.
//! let rtts = [Some(1.0), Some(40.0), Some(9.0), Some(81.0)];
//! assert_eq!(delay::longest_step(&rtts), Some((3, 72.0)));
//! let losses = [Some(0.0), Some(60.0), Some(0.0), Some(0.0)];
//! assert_eq!(loss::is_rate_limiting(&losses), [false, true, false, false]);
//!
//! let hints = geohint::read("ae-1.r20.londen12.uk.bb.gin.ntt.net");
//! assert_eq!(hints[0].city.name, "London");
//!
//! assert!(special::is_private("100.64.0.1".parse()?), "shared address space of carriers");
//! # Ok::<(), std::net::AddrParseError>(())
//! ```
//!
//! It follows semantic versioning, where before 1.0 a change that breaks callers raises the minor
//! version. Thresholds and tables of places may change with any version. The oldest Rust that it
//! builds with is stated in `Cargo.toml`.

pub mod align;
pub mod anycast;
pub mod as_path;
pub mod baseline;
pub mod confidence;
pub mod country;
pub mod delay;
pub mod detour;
pub mod geohint;
pub mod hint;
pub mod loss;
pub mod median;
pub mod physics;
pub mod proportion;
pub mod route;
pub mod shift;
pub mod special;
pub mod sphere;
