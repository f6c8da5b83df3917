//! The GPU backend: runs a program on a wgpu adapter.
//!
//! Preparing makes every buffer, pipeline and bind group; a run then records dispatches only.
//! Steps are packed into submissions of about 100 ms, by the measured time of earlier ones:
//! enough that the host's part vanishes, and below the two seconds after which Windows resets
//! a device.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::tuner::Tuner;
use super::{Executor, HostTime, Timing, median};
use crate::error::{Error, Result};
use crate::kernels::{Access, Adapter, Dispatch, Kernel, MAX_LOOP_ITERATIONS, Span};
use crate::program::{Program, RoutineId, Run};

/// Target time of one submission.
const SUBMISSION: Duration = Duration::from_millis(100);

/// Bytes that are written to a device at once.
const WRITE: usize = 32 << 20;

/// Dispatches in one submission at most, so that command buffers stay small.
const MAX_DISPATCHES: usize = 20_000;

/// Every adapter of Vulkan, Metal and DX12 (or of `WGPU_BACKEND`), in wgpu's order; where there
/// is none, those of OpenGL that can compute, a last resort that is slow to start.
pub(super) fn adapters() -> Vec<wgpu::Adapter> {
    let find = |backends: wgpu::Backends| {
        let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle_from_env();
        descriptor.backends = backends;
        let instance = wgpu::Instance::new(descriptor);
        pollster::block_on(instance.enumerate_adapters(backends))
    };
    let found = find(wgpu::Backends::from_env().unwrap_or(wgpu::Backends::PRIMARY));
    if !found.is_empty() {
        return found;
    }
    let computes = |a: &wgpu::Adapter| a.limits().max_compute_workgroups_per_dimension > 0;
    find(wgpu::Backends::GL).into_iter().filter(computes).collect()
}

/// The adapter's class in a word.
pub(super) fn class(info: &wgpu::AdapterInfo) -> &'static str {
    match info.device_type {
        wgpu::DeviceType::DiscreteGpu => "discrete",
        wgpu::DeviceType::IntegratedGpu => "integrated",
        wgpu::DeviceType::VirtualGpu => "virtual",
        wgpu::DeviceType::Cpu => "software",
        wgpu::DeviceType::Other => "other",
    }
}

/// Order of preference, best first.
pub(super) fn rank(info: &wgpu::AdapterInfo) -> usize {
    let classes = ["discrete", "integrated", "virtual", "other", "software"];
    classes.iter().position(|&name| name == class(info)).unwrap_or(classes.len())
}

/// An open adapter with the pipelines made so far.
#[derive(Debug)]
pub(super) struct Gpu {
    device: wgpu::Device,
    queue: wgpu::Queue,
    info: wgpu::AdapterInfo,
    limits: wgpu::Limits,
    /// Bytes of the largest heap of the card's own memory; known on Vulkan.
    card_memory: Option<u64>,
    /// Set by the device-lost callback: calls after it can succeed without effect.
    lost: Arc<AtomicBool>,
    /// The first error that no scope caught.
    failure: Arc<Mutex<Option<String>>>,
    tuner: Tuner,
    /// Compiled pipelines from earlier runs, where the adapter gives them out.
    cache: Option<(wgpu::PipelineCache, String)>,
    /// By kernel (its address) and variant.
    pipelines: Mutex<HashMap<(usize, usize), Arc<wgpu::ComputePipeline>>>,
}

