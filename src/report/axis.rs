//! Axes of plots: where ticks stand, and with how many digits they are written.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

/// Ticks of an axis at most.
const TICKS: f64 = 7.0;

/// A linear axis with its ticks.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    ticks: Vec<f64>,
    step: f64,
}

/// The least of 1, 2 and 5 times a power of ten that is `least` or more.
fn round_step(least: f64) -> f64 {
    let power = 10f64.powi(least.log10().floor() as i32);
    let found = [1.0, 2.0, 5.0].into_iter().map(|times| times * power);
    // What rounding makes a little too small counts, too.
    found.into_iter().find(|&step| step >= least * (1.0 - 1e-9)).unwrap_or(10.0 * power)
}

/// Multiples of `step` from `low` to `high`.
fn multiples(low: f64, high: f64, step: f64) -> Vec<f64> {
    let (first, last) = ((low / step).ceil() as i64, (high / step).floor() as i64);
    (first..=last).map(|i| i as f64 * step).collect()
}

impl Axis {
    /// An axis for these values, with a margin; values that are not finite are left out.
    pub(super) fn of_values(values: impl Iterator<Item = f64>) -> Axis {
        let (low, high) = values
            .filter(|value| value.is_finite())
            .fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
        let (low, high) = if low <= high { (low, high) } else { (0.0, 0.0) };
        let size = low.abs().max(high.abs());
        let margin = match high - low {
            // Values that are all equal, but for rounding.
            span if span <= size * 1e-12 && size > 0.0 => size * 0.05,
            0.0 => 0.5,
            span => span * 0.05,
        };
        let (low, high) = (low - margin, high + margin);
        let step = round_step((high - low) / TICKS);
        Axis { low, high, ticks: multiples(low, high, step), step }
    }

    /// An axis of epochs from 1: ticks are whole numbers.
    pub(super) fn of_epochs(epochs: usize) -> Axis {
        let last = epochs.max(1) as f64;
        let margin = ((last - 1.0) * 0.03).max(0.3);
        let step = round_step(((last - 1.0) / TICKS).max(1.0));
        let mut ticks = multiples(1.0, last, step);
        if step >= 5.0 {
            ticks.insert(0, 1.0);
        }
        Axis { low: 1.0 - margin, high: last + margin, ticks, step }
    }

    /// A tick as it is written: with as many digits as tell it from its neighbours.
    pub(super) fn label(&self, tick: f64) -> String {
        let exponent = |value: f64| value.abs().log10().floor() as i32;
        let size = self.low.abs().max(self.high.abs());
        // A power of ten's logarithm may be a little too small.
        let step = (self.step.log10() + 1e-9).floor() as i32;
        if (1e-3..1e7).contains(&size) {
            return format!("{tick:.*}", (-step).max(0) as usize);
        }
        // Zero is not always met exactly.
        if tick.abs() < self.step * 0.5 {
            return "0".to_owned();
        }
        format!("{tick:.*e}", (exponent(tick * (1.0 + 1e-9)) - step).max(0) as usize)
    }

