//! CHAN-2: private channels, as a matrix and as properties.

use proptest::prelude::*;

use super::*;

/// CHAN-2, CHAN-4, CHAN-6, CHAN-7: every permission (subscribe, publish, history, presence) for a
/// user whom the channel names and for one whom it does not, on each kind of channel.
#[test]
fn chan_2_the_matrix_of_permissions_users_and_channels() {
    let policy = policy();
    for (channel, alice, carol) in [
        // A mailbox: all may write, by the rule; only its owner hears and reads it.
        ("#alice", "++++", "3+33"),
        ("#Alice", "3+33", "3+33"),
        // Private: no rule for subscribe is needed, and none opens it to others.
        ("dm:#alice,bob", "++++", "3333"),
        ("dm:#alice", "++++", "3333"),
        ("dm:x#alice,bob", "++++", "3333"),
        ("dm:#alic", "3333", "3333"),
        ("dm:#alice2,bob", "3333", "3333"),
        // A private namespace has no other channels.
        ("dm:general", "3333", "3333"),
        // A private channel whose room has a subscribe rule; no history, no presence there.
        ("case:4711#alice,bob", "+388", "3388"),
        ("case:4711", "3388", "3388"),
        // Private by its name in a room that is open to everybody.
        ("chat:#alice", "++++", "3333"),
        ("chat:general", "++++", "++++"),
        ("news", "+388", "+388"),
        ("x#alice", "+388", "3388"),
        // History follows subscribe.
        ("team:red", "+3+8", "3338"),
        ("team:blue", "3338", "3338"),
        ("log:a", "33+8", "33+8"),
        ("sealed:a", "++3+", "++3+"),
        ("bare:a", "3388", "3388"),
        ("bare:#alice", "+388", "3388"),
        // Unknown namespaces, and the two that no room can have.
        ("nowhere:a", "2222", "2222"),
        ("nowhere:#alice", "2222", "2222"),
        ("personal:x", "2222", "2222"),
        ("personal:#alice", "2222", "2222"),
        ("default:x", "2222", "2222"),
        ("default:#alice", "2222", "2222"),
    ] {
        let red = json!({"teams": ["red"]});
        assert_eq!(
            row(&policy, "alice", &red, channel),
            alice,
            "alice on {channel}"
        );
        assert_eq!(
            row(&policy, "carol", &json!({}), channel),
            carol,
            "carol on {channel}"
        );
    }
}

proptest! {
    /// CHAN-2: whatever the rules say, a private channel is closed to those whom it does not name,
    /// all but the mailbox.
    #[test]
    fn chan_2_no_rule_opens_a_private_channel(
        user in "[ab]{1,2}",
        users in prop::collection::btree_set("[ab]{1,2}", 1..4),
        personal in any::<bool>(),
        private in any::<bool>(),
        permission in prop::sample::select(Permission::ALL.to_vec()),
    ) {
        let room = || RoomSource { history_read: rule("true"), private, ..open() };
        let policy = compile(Some(room()), vec![("r", room())]);
        let users: Vec<_> = users.into_iter().collect();
        let (channel, named) = match personal {
            true => (format!("#{}", users[0]), users[0] == user),
            false => (format!("r:#{}", users.join(",")), users.contains(&user)),
        };
        let mailbox = personal && permission == Permission::Publish;
        let decision = decide(&policy, &user, json!({}), &channel, permission);
        prop_assert_eq!(decision.is_allowed(), named || mailbox, "{} on {}", user, channel);
    }

    /// Denied unless something allows: without rules, only what is private and one's own is open.
    #[test]
    fn without_rules_only_ones_own_can_be_subscribed_to(
        channel in "[a-c:#,]{1,8}",
        permission in prop::sample::select(Permission::ALL.to_vec()),
    ) {
        let Ok(parsed) = ChannelName::parse(&channel) else { return Ok(()) };
        let bare = || RoomSource { history: KEPT, ..RoomSource::default() };
        let policy = compile(Some(bare()), vec![("a", bare()), ("default", bare())]);
        let decision = decide(&policy, "a", json!({}), &channel, permission);
        let own = parsed.names(&UserId::parse("a").unwrap());
        let readable = matches!(permission, Permission::Subscribe | Permission::History);
        if decision.is_allowed() {
            prop_assert!(own && readable, "{} on {}", permission, channel);
        }
    }
}
