//! Signatures and keys under attack (JWT-2, JWT-5, JWT-8, JWT-9).

use super::*;

/// A token with the signature of one's choice.
fn signed_by_hand(algorithm: Algorithm, signature: impl AsRef<[u8]>) -> String {
    let header = json!({ "alg": algorithm.as_str() }).to_string();
    let signed = signed_part(&header, &good_claims().to_string());
    format!("{signed}.{}", base64url(signature))
}

#[test]
fn jwt_2_a_public_key_is_no_secret() {
    for algorithm in [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA] {
        let issuer = TestIssuer::new(algorithm);
        let pem = issuer.pem();
        let der: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let der = base64::engine::general_purpose::STANDARD
            .decode(der)
            .unwrap();
        for secret in [
            pem.as_bytes(),
            pem.trim_end().as_bytes(),
            &der,
            &der[26..],
            b"",
            SECRET,
        ] {
            let key = jsonwebtoken::EncodingKey::from_secret(secret);
            for alg in ["HS256", algorithm.as_str()] {
                let header = json!({ "alg": alg, "typ": "JWT" }).to_string();
                let signed = signed_part(&header, &good_claims().to_string());
                let signature = jsonwebtoken::crypto::sign(
                    signed.as_bytes(),
                    &key,
                    jsonwebtoken::Algorithm::HS256,
                );
                let refusal = refused(&issuer, &format!("{signed}.{}", signature.unwrap()));
                let expected = match alg {
                    "HS256" => Refusal::TokenAlgorithmNotAllowed,
                    _ => Refusal::TokenSignatureInvalid,
                };
                assert_eq!(refusal, expected, "{alg}");
            }
        }
    }
}

#[test]
fn jwt_5_psychic_signatures_and_wrong_lengths() {
    // The order of the group of P-256.
    let order = [
        0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xBC,
        0xE6, 0xFA, 0xAD, 0xA7, 0x17, 0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51,
    ];
    let (zero, mut one) = ([0_u8; 32], [0_u8; 32]);
    one[31] = 1;
    let issuer = TestIssuer::new(Algorithm::ES256);
    for r in [zero, one, order, [0xFF; 32]] {
        for s in [zero, one, order, [0xFF; 32]] {
            let token = signed_by_hand(Algorithm::ES256, [r, s].concat());
            assert_eq!(refused(&issuer, &token), Refusal::TokenSignatureInvalid);
        }
    }
    for algorithm in [
        Algorithm::ES256,
        Algorithm::ES384,
        Algorithm::EdDSA,
        Algorithm::RS256,
    ] {
        let issuer = TestIssuer::new(algorithm);
        for length in [1, 31, 32, 63, 64, 65, 95, 96, 97, 255, 256, 257] {
            let token = signed_by_hand(algorithm, vec![0; length]);
            assert_eq!(
                refused(&issuer, &token),
                Refusal::TokenSignatureInvalid,
                "{length}"
            );
        }
    }
}

#[test]
fn jwt_5_a_good_signature_in_another_encoding() {
    for algorithm in [
        Algorithm::ES256,
        Algorithm::ES384,
        Algorithm::EdDSA,
        Algorithm::HS256,
    ] {
        let issuer = TestIssuer::new(algorithm);
        let token = issuer.sign(&good_claims());
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let good = decode(signature).unwrap();
        let (r, s) = good.split_at(good.len() / 2);
        for other in [
            der_signature(r, s),
            [&good[..], &[0]].concat(),
            [&[0], &good[..]].concat(),
            good[..good.len() - 1].to_vec(),
            [s, r].concat(),
            [&[0], r, &[0], s].concat(),
            good.iter().map(|byte| byte ^ 1).collect(),
        ] {
            let token = format!("{signed}.{}", base64url(other));
            assert_eq!(
                refused(&issuer, &token),
                Refusal::TokenSignatureInvalid,
                "{algorithm}"
            );
        }
        assert!(issuer.verify(&token).is_ok());
    }
}

/// `r` and `s` as X.509 has them.
fn der_signature(r: &[u8], s: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| {
        let sign: &[u8] = if number[0] & 0x80 == 0 { &[] } else { &[0] };
        [&[2, (sign.len() + number.len()) as u8], sign, number].concat()
    };
    let both = [integer(r), integer(s)].concat();
    [&[0x30, both.len() as u8], both.as_slice()].concat()
}

#[test]
fn jwt_8_each_of_three_keys_is_tried_whatever_the_kid_says() {
    let keys: Vec<_> = (0..3).map(|_| TestIssuer::new(Algorithm::ES256)).collect();
    let mut settings = keys[0].settings();
    settings.keys = KeySource::Pem(keys.iter().map(TestIssuer::pem).collect::<String>().into());
    for key in &keys {
        for kid in [
            "../../etc/passwd",
            "' OR 1=1",
            "a\0b",
            "2",
            "other issuer's",
        ] {
            let token = key.sign_header(&json!({ "alg": "ES256", "kid": kid }));
            assert!(verify(vec![settings.clone()], &token).is_ok());
        }
    }
    let stranger = TestIssuer::new(Algorithm::ES256).sign(&good_claims());
    assert_eq!(
        verify(vec![settings], &stranger).map(|_| ()),
        Err(Refusal::TokenSignatureInvalid)
    );
    let header = json!({ "alg": "ES256", "kid": "k".repeat(1_000_000) });
    assert_eq!(
        refused(&keys[0], &keys[0].sign_header(&header)),
        Refusal::TokenTooLarge
    );
}

#[test]
fn jwt_9_keys_in_the_token_are_never_used() {
    let (issuer, attacker) = (
        TestIssuer::new(Algorithm::ES256),
        TestIssuer::new(Algorithm::ES256),
    );
    let body: String = attacker
        .pem()
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    let spki = base64::engine::general_purpose::STANDARD
        .decode(body)
        .unwrap();
    let (x, y) = spki[spki.len() - 64..].split_at(32);
    for (name, value) in [
        (
            "jwk",
            json!({ "kty": "EC", "crv": "P-256", "x": base64url(x), "y": base64url(y) }),
        ),
        ("jku", json!("https://127.0.0.1:1/jwks.json")),
        ("x5u", json!("https://127.0.0.1:1/cert.pem")),
        ("x5c", json!([base64url(&spki)])),
        ("x5t", json!("abc")),
        ("x5t#S256", json!("abc")),
    ] {
        let mut header = json!({ "alg": "ES256", "typ": "JWT" });
        header[name] = value;
        let token = attacker.sign_header(&header);
        assert_eq!(
            refused(&issuer, &token),
            Refusal::TokenSignatureInvalid,
            "{name}"
        );
        assert!(
            issuer.verify(&issuer.sign_header(&header)).is_ok(),
            "{name}"
        );
    }
}