    /// Characters of the longest tick.
    pub(super) fn longest_label(&self) -> usize {
        self.ticks.iter().map(|&tick| self.label(tick).len()).max().unwrap_or(0)
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        let part = (value - self.low) / (self.high - self.low);
        (from as f64 + part * (to - from) as f64).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.clone()
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, tick: &f64) -> String {
        self.label(*tick)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<String> {
        axis.ticks.iter().map(|&tick| axis.label(tick)).collect()
    }

    #[test]
    fn ticks_have_the_digits_that_tell_them_apart() {
        let of = |values: &[f64]| labels(&Axis::of_values(values.iter().copied()));
        assert_eq!(of(&[0.1, 0.9]), ["0.2", "0.4", "0.6", "0.8"]);
        assert_eq!(of(&[0.6821, 0.6831]), ["0.6822", "0.6824", "0.6826", "0.6828", "0.6830"]);
        assert_eq!(of(&[-50.0, 120.0]), ["-50", "0", "50", "100"]);
        assert_eq!(
            of(&[0.0, 3e-5]),
            ["0", "5e-6", "1.0e-5", "1.5e-5", "2.0e-5", "2.5e-5", "3.0e-5"]
        );
        assert_eq!(of(&[0.0, 3e9]), ["0", "5e8", "1.0e9", "1.5e9", "2.0e9", "2.5e9", "3.0e9"]);
        assert_eq!(of(&[1e6, 1e6 + 0.02])[..2], ["1000000.000", "1000000.005"]);
    }

    #[test]
    fn every_tick_differs_from_the_next() {
        let mut value = 1.7e-12;
        while value < 1e12 {
            for (low, high) in [(0.0, value), (value, 1.001 * value), (-value, 3.0 * value)] {
                let axis = Axis::of_values([low, high].into_iter());
                let labels = labels(&axis);
                assert!((2..=8).contains(&labels.len()), "{low} to {high}: {labels:?}");
                assert!(labels.windows(2).all(|pair| pair[0] != pair[1]), "{labels:?}");
                assert!(labels.iter().all(|label| label.len() <= 16), "{labels:?}");
            }
            value *= 3.7;
        }
    }

    #[test]
    fn values_that_are_equal_or_none_have_an_axis() {
        for values in [&[][..], &[0.0], &[5.0, 5.0], &[-1e-9], &[f64::NAN, 2.0], &[f64::INFINITY]] {
            let axis = Axis::of_values(values.iter().copied());
            assert!(axis.low < axis.high && !axis.ticks.is_empty(), "{values:?}: {axis:?}");
        }
        // A twentieth of the size beside values that are equal, but for rounding; a half beside zeros.
        for (values, margin) in
            [([5.0, 5.0], 0.25), ([-8.0, -8.0 + 1e-15], 0.4), ([0.0, 0.0], 0.5), ([1e-9; 2], 5e-11)]
        {
            let axis = Axis::of_values(values.into_iter());
            let margins = [values[0] - axis.low, axis.high - values[1]];
            assert!(
                margins.iter().all(|m| (m - margin).abs() < 1e-6 * margin),
                "{values:?}: {axis:?}"
            );
        }
        let axis = Axis::of_values([f64::NAN, 2.0, f64::INFINITY, 3.0].into_iter());
        assert!((axis.low - 1.95).abs() < 1e-12 && (axis.high - 3.05).abs() < 1e-12, "{axis:?}");
    }

    #[test]
    fn epochs_are_whole() {
        let of = |epochs| Axis::of_epochs(epochs).ticks;
        assert_eq!(of(1), [1.0]);
        assert_eq!(of(3), [1.0, 2.0, 3.0]);
        assert_eq!(of(12), [2.0, 4.0, 6.0, 8.0, 10.0, 12.0]);
        assert_eq!(of(50), [1.0, 10.0, 20.0, 30.0, 40.0, 50.0]);
        let range = |epochs| Axis::of_epochs(epochs).range();
        assert_eq!((range(1), range(11), range(101)), (0.7..1.3, 0.7..11.3, -2.0..104.0));
        for epochs in 1..400 {
            let axis = Axis::of_epochs(epochs);
            assert!(axis.ticks.iter().all(|tick| tick.fract() == 0.0), "{axis:?}");
            assert!(axis.ticks.len() <= 9 && axis.high > epochs as f64 && axis.low < 1.0);
            assert!(labels(&axis).iter().all(|label| !label.contains('.')), "{axis:?}");
        }
    }

    #[test]
    fn a_value_stands_where_it_belongs() {
        let axis = Axis::of_values([0.0, 10.0].into_iter());
        assert_eq!(axis.range(), -0.5..10.5);
        assert_eq!(axis.map(&-0.5, (100, 0)), 100);
        assert_eq!(axis.map(&10.5, (100, 0)), 0);
        assert_eq!(axis.map(&5.0, (0, 110)), 55);
    }

    #[test]
    fn a_plot_is_told_the_ticks_and_their_names() {
        let axis = Axis::of_values([-50.0, 120.0].into_iter());
        assert_eq!(
            axis.key_points(plotters::coord::ranged1d::BoldPoints(9)),
            [-50.0, 0.0, 50.0, 100.0]
        );
        assert_eq!((axis.format_ext(&50.0), axis.longest_label()), ("50".to_owned(), 3));
    }
}
