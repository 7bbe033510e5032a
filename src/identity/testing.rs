//! An auth service for tests: keys that are made on the spot, and tokens really signed with them.
//!
//! Other modules' tests get an [`Identity`] here the only way there is: from a verified token.

use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::FutureExt;
use jsonwebtoken::EncodingKey;
use rcgen::{KeyPair, RsaKeySize};
use serde_json::{Value, json};

use super::keys::PublicKey;
use super::pem;
use super::{
    Algorithm, Audience, Identity, IssuerSettings, KeySource, Refusal, SecretBytes, Token, Verifier,
};
use crate::clock::UnixSeconds;
use crate::policy::DeclaredClaims;

/// The time at which the tests stand.
pub(crate) const NOW: UnixSeconds = UnixSeconds(1_790_000_000);
/// The `iss` of the tests' issuer.
pub(crate) const ISS: &str = "https://auth.example.com/";
/// The secret of HMAC issuers: as long as HS512 needs it.
pub(crate) const SECRET: &[u8; 64] =
    b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// An identity of `user` that lives for an hour after [`NOW`], with `claims` besides the usual.
pub(crate) fn identity(user: &str, claims: Value) -> Identity {
    let issuer = TestIssuer::new(Algorithm::HS256);
    let mut all = good_claims();
    all["sub"] = json!(user);
    if let Value::Object(claims) = claims {
        claims
            .into_iter()
            .for_each(|(name, value)| all[name] = value);
    }
    issuer.verify(&issuer.sign(&all)).unwrap()
}

/// The claims of a token that opens the door.
pub(crate) fn good_claims() -> Value {
    json!({
        "iss": ISS,
        "aud": "gatepost",
        "sub": "alice",
        "iat": NOW.0,
        "exp": NOW.0 + 3600,
    })
}

/// The good claims with one of them set; to null by leaving it out with [`without`].
pub(crate) fn with(name: &str, value: Value) -> Value {
    let mut claims = good_claims();
    claims[name] = value;
    claims
}

/// The good claims with one of them left out.
pub(crate) fn without(name: &str) -> Value {
    let mut claims = good_claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

/// One key of an auth service, used with one algorithm.
pub(crate) struct TestIssuer {
    pub(crate) algorithm: Algorithm,
    pub(crate) source: KeySource,
    signing: EncodingKey,
}

impl TestIssuer {
    /// A new key for the algorithm; RSA keys are made once a run, since they take long.
    pub(crate) fn new(algorithm: Algorithm) -> TestIssuer {
        use Algorithm::{ES256, ES384, EdDSA, HS256, HS384, HS512};
        let pair = match algorithm {
            HS256 | HS384 | HS512 => {
                return TestIssuer {
                    algorithm,
                    source: KeySource::Secret(SecretBytes::from(SECRET.to_vec())),
                    signing: EncodingKey::from_secret(SECRET),
                };
            }
            ES256 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap(),
            ES384 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap(),
            EdDSA => KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap(),
            _ => KeyPair::from_pem(rsa_pem()).unwrap(),
        };
        let private = pair.serialize_pem();
        let signing = match algorithm {
            ES256 | ES384 => EncodingKey::from_ec_pem(private.as_bytes()),
            EdDSA => EncodingKey::from_ed_pem(private.as_bytes()),
            _ => EncodingKey::from_rsa_pem(private.as_bytes()),
        };
        let source = KeySource::Pem(pair.public_key_pem().into_bytes());
        TestIssuer {
            algorithm,
            source,
            signing: signing.unwrap(),
        }
    }

    /// Its public key.
    pub(crate) fn pem(&self) -> String {
        match &self.source {
            KeySource::Pem(text) => String::from_utf8(text.clone()).unwrap(),
            _ => panic!("a secret has no public key"),
        }
    }

    /// Its public key, as a JWK Set has it, without a name.
    pub(crate) fn jwk(&self) -> Value {
        let keys = pem::public_keys(self.pem().as_bytes()).unwrap();
        let point = |curve: &str, point: &[u8]| {
            let (x, y) = point[1..].split_at(point.len() / 2);
            json!({ "kty": "EC", "crv": curve, "x": base64url(x), "y": base64url(y) })
        };
        match &keys[0] {
            PublicKey::Rsa { modulus, exponent } => {
                json!({ "kty": "RSA", "n": base64url(modulus), "e": base64url(exponent) })
            }
            PublicKey::P256(of) => point("P-256", of),
            PublicKey::P384(of) => point("P-384", of),
            PublicKey::Ed25519(x) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url(x) })
            }
        }
    }

    /// The same with a name.
    pub(crate) fn named(&self, kid: &str) -> Value {
        let mut key = self.jwk();
        key["kid"] = kid.into();
        key
    }

    /// The settings under which its tokens are good.
    pub(crate) fn settings(&self) -> IssuerSettings {
        let audience = Audience::OneOf(vec!["gatepost".to_owned()]);
        IssuerSettings::new(
            "main",
            ISS,
            audience,
            vec![self.algorithm],
            self.source.clone(),
        )
    }

    /// A token with these claims and an ordinary header.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        let header = json!({ "alg": self.algorithm.as_str(), "typ": "JWT" });
        self.sign_text(&header.to_string(), &claims.to_string())
    }

    /// A token with this header, in place of the ordinary one, and good claims.
    pub(crate) fn sign_header(&self, header: &Value) -> String {
        self.sign_text(&header.to_string(), &good_claims().to_string())
    }

    /// A token of any two texts.
    pub(crate) fn sign_text(&self, header: &str, payload: &str) -> String {
        let signed = signed_part(header, payload);
        let algorithm = self.algorithm.in_library();
        let signature =
            jsonwebtoken::crypto::sign(signed.as_bytes(), &self.signing, algorithm).unwrap();
        format!("{signed}.{signature}")
    }

    /// Verifies under [`TestIssuer::settings`] at [`NOW`].
    pub(crate) fn verify(&self, token: &str) -> Result<Identity, Refusal> {
        verify(vec![self.settings()], token)
    }
}

/// Verifies a token under these issuers at [`NOW`].
pub(crate) fn verify(issuers: Vec<IssuerSettings>, token: &str) -> Result<Identity, Refusal> {
    verify_at(issuers, token, NOW)
}

/// Verifies a token under these issuers at a time.
pub(crate) fn verify_at(
    issuers: Vec<IssuerSettings>,
    token: &str,
    now: UnixSeconds,
) -> Result<Identity, Refusal> {
    let verifier = Verifier::new(issuers, DeclaredClaims::default().read_as_a_whole()).unwrap();
    verify_by(&verifier, &Token::parse(token)?, now)
}

/// Verifies a token with keys that are there, so that nobody is asked for others.
pub(crate) fn verify_by(
    verifier: &Verifier,
    token: &Token,
    now: UnixSeconds,
) -> Result<Identity, Refusal> {
    let verified = verifier.verify(token, now).now_or_never();
    verified.expect("keys that are configured are not asked for")
}

/// What of a token is signed.
pub(crate) fn signed_part(header: &str, payload: &str) -> String {
    format!("{}.{}", base64url(header), base64url(payload))
}

/// base64url without padding.
pub(crate) fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn rsa_pem() -> &'static str {
    static PEM: OnceLock<String> = OnceLock::new();
    PEM.get_or_init(|| {
        KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048)
            .unwrap()
            .serialize_pem()
    })
}
