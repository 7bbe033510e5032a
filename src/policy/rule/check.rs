//! The type checker: whether a parsed rule can mean anything (CEL-2).
//!
//! The `cel` crate has none: a misspelt name, or a result that is no bool, would show only as a
//! rule that denies everybody. Types are followed as far as declarations go; what stays unknown
//! ([`Type::Dyn`]) is left to the evaluation, where an error is a deny. Operators and functions
//! are in [`super::operators`].

use std::ops::Range;

use cel::IdedExpr;
use cel::common::ast::{ComprehensionExpr, EntryExpr, Expr, LiteralValue, SelectExpr};

use super::Fault;
use super::spans::Spans;
use super::types::{Type, VARIABLES, members_of};
use crate::policy::claims::{ClaimType, DeclaredClaims, ReadClaims};

/// The function that takes a pattern.
pub(super) const MATCHES: &str = "matches";

/// What the checker found.
pub(super) struct Checked {
    pub(super) faults: Vec<Fault>,
    pub(super) warnings: Vec<Fault>,
    pub(super) reads_now: bool,
    pub(super) reads_claims: ReadClaims,
}

/// Checks the whole rule, whose result must be able to be a bool.
pub(super) fn check(
    text: &str,
    spans: &Spans<'_>,
    rule: &IdedExpr,
    claims: &DeclaredClaims,
) -> Checked {
    let mut checker = Checker::new(spans, claims);
    let result = checker.type_of(rule);
    if !result.may_be(Type::Bool) {
        checker.fault(
            0..text.len(),
            format!("the rule gives {result}, it must give a bool"),
        );
    }
    let warnings = checker.undeclared_claims();
    Checked {
        faults: checker.faults,
        warnings,
        reads_now: checker.reads_now,
        reads_claims: checker.reads_claims,
    }
}

