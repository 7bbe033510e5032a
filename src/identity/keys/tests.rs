//! Keys and the algorithms that they serve (JWT-2, JWT-3, JWT-6, JWT-7, JWT-8).

use super::*;
use crate::fetch::Url;
use crate::identity::Audience;
use crate::identity::testing::{ISS, SECRET, TestIssuer};

fn secret(bytes: &[u8]) -> KeySource {
    KeySource::Secret(SecretBytes::from(bytes.to_vec()))
}

fn ring(source: &KeySource, algorithms: &[Algorithm]) -> Result<KeyRing, Vec<KeyFault>> {
    let (listed, source) = (algorithms.to_vec(), source.clone());
    let settings = IssuerSettings::new("main", ISS, Audience::Any, listed, source);
    match Keys::new(&settings)? {
        Keys::Configured(ring) => Ok(ring),
        Keys::Published(_) => panic!("nothing of this is published"),
    }
}

fn faults(source: &KeySource, algorithms: &[Algorithm]) -> Vec<KeyFault> {
    ring(source, algorithms).expect_err("these keys should not do")
}

#[test]
fn jwt_7_secrets_are_as_long_as_the_hash() {
    for (algorithm, least) in [
        (Algorithm::HS256, 32),
        (Algorithm::HS384, 48),
        (Algorithm::HS512, 64),
    ] {
        assert!(ring(&secret(&SECRET[..least]), &[algorithm]).is_ok());
        for length in [0, 1, least - 1] {
            let faults = faults(&secret(&SECRET[..length]), &[algorithm]);
            assert_eq!(faults[0].0, "secret");
            let text = &faults[0].1;
            assert!(text.contains(&format!("{length} bytes")), "{text}");
            assert!(length == 0 || !text.contains("0123456"), "{text}");
        }
    }
    let both = faults(
        &secret(&SECRET[..40]),
        &[Algorithm::HS256, Algorithm::HS384],
    );
    assert_eq!(both.len(), 1);
}

#[test]
fn jwt_2_secrets_and_public_keys_never_meet() {
    let es256 = TestIssuer::new(Algorithm::ES256);
    let mixed = faults(&es256.source, &[Algorithm::ES256, Algorithm::HS256]);
    assert_eq!(mixed.len(), 1);
    assert!(mixed[0].1.contains("never mixed"), "{}", mixed[0].1);
    let mixed = faults(&secret(SECRET), &[Algorithm::HS256, Algorithm::ES256]);
    assert!(mixed[0].1.contains("needs a public key"), "{}", mixed[0].1);
    let public = faults(&secret(es256.pem().as_bytes()), &[Algorithm::HS256]);
    assert!(public[0].1.contains("PEM"), "{}", public[0].1);
}

#[test]
fn jwt_2_no_secret_is_published() {
    let url = Url::configured("https://auth.example.com/jwks", false).unwrap();
    let remote = KeySource::Remote(RemoteKeys::new(KeysAt::Jwks(url)));
    let mixed = faults(&remote, &[Algorithm::ES256, Algorithm::HS384]);
    assert_eq!(mixed.len(), 1);
    assert!(
        mixed[0].1.starts_with("HS384 needs a secret"),
        "{}",
        mixed[0].1
    );
}

#[test]
fn jwt_8_a_listed_algorithm_that_no_key_fits_and_a_key_that_no_algorithm_uses() {
    let es256 = TestIssuer::new(Algorithm::ES256);
    for other in [
        Algorithm::RS256,
        Algorithm::PS512,
        Algorithm::ES384,
        Algorithm::EdDSA,
    ] {
        let faults = faults(&es256.source, &[Algorithm::ES256, other]);
        assert_eq!(faults[0].0, "algorithms");
        assert!(faults[0].1.starts_with(other.as_str()), "{}", faults[0].1);
    }
    let two = es256.pem() + &TestIssuer::new(Algorithm::EdDSA).pem();
    let unused = faults(&KeySource::Pem(two.into_bytes()), &[Algorithm::ES256]);
    assert!(
        unused[0].1.contains("key 2 of the file is an Ed25519 key"),
        "{}",
        unused[0].1
    );
}

#[test]
fn jwt_8_at_most_three_keys_are_tried() {
    let keys = |number: usize| {
        let pems: Vec<_> = (0..number)
            .map(|_| TestIssuer::new(Algorithm::ES256).pem())
            .collect();
        KeySource::Pem(pems.concat().into_bytes())
    };
    assert!(ring(&keys(3), &[Algorithm::ES256]).is_ok());
    let faults = faults(&keys(4), &[Algorithm::ES256]);
    assert_eq!(faults[0].0, "public_key");
    assert!(faults[0].1.starts_with("4 keys"), "{}", faults[0].1);
}

#[test]
fn jwt_3_each_algorithm_verifies_what_it_signed_and_no_other_does() {
    for algorithm in Algorithm::ALL {
        let issuer = TestIssuer::new(algorithm);
        let keys = ring(&issuer.source, &[algorithm]).unwrap();
        let token = issuer.sign_text("{}", "{}");
        let (signed, signature) = token.rsplit_once('.').unwrap();
        assert_eq!(
            keys.verify(algorithm, signed, signature),
            Ok(()),
            "{algorithm}"
        );
        let bad = Err(Refusal::TokenSignatureInvalid);
        assert_eq!(
            keys.verify(algorithm, &format!("{signed}x"), signature),
            bad,
            "{algorithm}"
        );
        for other in Algorithm::ALL
            .into_iter()
            .filter(|other| *other != algorithm)
        {
            assert_eq!(
                keys.verify(other, signed, signature),
                bad,
                "{algorithm} as {other}"
            );
        }
    }
}

#[test]
fn jwt_2_a_key_is_used_with_the_listed_algorithms_only() {
    // The same RSA key and the same secret, so that only the list stands between them.
    for (listed, other) in [
        (Algorithm::RS256, Algorithm::PS256),
        (Algorithm::PS256, Algorithm::RS512),
        (Algorithm::HS256, Algorithm::HS512),
    ] {
        let keys = ring(&TestIssuer::new(listed).source, &[listed]).unwrap();
        let token = TestIssuer::new(other).sign_text("{}", "{}");
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let refusal = keys.verify(other, signed, signature);
        assert_eq!(
            refusal,
            Err(Refusal::TokenSignatureInvalid),
            "{other} by {listed}"
        );
    }
}

#[test]
fn log_1_neither_source_nor_ring_prints_a_key() {
    let source = secret(SECRET);
    let keys = ring(&source, &[Algorithm::HS256]).unwrap();
    assert_eq!(format!("{source:?}{keys:?}"), "Secret([redacted])[HS256]");
    assert_eq!(
        format!("{:?}", KeySource::Pem(b"key".to_vec())),
        "Pem([redacted])"
    );
}
