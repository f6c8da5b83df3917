//! Which of a kernel's variants is fastest on an adapter: the decision, apart from any device. A [`Stopwatch`] measures;
//! what it finds is kept measurement by measurement in [`Times`], so that a contest that runs out of time goes on where
//! it stopped, in the next process too.
//!
//! **Software adapters** are timed by the host's clock, one dispatch at a time, and the fastest wins.
//!
//! **Hardware** is timed by its own clock, over as many dispatches as take 5 ms: a single one takes less than its
//! submission. Its clock rate rises under load, and other programs use it too. So all candidates run in every one of
//! several rounds, another one first in each; a candidate is judged by the median over the rounds of its time divided
//! by that of the rule's variant in the same round; and the rule is left only for one that is clearly faster. Nothing
//! is tried that could take long: not where the rule's variant takes long already, and a candidate that is much slower
//! runs once.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::median;

/// Seconds that a measurement on hardware takes.
const PASS: f64 = 5e-3;

/// Dispatches of one measurement at most.
const MOST_DISPATCHES: f64 = 1000.0;

/// Seconds that nothing worth measuring takes less than: a clock that says so stands still, or runs backwards.
const LEAST: f64 = 1e-6;

/// Rounds on hardware.
const ROUNDS: usize = 7;

/// Times the rule's seconds after which a candidate is out by its first dispatch.
const SLOW: f64 = 3.0;

/// Seconds of the rule's variant from which nothing is tried: the system resets a device after two, and a candidate
/// has been seen to take 30 times as long.
const LONG: f64 = 20e-3;

/// What a variant may take of the rule's time to be chosen in its place.
const GAIN: f64 = 0.9;

/// Who measures, and how decisions are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timing {
    /// A software adapter: host's clock, best of three, the fastest wins.
    Software,
    /// A real GPU with timestamps.
    Hardware,
}

/// Measures the variants of one dispatch.
pub trait Stopwatch {
    /// Why it could not.
    type Error;

    /// Makes a variant ready to run: compiles it. Not counted as measuring.
    fn prepare(&mut self, variant: usize) -> Result<(), Self::Error>;

    /// Seconds that `dispatches` of a variant take one after the other.
    fn seconds(&mut self, variant: usize, dispatches: usize) -> Result<f64, Self::Error>;

    /// The host's clock.
    fn now(&mut self) -> Duration;
}

/// What is known of a contest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Times {
    /// The parameters that were measured; those of one size class share a choice, but not their times.
    pub of: String,
    /// Seconds of one dispatch by a variant's name; on hardware the first dispatch's, then those of the rounds.
    pub seconds: BTreeMap<String, Vec<f64>>,
    /// The winner's name, when all are known.
    pub choice: Option<String>,
}

/// A contest: its candidates and what bounds it.
#[derive(Debug)]
pub struct Contest<'a> {
    /// Index and name of each; on hardware the rule's variant first.
    pub candidates: &'a [(usize, &'static str)],
    /// How it is measured and decided.
    pub timing: Timing,
    /// Time that is left for measuring.
    pub left: &'a mut Duration,
}

