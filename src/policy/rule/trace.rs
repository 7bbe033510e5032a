//! What became of each part of a rule, for those who want to know why.
//!
//! Each part is evaluated by the same interpreter with the same variables as the whole. Of a macro
//! its range and its result are seen, not what happened inside. Never on the way of a decision of
//! the server: this costs many times as much.

use std::ops::Range;

use cel::common::ast::{CallExpr, EntryExpr, Expr, operators};
use cel::{Context, IdedExpr, Value};
use serde_json::Value as Json;

use super::evaluate::{Facts, describe};
use super::language::{MATCHES, WALK};
use super::show::shown;
use super::{Body, Rule};
use crate::policy::{ChannelName, Subject};

/// What became of each part of a rule; the first part is the rule itself.
#[derive(Clone, Debug)]
pub(in crate::policy) struct Trace {
    pub(in crate::policy) parts: Vec<Part>,
}

/// A part of a rule: an expression inside of it.
#[derive(Clone, Debug)]
pub(in crate::policy) struct Part {
    /// Where it stands in the rule's text.
    pub(in crate::policy) at: Range<usize>,
    pub(in crate::policy) kind: Kind,
    /// The parts right below, as numbers.
    pub(in crate::policy) below: Vec<usize>,
    /// The part above.
    pub(in crate::policy) above: Option<usize>,
    /// Its value, or why it has none.
    pub(in crate::policy) value: Result<Json, String>,
    /// Whether the rule asked for it, or went by: behind a false `&&`, for instance.
    pub(in crate::policy) asked: bool,
}

/// How the value of a part follows from those below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::policy) enum Kind {
    /// `&&`, and all of a chain of them.
    And,
    /// `||`, and all of a chain of them.
    Or,
    /// `!`
    Not,
    /// `?:`, with the condition, and what it chooses from.
    Choice,
    /// A value that stands there as it is.
    Literal,
    /// Everything else.
    Other,
}

impl Rule {
    /// What became of each part.
    pub(in crate::policy) fn trace(&self, subject: &Subject<'_>, channel: &ChannelName) -> Trace {
        let mut trace = match &self.body {
            Body::Constant(value) => self.constant_part(*value),
            Body::Expression {
                expression,
                patterns,
            } => {
                let facts = Facts::new(subject, channel, patterns);
                self.parts(expression, &|node| {
                    facts.run(|context| value_of(node, context))
                })
            }
        };
        trace.mark_asked(0);
        trace
    }

    /// The parts, of which nobody asked for a value.
    pub(in crate::policy) fn outline(&self) -> Trace {
        match &self.body {
            Body::Constant(value) => self.constant_part(*value),
            Body::Expression { expression, .. } => {
                self.parts(expression, &|_| Err("it was not asked for".to_owned()))
            }
        }
    }

    fn constant_part(&self, value: bool) -> Trace {
        let whole = Part {
            at: 0..self.text.len(),
            kind: Kind::Literal,
            below: Vec::new(),
            above: None,
            value: Ok(Json::Bool(value)),
            asked: false,
        };
        Trace { parts: vec![whole] }
    }

    fn parts(&self, expression: &IdedExpr, value: &Valuer<'_>) -> Trace {
        let mut tracer = Tracer {
            rule: self,
            value,
            parts: Vec::new(),
        };
        tracer.part(expression, None);
        Trace {
            parts: tracer.parts,
        }
    }
}

/// Says what the value of a part is.
type Valuer<'v> = dyn Fn(&IdedExpr) -> Result<Json, String> + 'v;

struct Tracer<'t> {
    rule: &'t Rule,
    value: &'t Valuer<'t>,
    parts: Vec<Part>,
}

impl Tracer<'_> {
    fn part(&mut self, node: &IdedExpr, above: Option<usize>) -> usize {
        let number = self.parts.len();
        self.parts.push(Part {
            at: self.rule.place(node.id),
            kind: kind(node),
            below: Vec::new(),
            above,
            value: (self.value)(node),
            asked: false,
        });
        let mut children = Vec::new();
        children_of(node, &mut children);
        for child in children {
            let below = self.part(child, Some(number));
            self.parts[number].below.push(below);
        }
        number
    }
}

fn value_of(node: &IdedExpr, context: &Context<'_, '_>) -> Result<Json, String> {
    let value = Value::resolve_val(node, context).map_err(|error| describe(&error))?;
    Ok(shown(value.as_ref()))
}

fn kind(node: &IdedExpr) -> Kind {
    match &node.expr {
        Expr::Literal(_) => Kind::Literal,
        Expr::Call(call) if call.target.is_none() => match call.func_name.as_str() {
            operators::LOGICAL_AND => Kind::And,
            operators::LOGICAL_OR => Kind::Or,
            operators::LOGICAL_NOT => Kind::Not,
            operators::CONDITIONAL => Kind::Choice,
            _ => Kind::Other,
        },
        _ => Kind::Other,
    }
}

/// The parts right below a node, as people see it: a chain of `&&` is one, `claims.org.role` is a
/// name, and what a macro is made of is nobody's business.
fn children_of<'e>(node: &'e IdedExpr, found: &mut Vec<&'e IdedExpr>) {
    match &node.expr {
        Expr::Call(call) if call.func_name == MATCHES => found.extend(call.args.first()),
        Expr::Call(call) => match kind(node) {
            chain @ (Kind::And | Kind::Or) => links(chain, call, found),
            _ => found.extend(call.target.as_deref().into_iter().chain(&call.args)),
        },
        Expr::Select(select) if !is_name(&select.operand) => found.push(&select.operand),
        Expr::List(list) => found.extend(&list.elements),
        Expr::Map(map) => {
            for entry in &map.entries {
                if let EntryExpr::MapEntry(entry) = &entry.expr {
                    found.extend([&entry.key, &entry.value]);
                }
            }
        }
        Expr::Comprehension(walk) => match &walk.iter_range.expr {
            Expr::Call(bounded) if bounded.func_name == WALK => found.extend(bounded.args.first()),
            _ => found.push(&walk.iter_range),
        },
        _ => {}
    }
}

fn links<'e>(chain: Kind, call: &'e CallExpr, found: &mut Vec<&'e IdedExpr>) {
    for operand in &call.args {
        match &operand.expr {
            Expr::Call(inner) if kind(operand) == chain => links(chain, inner, found),
            _ => found.push(operand),
        }
    }
}

/// `claims.org`: a variable, or members read from one.
fn is_name(node: &IdedExpr) -> bool {
    match &node.expr {
        Expr::Ident(_) => true,
        Expr::Select(select) => !select.test && is_name(&select.operand),
        _ => false,
    }
}

impl Trace {
    /// Marks what the rule asked for, in its order.
    fn mark_asked(&mut self, number: usize) {
        self.parts[number].asked = true;
        let below = self.parts[number].below.clone();
        let stops = match self.parts[number].kind {
            Kind::And => Some(false),
            Kind::Or => Some(true),
            _ => None,
        };
        if self.parts[number].kind == Kind::Choice {
            self.mark_asked(below[0]);
            if let Some(condition) = self.truth(below[0]) {
                self.mark_asked(below[if condition { 1 } else { 2 }]);
            }
            return;
        }
        for child in below {
            self.mark_asked(child);
            if stops.is_some() && self.truth(child) == stops {
                return;
            }
        }
    }

    /// The value of a part, if it is a bool.
    pub(in crate::policy) fn truth(&self, number: usize) -> Option<bool> {
        self.parts[number].value.as_ref().ok()?.as_bool()
    }
}
