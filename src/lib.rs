//! Gatepost: a real-time gateway. The modules, in the order in which a connection meets them.
#![forbid(unsafe_code)]

pub mod clock;
