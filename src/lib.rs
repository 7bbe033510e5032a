//! Gatepost: a real-time gateway that verifies the JWT during the WebSocket upgrade.
//!
//! The modules in the order in which a connection meets them; none calls back to the one before:
//!
//! - [`edge`]: TCP, TLS, HTTP and the upgrade, with all that may be refused before a 101
//! - [`identity`]: where the token is, and whether it proves who is there
//! - [`session`]: everything of one user on this node; commands, permissions, the outbox
//! - [`engine`]: keeps publications, history and presence
//! - [`hub`]: who is subscribed on this node; hands each event to them
//!
//! [`backend`] is what the team's own service may ask of the node, [`fetch`] how Gatepost asks
//! others over HTTPS. Beside them stand [`policy`] and [`protocol`], which are pure functions over
//! data, and around them [`config`], [`cli`], [`dev`] and [`telemetry`]. [`clock`], [`limits`],
//! [`rate`], `turns` and `small_file` are small things that several of them use.
#![forbid(unsafe_code)]
#![warn(clippy::expect_used, clippy::unwrap_used)]

pub mod backend;
pub mod cli;
pub mod clock;
pub mod config;
pub mod dev;
pub mod edge;
pub mod engine;
pub mod fetch;
pub mod hub;
pub mod identity;
pub mod limits;
pub mod policy;
pub mod protocol;
pub mod rate;
pub mod session;
mod small_file;
pub mod telemetry;
mod turns;
