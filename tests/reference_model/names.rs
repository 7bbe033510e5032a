//! Channel names, read as the design writes them: `namespace:part:part#user,user`.

/// A name taken apart.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Name {
    pub text: String,
    /// `None` for names without one; `Some("")` for personal channels.
    pub namespace: Option<String>,
    pub parts: Vec<String>,
    pub users: Vec<String>,
}

impl Name {
    pub(crate) fn is_personal(&self) -> bool {
        self.namespace.as_deref() == Some("")
    }

    /// What rules read as `channel.namespace`.
    pub(crate) fn word(&self) -> &str {
        match self.namespace.as_deref() {
            None => "default",
            Some("") => "personal",
            Some(namespace) => namespace,
        }
    }
}

/// 1 to 255 bytes of printable ASCII; at most one `#`, and behind it users, sorted and unique;
/// before it the text up to the first `:` is the namespace, the rest are parts.
pub(crate) fn read(text: &str) -> Option<Name> {
    let printable = text.chars().all(|c| ('!'..='~').contains(&c));
    if text.is_empty() || text.len() > 255 || !printable {
        return None;
    }
    let pieces: Vec<&str> = text.split('#').collect();
    let users: Vec<String> = match pieces.as_slice() {
        [_] => Vec::new(),
        [_, users] => users.split(',').map(str::to_owned).collect(),
        _ => return None,
    };
    let mut sorted = users.clone();
    sorted.sort();
    sorted.dedup();
    let usable = |user: &String| !user.is_empty() && user.len() <= 128;
    if sorted != users || !users.iter().all(usable) {
        return None;
    }
    let front: Vec<String> = pieces[0].split(':').map(str::to_owned).collect();
    let (namespace, parts) = match front.as_slice() {
        // `#alice`: exactly one user.
        [nothing] if nothing.is_empty() => {
            if users.len() != 1 {
                return None;
            }
            (Some(String::new()), Vec::new())
        }
        [part] => (None, vec![part.clone()]),
        [namespace, parts @ ..] => {
            // `dm:#alice,bob`: a channel with users needs no part.
            let none = parts == [String::new()] && !users.is_empty();
            let parts = if none { Vec::new() } else { parts.to_vec() };
            if namespace.is_empty() || parts.iter().any(String::is_empty) {
                return None;
            }
            (Some(namespace.clone()), parts)
        }
        [] => return None,
    };
    Some(Name {
        text: text.to_owned(),
        namespace,
        parts,
        users,
    })
}
