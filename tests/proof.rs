//! Policy that can be proved: `explain`, what `check` says of expectations, and rules in the
//! shadow of others, by the program itself.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends where something is wrong"
)]

mod support;

use std::fs;
use std::process::{Command, Output};

use serde_json::{Value, json};
use support::{Gateway, Setup, token_with};
use tempfile::TempDir;

const CONFIG: &str = r#"
[listen]
public = "127.0.0.1:0"

[tls]
certificate = "not-here.pem"
key = "not-here.key"

[door]
origins = ["https://app.example.com"]

[[issuer]]
name = "main"
issuer = "https://auth.example.com/"
audience = ["gatepost"]
algorithms = ["HS256"]
secret_env = "NOT_SET_ANYWHERE"
user_prefix = "m/"

[claims]
teams = []
muted = false

[room.team]
subscribe = "channel.parts[0] in claims.teams"
publish = """
channel.parts[0] in claims.teams
  && !claims.muted"""

[room.night]
subscribe = "now.getHours() < 6 && connection.origin == ''"
"#;

const EXPECTED: &str = r#"
[[expect]]
claims = { sub = "m/bob", teams = ["red"] }
channel = "team:red"
permission = ["subscribe", "publish"]
decision = "allow"

[[expect]]
claims = { sub = "m/bob", teams = ["red"], muted = true }
channel = "team:red"
permission = "publish"
decision = "deny"
by = "room.team.publish"
"#;

/// A folder with configs, in which the program is run.
struct Folder(TempDir);

impl Folder {
    fn with(config: &str) -> Folder {
        let folder = Folder(TempDir::new().unwrap());
        folder.write("gatepost.toml", config);
        folder
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).unwrap();
    }

    fn run(&self, words: &[&str]) -> Ran {
        let output = Command::new(env!("CARGO_BIN_EXE_gatepost"))
            .args(words)
            .current_dir(self.0.path())
            .output()
            .unwrap();
        Ran(output)
    }

    fn explain(&self, more: &[&str]) -> Ran {
        self.run(&[&["explain", "--config", "gatepost.toml"], more].concat())
    }

    fn check(&self, more: &[&str]) -> Ran {
        self.run(&[&["check", "--config", "gatepost.toml", "--rules"], more].concat())
    }
}

struct Ran(Output);

impl Ran {
    fn code(&self) -> i32 {
        self.0.status.code().unwrap()
    }

    fn out(&self) -> String {
        String::from_utf8(self.0.stdout.clone()).unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.0.stdout).unwrap()
    }
}

const BOB: &str = r#"{"sub":"bob","teams":["red"],"muted":true}"#;

