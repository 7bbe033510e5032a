//! From a rule's text to a [`Rule`], or to everything that is wrong with it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::thread;

use cel::common::ast::{CallExpr, EntryExpr, Expr, LiteralValue};
use cel::{IdedExpr, ParseErrors};

use super::check::{self, Checked};
use super::language::{ENVIRONMENT, MATCHES, PATTERN, Pattern, WALK};
use super::scan::scan;
use super::spans::Spans;
use super::tree::measure;
use super::{Body, Fault, Rule};
use crate::policy::claims::DeclaredClaims;

/// Large enough for whatever [`scan`] lets through, in a debug build as well (CEL-3).
const STACK_BYTES: usize = 32 * 1024 * 1024;
/// The parser's own limit of recursion.
const MAX_RECURSION: u16 = 48;
/// The most nodes of a parsed rule, macros expanded.
const MAX_NODES: usize = 200;
/// The deepest parsed rule: evaluation recurses as deep, on the small stack of a worker thread.
const MAX_DEPTH: usize = 24;

/// A good rule with its warnings, or everything that is wrong.
pub(in crate::policy) type Outcome = Result<(Rule, Vec<Fault>), Vec<Fault>>;

impl Rule {
    /// Reads, checks and prepares the rule called `name`.
    pub(in crate::policy) fn compile(name: &str, text: &str, claims: &DeclaredClaims) -> Outcome {
        scan(text).map_err(|fault| vec![fault])?;
        let unreadable = || {
            let message = "the rule cannot be read".to_owned();
            Err(vec![Fault {
                at: 0..text.len(),
                message,
            }])
        };
        thread::scope(|scope| {
            // A panic of the parser ends this thread and is a fault of the rule, no more.
            thread::Builder::new()
                .name("rule-compiler".to_owned())
                .stack_size(STACK_BYTES)
                .spawn_scoped(scope, || compile(name, text, claims))
                .map_or_else(
                    |_| unreadable(),
                    |thread| thread.join().unwrap_or_else(|_| unreadable()),
                )
        })
    }
}

fn compile(name: &str, text: &str, claims: &DeclaredClaims) -> Outcome {
    let (mut expression, places) = ENVIRONMENT
        .parser()
        .max_recursion_depth(MAX_RECURSION)
        .parse_with_source_info(text)
        .map_err(|errors| parse_faults(text, &errors))?;
    refuse_large(&expression, text)?;
    let spans = Spans::new(text, &places);
    let Checked {
        faults,
        warnings,
        reads_now,
        reads_claims,
    } = check::check(text, &spans, &expression, claims);
    if !faults.is_empty() {
        return Err(faults);
    }
    let mut parts = BTreeMap::new();
    spans.note(&expression, &mut parts);
    let body = match &expression.expr {
        Expr::Literal(LiteralValue::Boolean(value)) => Body::Constant(*value.inner()),
        _ => {
            let mut patterns = Vec::new();
            let place = |id| spans.token(id);
            prepare(&mut expression, &mut patterns, &place).map_err(|fault| vec![fault])?;
            Body::Expression {
                expression,
                patterns,
            }
        }
    };
    Ok((
        Rule {
            name: Arc::from(name),
            text: Arc::from(text),
            places: parts,
            body,
            reads_now,
            reads_claims,
        },
        warnings,
    ))
}

/// The parser's errors, with byte ranges; it counts lines and characters, from 1.
fn parse_faults(text: &str, errors: &ParseErrors) -> Vec<Fault> {
    let fault = |error: &cel::ParseError| {
        let line = usize::try_from(error.pos.0 - 1).unwrap_or(0);
        let column = usize::try_from(error.pos.1 - 1).unwrap_or(0);
        let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
        let rest = &text[start..];
        let start = start
            + rest
                .char_indices()
                .nth(column)
                .map_or(rest.len(), |(at, _)| at);
        let found = token_at(&text[start..]);
        let end = start + found.len();
        let message = error.msg.trim_start_matches("Syntax error: ");
        let message = said(message, found).replace(char::is_control, " ");
        Fault {
            at: start..end,
            message: format!("the rule cannot be read: {message}"),
        }
    };
    // What follows the first error is mostly its echo.
    errors.errors.iter().take(1).map(fault).collect()
}

