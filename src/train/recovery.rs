//! What a run does when its device fails: it goes on, on a new device, from a copy of its state in the host's memory; or
//! it takes its batch in smaller parts.
//!
//! The copy is taken between steps, so rarely that it costs at most a fiftieth of the time, and going on from it gives
//! the bits of a run that was not disturbed. The CPU backend cannot be lost, so that nothing is copied there.

use std::time::{Duration, Instant};

use super::record::MAX_SLOTS;
use super::trainer::{Checkpoint, Observer};
use crate::backend::{Device, DeviceKind};
use crate::error::{DeviceFault, Error, Result};

/// What a run did about a device that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Recovered {
    /// It went on, on a new device, from behind this step.
    NewDevice {
        /// Optimizer steps done.
        step: u64,
    },
    /// It takes its batches in parts of so many rows from here on, whose gradients are added up: the same result, to
    /// f32's rounding.
    MicroBatch {
        /// Rows of a part.
        rows: usize,
    },
}

impl std::fmt::Display for Recovered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Recovered::NewDevice { step: 0 } => write!(f, "the run begins again on a new device"),
            Recovered::NewDevice { step } => {
                write!(f, "the run goes on from step {step} on a new device")
            }
            Recovered::MicroBatch { rows } => write!(
                f,
                "the run goes on with {rows} rows of a batch at a time (micro_batch {rows}), to the same result but for rounding"
            ),
        }
    }
}

/// How often a run answers a lost device.
pub(super) const MOST: usize = 3;

/// The part of the time that copies take at most, as its inverse.
const SHARE: u32 = 50;

/// The least time between two copies.
const BETWEEN: Duration = Duration::from_secs(1);

/// Bytes a second at which a copy is taken, as long as none was measured: less than any device gives.
const SLOW: f64 = 2e8;

/// A run's copies and answers.
#[derive(Debug)]
pub(super) struct Recovery<'d> {
    device: &'d Device,
    /// The last copy; none: the run goes on from its start.
    pub snapshot: Option<Checkpoint>,
    /// Whether a lost device is answered at all.
    is_on: bool,
    /// Whether the run can begin again without a copy: what it began with is still there.
    pub can_restart: bool,
    /// When the last copy was taken, or the run began.
    taken: Instant,
    /// How long a copy takes.
    cost: Duration,
    /// How long all of them took.
    pub spent: Duration,
    lost: usize,
    /// Bytes that did not fit last.
    needed: Option<u64>,
}

