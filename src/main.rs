//! The program: reads the command line and hands over.
#![forbid(unsafe_code)]

use std::process::ExitCode;

/// A delivery and an admission allocate a dozen times each, and what one thread allocates another
/// often frees: that of the C library costs 5 to 12 % of all CPU more.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    gatepost::cli::main()
}
