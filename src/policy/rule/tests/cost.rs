//! CEL-3: what a rule may cost, in stack and in time.

use std::thread;
use std::time::Duration;

use super::*;

/// What aborts the process, or hangs, when it is handed to the parser on a small stack.
#[test]
fn cel_3_malicious_rules_are_refused() {
    let repeat = |part: &str, n: usize| part.repeat(n);
    for text in [
        format!("claims{}", repeat(".a", 5000)),
        format!("claims{}", repeat(".a", 400)),
        format!("claims.teams{}", repeat("[0]", 300)),
        format!("{}true{}", repeat("(", 20), repeat(")", 20)),
        format!("{}true{}", repeat("(", 5000), repeat(")", 5000)),
        format!("{}1{}", repeat("[", 20), repeat("]", 20)),
        format!("{}user{}", repeat("size(", 20), repeat(")", 20)),
        format!("{}true", repeat("true ? true : ", 70)),
        format!("{}1 == 1", repeat("1+", 400)),
        format!("{}true", repeat("true && ", 120)),
        format!("claims.a{} == 1", repeat(".a()", 200)),
        repeat("'", 1001),
        repeat("(", 1024),
        repeat("a?(", 300),
        repeat("{", 1024),
        repeat("a{", 500),
        repeat("]", 1024),
        repeat(".", 1024),
        "claims.teams.all(a, claims.teams.all(b, true))".to_owned(),
        "claims.teams.all(a, claims.teams.exists(b, claims.teams.all(c, true)))".to_owned(),
        "claims.teams.map(a, a).map(a, a + a).size() == 1".to_owned(),
        "claims.teams.filter(a, true).exists(a, a == 'x')".to_owned(),
        "[1].all(a, [1].map(b, b) == [1])".to_owned(),
    ] {
        let told = faults(&text);
        assert!(!told.is_empty(), "{text}");
    }
    // The parser folds these into one sign, or none: long, but harmless.
    assert_eq!(
        run(&format!("{}1 == 1", repeat("-", 1000)), json!({})),
        Ok(true)
    );
    assert_eq!(
        run(&format!("{}true", repeat("!", 1000)), json!({})),
        Ok(true)
    );
}

#[test]
fn cel_3_a_macro_walks_64_elements_at_most() {
    let list = |n: usize| json!({"teams": vec!["red"; n]});
    let text = "claims.teams.all(t, t == 'red')";
    assert_eq!(run(text, list(64)), Ok(true));
    let error = run(text, list(65)).unwrap_err();
    assert!(error.contains("64 elements, not 65"), "{error}");
    let text = "(claims.teams + claims.teams).exists(t, t == 'red')";
    assert!(run(text, list(33)).is_err());
    let wide: serde_json::Map<_, _> = (0..65).map(|n| (n.to_string(), json!(n))).collect();
    assert!(run("claims.org.exists(k, k == '1')", json!({"org": wide})).is_err());
    let parts = format!("team:{}", vec!["p"; 65].join(":"));
    assert!(run_in("channel.parts.all(p, p == 'p')", json!({}), &parts).is_err());
}

#[test]
fn cel_3_the_worst_rule_and_the_worst_claims_take_bounded_time() {
    let teams: Vec<_> = (0..64).map(|n| format!("{n:080}")).collect();
    let claim = json!({"teams": teams, "role": "a".repeat(1000)});
    let body = vec!["t in claims.teams"; 18].join(" && ");
    let text = format!("claims.teams.all(t, {body})");
    let started = tokio::time::Instant::now();
    assert_eq!(run(&text, claim.clone()), Ok(true));
    let sum = vec!["claims.role"; 16].join("+");
    let text = format!("claims.teams.all(t, size({sum}) == 16000 && ({sum}).contains(t))");
    assert_eq!(run(&text, claim), Ok(false));
    // It takes some 20 ms in a debug build; the bound only has to tell that from a hang.
    assert!(
        started.elapsed() < Duration::from_secs(30),
        "{:?}",
        started.elapsed()
    );
}

/// Evaluation happens on the stack of a worker thread, which has 2 MiB; a half of it must do, in a
/// debug build, where a level takes some 30 KiB.
#[test]
fn cel_3_the_deepest_rule_runs_on_a_small_stack() {
    let deepest = [
        format!("{}1 == 23", "1+".repeat(22)),
        format!("{}true", "true ? true : ".repeat(23)),
        format!("{}[1]{}[0] == 1 || true", "[".repeat(15), "]".repeat(15)),
        format!("{}user{} != ''", "string(".repeat(15), ")".repeat(15)),
        format!("claims.teams.all(t, {}1 == 21)", "1+".repeat(20)),
    ];
    let small = thread::Builder::new().stack_size(1024 * 1024);
    let outcome = small.spawn(move || {
        deepest
            .iter()
            .map(|text| run(text, json!({"teams": ["a"]})))
            .collect::<Vec<_>>()
    });
    let outcome = outcome.unwrap().join().unwrap();
    assert_eq!(outcome, vec![Ok(true); 5]);
    assert!(
        faults(&format!("{}1 == 25", "1+".repeat(24)))[0]
            .message
            .contains("levels deep")
    );
}

/// Compiling goes on a thread of its own, so that the caller's stack does not matter.
#[test]
fn cel_3_compiling_needs_no_stack_of_the_caller() {
    let small = thread::Builder::new().stack_size(64 * 1024);
    let text = format!("{}true{}", "(".repeat(16), ")".repeat(16));
    let compiled =
        small.spawn(move || Rule::compile("x", &text, &DeclaredClaims::default()).is_ok());
    assert!(compiled.unwrap().join().unwrap());
}
