//! Faults on demand, and lower limits than an adapter has: a seam for tests. Nothing but [`super::Device::inject`] and
//! [`super::Device::open_limited`] sets them, and both are for tests alone.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// A way in which a device fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The device is really destroyed.
    Destroy,
    /// The device says that it was lost.
    Lose,
    /// It makes no progress any more.
    Stall,
    /// An allocation of the driver's fails.
    OutOfMemory,
    /// A command is refused.
    Validation,
    /// The driver fails.
    Internal,
}

/// What tests asked of a device, and of those that take its place.
#[derive(Debug, Default)]
pub struct Faults {
    is_on: AtomicBool,
    /// Submissions so far, on all devices of one handle.
    submissions: AtomicU64,
    /// At which submission what happens.
    planned: Mutex<Vec<(u64, Fault)>>,
    /// Bytes that a program may take at most; 0 for any.
    memory: AtomicU64,
    limits: Option<wgpu::Limits>,
}

impl Faults {
    /// Lower limits than the adapter's.
    pub fn with_limits(limits: wgpu::Limits) -> Faults {
        Faults { limits: Some(limits), ..Faults::default() }
    }

    /// Plans a fault that many submissions from now.
    pub fn plan(&self, behind: u64, fault: Fault) {
        let at = self.submissions.load(Ordering::SeqCst) + behind;
        self.planned.lock().unwrap_or_else(PoisonError::into_inner).push((at, fault));
        self.is_on.store(true, Ordering::SeqCst);
    }

    /// The fault that the next submission meets.
    pub fn next(&self) -> Option<Fault> {
        let at = self.submissions.fetch_add(1, Ordering::SeqCst);
        if !self.is_on.load(Ordering::SeqCst) {
            return None;
        }
        let mut planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        let found = planned.iter().position(|(when, _)| *when <= at)?;
        Some(planned.swap_remove(found).1)
    }

    /// Submissions so far.
    pub fn submissions(&self) -> u64 {
        self.submissions.load(Ordering::SeqCst)
    }

    /// Lets programs of more than so many bytes find no memory; 0 lets all.
    pub fn set_memory(&self, bytes: u64) {
        self.memory.store(bytes, Ordering::SeqCst);
    }

    /// Bytes that a program may take.
    pub fn memory(&self) -> Option<u64> {
        Some(self.memory.load(Ordering::SeqCst)).filter(|&bytes| bytes > 0)
    }

    pub fn limits(&self) -> Option<wgpu::Limits> {
        self.limits.clone()
    }
}
