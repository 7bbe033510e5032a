//! Walking a parsed rule.

use cel::IdedExpr;
use cel::common::ast::{EntryExpr, Expr, LiteralValue};

/// The number of nodes and the depth of the tree.
pub(super) fn measure(expression: &IdedExpr) -> (usize, usize) {
    let (mut nodes, mut depth) = (1, 0);
    for_each_child(expression, &mut |child| {
        let (below, levels) = measure(child);
        nodes += below;
        depth = depth.max(levels);
    });
    (nodes, depth + 1)
}

/// Visits the nodes right below this one.
pub(super) fn for_each_child<'e>(expression: &'e IdedExpr, visit: &mut dyn FnMut(&'e IdedExpr)) {
    match &expression.expr {
        Expr::Call(call) => call
            .target
            .iter()
            .map(|t| &**t)
            .chain(&call.args)
            .for_each(visit),
        Expr::Select(select) => visit(&select.operand),
        Expr::List(list) => list.elements.iter().for_each(visit),
        Expr::Comprehension(c) => {
            [
                &c.iter_range,
                &c.accu_init,
                &c.loop_cond,
                &c.loop_step,
                &c.result,
            ]
            .into_iter()
            .for_each(visit);
        }
        Expr::Map(map) => {
            for entry in &map.entries {
                if let EntryExpr::MapEntry(entry) = &entry.expr {
                    visit(&entry.key);
                    visit(&entry.value);
                }
            }
        }
        // The checker refuses structs, whatever is in them.
        Expr::Struct(_) | Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => {}
    }
}

/// Whether something of it speaks of the user, by either name.
pub(super) fn reads_user(expression: &IdedExpr) -> bool {
    let mut reads = match &expression.expr {
        Expr::Ident(name) => name == "user",
        Expr::Select(select) => select.field == "sub",
        _ => false,
    };
    for_each_child(expression, &mut |child| reads |= reads_user(child));
    reads
}

/// A literal of a rule.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::policy) enum LiteralOf {
    /// A string.
    Text(String),
    /// An integer or a float.
    Number(f64),
}

/// Gathers the literals in the tree.
pub(super) fn literals(expression: &IdedExpr, found: &mut Vec<LiteralOf>) {
    if let Expr::Literal(literal) = &expression.expr {
        found.extend(match literal {
            LiteralValue::String(text) => Some(LiteralOf::Text(text.inner().to_owned())),
            LiteralValue::Int(number) => Some(LiteralOf::Number(*number.inner() as f64)),
            LiteralValue::UInt(number) => Some(LiteralOf::Number(*number.inner() as f64)),
            LiteralValue::Double(number) => Some(LiteralOf::Number(*number.inner())),
            _ => None,
        });
    }
    for_each_child(expression, &mut |child| literals(child, found));
}
