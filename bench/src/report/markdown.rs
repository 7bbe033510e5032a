//! report.md: the goals, then ratios, then what is behind them.

use super::chart::Chart;
use super::figure::{COSTS, Figure, KERNEL, OTHERS};
use super::goals;
use super::results::{FLOOR, Results, display};
use super::spread::{Spread, number};
use super::tables::{Table, grouped};

/// The latencies that are told: workload, name in the records, title.
const LATENCIES: &[(&str, &str, &str)] = &[
    ("fanout", "delivery", "fan-out, 50/s"),
    ("rooms", "delivery", "rooms of 10"),
    ("rtt", "round_trip", "round trip"),
];

/// The report.
pub(super) fn report(results: &Results, command: &str, charts: &[Chart]) -> String {
    let mut text = String::from("# Gatepost beside its peers\n\n");
    text.push_str(&circumstances(results, command));
    text.push_str(&images(charts));
    section(&mut text, "Goals", GOALS, &goals::table(results));
    section(&mut text, "Ratios to the floor", RATIOS, &ratios(results));
    section(
        &mut text,
        "Values",
        VALUES,
        &values(results, &all_figures()),
    );
    section(&mut text, "Latency", LATENCY, &latencies(results));
    section(
        &mut text,
        "Deliveries",
        DELIVERIES,
        &folded(&deliveries(results)),
    );
    section(&mut text, "Every round", ROUNDS, &folded(&rounds(results)));
    section(&mut text, "Versions", "", &versions(results));
    text
}

const GOALS: &str = "The median of the rounds is judged; in brackets the smallest and the largest. \
    Ratios are to the floor in the same round.";
const RATIOS: &str = "Server CPU time and memory, divided by the floor's in the same round: the \
    median of the rounds, in brackets the smallest and the largest. Differences under 15 % are none.";
const VALUES: &str = "What the ratios are made of. Values belong to this machine. Those of the \
    kernel are of the whole machine, the clients' ends of the connections included.";
const LATENCY: &str = "From the call that publishes to the arrival, in milliseconds: the median of \
    the rounds of the 50th and the 99th percentile and of the worst. The clients share the cores.";
const DELIVERIES: &str = "All rounds together. Every payload has a number, so that each delivery is \
    counted. Late: took over a second. Broken: connections that ended although nobody closed them.";
const ROUNDS: &str = "The ratios, or the values where there is no ratio, round by round.";

fn section(text: &mut String, title: &str, words: &str, body: &str) {
    text.push_str(&format!("\n## {title}\n\n"));
    if !words.is_empty() {
        text.push_str(&format!("{words}\n\n"));
    }
    text.push_str(body);
}

/// A long table, out of the way until somebody wants it.
fn folded(table: &str) -> String {
    format!("<details><summary>the table</summary>\n\n{table}\n</details>\n")
}

fn circumstances(results: &Results, command: &str) -> String {
    let (began, ended) = results.dates();
    let rounds = match results.rounds() {
        1 => "one round, which shows that all works, and little more".to_owned(),
        rounds => format!("{rounds} rounds, the servers taking turns in each"),
    };
    let mut lines = vec![format!("Measured from {began} to {ended}: {rounds}")];
    if let Some(machine) = results.machine() {
        lines.push(format!(
            "Machine: {} cores of {}, {:.1} GiB, Linux {}; server and clients on it, over loopback",
            machine.cores,
            machine.processor,
            machine.memory_mib as f64 / 1024.0,
            machine.kernel
        ));
    }
    lines.push(format!("Command: `{command}`"));
    lines.iter().map(|line| format!("- {line}\n")).collect()
}

fn images(charts: &[Chart]) -> String {
    charts
        .iter()
        .map(|chart| format!("\n![{}]({})\n", chart.alt, chart.file))
        .collect()
}

fn ratios(results: &Results) -> String {
    peers_by_figures(results, COSTS, |figure, peer| results.ratios(figure, peer))
}

fn all_figures() -> Vec<&'static Figure> {
    COSTS.iter().chain(KERNEL).chain(OTHERS).collect()
}

