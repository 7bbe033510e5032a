//! The times of a token (JWT-13, JWT-14).

use super::*;

#[test]
fn jwt_13_times_are_numbers_from_0_to_2_53() {
    for name in ["exp", "nbf", "iat", "expire_at"] {
        for text in [
            "\"1790003600\"",
            "null",
            "true",
            "[1790003600]",
            "{}",
            "9007199254740993",
            "18446744073709551615",
            "18446744073709551616",
            "1e300",
        ] {
            assert_eq!(
                refused_text(name, text),
                Refusal::TokenTimesInvalid,
                "{name} {text}"
            );
        }
        assert_eq!(
            refused_text(name, "1e400"),
            Refusal::TokenMalformed,
            "{name}"
        );
    }
    for name in ["exp", "nbf", "iat"] {
        for text in ["-1", "-0.5", "-1e10", "-9223372036854775808"] {
            assert_eq!(
                refused_text(name, text),
                Refusal::TokenTimesInvalid,
                "{name} {text}"
            );
        }
    }
    assert_eq!(refused(&without("exp")), Refusal::TokenTimesInvalid);
    assert_eq!(refused_text("exp", "0"), Refusal::TokenExpired);
    assert_eq!(refused_text("exp", "-0.0"), Refusal::TokenExpired);
}

#[test]
fn jwt_13_fractions_are_cut_down_for_exp_and_up_for_nbf_and_iat() {
    let now = NOW.0 as f64;
    assert_eq!(
        accepted(&with("exp", json!(now + 1.9))).expires_at(),
        UnixSeconds(NOW.0 + 1)
    );
    assert_eq!(
        refused(&with("exp", json!(now + 0.9))),
        Refusal::TokenExpired
    );
    let exact = |settings: &mut IssuerSettings| settings.leeway = Duration::ZERO;
    let nbf = judged(&with("nbf", json!(now + 0.1)), exact).map(|_| ());
    assert_eq!(nbf, Err(Refusal::TokenNotYetValid));
    let iat = judged(&with("iat", json!(now + 0.1)), exact).map(|_| ());
    assert_eq!(iat, Err(Refusal::TokenIssuedInFuture));
    assert!(judged(&with("nbf", json!(now - 0.1)), exact).is_ok());
    assert_eq!(
        accepted(&with("exp", json!(1.790000001e9))).expires_at(),
        UnixSeconds(NOW.0 + 1)
    );
}

#[test]
fn jwt_13_a_token_lives_no_longer_than_its_issuer_may_grant() {
    let life = |seconds: u64| {
        let mut claims = with("exp", json!(NOW.0 + 60));
        claims["iat"] = json!(NOW.0 + 60 - seconds);
        claims
    };
    let day = 24 * 60 * 60;
    assert!(judged(&life(day), |_| {}).is_ok());
    assert_eq!(refused(&life(day + 1)), Refusal::TokenLivesTooLong);
    assert_eq!(
        refused(&with("exp", json!(1_u64 << 53))),
        Refusal::TokenLivesTooLong
    );
    let short = |settings: &mut IssuerSettings| settings.max_token_life = Duration::from_secs(600);
    assert!(judged(&life(600), short).is_ok());
    assert_eq!(
        judged(&life(601), short).map(|_| ()),
        Err(Refusal::TokenLivesTooLong)
    );
    // A fraction of a second too long is too long.
    let mut fraction = life(600);
    fraction["iat"] = json!((NOW.0 - 540) as f64 - 0.5);
    assert_eq!(
        judged(&fraction, short).map(|_| ()),
        Err(Refusal::TokenLivesTooLong)
    );

    assert_eq!(refused(&without("iat")), Refusal::TokenLivesTooLong);
    let lenient = |settings: &mut IssuerSettings| settings.iat_required = false;
    let identity = judged(&without("iat"), lenient).unwrap();
    assert_eq!(identity.issued_at(), None);
    assert_eq!(
        judged(&life(day + 1), lenient).map(|_| ()),
        Err(Refusal::TokenLivesTooLong)
    );
}