impl Gpu {
    pub(super) fn open(adapter: wgpu::Adapter) -> Result<Gpu> {
        let (info, available) = (adapter.get_info(), adapter.limits());
        let card_memory = card_memory(&adapter);
        // What the kernels' portable form needs, and the adapter's own limits where size matters.
        let limits = wgpu::Limits {
            max_storage_buffers_per_shader_stage: 8,
            max_compute_invocations_per_workgroup: 256,
            max_compute_workgroup_size_x: 256,
            max_compute_workgroup_storage_size: 16_384,
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

        let lost = Arc::new(AtomicBool::new(false));
        let flag = lost.clone();
        device.set_device_lost_callback(move |_, _| flag.store(true, Ordering::SeqCst));
        let failure = Arc::new(Mutex::new(None));
        let first = failure.clone();
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            if let Ok(mut first) = first.lock() {
                first.get_or_insert(error.to_string());
            }
        }));
        let tuner = Tuner::new(&info);
        let cache = open_cache(&device, &info);
        Ok(Gpu {
            device,
            queue,
            info,
            limits,
            card_memory,
            lost,
            failure,
            tuner,
            cache,
            pipelines: Mutex::default(),
        })
    }

    pub(super) fn name(&self) -> String {
        format!("{} ({:?})", self.info.name, self.info.backend)
    }

    /// Bytes that buffers can take at most, where that can be told: a software adapter's are the
    /// machine's free memory, a Vulkan card's its own.
    pub(super) fn memory(&self) -> Option<u64> {
        match self.adapter_kind() {
            Adapter::Software { .. } => Some(super::device::free_memory()),
            Adapter::Hardware => self.card_memory,
        }
    }

    pub(super) fn max_binding_elements(&self) -> usize {
        let bytes = self.limits.max_storage_buffer_binding_size.min(self.limits.max_buffer_size);
        (bytes / 4) as usize / 64 * 64
    }

    fn adapter_kind(&self) -> Adapter {
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
    fn params_in_storage(&self) -> bool {
        self.info.device_type == wgpu::DeviceType::Cpu && !is_checked()
    }

    /// An error if the device was lost or reported one that nobody caught.
    fn check(&self) -> Result<()> {
        if self.lost.load(Ordering::SeqCst) {
            return Err(Error::Device(format!(
                "{} was lost (reset by the system, or unplugged); run again, with a smaller batch if it happens again",
                self.info.name
            )));
        }
        match self.failure.lock().ok().and_then(|mut failure| failure.take()) {
            Some(message) => Err(Error::Device(format!("{} failed: {message}", self.info.name))),
            None => Ok(()),
        }
    }

    fn wait(&self) -> Result<()> {
        self.device
            .poll(wgpu::PollType::wait_indefinitely())
            .map_err(|error| Error::Device(format!("{}: {error}", self.info.name)))?;
        self.check()
    }

    /// The pipeline of a kernel's variant, made at its first use.
    fn pipeline(
        &self,
        kernel: &'static Kernel,
        variant: usize,
    ) -> Result<Arc<wgpu::ComputePipeline>> {
        let key = (std::ptr::from_ref(kernel) as usize, variant);
        if let Some(pipeline) = self.pipelines.lock().map_err(|_| poisoned())?.get(&key) {
            return Ok(pipeline.clone());
        }
        // Made unlocked: several threads make different ones.
        let pipeline = Arc::new(self.make_pipeline(kernel, variant)?);
        let mut pipelines = self.pipelines.lock().map_err(|_| poisoned())?;
        Ok(pipelines.entry(key).or_insert(pipeline).clone())
    }

    /// Makes the pipelines that are not there yet, on all threads.
    fn make_pipelines(&self, wanted: impl Iterator<Item = (&'static Kernel, usize)>) -> Result<()> {
        let known = self.pipelines.lock().map_err(|_| poisoned())?;
        let mut missing: Vec<(&'static Kernel, usize)> = Vec::new();
        for (kernel, variant) in wanted {
            let is_listed = |&(k, v): &(&Kernel, usize)| std::ptr::eq(k, kernel) && v == variant;
            if !known.contains_key(&(std::ptr::from_ref(kernel) as usize, variant))
                && !missing.iter().any(is_listed)
            {
                missing.push((kernel, variant));
            }
        }
        drop(known);
        use rayon::prelude::*;
        missing
            .into_par_iter()
            .try_for_each(|(kernel, variant)| self.pipeline(kernel, variant).map(drop))
    }

    fn make_pipeline(
        &self,
        kernel: &'static Kernel,
        variant: usize,
    ) -> Result<wgpu::ComputePipeline> {
        let scope = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let mut source = kernel.variants[variant].source.concat();
        if self.params_in_storage() {
            source = source.replace("var<uniform> params", "var<storage, read> params");
        }
        let descriptor = wgpu::ShaderModuleDescriptor {
            label: Some(kernel.name),
            source: wgpu::ShaderSource::Wgsl(source.into()),
        };
        // SAFETY: the shaders are this crate's own. Each guards its indices by its parameters,
        // every index read from a buffer (ids, the order) was checked on the host when it was
        // written there, no loop is endless, and tests run each shader with all checks on.
        #[allow(unsafe_code)]
        let module = unsafe {
            let checks = if is_checked() {
                wgpu::ShaderRuntimeChecks::checked()
            } else {
                wgpu::ShaderRuntimeChecks::unchecked()
            };
            self.device.create_shader_module_trusted(descriptor, checks)
        };
        let entry = |binding: usize, ty| wgpu::BindGroupLayoutEntry {
            binding: binding as u32,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
            count: None,
        };
        let mut entries = vec![entry(
            0,
            match self.params_in_storage() {
                true => wgpu::BufferBindingType::Storage { read_only: true },
                false => wgpu::BufferBindingType::Uniform,
            },
        )];
        entries.extend(kernel.bindings.iter().enumerate().map(|(i, binding)| {
            let read_only = binding.access == Access::Read;
            entry(i + 1, wgpu::BufferBindingType::Storage { read_only })
        }));
        let group = self.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some(kernel.name),
            entries: &entries,
        });
        let layout = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(kernel.name),
            bind_group_layouts: &[Some(&group)],
            immediate_size: 0,
        });
        let pipeline = self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(kernel.name),
            layout: Some(&layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions {
                // Every kernel writes its workgroup memory before it reads it.
                zero_initialize_workgroup_memory: false,
                ..Default::default()
            },
            cache: self.cache.as_ref().map(|(cache, _)| cache),
        });
        if let Some(error) = pollster::block_on(scope.pop()) {
            return Err(Error::Device(format!(
                "the shader {} ({}) does not compile on {}: {error}",
                kernel.name, kernel.variants[variant].name, self.info.name
            )));
        }
        Ok(pipeline)
    }
}

