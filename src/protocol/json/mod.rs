//! The JSON form of the Centrifuge client protocol: text frames, one message a line.

mod decode;
mod encode;
mod envelope;
mod text;

pub use decode::{Decoder, decode};
pub use encode::encode;

#[cfg(test)]
mod decode_tests;
#[cfg(test)]
mod encode_tests;
#[cfg(test)]
mod properties;
