//! Pure analysis over traceroute hops: no input or output, no clock.

pub mod anycast;
pub mod confidence;
pub mod country;
pub mod delay;
pub mod detour;
pub mod geohint;
pub mod loss;
pub mod physics;
pub mod special;
pub mod sphere;
