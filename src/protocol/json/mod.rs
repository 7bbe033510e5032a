//! The JSON form of the Centrifuge client protocol: text frames, one message a line.

mod decode;
mod encode;
mod envelope;
mod text;

pub(super) use decode::decode_first;
pub(super) use encode::write;

#[cfg(test)]
mod decode_tests;
#[cfg(test)]
mod encode_tests;
#[cfg(test)]
mod properties;
