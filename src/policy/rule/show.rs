//! Values of rules as JSON, for people: bounded, since a claim may be long.

use cel::Value;
use cel::common::value::Val;
use cel::objects::Key;
use serde_json::{Map, Value as Json};

/// The longest text that is shown, in bytes.
const MAX_TEXT: usize = 256;
/// The most elements of a list or a map that are shown.
const MAX_ELEMENTS: usize = 32;
/// The deepest list or map that is shown.
const MAX_DEPTH: usize = 4;

/// The value, cut to what a person can read.
pub(super) fn shown(value: &dyn Val) -> Json {
    match Value::try_from(value) {
        Ok(value) => json(&value, 0),
        Err(_) => format!("a value of type {}", value.get_type().name()).into(),
    }
}

fn json(value: &Value, depth: usize) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => (*value).into(),
        Value::Int(number) => (*number).into(),
        Value::UInt(number) => (*number).into(),
        Value::Float(number) => (*number).into(),
        Value::String(string) => text(string).into(),
        Value::Bytes(bytes) => format!("{} bytes", bytes.len()).into(),
        Value::Timestamp(time) => time.to_rfc3339().into(),
        Value::Duration(span) => span.to_string().into(),
        Value::List(_) | Value::Map(_) if depth >= MAX_DEPTH => "…".into(),
        Value::List(items) => {
            let mut list: Vec<Json> = items
                .iter()
                .take(MAX_ELEMENTS)
                .map(|item| json(item, depth + 1))
                .collect();
            if items.len() > MAX_ELEMENTS {
                list.push(format!("… {} in all", items.len()).into());
            }
            list.into()
        }
        Value::Map(map) => {
            let mut entries: Vec<_> = map.map.iter().map(|(k, v)| (key(k), v)).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            let left_out = entries.len().saturating_sub(MAX_ELEMENTS);
            let mut object: Map<String, Json> = entries
                .into_iter()
                .take(MAX_ELEMENTS)
                .map(|(key, value)| (key, json(value, depth + 1)))
                .collect();
            if left_out > 0 {
                object.insert("…".to_owned(), format!("{left_out} more").into());
            }
            object.into()
        }
        other => format!("a value of type {}", other.type_of()).into(),
    }
}

fn key(key: &Key) -> String {
    match key {
        Key::String(string) => text(string),
        Key::Int(number) => number.to_string(),
        Key::Uint(number) => number.to_string(),
        Key::Bool(value) => value.to_string(),
    }
}

fn text(text: &str) -> String {
    let cut = &text[..text.floor_char_boundary(MAX_TEXT)];
    match cut.len() < text.len() {
        true => format!("{cut}…"),
        false => cut.to_owned(),
    }
}
