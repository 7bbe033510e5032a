//! `gatepost dev` as a process of its own.

use std::process::{Command, Stdio};
use std::sync::Arc;

use tempfile::TempDir;

use super::{Gateway, addresses, trusting};

impl Gateway {
    /// The development mode, on an address of its own, with a new state.
    pub fn dev() -> Gateway {
        let folder = TempDir::new().unwrap();
        let state = folder.path().join("state");
        let [.., a, b] = rand::random::<u32>().to_be_bytes();
        let address = format!("127.77.{a}.{b}:8443");
        let mut child = Command::new(env!("CARGO_BIN_EXE_gatepost"))
            .args(["dev", "--listen", &address, "--state"])
            .arg(&state)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::default();
        let (public, admin) = addresses(child.stderr.take().unwrap(), &log);
        let pem = std::fs::read(state.join("localhost.pem")).unwrap();
        let certificate = rustls_pemfile::certs(&mut pem.as_slice()).next().unwrap();
        Gateway {
            child,
            public,
            admin,
            tls: trusting(&[&certificate.unwrap()]),
            folder,
            log,
        }
    }
}
