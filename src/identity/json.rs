//! JSON of a token, read strictly.
//!
//! RFC 8259 leaves open what two members of one name mean, and parsers differ: what the auth
//! service, a proxy and the gateway read would not be the same token. So a repeated member is
//! refused at every depth, escapes resolved, and depth and size are bounded (SECURITY.md JWT-12,
//! JWT-18). The parser's own message never leaves this file: it repeats what it read.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::Deserializer;
use serde::de::{self, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};

use super::refusal::Refusal;

/// Objects and lists within each other, the outermost counted.
pub(super) const MAX_DEPTH: usize = 16;
/// Members of objects and elements of lists, over the whole text.
pub(super) const MAX_MEMBERS: usize = 256;

/// Reads one JSON object, with nothing but white space around it.
pub(super) fn object(text: &[u8]) -> Result<Map<String, Value>, Refusal> {
    object_within(text, MAX_MEMBERS)
}

/// The same for what is no token, and may have more members.
pub(super) fn object_within(text: &[u8], most: usize) -> Result<Map<String, Value>, Refusal> {
    let limits = Limits {
        left: Cell::new(most),
        fault: Cell::new(Fault::Malformed),
    };
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = Strict {
        limits: &limits,
        depth: 0,
    }
    .deserialize(&mut reader)
    .and_then(|value| reader.end().map(|()| value));
    match value {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Refusal::TokenMalformed),
        Err(_) => Err(match limits.fault.get() {
            Fault::Malformed => Refusal::TokenMalformed,
            Fault::Repeated => Refusal::TokenMemberRepeated,
            Fault::TooComplex => Refusal::TokenTooComplex,
        }),
    }
}

/// The string `iss` of an object that nobody has verified: it chooses whose keys are tried, and
/// is otherwise not believed. Builds nothing else, since it is read before the signature.
pub(super) fn untrusted_issuer(text: &[u8]) -> Result<String, Refusal> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let members = reader.deserialize_map(OneMember { name: "iss" });
    let found = members.and_then(|found| reader.end().map(|()| found));
    match found.map_err(|_| Refusal::TokenMalformed)? {
        Found::None => Err(Refusal::TokenIssuerUnknown),
        Found::Several => Err(Refusal::TokenMemberRepeated),
        // An array or a number is no issuer (RFC 7519 §4.1.1).
        Found::One(text) => {
            serde_json::from_str(text.get()).map_err(|_| Refusal::TokenIssuerUnknown)
        }
    }
}

/// The text of the member `name`, byte for byte, from an object that [`object`] has read.
pub(super) fn raw_member(text: &[u8], name: &'static str) -> Option<Box<RawValue>> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    match reader.deserialize_map(OneMember { name }) {
        Ok(Found::One(text)) => Some(text),
        _ => None,
    }
}

/// What is counted while one text is read, and why its reading stopped.
struct Limits {
    /// Members that it may still have.
    left: Cell<usize>,
    fault: Cell<Fault>,
}

#[derive(Clone, Copy)]
enum Fault {
    Malformed,
    Repeated,
    TooComplex,
}

/// Reads one value at a depth.
#[derive(Clone, Copy)]
struct Strict<'a> {
    limits: &'a Limits,
    depth: usize,
}

impl Strict<'_> {
    fn stop<E: de::Error>(self, fault: Fault) -> E {
        self.limits.fault.set(fault);
        E::custom("refused")
    }

    /// The reader for what is inside a list or object.
    fn inside<E: de::Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(self.stop(Fault::TooComplex));
        }
        Ok(Strict {
            depth: self.depth + 1,
            ..self
        })
    }

    fn count<E: de::Error>(self) -> Result<(), E> {
        match self.limits.left.get().checked_sub(1) {
            None => Err(self.stop(Fault::TooComplex)),
            Some(left) => {
                self.limits.left.set(left);
                Ok(())
            }
        }
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| self.stop(Fault::Malformed))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let inside = self.inside()?;
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(inside)? {
            self.count()?;
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let inside = self.inside()?;
        let mut members = Map::new();
        while let Some(name) = object.next_key::<String>()? {
            self.count()?;
            match members.entry(name) {
                Entry::Vacant(member) => member.insert(object.next_value_seed(inside)?),
                Entry::Occupied(_) => return Err(self.stop(Fault::Repeated)),
            };
        }
        Ok(Value::Object(members))
    }
}

/// Looks for one member of the outermost object and skips all others.
struct OneMember {
    name: &'static str,
}

enum Found {
    None,
    One(Box<RawValue>),
    Several,
}

impl<'de> Visitor<'de> for OneMember {
    type Value = Found;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Found, A::Error> {
        let mut found = Found::None;
        while let Some(Name(name)) = object.next_key()? {
            if name != self.name {
                object.next_value::<IgnoredAny>()?;
                continue;
            }
            let text = object.next_value()?;
            found = match found {
                Found::None => Found::One(text),
                Found::One(_) | Found::Several => Found::Several,
            };
        }
        Ok(found)
    }
}

/// A member's name, borrowed unless it has escapes.
struct Name<'de>(Cow<'de, str>);

impl<'de> de::Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }
        reader.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests;
