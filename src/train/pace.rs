//! How many steps run between two looks of the host: about a quarter of a second's, so that a run can be stopped there.
//! The number changes no bit, of weights or of losses.

use std::time::Duration;

use super::record::MAX_SLOTS;

/// Time between two looks, about.
const AIM: Duration = Duration::from_millis(250);

/// Steps that are run at once.
#[derive(Debug)]
pub(super) struct Pace {
    steps: usize,
}

impl Pace {
    /// One step, until it is known how long they take.
    pub(super) fn new() -> Pace {
        Pace { steps: 1 }
    }

    pub(super) fn steps(&self) -> usize {
        self.steps
    }

    /// Learns from how long the last steps took.
    pub(super) fn took(&mut self, time: Duration) {
        if time < AIM / 2 {
            self.steps = (2 * self.steps).min(MAX_SLOTS);
        } else if time > 2 * AIM {
            self.steps = (self.steps / 2).max(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_grow_while_they_are_short_and_shrink_when_they_are_long() {
        let mut pace = Pace::new();
        let mut steps = |millis: u64| {
            pace.took(Duration::from_millis(millis));
            pace.steps()
        };
        assert_eq!([steps(1), steps(124), steps(125), steps(250), steps(500)], [2, 4, 4, 4, 4]);
        assert_eq!([steps(501), steps(501), steps(501), steps(501)], [2, 1, 1, 1]);
        for _ in 0..100 {
            steps(0);
        }
        assert_eq!(steps(0), MAX_SLOTS);
    }
}