impl Contest<'_> {
    /// Measures what is not known yet, and names the winner; none where time ran out before, or the clock tells
    /// nothing. `keep` is called after every measurement.
    ///
    /// # Errors
    /// The stopwatch's.
    pub fn decide<S: Stopwatch>(
        &mut self,
        times: &mut Times,
        stopwatch: &mut S,
        keep: &mut dyn FnMut(&Times),
    ) -> Result<Option<usize>, S::Error> {
        let winner = match self.timing {
            Timing::Software => self.fastest(times, stopwatch, keep)?,
            Timing::Hardware => self.clearly_faster(times, stopwatch, keep)?,
        };
        if let Some((_, name)) = winner {
            times.choice = Some(name.to_owned());
            keep(times);
        }
        Ok(winner.map(|(index, _)| index))
    }

    fn fastest<S: Stopwatch>(
        &mut self,
        times: &mut Times,
        stopwatch: &mut S,
        keep: &mut dyn FnMut(&Times),
    ) -> Result<Option<(usize, &'static str)>, S::Error> {
        for &(variant, name) in self.candidates {
            if known(times, name).is_empty() {
                if self.left.is_zero() {
                    return Ok(None);
                }
                let started = stopwatch.now();
                stopwatch.prepare(variant)?;
                let mut best = f64::MAX;
                // The first dispatch may compile.
                for i in 0..4 {
                    let seconds = stopwatch.seconds(variant, 1)?;
                    best = if i == 0 { best } else { best.min(seconds) };
                    if i > 0 && stopwatch.now().saturating_sub(started) > Duration::from_millis(100)
                    {
                        break;
                    }
                }
                self.spend(stopwatch.now().saturating_sub(started));
                times.seconds.insert(name.to_owned(), vec![best]);
                keep(times);
            }
        }
        let seconds = |&(_, name): &(usize, &str)| known(times, name)[0];
        Ok(self.candidates.iter().copied().min_by(|a, b| seconds(a).total_cmp(&seconds(b))))
    }

    fn clearly_faster<S: Stopwatch>(
        &mut self,
        times: &mut Times,
        stopwatch: &mut S,
        keep: &mut dyn FnMut(&Times),
    ) -> Result<Option<(usize, &'static str)>, S::Error> {
        let Some(&rule) = self.candidates.first() else { return Ok(None) };
        for &(variant, name) in self.candidates {
            if known(times, name).is_empty() {
                let Some(first) = self.measure(variant, 1, stopwatch)? else { return Ok(None) };
                // How often it may be repeated is told by this time, so it must be one.
                if !(first.is_finite() && first >= LEAST) {
                    return Ok(None);
                }
                times.seconds.insert(name.to_owned(), vec![first]);
                keep(times);
            }
            if variant == rule.0 && known(times, name)[0] > LONG {
                return Ok(Some(rule));
            }
        }
        let first = |times: &Times, name| known(times, name)[0];
        let slowest = SLOW * first(times, rule.1);
        let field: Vec<(usize, &'static str)> = self.candidates.to_vec();
        let field: Vec<_> = field
            .into_iter()
            .filter(|&(variant, name)| variant == rule.0 || first(times, name) <= slowest)
            .collect();
        for round in 0..if field.len() > 1 { ROUNDS } else { 0 } {
            for i in 0..field.len() {
                let (variant, name) = field[(i + round) % field.len()];
                if known(times, name).len() > round + 1 {
                    continue;
                }
                let count = (PASS / first(times, name)).ceil();
                let count = count.clamp(1.0, MOST_DISPATCHES) as usize;
                let Some(all) = self.measure(variant, count, stopwatch)? else { return Ok(None) };
                if !(all.is_finite() && all >= LEAST) {
                    return Ok(None);
                }
                times.seconds.entry(name.to_owned()).or_default().push(all / count as f64);
                keep(times);
            }
        }
        let share = |&(_, name): &(usize, &str)| {
            let pairs = known(times, name).iter().zip(known(times, rule.1)).skip(1);
            median(pairs.map(|(own, rule)| own / rule).collect())
        };
        let others = field.iter().copied().filter(|&(variant, _)| variant != rule.0);
        let best = others.map(|other| (share(&other), other)).min_by(|a, b| a.0.total_cmp(&b.0));
        Ok(Some(match best {
            Some((share, other)) if share < GAIN => other,
            _ => rule,
        }))
    }

    /// One measurement; none where there is no time for it.
    fn measure<S: Stopwatch>(
        &mut self,
        variant: usize,
        dispatches: usize,
        stopwatch: &mut S,
    ) -> Result<Option<f64>, S::Error> {
        if self.left.is_zero() {
            return Ok(None);
        }
        stopwatch.prepare(variant)?;
        let started = stopwatch.now();
        let seconds = stopwatch.seconds(variant, dispatches)?;
        self.spend(stopwatch.now().saturating_sub(started));
        Ok(Some(seconds))
    }

    fn spend(&mut self, time: Duration) {
        *self.left = self.left.saturating_sub(time);
    }
}

