use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

fn name(text: &str) -> ChannelName {
    ChannelName::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault}"))
}

fn shape(text: &str) -> (String, Vec<String>, Vec<String>) {
    let name = name(text);
    (
        format!("{:?}", name.namespace()),
        name.parts().map(str::to_owned).collect(),
        name.users().map(str::to_owned).collect(),
    )
}

#[test]
fn chan_1_every_accepted_form() {
    let named = |namespace: &str| format!("Named({namespace:?})");
    for (text, namespace, parts, users) in [
        ("chat:general", named("chat"), vec!["general"], vec![]),
        ("team:red:ops", named("team"), vec!["red", "ops"], vec![]),
        ("#alice", "Personal".into(), vec![], vec!["alice"]),
        ("#urn:x:1", "Personal".into(), vec![], vec!["urn:x:1"]),
        ("dm:#alice,bob", named("dm"), vec![], vec!["alice", "bob"]),
        (
            "case:4711#alice,bob",
            named("case"),
            vec!["4711"],
            vec!["alice", "bob"],
        ),
        ("news", "Default".into(), vec!["news"], vec![]),
        ("x#alice", "Default".into(), vec!["x"], vec!["alice"]),
        ("a,b", "Default".into(), vec!["a,b"], vec![]),
        ("chat:a,b", named("chat"), vec!["a,b"], vec![]),
        ("$chat:secret", named("$chat"), vec!["secret"], vec![]),
        ("%23alice", "Default".into(), vec!["%23alice"], vec![]),
        // Well formed; that no such namespace can be configured is the decision's business (102).
        ("personal:x", named("personal"), vec!["x"], vec![]),
        ("default:x", named("default"), vec!["x"], vec![]),
    ] {
        let (got_namespace, got_parts, got_users) = shape(text);
        assert_eq!(got_namespace, namespace, "{text}");
        assert_eq!(got_parts, parts, "{text}");
        assert_eq!(got_users, users, "{text}");
        assert_eq!(name(text).is_private(), !users.is_empty(), "{text}");
        assert_eq!(name(text).is_personal(), namespace == "Personal", "{text}");
    }
}

#[test]
fn chan_1_chan_2_every_refused_form() {
    let not_canonical = |canonical: &str| NameFault::NotCanonical {
        canonical: canonical.to_owned(),
    };
    let long_user = format!("dm:#{}", "a".repeat(129));
    for (text, fault) in [
        ("", NameFault::Empty),
        (&*"a".repeat(256), NameFault::TooLong { bytes: 256 }),
        ("chat:a b", NameFault::NotPrintable { at: 6 }),
        ("#alice\n", NameFault::NotPrintable { at: 6 }),
        ("#alice ", NameFault::NotPrintable { at: 6 }),
        (" #alice", NameFault::NotPrintable { at: 0 }),
        ("#alice\0", NameFault::NotPrintable { at: 6 }),
        ("a\u{7f}", NameFault::NotPrintable { at: 1 }),
        ("#\u{430}lice", NameFault::NotPrintable { at: 1 }),
        ("\u{ff03}alice", NameFault::NotPrintable { at: 0 }),
        (":", NameFault::EmptyNamespace),
        (":a", NameFault::EmptyNamespace),
        (":#alice", NameFault::EmptyNamespace),
        ("chat:", NameFault::EmptyPart),
        ("chat::a", NameFault::EmptyPart),
        ("chat:a:", NameFault::EmptyPart),
        ("chat:a::b", NameFault::EmptyPart),
        ("case:a:#alice", NameFault::EmptyPart),
        ("case::#alice", NameFault::EmptyPart),
        ("#", NameFault::EmptyUser),
        ("dm:#", NameFault::EmptyUser),
        ("dm:a#", NameFault::EmptyUser),
        ("dm:#alice,", NameFault::EmptyUser),
        ("dm:#,alice", NameFault::EmptyUser),
        ("dm:#alice,,bob", NameFault::EmptyUser),
        ("#alice,", NameFault::EmptyUser),
        ("#,alice", NameFault::EmptyUser),
        ("#alice#bob", NameFault::SecondHash),
        ("dm:#alice#", NameFault::SecondHash),
        ("##", NameFault::SecondHash),
        ("#alice,bob", NameFault::PersonalOfSeveral),
        (
            &long_user,
            NameFault::User(UserIdFault::TooLong { bytes: 129 }),
        ),
        ("dm:#bob,alice", not_canonical("dm:#alice,bob")),
        ("dm:#alice,alice", not_canonical("dm:#alice")),
        ("dm:#b,a,b", not_canonical("dm:#a,b")),
        ("case:1#b,a", not_canonical("case:1#a,b")),
        ("#alice,alice", not_canonical("#alice")),
        // By byte: upper case before lower case.
        ("dm:#alice,Bob", not_canonical("dm:#Bob,alice")),
    ] {
        assert_eq!(ChannelName::parse(text).err(), Some(fault), "{text:?}");
    }
}

