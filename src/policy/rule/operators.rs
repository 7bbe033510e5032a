//! The checker's other half: operators and functions.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, LiteralValue, operators};

use super::check::{Checker, MATCHES, did_you_mean};
use super::types::{FUNCTIONS, Function, MACROS, Type};

impl<'a> Checker<'a> {
    pub(super) fn call(&mut self, node: &'a IdedExpr, call: &'a CallExpr) -> Type {
        match (&call.target, call.args.as_slice()) {
            (None, [operand]) => self.unary(node, call, operand),
            (None, [left, right]) => self.binary(node, call, left, right),
            (None, [condition, yes, no]) if call.func_name == operators::CONDITIONAL => {
                self.want(condition, Type::Bool, "the condition of `?`");
                let (yes, no) = (self.type_of(yes), self.type_of(no));
                if !yes.may_be(no) {
                    let message = format!("one branch of `?` gives {yes}, the other {no}");
                    self.fault(self.spans.token(node.id), message);
                }
                if yes == no { yes } else { Type::Dyn }
            }
            _ => self.function(node, call),
        }
    }

    fn unary(&mut self, node: &'a IdedExpr, call: &'a CallExpr, operand: &'a IdedExpr) -> Type {
        match call.func_name.as_str() {
            operators::LOGICAL_NOT => self.want(operand, Type::Bool, "`!`"),
            operators::NEGATE => self.want(operand, Type::Number, "`-`"),
            operators::NOT_STRICTLY_FALSE => self.want(operand, Type::Bool, "a macro"),
            _ => self.function(node, call),
        }
    }

    /// Checks that the operand may be of a type, and takes it for one.
    fn want(&mut self, operand: &'a IdedExpr, wanted: Type, by: &str) -> Type {
        let found = self.type_of(operand);
        if !found.may_be(wanted) {
            self.fault(
                self.spans.of(operand),
                format!("{by} takes {wanted}, not {found}"),
            );
        }
        wanted
    }

    fn binary(
        &mut self,
        node: &'a IdedExpr,
        call: &'a CallExpr,
        left: &'a IdedExpr,
        right: &'a IdedExpr,
    ) -> Type {
        match call.func_name.as_str() {
            operators::LOGICAL_AND => {
                self.want(left, Type::Bool, "`&&`");
                self.want(right, Type::Bool, "`&&`")
            }
            operators::LOGICAL_OR => {
                self.want(left, Type::Bool, "`||`");
                self.want(right, Type::Bool, "`||`")
            }
            operators::EQUALS | operators::NOT_EQUALS => self.equality(node, left, right),
            operators::LESS
            | operators::LESS_EQUALS
            | operators::GREATER
            | operators::GREATER_EQUALS => self.order(node, left, right),
            operators::IN => self.membership(node, left, right),
            operators::INDEX => self.index(node, left, right),
            operators::ADD
            | operators::SUBSTRACT
            | operators::MULTIPLY
            | operators::DIVIDE
            | operators::MODULO => self.arithmetic(node, &call.func_name, left, right),
            _ => self.function(node, call),
        }
    }

    fn equality(&mut self, node: &IdedExpr, left: &'a IdedExpr, right: &'a IdedExpr) -> Type {
        let (left, right) = (self.type_of(left), self.type_of(right));
        if !left.may_be(right) {
            self.fault(
                self.spans.token(node.id),
                format!("{left} is never equal to {right}"),
            );
        }
        Type::Bool
    }

    fn order(&mut self, node: &IdedExpr, left: &'a IdedExpr, right: &'a IdedExpr) -> Type {
        let (left, right) = (self.type_of(left), self.type_of(right));
        let unordered = |t: Type| t.is_list() || matches!(t, Type::Map | Type::Null);
        if !left.may_be(right) || unordered(left) || unordered(right) {
            self.fault(
                self.spans.token(node.id),
                format!("{left} has no order with {right}"),
            );
        }
        Type::Bool
    }

    fn membership(&mut self, node: &IdedExpr, left: &'a IdedExpr, right: &'a IdedExpr) -> Type {
        let (element, container) = (self.type_of(left), self.type_of(right));
        let at = self.spans.token(node.id);
        if container == Type::String {
            self.fault(
                at,
                "`in` takes a list or a map; for a part of a text write text.contains(part)",
            );
        } else if !container.is_list() && !container.may_be(Type::Map) {
            self.fault(at, format!("`in` takes a list or a map, not {container}"));
        } else if container == Type::Strings && !element.may_be(Type::String) {
            self.fault(at, format!("{element} is never in a list of strings"));
        }
        Type::Bool
    }

