//! From the command line to a token that verifies.

use clap::Parser;
use jsonwebtoken::{DecodingKey, Validation, decode};
use serde_json::json;

use super::*;
use crate::clock::UnixSeconds;
use crate::dev::{DevState, ISSUER};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: TokenArgs,
}

fn parse(words: &[&str]) -> Result<TokenArgs, clap::Error> {
    Line::try_parse_from(["token"].iter().chain(words)).map(|line| line.args)
}

fn signed(words: &[&str]) -> anyhow::Result<String> {
    sign(
        &parse(words).unwrap(),
        &Clock::manual(UnixSeconds(1_790_000_000)),
    )
}

fn read(token: &str, algorithm: Algorithm, key: &DecodingKey) -> Map<String, Value> {
    let mut validation = Validation::new(algorithm);
    validation.validate_exp = false;
    validation.validate_aud = false;
    decode(token, key, &validation).unwrap().claims
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn the_arguments_agree_with_each_other() {
    use clap::CommandFactory as _;
    Line::command().debug_assert();
    for words in [
        &["--key", "k"][..],
        &["--issuer", "i"],
        &["--audience", "a"],
        &["--algorithm", "ES256"],
        &["--key", "k", "--issuer", "i", "--state", "s"],
        &["--key", "k", "--issuer", "i", "--algorithm", "ES512"],
        &["--key", "k", "--issuer", "i", "--algorithm", "none"],
        &["--claim", "admin"],
        &["--claim", "=1"],
        &["--claim", "name=Alice"],
        &["--life", "soon"],
    ] {
        assert!(
            parse(words).is_err_and(|fault| fault.exit_code() == 2),
            "{words:?}"
        );
    }
}

#[test]
fn the_development_key_signs_by_default() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let words = [
        "--state",
        text(&state),
        "--claim",
        r#"teams=["red"]"#,
        "--claim",
        "a=b=1",
    ];
    assert!(parse(&words).is_err(), "b=1 is no JSON");
    // One that is made here would be known to no gateway.
    let fault = format!("{:#}", signed(&words[..4]).unwrap_err());
    let expected = format!("there is no development key in {}", state.display());
    assert!(fault.starts_with(&expected), "{fault}");
    for part in ["`gatepost dev`", "--state", "--key"] {
        assert!(fault.contains(part), "{fault}");
    }
    assert!(!state.exists());

    DevState::open(&state, UnixSeconds(1_790_000_000)).unwrap();
    fs::remove_file(state.join("localhost.pem")).unwrap();
    let token = signed(&words[..4]).unwrap();
    let pem = open_issuer(&state)
        .unwrap()
        .unwrap()
        .public_key_pem()
        .to_owned();
    let key = DecodingKey::from_ec_pem(pem.as_bytes()).unwrap();
    let claims = read(&token, Algorithm::ES256, &key);
    assert_eq!(claims["sub"], "alice");
    assert_eq!(claims["iss"], ISSUER);
    assert_eq!(claims["exp"], 1_790_003_600_u64);
    assert_eq!(claims["teams"], json!(["red"]));
    assert!(
        !state.join("localhost.pem").exists(),
        "signing needs no certificate"
    );
}

#[test]
fn a_key_of_ones_own_signs_too() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("key.pem");
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    fs::write(&file, pair.serialize_pem()).unwrap();
    let own = [
        "--key",
        text(&file),
        "--issuer",
        "https://auth.test/",
        "--algorithm",
        "EdDSA",
    ];
    let token = signed(&own).unwrap();
    let key = DecodingKey::from_ed_pem(pair.public_key_pem().as_bytes()).unwrap();
    let claims = read(&token, Algorithm::EdDSA, &key);
    assert_eq!(
        (&claims["iss"], &claims["aud"]),
        (&json!("https://auth.test/"), &json!("gatepost"))
    );

    let fault = signed(&own[..4]).unwrap_err();
    assert!(
        format!("{fault:#}").contains("key.pem"),
        "an Ed25519 key is none for ES256: {fault:#}"
    );
}

#[test]
fn jwt_7_a_secret_is_a_file_without_its_line_end() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("secret");
    let secret = "0123456789abcdef0123456789abcdef";
    let words = [
        "--key",
        text(&file),
        "--issuer",
        "i",
        "--algorithm",
        "HS256",
    ];
    for end in ["", "\n", "\r\n"] {
        fs::write(&file, format!("{secret}{end}")).unwrap();
        let token = signed(&words).unwrap();
        read(
            &token,
            Algorithm::HS256,
            &DecodingKey::from_secret(secret.as_bytes()),
        );
    }
    fs::write(&file, "short-and-secret\n").unwrap();
    let fault = format!("{:#}", signed(&words).unwrap_err());
    assert!(
        fault.contains("16") && !fault.contains("short-and"),
        "{fault}"
    );
}

#[test]
fn what_cannot_be_signed_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let state = text(dir.path());
    DevState::open(dir.path(), UnixSeconds(1_790_000_000)).unwrap();
    for (words, part) in [
        (&["--user", "a,b"][..], "separates users"),
        (&["--claim", "iss=\"x\""], "`iss`"),
        (&["--claim", "x=1", "--claim", "x=2"], "twice"),
    ] {
        let words: Vec<_> = ["--state", state].iter().chain(words).copied().collect();
        let fault = format!("{:#}", signed(&words).unwrap_err());
        assert!(fault.contains(part), "{fault}");
    }
    let missing = dir.path().join("nothing");
    let fault = signed(&["--key", text(&missing), "--issuer", "i"]).unwrap_err();
    assert!(format!("{fault:#}").contains("nothing"));
}
