//! What goes to the terminal: one line a time, plain, with nothing in it that a terminal obeys.
//!
//! All text passes through [`clean`] here, at the last moment, so that no caller can forget it.

use std::io::{self, Write};

use crate::clock::{Clock, UnixSeconds};

/// Prints whole lines, each with the time of day.
pub(super) struct Printer<W> {
    out: W,
    clock: Clock,
}

impl<W: Write> Printer<W> {
    pub(super) fn new(out: W, clock: Clock) -> Printer<W> {
        Printer { out, clock }
    }

    /// Prints a line and lets it go at once: whoever reads a pipe should not wait for the next one.
    pub(super) fn line(&mut self, text: &str) -> io::Result<()> {
        let line = format!("{} {}\n", time_of_day(self.clock.now()), clean(text));
        self.out.write_all(line.as_bytes())?;
        self.out.flush()
    }
}

/// The time of day in UTC, as in RFC 3339.
fn time_of_day(now: UnixSeconds) -> String {
    let seconds = now.0 % (24 * 60 * 60);
    format!(
        "{:02}:{:02}:{:02}Z",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// Replaces what a terminal would obey, or what would make a line read differently than it is,
/// by escapes in JSON's way, so that JSON stays the JSON that it was.
pub(in crate::cli) fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    for character in text.chars() {
        if is_harmless(character) {
            cleaned.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                cleaned.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    cleaned
}

/// Control characters (C0, DEL, C1) drive terminals; line separators and the marks that turn the
/// direction of text around make one line look like another.
fn is_harmless(character: char) -> bool {
    !character.is_control()
        && !matches!(
            character,
            '\u{61c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
                | '\u{feff}'
        )
}

/// JSON on one line: raw control characters in it can only be white space between its tokens.
pub(super) fn json_on_one_line(json: &str) -> String {
    json.replace(['\n', '\r', '\t'], " ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_has_the_time_and_ends() {
        let mut printer = Printer::new(Vec::new(), Clock::manual(UnixSeconds(1_790_003_661)));
        printer
            .line("chat:general alice {\"text\":\"h\u{e4} \u{1f44b}\"}")
            .unwrap();
        let line = "15:14:21Z chat:general alice {\"text\":\"h\u{e4} \u{1f44b}\"}\n";
        assert_eq!(String::from_utf8(printer.out).unwrap(), line);
    }

    #[test]
    fn what_a_terminal_obeys_is_escaped() {
        for (raw, cleaned) in [
            ("\u{1b}]0;owned\u{7}", "\\u001b]0;owned\\u0007"),
            ("\u{9b}2J", "\\u009b2J"),
            ("a\rb\nc\td\u{8}", "a\\u000db\\u000ac\\u0009d\\u0008"),
            ("\u{7f}", "\\u007f"),
            ("abc\u{202e}txt", "abc\\u202etxt"),
            ("\u{2028}\u{2066}", "\\u2028\\u2066"),
            ("plain \\u001b \"x\"", "plain \\u001b \"x\""),
        ] {
            assert_eq!(clean(raw), cleaned);
        }
    }

    #[test]
    fn cleaned_json_is_the_same_json() {
        let raw = "{\n\t\"text\": \"\u{9b}\u{202e}\u{feff}\"\r\n}";
        let shown = clean(&json_on_one_line(raw));
        assert!(shown.is_ascii() && !shown.contains('\n'));
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(value(raw), value(&shown));
    }

    proptest! {
        #[test]
        fn nothing_that_is_printed_is_obeyed(text in any::<String>()) {
            let cleaned = clean(&text);
            prop_assert!(cleaned.chars().all(|c| !c.is_control() && is_harmless(c)));
            prop_assert_eq!(clean(&cleaned), cleaned);
        }
    }
}
