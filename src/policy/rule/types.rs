//! The types of the rule checker, and what the language offers: operators apart, every variable
//! and function that a rule may name.

use std::fmt;

use crate::policy::claims::ClaimType;

/// What is known of a value before the rule runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    /// Nothing: an undeclared claim, an element of a claim's list.
    Dyn,
    Bool,
    /// Integers and floats alike.
    Number,
    String,
    Bytes,
    Null,
    Timestamp,
    Duration,
    /// A list of anything.
    List,
    /// A list of strings, such as `channel.parts`.
    Strings,
    Map,
}

impl Type {
    pub(super) fn is_list(self) -> bool {
        matches!(self, Type::List | Type::Strings)
    }

    /// Whether a value of this type may, for all that is known, be one of `other`.
    pub(super) fn may_be(self, other: Type) -> bool {
        self == other
            || self == Type::Dyn
            || other == Type::Dyn
            || (self.is_list() && other.is_list())
    }

    /// What an element of a list, or a key of a map, is.
    pub(super) fn element(self) -> Type {
        match self {
            Type::Strings => Type::String,
            _ => Type::Dyn,
        }
    }
}

impl From<ClaimType> for Type {
    fn from(claim: ClaimType) -> Type {
        match claim {
            ClaimType::Null => Type::Null,
            ClaimType::Bool => Type::Bool,
            ClaimType::Number => Type::Number,
            ClaimType::String => Type::String,
            ClaimType::List => Type::List,
            ClaimType::Map => Type::Map,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Type::Dyn => "a value of unknown type",
            Type::Bool => "a bool",
            Type::Number => "a number",
            Type::String => "a string",
            Type::Bytes => "bytes",
            Type::Null => "null",
            Type::Timestamp => "a timestamp",
            Type::Duration => "a duration",
            Type::List | Type::Strings => "a list",
            Type::Map => "a map",
        })
    }
}

/// The variables of a rule.
pub(super) const VARIABLES: [&str; 5] = ["user", "claims", "channel", "connection", "now"];

/// The members of `channel` and `connection`, which are no values by themselves.
pub(super) fn members_of(variable: &str) -> Option<&'static [(&'static str, Type)]> {
    match variable {
        "channel" => Some(&[
            ("name", Type::String),
            ("namespace", Type::String),
            ("parts", Type::Strings),
            ("users", Type::Strings),
        ]),
        "connection" => Some(&[
            ("address", Type::String),
            ("origin", Type::String),
            ("protocol", Type::String),
        ]),
        _ => None,
    }
}

/// A function: the types that its receiver (of a method) and its arguments may have.
pub(super) struct Function {
    pub(super) name: &'static str,
    pub(super) receiver: &'static [Type],
    pub(super) arguments: &'static [&'static [Type]],
    /// How many of the arguments may be left out.
    pub(super) optional: usize,
    pub(super) result: Type,
}

const SIZED: &[Type] = &[Type::String, Type::Bytes, Type::List, Type::Map];
const TEXT: &[Type] = &[Type::String];
const TIME: &[Type] = &[Type::Timestamp];
const TIME_OR_SPAN: &[Type] = &[Type::Timestamp, Type::Duration];
const NUMERIC: &[Type] = &[Type::Number, Type::String];

const fn global(
    name: &'static str,
    argument: &'static [&'static [Type]],
    result: Type,
) -> Function {
    Function {
        name,
        receiver: &[],
        arguments: argument,
        optional: 0,
        result,
    }
}

const fn method(
    name: &'static str,
    arguments: &'static [&'static [Type]],
    result: Type,
) -> Function {
    Function {
        name,
        receiver: TEXT,
        arguments,
        optional: 0,
        result,
    }
}

/// Reads a field of a time, in UTC or in the time zone that is named.
const fn time(name: &'static str, receiver: &'static [Type]) -> Function {
    Function {
        name,
        receiver,
        arguments: &[TEXT],
        optional: 1,
        result: Type::Number,
    }
}

/// Every function, those with a receiver being methods.
pub(super) const FUNCTIONS: &[Function] = &[
    global("size", &[SIZED], Type::Number),
    global(
        "string",
        &[&[
            Type::String,
            Type::Bool,
            Type::Number,
            Type::Bytes,
            Type::Timestamp,
            Type::Duration,
        ]],
        Type::String,
    ),
    global(
        "int",
        &[&[Type::Number, Type::String, Type::Timestamp]],
        Type::Number,
    ),
    global("uint", &[NUMERIC], Type::Number),
    global("double", &[NUMERIC], Type::Number),
    global("bool", &[&[Type::Bool, Type::String]], Type::Bool),
    global(
        "timestamp",
        &[&[Type::String, Type::Number, Type::Timestamp]],
        Type::Timestamp,
    ),
    global(
        "duration",
        &[&[Type::String, Type::Duration]],
        Type::Duration,
    ),
    Function {
        name: "size",
        receiver: SIZED,
        arguments: &[],
        optional: 0,
        result: Type::Number,
    },
    method("contains", &[TEXT], Type::Bool),
    method("startsWith", &[TEXT], Type::Bool),
    method("endsWith", &[TEXT], Type::Bool),
    method("matches", &[TEXT], Type::Bool),
    time("getFullYear", TIME),
    time("getMonth", TIME),
    time("getDate", TIME),
    time("getDayOfMonth", TIME),
    time("getDayOfWeek", TIME),
    time("getDayOfYear", TIME),
    time("getHours", TIME_OR_SPAN),
    time("getMinutes", TIME_OR_SPAN),
    time("getSeconds", TIME_OR_SPAN),
    time("getMilliseconds", TIME_OR_SPAN),
];

/// What the parser expands into loops and tests; one that is left in a parsed rule was called with
/// the wrong arguments.
pub(super) const MACROS: [&str; 6] = ["has", "all", "exists", "exists_one", "map", "filter"];
