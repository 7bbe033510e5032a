//! How deep a JSON text nests, found by one scan before any parser sees it.
//!
//! The scan knows strings and nothing else of JSON. Where the text is not JSON the answer may be
//! wrong, which is harmless: the parser refuses it.

/// Whether objects and arrays nest at most `max` levels.
pub(super) fn is_within(text: &[u8], max: usize) -> bool {
    let mut depth = 0usize;
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'{' | b'[' => {
                depth += 1;
                if depth > max {
                    return false;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => skip_string(&mut bytes),
            _ => {}
        }
    }
    true
}

/// Moves behind the quote that ends the string; an escaped one does not.
fn skip_string(bytes: &mut std::slice::Iter<'_, u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => {
                bytes.next();
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_in_strings_do_not_count() {
        assert!(is_within(br#"{"a":"[[[[{{{{","b\"[":"\\"}"#, 1));
        assert!(!is_within(br#"{"a\\":[1]}"#, 1));
        assert!(is_within(br#"[[],[],[[]]]"#, 3));
        assert!(!is_within(br#"[[],[],[[]]]"#, 2));
        assert!(is_within(b"1", 0));
    }

    // WS-11: the parser's own limit of 128 is never what stands between a frame and the stack.
    #[test]
    fn a_million_brackets_are_refused_at_the_limit() {
        assert!(!is_within("[".repeat(1_000_000).as_bytes(), 32));
    }
}
