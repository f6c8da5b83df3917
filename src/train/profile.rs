//! What a training step costs, by kernel, and where the host waits.

use std::time::Instant;

use super::Session;
use super::session::{Sums, reset_counters};
use crate::backend::{HostTime, Timing};
use crate::error::{Error, Result};
use crate::layers::plan::Purpose;

/// A step's costs, measured by [`super::Session::profile`]. All times are in seconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// Rows of a step.
    pub batch: usize,
    /// Time of a step in a run, many steps to a submission.
    pub step: f64,
    /// What the host did in that time.
    pub host: HostTime,
    /// The kernels, the most expensive first; each dispatch was timed by itself.
    pub kernels: Vec<KernelCost>,
}

/// A kernel's part in a step.
#[derive(Clone, Debug, PartialEq)]
pub struct KernelCost {
    /// Its name.
    pub kernel: &'static str,
    /// Which of its variants ran.
    pub variant: &'static str,
    /// Dispatches a step.
    pub dispatches: usize,
    /// Seconds a step, of all of them.
    pub seconds: f64,
}

impl Profile {
    /// Sums the dispatches of a step by kernel.
    pub(super) fn new(batch: usize, step: f64, host: HostTime, timings: &[Timing]) -> Profile {
        let mut kernels: Vec<KernelCost> = Vec::new();
        for &Timing { kernel, variant, seconds } in timings {
            match kernels.iter_mut().find(|k| (k.kernel, k.variant) == (kernel, variant)) {
                Some(known) => {
                    known.dispatches += 1;
                    known.seconds += seconds;
                }
                None => kernels.push(KernelCost { kernel, variant, dispatches: 1, seconds }),
            }
        }
        kernels.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
        Profile { batch, step, host, kernels }
    }

    /// Seconds that a step's dispatches take, each by itself.
    pub fn device(&self) -> f64 {
        self.kernels.iter().map(|kernel| kernel.seconds).sum()
    }

    /// Dispatches of a step.
    pub fn dispatches(&self) -> usize {
        self.kernels.iter().map(|kernel| kernel.dispatches).sum()
    }

    /// For programs; times in microseconds.
    pub fn json(&self) -> serde_json::Value {
        let kernels = self.kernels.iter().map(|kernel| {
            serde_json::json!({
                "kernel": kernel.kernel,
                "variant": kernel.variant,
                "dispatches": kernel.dispatches,
                "microseconds": kernel.seconds * 1e6,
            })
        });
        serde_json::json!({
            "batch": self.batch,
            "step_microseconds": self.step * 1e6,
            "device_microseconds": self.device() * 1e6,
            "host_microseconds": {
                "writing": self.host.writing * 1e6,
                "recording": self.host.recording * 1e6,
                "waiting": self.host.waiting * 1e6,
                "reading": self.host.reading * 1e6,
            },
            "kernels": kernels.collect::<Vec<_>>(),
        })
    }
}

impl std::fmt::Display for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (device, micro) = (self.device(), |seconds: f64| seconds * 1e6);
        writeln!(
            f,
            "A step of {} rows takes {:.1} us: {} dispatches that take {:.1} us one by one.",
            self.batch,
            micro(self.step),
            self.dispatches(),
            micro(device)
        )?;
        for k in &self.kernels {
            let name = match k.variant {
                "reference" | "only" => k.kernel.to_owned(),
                variant => format!("{} ({variant})", k.kernel),
            };
            let (us, part) = (micro(k.seconds), 100.0 * k.seconds / device.max(1e-12));
            writeln!(f, "  {name:<44} {:>3} x {us:>11.1} us {part:>5.1} %", k.dispatches)?;
        }
        let host = self.host;
        if host != HostTime::default() {
            write!(
                f,
                "The host, by step: writing {:.1} us, recording {:.1} us, waiting for the device {:.1} us, reading {:.1} us.",
                micro(host.writing),
                micro(host.recording),
                micro(host.waiting),
                micro(host.reading)
            )
        } else {
            write!(f, "Host and device are one: nobody waits.")
        }
    }
}

