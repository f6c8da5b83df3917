//! Ctrl-C and SIGTERM: once, and a run ends with what it has learned; twice, and the process ends at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// What has arrived.
pub(super) struct Signals {
    /// Becomes true at the first signal.
    pub stop: Arc<AtomicBool>,
    number: Arc<AtomicUsize>,
}

impl Signals {
    /// Takes the signals from now on.
    pub fn take() -> std::io::Result<Signals> {
        let (stop, number) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds the flag false and sets it, the second finds it true.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&stop))?;
            flag::register(signal, Arc::clone(&stop))?;
            flag::register_usize(signal, Arc::clone(&number), signal as usize)?;
        }
        Ok(Signals { stop, number })
    }

    /// The exit code of a process that the signal ended: 130 for Ctrl-C, 143 for SIGTERM; none where none has arrived.
    pub fn exit_code(&self) -> Option<u8> {
        match self.number.load(Ordering::Relaxed) {
            0 => None,
            number => Some(128 + number as u8),
        }
    }
}
