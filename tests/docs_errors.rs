//! `docs/errors/`: a page for each refusal, error, disconnect and unsubscribe.
//!
//! What a page says of numbers, texts and headers is written from the enums that the gateway
//! answers from; what it means, why it happens and what to do is written by people, below. A page
//! that lacks, differs or is of nothing any more fails here. `UPDATE_DOCS=1 cargo test --test
//! docs_errors` writes the first part and the list anew, and begins pages that are missing.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use gatepost::identity::Refusal;
use gatepost::protocol::websocket::Violation;
use gatepost::protocol::{Disconnect, ErrorCode, UnsubscribeCode};

/// A page, as far as the enums say it.
struct Page {
    /// The file, without its ending.
    name: String,
    /// Up to the first section that is written by hand.
    head: String,
    /// The sections that are written by hand.
    sections: &'static [&'static str],
    /// What the list says of it.
    line: String,
}

const OF_A_REFUSAL: &[&str] = &["Why it happens", "What to do"];
const OF_A_CODE: &[&str] = &["What it means", "Why it happens", "What to do"];

fn of_refusal(refusal: &Refusal) -> Page {
    let (code, status) = (refusal.code(), refusal.status());
    let mut head = format!("# {code}\n\nA refusal of the door: HTTP {status}.\n\n");
    // With a made-up detail, where a request adds one.
    let sentence = refusal.message();
    writeln!(head, "> {sentence}\n").unwrap();
    if let Some(challenge) = refusal.www_authenticate() {
        writeln!(head, "- `WWW-Authenticate: {challenge}`").unwrap();
    }
    if refusal.retry_after().is_some() {
        writeln!(
            head,
            "- `Retry-After` says in how many seconds to try again"
        )
        .unwrap();
    }
    writeln!(
        head,
        "- metric `gatepost_refusals_total{{code=\"{code}\"}}`\n"
    )
    .unwrap();
    Page {
        name: code.to_owned(),
        head,
        sections: OF_A_REFUSAL,
        line: format!("{} | {sentence}", status.as_u16()),
    }
}

fn of_code(number: u32, text: &str, kind: &str, then: &str) -> Page {
    Page {
        name: format!("{number}_{}", slug(text)),
        head: format!("# {number} {text}\n\n{kind}. {then}\n\n"),
        sections: OF_A_CODE,
        line: format!("{number} | {text}"),
    }
}

fn of_error(error: &ErrorCode) -> Page {
    let then = match error.is_temporary() {
        true => "It is temporary: SDKs try the same again, later each time.",
        false if *error == ErrorCode::TokenExpired => "SDKs ask for a new token and try again.",
        false => "SDKs do not try the same again.",
    };
    let kind = "An error in the reply to a command";
    of_code(error.code(), error.message(), kind, then)
}

fn of_disconnect(disconnect: &Disconnect) -> Page {
    let then = match disconnect.comes_back() {
        true => "SDKs come back by themselves.",
        false => "SDKs do not come back by themselves.",
    };
    let (code, reason) = (disconnect.code().into(), disconnect.reason());
    of_code(code, reason, "The gateway closed the connection", then)
}

fn of_unsubscribe(unsubscribe: &UnsubscribeCode) -> Page {
    let then = match unsubscribe.code() < 2500 {
        true => "SDKs do not subscribe again by themselves.",
        false => "SDKs subscribe again by themselves.",
    };
    let (code, reason) = (unsubscribe.code(), unsubscribe.reason());
    of_code(code, reason, "The gateway ended a subscription", then)
}

/// The close codes of WebSocket itself, each with the reasons that it is sent with.
fn of_violations() -> Vec<Page> {
    let codes: BTreeSet<u16> = Violation::ALL.iter().map(|v| v.close_code()).collect();
    let page = |code: u16| {
        // RFC 6455 §7.4.1, as the registry of IANA calls them.
        let name = match code {
            1002 => "protocol error",
            1003 => "unsupported data",
            1007 => "invalid data",
            1008 => "policy violation",
            1009 => "message too big",
            other => panic!("name the close code {other}"),
        };
        let kind = "The gateway closed the WebSocket";
        let mut page = of_code(code.into(), name, kind, "The reason is one of:");
        let of_this = Violation::ALL.iter().filter(|v| v.close_code() == code);
        of_this.for_each(|v| writeln!(page.head, "- {}", v.reason()).unwrap());
        page.head.push('\n');
        page
    };
    codes.into_iter().map(page).collect()
}

fn slug(text: &str) -> String {
    text.replace([' ', '-'], "_")
}

