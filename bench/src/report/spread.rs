//! The values of one figure over the rounds.

/// At least one value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Spread(Vec<f64>);

impl Spread {
    /// Of the values in the order of the rounds; `None` when there are none.
    pub(super) fn of(values: Vec<f64>) -> Option<Spread> {
        (!values.is_empty()).then_some(Spread(values))
    }

    pub(super) fn rounds(&self) -> &[f64] {
        &self.0
    }

    pub(super) fn mean(&self) -> f64 {
        self.0.iter().sum::<f64>() / self.0.len() as f64
    }

    /// The middle one, or the mean of the two in the middle. It is what is shown and judged: one
    /// round in which the machine was busy does not move it.
    pub(super) fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        if sorted.len() % 2 == 1 {
            sorted[middle]
        } else {
            f64::midpoint(sorted[middle - 1], sorted[middle])
        }
    }

    pub(super) fn low(&self) -> f64 {
        self.0.iter().copied().fold(f64::INFINITY, f64::min)
    }

    pub(super) fn high(&self) -> f64 {
        self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }

    /// The median, and between which values it lies.
    pub(super) fn text(&self) -> String {
        let median = number(self.median());
        match self.0.len() {
            1 => median,
            _ => format!("{median} ({}–{})", number(self.low()), number(self.high())),
        }
    }
}

/// Three digits that count, so that a figure beside its goal is seen to reach it or not.
pub(super) fn number(value: f64) -> String {
    let decimals = match value.abs() {
        0.0 => 0,
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        _ => 3,
    };
    format!("{value:.decimals$}")
}
