//! What each command does, one file each.

mod connect;
mod history;
mod presence;
mod publish;
mod subscribe;
mod unsubscribe;
