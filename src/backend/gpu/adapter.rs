//! Adapters: which there are, opening one, and whether it still works.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::super::memory_info;
use crate::error::{Error, Result};
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
    pub info: wgpu::AdapterInfo,
    pub limits: wgpu::Limits,
    /// Bytes of the largest heap of the card's own memory; known on Vulkan.
    card_memory: Option<u64>,
    pub health: Arc<Health>,
}

impl Gpu {
    pub fn open(adapter: wgpu::Adapter) -> Result<Gpu> {
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
        device.set_device_lost_callback(move |_, _| listener.lose());
        let listener = health.clone();
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            listener.fail(error.to_string());
        }));
        Ok(Gpu { device, queue, info, limits, card_memory, health })
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
        self.health.check(&self.info.name)
    }

    /// Waits until all that was submitted is done.
    pub fn wait(&self) -> Result<()> {
        self.wait_for(None)
    }

    /// Waits until a submission is done, and all before it; all that were made where none is named.
    pub fn wait_for(&self, submission: Option<wgpu::SubmissionIndex>) -> Result<()> {
        self.device
            .poll(wgpu::PollType::Wait { submission_index: submission, timeout: None })
            .map_err(|error| Error::Device(format!("{}: {error}", self.info.name)))?;
        self.check()
    }
}

/// What went wrong with a device so far. wgpu tells it by callbacks, from any thread.
#[derive(Debug, Default)]
pub struct Health {
    /// Calls after a loss can succeed without effect.
    lost: AtomicBool,
    /// The first error that no scope caught.
    failure: Mutex<Option<String>>,
}

impl Health {
    /// The device was lost.
    pub fn lose(&self) {
        self.lost.store(true, Ordering::SeqCst);
    }

    /// An error that no scope caught.
    fn fail(&self, message: String) {
        if let Ok(mut first) = self.failure.lock() {
            first.get_or_insert(message);
        }
    }

    /// An error if the device called `name` was lost, from then on always, or reported one that nobody caught, once.
    fn check(&self, name: &str) -> Result<()> {
        if self.lost.load(Ordering::SeqCst) {
            return Err(Error::Device(format!(
                "{name} was lost (reset by the system, or unplugged); run again, with a smaller batch if it happens again"
            )));
        }
        match self.failure.lock().ok().and_then(|mut failure| failure.take()) {
            Some(message) => Err(Error::Device(format!("{name} failed: {message}"))),
            None => Ok(()),
        }
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

/// Whether `WGSLEARN_CHECKED` is set, as in the tests' second pass: every check in every shader,
/// and parameters as uniforms on software adapters too, the way that real GPUs take.
pub fn is_checked() -> bool {
    std::env::var_os("WGSLEARN_CHECKED").is_some()
}

#[cfg(test)]
mod tests {
    use super::Health;

    #[test]
    fn a_lost_device_stays_lost_and_a_failure_is_told_once() {
        let health = Health::default();
        health.check("card").expect("well at first");
        health.fail("first".into());
        health.fail("second".into());
        let error = health.check("card").expect_err("a failure").to_string();
        assert_eq!(error, "card failed: first");
        health.check("card").expect("told");
        health.lose();
        for _ in 0..2 {
            let error = health.check("card").expect_err("lost").to_string();
            assert!(error.contains("card was lost"), "{error}");
        }
    }
}
