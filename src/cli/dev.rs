//! `gatepost dev`: the gateway, the demo chat and a toy issuer, with nothing to configure.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use secrecy::ExposeSecret as _;

use super::serve;
use crate::clock::Clock;
use crate::config::{CertificateFiles, Config, Overrides};
use crate::dev::{AUDIENCE, DEFAULT_STATE_DIR, DevSite, DevState, ISSUER};
use crate::identity::{Algorithm, Audience, IssuerSettings, KeySource};

/// Run the gateway for development, with a demo and a toy issuer, on loopback
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Example:
  gatepost dev --listen 127.0.0.1:8443

Makes a certificate and an issuer's key in the state folder, serves the demo chat, and signs a
token for anybody who asks: POST /dev/login {\"user\":\"alice\"}. Never for production.")]
pub(super) struct DevArgs {
    /// The address, which must be a loopback address
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8443",
        value_parser = loopback
    )]
    listen: SocketAddr,

    /// The folder for the certificate and the issuer's key
    #[arg(long, value_name = "DIR", default_value = DEFAULT_STATE_DIR)]
    state: PathBuf,
}

/// The rules of the demo.
const RULES: &str = include_str!("../../config/dev.toml");
/// The admin listener is so many ports above.
const ADMIN_PORT_OFFSET: u16 = 1000;

pub(super) fn run(args: &DevArgs) -> anyhow::Result<ExitCode> {
    let clock = Clock::system();
    let state = DevState::open(&args.state, clock.now())
        .with_context(|| format!("the state folder {}", args.state.display()))?;
    let port = args.listen.port();
    let admin_port = port
        .checked_add(ADMIN_PORT_OFFSET)
        .unwrap_or(port - ADMIN_PORT_OFFSET);
    let origins = origins(port);
    let overrides = Overrides {
        public: Some(args.listen),
        admin: Some(SocketAddr::new(args.listen.ip(), admin_port)),
        hosts: Some(HOSTS.map(str::to_owned).to_vec()),
        origins: Some(origins.clone()),
        certificate: Some(CertificateFiles {
            certificate: state.certificate_path().to_owned(),
            key: state.key_path().to_owned(),
        }),
        api_key: Some(state.api_key().expose_secret().as_bytes().to_vec().into()),
        issuer: Some(IssuerSettings::new(
            "development",
            ISSUER,
            Audience::OneOf(vec![AUDIENCE.to_owned()]),
            vec![Algorithm::ES256],
            KeySource::Pem(state.issuer().public_key_pem().as_bytes().to_vec()),
        )),
    };
    let loaded = Config::parse_with(RULES, Path::new("config/dev.toml"), &|_| None, overrides)
        .map_err(|faults| anyhow::anyhow!("the rules of the demo are not valid\n\n{faults}"))?;
    announce(args);
    let site = DevSite::new(state.issuer().clone(), origins, clock);
    serve::start(loaded, None, Some(Arc::new(site)))
}

/// An address that only this machine reaches, with a port that the demo's origin can name.
fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text
        .parse()
        .map_err(|_| "write an address and a port, such as 127.0.0.1:8443".to_owned())?;
    if !address.ip().is_loopback() {
        return Err(
            "development mode signs for anybody, so it listens on a loopback address only"
                .to_owned(),
        );
    }
    if address.port() == 0 {
        return Err("write a port, since the demo's origin needs one".to_owned());
    }
    Ok(address)
}

/// What the certificate is made for.
const HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

fn origins(port: u16) -> Vec<String> {
    HOSTS.map(|host| format!("https://{host}:{port}")).to_vec()
}

fn announce(args: &DevArgs) {
    use std::io::Write;
    // Standard output is for people here; a broken pipe hurts nobody.
    let _ = writeln!(
        std::io::stdout().lock(),
        "\n  Gatepost, development mode. The issuer is a toy that signs for anybody: \
         never for production.\n\n  \
         Open https://localhost:{}/ in two windows and sign in as two users.\n  \
         The certificate is new to your browser: accept it once, or import {}.\n  \
         Ctrl+C stops it.\n",
        args.listen.port(),
        crate::dev::certificate_path(&args.state).display()
    );
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        dev: DevArgs,
    }

    /// Wrong usage, and no trouble of the system: nothing is made or listened on.
    #[test]
    fn it_listens_on_this_machine_only() {
        let listen = |address: &str| {
            let line = Line::try_parse_from(["dev", "--listen", address])?;
            Ok::<_, clap::Error>(line.dev.listen)
        };
        for good in ["127.0.0.1:8443", "127.0.0.9:1", "[::1]:9000"] {
            assert_eq!(listen(good).unwrap().to_string(), good);
        }
        for (bad, said) in [
            ("0.0.0.0:8443", "loopback address only"),
            ("[::]:8443", "loopback address only"),
            ("192.0.2.1:8443", "loopback address only"),
            ("127.0.0.1:0", "write a port"),
            ("localhost", "such as 127.0.0.1:8443"),
        ] {
            let fault = listen(bad).unwrap_err();
            assert_eq!(fault.exit_code(), 2, "{bad}");
            assert!(fault.to_string().contains(said), "{fault}");
        }
    }
}