impl Drop for Gpu {
    fn drop(&mut self) {
        self.tuner.save();
        if let Some((cache, file)) = &self.cache
            && let Some(bytes) = cache.get_data()
            && super::cache::read(file).is_none_or(|known| known != bytes)
        {
            super::cache::write(file, &bytes);
        }
    }
}

/// What is used where an adapter has it: timestamps for measuring, subgroups on software adapters, and
/// its compiled pipelines.
const WANTED: wgpu::Features = wgpu::Features::TIMESTAMP_QUERY
    .union(wgpu::Features::SUBGROUP)
    .union(wgpu::Features::PIPELINE_CACHE);

/// Opens the cache of compiled pipelines, with what earlier runs left in it; the file's name beside it.
fn open_cache(
    device: &wgpu::Device,
    info: &wgpu::AdapterInfo,
) -> Option<(wgpu::PipelineCache, String)> {
    if !device.features().contains(wgpu::Features::PIPELINE_CACHE) || !super::cache::is_on() {
        return None;
    }
    let file = format!("{}.pipelines", wgpu::util::pipeline_cache_key(info)?);
    let data = super::cache::read(&file);
    // SAFETY: the file holds what `get_data` gave, behind a checksum; wgpu and the driver check that
    // it is of this device and driver, and begin an empty cache where it is not.
    #[allow(unsafe_code)]
    let cache = unsafe {
        device.create_pipeline_cache(&wgpu::PipelineCacheDescriptor {
            label: Some("wgslearn"),
            data: data.as_deref(),
            fallback: true,
        })
    };
    Some((cache, file))
}

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
/// and parameters as uniforms on software adapters too, the form that real GPUs take.
fn is_checked() -> bool {
    std::env::var_os("WGSLEARN_CHECKED").is_some()
}

