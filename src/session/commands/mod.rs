//! What each command does, one file each.

mod connect;
mod history;
mod presence;
mod publish;
mod refresh;
mod server_side;
mod sub_refresh;
mod subscribe;
mod unsubscribe;

/// What the client is told of the server.
const VERSION: &str = concat!("Gatepost ", env!("CARGO_PKG_VERSION"));
