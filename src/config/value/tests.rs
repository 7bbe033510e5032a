use super::*;

fn value(text: &'static str) -> DeValue<'static> {
    DeValue::parse(text).unwrap().into_inner()
}

#[test]
fn sizes_have_binary_units() {
    let size = size(0..=usize::MAX);
    for (text, bytes) in [
        ("0", 0),
        ("4096", 4096),
        ("\"64KiB\"", 65_536),
        ("\"1 MiB\"", 1_048_576),
        ("\"2GiB\"", 2_147_483_648),
    ] {
        assert_eq!(size(&value(text)), Ok(bytes), "{text}");
    }
    for text in [
        "-1",
        "\"\"",
        "\"64\"",
        "\"64KB\"",
        "\"64kib\"",
        "\"KiB\"",
        "\"99999999999GiB\"",
        "1.5",
    ] {
        assert!(size(&value(text)).is_err(), "{text}");
    }
}

#[test]
fn sizes_are_shown_as_they_are_written() {
    for size in [0, 1, 1000, 1024, 1536, 65_536, 1 << 20, 3 << 30] {
        let shown = show_size(size);
        assert_eq!(
            parse_size(&shown).or(shown.parse().ok()),
            Some(size),
            "{shown}"
        );
    }
}

#[test]
fn durations_are_shown_as_they_are_written() {
    for (seconds, wanted) in [
        (0, "0s"),
        (30, "30s"),
        (90, "90s"),
        (120, "2m"),
        (86_400, "24h"),
        (31_536_000, "365d"),
    ] {
        let shown = show_duration(Duration::from_secs(seconds));
        assert_eq!(shown, wanted);
        assert_eq!(
            humantime::parse_duration(&shown),
            Ok(Duration::from_secs(seconds))
        );
    }
    assert_eq!(show_duration(Duration::from_millis(1500)), "1s 500ms");
}

#[test]
fn ranges_hold_at_both_ends() {
    let number = integer(1..=3);
    assert_eq!(number(&value("1")), Ok(1));
    assert_eq!(number(&value("0x3")), Ok(3));
    for text in ["0", "4", "-1", "99999999999999999999", "1.0", "\"1\""] {
        assert!(number(&value(text)).is_err(), "{text}");
    }
    let wait = duration(Duration::ZERO..=Duration::from_secs(300));
    assert_eq!(wait(&value("\"5m\"")), Ok(Duration::from_secs(300)));
    assert_eq!(wait(&value("\"0s\"")), Ok(Duration::ZERO));
    for text in ["\"5m 1s\"", "30", "\"30\"", "\"-1s\"", "\"soon\""] {
        assert!(wait(&value(text)).is_err(), "{text}");
    }
}

#[test]
fn a_network_may_be_one_address_but_not_all_of_them() {
    let parsed = |text| network(&value(text)).map(|network| network.to_string());
    assert_eq!(parsed("\"10.1.2.3/8\""), Ok("10.0.0.0/8".to_owned()));
    assert_eq!(parsed("\"192.0.2.7\""), Ok("192.0.2.7/32".to_owned()));
    assert_eq!(parsed("\"fd00::1\""), Ok("fd00::1/128".to_owned()));
    for text in [
        "\"0.0.0.0/0\"",
        "\"::/0\"",
        "\"10.0.0.0/33\"",
        "\"proxy\"",
        "10",
    ] {
        assert!(parsed(text).is_err(), "{text}");
    }
}

#[test]
fn a_rule_is_text() {
    let misfit = rule(&value("true")).unwrap_err();
    assert_eq!(misfit.message, "must be a rule in quotes, and is a boolean");
    assert_eq!(
        misfit.help.unwrap(),
        "write \"true\"; without a rule, it is denied"
    );
}

#[test]
fn a_misspelt_choice_is_guessed() {
    let mode = choice(&[("refuse", 1), ("close", 2)]);
    assert_eq!(mode(&value("\"close\"")), Ok(2));
    let misfit = mode(&value("\"refuze\"")).unwrap_err();
    assert_eq!(misfit.message, "must be \"refuse\" or \"close\"");
    assert_eq!(misfit.help.unwrap(), "did you mean \"refuse\"?");
}