pub(super) struct Checker<'a> {
    pub(super) spans: &'a Spans<'a>,
    claims: &'a DeclaredClaims,
    /// What macros bind, innermost last.
    scope: Vec<(&'a str, Type)>,
    in_macro: bool,
    reads_now: bool,
    reads_claims: ReadClaims,
    faults: Vec<Fault>,
    undeclared: Vec<(&'a str, Range<usize>)>,
    /// Claims that the rule asks for with `has`, and so knows that they may be absent.
    tested: Vec<&'a str>,
}

impl<'a> Checker<'a> {
    fn new(spans: &'a Spans<'a>, claims: &'a DeclaredClaims) -> Checker<'a> {
        Checker {
            spans,
            claims,
            scope: Vec::new(),
            in_macro: false,
            reads_now: false,
            reads_claims: ReadClaims::default(),
            faults: Vec::new(),
            undeclared: Vec::new(),
            tested: Vec::new(),
        }
    }

    pub(super) fn fault(&mut self, at: Range<usize>, message: impl Into<String>) {
        self.faults.push(Fault {
            at,
            message: message.into(),
        });
    }

    pub(super) fn type_of(&mut self, node: &'a IdedExpr) -> Type {
        match &node.expr {
            Expr::Literal(literal) => literal_type(literal),
            Expr::Ident(name) => self.variable(node, name),
            Expr::Select(select) => self.select(node, select),
            Expr::Call(call) => self.call(node, call),
            Expr::Comprehension(comprehension) => self.walk(node, comprehension),
            Expr::List(list) => {
                let types: Vec<_> = list.elements.iter().map(|e| self.type_of(e)).collect();
                let strings = !types.is_empty() && types.iter().all(|t| *t == Type::String);
                if strings { Type::Strings } else { Type::List }
            }
            Expr::Map(map) => {
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        self.type_of(&entry.key);
                        self.type_of(&entry.value);
                    }
                }
                Type::Map
            }
            Expr::Struct(_) | Expr::Unspecified => {
                self.fault(self.spans.token(node.id), "a rule cannot make such a value");
                Type::Dyn
            }
        }
    }

    fn variable(&mut self, node: &IdedExpr, name: &str) -> Type {
        if let Some((_, bound)) = self.scope.iter().rev().find(|(bound, _)| *bound == name) {
            return *bound;
        }
        match name {
            "user" => Type::String,
            "claims" => {
                self.reads_claims = ReadClaims::All;
                Type::Map
            }
            "now" => {
                self.reads_now = true;
                Type::Timestamp
            }
            _ => {
                let message = match members_of(name) {
                    Some(members) => format!(
                        "`{name}` is no value by itself, read {name}.{}",
                        list(members.iter().map(|(member, _)| *member))
                    ),
                    None => format!(
                        "there is no variable `{name}`{}, a rule reads {}",
                        did_you_mean(name, VARIABLES),
                        list(VARIABLES)
                    ),
                };
                self.fault(self.spans.token(node.id), message);
                Type::Dyn
            }
        }
    }

    fn select(&mut self, node: &'a IdedExpr, select: &'a SelectExpr) -> Type {
        let field = select.field.as_str();
        let at = if select.test {
            self.spans.name_after(&select.operand, field)
        } else {
            self.spans.name_after(node, field)
        };
        if let Some(name) = self.free_variable(&select.operand) {
            if let Some(members) = members_of(name) {
                return self.member(name, members, field, select.test, at);
            }
            if name == "claims" {
                return self.claim(field, select.test, at);
            }
        }
        let operand = self.type_of(&select.operand);
        if !operand.may_be(Type::Map) {
            self.fault(at, format!("{operand} has no member `{field}`"));
        }
        if select.test { Type::Bool } else { Type::Dyn }
    }

    /// The name of the variable that `node` is, unless a macro binds it.
    pub(super) fn free_variable(&self, node: &'a IdedExpr) -> Option<&'a str> {
        match &node.expr {
            Expr::Ident(name) if !self.scope.iter().any(|(bound, _)| bound == name) => Some(name),
            _ => None,
        }
    }

    fn member(
        &mut self,
        variable: &str,
        members: &'static [(&'static str, Type)],
        field: &str,
        test: bool,
        at: Range<usize>,
    ) -> Type {
        let names = || members.iter().map(|(name, _)| *name);
        let Some((_, known)) = members.iter().find(|(name, _)| *name == field) else {
            let hint = did_you_mean(field, names());
            let all = list(names());
            self.fault(
                at,
                format!("`{variable}` has no member `{field}`{hint}, it has {all}"),
            );
            return Type::Dyn;
        };
        if test {
            self.fault(
                at,
                format!("`{variable}.{field}` is always there, `has` has no use"),
            );
            return Type::Bool;
        }
        *known
    }

    pub(super) fn claim(&mut self, name: &'a str, test: bool, at: Range<usize>) -> Type {
        self.reads_claims
            .and(ReadClaims::Named([name.to_owned()].into()));
        if test {
            self.tested.push(name);
            return Type::Bool;
        }
        match self.claims.get(name) {
            Some(default) => ClaimType::of(default).into(),
            None => {
                self.undeclared.push((name, at));
                Type::Dyn
            }
        }
    }

    /// A macro: a loop over a list or the keys of a map.
    fn walk(&mut self, node: &IdedExpr, walk: &'a ComprehensionExpr) -> Type {
        let at = self.spans.token(node.id);
        if self.in_macro {
            self.fault(at, "a macro inside a macro is too much work for a rule");
            return Type::Dyn;
        }
        if VARIABLES.contains(&walk.iter_var.as_str()) || walk.iter_var2.is_some() {
            let message = format!(
                "a macro cannot bind `{}`, choose another name",
                walk.iter_var
            );
            self.fault(at, message);
            return Type::Dyn;
        }
        self.in_macro = true;
        let range = self.type_of(&walk.iter_range);
        if !range.is_list() && !range.may_be(Type::Map) {
            let message = format!("a macro walks a list or a map, not {range}");
            self.fault(self.spans.of(&walk.iter_range), message);
        }
        let outer = self.scope.len();
        let start = self.type_of(&walk.accu_init);
        self.scope.push((&walk.accu_var, start));
        self.scope.push((&walk.iter_var, range.element()));
        self.type_of(&walk.loop_cond);
        self.type_of(&walk.loop_step);
        let result = self.type_of(&walk.result);
        self.scope.truncate(outer);
        self.in_macro = false;
        result
    }

    /// One warning for each claim that a token may leave out.
    fn undeclared_claims(&mut self) -> Vec<Fault> {
        let mut warned: Vec<&str> = self.tested.clone();
        let mut warnings = Vec::new();
        for (name, at) in std::mem::take(&mut self.undeclared) {
            if !warned.contains(&name) {
                warned.push(name);
                let hint = did_you_mean(name, self.claims.iter().map(|(name, _)| name));
                warnings.push(Fault {
                    at,
                    message: format!(
                        "the claim `{name}` is not declared, a token without it is denied; declare it under [claims]{hint}"
                    ),
                });
            }
        }
        warnings
    }
}

fn literal_type(literal: &LiteralValue) -> Type {
    match literal {
        LiteralValue::Boolean(_) => Type::Bool,
        LiteralValue::Bytes(_) => Type::Bytes,
        LiteralValue::Double(_) | LiteralValue::Int(_) | LiteralValue::UInt(_) => Type::Number,
        LiteralValue::Null => Type::Null,
        LiteralValue::String(_) => Type::String,
    }
}

/// `a, b or c`.
fn list<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let names: Vec<_> = names.into_iter().collect();
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

/// ` (did you mean `x`?)` when one of the names is near enough.
pub(super) fn did_you_mean<'n>(word: &str, names: impl IntoIterator<Item = &'n str>) -> String {
    names
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(word, name), name))
        .filter(|(distance, name)| *distance <= name.len().max(word.len()).div_ceil(3))
        .min_by_key(|(distance, _)| *distance)
        .map_or_else(String::new, |(_, name)| {
            format!(" (did you mean `{name}`?)")
        })
}
