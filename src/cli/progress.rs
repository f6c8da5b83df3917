//! Progress of a training run on standard error: a bar on a terminal, else a line now and then.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::note;
use crate::train::EpochReport;

/// Time between lines where there is no terminal.
const LINES: Duration = Duration::from_secs(2);

pub(super) struct Progress {
    bar: ProgressBar,
    last: Instant,
    quiet: bool,
}

impl Progress {
    pub(super) fn new(epochs: usize, quiet: bool) -> Progress {
        let target =
            if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(epochs as u64), target);
        let template = "epoch {pos}/{len} {wide_bar} {msg}  {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Progress { bar, last: Instant::now(), quiet }
    }

    pub(super) fn report(&mut self, epoch: EpochReport) {
        let EpochReport { training, validation, .. } = epoch;
        let mut text = format!("loss {:.4}", training.loss);
        if let Some(accuracy) = training.accuracy {
            text += &format!("  accuracy {accuracy:.4}");
        }
        if let Some(validation) = validation {
            text += &format!("  val_loss {:.4}", validation.loss);
            if let Some(accuracy) = validation.accuracy {
                text += &format!("  val_accuracy {accuracy:.4}");
            }
        }
        if let Some(value) = epoch.monitored {
            text += &format!("  val_metric {value:.4}");
        }
        text += &format!("  {:.0} samples/s", epoch.samples_per_second);
        self.bar.set_message(text.clone());
        // Small data get more epochs than the settings say.
        self.bar.set_length(epoch.epochs as u64);
        self.bar.set_position(epoch.epoch as u64);
        let is_due =
            self.last.elapsed() >= LINES || epoch.epoch == 1 || epoch.epoch == epoch.epochs;
        if self.bar.is_hidden() && !self.quiet && is_due {
            note(format_args!("epoch {}/{}  {text}", epoch.epoch, epoch.epochs));
            self.last = Instant::now();
        }
    }

    /// A line that the bar does not overwrite.
    pub(super) fn note(&self, text: impl std::fmt::Display) {
        self.bar.suspend(|| note(text));
    }

    pub(super) fn finish(&self) {
        self.bar.abandon();
    }
}
