//! Covers what could be a secret in a line of the config before it is shown (LOG-1).
//!
//! A secret has no business in the config, but that is exactly what some faults are about, and
//! they must not carry it into a terminal or a log.

/// What stands in place of a secret.
const COVER: &str = "…";

/// Words in the name of an option that make its value a secret.
const SECRET_WORDS: [&str; 5] = ["secret", "api_key", "apikey", "password", "private_key"];

/// The line, with values covered that were given to an option with a telling name, what stands
/// before the `@` of a URL, and everything that follows the begin of a PEM block.
pub(super) fn mask(line: &str) -> String {
    let line = mask_urls(line);
    let line = line
        .split_once("-----BEGIN")
        .map_or(line.to_owned(), |(before, _)| {
            format!("{before}-----BEGIN {COVER}")
        });
    let mut from = 0;
    while let Some(equals) = line[from..].find('=').map(|at| from + at) {
        let name = name_before(&line[..equals]);
        let value = line[equals + 1..].trim_start();
        if is_secret(name, value) {
            // The rest of the line goes too: where a broken value ends, nobody knows.
            return format!("{} {COVER}", &line[..=equals]);
        }
        from = equals + 1;
    }
    line
}

/// The text, with user and password of each URL covered.
pub(super) fn mask_urls(text: &str) -> String {
    let mut parts = text.split("://");
    let mut masked = parts.next().unwrap_or("").to_owned();
    for rest in parts {
        let authority = rest.split(['/', '?', '"', '\'', ' ']).next().unwrap_or("");
        masked.push_str("://");
        match authority.rfind('@') {
            Some(at) => masked.extend([COVER, &rest[at..]]),
            None => masked.push_str(rest),
        }
    }
    masked
}

/// The option's name that stands right before an equals sign.
fn name_before(text: &str) -> &str {
    let text = text.trim_end_matches([' ', '\t', '"', '\'']);
    let start = text.rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'));
    &text[start.map_or(0, |at| {
        at + text[at..].chars().next().map_or(1, char::len_utf8)
    })..]
}

fn is_secret(name: &str, value: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('-', "_");
    if !SECRET_WORDS.iter().any(|word| name.contains(word)) {
        return false;
    }
    if name.ends_with("_file") {
        return false;
    }
    let named = value
        .trim_start_matches(['"', '\''])
        .split(['"', '\''])
        .next()
        .unwrap_or("");
    !(name.ends_with("_env") && is_environment_name(named))
}

/// Whether a text can be the name of an environment variable rather than a secret that somebody
/// put in its place: capital letters, digits and `_`, at most 64 of them.
pub(super) fn is_environment_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=64).contains(&text.len())
        && !text.as_bytes()[0].is_ascii_digit()
        && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_1_values_of_secret_options_are_covered() {
        for (line, shown) in [
            ("secret = \"hunter2\"", "secret = …"),
            ("  secret=hunter2 # c", "  secret= …"),
            (
                "a = { x = 1, \"api-key\" = 'hunter2' }",
                "a = { x = 1, \"api-key\" = …",
            ),
            ("issuer.hmac_secret = \"hunter2\"", "issuer.hmac_secret = …"),
            ("secret_env = \"hunter2\"", "secret_env = …"),
            ("SECRET = hunter2", "SECRET = …"),
            ("über = 1, secret = \"hunter2\"", "über = 1, secret = …"),
            (
                "public_key = \"-----BEGIN PRIVATE KEY-----\\nMIG",
                "public_key = \"-----BEGIN …",
            ),
        ] {
            assert_eq!(mask(line), shown);
        }
    }

    #[test]
    fn all_else_is_shown() {
        for line in [
            "secret_env = \"GATEPOST_SECRET\"",
            "secret_file = \"/run/secret\"",
            "max_token_life = \"24h\"",
            "public_key = \"keys/main.pem\"",
            "# a secret, told in a comment",
            "publish = \"claims.role == 'secret'\"",
            "",
        ] {
            assert_eq!(mask(line), line);
        }
    }
}
