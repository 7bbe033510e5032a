//! What Gatepost shall reach, and whether it does in this run.

use super::figure::{Base, COSTS, Figure, Goal, OTHERS};
use super::results::{GATEPOST, Results, display};
use super::spread::{Spread, number};
use super::tables::Table;

/// The table of the goals.
pub(super) fn table(results: &Results) -> String {
    let mut table = Table::new(["figure", "goal", "Gatepost", "mean", "to beat", "reached"]);
    for figure in COSTS.iter().chain(OTHERS) {
        if let Some(goal) = figure.goal {
            table.row(row(results, figure, goal));
        }
    }
    table.row(losses(results));
    table.text()
}

fn row(results: &Results, figure: &Figure, goal: Goal) -> [String; 6] {
    let of = |peer: &str| match goal {
        Goal::Ratio(_) => results.ratios(figure, peer),
        Goal::Value(_) => results.values(figure, peer),
    };
    let beaten = |peer: &&str| Some(format!("{} {}", display(peer), number(of(peer)?.median())));
    let ours = of(GATEPOST);
    let reached = match &ours {
        None => "not measured",
        Some(spread) if spread.median() <= goal.at_most() => "**yes**",
        Some(_) => "no",
    };
    [
        format!("{}: {}", figure.title, figure.measure),
        told(figure, goal),
        ours.as_ref().map_or("–".into(), Spread::text),
        ours.as_ref()
            .map_or("–".into(), |spread| number(spread.mean())),
        figure
            .beat
            .iter()
            .filter_map(beaten)
            .collect::<Vec<_>>()
            .join(", "),
        reached.into(),
    ]
}

fn told(figure: &Figure, goal: Goal) -> String {
    let at_most = number(goal.at_most());
    match (goal, figure.base) {
        (Goal::Ratio(_), Some(Base::Workload(workload))) => format!("≤ {at_most} × {workload}"),
        (Goal::Ratio(_), _) => format!("≤ {at_most} × floor"),
        (Goal::Value(_), _) if figure.unit.is_empty() => format!("≤ {at_most}"),
        (Goal::Value(_), _) => format!("≤ {at_most} {}", figure.unit),
    }
}

/// Every message to every subscriber, once.
fn losses(results: &Results) -> [String; 6] {
    let counts = results.total(GATEPOST);
    let (wrong, reached) = match counts {
        None => ("–".to_owned(), "not measured"),
        Some(counts) => {
            let wrong = counts.lost + counts.doubled + counts.reordered + counts.holes;
            (wrong.to_string(), if wrong == 0 { "**yes**" } else { "no" })
        }
    };
    let title = "All workloads: deliveries lost, doubled or out of order".to_owned();
    [
        title,
        "0".into(),
        wrong,
        "–".into(),
        String::new(),
        reached.into(),
    ]
}
