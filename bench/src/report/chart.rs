//! The charts: what each shows.

use anyhow::Result;

use super::figure::{COSTS, Figure, Goal, IDLE_MEMORY, LATENCIES, STORM};
use super::panel::{self, Bar, Panel};
use super::results::{FLOOR, GATEPOST, Results, display};
use super::spread::Spread;

/// A chart, drawn.
pub(super) struct Chart {
    pub(super) file: &'static str,
    /// What it shows, in words.
    pub(super) alt: &'static str,
    pub(super) svg: String,
}

/// All that the run has figures for; the overview first.
pub(super) fn all(results: &Results, command: &str) -> Result<Vec<Chart>> {
    let caption = caption(results, command);
    let overview: Vec<Panel> = COSTS
        .iter()
        .filter_map(|figure| of_ratios(results, figure))
        .collect();
    let others = [IDLE_MEMORY, STORM, LATENCIES].map(|figures| {
        figures
            .iter()
            .filter_map(|figure| of_values(results, figure))
            .collect()
    });
    let [idle, storm, latency] = others;

    let charts: [(&str, &str, Vec<Panel>); 4] = [
        (
            "overview.svg",
            "Server CPU time and memory of Gatepost and its peers, as ratios to a bare TLS server",
            overview,
        ),
        ("idle.svg", "Memory of an idle connection", idle),
        ("storm.svg", "A storm: all connections cut at once", storm),
        (
            "latency.svg",
            "How long deliveries take: the 99th percentile",
            latency,
        ),
    ];
    charts
        .into_iter()
        .filter(|(_, _, panels)| !panels.is_empty())
        .map(|(file, alt, panels)| {
            Ok(Chart {
                file,
                alt,
                svg: panel::draw(alt, &caption, &panels)?,
            })
        })
        .collect()
}

/// Where the figures are from, for whoever sees the chart alone.
fn caption(results: &Results, command: &str) -> String {
    let (_, ended) = results.dates();
    let day = ended.split('T').next().unwrap_or(ended);
    let machine = results.machine();
    let machine =
        machine.map(|machine| format!("{} cores of {}", machine.cores, machine.processor));
    [Some(day.to_owned()), machine, Some(command.to_owned())]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" · ")
}

/// Beside the floor, which is the line at 1.
fn of_ratios(results: &Results, figure: &Figure) -> Option<Panel> {
    let bars = bars(
        results,
        |peer| results.ratios(figure, peer),
        |peer| peer != FLOOR,
    )?;
    let goal = match figure.goal {
        Some(Goal::Ratio(at_most)) => Some(at_most),
        _ => None,
    };
    let subtitle = format!("{} ÷ floor", figure.measure);
    Some(Panel {
        title: figure.title,
        subtitle,
        bars,
        floor: Some(1.0),
        goal,
    })
}

fn of_values(results: &Results, figure: &Figure) -> Option<Panel> {
    let bars = bars(results, |peer| results.values(figure, peer), |_| true)?;
    let goal = match figure.goal {
        Some(Goal::Value(at_most)) => Some(at_most),
        _ => None,
    };
    let subtitle = figure.measured();
    Some(Panel {
        title: figure.title,
        subtitle,
        bars,
        floor: None,
        goal,
    })
}

/// A bar for each peer that has the figure, Gatepost's first; `None` if there are none.
fn bars(
    results: &Results,
    of: impl Fn(&str) -> Option<Spread>,
    shown: impl Fn(&str) -> bool,
) -> Option<Vec<Bar>> {
    let mut bars: Vec<Bar> = results
        .peers()
        .filter(|peer| shown(peer))
        .filter_map(|peer| {
            let spread = of(peer)?;
            Some(Bar {
                name: display(peer).to_owned(),
                ours: peer == GATEPOST,
                value: spread.median(),
                low: spread.low(),
                high: spread.high(),
            })
        })
        .collect();
    bars.sort_by_key(|bar| !bar.ours);
    (!bars.is_empty()).then_some(bars)
}
