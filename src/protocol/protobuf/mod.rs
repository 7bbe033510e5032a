//! The Protobuf form of the Centrifuge client protocol: binary frames, each message behind its
//! length.
//!
//! What comes is read by types made from `proto/client.proto`, which live only between the bytes and
//! the types that the session knows; fields that the definition does not have are skipped. What goes
//! out is written without them, and read by them in the tests.

mod decode;
mod encode;
mod writer;

/// The messages of `proto/client.proto`.
pub(super) mod wire {
    #![allow(
        dead_code,
        missing_docs,
        unreachable_pub,
        reason = "generated, the definition is the documentation; replies are read by tests alone"
    )]
    include!(concat!(env!("OUT_DIR"), "/client.rs"));
}

pub(super) use decode::decode_first;
pub(super) use encode::write;

#[cfg(test)]
mod decode_tests;
#[cfg(test)]
mod encode_tests;