#[test]
fn chan_2_the_message_names_the_right_channel() {
    let fault = ChannelName::parse("dm:#bob,alice").unwrap_err();
    assert!(fault.to_string().contains("dm:#alice,bob"), "{fault}");
}

#[test]
fn chan_2_users_are_compared_as_whole_ids() {
    let dm = name("dm:#alice,bob");
    for (user, named) in [
        ("alice", true),
        ("bob", true),
        ("alic", false),
        ("alice2", false),
        ("Alice", false),
    ] {
        assert_eq!(dm.names(&UserId::parse(user).unwrap()), named, "{user}");
    }
}

#[test]
fn a_name_is_found_by_its_text() {
    let map = HashMap::from([(name("chat:a"), 1)]);
    assert_eq!(map.get("chat:a"), Some(&1));
}

fn user() -> impl Strategy<Value = String> {
    "[!-\"$-+\\--~]{1,40}"
}

/// Names that parse, mostly: built from their parts, users sorted and unique.
fn canonical() -> impl Strategy<Value = String> {
    let users = prop::collection::btree_set(user(), 1..4)
        .prop_map(|set| set.into_iter().collect::<Vec<_>>().join(","));
    let word = "[!-\"$-9;-~]{1,12}";
    prop_oneof![
        user().prop_map(|user| format!("#{user}")),
        word.prop_map(|part| part),
        (word, prop::collection::vec(word, 1..4))
            .prop_map(|(namespace, parts)| format!("{namespace}:{}", parts.join(":"))),
        (word, prop::collection::vec(word, 0..4), users).prop_map(
            |(namespace, parts, users)| format!("{namespace}:{}#{users}", parts.join(":"))
        ),
    ]
}

proptest! {
    #[test]
    fn chan_1_canonical_names_parse_and_print_the_same(text in canonical()) {
        prop_assume!(text.len() <= ChannelName::MAX_BYTES);
        let parsed = name(&text);
        prop_assert_eq!(parsed.to_string(), text);
        prop_assert_eq!(name(parsed.as_str()), parsed);
    }

    #[test]
    fn chan_1_whatever_parses_is_printed_and_rebuilt_from_its_parts(text in "[ -~]{0,24}") {
        if let Ok(parsed) = ChannelName::parse(&text) {
            let users = parsed.users().collect::<Vec<_>>().join(",");
            let parts = parsed.parts().collect::<Vec<_>>().join(":");
            let hash = if parsed.is_private() { "#" } else { "" };
            let rebuilt = match parsed.namespace() {
                Namespace::Named(namespace) => format!("{namespace}:{parts}{hash}{users}"),
                Namespace::Default | Namespace::Personal => format!("{parts}{hash}{users}"),
            };
            prop_assert_eq!(&rebuilt, &text);
            prop_assert_eq!(parsed.as_str(), text);
        }
    }

    /// JWT-17, CHAN-3: every user id has one personal channel, and every personal channel one user.
    #[test]
    fn jwt_17_user_and_personal_channel_are_a_bijection(sub in "[ -~]{1,140}") {
        if let Ok(user) = UserId::parse(&sub) {
            let personal = ChannelName::personal(&user);
            prop_assert_eq!(&name(personal.as_str()), &personal);
            prop_assert!(personal.is_personal());
            prop_assert_eq!(personal.users().collect::<Vec<_>>(), [user.as_str()]);
        } else if let Ok(channel) = ChannelName::parse(&format!("#{sub}")) {
            prop_assert!(false, "{} is a personal channel of nobody", channel);
        }
    }

    #[test]
    fn chan_2_an_error_suggests_a_name_that_parses(users in prop::collection::vec("[a-d]{1,2}", 2..6)) {
        let text = format!("dm:#{}", users.join(","));
        match ChannelName::parse(&text) {
            Ok(parsed) => prop_assert_eq!(parsed.as_str(), text),
            Err(NameFault::NotCanonical { canonical }) => {
                prop_assert_eq!(name(&canonical).to_string(), canonical);
            }
            Err(other) => prop_assert!(false, "{}", other),
        }
    }
}