impl<'d> Recovery<'d> {
    /// For a state of so many bytes. Where the host's memory has no room for two copies, there are none.
    pub fn new(device: &'d Device, bytes: u64) -> Recovery<'d> {
        const SMALL: u64 = 64 << 20;
        let fits = bytes <= SMALL
            || crate::backend::free_memory().is_none_or(|free| bytes.saturating_mul(4) <= free);
        Recovery {
            device,
            snapshot: None,
            is_on: device.kind() == DeviceKind::Gpu && fits,
            can_restart: true,
            taken: Instant::now(),
            cost: Duration::from_secs_f64(bytes as f64 / SLOW),
            spent: Duration::ZERO,
            lost: 0,
            needed: None,
        }
    }

    /// Whether a copy may be taken: the next one is no more than its share of the time since the last.
    pub fn is_due(&self) -> bool {
        self.is_on && self.taken.elapsed() >= BETWEEN.max(self.cost * SHARE)
    }

    /// Takes a copy, in place of the one before.
    ///
    /// # Errors
    /// Those of `take`; the one before is still there then.
    pub fn keep(&mut self, take: impl FnOnce() -> Result<Checkpoint>) -> Result<()> {
        let started = Instant::now();
        self.snapshot = Some(take()?);
        self.cost = started.elapsed();
        self.spent += self.cost;
        self.taken = Instant::now();
        Ok(())
    }

    /// Takes a state that the host has anyway as the copy.
    pub fn keep_known(&mut self, known: &Checkpoint) {
        if self.is_on {
            self.snapshot = Some(known.clone());
        }
    }

    /// Whether copies are taken.
    pub fn is_on(&self) -> bool {
        self.is_on
    }

    /// What is done about an error, where something can be: a new device is opened, or `micro_batch` becomes smaller,
    /// of batches of `batch` rows (none where there is nothing to halve).
    ///
    /// # Errors
    /// The error itself, or that of opening a new device.
    pub fn answer(
        &mut self,
        error: Error,
        micro_batch: &mut Option<usize>,
        batch: Option<usize>,
        observer: &mut dyn Observer,
    ) -> Result<()> {
        let Error::Fault(fault) = &error else { return Err(error) };
        if fault.takes_a_new_device() && self.is_on && self.lost < MOST {
            self.lost += 1;
            self.device.reopen()?;
            let step = self.snapshot.as_ref().map_or(0, |snapshot| snapshot.state.step);
            observer.device_failed(fault, Recovered::NewDevice { step });
            return Ok(());
        }
        let can_go_on = self.can_restart || self.snapshot.is_some();
        if let (&DeviceFault::OutOfMemory { needed, .. }, Some(batch), true) =
            (fault, batch, can_go_on)
        {
            // Half the rows are of no use where it is the weights or the data that do not fit.
            let helped = match (self.needed, needed) {
                (Some(before), Some(needed)) => needed < before - before / 32,
                _ => true,
            };
            self.needed = needed;
            let now = micro_batch.map_or(batch, |rows| rows.min(batch));
            let rows = now.div_ceil(2);
            if helped && rows < now && batch.div_ceil(rows) <= MAX_SLOTS {
                *micro_batch = Some(rows);
                observer.device_failed(fault, Recovered::MicroBatch { rows });
                return Ok(());
            }
        }
        Err(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::History;

    /// Remembers what a run was answered.
    #[derive(Default)]
    struct Told(Vec<Recovered>);

    impl Observer for Told {
        fn device_failed(&mut self, _why: &DeviceFault, answer: Recovered) {
            self.0.push(answer);
        }
    }

    fn full(needed: Option<u64>) -> Error {
        let (device, what) = ("a card".to_owned(), "the batch".to_owned());
        Error::Fault(DeviceFault::OutOfMemory { device, what, needed, free: None })
    }

    #[test]
    fn a_full_device_takes_half_the_rows_while_that_helps() {
        let device = Device::cpu();
        let mut recovery = Recovery::new(&device, 100);
        let (mut rows, mut told) = (None, Told::default());
        let mut answer = |recovery: &mut Recovery<'_>, rows: &mut Option<usize>, needed| {
            recovery.answer(full(needed), rows, Some(100), &mut told).is_ok()
        };
        // 3,200 bytes, and less by more than a 32nd each time.
        for (needed, expected) in [(3200, 50), (3099, 25), (2000, 13), (1000, 7)] {
            assert!(answer(&mut recovery, &mut rows, Some(needed)));
            assert_eq!(rows, Some(expected));
        }
        // A 32nd of 1,000 is 31.
        assert!(!answer(&mut recovery, &mut rows, Some(969)), "the weights are what does not fit");
        assert_eq!(rows, Some(7));
        // What is not known is tried.
        for expected in [4, 2, 1] {
            assert!(answer(&mut recovery, &mut rows, None));
            assert_eq!(rows, Some(expected));
        }
        assert!(!answer(&mut recovery, &mut rows, None), "a row has no half");
        let halves = [50, 25, 13, 7, 4, 2, 1].map(|rows| Recovered::MicroBatch { rows });
        assert_eq!(told.0, halves);
    }

    #[test]
    fn what_cannot_be_answered_stays_an_error() {
        let device = Device::cpu();
        let mut told = Told::default();
        let mut rows = None;
        let mut recovery = Recovery::new(&device, 100);
        assert!(recovery.answer(full(None), &mut rows, None, &mut told).is_err(), "no batch");
        assert!(recovery.answer(full(None), &mut rows, Some(1), &mut told).is_err(), "one row");
        // A history has so many slots, and each part of a batch takes one.
        let most = 4 * MAX_SLOTS;
        rows = Some(8);
        assert!(recovery.answer(full(None), &mut rows, Some(most), &mut told).is_ok());
        assert_eq!(rows, Some(4));
        assert!(recovery.answer(full(None), &mut rows, Some(most), &mut told).is_err());
        recovery.can_restart = false;
        rows = None;
        assert!(recovery.answer(full(None), &mut rows, Some(8), &mut told).is_err(), "no way back");
        let lost =
            Error::Fault(DeviceFault::Lost { device: "a card".into(), reason: "gone".into() });
        assert!(recovery.answer(lost, &mut rows, Some(8), &mut told).is_err(), "a CPU is not lost");
        assert!(recovery.answer(Error::usage("no"), &mut rows, Some(8), &mut told).is_err());
        assert_eq!((rows, told.0), (None, vec![Recovered::MicroBatch { rows: 4 }]));
    }

    #[test]
    fn copies_are_taken_when_they_are_due_and_only_where_a_device_can_be_lost() {
        let device = Device::cpu();
        let mut recovery = Recovery::new(&device, 100);
        assert!(!recovery.is_on() && !recovery.is_due());
        let checkpoint = Checkpoint {
            epoch: 3,
            done: Default::default(),
            history: History::default(),
            best: None,
            learning_rate: 0.1,
            rollbacks: 0,
            micro_batch: None,
            state: crate::train::SessionState { step: 12, arrays: Vec::new() },
        };
        recovery.keep_known(&checkpoint);
        assert!(recovery.snapshot.is_none());
        recovery.is_on = true;
        assert!(!recovery.is_due(), "a second has to be over");
        recovery.taken -= BETWEEN;
        assert!(recovery.is_due());
        // A copy that takes a tenth of a second is due again after five.
        recovery.cost = Duration::from_millis(100);
        assert!(!recovery.is_due());
        recovery.taken -= Duration::from_secs(4);
        assert!(recovery.is_due());
        recovery.keep_known(&checkpoint);
        assert_eq!(recovery.snapshot.take().map(|found| found.epoch), Some(3));
        assert!(recovery.keep(|| Err(Error::usage("no"))).is_err() && recovery.snapshot.is_none());
        recovery.keep(|| Ok(checkpoint)).expect("a copy");
        assert_eq!(recovery.snapshot.as_ref().map(|found| found.state.step), Some(12));
        assert!(!recovery.is_due());
    }
}