/// A variant's measurements so far.
fn known<'a>(times: &'a Times, name: &str) -> &'a [f64] {
    times.seconds.get(name).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::time::Duration;

    use rand::rngs::ChaCha8Rng;
    use rand::{RngExt, SeedableRng};

    use super::{Contest, ROUNDS, Stopwatch, Times, Timing};

    const NAMES: [&str; 5] = ["rule", "b", "c", "d", "e"];

    /// A device whose clock, latencies and noise are set.
    struct Simulated {
        /// Seconds of one dispatch by variant, at the full clock rate.
        true_seconds: Vec<f64>,
        /// How many times slower it is at first, and the seconds of work after which it is not.
        ramp: (f64, f64),
        /// Share by which a measurement varies, and how often another program triples it.
        noise: (f64, f64),
        /// Seconds that the host takes for a submission, varying up to ten times as much.
        latency: f64,
        /// Whether measurements are the host's.
        by_host: bool,
        /// Seconds that compiling a variant takes.
        compiling: f64,
        rng: ChaCha8Rng,
        clock: f64,
        worked: f64,
        /// Variant, dispatches and seconds of work of every measurement.
        log: Vec<(usize, usize, f64)>,
        prepared: Vec<usize>,
    }

    impl Simulated {
        fn new(true_seconds: &[f64]) -> Simulated {
            Simulated {
                true_seconds: true_seconds.to_vec(),
                ramp: (1.0, 1.0),
                noise: (0.02, 0.0),
                latency: 50e-6,
                by_host: false,
                compiling: 0.05,
                rng: ChaCha8Rng::seed_from_u64(7),
                clock: 0.0,
                worked: 0.0,
                log: Vec::new(),
                prepared: Vec::new(),
            }
        }

        /// The longest that one dispatch took.
        fn longest(&self) -> f64 {
            self.log.iter().map(|&(_, count, seconds)| seconds / count as f64).fold(0.0, f64::max)
        }

        fn measured(&self, variant: usize) -> usize {
            self.log.iter().filter(|entry| entry.0 == variant).count()
        }
    }

    impl Stopwatch for Simulated {
        type Error = Infallible;

        fn prepare(&mut self, variant: usize) -> Result<(), Infallible> {
            if !self.prepared.contains(&variant) {
                self.prepared.push(variant);
                self.clock += self.compiling;
            }
            Ok(())
        }

        fn seconds(&mut self, variant: usize, dispatches: usize) -> Result<f64, Infallible> {
            assert!(self.prepared.contains(&variant), "measured before it was compiled");
            let (factor, until) = self.ramp;
            let slower = 1.0 + (factor - 1.0) * (1.0 - self.worked / until).max(0.0);
            let work = self.true_seconds[variant] * dispatches as f64 * slower;
            let (share, often) = self.noise;
            let mut seen = work * (1.0 + self.rng.random_range(-share..=share));
            if self.rng.random_bool(often) {
                seen *= 3.0;
            }
            let latency = self.latency * self.rng.random_range(1.0..10.0);
            self.clock += seen.max(0.0) + latency;
            self.worked += seen.max(0.0);
            self.log.push((variant, dispatches, seen));
            Ok(seen + if self.by_host { latency } else { 0.0 })
        }

        fn now(&mut self) -> Duration {
            Duration::from_secs_f64(self.clock)
        }
    }

    /// The winner, with time for everything.
    fn winner(device: &mut Simulated, timing: Timing) -> usize {
        let mut left = Duration::from_secs(60);
        run(device, timing, &mut Times::default(), &mut left).expect("all are known")
    }

    fn run(
        device: &mut Simulated,
        timing: Timing,
        times: &mut Times,
        left: &mut Duration,
    ) -> Option<usize> {
        let candidates: Vec<_> = NAMES.into_iter().enumerate().collect();
        let candidates = &candidates[..device.true_seconds.len()];
        let mut contest = Contest { candidates, timing, left };
        let mut kept = times.clone();
        let Ok(winner) = contest.decide(times, device, &mut |times| kept = times.clone());
        assert_eq!(&kept, times, "all that is known was kept");
        winner
    }

    #[test]
    fn a_fast_card_takes_the_fastest() {
        // Dispatches of a tenth of what a submission takes.
        for (seconds, fastest) in [
            ([9e-6, 5e-6, 6e-6, 20e-6], 1),
            ([9e-6, 8.9e-6, 6e-6, 7e-6], 2),
            ([9e-6, 30e-6, 10e-6, 2e-6], 3),
            ([5e-6, 9e-6, 10e-6, 12e-6], 0),
        ] {
            assert_eq!(winner(&mut Simulated::new(&seconds), Timing::Hardware), fastest);
        }
    }

    #[test]
    fn the_rule_is_left_only_for_what_is_clearly_faster() {
        for seed in 0..20 {
            let mut device = Simulated::new(&[100e-6, 94e-6, 97e-6, 95e-6, 140e-6]);
            device.rng = ChaCha8Rng::seed_from_u64(seed);
            assert_eq!(winner(&mut device, Timing::Hardware), 0, "seed {seed}");
            device = Simulated::new(&[100e-6, 94e-6, 85e-6, 95e-6, 140e-6]);
            device.rng = ChaCha8Rng::seed_from_u64(seed);
            assert_eq!(winner(&mut device, Timing::Hardware), 2, "seed {seed}");
        }
    }

    #[test]
    fn a_clock_that_speeds_up_favours_nobody() {
        for (seconds, fastest) in [
            ([200e-6, 200e-6, 200e-6, 200e-6, 200e-6], 0),
            ([200e-6, 250e-6, 210e-6, 230e-6, 220e-6], 0),
            ([200e-6, 210e-6, 220e-6, 230e-6, 160e-6], 4),
            ([200e-6, 160e-6, 220e-6, 230e-6, 240e-6], 1),
        ] {
            // Three times as slow at first; at its rate when half of the work is done, soon or never.
            for until in [0.06, 0.01, 1.0] {
                let mut device = Simulated::new(&seconds);
                device.ramp = (3.0, until);
                assert_eq!(winner(&mut device, Timing::Hardware), fastest, "{seconds:?} {until}");
            }
        }
    }

    #[test]
    fn a_noisy_host_does_not_decide() {
        let mut fastest = 0;
        for seed in 0..40 {
            let mut device = Simulated::new(&[50e-6, 30e-6, 80e-6]);
            // Submissions that take a hundred times a dispatch, and another program that takes the card every tenth
            // time: what is slower than the rule never wins, and what is faster nearly always.
            (device.latency, device.noise) = (5e-3, (0.1, 0.1));
            device.rng = ChaCha8Rng::seed_from_u64(seed);
            let chosen = winner(&mut device, Timing::Hardware);
            assert_ne!(chosen, 2, "seed {seed}: the slowest");
            fastest += (chosen == 1) as usize;
        }
        assert!(fastest >= 36, "the fastest won {fastest} of 40 times");
    }

    #[test]
    fn measurements_take_as_many_dispatches_as_five_milliseconds() {
        let mut device = Simulated::new(&[10e-6, 1e-3, 2e-6]);
        winner(&mut device, Timing::Hardware);
        let counts = |variant: usize| -> Vec<usize> {
            device.log.iter().filter(|entry| entry.0 == variant).map(|entry| entry.1).collect()
        };
        assert!(counts(0)[1..].iter().all(|count| (450..=550).contains(count)));
        assert_eq!(counts(1), [1], "a hundred times as slow runs once");
        assert!(counts(2)[1..].iter().all(|&count| count == 1000));
        assert_eq!(counts(2).len(), 1 + ROUNDS);
    }

    #[test]
    fn on_a_slow_laptop_nothing_runs_for_seconds() {
        // A product that takes the rule 40 ms, and another variant seconds.
        let mut device = Simulated::new(&[40e-3, 30e-3, 4.0]);
        assert_eq!(winner(&mut device, Timing::Hardware), 0);
        assert_eq!(device.log.len(), 1, "nothing else is tried");
        // Where the rule takes 10 ms, the slow one runs once.
        let mut device = Simulated::new(&[10e-3, 7e-3, 0.3]);
        assert_eq!(winner(&mut device, Timing::Hardware), 1);
        assert_eq!(device.measured(2), 1);
        assert!(device.longest() < 0.5);
        assert!(device.worked < 0.5);
    }

    #[test]
    fn what_was_measured_is_not_measured_again() {
        for timing in [Timing::Hardware, Timing::Software] {
            let seconds = [2e-3, 1e-3, 1.5e-3, 4e-3];
            let mut whole = Simulated::new(&seconds);
            whole.by_host = timing == Timing::Software;
            let expected = winner(&mut whole, timing);
            assert_eq!(expected, 1);
            // Processes that each have time for one measurement.
            let mut times = Times::default();
            let mut device = Simulated::new(&seconds);
            device.by_host = timing == Timing::Software;
            let mut processes = 0;
            let chosen = loop {
                processes += 1;
                assert!(processes < 100, "it never ends");
                let before = device.log.len();
                let mut left = Duration::from_micros(1);
                if let Some(chosen) = run(&mut device, timing, &mut times, &mut left) {
                    break chosen;
                }
                assert!(device.log.len() > before, "a process learns something");
            };
            assert_eq!(chosen, expected);
            assert!(processes >= 4);
            assert_eq!(device.log.len(), whole.log.len());
            assert_eq!(times.choice.as_deref(), Some("b"));
        }
    }

    #[test]
    fn without_time_nothing_is_measured_nor_decided() {
        for timing in [Timing::Hardware, Timing::Software] {
            let mut device = Simulated::new(&[2e-3, 1e-3]);
            let mut left = Duration::ZERO;
            assert_eq!(run(&mut device, timing, &mut Times::default(), &mut left), None);
            assert!(device.log.is_empty());
        }
    }

    #[test]
    fn a_clock_that_stands_still_decides_nothing() {
        for seconds in [[0.0, 0.0], [50e-6, 0.0], [-1e-3, 1e-3], [f64::NAN, 1e-3], [1e-9, 1e-3]] {
            let mut device = Simulated::new(&seconds);
            // Such a one may take any time in truth: it is not repeated.
            let mut left = Duration::from_secs(60);
            let winner = run(&mut device, Timing::Hardware, &mut Times::default(), &mut left);
            assert_eq!(winner, None, "{seconds:?}");
            assert!(device.log.iter().all(|&(_, count, _)| count == 1));
        }
    }

    #[test]
    fn compiling_is_not_measuring_on_hardware() {
        let mut device = Simulated::new(&[100e-6, 50e-6]);
        device.compiling = 30.0;
        let mut left = Duration::from_millis(600);
        let chosen = run(&mut device, Timing::Hardware, &mut Times::default(), &mut left);
        assert_eq!(chosen, Some(1));
    }

    #[test]
    fn a_software_adapter_takes_the_fastest_and_never_the_slowest() {
        for seed in 0..20 {
            let mut device = Simulated::new(&[4e-3, 3e-3, 9e-3, 5e-3]);
            (device.by_host, device.latency) = (true, 50e-6);
            device.rng = ChaCha8Rng::seed_from_u64(seed);
            let chosen = winner(&mut device, Timing::Software);
            assert_ne!(chosen, 2, "the slowest");
            assert_eq!(chosen, 1);
            assert_eq!(device.measured(1), 4);
        }
    }
}