fn poisoned() -> Error {
    Error::Device("a thread failed while it made a pipeline; run again".into())
}

/// A dispatch with everything it needs.
struct Prepared {
    kernel: &'static Kernel,
    /// An index into the kernel's variants.
    variant: usize,
    pipeline: Arc<wgpu::ComputePipeline>,
    group: wgpu::BindGroup,
    workgroups: [u32; 3],
}

/// A program with its buffers, pipelines and bind groups on a GPU.
pub struct GpuExecutor {
    gpu: Arc<Gpu>,
    buffers: Vec<wgpu::Buffer>,
    routines: Vec<Vec<Prepared>>,
    /// Measured seconds of one step of each routine, 0 before the first.
    seconds: Vec<f64>,
    /// Bytes written since the last submission.
    unsubmitted: usize,
    /// For reading back; grown when needed.
    staging: Option<wgpu::Buffer>,
    host_time: HostTime,
}

impl Prepared {
    fn record(&self, pass: &mut wgpu::ComputePass<'_>) {
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.group, &[]);
        let [x, y, z] = self.workgroups;
        pass.dispatch_workgroups(x, y, z);
    }
}

impl std::fmt::Debug for GpuExecutor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "GpuExecutor({}, {} buffers)", self.gpu.name(), self.buffers.len())
    }
}

