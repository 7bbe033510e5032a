//! Running a rule: what its variables are, and what became of it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use cel::common::types::{CelBool, CelList, CelString, CelTimestamp};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use cel::{Context, ExecutionError, Value};
use chrono::DateTime;

use super::language::{ENVIRONMENT, PATTERN, Pattern};
use super::{Body, Rule};
use crate::policy::{ChannelName, Subject};

impl Rule {
    /// What the rule says of `subject` and `channel`, or why it says nothing (CEL-1).
    pub(in crate::policy) fn evaluate(
        &self,
        subject: &Subject<'_>,
        channel: &ChannelName,
    ) -> Result<bool, String> {
        match &self.body {
            Body::Constant(value) => Ok(*value),
            Body::Expression {
                expression,
                patterns,
            } => Facts::new(subject, channel, patterns).run(|context| {
                let value = Value::resolve_val(expression, context).map_err(|e| describe(&e))?;
                match value.downcast_ref::<CelBool>() {
                    Some(value) => Ok(*value.inner()),
                    None => Err(format!(
                        "its result is {}, not bool",
                        value.get_type().name()
                    )),
                }
            }),
        }
    }
}

/// The variables of one evaluation, made when the rule reads them.
pub(super) struct Facts<'a> {
    subject: &'a Subject<'a>,
    channel: &'a ChannelName,
    patterns: &'a [Pattern],
    // A macro may read these once an element, and a name may have a hundred parts.
    parts: OnceLock<CelList<'a>>,
    users: OnceLock<CelList<'a>>,
}

impl<'a> Facts<'a> {
    pub(super) fn new(
        subject: &'a Subject<'a>,
        channel: &'a ChannelName,
        patterns: &'a [Pattern],
    ) -> Facts<'a> {
        Facts {
            subject,
            channel,
            patterns,
            parts: OnceLock::new(),
            users: OnceLock::new(),
        }
    }

    /// Runs the interpreter with these variables.
    pub(super) fn run<T>(
        &self,
        act: impl FnOnce(&Context<'_, '_>) -> Result<T, String>,
    ) -> Result<T, String> {
        // A panic in the interpreter would end the connection of whoever asks; as an error it is a
        // deny. Nothing that it could leave half done outlives this function.
        catch_unwind(AssertUnwindSafe(|| {
            let mut context = Context::with_env(ENVIRONMENT.clone());
            context.set_variable_resolver(self);
            act(&context)
        }))
        .unwrap_or_else(|_| Err("the interpreter failed".to_owned()))
    }
}

impl VariableResolver for Facts<'_> {
    /// The interpreter asks for `channel.name` before it asks for `channel`.
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        let text = |text: &'b str| Some(CowVal::owned(CelString::from(text)));
        match variable {
            "user" => text(self.subject.user.as_str()),
            "claims" => Some(CowVal::Borrowed(self.subject.claims.as_cel())),
            "channel.name" => text(self.channel.as_str()),
            "channel.namespace" => text(self.channel.namespace().as_str()),
            "channel.parts" => Some(CowVal::Borrowed(
                self.parts.get_or_init(|| list(self.channel.parts())),
            )),
            "channel.users" => Some(CowVal::Borrowed(
                self.users.get_or_init(|| list(self.channel.users())),
            )),
            "connection.address" => {
                let address = self.subject.connection.address.to_string();
                Some(CowVal::owned(CelString::from(address)))
            }
            "connection.origin" => text(
                self.subject
                    .connection
                    .origin
                    .as_deref()
                    .unwrap_or_default(),
            ),
            "connection.protocol" => text(self.subject.connection.protocol),
            "now" => {
                let seconds = i64::try_from(self.subject.now.0).ok()?;
                let now = DateTime::from_timestamp(seconds, 0)?.fixed_offset();
                Some(CowVal::owned(CelTimestamp::from(now)))
            }
            other => {
                let number: usize = other.strip_prefix(PATTERN)?.parse().ok()?;
                self.patterns
                    .get(number)
                    .map(|pattern| CowVal::Borrowed(pattern as &dyn Val))
            }
        }
    }
}

fn list<'a>(texts: impl Iterator<Item = &'a str>) -> CelList<'a> {
    CelList::from(
        texts
            .map(|text| Box::new(CelString::from(text)) as Box<dyn Val + 'a>)
            .collect::<Vec<_>>(),
    )
}

/// The error in words that hold no claim's value: they go to the log.
pub(super) fn describe(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchKey(key) => format!("there is no {key}"),
        ExecutionError::NoSuchOverload(_)
        | ExecutionError::FunctionError { .. }
        | ExecutionError::UnexpectedType { .. }
        | ExecutionError::UndeclaredReference(_) => error.to_string(),
        ExecutionError::IndexOutOfBounds(_) => "an index is out of bounds".to_owned(),
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => {
            "a division by zero".to_owned()
        }
        ExecutionError::Overflow(operator, ..) => format!("{operator} overflows"),
        ExecutionError::UnsupportedBinaryOperator(operator, ..) => {
            format!("{operator} cannot be applied to these types")
        }
        ExecutionError::ValuesNotComparable(..) => "two values cannot be compared".to_owned(),
        _ => "a value has an unexpected type".to_owned(),
    }
}
