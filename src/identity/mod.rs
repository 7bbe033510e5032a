//! Who is there: from an upgrade request to an [`Identity`], or a [`Refusal`].
//!
//! Stands between `edge`, which has read an HTTP request, and `session`, which is given an
//! identity and nothing less. In the order in which a request meets them: [`origin`] (may pages of
//! this site connect), [`token`] and [`subprotocol`] (where the token is), [`tickets`] (what stands
//! in its place), [`Verifier`] (is it good, and what does it say), [`revocations`] (is it still);
//! [`Door`] calls them, and [`refusal`] is what they answer otherwise.
//!
//! This module must never make an identity from anything but a token that it verified, or the
//! claims that it kept of one; take an algorithm or a key from a token, print a token or more of one
//! than its `iss` and `kid`, or look at the machine's clock.

mod algorithm;
mod claims;
mod door;
mod grants;
mod header;
#[allow(
    clippy::module_inception,
    reason = "the file is named for the type that it holds"
)]
mod identity;
mod issuer;
mod json;
mod keys;
mod known;
pub mod origin;
mod pem;
pub mod refusal;
pub mod revocations;
pub mod subprotocol;
mod subscription;
pub mod tickets;
pub mod token;
mod trust;
mod unverified;
mod verifier;

#[cfg(test)]
pub(crate) mod testing;

pub use algorithm::{Algorithm, AlgorithmFault};
pub use door::{Admitted, Door};
pub use grants::{Extras, ServerSubscription};
pub use identity::Identity;
pub use issuer::{Audience, IssuerFault, IssuerSettings, Purpose, issuer_faults};
pub use keys::{KeyKind, KeySource, KeysAt, KeysReport, RemoteKeys, SecretBytes};
pub use known::{GrantsUnclear, KnownIssuer, KnownIssuers};
pub use origin::{OriginFault, Origins};
pub use refusal::Refusal;
pub use revocations::{RevocationSettings, Revocations};
pub use subprotocol::{Offer, PROTOBUF_PROTOCOL};
pub use subscription::{SubscriptionFault, VerifiedSubscription};
pub use tickets::{Ticket, TicketStore, Tickets};
pub use token::{Credential, Sources, Token, TokenSource};
pub use trust::IssuerTrust;
pub use unverified::{SaidSigner, unverified_claims};
pub use verifier::{MAX_PAYLOAD_BYTES, Published, Verifier};