impl GpuExecutor {
    pub(super) fn new(gpu: Arc<Gpu>, program: &Program, variant: Option<&str>) -> Result<Self> {
        for buffer in &program.buffers {
            let bytes = buffer.len as u64 * 4;
            let limit = gpu.limits.max_buffer_size.min(gpu.limits.max_storage_buffer_binding_size);
            if bytes > limit {
                return Err(Error::Device(format!(
                    "the buffer {} needs {} MB, and one buffer of {} holds {} MB; take a smaller batch or model, or the device cpu",
                    buffer.name,
                    bytes / 1_000_000,
                    gpu.info.name,
                    limit / 1_000_000
                )));
            }
        }
        let scope = gpu.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let buffers: Vec<wgpu::Buffer> = program
            .buffers
            .iter()
            .map(|buffer| {
                gpu.device.create_buffer(&wgpu::BufferDescriptor {
                    label: Some(&buffer.name),
                    size: buffer.len as u64 * 4,
                    usage: wgpu::BufferUsages::STORAGE
                        | wgpu::BufferUsages::COPY_SRC
                        | wgpu::BufferUsages::COPY_DST,
                    mapped_at_creation: false,
                })
            })
            .collect();

        // Every dispatch's parameters lie in one buffer, each at its own aligned place.
        let alignment = gpu
            .limits
            .min_uniform_buffer_offset_alignment
            .max(gpu.limits.min_storage_buffer_offset_alignment);
        let stride = alignment.max(64) as usize;
        let dispatches = || program.routines.iter().flat_map(|routine| &routine.dispatches);
        let mut bytes = vec![0u8; (dispatches().count() * stride).max(stride)];
        for (dispatch, place) in dispatches().zip(bytes.chunks_exact_mut(stride)) {
            place[..dispatch.params.len()].copy_from_slice(&dispatch.params);
        }
        let params = gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("params"),
            size: bytes.len() as u64,
            usage: match gpu.params_in_storage() {
                true => wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST,
                false => wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            },
            mapped_at_creation: false,
        });
        if let Some(error) = pollster::block_on(scope.pop()) {
            return Err(Error::Device(format!(
                "the model and its batch need {} MB, more than {} has free ({error}); take a smaller batch or model, or the device cpu",
                program.bytes() / 1_000_000,
                gpu.info.name
            )));
        }
        gpu.queue.write_buffer(&params, 0, &bytes);

        let host_time = HostTime::default();
        let seconds = vec![0.0; program.routines.len()];
        let routines = Vec::new();
        let mut executor =
            Self { gpu, buffers, routines, seconds, unsubmitted: 0, staging: None, host_time };
        // Which variant each dispatch takes; then the pipelines, all at once; then the bind groups.
        let mut chosen = Vec::new();
        for (i, dispatch) in dispatches().enumerate() {
            chosen.push(executor.choose(dispatch, &params, (i * stride) as u64, variant)?);
        }
        executor.gpu.make_pipelines(dispatches().zip(&chosen).map(|(d, &i)| (d.kernel, i)))?;
        let mut place = 0..;
        for routine in &program.routines {
            let mut prepared = Vec::new();
            for (dispatch, place) in routine.dispatches.iter().zip(&mut place) {
                let offset = (place * stride) as u64;
                prepared.push(executor.bind(dispatch, chosen[place], &params, offset)?);
            }
            executor.routines.push(prepared);
        }
        executor.gpu.check()?;
        Ok(executor)
    }

    /// The variant of a dispatch's kernel: of this name, or the fastest, or by the kernel's rule.
    /// `params` has its parameters at `offset`.
    fn choose(
        &mut self,
        dispatch: &Dispatch,
        params: &wgpu::Buffer,
        offset: u64,
        name: Option<&str>,
    ) -> Result<usize> {
        let (kernel, adapter) = (dispatch.kernel, self.gpu.adapter_kind());
        let iterations = (kernel.loop_iterations)(&dispatch.params);
        if adapter != Adapter::Hardware && iterations > MAX_LOOP_ITERATIONS {
            return Err(Error::Device(format!(
                "{} would make {iterations} loop iterations, and {}, a software adapter, stops at {MAX_LOOP_ITERATIONS} with a \
                 wrong result; use the device cpu, smaller batches or shorter texts",
                kernel.name, self.gpu.info.name,
            )));
        }
        let requires_subgroup_8 = adapter == Adapter::Software { subgroup_8: true };
        let runs = |i: &usize| {
            let variant = &kernel.variants[*i];
            (variant.computes)(&dispatch.params)
                && (!variant.requires_subgroup_8 || requires_subgroup_8)
        };
        if let Some(name) = name {
            let named = kernel.variants.iter().position(|v| v.name == name).filter(runs);
            return Ok(named.unwrap_or_else(|| (kernel.choose)(&dispatch.params, adapter)));
        }
        let mut candidates = (kernel.candidates)(&dispatch.params, adapter);
        candidates.retain(runs);
        let gpu = self.gpu.clone();
        let mut failure = None;
        let fastest = gpu.tuner.choose(kernel, &dispatch.params, &candidates, &mut |candidate| {
            let seconds = self.measure(dispatch, candidate, params, offset);
            seconds.map_err(|error| failure = Some(error)).ok()
        });
        match failure {
            Some(error) => Err(error),
            None => Ok(fastest.unwrap_or_else(|| (kernel.choose)(&dispatch.params, adapter))),
        }
    }

    /// Seconds of a dispatch by one variant, over its own buffers, which hold zeros and do again.
    fn measure(
        &mut self,
        dispatch: &Dispatch,
        variant: usize,
        params: &wgpu::Buffer,
        offset: u64,
    ) -> Result<f64> {
        let prepared = self.bind(dispatch, variant, params, offset)?;
        self.routines.push(vec![prepared]);
        let routine = self.routines.len() - 1;
        let mut best = f64::MAX;
        let started = Instant::now();
        // The first compiles.
        for i in 0..4 {
            let seconds = self.run_alone(routine, 0)?;
            best = if i == 0 { best } else { best.min(seconds) };
            if i > 0 && started.elapsed() > Duration::from_millis(100) {
                break;
            }
        }
        self.routines.pop();
        let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
        for (span, binding) in dispatch.bindings.iter().zip(dispatch.kernel.bindings) {
            if binding.access == Access::Write {
                let (offset, size) = (span.offset as u64 * 4, span.len as u64 * 4);
                encoder.clear_buffer(&self.buffers[span.buffer.0], offset, Some(size));
            }
        }
        self.gpu.queue.submit([encoder.finish()]);
        self.gpu.check()?;
        Ok(best)
    }

    /// A dispatch with its pipeline and bind group.
    fn bind(
        &self,
        dispatch: &Dispatch,
        variant: usize,
        params: &wgpu::Buffer,
        offset: u64,
    ) -> Result<Prepared> {
        let kernel = dispatch.kernel;
        let pipeline = self.gpu.pipeline(kernel, variant)?;
        let binding = |binding: usize, buffer, offset: u64, bytes: u64| wgpu::BindGroupEntry {
            binding: binding as u32,
            resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                buffer,
                offset,
                size: std::num::NonZero::new(bytes),
            }),
        };
        let mut entries = vec![binding(0, params, offset, dispatch.params.len() as u64)];
        entries.extend(dispatch.bindings.iter().enumerate().map(|(i, span)| {
            let buffer = &self.buffers[span.buffer.0];
            binding(i + 1, buffer, span.offset as u64 * 4, span.len as u64 * 4)
        }));
        let group = self.gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(kernel.name),
            layout: &pipeline.get_bind_group_layout(0),
            entries: &entries,
        });
        let workgroups = (kernel.variants[variant].workgroups)(&dispatch.params);
        Ok(Prepared { kernel, variant, pipeline, group, workgroups })
    }
    fn write(&mut self, span: Span, bytes: &[u8]) -> Result<()> {
        let started = Instant::now();
        for (i, piece) in bytes.chunks(WRITE).enumerate() {
            let offset = span.offset as u64 * 4 + (i * WRITE) as u64;
            self.gpu.queue.write_buffer(&self.buffers[span.buffer.0], offset, piece);
            // What was written waits in memory of its own until it is submitted.
            self.unsubmitted += piece.len();
            if self.unsubmitted >= WRITE {
                self.gpu.queue.submit([]);
                self.gpu.wait()?;
                self.unsubmitted = 0;
            }
        }
        self.host_time.writing += started.elapsed().as_secs_f64();
        self.gpu.check()
    }

    fn read<T: bytemuck::Pod>(&mut self, span: Span) -> Result<Vec<T>> {
        let started = Instant::now();
        let buffer = self.buffers[span.buffer.0].clone();
        let elements = self.read_buffer(&buffer, span.offset as u64 * 4, span.len);
        self.host_time.reading += started.elapsed().as_secs_f64();
        elements
    }

    /// Reads `count` elements of a buffer, in pieces of at most 16 MiB.
    fn read_buffer<T: bytemuck::Pod>(
        &mut self,
        source: &wgpu::Buffer,
        offset: u64,
        count: usize,
    ) -> Result<Vec<T>> {
        const PIECE: u64 = 16 << 20;
        let each = size_of::<T>() as u64;
        let total = count as u64 * each;
        let mut elements: Vec<T> = Vec::with_capacity(count);
        while (elements.len() as u64) * each < total {
            let start = elements.len() as u64 * each;
            let size = PIECE.min(total - start);
            if self.staging.as_ref().is_none_or(|staging| staging.size() < size) {
                self.staging = Some(self.gpu.device.create_buffer(&wgpu::BufferDescriptor {
                    label: Some("staging"),
                    size,
                    usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
                    mapped_at_creation: false,
                }));
            }
            let Some(staging) = &self.staging else { return Ok(elements) };
            let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
            encoder.copy_buffer_to_buffer(source, offset + start, staging, 0, size);
            self.gpu.queue.submit([encoder.finish()]);
            let slice = staging.slice(..size);
            // The callback may run in another thread's poll of the same device, so it is waited
            // for by itself.
            let (done, mapped) = std::sync::mpsc::channel();
            slice.map_async(wgpu::MapMode::Read, move |result| {
                // Nobody listens any more only where this function has returned an error.
                let _ = done.send(result.is_ok());
            });
            let is_mapped = loop {
                self.gpu.wait()?;
                match mapped.recv_timeout(Duration::from_millis(20)) {
                    Ok(is_mapped) => break is_mapped,
                    Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
                    Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break false,
                }
            };
            let view = slice.get_mapped_range().ok().filter(|_| is_mapped).ok_or_else(|| {
                Error::Device(format!("{} did not give its results back", self.gpu.info.name))
            })?;
            elements.extend_from_slice(&bytemuck::pod_collect_to_vec(&view));
            drop(view);
            staging.unmap();
        }
        Ok(elements)
    }

    /// Runs the routines in order, to the end; returns the device's seconds where `clock` is given.
    fn submit(&mut self, runs: &[Run], clock: Option<&Clock>) -> Result<f64> {
        let mut total = 0.0;
        let mut queue: Vec<Run> = runs.iter().rev().copied().filter(|run| run.times > 0).collect();
        while !queue.is_empty() {
            let started = Instant::now();
            let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
            let timestamp_writes = clock.map(|clock| clock.writes(0));
            let descriptor = wgpu::ComputePassDescriptor { label: None, timestamp_writes };
            let mut pass = encoder.begin_compute_pass(&descriptor);
            let (mut budget, mut dispatches) = (SUBMISSION.as_secs_f64(), 0);
            let mut packed: Vec<Run> = Vec::new();
            while let Some(run) = queue.last_mut() {
                let routine = run.routine.0;
                let steps = &self.routines[routine];
                // Unmeasured: one step at first, whatever it may take.
                let each = self.seconds[routine];
                let fit = if each > 0.0 { (budget / each) as usize } else { 1 };
                let room = (MAX_DISPATCHES - dispatches) / steps.len().max(1);
                let times = run.times.min(fit).min(room);
                let times = if packed.is_empty() { times.max(1) } else { times };
                for _ in 0..times {
                    for step in steps {
                        step.record(&mut pass);
                    }
                }
                if times > 0 {
                    packed.push(Run { routine: run.routine, times });
                }
                dispatches += times * steps.len();
                budget -= times as f64 * each.max(1e-9);
                run.times -= times;
                if run.times > 0 || each == 0.0 {
                    if run.times == 0 {
                        queue.pop();
                    }
                    break;
                }
                queue.pop();
            }
            drop(pass);
            if let Some(clock) = clock {
                clock.resolve(1, &mut encoder);
            }
            self.gpu.queue.submit([encoder.finish()]);
            self.host_time.recording += started.elapsed().as_secs_f64();
            let submitted = Instant::now();
            self.gpu.wait()?;
            self.host_time.waiting += submitted.elapsed().as_secs_f64();
            if let Some(clock) = clock {
                total += self.passes(clock, 1)?.iter().sum::<f64>();
            }
            // One routine alone in the submission gives its time; several share none.
            if let [only] = packed[..] {
                let seconds = started.elapsed().as_secs_f64() / only.times as f64;
                let known = &mut self.seconds[only.routine.0];
                *known = if *known == 0.0 { seconds } else { 0.5 * (*known + seconds) };
            }
        }
        Ok(total)
    }
}

