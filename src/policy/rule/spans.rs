//! Where the parts of a rule stand in its text.
//!
//! The parser remembers one token of each node: the operator, the dot, the opening bracket. What
//! people want to see is the whole of it, with the brackets around.

use std::collections::BTreeMap;
use std::ops::Range;

use cel::IdedExpr;
use cel::common::ast::{Expr, SourceInfo};

use super::scan::{line_end, string_end};
use super::tree::for_each_child;

/// The text of a rule, with the place of each of its nodes.
pub(super) struct Spans<'t> {
    text: &'t str,
    places: &'t SourceInfo,
    /// Each bracket's partner.
    brackets: BTreeMap<usize, usize>,
}

impl<'t> Spans<'t> {
    pub(super) fn new(text: &'t str, places: &'t SourceInfo) -> Spans<'t> {
        Spans {
            text,
            places,
            brackets: brackets(text.as_bytes()),
        }
    }

    /// The bytes of the token that the node `id` came from.
    pub(super) fn token(&self, id: u64) -> Range<usize> {
        let Some((start, last)) = self.places.offset_for(id) else {
            return 0..self.text.len();
        };
        let end = (last as usize + 1).min(self.text.len());
        (start as usize).min(end)..end
    }

    /// Where `name` stands at or after the node; the node itself if it does not.
    pub(super) fn name_after(&self, node: &IdedExpr, name: &str) -> Range<usize> {
        let at = self.token(node.id);
        match self.text.get(at.end..).and_then(|rest| rest.find(name)) {
            Some(found) => at.end + found..at.end + found + name.len(),
            None => at,
        }
    }

    /// Where `name` stands before the bracket of a call.
    pub(super) fn name_before(&self, call: &IdedExpr, name: &str) -> Range<usize> {
        let at = self.token(call.id);
        match self
            .text
            .get(..at.start)
            .and_then(|before| before.rfind(name))
        {
            Some(found) => found..found + name.len(),
            None => at,
        }
    }

    /// The whole of an expression as it was parsed, macros expanded.
    pub(super) fn of(&self, node: &IdedExpr) -> Range<usize> {
        let mut span = self.token(node.id);
        match &node.expr {
            Expr::Select(select) if select.test => {
                span.start = self.name_before(node, "has").start;
            }
            Expr::Select(select) => span.end = self.name_after(node, &select.field).end,
            Expr::Call(call) if call.target.is_none() && self.text[span.clone()].eq("(") => {
                span.start = self.name_before(node, &call.func_name).start;
            }
            _ => {}
        }
        let mut cover = |child| {
            let below = self.of(child);
            span = span.start.min(below.start)..span.end.max(below.end);
        };
        match &node.expr {
            // The other parts of a macro stand for nothing in the text, or in its brackets.
            Expr::Comprehension(walk) => cover(&walk.iter_range),
            _ => for_each_child(node, &mut cover),
        }
        self.balance(span)
    }

    /// Notes where each part stands, but for what macros are made of.
    pub(super) fn note(&self, node: &IdedExpr, found: &mut BTreeMap<u64, Range<usize>>) {
        found.insert(node.id, self.of(node));
        match &node.expr {
            Expr::Comprehension(walk) => self.note(&walk.iter_range, found),
            _ => for_each_child(node, &mut |child| self.note(child, found)),
        }
    }

    /// Widens the range until no bracket in it has its partner outside.
    fn balance(&self, mut span: Range<usize>) -> Range<usize> {
        loop {
            let outside = self
                .brackets
                .range(span.clone())
                .map(|(_, partner)| *partner)
                .find(|partner| !span.contains(partner));
            match outside {
                Some(partner) => span = span.start.min(partner)..span.end.max(partner + 1),
                None => return span,
            }
        }
    }
}

/// Each bracket with its partner, both ways. Brackets in strings and comments are none.
fn brackets(bytes: &[u8]) -> BTreeMap<usize, usize> {
    let (mut at, mut open, mut pairs) = (0, Vec::new(), BTreeMap::new());
    while let Some(byte) = bytes.get(at) {
        let start = at;
        at += 1;
        match byte {
            b'(' | b'[' | b'{' => open.push(start),
            b')' | b']' | b'}' => {
                if let Some(opened) = open.pop() {
                    pairs.insert(opened, start);
                    pairs.insert(start, opened);
                }
            }
            b'\'' | b'"' => at = string_end(bytes, start),
            b'/' if bytes.get(at) == Some(&b'/') => at = line_end(bytes, at),
            _ => {}
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use std::cmp::Reverse;

    use super::super::language::ENVIRONMENT;
    use super::*;

    /// The texts of the nodes, from left to right, the larger first.
    fn parts(text: &str) -> Vec<&str> {
        let (expression, places) = ENVIRONMENT.parser().parse_with_source_info(text).unwrap();
        let mut found = BTreeMap::new();
        Spans::new(text, &places).note(&expression, &mut found);
        let mut found: Vec<_> = found.into_values().collect();
        found.sort_by_key(|at| (at.start, Reverse(at.end)));
        found.into_iter().map(|at| &text[at]).collect()
    }

    #[test]
    fn each_part_is_shown_as_it_is_written() {
        for (text, wanted) in [
            (
                "(a || b) && (c)",
                vec!["(a || b) && (c)", "a || b", "a", "b", "c"],
            ),
            ("!(a.b)", vec!["!(a.b)", "a.b", "a"]),
            ("size(a) > 1", vec!["size(a) > 1", "size(a)", "a", "1"]),
            (
                "a.startsWith('(') ? b[0] : [c]",
                vec![
                    "a.startsWith('(') ? b[0] : [c]",
                    "a.startsWith('(')",
                    "a",
                    "'('",
                    "b[0]",
                    "b",
                    "0",
                    "[c]",
                    "c",
                ],
            ),
            ("has(a.b) || x", vec!["has(a.b) || x", "has(a.b)", "a", "x"]),
            (
                "a.b.exists(t, t == (c)) // )",
                vec!["a.b.exists(t, t == (c))", "a.b", "a"],
            ),
            (
                "{'é': a}[b] == 1",
                vec![
                    "{'é': a}[b] == 1",
                    "{'é': a}[b]",
                    "{'é': a}",
                    "'é'",
                    "a",
                    "b",
                    "1",
                ],
            ),
            (
                "now.getHours() >= 8",
                vec!["now.getHours() >= 8", "now.getHours()", "now", "8"],
            ),
        ] {
            assert_eq!(parts(text), wanted, "{text}");
        }
    }
}
