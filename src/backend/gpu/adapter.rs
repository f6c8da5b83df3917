//! Adapters: which there are, opening one, and whether it still works.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::super::faults::{Fault, Faults};
use super::super::memory_info;
use super::waiter::{Failed, Waiter, poll, wait};
use crate::error::{DeviceFault, Error, Result};
use crate::kernels::Adapter;

/// Every adapter of Vulkan, Metal and DX12 (or of `WGPU_BACKEND`), in wgpu's order; where there
/// is none, those of OpenGL that can compute, a last resort that is slow to start.
pub fn adapters() -> Vec<wgpu::Adapter> {
    let found = find(wgpu::Backends::from_env().unwrap_or(wgpu::Backends::PRIMARY));
    if !found.is_empty() {
        return found;
    }
    find(wgpu::Backends::GL).into_iter().filter(computes).collect()
}

/// Those of OpenGL that [`adapters`] leaves out, whether they can compute or not.
#[cfg(feature = "unstable")]
pub fn passed_over(listed: &[wgpu::Adapter]) -> Vec<wgpu::Adapter> {
    let asked = wgpu::Backends::from_env().unwrap_or(wgpu::Backends::all());
    let is_listed = |a: &wgpu::Adapter| {
        computes(a) && listed.iter().any(|l| l.get_info().backend == wgpu::Backend::Gl)
    };
    let found = find(wgpu::Backends::GL & asked);
    found.into_iter().filter(|adapter| !is_listed(adapter)).collect()
}

fn find(backends: wgpu::Backends) -> Vec<wgpu::Adapter> {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle_from_env();
    descriptor.backends = backends;
    let instance = wgpu::Instance::new(descriptor);
    pollster::block_on(instance.enumerate_adapters(backends))
}

/// Whether an adapter can compute at all.
pub fn computes(adapter: &wgpu::Adapter) -> bool {
    adapter.limits().max_compute_workgroups_per_dimension > 0
}

/// Adapter, driver and version of wgslearn: what remembered choices and checks hold for.
pub fn key(info: &wgpu::AdapterInfo) -> String {
    let driver = (&info.name, info.backend, &info.driver, &info.driver_info);
    format!("{driver:?} {}", env!("CARGO_PKG_VERSION"))
}

/// What the kernels' portable form needs of an adapter: storage buffers of a shader, invocations of a workgroup and
/// along x, bytes of workgroup memory.
pub const NEEDED: [u32; 4] = [8, 256, 256, 16_384];

/// The adapter's class in a word.
pub fn class(info: &wgpu::AdapterInfo) -> &'static str {
    match info.device_type {
        wgpu::DeviceType::DiscreteGpu => "discrete",
        wgpu::DeviceType::IntegratedGpu => "integrated",
        wgpu::DeviceType::VirtualGpu => "virtual",
        wgpu::DeviceType::Cpu => "software",
        wgpu::DeviceType::Other => "other",
    }
}

/// Order of preference, best first.
pub fn rank(info: &wgpu::AdapterInfo) -> usize {
    let classes = ["discrete", "integrated", "virtual", "other", "software"];
    classes.iter().position(|&name| name == class(info)).unwrap_or(classes.len())
}

/// An open adapter.
#[derive(Debug)]
pub struct Gpu {
    pub device: wgpu::Device,
    pub queue: wgpu::Queue,
    waiter: Waiter,
    pub info: wgpu::AdapterInfo,
    pub limits: wgpu::Limits,
    /// Bytes of the largest heap of the card's own memory; known on Vulkan.
    card_memory: Option<u64>,
    pub health: Arc<Health>,
    /// Faults that tests asked for.
    pub faults: Arc<Faults>,
    /// Held by whoever uses a device of OpenGL.
    turn: parking_lot::Mutex<()>,
}

/// The shortest time without progress after which a device is given up. Other processes may keep it busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// The time where nothing is known of what runs: a driver may translate shaders at their first use.
const FIRST_PATIENCE: Duration = Duration::from_secs(600);