/// What the parser says, so that a person can act on it, with its own words behind. What it says
/// of all that it could have borne is told in kinds: behind a value an operator or the end, in
/// front of one a value.
fn said(message: &str, found: &str) -> String {
    if message.contains("OtherError") {
        return "it nests too deep".to_owned();
    }
    let (detail, borne) = message.split_once(" expecting ").unwrap_or((message, ""));
    let wants_value = borne.contains("IDENTIFIER") && !borne.contains("<EOF>");
    let wants_operator = borne.contains("'&&'") || borne.contains("<EOF>");
    let is_no_token = detail.starts_with("token recognition error");
    let missing = detail
        .strip_prefix("missing ")
        .and_then(|missing| missing.split_once(" at "));
    let sentence = match (missing, found) {
        (Some((missing, _)), "") => {
            format!(
                "it ends too early: {} is missing",
                missing.replace('\'', "`")
            )
        }
        (Some((missing, _)), found) => {
            format!(
                "found `{found}` where {} was expected",
                missing.replace('\'', "`")
            )
        }
        (None, "") if wants_value => "it ends too early: a value is missing, such as `user`, \
             `claims.level` or 'red'"
            .to_owned(),
        (None, "") => "it ends too early".to_owned(),
        (None, "=") if is_no_token => {
            "found `=`, which is no operator: `==` compares, as in `user == 'alice'`".to_owned()
        }
        (None, "&" | "|") if is_no_token => {
            format!("found `{found}`, which is no operator: write `{found}{found}`")
        }
        (None, "'" | "\"") if is_no_token => {
            "found a text that does not end: its closing quote is missing".to_owned()
        }
        (None, found) if wants_operator => format!(
            "found `{found}` where an operator or the end was expected: between two values stands \
             one of `&&`, `||`, `==`, `!=`, `<`, `in` and so on, as in \
             `channel.parts[0] in claims.teams && !claims.muted`"
        ),
        (None, found) if wants_value => format!(
            "found `{found}` where a value was expected, such as `user`, `claims.level` or 'red'"
        ),
        (None, found) => format!("found `{found}`, which cannot stand here"),
    };
    format!("{sentence} (the parser: {detail})")
}

/// The word, the operator or the character that a text begins with; of a string its quote.
fn token_at(text: &str) -> &str {
    const OPERATORS: [&str; 6] = ["&&", "||", "==", "!=", "<=", ">="];
    let word = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let operator = OPERATORS
        .iter()
        .find(|operator| text.starts_with(**operator));
    let length = match (word.unwrap_or(text.len()), operator) {
        (0, Some(operator)) => operator.len(),
        (0, None) => text.chars().next().map_or(0, char::len_utf8),
        (word, _) => word,
    };
    &text[..length]
}

fn refuse_large(expression: &IdedExpr, text: &str) -> Result<(), Vec<Fault>> {
    let (nodes, depth) = measure(expression);
    let message = if nodes > MAX_NODES {
        format!("the rule has {nodes} nodes, at most {MAX_NODES} are allowed")
    } else if depth > MAX_DEPTH {
        format!("the rule is {depth} levels deep, at most {MAX_DEPTH} are allowed")
    } else {
        return Ok(());
    };
    Err(vec![Fault {
        at: 0..text.len(),
        message,
    }])
}

/// Puts in what rules cannot write themselves: bounded walks, and patterns that are compiled now.
fn prepare(
    expression: &mut IdedExpr,
    patterns: &mut Vec<Pattern>,
    place: &dyn Fn(u64) -> Range<usize>,
) -> Result<(), Fault> {
    let id = expression.id;
    match &mut expression.expr {
        Expr::Call(call) => {
            if let Some(target) = &mut call.target {
                prepare(target, patterns, place)?;
            }
            if call.func_name == check::MATCHES && call.target.is_some() {
                return use_pattern(call, patterns, place);
            }
            for argument in &mut call.args {
                prepare(argument, patterns, place)?;
            }
        }
        Expr::Select(select) => prepare(&mut select.operand, patterns, place)?,
        Expr::List(list) => {
            for element in &mut list.elements {
                prepare(element, patterns, place)?;
            }
        }
        Expr::Comprehension(comprehension) => {
            let comprehension = &mut **comprehension;
            prepare(&mut comprehension.iter_range, patterns, place)?;
            prepare(&mut comprehension.loop_step, patterns, place)?;
            let range = std::mem::take(&mut comprehension.iter_range);
            let walk = CallExpr {
                func_name: WALK.to_owned(),
                target: None,
                args: vec![range],
            };
            comprehension.iter_range = IdedExpr {
                id,
                expr: Expr::Call(walk),
            };
        }
        Expr::Map(map) => {
            for entry in &mut map.entries {
                if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                    prepare(&mut entry.key, patterns, place)?;
                    prepare(&mut entry.value, patterns, place)?;
                }
            }
        }
        Expr::Struct(_) | Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => {}
    }
    Ok(())
}

/// Turns `text.matches('pattern')` into `@matches(text, @pattern0)`.
fn use_pattern(
    call: &mut CallExpr,
    patterns: &mut Vec<Pattern>,
    place: &dyn Fn(u64) -> Range<usize>,
) -> Result<(), Fault> {
    let Some((target, literal)) = call.target.take().zip(call.args.pop()) else {
        return Ok(());
    };
    let Expr::Literal(LiteralValue::String(text)) = &literal.expr else {
        let message = "the pattern of matches must be a literal".to_owned();
        return Err(Fault {
            at: place(literal.id),
            message,
        });
    };
    let pattern = Pattern::compile(text.inner()).map_err(|error| {
        // A syntax error draws the pattern and a caret over several lines; its last line says why.
        let reason = error.to_string();
        let reason = reason
            .lines()
            .last()
            .unwrap_or_default()
            .trim_start_matches("error: ")
            .to_owned();
        Fault {
            at: place(literal.id),
            message: format!("the pattern is not usable: {reason}"),
        }
    })?;
    let variable = Expr::Ident(format!("{PATTERN}{}", patterns.len()));
    patterns.push(pattern);
    call.func_name = MATCHES.to_owned();
    call.args = vec![
        *target,
        IdedExpr {
            id: literal.id,
            expr: variable,
        },
    ];
    Ok(())
}
