//! What a rule could be by mistake: negated, without an operand, with another operator, constant,
//! and gone. By the text alone, so that it knows nothing of how rules are read.

/// Every way in which the rule is changed; `None` is without it.
pub fn mutants(rule: &str) -> Vec<Option<String>> {
    let rule = rule.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut found = match rule.as_str() {
        "true" => vec!["false".to_owned()],
        "false" => vec!["true".to_owned()],
        _ => vec![format!("!({rule})"), "true".to_owned(), "false".to_owned()],
    };
    found.extend(changed(&rule));
    found.into_iter().map(Some).chain([None]).collect()
}

/// The rule with one change somewhere inside.
fn changed(rule: &str) -> Vec<String> {
    let mut found = Vec::new();
    let (operator, operands) = split(rule);
    if operands.len() > 1 {
        for (number, operand) in operands.iter().enumerate() {
            let with = |operand: Option<&str>| {
                let mut operands = operands.clone();
                match operand {
                    Some(operand) => operands[number] = operand,
                    None => {
                        operands.remove(number);
                    }
                }
                join(operator, &operands)
            };
            match operator {
                // Of a choice, one of its branches stays.
                "?" if number == 0 => found.push(operands[1].to_owned()),
                "?" => found.push(operands[3 - number].to_owned()),
                _ => found.push(with(None)),
            }
            found.push(with(Some(&format!("!({operand})"))));
            found.extend(changed(operand).iter().map(|inner| with(Some(inner))));
        }
        match operator {
            "&&" => found.push(join("||", &operands)),
            "||" => found.push(join("&&", &operands)),
            _ => found.push(join("?", &[operands[0], operands[2], operands[1]])),
        }
    } else if let Some(inner) = rule.strip_prefix('!') {
        found.push(inner.to_owned());
        found.extend(changed(inner).iter().map(|inner| format!("!({inner})")));
    } else if let Some(inner) = bare(rule) {
        found.extend(changed(inner).iter().map(|inner| format!("({inner})")));
    }
    found
}

fn join(operator: &str, operands: &[&str]) -> String {
    let operands: Vec<String> = operands.iter().map(|o| format!("({o})")).collect();
    match (operator, operands.as_slice()) {
        ("?", [condition, yes, no]) => format!("{condition} ? {yes} : {no}"),
        _ => operands.join(&format!(" {operator} ")),
    }
}

/// What stands within brackets around the whole.
fn bare(rule: &str) -> Option<&str> {
    let inner = rule.trim().strip_prefix('(')?.strip_suffix(')')?;
    let mut depth = 0;
    for (_, character) in outside_strings(inner) {
        match character {
            '(' => depth += 1,
            ')' if depth == 0 => return None,
            ')' => depth -= 1,
            _ => {}
        }
    }
    Some(inner)
}

/// The operator that binds the least, and its operands.
fn split(rule: &str) -> (&'static str, Vec<&str>) {
    for operator in ["?", "||", "&&"] {
        let places = places(rule, operator);
        if places.is_empty() {
            continue;
        }
        let mut operands = Vec::new();
        let mut from = 0;
        for at in &places {
            operands.push(rule[from..*at].trim());
            from = at + operator.len();
        }
        operands.push(rule[from..].trim());
        if operator == "?" {
            let rest = operands.pop().unwrap_or_default();
            let at = places_of_colon(rest);
            operands.extend([rest[..at].trim(), rest[at + 1..].trim()]);
        }
        return (operator, operands);
    }
    ("", vec![rule])
}

/// Where the operator stands outside of brackets and strings.
fn places(rule: &str, operator: &str) -> Vec<usize> {
    let mut depth = 0;
    let mut found = Vec::new();
    for (at, character) in outside_strings(rule) {
        match character {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            _ if depth == 0 && rule[at..].starts_with(operator) => found.push(at),
            _ => {}
        }
    }
    found
}

fn places_of_colon(rule: &str) -> usize {
    places(rule, ":")[0]
}

fn outside_strings(rule: &str) -> Vec<(usize, char)> {
    let mut inside = false;
    let mut found = Vec::new();
    for (at, character) in rule.char_indices() {
        match character {
            '\'' => inside = !inside,
            _ if inside => {}
            _ => found.push((at, character)),
        }
    }
    found
}