/// The pages, under the headings of the list.
fn pages() -> Vec<(&'static str, Vec<Page>)> {
    vec![
        (REFUSALS, Refusal::ALL.iter().map(of_refusal).collect()),
        (ERRORS, ErrorCode::ALL.iter().map(of_error).collect()),
        (
            DISCONNECTS,
            Disconnect::ALL.iter().map(of_disconnect).collect(),
        ),
        (CLOSES, of_violations()),
        (
            UNSUBSCRIBES,
            UnsubscribeCode::ALL.iter().map(of_unsubscribe).collect(),
        ),
    ]
}

const REFUSALS: &str = "The door refused a request";
const ERRORS: &str = "A command was answered with an error";
const DISCONNECTS: &str = "The gateway closed a connection";
const CLOSES: &str = "The gateway closed a connection for what WebSocket does not allow";
const UNSUBSCRIBES: &str = "The gateway ended a subscription";

const PREFACE: &str = "# Everything that Gatepost says no with\n\n\
    A refusal's JSON names its page: `{\"error\":{\"code\":\"token_expired\",\
    \"docs\":\"errors/token_expired\",\"message\":\"…\"}}` is `docs/errors/token_expired.md`. \
    The others are found by their number.\n";

fn list(pages: &[(&str, Vec<Page>)]) -> String {
    let mut text = PREFACE.to_owned();
    for (heading, pages) in pages {
        write!(
            text,
            "\n## {heading}\n\n| page | | |\n| --- | --- | --- |\n"
        )
        .unwrap();
        for page in pages {
            let name = &page.name;
            writeln!(text, "| [{name}]({name}.md) | {} |", page.line).unwrap();
        }
    }
    text
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/errors")
}

/// The part below the head: from the first section that is written by hand.
fn by_hand<'a>(text: &'a str, page: &Page) -> &'a str {
    let first = format!("## {}\n", page.sections[0]);
    text.find(&first).map_or("", |at| &text[at..])
}

/// What is wrong with the part that people write.
fn faults_by_hand(text: &str, page: &Page) -> Vec<String> {
    let name = &page.name;
    let found: Vec<&str> = text.lines().filter(|line| line.starts_with('#')).collect();
    let wanted: Vec<String> = page.sections.iter().map(|s| format!("## {s}")).collect();
    if found != wanted {
        return vec![format!("{name}: has {found:?}, and must have {wanted:?}")];
    }
    let written = text.split("## ").skip(1).zip(page.sections);
    let empty = written.filter(|(part, heading)| part[heading.len()..].trim().len() < 3);
    empty
        .map(|(_, heading)| format!("{name}: nothing is written under \"{heading}\""))
        .collect()
}

/// Compares a file with what it should be, or writes it.
fn hold(file: &Path, wanted: &str, faults: &mut Vec<String>) {
    let found = fs::read_to_string(file).unwrap_or_default();
    if found == wanted {
        return;
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(file, wanted).unwrap();
    } else {
        faults.push(format!("{} is not as the enums say", file.display()));
    }
}

#[test]
fn every_refusal_error_disconnect_and_unsubscribe_has_its_page() {
    let (folder, groups, mut faults) = (folder(), pages(), Vec::new());
    let mut known = BTreeSet::from(["README.md".to_owned()]);
    for page in groups.iter().flat_map(|(_, pages)| pages) {
        let file = folder.join(format!("{}.md", page.name));
        let text = fs::read_to_string(&file).unwrap_or_default();
        let mut hand = by_hand(&text, page).to_owned();
        if hand.is_empty() {
            let sections = page.sections.iter().map(|s| format!("## {s}\n"));
            hand = sections.collect::<Vec<_>>().join("\n");
        }
        hold(&file, &format!("{}{hand}", page.head), &mut faults);
        faults.extend(faults_by_hand(&hand, page));
        assert!(
            known.insert(format!("{}.md", page.name)),
            "two pages are called {}",
            page.name
        );
    }
    hold(&folder.join("README.md"), &list(&groups), &mut faults);
    let files = fs::read_dir(&folder).unwrap();
    let names = files.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    faults.extend(
        names
            .filter(|name| !known.contains(name))
            .map(|name| format!("{name} is of nothing that the gateway says")),
    );
    assert!(
        faults.is_empty(),
        "{}\n\nUPDATE_DOCS=1 writes the first part of each page; the rest is yours",
        faults.join("\n")
    );
}

#[test]
fn the_json_of_a_refusal_names_a_page_that_is_there() {
    for refusal in Refusal::ALL {
        let body: serde_json::Value = serde_json::from_str(&refusal.json_body()).unwrap();
        let docs = body["error"]["docs"].as_str().unwrap();
        let page = folder().parent().unwrap().join(format!("{docs}.md"));
        assert!(page.is_file(), "{}", page.display());
    }
}
