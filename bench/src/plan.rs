//! The workloads of a run, each as the command line that measures it alone.

use anyhow::{Context, Result};
use clap::Parser;

use crate::workload::Task;

/// A line a workload: its name, its command line, and what stands behind that for `--quick`.
const WORKLOADS: &str = "
connect            | connect                               | --connections 100 --warm-up 10
idle               | idle                                  | --connections 100 --warm-up 10 --settle 0.2
fanout             | fanout --seconds 6                    | --subscribers 100 --seconds 1
fanout-protobuf    | fanout --seconds 6 --format protobuf  | --subscribers 100 --seconds 1
saturated          | fanout --saturated --seconds 3        | --subscribers 100 --seconds 0.5
saturated-protobuf | fanout --saturated --seconds 3 --format protobuf | --subscribers 100 --seconds 0.5
rooms              | rooms --times 6                       | --connections 100 --times 2 --rate 4
rtt                | rtt --messages 20000                  | --messages 200 --warm-up 20
publish            | publish                               | --pairs 50 --times 10
lone               | lone                                  | --subscribers 200 --seconds 1
slow               | slow                                  | --readers 100 --neighbours 20 --healthy 0.5 --stall 1
storm              | storm                                 | --clients 200 --stay 50 --at-once 50 --rate 2 --calm 0.5 --pause 0.1
storm-flood        | storm --at-once 5000                  | --clients 200 --stay 50 --rate 2 --calm 0.5 --pause 0.1
";

/// The names of all.
pub fn names() -> Vec<&'static str> {
    workloads().map(|[name, ..]| name).collect()
}

/// The workload of this name, with the load of a run, or with a little of it.
pub fn task(name: &str, quick: bool) -> Result<Task> {
    let [_, line, less] = workloads()
        .find(|[known, ..]| *known == name)
        .with_context(|| {
            format!(
                "there is no workload `{name}`; there are {}",
                names().join(", ")
            )
        })?;
    let words = ["bench", line, if quick { less } else { "" }];
    let words = words.iter().flat_map(|words| words.split_whitespace());
    Ok(Line::try_parse_from(words)?.task)
}

#[derive(Parser)]
#[command(args_override_self = true)]
struct Line {
    #[command(subcommand)]
    task: Task,
}

fn workloads() -> impl Iterator<Item = [&'static str; 3]> {
    WORKLOADS.lines().filter_map(|line| {
        let mut fields = line.split('|').map(str::trim);
        Some([fields.next()?, fields.next()?, fields.next()?])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_workload_is_a_command_line_that_measures_it() {
        assert_eq!(names().len(), 13);
        for name in names() {
            for quick in [false, true] {
                assert_eq!(task(name, quick).unwrap().name(), name);
            }
        }
    }

    #[test]
    fn a_name_that_is_not_known_is_told_with_those_that_are() {
        let error = task("fan", false).unwrap_err().to_string();
        assert!(
            error.starts_with("there is no workload `fan`; there are connect, idle"),
            "{error}"
        );
    }
}