/// Timestamps of passes.
struct Clock {
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
}

impl Clock {
    /// Passes that one clock times.
    const PASSES: u32 = 64;

    /// None where the adapter has no timestamps.
    fn new(gpu: &Gpu) -> Option<Clock> {
        gpu.device.features().contains(wgpu::Features::TIMESTAMP_QUERY).then(|| Clock {
            queries: gpu.device.create_query_set(&wgpu::QuerySetDescriptor {
                label: Some("clock"),
                ty: wgpu::QueryType::Timestamp,
                count: 2 * Self::PASSES,
            }),
            resolved: gpu.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("clock"),
                size: 16 * Self::PASSES as u64,
                usage: wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC,
                mapped_at_creation: false,
            }),
        })
    }

    /// For a pass: times are taken at its begin and end.
    fn writes(&self, pass: u32) -> wgpu::ComputePassTimestampWrites<'_> {
        wgpu::ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: Some(2 * pass),
            end_of_pass_write_index: Some(2 * pass + 1),
        }
    }

    /// Recorded behind the passes.
    fn resolve(&self, passes: u32, encoder: &mut wgpu::CommandEncoder) {
        encoder.resolve_query_set(&self.queries, 0..2 * passes, &self.resolved, 0);
    }
}

impl GpuExecutor {
    /// Seconds of the first passes that a clock timed.
    fn passes(&mut self, clock: &Clock, passes: usize) -> Result<Vec<f64>> {
        let period = self.gpu.queue.get_timestamp_period() as f64 * 1e-9;
        let ticks: Vec<u64> = self.read_buffer(&clock.resolved, 0, 2 * passes)?;
        let seconds = |pair: &[u64]| pair[1].saturating_sub(pair[0]) as f64 * period;
        Ok(ticks.chunks_exact(2).map(seconds).collect())
    }

