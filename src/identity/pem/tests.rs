//! Public keys in PEM (JWT-6).

use rcgen::KeyPair;

use super::*;
use crate::identity::Algorithm;
use crate::identity::testing::TestIssuer;

fn fault(text: &str) -> String {
    let fault = public_keys(text.as_bytes()).expect_err(text);
    assert!(!fault.ends_with('.') && fault.starts_with("the ") || fault.starts_with("key "));
    fault
}

/// An element of DER.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut element = match length {
        0..=0x7F => vec![tag, length as u8],
        0x80..=0xFF => vec![tag, 0x81, length as u8],
        _ => vec![tag, 0x82, (length >> 8) as u8, length as u8],
    };
    element.extend_from_slice(content);
    element
}

fn pem(label: &str, der: &[u8]) -> String {
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        STANDARD.encode(der)
    )
}

/// An RSA key with a modulus of so many bits; it need not be a product of primes to be measured.
fn rsa(bits: usize, exponent: &[u8]) -> String {
    let mut modulus = vec![0xFF; bits.div_ceil(8)];
    modulus[0] >>= (8 - bits % 8) % 8;
    if modulus[0] & 0x80 != 0 {
        modulus.insert(0, 0);
    }
    let numbers = [der(INTEGER, &modulus), der(INTEGER, exponent)].concat();
    pem("RSA PUBLIC KEY", &der(SEQUENCE, &numbers))
}

fn spki(algorithm: &[u8], parameters: &[u8], key: &[u8]) -> String {
    let algorithm = [der(OBJECT_IDENTIFIER, algorithm), parameters.to_vec()].concat();
    let key = [&[0], key].concat();
    pem(
        "PUBLIC KEY",
        &der(
            SEQUENCE,
            &[der(SEQUENCE, &algorithm), der(BIT_STRING, &key)].concat(),
        ),
    )
}

#[test]
fn jwt_6_a_file_with_a_key_of_each_kind() {
    let keys: Vec<_> = [
        Algorithm::RS256,
        Algorithm::ES256,
        Algorithm::ES384,
        Algorithm::EdDSA,
    ]
    .map(|algorithm| TestIssuer::new(algorithm).pem())
    .into();
    let text = format!("the keys of 2026:\n{}\n\r\n", keys.join("\nand the next\n"));
    let keys = public_keys(text.as_bytes()).unwrap();
    assert!(matches!(
        keys.as_slice(),
        [
            PublicKey::Rsa { .. },
            PublicKey::P256(_),
            PublicKey::P384(_),
            PublicKey::Ed25519(_)
        ]
    ));
    let windows = text.replace('\n', "\r\n");
    assert_eq!(public_keys(windows.as_bytes()).unwrap(), keys);
}

#[test]
fn jwt_6_the_modulus_has_2048_to_8192_bits() {
    for bits in [2048, 2049, 3072, 4096, 8192] {
        assert!(
            public_keys(rsa(bits, &[1, 0, 1]).as_bytes()).is_ok(),
            "{bits}"
        );
    }
    for bits in [512, 1024, 2047, 8193, 16384] {
        assert!(fault(&rsa(bits, &[1, 0, 1])).contains("modulus"), "{bits}");
    }
}

#[test]
fn jwt_6_the_exponent_is_odd_and_65537_at_least() {
    for good in [
        &[1, 0, 1][..],
        &[1, 0, 3],
        &[1, 0, 0, 0, 1],
        &[0, 0xFF, 0xFF, 0xFF, 0xFF],
    ] {
        assert!(public_keys(rsa(2048, good).as_bytes()).is_ok(), "{good:?}");
    }
    for bad in [
        &[1][..],
        &[3],
        &[0x11],
        &[1, 0, 0],
        &[1, 0, 2],
        &[2, 0, 0, 0, 1],
        &[1; 16],
    ] {
        assert!(fault(&rsa(2048, bad)).contains("exponent"), "{bad:?}");
    }
    for not_positive in [&[0][..], &[0x81], &[0, 1, 0, 1], &[]] {
        assert!(fault(&rsa(2048, not_positive)).contains("not an RSA public key"));
    }
}

#[test]
fn jwt_6_private_keys_and_certificates_are_faults() {
    let pair = KeyPair::generate().unwrap();
    let both = format!("{}{}", pair.public_key_pem(), pair.serialize_pem());
    assert!(fault(&both).contains("private key"));
    for label in [
        "PRIVATE KEY",
        "RSA PRIVATE KEY",
        "ENCRYPTED PRIVATE KEY",
        "OPENSSH PRIVATE KEY",
    ] {
        assert!(fault(&pem(label, b"x")).contains("private key"), "{label}");
    }
    let certificate = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
    assert!(fault(&certificate.cert.pem()).contains("openssl x509"));
    assert!(fault(&pem("EC PARAMETERS", b"x")).contains("EC PARAMETERS"));
}

#[test]
fn jwt_6_kinds_that_are_not_supported_are_named() {
    let point = |coordinate: usize| [&[4][..], &vec![1; 2 * coordinate]].concat();
    let curve = |curve: &[u8]| der(OBJECT_IDENTIFIER, curve);
    assert!(public_keys(spki(EC, &curve(P256), &point(32)).as_bytes()).is_ok());
    for (text, word) in [
        (spki(EC, &curve(P521), &point(66)), "P-521 (ES512)"),
        (
            spki(EC, &curve(&[0x2B, 0x81, 4, 0, 10]), &point(32)),
            "curve that is not supported",
        ),
        (
            spki(EC, &der(SEQUENCE, &[]), &point(32)),
            "spells out its curve",
        ),
        (spki(EC, &curve(P256), &point(48)), "uncompressed"),
        (spki(EC, &curve(P384), &point(32)), "uncompressed"),
        (
            spki(EC, &curve(P256), &[&[2][..], &[1; 32]].concat()),
            "uncompressed",
        ),
        (spki(RSA_PSS, &[], &[1; 32]), "RSASSA-PSS"),
        (spki(ED448, &[], &[1; 57]), "Ed448"),
        (spki(ED25519, &[], &[1; 31]), "not supported"),
        (spki(&[0x2B, 0x65, 0x6E], &[], &[1; 32]), "not supported"),
    ] {
        assert!(fault(&text).contains(word), "{word}: {}", fault(&text));
    }
}

#[test]
fn jwt_6_broken_files() {
    let good = TestIssuer::new(Algorithm::ES256).pem();
    for text in ["", "hello", "-----BEGIN-----"] {
        assert!(fault(text).contains("no key"), "{text}");
    }
    assert!(fault(&good.replace("-----END PUBLIC KEY-----", "")).contains("ends before"));
    assert!(fault(&good.replace("END PUBLIC", "END RSA PUBLIC")).contains("ends before"));
    assert!(fault(&good.replace("M", "*")).contains("base64"));
    assert!(public_keys(b"\xff").unwrap_err().contains("not text"));

    // Cut, or with something behind it: the one and the other is named by its number.
    let body: String = good.lines().filter(|line| !line.starts_with('-')).collect();
    let bytes = STANDARD.decode(body).unwrap();
    for length in 0..bytes.len() {
        assert!(
            fault(&pem("PUBLIC KEY", &bytes[..length])).contains("in DER"),
            "{length}"
        );
    }
    let longer = pem("PUBLIC KEY", &[&bytes[..], &[0]].concat());
    assert_eq!(
        fault(&format!("{good}{longer}")),
        "key 2 is not a public key in DER"
    );
}
