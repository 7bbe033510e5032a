use std::fs;
use std::os::unix::fs::PermissionsExt;

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_ED25519};
use tempfile::TempDir;

use super::*;

/// A folder with files of one test.
struct Folder(TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(TempDir::new().unwrap())
    }

    /// Writes a file that only its owner can read.
    fn write(&self, name: &str, text: &str) -> PathBuf {
        self.write_with_mode(name, text, 0o600)
    }

    fn write_with_mode(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let file = self.0.path().join(name);
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        file
    }
}

/// A self-signed certificate and its key, as PEM.
fn pair() -> (String, String) {
    pair_of(KeyPair::generate().unwrap())
}

fn pair_of(key: KeyPair) -> (String, String) {
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

fn fault(certificate: &Path, key: &Path) -> CertificateFault {
    load_certificate(certificate, key).expect_err("it must not be loaded")
}

#[test]
fn a_chain_with_its_key() {
    let folder = Folder::new();
    let (leaf, key) = pair();
    let (authority, _) = pair();
    let chain = folder.write_with_mode("chain.pem", &format!("{leaf}{authority}"), 0o644);
    let loaded = load_certificate(&chain, &folder.write("key.pem", &key)).unwrap();
    assert_eq!(loaded.cert.len(), 2);
    loaded.keys_match().unwrap();
}

#[test]
fn the_usual_kinds_of_key() {
    let folder = Folder::new();
    for algorithm in [&PKCS_ECDSA_P384_SHA384, &PKCS_ED25519] {
        let (leaf, key) = pair_of(KeyPair::generate_for(algorithm).unwrap());
        let (leaf, key) = (
            folder.write("leaf.pem", &leaf),
            folder.write("key.pem", &key),
        );
        load_certificate(&leaf, &key).unwrap();
    }
}

#[test]
fn one_file_may_hold_both() {
    let folder = Folder::new();
    let (leaf, key) = pair();
    let both = folder.write("both.pem", &format!("{key}{leaf}"));
    load_certificate(&both, &both).unwrap();
}

#[test]
fn a_file_that_cannot_be_read() {
    let folder = Folder::new();
    let (leaf, _) = pair();
    let leaf = folder.write("leaf.pem", &leaf);
    let missing = folder.0.path().join("missing.pem");
    assert_eq!(fault(&missing, &missing).culprit(), Culprit::Certificate);
    let fault = fault(&leaf, &missing);
    assert_eq!(fault.culprit(), Culprit::Key);
    assert!(
        fault
            .to_string()
            .contains("missing.pem cannot be read: No such file"),
        "{fault}"
    );
}

#[test]
fn a_file_without_a_certificate() {
    let folder = Folder::new();
    let (_, key) = pair();
    let key = folder.write("key.pem", &key);
    for text in ["", "not PEM at all", &pair().1] {
        let file = folder.write("leaf.pem", text);
        assert!(
            matches!(fault(&file, &key), CertificateFault::NoCertificate { .. }),
            "{text}"
        );
    }
}

#[test]
fn a_file_without_a_key() {
    let folder = Folder::new();
    let (leaf, _) = pair();
    let leaf = folder.write("leaf.pem", &leaf);
    let fault = fault(&leaf, &leaf);
    assert!(matches!(fault, CertificateFault::NoKey { .. }));
    assert!(
        fault
            .to_string()
            .ends_with("it needs a \"BEGIN PRIVATE KEY\" block"),
        "{fault}"
    );
}

#[test]
fn a_file_with_two_keys() {
    let folder = Folder::new();
    let (leaf, key) = pair();
    let keys = folder.write("key.pem", &format!("{key}{}", pair().1));
    let leaf = folder.write("leaf.pem", &leaf);
    assert!(matches!(
        fault(&leaf, &keys),
        CertificateFault::SeveralKeys { .. }
    ));
}

#[test]
fn an_encrypted_key() {
    let folder = Folder::new();
    let (leaf, _) = pair();
    let leaf = folder.write("leaf.pem", &leaf);
    for text in [
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n",
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMIIB\n-----END RSA PRIVATE KEY-----\n",
    ] {
        let fault = fault(&leaf, &folder.write("key.pem", text));
        assert!(
            matches!(fault, CertificateFault::EncryptedKey { .. }),
            "{fault}"
        );
        assert!(fault.to_string().contains("openssl pkey"));
    }
}

#[test]
fn tls_5_a_key_of_another_certificate() {
    let folder = Folder::new();
    let (leaf, _) = pair();
    let (_, other) = pair();
    let fault = fault(
        &folder.write("leaf.pem", &leaf),
        &folder.write("other.key", &other),
    );
    assert!(
        matches!(fault, CertificateFault::KeyOfAnother { .. }),
        "{fault}"
    );
    assert_eq!(fault.culprit(), Culprit::Key);
}

#[test]
fn the_leaf_comes_first() {
    let folder = Folder::new();
    let (leaf, key) = pair();
    let (authority, _) = pair();
    let chain = folder.write("chain.pem", &format!("{authority}{leaf}"));
    let fault = fault(&chain, &folder.write("key.pem", &key));
    assert!(
        matches!(fault, CertificateFault::LeafNotFirst { number: 2, .. }),
        "{fault}"
    );
}

#[test]
fn tls_12_a_key_that_others_can_read() {
    let folder = Folder::new();
    let (leaf, key) = pair();
    let leaf = folder.write("leaf.pem", &leaf);
    for (mode, refused) in [
        (0o600, false),
        (0o400, false),
        (0o640, false),
        (0o644, true),
        (0o602, true),
        (0o601, true),
    ] {
        let key = folder.write_with_mode("key.pem", &key, mode);
        let loaded = load_certificate(&leaf, &key);
        assert_eq!(loaded.is_err(), refused, "{mode:o}");
        fs::remove_file(&key).unwrap();
    }
    let both = folder.write_with_mode("both.pem", &format!("{}{key}", pair().0), 0o644);
    let fault = fault(&both, &folder.write("key.pem", &key));
    assert!(
        matches!(
            fault,
            CertificateFault::KeyReadableByOthers { mode: 0o644, .. }
        ),
        "{fault}"
    );
    assert_eq!(fault.culprit(), Culprit::Certificate);
}

#[test]
fn tls_12_no_error_and_no_debug_has_the_key() {
    let folder = Folder::new();
    let (leaf, key) = pair();
    let leaf = folder.write("leaf.pem", &leaf);
    let body = key.lines().nth(1).unwrap();
    let cut = key.split_at(key.len() / 2).0.to_owned();
    let broken = [
        cut,
        key.replace("-----END", "----END"),
        key.replace(body, &format!("{body}*")),
    ];
    for text in broken {
        let fault = fault(&leaf, &folder.write("key.pem", &text));
        assert!(matches!(fault, CertificateFault::NotPem { .. }), "{fault}");
        for shown in [fault.to_string(), format!("{fault:?}")] {
            assert!(!shown.contains(&body[..16]), "{shown}");
        }
    }
    let loaded = load_certificate(&leaf, &folder.write("key.pem", &key)).unwrap();
    assert!(!format!("{loaded:?}").contains(&body[..16]));
}

#[test]
fn a_damaged_key_or_certificate() {
    let folder = Folder::new();
    let (leaf, key) = pair();
    let rubbish = |kind: &str| format!("-----BEGIN {kind}-----\nMIIB\n-----END {kind}-----\n");
    let good = folder.write("leaf.pem", &leaf);
    let bad = folder.write("bad.key", &rubbish("PRIVATE KEY"));
    assert!(matches!(
        fault(&good, &bad),
        CertificateFault::UnusableKey { .. }
    ));
    let good = folder.write("key.pem", &key);
    let bad = folder.write("bad.pem", &rubbish("CERTIFICATE"));
    assert!(matches!(
        fault(&bad, &good),
        CertificateFault::DamagedCertificate { .. }
    ));
}

#[test]
fn a_file_without_end() {
    let (_, key) = pair();
    let folder = Folder::new();
    let key = folder.write("key.pem", &key);
    let fault = fault(Path::new("/dev/zero"), &key);
    assert!(
        matches!(fault, CertificateFault::TooLarge { .. }),
        "{fault}"
    );
}