#[test]
fn jwt_14_one_second_around_each_edge() {
    let issuer = issuer();
    for leeway in [0, 30, 300] {
        let mut settings = issuer.settings();
        settings.leeway = Duration::from_secs(leeway);
        let at = |claims: &Value, now: u64| {
            verify_at(
                vec![settings.clone()],
                &issuer.sign(claims),
                UnixSeconds(now),
            )
            .map(|_| ())
        };
        let exp = NOW.0 + 3600;
        assert_eq!(at(&good_claims(), exp - 1), Ok(()));
        assert_eq!(at(&good_claims(), exp), Err(Refusal::TokenExpired));
        assert_eq!(at(&good_claims(), exp + 1), Err(Refusal::TokenExpired));

        let nbf = NOW.0 + 1000;
        let claims = with("nbf", json!(nbf));
        assert_eq!(
            at(&claims, nbf - leeway - 1),
            Err(Refusal::TokenNotYetValid)
        );
        assert_eq!(at(&claims, nbf - leeway), Ok(()));
        assert_eq!(at(&claims, nbf), Ok(()));

        assert_eq!(
            at(&good_claims(), NOW.0 - leeway - 1),
            Err(Refusal::TokenIssuedInFuture)
        );
        assert_eq!(at(&good_claims(), NOW.0 - leeway), Ok(()));
        assert_eq!(at(&good_claims(), 0), Err(Refusal::TokenIssuedInFuture));
    }
}

#[test]
fn expire_at_may_shorten_the_life_of_a_connection_and_never_lengthen_it() {
    let exp = NOW.0 + 3600;
    for (expire_at, ends) in [
        (json!(NOW.0 + 60), NOW.0 + 60),
        (json!(exp), exp),
        (json!(exp + 1), exp),
        (json!(0), exp),
        (json!(-1), exp),
    ] {
        let identity = accepted(&with("expire_at", expire_at.clone()));
        assert_eq!(identity.expires_at(), UnixSeconds(ends), "{expire_at}");
    }
    assert_eq!(
        refused(&with("expire_at", json!(NOW.0))),
        Refusal::TokenExpired
    );
}

fn any_json() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        (0.0..2e16).prop_map(|number: f64| json!(number)),
        (NOW.0 - 5..NOW.0 + 5).prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
        Just(json!([NOW.0 + 60])),
        Just(json!({ "exp": NOW.0 + 60 })),
        Just(json!((NOW.0 + 60).to_string())),
    ]
}

proptest! {
    /// JWT-13: whatever stands in `exp`, only a number of seconds that lies in the future opens
    /// the door, and the connection lives no longer than it says.
    #[test]
    fn jwt_13_exp_over_all_json_values(exp in any_json()) {
        let judged = judged(&with("exp", exp.clone()), |settings| {
            settings.max_token_life = Duration::MAX;
        });
        // serde_json reads a double exactly to its last bit only, which is a second near 2^53.
        let exp: Value = serde_json::from_str(&exp.to_string()).unwrap();
        let seconds = exp.as_f64().filter(|seconds| (0.0..=MAX_SECONDS as f64).contains(seconds));
        match (judged, seconds) {
            (Ok(identity), Some(seconds)) => {
                prop_assert!(identity.expires_at() > NOW);
                prop_assert!(identity.expires_at().0 as f64 <= seconds);
                prop_assert!(seconds - identity.expires_at().0 as f64 <= 1.0);
            }
            (Err(Refusal::TokenExpired), Some(seconds)) => {
                prop_assert!(seconds < (NOW.0 + 1) as f64);
            }
            (Err(Refusal::TokenTimesInvalid), seconds) => prop_assert!(
                seconds.is_none() || exp.as_u64().is_some_and(|whole| whole > MAX_SECONDS)
            ),
            (other, _) => prop_assert!(false, "{exp}: {other:?}"),
        }
    }
}
