//! CEL-2: rules that are refused, and those that get a warning.

use super::super::Fault;
use super::*;

#[test]
fn cel_2_the_table_of_bad_rules() {
    let mut wrong = Vec::new();
    for (text, at, part) in [
        ("", "", "ends too early"),
        ("claims.muted &&", "", "cannot be read"),
        ("user = 'alice'", "=", "`==` compares"),
        (
            "user im claims.teams",
            "im claims",
            "found `im` where an operator or the end was expected",
        ),
        ("user == 'a' 'b'", "'b'", "between two values stands"),
        (
            "user == 'a' && )",
            ")",
            "found `)` where a value was expected",
        ),
        ("(user == 'a'", "", "it ends too early: `)` is missing"),
        (
            "user == 'a' &&",
            "",
            "it ends too early: a value is missing",
        ),
        (
            "channel.parts[0 == 'a'",
            "",
            "it ends too early: `]` is missing",
        ),
        ("'a", "'", "closing quote is missing"),
        (
            "user ==  'a' im 'b'",
            "im",
            "(the parser: mismatched input 'im')",
        ),
        ("user == 'a' & true", "&", "write `&&`"),
        ("'é' == user && )", ")", "cannot be read"),
        ("'unterminated", "'", "cannot be read"),
        ("1", "1", "gives a number"),
        ("'true'", "'true'", "gives a string"),
        ("user", "user", "gives a string"),
        ("claims", "claims", "gives a map"),
        ("claims.teams", "claims.teams", "gives a list"),
        ("now", "now", "gives a timestamp"),
        ("null", "null", "gives null"),
        (
            "user == 'x' ? 1 : 2",
            "user == 'x' ? 1 : 2",
            "gives a number",
        ),
        ("user == 'x' ? true : 2", "?", "one branch"),
        ("1 ? true : false", "1", "takes a bool"),
        ("usr == 'x'", "usr", "did you mean `user`"),
        ("t == 'x'", "t", "no variable `t`"),
        ("int == 1", "int", "no variable `int`"),
        ("channel.parts.exists(t, t == x)", "x", "no variable `x`"),
        (
            "channel.parts.exists(t, true) && t == 'x'",
            "t ==",
            "no variable `t`",
        ),
        ("channel == 'x'", "channel", "no value by itself"),
        ("channel['name'] == 'x'", "channel", "no value by itself"),
        ("connection.ip == 'x'", "ip", "no member `ip`"),
        ("channel.part[0] == 'x'", "part", "did you mean `parts`"),
        ("channel.name.first == 'x'", "first", "no member `first`"),
        ("has(channel.name)", "name)", "always there"),
        ("claims.teams.red", "red", "a list has no member"),
        ("claims.muted.x", "x", "a bool has no member"),
        ("!user", "user", "takes a bool"),
        ("claims.muted && claims.role", "claims.role", "takes a bool"),
        ("claims.level || true", "claims.level", "takes a bool"),
        ("claims.role == 1", "==", "never equal"),
        ("claims.teams == 'red'", "==", "never equal"),
        ("claims.muted == null", "==", "never equal"),
        ("claims.teams > 1", ">", "no order"),
        ("'red' in claims.role", "in", "contains"),
        ("1 in channel.parts", "in", "never in a list of strings"),
        ("claims.role + 1 == 'x'", "+", "cannot be applied"),
        ("claims.teams['a'] == 1", "'a'", "indexed by a number"),
        ("user[0] == 'a'", "[", "cannot be indexed"),
        ("lower(user) == 'a'", "lower", "no function"),
        (
            "user.startWith('a')",
            "startWith",
            "did you mean `startsWith`",
        ),
        ("startsWith(user, 'a')", "startsWith", "is a method"),
        ("user.string() == 'a'", "string", "is no method"),
        ("user.startsWith(1)", "1", "does not take a number"),
        ("user.startsWith()", "startsWith", "takes 1 argument,"),
        ("channel.parts.contains('a')", "contains", "element in list"),
        ("claims.teams.exists(t)", "exists", "takes a name"),
        ("claims.teams.exists(user, true)", "(", "cannot bind `user`"),
        ("user.exists(c, true)", "user", "walks a list or a map"),
        (
            "claims.teams.map(t, t)",
            "claims.teams.map(t, t)",
            "gives a list",
        ),
        ("channel.parts.exists(t, t)", "t)", "takes a bool"),
        ("has(user)", "", ""),
        ("optional.of(true).value()", "optional", "no variable"),
        ("claims.?muted == true", "", "cannot be read"),
        ("type(user) == string", "type", "no function"),
        ("dyn(true)", "dyn", "no function"),
        ("@matches(user, 'x')", "@", "cannot be read"),
        ("Room{name: 'x'} == 1", "", "cannot make such a value"),
        (
            "user.matches(claims.role)",
            "claims.role",
            "must be a literal",
        ),
        ("user.matches('(')", "'('", "not usable"),
        ("user.matches('\\\\w{1000}')", "'\\\\w{1000}'", "not usable"),
    ] {
        let faults = faults(text);
        let good = |fault: &&Fault| {
            fault.message.contains(part)
                && text.get(fault.at.clone()).is_some()
                && text[fault.at.start..].starts_with(at)
        };
        if !faults.iter().any(|fault| good(&fault)) {
            wrong.push(format!("{text}: {faults:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn cel_2_all_faults_of_a_rule_are_told_at_once() {
    let faults = faults("usr == 'a' && channel.nam == 'b' && lower(user) == 'c'");
    assert_eq!(faults.len(), 3, "{faults:?}");
}

#[test]
fn cel_2_an_undeclared_claim_is_a_warning() {
    let warned = warnings("claims.team == 'red' && claims.team != 'blue'");
    assert_eq!(warned.len(), 1);
    assert!(warned[0].contains("did you mean `teams`"), "{warned:?}");
    assert_eq!(warnings("claims['nothing'] == 1").len(), 1);
    assert_eq!(
        warnings("!has(claims.other) || !claims.other"),
        Vec::<String>::new()
    );
    assert_eq!(
        warnings("claims.teams == [] && !claims.muted"),
        Vec::<String>::new()
    );
}
