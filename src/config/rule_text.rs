//! From a place inside a rule's text to the place in the file: past the quotes, the escapes and
//! the lines of the TOML string that holds the rule.

use std::ops::Range;

/// Where `inside`, a byte range of the decoded string, stands within `token`, the string as it is
/// written with its quotes. `None` when `token` is not a whole string.
pub(super) fn locate(token: &str, inside: &Range<usize>) -> Option<Range<usize>> {
    let mut written = Written::new(token)?;
    let mut decoded = 0;
    let mut start = None;
    while let Some((raw, length)) = written.next() {
        decoded += length;
        if start.is_none() && decoded > inside.start {
            start = Some(raw.start);
        }
        if let Some(start) = start
            && decoded >= inside.end
        {
            return Some(start..raw.end);
        }
    }
    // A place at the very end of the rule, or behind it: the closing quote.
    let start = start.unwrap_or(written.end);
    Some(start..written.end.max(start))
}

/// Each character of the decoded string: its byte there, and its byte within `token`.
pub(super) fn characters(token: &str) -> Vec<(usize, usize)> {
    let Some(mut written) = Written::new(token) else {
        return Vec::new();
    };
    let (mut decoded, mut found) = (0, Vec::new());
    while let Some((raw, length)) = written.next() {
        if length > 0 {
            found.push((decoded, raw.start));
        }
        decoded += length;
    }
    found
}

/// Walks over a TOML string as it is written, one character of the value at a time.
struct Written<'t> {
    token: &'t str,
    at: usize,
    /// Where the closing quotes begin.
    end: usize,
    has_escapes: bool,
}

impl<'t> Written<'t> {
    fn new(token: &'t str) -> Option<Written<'t>> {
        let (quotes, has_escapes) = match token.as_bytes().first()? {
            b'"' => (if token.starts_with("\"\"\"") { 3 } else { 1 }, true),
            b'\'' => (if token.starts_with("'''") { 3 } else { 1 }, false),
            _ => return None,
        };
        let end = token
            .len()
            .checked_sub(quotes)
            .filter(|end| *end >= quotes)?;
        let body = token.get(quotes..end)?;
        // A newline right behind the opening quotes is not part of the value.
        let skipped = match quotes {
            3 if body.starts_with("\r\n") => 2,
            3 if body.starts_with('\n') => 1,
            _ => 0,
        };
        Some(Written {
            token,
            at: quotes + skipped,
            end,
            has_escapes,
        })
    }

    /// The next character as it is written, and how many bytes it is in the value.
    fn next(&mut self) -> Option<(Range<usize>, usize)> {
        let rest = self.token.get(self.at..self.end)?;
        let first = rest.chars().next()?;
        let (written, decoded) = match first {
            '\\' if self.has_escapes => escape(rest),
            character => (character.len_utf8(), character.len_utf8()),
        };
        let raw = self.at..self.at + written.max(1);
        self.at = raw.end;
        Some((raw, decoded))
    }
}

/// How long an escape is as written, and in the value.
fn escape(rest: &str) -> (usize, usize) {
    let hex = |digits: usize| {
        let code = rest
            .get(2..2 + digits)
            .and_then(|hex| u32::from_str_radix(hex, 16).ok());
        (
            2 + digits,
            code.and_then(char::from_u32).map_or(1, char::len_utf8),
        )
    };
    match rest.chars().nth(1) {
        Some('x') => hex(2),
        Some('u') => hex(4),
        Some('U') => hex(8),
        // A backslash at the end of a line swallows all white space up to the next character.
        Some(c) if c.is_ascii_whitespace() => {
            let text = rest[1..].trim_start_matches([' ', '\t', '\n', '\r']);
            (rest.len() - text.len(), 0)
        }
        Some(c) => (1 + c.len_utf8(), 1),
        None => (1, 1),
    }
}

#[cfg(test)]
mod tests {
    use toml::de::DeValue;

    use super::*;

    /// Each character of the value is found where it is written.
    fn check(token: &str, written: &[&str]) {
        let value = DeValue::parse(token).unwrap().into_inner();
        let value = value.as_str().unwrap();
        assert_eq!(value.chars().count(), written.len(), "{token}");
        for ((at, character), wanted) in value.char_indices().zip(written) {
            let found = locate(token, &(at..at + character.len_utf8())).unwrap();
            assert_eq!(&token[found], *wanted, "{token} at {at}");
        }
    }

    #[test]
    fn each_kind_of_string() {
        check("\"aüb\"", &["a", "ü", "b"]);
        check("'a\\b'", &["a", "\\", "b"]);
        check("\"\"\"\na\nb\"\"\"", &["a", "\n", "b"]);
        check("'''\r\na'b'''", &["a", "'", "b"]);
        check("'''a\r\nb'''", &["a", "\r", "\n", "b"]);
    }

    #[test]
    fn escapes() {
        check("\"\\\"x\\\\\"", &["\\\"", "x", "\\\\"]);
        check(
            "\"\\u00fcx\\U0001F600y\\x41\"",
            &["\\u00fc", "x", "\\U0001F600", "y", "\\x41"],
        );
        check("\"\"\"a \\\n\n   b\"\"\"", &["a", " ", "b"]);
    }

    #[test]
    fn ranges_and_the_end() {
        let token = "\"claims.admin &&\"";
        assert_eq!(&token[locate(token, &(7..12)).unwrap()], "admin");
        assert_eq!(locate(token, &(15..15)), Some(16..16));
        assert_eq!(locate(token, &(0..99)), Some(1..16));
        assert_eq!(locate(token, &(98..99)), Some(16..16));
        assert_eq!(locate("\"ab\"", &(0..0)), Some(1..2));
    }

    #[test]
    fn what_is_no_string_has_no_places() {
        for token in ["", "true", "\"", "'''", "\"\"\"\"", "ü"] {
            assert_eq!(locate(token, &(0..1)), None, "{token}");
        }
    }
}