/// How often a wait looks for the loss of the device. What a process that was stopped has slept counts as one look.
const LOOK: Duration = Duration::from_secs(1);

/// How long a submission that should take `expected` may take before its device is given up.
fn patience(expected: Option<Duration>) -> Duration {
    expected.map_or(FIRST_PATIENCE, |expected| PATIENCE.max(200 * expected))
}

impl Gpu {
    pub fn open(adapter: wgpu::Adapter, faults: Arc<Faults>) -> Result<Gpu> {
        let (info, available) = (adapter.get_info(), adapter.limits());
        let card_memory = card_memory(&adapter);
        // The adapter's own limits where size matters.
        let [storage_buffers, invocations, along_x, workgroup_bytes] = NEEDED;
        let limits = wgpu::Limits {
            max_storage_buffers_per_shader_stage: storage_buffers,
            max_compute_invocations_per_workgroup: invocations,
            max_compute_workgroup_size_x: along_x,
            max_compute_workgroup_storage_size: workgroup_bytes,
            max_storage_buffer_binding_size: available.max_storage_buffer_binding_size,
            max_buffer_size: available.max_buffer_size,
            max_compute_workgroups_per_dimension: available.max_compute_workgroups_per_dimension,
            ..wgpu::Limits::downlevel_defaults()
        }
        .or_worse_values_from(&available);
        let limits = match faults.limits() {
            Some(lower) => limits.or_worse_values_from(&lower),
            None => limits,
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor {
            label: Some("wgslearn"),
            required_features: adapter.features() & WANTED,
            required_limits: limits.clone(),
            memory_hints: wgpu::MemoryHints::MemoryUsage,
            ..Default::default()
        }))
        .map_err(|error| Error::Device(format!("{} cannot be opened: {error}", info.name)))?;

