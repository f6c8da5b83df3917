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
