//! What rules run with: the standard functions, and two of ours that a rule cannot name.
//!
//! Their names begin with `@`, which no source can spell; the compiler puts them in. `@matches`
//! takes a pattern that was compiled with the rule, and `@walk` bounds what a macro walks (CEL-3).

use std::any::Any;
use std::sync::{Arc, LazyLock};

use cel::common::types::{CelBool, CelString, DYN_TYPE, STRING_TYPE, Type};
use cel::common::value::{CowVal, StaticVal, Val};
use cel::{DeclarationError, Env, ExecutionError};
use regex::{Regex, RegexBuilder};

/// The longest list, or largest map, that a macro walks.
pub(super) const MAX_WALKED: i64 = 64;
/// A compiled pattern may not be larger, in bytes.
const MAX_PATTERN_BYTES: usize = 256 * 1024;

pub(super) const MATCHES: &str = "@matches";
pub(super) const WALK: &str = "@walk";
/// The variable that holds the pattern of that number.
pub(super) const PATTERN: &str = "@pattern";

/// The one environment of all rules; it never changes.
pub(super) static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| {
    #[allow(
        clippy::expect_used,
        reason = "both names are declared once, and no name of the standard library begins with @"
    )]
    Arc::new(environment().expect("the names are new"))
});

fn environment() -> Result<Env, DeclarationError> {
    let mut env = Env::stdlib().with_optional_support(false);
    env.add_overload(
        MATCHES,
        "matches_pattern",
        vec![STRING_TYPE, PATTERN_TYPE.to_owned()],
        matches,
    )?;
    env.add_overload(WALK, "walk", vec![DYN_TYPE], walk)?;
    Ok(env)
}

/// A regular expression, compiled with its rule.
#[derive(Clone, Debug)]
pub(super) struct Pattern(Regex);

impl Pattern {
    pub(super) fn compile(text: &str) -> Result<Pattern, regex::Error> {
        RegexBuilder::new(text)
            .size_limit(MAX_PATTERN_BYTES)
            .dfa_size_limit(MAX_PATTERN_BYTES)
            .nest_limit(32)
            .build()
            .map(Pattern)
    }
}

static PATTERN_TYPE: Type = Type::new_unspecified_type("pattern");

impl Val for Pattern {
    fn get_type(&self) -> &Type {
        &PATTERN_TYPE
    }

    fn cel_type() -> &'static Type {
        &PATTERN_TYPE
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl StaticVal for Pattern {}

fn matches<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let text = arguments
        .first()
        .and_then(|text| text.downcast_ref::<CelString>());
    let pattern = arguments
        .get(1)
        .and_then(|pattern| pattern.downcast_ref::<Pattern>());
    let (Some(text), Some(Pattern(regex))) = (text, pattern) else {
        return Err(ExecutionError::function_error(
            "matches",
            "it takes a string and a pattern",
        ));
    };
    Ok(CowVal::owned(CelBool::from(regex.is_match(text.inner()))))
}

fn walk<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let Some(range) = arguments.into_iter().next() else {
        return Err(ExecutionError::missing_argument_or_target());
    };
    let size = range.as_sizer().map(|sizer| *sizer.size().inner());
    match size {
        Some(size) if size > MAX_WALKED => Err(ExecutionError::function_error(
            "macro",
            format!("it may walk {MAX_WALKED} elements, not {size}"),
        )),
        _ => Ok(range),
    }
}
