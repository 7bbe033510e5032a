//! The claims that grant: what they give, and every form that is refused.

use serde_json::{Value, json};

use super::*;

fn grants(claims: Value) -> Result<Option<Grants>, String> {
    let claims = claims.as_object().unwrap().clone();
    Grants::of(&claims, &Patterns::default()).map_err(|fault| fault.to_string())
}

fn given(claims: Value, channel: &str) -> Vec<(Permission, String)> {
    let grants = grants(claims).unwrap().unwrap();
    let channel = ChannelName::parse(channel).unwrap();
    Permission::ALL
        .into_iter()
        .filter_map(|wanted| Some((wanted, grants.giving(&channel, wanted)?.to_string())))
        .collect()
}

#[test]
fn channels_and_subs_give_subscribe_and_nothing_else() {
    let subscribe = |name: &str| vec![(Permission::Subscribe, name.to_owned())];
    let channels = json!({"channels": ["news", "chat:a", "news"]});
    assert_eq!(given(channels.clone(), "news"), subscribe("token.channels"));
    assert_eq!(given(channels.clone(), "chat:b"), []);
    assert_eq!(grants(channels).unwrap().unwrap().channels().len(), 2);
    let subs = json!({"subs": {"chat:a": {}}, "channels": ["news"]});
    assert_eq!(given(subs.clone(), "chat:a"), subscribe("token.subs"));
    assert_eq!(given(subs, "news"), [], "subs stands in place of channels");
}

