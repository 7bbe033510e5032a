//! `disconnect`: ends connections of a user without revoking anything.

use std::collections::HashSet;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::{Backend, Done, Fault, read, user_of};
use crate::protocol::Disconnect;
use crate::session::Farewell;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    user: Option<String>,
    client: Option<String>,
    session: Option<String>,
    whitelist: Option<HashSet<String>>,
    disconnect: Option<Own>,
    label_filter: Option<IgnoredAny>,
    all_users: Option<bool>,
}

/// A code and a reason of the backend's own.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Own {
    code: u32,
    reason: Option<String>,
}

/// The most that fits a close frame beside the code.
const MAX_REASON_BYTES: usize = 123;

impl Backend {
    pub(super) async fn disconnect(&self, body: &[u8]) -> Result<Done, Fault> {
        let request: Request = read(body)?;
        refuse_filters(&request)?;
        let user = user_of(request.user.as_deref())?;
        let farewell = match &request.disconnect {
            None => Disconnect::ForceDisconnect.into(),
            Some(own) => farewell(own)?,
        };
        let only = request.client.filter(|client| !client.is_empty());
        let spared = request.whitelist.unwrap_or_default();
        let names = |_: &_, client: &str| {
            only.as_deref().is_none_or(|only| only == client) && !spared.contains(client)
        };
        let ended = self
            .sessions
            .end_matching(Some(&user), &farewell, names)
            .await;
        let user = Some(user);
        Ok(Done::ended(user, ended))
    }
}

/// What would narrow the call elsewhere must not be passed over.
fn refuse_filters(request: &Request) -> Result<(), Fault> {
    let refuse = |name: &str| {
        let detail = format_args!("{name} is not available; leave it out");
        Err(Fault::bad_request(detail))
    };
    if request.session.as_deref().is_some_and(|id| !id.is_empty()) {
        return refuse("session");
    }
    if request.label_filter.is_some() {
        return refuse("label_filter");
    }
    if request.all_users == Some(true) {
        return refuse("all_users");
    }
    Ok(())
}

/// SDKs decide by the code whether to come back, and ignore one whose reason is empty or JSON.
fn farewell(own: &Own) -> Result<Farewell, Fault> {
    let reason = own.reason.as_deref().unwrap_or_default();
    let code = u16::try_from(own.code).ok();
    let Some(code) = code.filter(|code| (4000..5000).contains(code)) else {
        let detail = "disconnect.code is 4000 to 4999: below 4500 clients come back";
        return Err(Fault::bad_request(detail));
    };
    let is_text = !reason.is_empty()
        && reason.len() <= MAX_REASON_BYTES
        && reason
            .bytes()
            .all(|byte| byte == b' ' || byte.is_ascii_graphic())
        && serde_json::from_str::<Value>(reason).is_err();
    if !is_text {
        let detail = "disconnect.reason is 1 to 123 characters of ASCII, and no JSON";
        return Err(Fault::bad_request(detail));
    }
    Ok(Farewell::own(code, reason))
}
