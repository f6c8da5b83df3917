//! Ctrl-C and termination. The first asks a training run to end behind its step, which [`asked`] tells; the second
//! ends the process at once. Before a run trains, and in other commands, one ends the process, as ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// Signals that were asked to be watched.
#[derive(Clone, Debug, Default)]
pub(super) struct Signals {
    /// The number of the last one, 0 before the first.
    number: Arc<AtomicUsize>,
}

impl Signals {
    /// Watches from now on.
    pub(super) fn watch(&self) -> std::io::Result<()> {
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the second signal finds the flag of the first.
            flag::register_conditional_shutdown(signal, 128 + signal, asked.clone())?;
            flag::register(signal, asked.clone())?;
            flag::register_usize(signal, self.number.clone(), signal as usize)?;
        }
        Ok(())
    }

    /// The signal that came, by its number.
    pub(super) fn asked(&self) -> Option<u8> {
        match self.number.load(Ordering::SeqCst) {
            0 => None,
            signal => Some(signal as u8),
        }
    }
}

/// What a command ends with that a signal ended in order.
#[derive(Debug)]
pub(super) struct Interrupted {
    pub(super) signal: u8,
    /// What was kept and how to go on.
    pub(super) message: String,
}

impl Interrupted {
    /// The exit code that shells give a process which a signal ended.
    pub(super) fn exit_code(&self) -> u8 {
        128 + self.signal
    }
}

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = if i32::from(self.signal) == SIGINT { "interrupted" } else { "terminated" };
        write!(f, "{name}: {}", self.message)
    }
}

impl std::error::Error for Interrupted {}
