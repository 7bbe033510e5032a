//! Makes the Rust types of the Protobuf format from `proto/client.proto`.

use std::error::Error;

const FILE: &str = "client.proto";
const FOLDER: &str = "proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={FOLDER}/{FILE}");
    let files = protox::compile([FILE], [FOLDER])?;
    prost_build::Config::new()
        // Application data stays a part of the frame that it came in until it is checked.
        .bytes(["."])
        .compile_fds(files)?;
    Ok(())
}