    /// Runs one dispatch alone and waits for it: how adapters without timestamps are timed.
    fn run_alone(&mut self, routine: usize, dispatch: usize) -> Result<f64> {
        let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
        self.routines[routine][dispatch]
            .record(&mut encoder.begin_compute_pass(&Default::default()));
        let started = Instant::now();
        self.gpu.queue.submit([encoder.finish()]);
        self.gpu.wait()?;
        Ok(started.elapsed().as_secs_f64())
    }
}

impl Executor for GpuExecutor {
    fn write_f32(&mut self, span: Span, values: &[f32]) -> Result<()> {
        self.write(span, bytemuck::cast_slice(values))
    }

    fn write_u32(&mut self, span: Span, values: &[u32]) -> Result<()> {
        self.write(span, bytemuck::cast_slice(values))
    }

    fn read_f32(&mut self, span: Span) -> Result<Vec<f32>> {
        self.read(span)
    }

    fn read_u32(&mut self, span: Span) -> Result<Vec<u32>> {
        self.read(span)
    }

    fn copy(&mut self, from: Span, to: Span) -> Result<()> {
        let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(
            &self.buffers[from.buffer.0],
            from.offset as u64 * 4,
            &self.buffers[to.buffer.0],
            to.offset as u64 * 4,
            from.len as u64 * 4,
        );
        self.gpu.queue.submit([encoder.finish()]);
        self.gpu.check()
    }

