//! What the server API said.

use std::fmt;

use bytes::Bytes;
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use super::explain::Explained;
use crate::cli::connect::clean;

/// An answer, understood.
#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    /// It was carried out.
    Done {
        ended: u64,
        nodes: u64,
        /// All that was said.
        result: Value,
    },
    /// It was asked why, and this is why.
    Explained(Explained),
    /// It was not.
    Refused {
        status: StatusCode,
        /// The code, a word or a number.
        code: Option<String>,
        message: String,
    },
}

/// Of a text that is not ours so much is shown.
const MOST_TEXT: usize = 500;

impl Answer {
    pub(super) fn read(answer: &Response<Bytes>) -> Answer {
        let status = answer.status();
        let body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        let number = |name: &str| body["result"][name].as_u64();
        if status == StatusCode::OK
            && let (Some(ended), Some(nodes)) = (number("ended"), number("nodes"))
        {
            let result = body["result"].clone();
            return Answer::Done {
                ended,
                nodes,
                result,
            };
        }
        if status == StatusCode::OK
            && let Some(explained) = Explained::read(&body["result"])
        {
            return Answer::Explained(explained);
        }
        let error = &body["error"];
        let code = match &error["code"] {
            Value::String(word) => Some(word.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let message = match (&error["message"], &code) {
            (Value::String(message), _) => message.clone(),
            (_, Some(_)) => String::new(),
            // The plain text of a body that was not understood, or somebody else's page.
            _ => {
                let text = String::from_utf8_lossy(answer.body());
                let text = text.trim();
                let cut = text.floor_char_boundary(MOST_TEXT);
                match text.is_empty() {
                    true => "this is not how a gateway answers".to_owned(),
                    false => text[..cut].to_owned(),
                }
            }
        };
        Answer::Refused {
            status,
            code,
            message,
        }
    }

    /// Of an unblocking: whether there was a block.
    pub(super) fn was_blocked(&self) -> Option<bool> {
        match self {
            Answer::Done { result, .. } => result["was_blocked"].as_bool(),
            _ => None,
        }
    }

    /// Whether it was done; of what was explained, whether all of it is allowed.
    pub(super) fn is_yes(&self) -> bool {
        match self {
            Answer::Done { .. } => true,
            Answer::Explained(explained) => explained.allows_all(),
            Answer::Refused { .. } => false,
        }
    }

    /// What `--json` prints: the result, or the error.
    pub(super) fn json(&self) -> Value {
        match self {
            Answer::Done { result, .. } => result.clone(),
            Answer::Explained(explained) => explained.json().clone(),
            Answer::Refused {
                status,
                code,
                message,
            } => json!({ "error": {
                "status": status.as_u16(), "code": code, "message": message,
            } }),
        }
    }
}

/// For a person; what may come from somebody else cannot write to the terminal as it likes.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Done { ended, .. } => write!(f, "{ended} ended"),
            Answer::Explained(explained) => explained.fmt(f),
            Answer::Refused {
                status,
                code,
                message,
            } => {
                // The API says no by its own code, with a status that says yes.
                let text = match (*status, code.as_deref()) {
                    (StatusCode::OK, Some(code)) => format!("not done: error {code}: {message}"),
                    (_, Some(code)) => format!("not done: {status}, {code}: {message}"),
                    (_, None) => format!("not done: {status}, no code: {message}"),
                };
                f.write_str(&clean(&text))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        let mut answer = Response::new(Bytes::from(body.to_owned()));
        *answer.status_mut() = StatusCode::from_u16(status).unwrap();
        Answer::read(&answer)
    }

    #[test]
    fn an_answer_is_done_or_says_why_not() {
        let done = answer(200, r#"{"result":{"ended":3,"nodes":1,"more":true}}"#);
        assert!(done.is_yes());
        assert_eq!(done.json(), json!({"ended": 3, "nodes": 1, "more": true}));
        for (status, body, shown) in [
            (
                200,
                r#"{"error":{"code":107,"message":"bad request: user"}}"#,
                "not done: error 107: bad request: user",
            ),
            (
                401,
                r#"{"error":{"code":"api_key_wrong","message":"another key"}}"#,
                "not done: 401 Unauthorized, api_key_wrong: another key",
            ),
            (
                400,
                "the body is not what it should be\n",
                "not done: 400 Bad Request, no code: the body is not what it should be",
            ),
            (
                200,
                r#"{"result":{}}"#,
                r#"not done: 200 OK, no code: {"result":{}}"#,
            ),
            (
                502,
                "",
                "not done: 502 Bad Gateway, no code: this is not how a gateway answers",
            ),
        ] {
            let answer = answer(status, body);
            assert!(!answer.is_yes(), "{body}");
            assert_eq!(answer.to_string(), shown);
            assert_eq!(answer.json()["error"]["status"], status);
        }
    }

    /// LOG-2: a page of somebody else's writes nothing of its own to the terminal.
    #[test]
    fn log_2_control_characters_are_not_printed() {
        let shown = answer(502, "\u{1b}[2Jgone\u{7}").to_string();
        assert!(
            !shown.contains('\u{1b}') && !shown.contains('\u{7}'),
            "{shown:?}"
        );
    }
}