        let health = Arc::new(Health::default());
        let listener = health.clone();
        device.set_device_lost_callback(move |_, message| {
            let message = message.trim().trim_end_matches('.');
            listener.lose(if message.is_empty() { UNKNOWN_LOSS } else { message });
        });
        let listener = health.clone();
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| listener.fail(error)));
        let waits_on = device.clone();
        let waiter =
            Waiter::new(health.clone(), move |submission_index| wait(&waits_on, submission_index))
                .map_err(|error| {
                    Error::Device(format!("{} cannot be waited for: {error}", info.name))
                })?;
        let turn = parking_lot::Mutex::default();
        Ok(Gpu { device, queue, waiter, info, limits, card_memory, health, faults, turn })
    }

    /// Waits until no other thread uses a device of OpenGL, and keeps others from it. wgpu lets one thread at a time use its
    /// context, for as long as a step of a slow one takes, and panics where another has waited for some seconds
    /// (`AdapterContext::lock` in wgpu-hal 30). Other devices take any number of threads.
    ///
    /// # Errors
    /// Where the device is given up by whoever has its turn.
    pub fn turn(&self) -> Result<Option<parking_lot::MutexGuard<'_, ()>>> {
        while self.takes_turns() {
            if let Some(turn) = self.turn.try_lock_for(LOOK) {
                return Ok(Some(turn));
            }
            if self.health.is_gone() {
                return Err(Error::Fault(self.health.fault(&self.info.name)));
            }
        }
        Ok(None)
    }

    /// Whether one thread at a time uses it.
    pub fn takes_turns(&self) -> bool {
        self.info.backend == wgpu::Backend::Gl
    }

    pub fn name(&self) -> String {
        format!("{} ({:?})", self.info.name, self.info.backend)
    }

    /// Bytes that buffers can take at most, where that can be told: a software adapter's are the
    /// machine's free memory, a Vulkan card's its own.
    pub fn memory(&self) -> Option<u64> {
        match self.adapter_kind() {
            Adapter::Software { .. } => memory_info::free_memory(),
            Adapter::Hardware => self.card_memory,
        }
    }

    pub fn max_binding_elements(&self) -> usize {
        let bytes = self.limits.max_storage_buffer_binding_size.min(self.limits.max_buffer_size);
        (bytes / 4) as usize / 64 * 64
    }

    pub fn adapter_kind(&self) -> Adapter {
        match self.info.device_type {
            wgpu::DeviceType::Cpu => Adapter::Software {
                subgroup_8: self.device.features().contains(wgpu::Features::SUBGROUP)
                    && (self.info.subgroup_min_size, self.info.subgroup_max_size) == (8, 8),
            },
            _ => Adapter::Hardware,
        }
    }

    /// Whether parameters are bound as storage instead of uniforms. Mesa's lavapipe compiles a
    /// shader anew, for milliseconds, whenever a uniform changes that bounds a loop: it inlines
    /// their values (docs/rejected.md). From storage it does not.
    pub fn params_in_storage(&self) -> bool {
        self.info.device_type == wgpu::DeviceType::Cpu && !is_checked()
    }

    /// An error if the device was lost or reported one that nobody caught.
    pub fn check(&self) -> Result<()> {
        if !self.health.has_failed() {
            return Ok(());
        }
        // What follows a loss may be reported before it.
        self.look_until(100, || self.health.is_gone() || self.health.is_full());
        self.health.check(&self.info.name, self.memory())
    }

    /// Lets wgpu tell what it knows until `is_told`, for so many looks, 10 ms apart, at most. A loss is told behind all
    /// that other runs still wait for, and by whichever thread sees it first, once that has freed all that the device held.
    fn look_until(&self, looks: usize, is_told: impl Fn() -> bool) {
        for look in 0..looks {
            poll(&self.device);
            if is_told() {
                break;
            }
            if look > 0 {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }

    /// Submits commands.
    pub fn submit(&self, commands: Option<wgpu::CommandBuffer>) -> wgpu::SubmissionIndex {
        if let Some(fault) = self.faults.next() {
            self.inject(fault);
        }
        self.queue.submit(commands)
    }

    /// Waits until all that was submitted is done.
    pub fn wait(&self) -> Result<()> {
        self.wait_for(None, None)
    }

    /// Waits until a submission is done, and all before it; all that were made where none is named. What takes much
    /// longer than `expected` has stalled.
    pub fn wait_for(
        &self,
        submission: Option<wgpu::SubmissionIndex>,
        expected: Option<Duration>,
    ) -> Result<()> {
        let (patience, mut waited) = (patience(expected), Duration::ZERO);
        let (mut outcome, mut never_began) = (self.waiter.begin(submission), false);
        loop {
            self.check()?;
            let started = Instant::now();
            match outcome.recv_timeout(LOOK) {
                Ok(Ok(())) if never_began => {
                    return Err(self.failed("a submission was not taken".into()));
                }
                Ok(Ok(())) => return self.check(),
                Err(RecvTimeoutError::Timeout) => waited += started.elapsed().min(2 * LOOK),
                // As on a device that was destroyed: its loss comes behind all others.
                Ok(Err(Failed::NeverBegan)) if !never_began => {
                    outcome = self.waiter.begin(None);
                    never_began = true;
                }
                Ok(Err(Failed::NeverBegan)) | Err(RecvTimeoutError::Disconnected) => {
                    return Err(self.failed("it cannot be waited for".into()));
                }
                Ok(Err(Failed::Panicked(message))) => return Err(self.failed(message)),
            }
            if waited >= patience {
                return Err(Error::Fault(self.stall(waited)));
            }
        }
    }

    /// Gives the device up.
    fn stall(&self, waited: Duration) -> DeviceFault {
        // To drop a queue is to wait for what runs on it.
        std::mem::forget(self.queue.clone());
        self.health.stall(waited);
        self.health.fault(&self.info.name)
    }

    /// An error of the driver's own.
    pub fn internal(&self, message: String) -> Error {
        Error::Fault(DeviceFault::Internal { device: self.info.name.clone(), message })
    }

    /// An error of what a device did not do: its loss, where it is gone, or what else is told of it. Something will be,
    /// so that is waited for.
    pub fn failed(&self, message: String) -> Error {
        self.look_until(1_000, || self.health.has_failed());
        self.check().err().unwrap_or_else(|| self.internal(message))
    }

    /// An error that an error scope caught.
    pub fn caught(&self, error: wgpu::Error, what: &str, needed: u64) -> Error {
        let device = self.info.name.clone();
        Error::Fault(match error {
            wgpu::Error::OutOfMemory { .. } => DeviceFault::OutOfMemory {
                device,
                what: what.to_owned(),
                needed: Some(needed),
                free: self.memory().filter(|&free| free < needed),
            },
            wgpu::Error::Validation { description, .. } => {
                DeviceFault::Validation { device, message: format!("{what}: {description}") }
            }
            wgpu::Error::Internal { description, .. } => {
                DeviceFault::Internal { device, message: format!("{what}: {description}") }
            }
        })
    }

    /// Lets a fault happen, for tests.
    fn inject(&self, fault: Fault) {
        let source = || "a test asked for it".into();
        let description = "a test asked for it".to_owned();
        match fault {
            Fault::Destroy => self.device.destroy(),
            Fault::Lose => self.health.lose("a test asked for it"),
            Fault::Stall => self.health.stall(PATIENCE),
            Fault::OutOfMemory => self.health.fail(wgpu::Error::OutOfMemory { source: source() }),
            Fault::Validation => {
                self.health.fail(wgpu::Error::Validation { source: source(), description });
            }
            Fault::Internal => {
                self.health.fail(wgpu::Error::Internal { source: source(), description });
            }
        }
    }
}

/// What is said of a loss of which the driver says nothing.
const UNKNOWN_LOSS: &str = "reset by the system, or unplugged";

/// What went wrong with a device so far. wgpu tells it by callbacks, from any thread.
#[derive(Debug, Default)]
pub struct Health {
    /// Whether there is anything to look at.
    failed: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Why the device is of no use any more; calls after that can succeed without effect.
    gone: Option<Gone>,
    /// The first error that no scope caught.
    failure: Option<wgpu::Error>,
}

#[derive(Clone, Debug)]
enum Gone {
    Lost(String),
    Stalled(Duration),
}

impl Health {
    fn change(&self, change: impl FnOnce(&mut State)) {
        // What a thread that panicked left there is whole.
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        change(&mut state);
        self.failed.store(state.gone.is_some() || state.failure.is_some(), Ordering::SeqCst);
    }

    /// The device was lost.
    pub fn lose(&self, reason: &str) {
        self.change(|state| {
            state.gone.get_or_insert_with(|| Gone::Lost(reason.to_owned()));
        });
    }

    fn stall(&self, waited: Duration) {
        self.change(|state| {
            state.gone.get_or_insert(Gone::Stalled(waited));
        });
    }

    /// An error that no scope caught.
    fn fail(&self, error: wgpu::Error) {
        self.change(|state| {
            state.failure.get_or_insert(error);
        });
    }

    /// Whether there is an error to tell.
    fn has_failed(&self) -> bool {
        self.failed.load(Ordering::SeqCst)
    }

    /// Whether the device is of no use any more.
    pub fn is_gone(&self) -> bool {
        let mut gone = false;
        self.change(|state| gone = state.gone.is_some());
        gone
    }

    /// Why the device called `name` is of no use any more.
    fn fault(&self, name: &str) -> DeviceFault {
        let (device, mut gone) = (name.to_owned(), None);
        self.change(|state| gone.clone_from(&state.gone));
        match gone {
            Some(Gone::Stalled(waited)) => {
                DeviceFault::Stalled { device, waited: waited.as_secs() }
            }
            Some(Gone::Lost(reason)) => DeviceFault::Lost { device, reason },
            None => DeviceFault::Lost { device, reason: UNKNOWN_LOSS.into() },
        }
    }

    /// Whether what failed is memory.
    fn is_full(&self) -> bool {
        let mut full = false;
        self.change(|state| {
            full = matches!(state.failure, Some(wgpu::Error::OutOfMemory { .. }));
        });
        full
    }

    /// An error if the device called `name` is gone, from then on always, or reported one that nobody caught, once.
    /// `memory` bytes are free.
    fn check(&self, name: &str, memory: Option<u64>) -> Result<()> {
        if self.is_gone() {
            return Err(Error::Fault(self.fault(name)));
        }
        let mut failure = None;
        self.change(|state| failure = state.failure.take());
        let device = name.to_owned();
        Err(Error::Fault(match failure {
            None => return Ok(()),
            Some(wgpu::Error::OutOfMemory { .. }) => DeviceFault::OutOfMemory {
                device,
                what: "what runs on it and its copies".into(),
                needed: None,
                free: memory,
            },
            Some(wgpu::Error::Validation { description: message, .. }) => {
                DeviceFault::Validation { device, message }
            }
            Some(wgpu::Error::Internal { description: message, .. }) => {
                DeviceFault::Internal { device, message }
            }
        }))
    }
}

/// What is used where an adapter has it: timestamps for measuring, subgroups on software adapters, and
/// its compiled pipelines.
const WANTED: wgpu::Features = wgpu::Features::TIMESTAMP_QUERY
    .union(wgpu::Features::SUBGROUP)
    .union(wgpu::Features::PIPELINE_CACHE);

/// Bytes of the largest heap of a Vulkan adapter's own memory, of which wgpu says nothing.
#[cfg(not(target_vendor = "apple"))]
fn card_memory(adapter: &wgpu::Adapter) -> Option<u64> {
    /// VK_MEMORY_HEAP_DEVICE_LOCAL_BIT
    const DEVICE_LOCAL: u32 = 1;
    // SAFETY: the handles are wgpu's own and live as long as the adapter, and the call only reads
    // properties.
    #[allow(unsafe_code)]
    let properties = unsafe {
        let adapter = adapter.as_hal::<wgpu::hal::api::Vulkan>()?;
        let instance = adapter.shared_instance().raw_instance();
        instance.get_physical_device_memory_properties(adapter.raw_physical_device())
    };
    let heaps = properties.memory_heaps.iter().take(properties.memory_heap_count as usize);
    heaps.filter(|heap| heap.flags.as_raw() & DEVICE_LOCAL != 0).map(|heap| heap.size).max()
}

#[cfg(target_vendor = "apple")]
fn card_memory(_: &wgpu::Adapter) -> Option<u64> {
    None
}

/// Whether `WGSLEARN_CHECKED` is set, as in the tests' second pass: every check in every shader, and the way that real GPUs
/// take on software adapters too, with parameters as uniforms and each kernel's form for hardware.
pub fn is_checked() -> bool {
    std::env::var_os("WGSLEARN_CHECKED").is_some()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{FIRST_PATIENCE, Health, PATIENCE, patience};
    use crate::error::{DeviceFault, Error};

    fn fault(health: &Health) -> DeviceFault {
        match health.check("card", Some(5)).expect_err("a failure") {
            Error::Fault(fault) => fault,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn a_lost_device_stays_lost_and_a_failure_is_told_once() {
        let internal = |text: &str| wgpu::Error::Internal {
            source: "why".into(),
            description: text.to_owned(),
        };
        let health = Health::default();
        health.check("card", None).expect("well at first");
        health.fail(internal("first"));
        health.fail(internal("second"));
        let expected = DeviceFault::Internal { device: "card".into(), message: "first".into() };
        assert_eq!(fault(&health), expected);
        health.check("card", None).expect("told");
        health.fail(wgpu::Error::OutOfMemory { source: "why".into() });
        assert!(matches!(fault(&health), DeviceFault::OutOfMemory { free: Some(5), .. }));
        health.lose("unplugged");
        for _ in 0..2 {
            assert!(fault(&health).to_string().contains("card was lost (unplugged)"));
        }
    }

    #[test]
    fn a_device_is_given_up_after_many_times_what_its_steps_take() {
        assert_eq!(patience(None), FIRST_PATIENCE);
        assert_eq!(patience(Some(Duration::from_millis(50))), PATIENCE);
        assert_eq!(patience(Some(Duration::from_secs(3))), Duration::from_secs(600));
    }
}
