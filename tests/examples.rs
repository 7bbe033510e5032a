//! The examples of `config/examples/`: each is good, each proves all of its rules, and no rule of
//! them can be changed without an expectation that fails.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends where something is wrong"
)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use gatepost::config::{Config, Examined, Scope};
use support::mutants::mutants;
use tempfile::TempDir;
use toml::{Table, Value};

const EXAMPLES: [&str; 5] = [
    "chat",
    "multi-tenant",
    "classroom",
    "trading-desk",
    "support-desk",
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples")
}

#[test]
fn every_example_is_good_and_covers_all_of_its_rules() {
    let files = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let configs = files.filter(|file| file.extension().is_some_and(|end| end == "toml"));
    assert_eq!(configs.count(), EXAMPLES.len(), "one is not looked at");
    for example in EXAMPLES {
        let file = folder().join(format!("{example}.toml"));
        let examined = Config::examine(&file, Scope::Rules);
        assert!(examined.found.is_empty(), "{:?}", shown(&examined));
        let policy = examined.policy.as_ref().unwrap();
        let mut coverage = policy.coverage();
        for case in &examined.cases {
            let (made_up, channel) = case.expectation.question(policy).unwrap();
            let permission = case.expectation.permission;
            coverage.add(policy, &made_up.subject(), &channel, permission);
        }
        let gaps = coverage.gaps();
        assert!(gaps.is_empty(), "{gaps:#?}");
        assert_eq!(coverage.percent(), 100.0);
    }
}

fn shown(examined: &Examined) -> Vec<String> {
    examined.found.iter().map(ToString::to_string).collect()
}

/// Each rule negated, without one of its operands, with another operator, constant, and gone.
#[test]
fn no_rule_can_be_changed_unnoticed() {
    for example in EXAMPLES {
        let text = fs::read_to_string(folder().join(format!("{example}.toml"))).unwrap();
        let config: Table = text.parse().unwrap();
        let copy = Copy::of(example);
        let unchanged = copy.examine(&config);
        assert!(unchanged.found.is_empty(), "{:?}", shown(&unchanged));
        let rules = rules(&config);
        assert!(rules.len() >= 8, "{example} has {} rules", rules.len());
        let (mut changed, mut survivors) = (0, Vec::new());
        for rule in rules {
            let written = at(&mut config.clone(), &rule).as_str().unwrap().to_owned();
            for mutant in mutants(&written) {
                let mut config = config.clone();
                match &mutant {
                    Some(text) => *at(&mut config, &rule) = Value::String(text.clone()),
                    None => remove(&mut config, &rule),
                }
                changed += 1;
                if copy.examine(&config).faults() == 0 {
                    survivors.push(format!("{}: {mutant:?}", rule.join(".")));
                }
            }
        }
        assert!(changed > 30, "{example}: only {changed} changes");
        assert!(survivors.is_empty(), "{example}: {survivors:#?}");
    }
}

/// An example in a folder of its own, where it can be changed.
struct Copy {
    folder: TempDir,
}

impl Copy {
    fn of(example: &str) -> Copy {
        let copy = Copy {
            folder: TempDir::new().unwrap(),
        };
        let beside = folder().join(example);
        if beside.is_dir() {
            fs::create_dir(copy.folder.path().join(example)).unwrap();
            for file in fs::read_dir(beside).unwrap().map(|entry| entry.unwrap()) {
                let to = copy.folder.path().join(example).join(file.file_name());
                fs::copy(file.path(), to).unwrap();
            }
        }
        copy
    }

    fn examine(&self, config: &Table) -> Examined {
        let file = self.folder.path().join("gatepost.toml");
        fs::write(&file, toml::to_string(config).unwrap()).unwrap();
        Config::examine(&file, Scope::Rules)
    }
}

/// The path of every rule that is acted on.
fn rules(config: &Table) -> Vec<Vec<String>> {
    const KEYS: [&str; 4] = ["deny", "subscribe", "publish", "presence"];
    let mut found = Vec::new();
    let mut look = |path: &[&str], table: &Table| {
        let path: Vec<String> = path.iter().map(|&key| key.to_owned()).collect();
        for key in KEYS.into_iter().filter(|key| table.contains_key(*key)) {
            found.push([path.clone(), vec![key.to_owned()]].concat());
        }
        if table
            .get("history")
            .is_some_and(|h| h.get("read").is_some())
        {
            found.push([path, vec!["history".to_owned(), "read".to_owned()]].concat());
        }
    };
    if let Some(personal) = config.get("personal") {
        look(&["personal"], personal.as_table().unwrap());
    }
    for (name, room) in config["room"].as_table().unwrap() {
        look(&["room", name], room.as_table().unwrap());
    }
    found
}

fn at<'t>(config: &'t mut Table, path: &[String]) -> &'t mut Value {
    let (last, above) = path.split_last().unwrap();
    &mut table_at(config, above)[last]
}

fn remove(config: &mut Table, path: &[String]) {
    let (last, above) = path.split_last().unwrap();
    table_at(config, above).remove(last);
}

fn table_at<'t>(config: &'t mut Table, path: &[String]) -> &'t mut Table {
    path.iter()
        .fold(config, |table, key| table[key].as_table_mut().unwrap())
}
