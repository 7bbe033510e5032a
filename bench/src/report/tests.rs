use super::records::{self, Record};
use super::results::Results;
use super::spread::{Spread, number};
use super::*;

const RECORDS: &str = include_str!("golden/records.jsonl");

/// To renew what is expected, from `bench/`:
/// `bench report --in src/report/golden/records.jsonl --out src/report/golden`, and look at it.
#[test]
fn the_same_records_give_the_same_report() {
    let files = files(RECORDS, "make bench").unwrap();
    let names: Vec<_> = files.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        names,
        ["report.md", "overview.svg", "idle.svg", "latency.svg"]
    );
    let expected = [
        include_str!("golden/report.md"),
        include_str!("golden/overview.svg"),
        include_str!("golden/idle.svg"),
        include_str!("golden/latency.svg"),
    ];
    for ((name, written), expected) in files.iter().zip(expected) {
        assert_eq!(written, expected, "{name}");
    }
}

#[test]
fn the_order_of_the_records_makes_no_figure() {
    let mut lines: Vec<&str> = RECORDS.lines().collect();
    let last = lines.len() - 1;
    // Round 2 of one figure before everything else; the peers' order is the first records'.
    lines.swap(last, last - 1);
    let turned = files(&lines.join("\n"), "make bench").unwrap();
    assert_eq!(turned, files(RECORDS, "make bench").unwrap());
}

#[test]
fn a_ratio_is_to_the_floor_of_the_same_round() {
    let results = Results::of(vec![
        record("floor", 1, 2.0),
        record("gatepost", 1, 3.0),
        record("floor", 2, 4.0),
        record("gatepost", 2, 4.0),
        record("gatepost", 3, 4.0),
    ]);
    let figure = &figure::COSTS[0];
    assert_eq!(
        results.ratios(figure, "gatepost").unwrap().rounds(),
        [1.5, 1.0]
    );
    assert_eq!(
        results.values(figure, "gatepost").unwrap().rounds(),
        [3.0, 4.0, 4.0]
    );
    assert!(results.ratios(figure, "bun").is_none());
}

#[test]
fn two_runs_in_one_file_are_told_apart_from_one() {
    let line = RECORDS.lines().next().unwrap();
    let error = records::read(&format!("{line}\n\n{line}\n")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 3 is round 1 of connect on floor again, which line 1 is already: ratios are of one \
         run, so give each run a file of its own"
    );
}

#[test]
fn a_line_that_is_no_record_is_named() {
    let error = records::read("{\"peer\":\"floor\"}").unwrap_err();
    assert_eq!(error.to_string(), "line 1 is not a record of the bench");
    assert_eq!(
        records::read("\n").unwrap_err().to_string(),
        "it has no records"
    );
}

#[test]
fn the_median_of_an_even_number_is_between_the_two_in_the_middle() {
    let spread = Spread::of(vec![4.0, 1.0, 2.0, 9.0]).unwrap();
    assert_eq!((spread.median(), spread.mean()), (3.0, 4.0));
    assert_eq!(spread.text(), "3.00 (1.00–9.00)");
    assert!(Spread::of(vec![]).is_none());
}

#[test]
fn three_digits_count() {
    assert_eq!(
        [0.0, 0.1634, 1.153, 10.04, 116.3].map(number),
        ["0", "0.163", "1.15", "10.0", "116"]
    );
}

fn record(peer: &str, round: usize, cpu_us: f64) -> Record {
    let line = RECORDS
        .lines()
        .find(|line| line.contains("\"fanout\""))
        .unwrap();
    let mut record: Record = serde_json::from_str(line).unwrap();
    record.peer = peer.to_owned();
    record.round = round;
    record
        .figures
        .insert("cpu_us_per_delivery".to_owned(), cpu_us);
    record
}
