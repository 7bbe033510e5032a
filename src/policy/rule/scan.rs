//! A look at a rule's text before the parser sees it (CEL-3).
//!
//! The parser recurses through its grammar, and an overflowing stack aborts the process. What
//! could make it recurse far is refused here, by a single pass that itself recurses nowhere.

use super::Fault;

/// The longest rule, in bytes.
pub(super) const MAX_BYTES: usize = 1024;
/// The most brackets that may be open at once.
pub(super) const MAX_NESTING: usize = 16;
/// The most members that may be read in a row, as in `claims.a.b.c`.
pub(super) const MAX_CHAIN: usize = 16;

/// Refuses a text that is too long, too nested, or has too long a chain of members.
pub(super) fn scan(text: &str) -> Result<(), Fault> {
    if text.len() > MAX_BYTES {
        let message = format!(
            "the rule has {} bytes, at most {MAX_BYTES} are allowed",
            text.len()
        );
        return Err(Fault { at: 0..0, message });
    }
    let bytes = text.as_bytes();
    let (mut at, mut nesting, mut chain) = (0, 0_usize, 0_usize);
    while let Some(byte) = bytes.get(at) {
        let start = at;
        at += 1;
        match byte {
            b'(' | b'[' | b'{' => nesting += 1,
            b')' | b']' | b'}' => nesting = nesting.saturating_sub(1),
            b'\'' | b'"' => at = string_end(bytes, start),
            b'/' if bytes.get(at) == Some(&b'/') => at = line_end(bytes, at),
            _ => {}
        }
        match byte {
            b'.' => chain += 1,
            b'_' | b' ' | b'\t' | b'\r' | b'\n' => {}
            byte if byte.is_ascii_alphanumeric() => {}
            _ => chain = 0,
        }
        let message = if nesting > MAX_NESTING {
            format!("the rule nests brackets deeper than {MAX_NESTING}")
        } else if chain > MAX_CHAIN {
            format!("the rule reads more than {MAX_CHAIN} members in a row")
        } else {
            continue;
        };
        return Err(Fault {
            at: start..at,
            message,
        });
    }
    Ok(())
}

/// The end of the string literal whose quote stands at `start`.
pub(super) fn string_end(bytes: &[u8], start: usize) -> usize {
    let quote = bytes[start];
    let triple = bytes[start..].starts_with(&[quote; 3]);
    // In a raw string a backslash is a character like any other.
    let raw = start > 0 && matches!(bytes[start - 1], b'r' | b'R');
    let mut at = start + if triple { 3 } else { 1 };
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if !raw => at += 1,
            byte if byte != quote => {}
            _ if !triple => return at + 1,
            _ if bytes[at..].starts_with(&[quote; 3]) => return at + 3,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

pub(super) fn line_end(bytes: &[u8], start: usize) -> usize {
    bytes[start..]
        .iter()
        .position(|byte| *byte == b'\n')
        .map_or(bytes.len(), |n| start + n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cel_3_length_nesting_and_chains_are_limited() {
        let nested = |n| format!("{}true{}", "(".repeat(n), ")".repeat(n));
        let chain = |n| format!("claims{}", ".a".repeat(n));
        for good in [
            nested(16),
            chain(16),
            "a".repeat(1024),
            format!("'{}'", "(".repeat(100)),
            format!("r'\\' == '{}'", "[".repeat(100)),
            format!("'\\'{}'", "(".repeat(100)),
            format!("'''a'b{}'''", "(".repeat(100)),
            format!("true // {}", "(".repeat(100)),
            "claims.a.b && ".repeat(50) + "true",
        ] {
            assert_eq!(scan(&good), Ok(()), "{good}");
        }
        for bad in [
            nested(17),
            chain(17),
            "a".repeat(1025),
            "[(".repeat(9),
            " . a".repeat(17),
        ] {
            assert!(scan(&bad).is_err(), "{bad}");
        }
        assert_eq!(scan(&nested(20)).unwrap_err().at, 16..17);
    }
}
