//! Pure analysis over traceroute hops: no input or output, no clock.

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
