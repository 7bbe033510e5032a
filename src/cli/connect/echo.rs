//! The talk with the echo endpoint: each line goes out as a text frame, and comes back.

use std::time::Duration;

use super::talk::{MOST_IN_FLIGHT, Outcome, Talk};

/// Counts what is still to come back.
#[derive(Default)]
pub(super) struct Echo {
    in_flight: usize,
}

impl Talk for Echo {
    fn begin(&mut self) -> Option<String> {
        None
    }

    fn typed(&mut self, line: &str) -> Outcome {
        self.in_flight += 1;
        Outcome::send(line.to_owned())
    }

    fn arrived(&mut self, text: &str) -> Outcome {
        self.in_flight = self.in_flight.saturating_sub(1);
        Outcome::show(text)
    }

    fn wants_input(&self) -> bool {
        self.in_flight < MOST_IN_FLIGHT
    }

    fn is_idle(&self) -> bool {
        self.in_flight == 0
    }

    /// An echo has nothing to say by itself.
    fn silence(&self) -> Option<Duration> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_go_out_as_they_are_and_are_counted_back() {
        let mut echo = Echo::default();
        assert!(echo.is_idle() && echo.begin().is_none());
        assert_eq!(echo.typed(" {} "), Outcome::send(" {} ".into()));
        assert!(!echo.is_idle());
        assert_eq!(echo.arrived(" {} "), Outcome::show(" {} "));
        assert!(echo.is_idle());
        echo.arrived("more than was asked for");
        assert!(echo.is_idle());
    }

    #[test]
    fn only_so_many_are_on_their_way() {
        let mut echo = Echo::default();
        for _ in 0..MOST_IN_FLIGHT {
            assert!(echo.wants_input());
            echo.typed("x");
        }
        assert!(!echo.wants_input());
        echo.arrived("x");
        assert!(echo.wants_input());
    }
}