fn values(results: &Results, figures: &[&Figure]) -> String {
    let mut table = Table::new(
        ["figure", ""]
            .into_iter()
            .chain(results.peers().map(display)),
    );
    for figure in figures {
        let values: Vec<_> = results
            .peers()
            .map(|peer| results.values(figure, peer))
            .collect();
        if values.iter().any(Option::is_some) {
            let cells = values.iter().map(|spread| median(spread.as_ref()));
            let names = [figure.title.to_owned(), figure.measured()];
            table.row(names.into_iter().chain(cells));
        }
    }
    table.text()
}

fn peers_by_figures(
    results: &Results,
    figures: &[Figure],
    of: impl Fn(&Figure, &str) -> Option<Spread>,
) -> String {
    let measured = |figure: &&Figure| results.peers().any(|peer| of(figure, peer).is_some());
    let figures: Vec<&Figure> = figures.iter().filter(measured).collect();
    let mut table = Table::new(
        ["server"]
            .into_iter()
            .chain(figures.iter().map(|f| f.title)),
    );
    for peer in results.peers() {
        let cells = figures.iter().map(|figure| match of(figure, peer) {
            Some(_) if peer == FLOOR => "1".to_owned(),
            Some(spread) => spread.text(),
            None => "–".to_owned(),
        });
        table.row([display(peer).to_owned()].into_iter().chain(cells));
    }
    table.text()
}

fn median(spread: Option<&Spread>) -> String {
    spread.map_or("–".to_owned(), |spread| number(spread.median()))
}

fn latencies(results: &Results) -> String {
    let mut table = Table::new(
        ["server"]
            .into_iter()
            .chain(LATENCIES.iter().map(|(_, _, title)| *title)),
    );
    for peer in results.peers() {
        let cells = LATENCIES.iter().map(|(workload, name, _)| {
            let p50 = results.latency(workload, name, peer, |latency| latency.p50_us);
            let p99 = results.latency(workload, name, peer, |latency| latency.p99_us);
            let worst = results.latency(workload, name, peer, |latency| latency.max_us);
            [p50, p99, worst]
                .each_ref()
                .map(|spread| median(spread.as_ref()))
                .join(" / ")
        });
        table.row([display(peer).to_owned()].into_iter().chain(cells));
    }
    table.text()
}

fn deliveries(results: &Results) -> String {
    let columns = ["workload, server", "published", "delivered"];
    let wrong = [
        "lost",
        "doubled",
        "out of order",
        "late",
        "broken",
        "refused",
    ];
    let mut table = Table::new(columns.into_iter().chain(wrong));
    for workload in results.workloads() {
        for peer in results.peers() {
            let Some(counts) = results.counts(workload, peer) else {
                continue;
            };
            if counts.is_nothing() {
                continue;
            }
            let figures = [
                counts.published,
                counts.deliveries,
                counts.lost,
                counts.doubled,
                counts.reordered,
                counts.late,
                counts.broken,
                counts.refused,
            ];
            let name = format!("{workload}, {}", display(peer));
            table.row([name].into_iter().chain(figures.map(grouped)));
        }
    }
    table.text()
}

fn rounds(results: &Results) -> String {
    let numbers: Vec<String> = (1..=results.rounds())
        .map(|round| round.to_string())
        .collect();
    let columns = ["figure, server", "mean", "median"].map(str::to_owned);
    let mut table = Table::new(columns.into_iter().chain(numbers));
    for figure in COSTS.iter().chain(OTHERS) {
        for peer in results.peers().filter(|peer| *peer != FLOOR) {
            let spread = match figure.base {
                Some(_) => results.ratios(figure, peer),
                None => results.values(figure, peer),
            };
            let Some(spread) = spread else { continue };
            let name = format!("{}, {}", figure.title, display(peer));
            let cells = [name, number(spread.mean()), number(spread.median())];
            table.row(
                cells
                    .into_iter()
                    .chain(spread.rounds().iter().copied().map(number)),
            );
        }
    }
    table.text()
}

fn versions(results: &Results) -> String {
    let mut table = Table::new(["server", "version"]);
    for peer in results.peers() {
        table.row([display(peer), results.version(peer).unwrap_or("–")]);
    }
    table.text()
}