    fn run(&mut self, runs: &[Run]) -> Result<()> {
        self.submit(runs, None)?;
        Ok(())
    }

    fn time(&mut self, routine: RoutineId, times: usize) -> Result<f64> {
        let runs = [Run { routine, times }];
        match Clock::new(&self.gpu) {
            Some(clock) => self.submit(&runs, Some(&clock)),
            None => {
                let started = Instant::now();
                self.submit(&runs, None)?;
                Ok(started.elapsed().as_secs_f64())
            }
        }
    }

    fn profile(&mut self, routine: RoutineId, times: usize) -> Result<Vec<Timing>> {
        let count = self.routines[routine.0].len();
        let mut seconds = vec![Vec::with_capacity(times); count];
        let clock = Clock::new(&self.gpu);
        let all: Vec<usize> = (0..count).collect();
        for _ in 0..times {
            for some in all.chunks(Clock::PASSES as usize) {
                let Some(clock) = &clock else {
                    for &i in some {
                        seconds[i].push(self.run_alone(routine.0, i)?);
                    }
                    continue;
                };
                let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
                for (pass, &i) in some.iter().enumerate() {
                    let descriptor = wgpu::ComputePassDescriptor {
                        label: None,
                        timestamp_writes: Some(clock.writes(pass as u32)),
                    };
                    self.routines[routine.0][i]
                        .record(&mut encoder.begin_compute_pass(&descriptor));
                }
                clock.resolve(some.len() as u32, &mut encoder);
                self.gpu.queue.submit([encoder.finish()]);
                self.gpu.wait()?;
                for (&i, taken) in some.iter().zip(self.passes(clock, some.len())?) {
                    seconds[i].push(taken);
                }
            }
        }
        let timing = |(step, seconds): (&Prepared, _)| Timing {
            kernel: step.kernel.name,
            variant: step.kernel.variants[step.variant].name,
            seconds: median(seconds),
        };
        Ok(self.routines[routine.0].iter().zip(seconds).map(timing).collect())
    }

    fn host_time(&self) -> HostTime {
        self.host_time
    }
}
