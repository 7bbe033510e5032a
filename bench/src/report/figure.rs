//! The figures that a report tells: where each is in the records, what it is divided by, and what
//! the goal is.

use super::records::Record;

/// One figure.
#[derive(Debug)]
pub(super) struct Figure {
    /// The workload that measures it.
    pub(super) workload: &'static str,
    /// What it is called.
    pub(super) title: &'static str,
    /// What is measured, and in which unit.
    pub(super) measure: &'static str,
    pub(super) unit: &'static str,
    source: Source,
    /// What it is divided by, always in the same round; a figure without is told as it is.
    pub(super) base: Option<Base>,
    /// What Gatepost shall reach.
    pub(super) goal: Option<Goal>,
    /// Whom it must at least beat.
    pub(super) beat: &'static [&'static str],
}

/// Where a figure is in a record.
#[derive(Debug)]
enum Source {
    /// By this name among the figures.
    Named(&'static str),
    /// The first of these by the second.
    Quotient(&'static str, &'static str),
    /// The first of these without the second.
    Difference(&'static str, &'static str),
    /// The 99th percentile of the latency with this name, in milliseconds.
    P99(&'static str),
}

/// What a ratio is taken to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Base {
    /// The floor's value of the figure.
    Floor,
    /// The peer's own value in another workload.
    Workload(&'static str),
}

/// A goal: at most so much.
#[derive(Clone, Copy, Debug)]
pub(super) enum Goal {
    Ratio(f64),
    Value(f64),
}

impl Goal {
    pub(super) fn at_most(self) -> f64 {
        match self {
            Goal::Ratio(at_most) | Goal::Value(at_most) => at_most,
        }
    }
}

impl Figure {
    const fn new(workload: &'static str, title: &'static str, source: Source) -> Figure {
        Figure {
            workload,
            title,
            measure: "",
            unit: "",
            source,
            base: None,
            goal: None,
            beat: &[],
        }
    }

    const fn of(self, measure: &'static str, unit: &'static str) -> Figure {
        Figure {
            measure,
            unit,
            ..self
        }
    }

    const fn over(self, base: Base) -> Figure {
        Figure {
            base: Some(base),
            ..self
        }
    }

    const fn goal(self, goal: Goal, beat: &'static [&'static str]) -> Figure {
        Figure {
            goal: Some(goal),
            beat,
            ..self
        }
    }

    /// What its value is, with its unit.
    pub(super) fn measured(&self) -> String {
        match self.unit {
            "" => self.measure.to_owned(),
            unit => format!("{}, {unit}", self.measure),
        }
    }

    /// Its value in a record of its workload.
    pub(super) fn value(&self, record: &Record) -> Option<f64> {
        let named = |name| record.figures.get(name).copied();
        match self.source {
            Source::Named(name) => named(name),
            Source::Quotient(first, second) => Some(named(first)? / named(second)?),
            Source::Difference(first, second) => Some(named(first)? - named(second)?),
            Source::P99(name) => record
                .latency
                .get(name)
                .map(|latency| latency.p99_us / 1000.0),
        }
    }
}

/// What work and waiting cost, in proportion to the floor: what the overview shows.
pub(super) const COSTS: &[Figure] = &[
    Figure::new(
        "fanout",
        "Fan-out, 50/s",
        Source::Named("cpu_us_per_delivery"),
    )
    .of("CPU a delivery", "µs")
    .over(Base::Floor)
    .goal(Goal::Ratio(1.15), &["gorilla", "centrifugo"]),
    Figure::new(
        "saturated",
        "Fan-out, saturated",
        Source::Named("cpu_us_per_delivery"),
    )
    .of("CPU a delivery", "µs")
    .over(Base::Floor)
    .goal(Goal::Ratio(0.16), &["bun", "centrifugo"]),
    Figure::new("rooms", "Rooms of 10", Source::Named("cpu_us_per_delivery"))
        .of("CPU a delivery", "µs")
        .over(Base::Floor)
        .goal(Goal::Ratio(1.25), &["tungstenite"]),
    Figure::new("rtt", "Round trip", Source::Named("cpu_us_per_round_trip"))
        .of("CPU a message", "µs")
        .over(Base::Floor)
        .goal(Goal::Ratio(1.2), &["bun"]),
    Figure::new(
        "connect",
        "Admission",
        Source::Named("cpu_ms_per_admission"),
    )
    .of("CPU a connection", "ms")
    .over(Base::Floor)
    .goal(Goal::Ratio(1.2), &["bun"]),
    Figure::new(
        "idle",
        "Idle connection",
        Source::Named("pss_kib_per_connection"),
    )
    .of("PSS a connection", "KiB")
    .over(Base::Floor)
    .goal(Goal::Value(10.0), &["gorilla", "centrifugo"]),
    Figure::new(
        "storm",
        "Readmission in a storm",
        Source::Named("cpu_ms_per_readmission"),
    )
    .of("CPU a connection", "ms")
    .over(Base::Floor)
    .goal(Goal::Ratio(1.2), &["bun"]),
    Figure::new(
        "publish",
        "Many publishers, a subscriber each",
        Source::Named("cpu_us_per_delivery"),
    )
    .of("CPU a delivery", "µs")
    .over(Base::Floor),
];

/// Beside the server's own memory: what the kernel holds.
pub(super) const KERNEL: &[Figure] = &[
    Figure::new(
        "idle",
        "TCP buffers",
        Source::Named("tcp_kib_per_connection"),
    )
    .of("a connection", "KiB"),
    Figure::new(
        "idle",
        "Kernel objects",
        Source::Named("slab_kib_per_connection"),
    )
    .of("a connection", "KiB"),
];

/// What is told as it is.
pub(super) const OTHERS: &[Figure] = &[
    PROTOBUF,
    PROTOBUF_SATURATED,
    STAYED,
    STAYED_IN_FLOOD,
    ALL_BACK,
    OVERFLOWS,
    Figure::new(
        "slow",
        "Beside readers that stall",
        Source::Quotient("p99_with_ms", "p99_without_ms"),
    )
    .of("p99 ÷ without them", "")
    .goal(Goal::Value(1.15), &[]),
    Figure::new(
        "slow",
        "Readers that stall",
        Source::Difference("stalled", "cut"),
    )
    .of("not cut", "")
    .goal(Goal::Value(0.0), &[]),
    Figure::new("slow", "Readers that stall", Source::Named("cut_last_s"))
        .of("the last cut after", "s"),
    Figure::new(
        "slow",
        "Readers that stall",
        Source::Difference("pss_most_mib", "pss_before_mib"),
    )
    .of("memory grows by", "MiB"),
    LONE,
];

const PROTOBUF: Figure = Figure::new(
    "fanout-protobuf",
    "Fan-out, 50/s, in Protobuf",
    Source::Named("cpu_us_per_delivery"),
)
.of("CPU a delivery", "µs")
.over(Base::Workload("fanout"))
.goal(Goal::Ratio(1.0), &[]);
const PROTOBUF_SATURATED: Figure = Figure::new(
    "saturated-protobuf",
    "Fan-out, saturated, in Protobuf",
    Source::Named("cpu_us_per_delivery"),
)
.of("CPU a delivery", "µs")
.over(Base::Workload("saturated"))
.goal(Goal::Ratio(1.0), &[]);
const STAYED: Figure = Figure::new(
    "storm",
    "Those who stay in a storm of 500 at once",
    Source::Named("p99_during_ms"),
)
.of("p99", "ms")
.goal(Goal::Value(5.0), &["bun"]);
const STAYED_IN_FLOOD: Figure = Figure::new(
    "storm-flood",
    "Those who stay in a storm of 5,000 at once",
    Source::Named("p99_during_ms"),
)
.of("p99", "ms")
.goal(Goal::Value(50.0), &["bun"]);
const ALL_BACK: Figure =
    Figure::new("storm", "All 5,000 are back", Source::Named("all_back_s")).of("after", "s");
const OVERFLOWS: Figure = Figure::new(
    "storm-flood",
    "Accept queue in a storm of 5,000",
    Source::Named("listen_overflows"),
)
.of("overflows", "")
.goal(Goal::Value(0.0), &[]);
const LONE: Figure = Figure::new(
    "lone",
    "A lone client beside 8,000 at 4/s",
    Source::Named("worst_ms"),
)
.of("worst round trip", "ms")
.goal(Goal::Value(20.0), &["bun"]);

/// What the chart of idle memory shows.
pub(super) const IDLE_MEMORY: &[Figure] = &[Figure::new(
    "idle",
    "Idle connection",
    Source::Named("pss_kib_per_connection"),
)
.of("PSS a connection", "KiB")
.goal(Goal::Value(10.0), &[])];

/// What the chart of a storm shows.
pub(super) const STORM: &[Figure] = &[STAYED, STAYED_IN_FLOOD, ALL_BACK];

/// What the chart of the latency shows.
pub(super) const LATENCIES: &[Figure] = &[
    Figure::new("fanout", "Fan-out, 50/s", Source::P99("delivery")).of("p99", "ms"),
    Figure::new("rooms", "Rooms of 10", Source::P99("delivery")).of("p99", "ms"),
    Figure::new("rtt", "Round trip", Source::P99("round_trip")).of("p99", "ms"),
    LONE,
];