#[test]
fn explain_points_at_what_made_the_decision() {
    let folder = Folder::with(CONFIG);
    let publish = ["--channel", "team:red", "--permission", "publish"];
    let asked = [&["--claims", BOB, "--issuer", "main"], &publish[..]].concat();
    let denied = folder.explain(&asked);
    assert_eq!(denied.code(), 1);
    assert_eq!(
        denied.out(),
        "\
denied: publish on team:red for m/bob, by room.team.publish: the rule is false
  name     pass   the room is configured
  private  pass   the channel is not private
  deny     pass   there is no deny rule
  grants   pass   the token grants nothing
  rule     deny   the rule is false
                  room.team.publish  gatepost.toml:27:1
                    27:1     channel.parts[0] in claims.teams && !claims.muted = false
                    27:1     channel.parts[0] in claims.teams                  = true
                    27:1     channel.parts[0]                                  = \"red\"
                    27:1     channel.parts                                     = [\"red\"]
                    27:21    claims.teams                                      = [\"red\"]
                    28:6     !claims.muted                                     = false
                    28:7     claims.muted                                      = true
for the other answer: room.team.publish would have to be true, with `claims.muted` false
"
    );
    let json = folder.explain(&[&asked[..], &["--json"]].concat()).json();
    assert_eq!(json["decision"], "deny");
    assert_eq!(json["decided_by"], "room.team.publish");
    let rule = &json["steps"][4];
    let place = [&rule["file"], &rule["line"], &rule["column"]];
    assert_eq!(place, [&json!("gatepost.toml"), &json!(27), &json!(1)]);
    for name in ["step", "result", "rule", "values", "note"] {
        assert!(!rule[name].is_null(), "{name}");
    }
    let muted = &rule["values"][6];
    assert_eq!(
        *muted,
        json!({"text": "claims.muted", "line": 28, "column": 7, "value": true, "asked": true})
    );
}

/// An expired token of somebody whom the gateway would not let in can be asked about.
#[test]
fn explain_takes_a_token_at_its_word() {
    let folder = Folder::with(CONFIG);
    folder.write(
        "token",
        &token_with("bob", json!({"teams": ["red"], "exp": 1})),
    );
    let asked = ["--channel", "team:red", "--permission", "subscribe"];
    let allowed = folder.explain(&[&["--token-file", "token"], &asked[..]].concat());
    assert_eq!(allowed.code(), 0);
    let first =
        "allowed: subscribe on team:red for m/bob, by room.team.subscribe: the rule is true";
    assert_eq!(allowed.out().lines().next(), Some(first));
    folder.write(
        "token",
        &token_with("bob", json!({"iss": "https://other.example/"})),
    );
    let other = folder.explain(&[&["--token-file", "token"], &asked[..]].concat());
    assert_eq!(other.code(), 2);
}

#[test]
fn explain_says_once_that_the_door_would_take_no_such_claims() {
    let folder = Folder::with(CONFIG);
    for (claims, fault) in [
        (
            r#"{"sub":"gus","teams":"red"}"#,
            "the door would refuse this token: ",
        ),
        (r#"{"sub":"a,b"}"#, "the claim `sub` is no user: "),
        (r#"{"sub":7}"#, "the claim `sub` must be a string"),
        ("{}", "the claims need a `sub`"),
    ] {
        let ran = folder.explain(&[
            "--claims",
            claims,
            "--channel",
            "team:red",
            "--permission",
            "subscribe",
        ]);
        let told = String::from_utf8(ran.0.stderr.clone()).unwrap();
        assert_eq!(ran.code(), 2, "{told}");
        let (_, why) = told.split_once(fault).expect(&told);
        let why = why.trim_end();
        assert!(why.is_empty() || told.matches(why).count() == 1, "{told}");
    }
}

#[test]
fn explain_takes_the_connection_and_the_time() {
    let folder = Folder::with(CONFIG);
    let code = |more: &[&str]| {
        let asked = [
            "--claims",
            BOB,
            "--channel",
            "night:a",
            "--permission",
            "subscribe",
        ];
        folder.explain(&[&asked, more].concat()).code()
    };
    assert_eq!(code(&["--now", "2026-03-04T05:00:00Z"]), 0);
    assert_eq!(code(&["--now", "2026-03-04T06:00:00Z"]), 1);
    assert_eq!(code(&["--now", "2026-03-04T07:30:00+02:00"]), 0);
    let night = ["--now", "2026-03-04T05:00:00Z", "--connection"];
    let from = |connection| code(&[&night[..], &[connection]].concat());
    assert_eq!(from(r#"{"address":"192.0.2.7"}"#), 0);
    assert_eq!(from(r#"{"origin":"https://a.example"}"#), 1);
    assert_eq!(from(r#"{"port":7}"#), 2);
}

#[test]
fn check_needs_no_keys_to_prove_rules_and_says_so_when_they_are_asked_for() {
    let folder = Folder::with(&format!("{CONFIG}{EXPECTED}"));
    let rules = folder.check(&[]);
    assert_eq!(rules.out(), "gatepost.toml: good, 3 expectations hold\n");
    assert_eq!(rules.code(), 0);
    let whole = folder.run(&["check", "--config", "gatepost.toml"]);
    assert_eq!(whole.code(), 1);
    let out = whole.out();
    for missing in ["not-here.pem", "NOT_SET_ANYWHERE"] {
        assert!(out.contains(missing), "{out}");
    }
}

#[test]
fn an_expectation_that_fails_is_explained() {
    let wrong = EXPECTED.replace("\"deny\"", "\"allow\"");
    let folder = Folder::with(&format!("{CONFIG}{wrong}"));
    let failed = folder.check(&["--junit", "report.xml"]);
    assert_eq!(failed.code(), 1);
    let out = failed.out();
    for part in [
        "gatepost.toml:39:1: error: expected allow, but it is denied: publish on team:red for m/bob",
        "28:7     claims.muted",
        "for the other answer: room.team.publish would have to be true",
        "gatepost.toml: 1 fault, 1 of 3 expectations fail",
    ] {
        assert!(out.contains(part), "{part} is not in\n{out}");
    }
    let report = fs::read_to_string(folder.0.path().join("report.xml")).unwrap();
    for part in [
        "<testsuite name=\"gatepost.toml\" tests=\"3\" failures=\"1\" errors=\"0\">",
        "name=\"m/bob may subscribe team:red (gatepost.toml:33)\"/>",
        "<failure message=\"expected allow, but it is denied:",
    ] {
        assert!(report.contains(part), "{part} is not in\n{report}");
    }
    let json = folder.check(&["--json"]).json();
    assert_eq!(json["good"], false);
    assert_eq!(json["expectations"][2]["holds"], false);
    let explanation = &json["expectations"][2]["explanation"];
    assert_eq!(explanation["decided_by"], "room.team.publish");
}

/// What `serve` would refuse whatever the keys are, `--rules` refuses.
#[test]
fn check_without_keys_finds_every_fault_that_needs_none() {
    let issuer = |name: &str, more: &str| {
        format!(
            "[[issuer]]\nname = \"{name}\"\nissuer = \"https://{name}.example.com/\"\n\
             audience = [\"gatepost\"]\n{more}\n"
        )
    };
    let secret = "algorithms = [\"HS256\"]\nsecret_env = \"NOT_SET_ANYWHERE\"";
    let with = |issuers: &str| {
        let from = CONFIG.find("[[issuer]]").unwrap();
        let to = CONFIG.find("[claims]").unwrap();
        format!("{}{issuers}{}", &CONFIG[..from], &CONFIG[to..])
    };
    let prefix = "`user_prefix`: with more than one [[issuer]]";
    let cases = [
        (issuer("a", secret) + &issuer("b", secret), prefix),
        (
            [issuer("a", secret), issuer("a", secret)].concat(),
            "`name`: another [[issuer]] has this name",
        ),
        (
            [issuer("a", secret), issuer("a", secret)].concat(),
            "`issuer`: the [[issuer]] a has this iss too",
        ),
        (
            issuer("a", "discovery = true\nalgorithms = [\"HS256\"]"),
            "`algorithms`: HS256 needs a secret",
        ),
        (
            issuer("a", "public_key = \"none.pem\"\nalgorithms = [\"HS256\"]"),
            "`algorithms`: HS256 needs a secret",
        ),
        (
            issuer("a", "secret_file = \"none\"\nalgorithms = [\"ES256\"]"),
            "`algorithms`: ES256 needs a public key",
        ),
        (
            issuer("a", secret) + "[admin]\napi_key_env = \"not a name\"\n",
            "`api_key_env` takes the name of an environment variable",
        ),
        (
            issuer("a", secret) + "[admin]\nkey = 1\n",
            "there is no option `key` in [admin]",
        ),
    ];
    for (issuers, fault) in cases {
        let folder = Folder::with(&with(&issuers));
        for ran in [
            folder.check(&[]),
            folder.run(&["check", "--config", "gatepost.toml"]),
        ] {
            // A key that is not there hides nothing either.
            assert!(
                ran.out().contains(fault),
                "{fault} is not in\n{}",
                ran.out()
            );
            assert_eq!(ran.code(), 1);
        }
    }
    let folder = Folder::with(&CONFIG.replace("certificate = \"not-here.pem\"", "mode = \"of\""));
    let out = folder.check(&[]).out();
    assert!(out.contains("`mode`"), "{out}");
}

#[test]
fn coverage_tells_what_no_expectation_decides() {
    let folder = Folder::with(&format!("{CONFIG}{EXPECTED}"));
    let covered = folder.check(&["--coverage"]);
    assert_eq!(covered.code(), 0, "to look is no judgement");
    let out = covered.out();
    for gap in [
        "gatepost.toml:25:14: room.team.subscribe is never decided to be false",
        "gatepost.toml:27:1: `channel.parts[0] in claims.teams` in room.team.publish is never \
         decided to be false",
        "gatepost.toml:31:14: room.night.subscribe is never decided to be true nor false",
    ] {
        assert!(out.contains(gap), "{gap} is not in\n{out}");
    }
    assert!(
        !out.contains("`!claims.muted`"),
        "it is decided both ways:\n{out}"
    );
    let json = folder.check(&["--coverage", "--json"]).json();
    let percent = json["coverage"]["percent"].as_f64().unwrap();
    assert!((20.0..80.0).contains(&percent), "{percent}");
    let enough = format!("{}", percent.floor());
    assert_eq!(folder.check(&["--min-coverage", &enough]).code(), 0);
    assert_eq!(folder.check(&["--min-coverage", "80"]).code(), 1);
}

#[test]
fn against_an_older_config_it_tells_who_gains_and_who_loses() {
    let folder = Folder::with(&format!("{CONFIG}{EXPECTED}"));
    folder.write("old.toml", CONFIG);
    let same = folder.check(&["--against", "old.toml"]);
    assert_eq!(same.code(), 0, "{}", same.out());
    folder.write("old.toml", &CONFIG.replace("  && !claims.muted", ""));
    let stricter = folder.check(&["--against", "old.toml"]);
    assert_eq!(stricter.code(), 1);
    let out = stricter.out();
    assert!(out.contains("loses publish in team, "), "{out}");
    assert!(
        out.contains(": allowed by room.team.publish before, denied by "),
        "{out}"
    );
    assert!(!out.contains("gains"), "{out}");
    folder.write(
        "old.toml",
        &CONFIG.replace("!claims.muted", "!claims.muted && false"),
    );
    let json = folder.check(&["--against", "old.toml", "--json"]).json();
    let change = &json["against"]["changes"][0];
    assert_eq!(change["change"], "gains");
    assert_eq!(change["permission"], "publish");
    assert_eq!(change["example"]["channel"], "team:red");
    folder.write("old.toml", "[room.team]\nsubscribe = \"nonsense\"\n");
    let broken = folder.check(&["--against", "old.toml"]);
    assert_eq!(broken.code(), 1);
    assert!(broken.out().contains("old.toml:2:"), "{}", broken.out());
}

const PARTNER: &str = r#"
[[issuer]]
name = "partner"
issuer = "https://partner.example/"
audience = ["gatepost"]
algorithms = ["HS256"]
secret_env = "NOT_SET_ANYWHERE_EITHER"
user_prefix = "p/"
"#;

/// Claims that would grant, of a token whose issuer may have `grants = false`.
fn expected_of(sub: &str, iss: &str, decision: &str) -> String {
    format!(
        r#"
[[expect]]
claims = {{ sub = "{sub}", {iss} caps = [{{ channels = ["team:red"], allow = ["sub"] }}] }}
channel = "team:red"
permission = "subscribe"
decision = "{decision}"
"#
    )
}

/// What the door would not grant proves nothing, whoever asks.
#[test]
fn claims_grant_only_what_their_issuer_lets_them() {
    let silent = CONFIG.replace(
        "user_prefix = \"m/\"",
        "user_prefix = \"m/\"\ngrants = false",
    );
    let checked = |config: &str, expectation: &str| {
        let folder = Folder::with(&format!("{config}{expectation}"));
        let checked = folder.check(&[]);
        (checked.code(), checked.out())
    };
    let (code, out) = checked(&silent, &expected_of("m/bob", "", "deny"));
    assert_eq!(code, 0, "{out}");
    assert_eq!(checked(CONFIG, &expected_of("m/bob", "", "allow")).0, 0);

    // Of several, the one whose token it is decides: by `iss`, by its name, or by its prefix.
    let two = format!("{silent}{PARTNER}");
    let main = "iss = \"https://auth.example.com/\",";
    let partner = "iss = \"https://partner.example/\",";
    for (iss, decision) in [(main, "deny"), (partner, "allow")] {
        let (code, out) = checked(&two, &expected_of("bob", iss, decision));
        assert_eq!(code, 0, "{out}");
    }
    assert_eq!(checked(&two, &expected_of("p/bob", "", "allow")).0, 0);
    let named = format!("{}issuer = \"main\"", expected_of("bob", "", "deny"));
    assert_eq!(checked(&two, &named).0, 0);
    let (code, out) = checked(&two, &expected_of("bob", "", "deny"));
    assert_eq!(code, 1);
    assert!(out.contains("issuers differ in `grants`"), "{out}");
    assert!(out.contains("by `iss` in the claims"), "{out}");
    let (code, out) = checked(&two, &expected_of("bob", "iss = \"other\",", "deny"));
    assert_eq!(code, 1);
    assert!(out.contains("no [[issuer]]"), "{out}");
}

#[test]
fn explain_and_against_pass_over_what_the_issuer_does_not_let_grant() {
    let silent = CONFIG.replace(
        "user_prefix = \"m/\"",
        "user_prefix = \"m/\"\ngrants = false",
    );
    let folder = Folder::with(&silent);
    let caps = json!({"caps": [{"channels": ["team:red"], "allow": ["sub"]}]});
    folder.write("token", &token_with("bob", caps));
    let bob = r#"{"sub":"bob","caps":[{"channels":["team:red"],"allow":["sub"]}]}"#;
    for whose in [
        &["--token-file", "token"][..],
        &["--claims", bob, "--issuer", "main"],
        &["--claims", bob],
    ] {
        let asked = ["--channel", "team:red", "--permission", "subscribe"];
        let denied = folder.explain(&[whose, &asked].concat());
        assert_eq!(denied.code(), 1, "{}", denied.out());
        let note = String::from_utf8_lossy(&denied.0.stderr).into_owned();
        assert!(note.contains("grants = false"), "{note}");
    }

    let expectation = expected_of("m/bob", "", "deny");
    let folder = Folder::with(&format!("{silent}{expectation}"));
    folder.write("old.toml", CONFIG);
    let stricter = folder.check(&["--against", "old.toml"]);
    assert_eq!(stricter.code(), 1);
    let out = stricter.out();
    assert!(out.contains("loses subscribe in team, "), "{out}");
    assert!(out.contains("token.caps[0]"), "{out}");
    // What a grant decides covers nothing where it is none.
    let covered = folder.check(&["--coverage"]).out();
    assert!(
        covered.contains("room.team.subscribe is never decided to be true\n"),
        "{covered}"
    );
}

#[tokio::test]
async fn a_denied_command_is_explained_in_the_log_when_somebody_debugs() {
    for (level, explained) in [("debug", true), ("info", false)] {
        let log = format!("format = \"json\"\nlevel = \"{level}\"");
        let gateway = Gateway::with(&Setup {
            log: Some(&log),
            ..Setup::default()
        });
        let mut bob = gateway
            .client_with(&token_with("bob", json!({"teams": ["red"]})))
            .await;
        bob.error("subscribe", json!({"channel": "team:blue"}))
            .await;
        gateway.until_logged("permission denied").await;
        let logged = gateway.logged();
        let line = logged
            .lines()
            .find(|line| line.contains("permission denied"));
        let line: Value = serde_json::from_str(line.unwrap()).unwrap();
        let explanation = line["explanation"].as_str();
        assert_eq!(explanation.is_some(), explained);
        if let Some(text) = explanation {
            assert!(
                text.contains("channel.parts[0] in claims.teams = false"),
                "{text}"
            );
            assert!(text.contains("gatepost.toml:"), "{text}");
        }
    }
}

/// Rules in the shadow are counted, and never acted on.
#[tokio::test]
async fn shadow_rules_are_counted_and_decide_nothing() {
    let gateway = Gateway::with(&Setup {
        tables: "
[shadow.room.chat]
subscribe = \"'vip' in claims.teams\"
deny = \"claims.muted\"
",
        ..Setup::default()
    });
    let mut alice = gateway
        .client_with(&token_with("alice", json!({"teams": ["vip"]})))
        .await;
    let mut bob = gateway.client("bob").await;
    alice.subscribe("chat:a").await;
    bob.subscribe("chat:a").await;
    alice.publish("chat:a", json!("heard by both")).await;
    for client in [&mut alice, &mut bob] {
        assert_eq!(client.publication("chat:a").await["data"], "heard by both");
    }
    let counted = async |permission: &str, decision: &str, shadow: &str| {
        let labels = format!(
            "{{room=\"chat\",permission=\"{permission}\",decision=\"{decision}\",shadow=\"{shadow}\"}}"
        );
        gateway
            .metric(&format!("gatepost_shadow_decisions_total{labels}"))
            .await
    };
    assert_eq!(counted("subscribe", "allow", "allow").await, 1.0);
    assert_eq!(counted("subscribe", "allow", "deny").await, 1.0);
    assert_eq!(counted("publish", "allow", "allow").await, 1.0);
    // A room without candidates is not counted.
    alice.error("subscribe", json!({"channel": "team:x"})).await;
    let page = support::http::get_clear(gateway.admin, "/metrics")
        .await
        .body;
    assert!(!page.contains("room=\"team\""), "{page}");
}
