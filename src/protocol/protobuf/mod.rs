//! The Protobuf form of the Centrifuge client protocol: binary frames, each message behind its
//! length.
//!
//! The types of the wire are made from `proto/client.proto`; they live only between the bytes and
//! the types that the session knows. Fields that the definition does not have are skipped.

mod decode;
mod encode;

/// The messages of `proto/client.proto`.
pub(super) mod wire {
    #![allow(
        missing_docs,
        unreachable_pub,
        reason = "generated; the definition is the documentation"
    )]
    include!(concat!(env!("OUT_DIR"), "/client.rs"));
}

pub(super) use decode::decode_first;
pub use encode::encode;

#[cfg(test)]
mod decode_tests;
#[cfg(test)]
mod encode_tests;