#[test]
fn of_caps_the_first_that_matches_decides() {
    let claims = json!({"caps": [
        {"channels": ["news", "user_42"], "allow": ["sub"]},
        {"channels": ["chat:*"], "match": "wildcard", "allow": ["sub", "pub", "prs", "hst"]},
        {"channels": ["^room:[0-9]+$", "^news$"], "match": "regex", "allow": ["sub", "pub"]},
    ]});
    let names = |channel: &str| {
        let given = given(claims.clone(), channel);
        given
            .into_iter()
            .map(|(p, name)| format!("{p} by {name}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(names("news"), ["subscribe by token.caps[0]"]);
    assert_eq!(
        names("chat:a"),
        [
            "subscribe by token.caps[1]",
            "publish by token.caps[1]",
            "history by token.caps[1]",
            "presence by token.caps[1]"
        ]
    );
    assert_eq!(
        names("room:7"),
        ["subscribe by token.caps[2]", "publish by token.caps[2]"]
    );
    assert!(names("room:7a").is_empty() && names("user_4").is_empty());
    assert!(names("chats:a").is_empty());
}

#[test]
fn a_token_without_grants_has_none() {
    for nothing in [
        json!({}),
        json!({"channels": null, "subs": null, "caps": null}),
        json!({"channels": [], "caps": []}),
        json!({"subs": {}, "channels": ["news"]}),
    ] {
        assert!(grants(nothing).unwrap().is_none());
    }
}

#[test]
fn options_of_a_server_side_subscription() {
    let of = |options: Value| {
        let grants = grants(json!({"subs": {"news": options}})).unwrap().unwrap();
        grants.channels()[0].join_leave
    };
    assert!(!of(json!({})) && !of(json!({"override": null, "info": 1, "b64data": "e30="})));
    assert!(of(
        json!({"override": {"force_push_join_leave": {"value": true}}})
    ));
    assert!(!of(json!({"override": {
        "force_push_join_leave": {"value": false}, "presence": {"value": true},
        "force_positioning": {"value": true}, "force_recovery": {"value": false},
    }})));
}

#[test]
fn chan_4_every_form_that_is_refused() {
    let cap = |cap: Value| json!({ "caps": [cap] });
    let many = vec!["^a$"; 17];
    for (claims, told) in [
        (json!({"channels": "news"}), "channels must be a list"),
        (json!({"channels": [7]}), "channels[0] must be a string"),
        (
            json!({"channels": ["news", "chat:"]}),
            "channels[1] is no channel name",
        ),
        (
            json!({"channels": ["dm:#bob,alice"]}),
            "channels[0] is no channel name",
        ),
        // It is not looked at beside `subs`, but it is as wrong as it was.
        (
            json!({"channels": 1, "subs": {}}),
            "channels must be a list",
        ),
        (json!({"subs": ["news"]}), "subs must be an object"),
        (json!({"subs": {"": {}}}), "subs has a name"),
        (
            json!({"subs": {"news": null}}),
            "whose options are no object",
        ),
        (
            json!({"subs": {"news": {"expire_at": 1}}}),
            "an option that there is not",
        ),
        (
            json!({"subs": {"news": {"override": 1}}}),
            "an override that is no object",
        ),
        (
            json!({"subs": {"news": {"override": {"x": {"value": true}}}}}),
            "that there is not",
        ),
        (
            json!({"subs": {"news": {"override": {"presence": true}}}}),
            "without a value",
        ),
        (
            json!({"subs": {"news": {"override": {"presence": {"value": false}}}}}),
            "presence or join_leave with false",
        ),
        (json!({"caps": {}}), "caps must be a list"),
        (json!({"caps": ["news"]}), "caps[0] must be an object"),
        (
            cap(json!({"channels": ["news"]})),
            "caps[0].allow must be a list",
        ),
        (
            cap(json!({"allow": ["sub"]})),
            "caps[0].channels must be a list",
        ),
        (
            cap(json!({"channels": ["news"], "allow": ["all"]})),
            "caps[0].allow has a word",
        ),
        (
            cap(json!({"channels": ["news"], "allow": [true]})),
            "caps[0].allow has a word",
        ),
        (
            cap(json!({"channels": ["a:"], "allow": []})),
            "caps[0].channels[0] is no channel",
        ),
        (
            cap(json!({"channels": ["news"], "allow": ["sub"], "until": 1})),
            "caps[0] has a member that there is not",
        ),
        (
            cap(json!({"channels": ["*"], "match": "glob", "allow": ["sub"]})),
            "caps[0].match is neither",
        ),
        (
            cap(json!({"channels": ["*"], "match": null, "allow": ["sub"]})),
            "caps[0].match is neither",
        ),
        (
            cap(json!({"channels": ["ch at:*"], "match": "wildcard", "allow": ["sub"]})),
            "caps[0].channels[0] could never be",
        ),
        (
            cap(json!({"channels": ["^a$", "("], "match": "regex", "allow": ["sub"]})),
            "caps[0].channels[1] is no regular expression",
        ),
        (
            cap(json!({"channels": many, "match": "regex", "allow": ["sub"]})),
            "caps[0].channels[16] is one regular expression more",
        ),
    ] {
        let fault = grants(claims.clone()).unwrap_err();
        assert!(fault.contains(told), "{claims}: {fault}");
    }
}

#[test]
fn a_fault_repeats_nothing_of_the_token() {
    let secret = json!({"caps": [{"channels": ["(hunter2"], "match": "regex", "allow": []}]});
    assert!(!grants(secret).unwrap_err().contains("hunter2"));
}

#[test]
fn a_subscription_grant_is_for_one_user_and_one_channel() {
    let user = |name: &str| UserId::parse(name).unwrap();
    let channel = |name: &str| ChannelName::parse(name).unwrap();
    let allow = Permissions::of_claim(&json!(["pub"])).unwrap();
    let grant = SubscriptionGrant::new(user("alice"), channel("news"), allow);
    let gives =
        |who: &str, what: &str, wanted| grant.giving(&user(who), &channel(what), wanted).is_some();
    assert!(gives("alice", "news", Permission::Subscribe));
    assert!(gives("alice", "news", Permission::Publish));
    assert!(!gives("alice", "news", Permission::Presence));
    assert!(!gives("alice", "news:a", Permission::Subscribe));
    assert!(!gives("bob", "news", Permission::Subscribe));
}