impl Session<'_> {
    /// Measures what a step costs, by training a few: the session is spent afterwards.
    ///
    /// # Errors
    /// As [`Session::train`].
    pub fn profile(mut self) -> Result<Profile> {
        /// Steps that are timed, and those whose dispatches are timed one by one.
        const STEPS: [usize; 2] = [64, 15];
        let feed = self.recording.feeds[self.training.feed].clone();
        let Some((routine, batch)) = feed
            .full
            .or(feed.whole)
            .map(|routine| (routine, feed.batch))
            .or(feed.tail.map(|routine| (routine, feed.rows % feed.batch)))
        else {
            return Err(Error::usage("there is no step to profile"));
        };
        let mut order = self.order(0);
        order.truncate(order.len().min(feed.resident) / batch.max(1) * batch);
        let most = STEPS[0].min(feed.order.len / batch);
        let rows: Vec<u32> = order.iter().copied().cycle().take(most * batch).collect();
        let repeats = match feed.streamed {
            // Streamed: one window of the rows that are resident.
            true => order.len() / batch,
            false => most,
        };
        let rows = &rows[..repeats * batch];
        // Twice to warm up: the first step of a routine runs alone.
        self.window(Purpose::Training, rows, repeats, Sums::default())?;
        self.window(Purpose::Training, rows, repeats, Sums::default())?;
        let (before, started) = (self.executor.host_time(), Instant::now());
        self.window(Purpose::Training, rows, repeats, Sums::default())?;
        let step = started.elapsed().as_secs_f64() / repeats as f64;
        let after = self.executor.host_time();
        let part = |after: f64, before: f64| (after - before) / repeats as f64;
        let host = HostTime {
            writing: part(after.writing, before.writing),
            recording: part(after.recording, before.recording),
            waiting: part(after.waiting, before.waiting),
            reading: part(after.reading, before.reading),
        };
        reset_counters(&self.recording, self.step, self.executor.as_mut())?;
        if feed.whole.is_some() {
            // One dispatch does all of them.
            let mut timings = self.executor.profile(routine, 1)?;
            timings.iter_mut().for_each(|timing| timing.seconds /= repeats as f64);
            return Ok(Profile::new(batch, step, host, &timings));
        }
        let timings = self.executor.profile(routine, STEPS[1].min(repeats))?;
        Ok(Profile::new(batch, step, host, &timings))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Inputs, Targets};
    use crate::train::Trainer;
    use crate::{Activation, Dataset, Input, Layer, Loss, Model};

    #[test]
    fn dispatches_are_summed_by_kernel_the_dearest_first() {
        let timing = |kernel, variant, seconds| Timing { kernel, variant, seconds };
        let timings = [
            timing("add", "only", 1e-6),
            timing("product", "tile", 5e-6),
            timing("add", "only", 2e-6),
            timing("product", "row", 1e-6),
        ];
        let host = HostTime { writing: 1e-6, recording: 2e-6, waiting: 3e-6, reading: 4e-6 };
        let profile = Profile::new(8, 2e-5, host, &timings);
        assert_eq!(profile.dispatches(), 4);
        assert!((profile.device() - 9e-6).abs() < 1e-15);
        let kernels: Vec<_> =
            profile.kernels.iter().map(|k| (k.kernel, k.variant, k.dispatches)).collect();
        assert_eq!(kernels, [("product", "tile", 1), ("add", "only", 2), ("product", "row", 1)]);
        let text = profile.to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[0],
            "A step of 8 rows takes 20.0 us: 4 dispatches that take 9.0 us one by one."
        );
        assert!(
            lines[1].starts_with("  product (tile) ")
                && lines[1].ends_with("  1 x         5.0 us  55.6 %"),
            "{text}"
        );
        assert!(
            lines[2].starts_with("  add  ") && lines[2].ends_with("  2 x         3.0 us  33.3 %"),
            "{text}"
        );
        assert!(lines[4].contains(
            "writing 1.0 us, recording 2.0 us, waiting for the device 3.0 us, reading 4.0 us"
        ));
        let json = profile.json();
        assert_eq!(
            (json["batch"].as_u64(), json["kernels"][1]["dispatches"].as_u64()),
            (Some(8), Some(2))
        );
        for (name, micros) in [("step_microseconds", 20.0), ("device_microseconds", 9.0)] {
            assert!((json[name].as_f64().expect(name) - micros).abs() < 1e-9, "{name}");
        }
        assert!((json["kernels"][0]["microseconds"].as_f64().expect("a time") - 5.0).abs() < 1e-9);
        assert!(
            (json["host_microseconds"]["reading"].as_f64().expect("a time") - 4.0).abs() < 1e-9
        );
        let alone = Profile::new(8, 2e-5, HostTime::default(), &timings).to_string();
        assert!(alone.ends_with("Host and device are one: nobody waits."), "{alone}");
    }

    /// Of rows for whole batches and a rest, of fewer rows than a batch, and of a model whose steps are one dispatch.
    #[test]
    fn a_step_of_any_run_is_profiled() {
        for (rows, batch, fusions) in
            [(40, 16, false), (7, 16, false), (40, 16, true), (3000, 16, false), (1, 1, true)]
        {
            let layers =
                vec![Layer::dense(3, Activation::Tanh), Layer::dense(1, Activation::Linear)];
            let model =
                Model::new(Input::Matrix { features: 2 }, layers, Loss::Mse, 1).expect("a model");
            let inputs = Inputs::Matrix { features: 2, values: vec![0.5; 2 * rows] };
            let targets = Targets::Values { width: 1, values: vec![1.0; rows] };
            let dataset = Dataset::new(inputs, targets, "rows").expect("a data set");
            let fusions = crate::train::Fusions::ALL.with_small_steps(fusions);
            let trainer = Trainer { batch_size: batch, fusions, ..Trainer::default() };
            let device = crate::Device::cpu();
            let session =
                Session::new(&model, &trainer, &dataset, None, &device).expect("a session");
            let profile = session.profile().expect("a profile");
            assert_eq!(profile.batch, rows.min(batch));
            assert!(profile.step > 0.0 && profile.step < 1.0, "{} s", profile.step);
            assert!(profile.device() > 0.0 && profile.device() < 1.0);
            assert_eq!(profile.host, HostTime::default(), "host and device are one");
            assert!(
                profile
                    .kernels
                    .iter()
                    .any(|kernel| kernel.kernel.contains("adam") || kernel.kernel == "small_steps")
            );
        }
    }
}
