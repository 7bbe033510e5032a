//! Strict JSON (JWT-12, JWT-13, JWT-18).

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn refused(text: &str) -> Refusal {
    object(text.as_bytes()).expect_err(text)
}

#[test]
fn jwt_12_ordinary_objects_are_read_as_serde_json_reads_them() {
    for text in [
        "{}",
        " \t\r\n{ } \n",
        r#"{"a":1,"b":-1,"c":1.5,"d":"x\u0041","e":true,"f":null,"g":[1,[2]],"h":{"a":{"a":0}}}"#,
        r#"{"$serde_json::private::RawValue":"1","$serde_json::private::Number":"1"}"#,
    ] {
        let expected: Value = serde_json::from_str(text).unwrap_or(Value::Null);
        let read = Value::Object(object(text.as_bytes()).unwrap());
        if !text.contains("private") {
            assert_eq!(read, expected);
        } else {
            assert_eq!(read.as_object().unwrap().len(), 2);
        }
    }
}

#[test]
fn jwt_12_a_member_twice_is_refused_at_every_depth_and_with_escapes() {
    for text in [
        r#"{"role":"user","role":"admin"}"#,
        r#"{"role":"admin","role":"user"}"#,
        r#"{"sub":"a","s\u0075b":"a"}"#,
        r#"{"\u0073ub":"a","sub":"b"}"#,
        r#"{"a":{"b":{"c":1,"c":1}}}"#,
        r#"{"a":[{"b":1},{"b":1,"b":2}]}"#,
        r#"{"":1,"":2}"#,
    ] {
        assert_eq!(refused(text), Refusal::TokenMemberRepeated, "{text}");
    }
    assert!(object(br#"{"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}],"A":1}"#).is_ok());
}

#[test]
fn jwt_11_what_is_not_one_object() {
    for text in [
        "",
        " ",
        "null",
        "1",
        "\"x\"",
        "[]",
        "[{}]",
        "{",
        "{}{}",
        "{},",
        "{}x",
        "{'a':1}",
        "{\"a\":1,}",
        "{\"a\" 1}",
        "{a:1}",
        "{\"a\":01}",
        "{\"a\":NaN}",
        "{\"a\":1e400}",
        "{\"a\":-1e400}",
        "{\"a\":+1}",
        "{\"a\":.5}",
        "{\"a\":\"\u{1}\"}",
        "{\"a\":\"\\ud800\"}",
        "\u{feff}{}",
        "{}\0",
    ] {
        assert_eq!(refused(text), Refusal::TokenMalformed, "{text:?}");
    }
    assert_eq!(object(b"{\"a\":\"\xff\"}"), Err(Refusal::TokenMalformed));
}

#[test]
fn jwt_18_depth_and_number_of_members_are_bounded() {
    let nested = |open: &str, close: &str, depth: usize| {
        format!("{{\"a\":{}0{}}}", open.repeat(depth), close.repeat(depth))
    };
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        assert!(object(nested(open, close, MAX_DEPTH - 1).as_bytes()).is_ok());
        assert_eq!(
            refused(&nested(open, close, MAX_DEPTH)),
            Refusal::TokenTooComplex
        );
        assert_eq!(
            refused(&nested(open, close, 1_000)),
            Refusal::TokenTooComplex
        );
    }
    let wide = |members: usize| {
        let members: Vec<_> = (0..members).map(|n| format!("\"{n}\":0")).collect();
        format!("{{{}}}", members.join(","))
    };
    assert!(object(wide(MAX_MEMBERS).as_bytes()).is_ok());
    assert_eq!(refused(&wide(MAX_MEMBERS + 1)), Refusal::TokenTooComplex);
    let list = format!("{{\"a\":[{}]}}", vec!["0"; MAX_MEMBERS].join(","));
    assert_eq!(refused(&list), Refusal::TokenTooComplex);
    assert!(object(format!("{{\"{}\":1}}", "k".repeat(6_000)).as_bytes()).is_ok());
}

#[test]
fn jwt_15_the_untrusted_issuer_is_one_string() {
    assert_eq!(
        untrusted_issuer(br#"{"a":{"iss":"x"},"iss":"https://a/"}"#).unwrap(),
        "https://a/"
    );
    assert_eq!(untrusted_issuer(br#"{"\u0069ss":"\u0061"}"#).unwrap(), "a");
    for (text, refusal) in [
        (r#"{}"#, Refusal::TokenIssuerUnknown),
        (r#"{"iss":1}"#, Refusal::TokenIssuerUnknown),
        (r#"{"iss":null}"#, Refusal::TokenIssuerUnknown),
        (r#"{"iss":{}}"#, Refusal::TokenIssuerUnknown),
        (r#"{"iss":["https://a/"]}"#, Refusal::TokenIssuerUnknown),
        (r#"{"iss":"a","iss":"a"}"#, Refusal::TokenMemberRepeated),
        (
            r#"{"iss":"a","i\u0073s":"b"}"#,
            Refusal::TokenMemberRepeated,
        ),
        (r#"["https://a/"]"#, Refusal::TokenMalformed),
        (r#"{"iss":"a"}x"#, Refusal::TokenMalformed),
        (r#"{"iss":"a""#, Refusal::TokenMalformed),
        (r#""iss""#, Refusal::TokenMalformed),
    ] {
        assert_eq!(untrusted_issuer(text.as_bytes()), Err(refusal), "{text}");
    }
    let deep = format!(
        "{{\"a\":{}{},\"iss\":\"a\"}}",
        "[".repeat(2_000),
        "]".repeat(2_000)
    );
    let _ = untrusted_issuer(deep.as_bytes());
}

#[test]
fn raw_members_keep_their_text() {
    let text = br#"{ "x":1, "info" : {"b": 1.50, "a":[ ]} }"#;
    assert_eq!(
        raw_member(text, "info").unwrap().get(),
        r#"{"b": 1.50, "a":[ ]}"#
    );
    assert!(raw_member(text, "data").is_none());
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        "\\PC{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("\\PC{0,4}", inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    /// JWT-12: what has no fault is read as it is, whatever it is.
    #[test]
    fn jwt_12_reading_is_what_serde_json_reads(value in any_json()) {
        let text = json!({ "value": value }).to_string();
        let again: Value = serde_json::from_str(&text).unwrap();
        match object(text.as_bytes()) {
            Ok(read) => prop_assert_eq!(Value::Object(read), again),
            Err(refusal) => prop_assert_eq!(refusal, Refusal::TokenTooComplex),
        }
    }

    /// No bytes make it panic, and nothing that serde_json refuses is taken.
    #[test]
    fn jwt_12_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let read = object(&bytes);
        let _ = untrusted_issuer(&bytes);
        if serde_json::from_slice::<Map<String, Value>>(&bytes).is_err() {
            prop_assert!(read.is_err());
        }
    }
}
