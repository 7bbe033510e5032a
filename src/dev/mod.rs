//! Development mode's own part: a toy auth service, and the folder in which it keeps its keys.
//!
//! `gatepost dev` goes through the same door, rules and code as `serve`; what stands here only
//! makes it possible to do so with nothing configured. Nothing in `serve` may reach for it, and
//! what it signs opens no door but that of `dev`: a config that names [`ISSUER`] is refused.

mod certificate;
mod folder;
mod issuer;
mod signer;
mod site;
mod state;

pub use issuer::{AUDIENCE, ISSUER, LoginFault, ToyIssuer};
pub use signer::{SignFault, SignerFault, TokenSigner};
pub use site::DevSite;
pub use state::{
    DEFAULT_STATE_DIR, DevState, StateFault, api_key_path, certificate_path, open_issuer,
};
