//! Public keys of an issuer, from the text of a PEM file.
//!
//! A file may hold several keys, one behind the other, while they are being rotated. What it must
//! not hold is a private key: the gateway only verifies, and a key that signs has no business here.
//! The few ASN.1 structures are read by hand (RFC 5280 §4.1.2.7, RFC 8017 §A.1.1), since a key is
//! measured before it is trusted (SECURITY.md JWT-6).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::keys::PublicKey;

/// Reads all keys of a file; the error is a sentence without capital and full stop.
pub(super) fn public_keys(text: &[u8]) -> Result<Vec<PublicKey>, String> {
    let text = std::str::from_utf8(text).map_err(|_| "the file is not text in PEM format")?;
    let sections = sections(text)?;
    if sections.is_empty() {
        return Err("the file has no key: there is no line -----BEGIN PUBLIC KEY-----".to_owned());
    }
    let number_of = |key: usize| {
        if sections.len() == 1 {
            "the key".to_owned()
        } else {
            format!("key {}", key + 1)
        }
    };
    let keys = sections.iter().enumerate().map(|(key, section)| {
        section
            .public_key()
            .map_err(|fault| format!("{} {fault}", number_of(key)))
    });
    keys.collect()
}

/// What stands between a BEGIN and an END line.
struct Section<'a> {
    label: &'a str,
    der: Vec<u8>,
}

/// Splits the file at its BEGIN and END lines; text outside of them is explanation (RFC 7468 §2).
fn sections(text: &str) -> Result<Vec<Section<'_>>, String> {
    let mut sections = Vec::new();
    let mut lines = text.lines().map(str::trim);
    while let Some(line) = lines.next() {
        let Some(label) = line
            .strip_prefix("-----BEGIN ")
            .and_then(|l| l.strip_suffix("-----"))
        else {
            continue;
        };
        refuse_label(label)?;
        let end = format!("-----END {label}-----");
        let mut body = String::new();
        loop {
            match lines.next() {
                Some(line) if line == end => break,
                Some(line) => body.push_str(line),
                None => return Err(format!("the file ends before the line {end}")),
            }
        }
        let der = STANDARD
            .decode(body)
            .map_err(|_| format!("the text above the line {end} is not base64"))?;
        sections.push(Section { label, der });
    }
    Ok(sections)
}

/// Refuses what is no public key before its body is looked at.
fn refuse_label(label: &str) -> Result<(), String> {
    match label {
        "PUBLIC KEY" | "RSA PUBLIC KEY" => Ok(()),
        label if label.contains("PRIVATE KEY") => Err(
            "the file has a private key, which must stay with the issuer: give its public part \
             (openssl pkey -in KEY -pubout)"
                .to_owned(),
        ),
        "CERTIFICATE" => Err("the file has a certificate: give the public key in it \
             (openssl x509 -in FILE -pubkey -noout)"
            .to_owned()),
        label => Err(format!(
            "the file has a section {label}, where only PUBLIC KEY is read"
        )),
    }
}

impl Section<'_> {
    /// The error completes "the key …".
    fn public_key(&self) -> Result<PublicKey, &'static str> {
        if self.label == "RSA PUBLIC KEY" {
            return rsa_key(&self.der);
        }
        let (algorithm, parameters, key) =
            subject_public_key(&self.der).ok_or("is not a public key in DER")?;
        match algorithm {
            RSA => rsa_key(key),
            EC => ec_key(parameters, key),
            ED25519 if key.len() == 32 => Ok(PublicKey::Ed25519(key.to_vec())),
            RSA_PSS => Err("is bound to RSASSA-PSS: export it as a plain RSA key (rsaEncryption)"),
            ED448 => Err("is an Ed448 key, which is not supported: use Ed25519"),
            _ => Err("is of a kind that is not supported: use RSA, P-256, P-384 or Ed25519"),
        }
    }
}

// Object identifiers, as they stand in DER.
const RSA: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 1];
const RSA_PSS: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 10];
const EC: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 2, 1];
const ED25519: &[u8] = &[0x2B, 0x65, 0x70];
const ED448: &[u8] = &[0x2B, 0x65, 0x71];
const P256: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7];
const P384: &[u8] = &[0x2B, 0x81, 4, 0, 0x22];
const P521: &[u8] = &[0x2B, 0x81, 4, 0, 0x23];

// Tags of DER.
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;

/// `SubjectPublicKeyInfo`: the algorithm, the rest of its parameters, the key.
fn subject_public_key(der: &[u8]) -> Option<(&[u8], Der<'_>, &[u8])> {
    let mut info = Der(der).only(SEQUENCE)?;
    let mut algorithm = Der(info.next(SEQUENCE)?);
    let key = info.next(BIT_STRING)?;
    info.end()?;
    // The first byte of a bit string says how many bits of the last are not used: none.
    let key = key.strip_prefix(&[0])?;
    Some((algorithm.next(OBJECT_IDENTIFIER)?, algorithm, key))
}

fn ec_key(mut parameters: Der<'_>, point: &[u8]) -> Result<PublicKey, &'static str> {
    let curve = parameters
        .next(OBJECT_IDENTIFIER)
        .ok_or("spells out its curve: export it with a named one (P-256 or P-384)")?;
    let (coordinate, key): (usize, fn(Vec<u8>) -> PublicKey) = match curve {
        P256 => (32, PublicKey::P256),
        P384 => (48, PublicKey::P384),
        P521 => return Err("is on the curve P-521 (ES512), which is not supported: use P-384"),
        _ => return Err("is on a curve that is not supported: use P-256 or P-384"),
    };
    if point.len() != 1 + 2 * coordinate || point[0] != 4 {
        return Err("is not an uncompressed point of its curve: export it so");
    }
    Ok(key(point.to_vec()))
}

fn rsa_key(der: &[u8]) -> Result<PublicKey, &'static str> {
    let numbers = Der(der).only(SEQUENCE).and_then(|mut numbers| {
        let both = (numbers.positive()?, numbers.positive()?);
        numbers.end()?;
        Some(both)
    });
    let (modulus, exponent) = numbers.ok_or("is not an RSA public key in DER")?;
    PublicKey::rsa(modulus, exponent)
}

/// What is left of a DER encoding, as far as public keys need it.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The content of the next element, which must have this tag and the shortest length.
    fn next(&mut self, tag: u8) -> Option<&'a [u8]> {
        let rest = self.0.strip_prefix(&[tag])?;
        let (length, rest) = match rest {
            [length @ 0..=0x7F, rest @ ..] => (usize::from(*length), rest),
            [0x81, length @ 0x80..=0xFF, rest @ ..] => (usize::from(*length), rest),
            [0x82, high @ 1..=0xFF, low, rest @ ..] => {
                (usize::from(*high) << 8 | usize::from(*low), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(content)
    }

    /// The inside of an element that is all there is.
    fn only(mut self, tag: u8) -> Option<Der<'a>> {
        let content = self.next(tag)?;
        self.end()?;
        Some(Der(content))
    }

    /// A positive integer, without the zero byte that keeps it from being negative.
    fn positive(&mut self) -> Option<&'a [u8]> {
        match self.next(INTEGER)? {
            [0, number @ ..] if number.first()? & 0x80 != 0 => Some(number),
            number if (1..0x80).contains(number.first()?) => Some(number),
            _ => None,
        }
    }

    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

#[cfg(test)]
mod tests;
