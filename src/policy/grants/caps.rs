//! One object of the claim `caps`: channels, and what may be done with them.

use std::sync::Arc;

use regex::bytes::Regex;

use super::Permissions;
use crate::policy::{ChannelName, Permission};

/// Channels, and what may be done with them.
#[derive(Debug)]
pub(super) struct Cap {
    name: Arc<str>,
    channels: Channels,
    allow: Permissions,
}

/// Which channels a cap is for.
#[derive(Debug)]
pub(super) enum Channels {
    /// These.
    Exact(Box<[ChannelName]>),
    /// Those that fit one of these, in which `*` stands for any run of characters.
    Wildcard(Box<[Box<str>]>),
    /// Those in which one of these finds something.
    Regex(Box<[Arc<Regex>]>),
}

impl Cap {
    /// The object at `index`.
    pub(super) fn new(index: usize, channels: Channels, allow: Permissions) -> Cap {
        Cap {
            name: format!("token.caps[{index}]").into(),
            channels,
            allow,
        }
    }

    pub(super) fn name(&self) -> &Arc<str> {
        &self.name
    }

    pub(super) fn allows(&self, wanted: Permission) -> bool {
        self.allow.has(wanted)
    }

    pub(super) fn matches(&self, channel: &ChannelName) -> bool {
        let text = channel.as_str();
        match &self.channels {
            Channels::Exact(names) => names.contains(channel),
            Channels::Wildcard(patterns) => patterns.iter().any(|pattern| fits(pattern, text)),
            Channels::Regex(patterns) => patterns.iter().any(|p| p.is_match(text.as_bytes())),
        }
    }
}

/// Whether the whole text fits. The pieces between the stars are looked for one behind the other,
/// each as early as it stands, so that nothing is ever tried again.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    let Some(mut text) = text
        .strip_prefix(first)
        .and_then(|text| text.strip_suffix(last))
    else {
        return false;
    };
    for piece in middle.split('*') {
        match text.find(piece) {
            Some(at) => text = &text[at + piece.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::fits;

    #[test]
    fn a_star_stands_for_any_run() {
        for (pattern, text, expected) in [
            ("chat:*", "chat:a", true),
            ("chat:*", "chat:a:b", true),
            ("chat:*", "chat:", true),
            ("chat:*", "chats:a", false),
            ("chat:*", "a-chat:a", false),
            ("*", "", true),
            ("*", "#alice", true),
            ("**", "x", true),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("*:red:*", "team:red:ops", true),
            ("*:red:*", "team:blue:ops", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*bc*bc", "abc", false),
            ("chat.a", "chat:a", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }

    /// Slow, and from the definition.
    fn fits_slowly(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), _) => {
                fits_slowly(rest, text)
                    || text
                        .split_first()
                        .is_some_and(|(_, t)| fits_slowly(pattern, t))
            }
            (Some((p, pattern)), Some((t, text))) => p == t && fits_slowly(pattern, text),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn it_is_what_the_definition_says(pattern in "[ab*]{0,6}", text in "[ab]{0,8}") {
            let slowly = fits_slowly(pattern.as_bytes(), text.as_bytes());
            prop_assert_eq!(fits(&pattern, &text), slowly);
        }
    }
}