    fn index(&mut self, node: &'a IdedExpr, container: &'a IdedExpr, index: &'a IdedExpr) -> Type {
        if let (Some("claims"), Expr::Literal(LiteralValue::String(name))) =
            (self.free_variable(container), &index.expr)
        {
            return self.claim(name.inner(), false, self.spans.token(index.id));
        }
        let (held, key) = (self.type_of(container), self.type_of(index));
        if held.is_list() {
            if !key.may_be(Type::Number) {
                self.fault(
                    self.spans.of(index),
                    format!("a list is indexed by a number, not {key}"),
                );
            }
            return held.element();
        }
        if !held.may_be(Type::Map) {
            self.fault(
                self.spans.token(node.id),
                format!("{held} cannot be indexed"),
            );
        }
        Type::Dyn
    }

    fn arithmetic(
        &mut self,
        node: &IdedExpr,
        operator: &str,
        left: &'a IdedExpr,
        right: &'a IdedExpr,
    ) -> Type {
        use Type::{Bytes, Duration, Dyn, List, Number, String, Strings, Timestamp};
        let (left, right) = (self.type_of(left), self.type_of(right));
        let plus = operator == operators::ADD;
        let minus = operator == operators::SUBSTRACT;
        match (left, right) {
            (Dyn, _) | (_, Dyn) => Dyn,
            (Number, Number) => Number,
            (String, String) if plus => String,
            (Bytes, Bytes) if plus => Bytes,
            (Strings, Strings) if plus => Strings,
            (List | Strings, List | Strings) if plus => List,
            (Timestamp, Duration) if plus || minus => Timestamp,
            (Duration, Timestamp) if plus => Timestamp,
            (Duration, Duration) if plus || minus => Duration,
            (Timestamp, Timestamp) if minus => Duration,
            _ => {
                let sign = operator.trim_matches('_');
                let message = format!("`{sign}` cannot be applied to {left} and {right}");
                self.fault(self.spans.token(node.id), message);
                Dyn
            }
        }
    }

    fn function(&mut self, node: &'a IdedExpr, call: &'a CallExpr) -> Type {
        let name = call.func_name.as_str();
        let is_method = call.target.is_some();
        let at = self.spans.name_before(node, name);
        if MACROS.contains(&name) {
            // What it would bind is no variable, so its arguments are not looked at.
            self.fault(at, unexpanded_macro(name));
            return Type::Dyn;
        }
        let receiver = call.target.as_deref().map(|target| self.type_of(target));
        let arguments: Vec<_> = call
            .args
            .iter()
            .map(|argument| self.type_of(argument))
            .collect();

        let same_kind = |f: &&Function| f.receiver.is_empty() != is_method;
        let Some(function) = FUNCTIONS.iter().filter(same_kind).find(|f| f.name == name) else {
            let message = unknown_function(name, is_method);
            self.fault(at, message);
            return Type::Dyn;
        };
        let most = function.arguments.len();
        if arguments.len() > most || arguments.len() + function.optional < most {
            self.fault(
                at,
                format!(
                    "`{name}` takes {most} argument{}, not {}",
                    if most == 1 { "" } else { "s" },
                    arguments.len()
                ),
            );
            return function.result;
        }
        let fits = |found: Type, wanted: &[Type]| wanted.iter().any(|w| found.may_be(*w));
        if let Some(receiver) = receiver.filter(|receiver| !fits(*receiver, function.receiver)) {
            self.fault(at, wrong_receiver(name, receiver));
            return function.result;
        }
        for ((argument, found), wanted) in call.args.iter().zip(arguments).zip(function.arguments) {
            if !fits(found, wanted) {
                self.fault(
                    self.spans.of(argument),
                    format!("`{name}` does not take {found}"),
                );
            }
        }
        if name == MATCHES
            && let [pattern] = call.args.as_slice()
            && !matches!(pattern.expr, Expr::Literal(LiteralValue::String(_)))
        {
            self.fault(
                self.spans.of(pattern),
                "the pattern of `matches` must be a literal",
            );
        }
        function.result
    }
}

fn wrong_receiver(name: &str, receiver: Type) -> String {
    match (name, receiver.is_list()) {
        ("contains", true) => "a list has no `contains`, write element in list".to_owned(),
        _ => format!("{receiver} has no `{name}`"),
    }
}

/// A macro that the parser left as a call, since its arguments have another form.
fn unexpanded_macro(name: &str) -> String {
    match name {
        "has" => "`has` takes a member, as in has(claims.name)".to_owned(),
        _ => format!("`{name}` takes a name and an expression, as in list.{name}(x, x == user)"),
    }
}

fn unknown_function(name: &str, is_method: bool) -> String {
    if FUNCTIONS.iter().any(|f| f.name == name) {
        return match is_method {
            true => format!("`{name}` is no method, write {name}(x)"),
            false => format!("`{name}` is a method, write x.{name}(…)"),
        };
    }
    let names = FUNCTIONS.iter().map(|f| f.name).chain(MACROS);
    format!("there is no function `{name}`{}", did_you_mean(name, names))
}
