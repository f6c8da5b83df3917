//! Devices: which there are, and how one is chosen.
//!
//! A selector is `auto` (a discrete GPU, else an integrated or virtual one, else the CPU
//! backend; a software adapter is never picked by itself, since the CPU backend is faster),
//! `gpu` (the best adapter, software ones included), `cpu` (the CPU backend), an index of
//! `wgslearn devices`, or a part of an adapter's name. `auto` and `gpu` obey wgpu's
//! `WGPU_ADAPTER_NAME` and `WGPU_BACKEND`.
//!
//! Before `auto` takes an adapter for the first time, it runs a short check (`check.rs`), whose outcome is remembered by
//! adapter, driver and version; one that computes wrong is passed over for the CPU backend, and `Device::warning` says so.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::faults::{Fault, Faults};
use super::gpu::{self, GpuExecutor, Pipelines};
use super::{CpuExecutor, Executor, cache, check, memory_info};
use crate::error::{DeviceFault, Error, Result};
use crate::kernels::{Adapter, BufferId, simd};
use crate::program::Program;

/// A kind of device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceKind {
    /// A wgpu adapter.
    Gpu,
    /// The references on this process's threads.
    Cpu,
}

impl DeviceKind {
    /// "gpu" or "cpu".
    pub fn name(self) -> &'static str {
        match self {
            DeviceKind::Gpu => "gpu",
            DeviceKind::Cpu => "cpu",
        }
    }
}

/// Something that runs programs. Cheap to clone; clones share the adapter and its pipelines, and, where it was lost and
/// a run opened a new one in its place, that one.
#[derive(Clone, Debug)]
pub struct Device {
    inner: Inner,
    /// What should be known of how it was chosen.
    warning: Option<Arc<str>>,
}

#[derive(Clone, Debug)]
enum Inner {
    Gpu(Arc<Shared>),
    Cpu,
}

/// An open adapter that another may take the place of.
#[derive(Debug)]
struct Shared(RwLock<Arc<Pipelines>>);

impl Shared {
    /// The adapter as it is open now.
    fn pipelines(&self) -> Arc<Pipelines> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// One adapter, as `wgslearn devices` shows it.
#[derive(Clone, Debug)]
pub struct AdapterInfo {
    /// The driver's name for it.
    pub name: String,
    /// Vulkan, Metal, DX12 or OpenGL.
    pub api: String,
    /// Discrete, integrated, virtual or software.
    pub class: &'static str,
    /// The driver and its version.
    pub driver: String,
    /// Largest storage binding in bytes.
    pub max_binding_bytes: u64,
    /// Largest buffer in bytes.
    pub max_buffer_bytes: u64,
}

/// Every adapter that wgpu finds, in the order of their indices.
pub fn list_adapters() -> Vec<AdapterInfo> {
    gpu::adapters()
        .iter()
        .map(|adapter| {
            let (info, limits) = (adapter.get_info(), adapter.limits());
            AdapterInfo {
                name: info.name.clone(),
                api: format!("{:?}", info.backend),
                class: gpu::class(&info),
                driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
                max_binding_bytes: limits.max_storage_buffer_binding_size,
                max_buffer_bytes: limits.max_buffer_size,
            }
        })
        .collect()
}

impl Device {
    /// The CPU backend, by the widest vectors that the processor has, or those that the environment variable
    /// `WGSLEARN_SIMD` names (`avx512`, `avx2`, `neon`, `baseline`).
    pub fn cpu() -> Device {
        Device { inner: Inner::Cpu, warning: None }
    }

    /// Opens the device that `selector` names: `auto`, `gpu`, `cpu`, an index, or a part of a name.
    ///
    /// ```
    /// use wgslearn::Device;
    ///
    /// let device = Device::open("cpu")?;
    /// assert_eq!(device.kind().name(), "cpu");
    /// assert!(Device::open("no such adapter").is_err());
    /// # Ok::<(), wgslearn::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Usage`] when nothing has that name or index, with the list of what there is;
    /// [`Error::Device`] when there is no adapter for `gpu`, or it refuses to open.
    pub fn open(selector: &str) -> Result<Device> {
        let device = Device::open_unchecked(selector)?;
        if !selector.trim().eq_ignore_ascii_case("auto") || device.kind() == DeviceKind::Cpu {
            return Ok(device);
        }
        Ok(device.or_cpu(&|program| device.prepare(program), "checks.json"))
    }

    /// As [`Device::open`], without the check of what `auto` takes: to look closer at an adapter that computes wrong.
    ///
    /// # Errors
    /// As [`Device::open`]'s.
    #[doc(hidden)]
    pub fn open_unchecked(selector: &str) -> Result<Device> {
        Device::open_with(selector, Faults::default())
    }

    fn open_with(selector: &str, faults: Faults) -> Result<Device> {
        let wanted = selector.trim().to_lowercase();
        if wanted == "cpu" {
            return Device::open_cpu();
        }
        let mut adapters = gpu::adapters();
        let names: Vec<String> = adapters.iter().map(|a| a.get_info().name).collect();
        if wanted == "auto" || wanted == "gpu" {
            let by_name = std::env::var("WGPU_ADAPTER_NAME").ok().map(|name| name.to_lowercase());
            let mut ranked: Vec<usize> = (0..adapters.len())
                .filter(|&i| match &by_name {
                    Some(name) => names[i].to_lowercase().contains(name),
                    None => wanted == "gpu" || gpu::class(&adapters[i].get_info()) != "software",
                })
                .collect();
            if let (Some(name), true) = (&by_name, ranked.is_empty()) {
                return Err(Error::usage(format!(
                    "WGPU_ADAPTER_NAME is \"{name}\", which no adapter's name contains; {}",
                    known(&names)
                )));
            }
            ranked.sort_by_key(|&i| gpu::rank(&adapters[i].get_info()));
            return match ranked.first() {
                Some(&i) => Device::of(adapters.swap_remove(i), faults),
                None if wanted == "auto" => Device::open_cpu(),
                None => Err(Error::Device(format!("no GPU adapter was found. {NO_ADAPTER_HELP}"))),
            };
        }
        let chosen = match wanted.parse::<usize>() {
            Ok(index) => (index < adapters.len()).then_some(index),
            Err(_) => names.iter().position(|name| name.to_lowercase().contains(&wanted)),
        };
        match chosen {
            Some(i) => Device::of(adapters.swap_remove(i), faults),
            None => {
                Err(Error::usage(format!("no device is called \"{selector}\"; {}", known(&names))))
            }
        }
    }

    fn open_cpu() -> Result<Device> {
        match simd::refused() {
            Some(why) => Err(Error::usage(why)),
            None => Ok(Device::cpu()),
        }
    }

    fn of(adapter: wgpu::Adapter, faults: Faults) -> Result<Device> {
        let pipelines = Arc::new(Pipelines::open(adapter, Arc::new(faults))?);
        let inner = Inner::Gpu(Arc::new(Shared(RwLock::new(pipelines))));
        Ok(Device { inner, warning: None })
    }

    /// The open adapter.
    fn pipelines(&self) -> Option<Arc<Pipelines>> {
        match &self.inner {
            Inner::Gpu(shared) => Some(shared.pipelines()),
            Inner::Cpu => None,
        }
    }

    /// Opens a new device of the same adapter in place of one that is gone, for all clones; where another thread did so
    /// already, that one is taken.
    ///
    /// # Errors
    /// [`Error::Device`] when the adapter is not there any more or cannot be opened.
    pub(crate) fn reopen(&self) -> Result<()> {
        let Inner::Gpu(shared) = &self.inner else { return Ok(()) };
        let mut place = shared.0.write().unwrap_or_else(PoisonError::into_inner);
        if place.gpu.health.is_gone() {
            *place = Arc::new(place.reopen()?);
        }
        Ok(())
    }

    /// The adapter itself where it computes right, by what is remembered of it or else by a short check that `prepare`
    /// makes the program for; the CPU backend with a warning where it does not. `file` of the cache remembers it. Another
    /// `prepare` and `file` are for tests.
    fn or_cpu(
        &self,
        prepare: &dyn Fn(&Program) -> Result<Box<dyn Executor>>,
        file: &str,
    ) -> Device {
        let Some(pipelines) = self.pipelines() else { return self.clone() };
        let key = gpu::key(&pipelines.gpu.info);
        let read = || -> BTreeMap<String, Option<String>> {
            cache::read(file)
                .and_then(|bytes| serde_json::from_slice(&bytes).ok())
                .unwrap_or_default()
        };
        let wrong = match read().remove(&key) {
            Some(known) => known,
            None => {
                let outcome = check::gap_of_device(prepare);
                let wrong = check::wrong(&self.name(), &outcome);
                // What failed outright may run the next time.
                if outcome.is_ok() {
                    let mut all = read();
                    all.insert(key, wrong.clone());
                    if let Ok(json) = serde_json::to_vec(&all) {
                        cache::write(file, &json);
                    }
                }
                wrong
            }
        };
        let Some(wrong) = wrong else { return self.clone() };
        let warning = format!(
            "{wrong}, so the CPU backend is used; another driver may help. To use the adapter nevertheless, name it as the device"
        );
        Device { inner: Inner::Cpu, warning: Some(warning.into()) }
    }

    /// What should be known of how the device was chosen: that an adapter was passed over, and why.
    pub fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }

    /// GPU or CPU.
    pub fn kind(&self) -> DeviceKind {
        match self.inner {
            Inner::Gpu(_) => DeviceKind::Gpu,
            Inner::Cpu => DeviceKind::Cpu,
        }
    }

    /// Its name: the adapter's and its API, or the number of threads and the vectors of the CPU backend.
    pub fn name(&self) -> String {
        match &self.inner {
            Inner::Gpu(shared) => shared.pipelines().gpu.name(),
            Inner::Cpu => {
                let (threads, form) = (crate::kernels::team::threads(), simd::form().name());
                format!("CPU backend, {threads} threads, {form}")
            }
        }
    }

    /// Largest number of elements that one binding can hold.
    pub fn max_binding_elements(&self) -> usize {
        match &self.inner {
            Inner::Gpu(shared) => shared.pipelines().gpu.max_binding_elements(),
            // Kernels index with 32 bits.
            Inner::Cpu => 1 << 31,
        }
    }

    /// Bytes that a program's buffers can take at most, where that can be told: a Vulkan card's own memory, or, for the
    /// CPU backend and software adapters on Linux, what is free. Where it is not known, nothing is checked before
    /// buffers are made.
    pub fn memory(&self) -> Option<u64> {
        match &self.inner {
            Inner::Gpu(shared) => {
                let gpu = &shared.pipelines().gpu;
                gpu.faults.memory().or_else(|| gpu.memory())
            }
            Inner::Cpu => memory_info::free_memory(),
        }
    }

    /// Whether its buffers lie in the machine's own memory: the CPU backend's and a software adapter's.
    pub(crate) fn shares_memory(&self) -> bool {
        match &self.inner {
            Inner::Gpu(shared) => {
                matches!(shared.pipelines().gpu.adapter_kind(), Adapter::Software { .. })
            }
            Inner::Cpu => true,
        }
    }

    /// An error if buffers of `needed` bytes do not fit. Small ones are not asked about: to learn
    /// the free memory takes longer than they run.
    ///
    /// # Errors
    /// [`Error::Fault`] says what is needed and what there is.
    pub fn check_memory(&self, needed: u64) -> Result<()> {
        const SMALL: u64 = 64 << 20;
        let asks =
            needed > SMALL || self.pipelines().is_some_and(|p| p.gpu.faults.memory().is_some());
        match asks.then(|| self.memory()).flatten() {
            Some(free) if needed > free => Err(Error::Fault(DeviceFault::OutOfMemory {
                device: self.name(),
                what: "the model, its optimizer and its batch".into(),
                needed: Some(needed),
                free: Some(free),
            })),
            _ => Ok(()),
        }
    }

    /// Makes a program's buffers on the device, and what it needs to run it.
    ///
    /// # Errors
    /// [`Error::Device`] when the buffers do not fit, a shader does not compile, or a dispatch is larger than the
    /// adapter takes; [`Error::Model`] where the program is not sound.
    pub fn prepare(&self, program: &Program) -> Result<Box<dyn Executor>> {
        self.prepare_sharing(program, &[])
    }

    /// As [`Device::prepare`]; these buffers, which no dispatch writes, can be read by forks too ([`Executor::fork`]).
    ///
    /// # Errors
    /// As [`Device::prepare`].
    pub fn prepare_sharing(
        &self,
        program: &Program,
        shared: &[BufferId],
    ) -> Result<Box<dyn Executor>> {
        self.check_memory(program.bytes())?;
        Ok(match &self.inner {
            Inner::Gpu(of) => Box::new(GpuExecutor::sharing(of.pipelines(), program, shared)?),
            Inner::Cpu => Box::new(CpuExecutor::<f32>::sharing(program, shared)?),
        })
    }

    /// Takes the device for lost from now on, as if the system had reset it; the CPU backend cannot be. For tests.
    #[doc(hidden)]
    pub fn lose(&self) {
        if let Some(pipelines) = self.pipelines() {
            pipelines.gpu.health.lose("a test asked for it");
        }
    }

    /// As [`Device::open`] of `gpu`, with the lowest limits that WebGPU allows, but for bindings, which hold so many bytes
    /// (WebGPU promises 128 MiB). For tests.
    ///
    /// # Errors
    /// As [`Device::open`].
    #[cfg(feature = "unstable")]
    #[doc(hidden)]
    pub fn open_limited(binding_bytes: u64) -> Result<Device> {
        let limits = wgpu::Limits {
            max_storage_buffer_binding_size: binding_bytes,
            ..wgpu::Limits::default()
        };
        Device::open_with("gpu", Faults::with_limits(limits))
    }

    /// Lets a fault happen `behind` submissions from now, on this device or one that took its place. For tests.
    #[cfg(feature = "unstable")]
    #[doc(hidden)]
    pub fn inject(&self, behind: u64, fault: Fault) {
        if let Some(pipelines) = self.pipelines() {
            pipelines.gpu.faults.plan(behind, fault);
        }
    }

    /// Submissions so far. For tests.
    #[cfg(feature = "unstable")]
    #[doc(hidden)]
    pub fn submissions(&self) -> u64 {
        self.pipelines().map_or(0, |pipelines| pipelines.gpu.faults.submissions())
    }

    /// Lets programs of more than so many bytes find no memory; 0 lets all. For tests.
    #[cfg(feature = "unstable")]
    #[doc(hidden)]
    pub fn inject_memory(&self, bytes: u64) {
        if let Some(pipelines) = self.pipelines() {
            pipelines.gpu.faults.set_memory(bytes);
        }
    }

    /// An adapter's choices among kernels' variants so far, of this run and those before.
    #[cfg(feature = "unstable")]
    pub(crate) fn tuned(&self) -> Vec<super::TunedChoice> {
        match &self.inner {
            Inner::Gpu(shared) => shared.pipelines().tuner.choices(),
            Inner::Cpu => Vec::new(),
        }
    }

    /// Whether an adapter is emulated by the CPU, which some variants are for.
    #[cfg(feature = "unstable")]
    pub(crate) fn adapter_kind(&self) -> Option<Adapter> {
        match &self.inner {
            Inner::Gpu(shared) => Some(shared.pipelines().gpu.adapter_kind()),
            Inner::Cpu => None,
        }
    }

    /// Whether it is an adapter whose subgroups are all of eight invocations, which some variants need. For tests.
    #[doc(hidden)]
    pub fn has_subgroup_8(&self) -> bool {
        match &self.inner {
            Inner::Gpu(shared) => {
                shared.pipelines().gpu.adapter_kind() == Adapter::Software { subgroup_8: true }
            }
            Inner::Cpu => false,
        }
    }

    /// As [`Device::prepare`], but every dispatch by its kernel's variant of this name. For tests.
    ///
    /// # Errors
    /// Also where a kernel has no such variant, or it does not compute a dispatch on this adapter.
    #[doc(hidden)]
    pub fn prepare_variant(&self, program: &Program, variant: &str) -> Result<Box<dyn Executor>> {
        Ok(match &self.inner {
            Inner::Gpu(shared) => {
                Box::new(GpuExecutor::new(shared.pipelines(), program, Some(variant))?)
            }
            Inner::Cpu => Box::new(CpuExecutor::<f32>::new(program)?),
        })
    }
}

/// How to get an adapter, for messages.
pub(crate) const NO_ADAPTER_HELP: &str = "Install your GPU's Vulkan driver; without a GPU, \
    Debian and Ubuntu have a software adapter (apt-get install mesa-vulkan-drivers). \
    The device cpu needs none.";

fn known(names: &[String]) -> String {
    let mut list = String::from("there are auto, gpu, cpu");
    for (i, name) in names.iter().enumerate() {
        list += &format!(", {i} ({name})");
    }
    list
}

/// What to tell somebody who runs without a GPU.
pub fn no_gpu_note() -> String {
    format!("No GPU was found, so `auto` means the CPU backend. {NO_ADAPTER_HELP}")
}

#[cfg(test)]
mod tests {
    use super::super::tests::Tampered;
    use super::*;

    #[test]
    fn an_adapter_that_computes_wrong_is_passed_over_and_remembered() {
        let adapter = Device::open("gpu").expect("these tests need an adapter, software or real");
        let file = format!("checks-of-test-{}.json", std::process::id());
        let path = super::super::cache_folder().map(|folder| folder.join(&file));
        let right: &dyn Fn(&Program) -> _ = &|program| adapter.prepare(program);
        let never: &dyn Fn(&Program) -> _ = &|_| panic!("it is remembered");
        let wrong: &dyn Fn(&Program) -> Result<Box<dyn Executor>> =
            &|program| Ok(Box::new(Tampered(adapter.prepare(program)?)));
        let fails: &dyn Fn(&Program) -> _ = &|_| Err(Error::Device("no shader compiles".into()));
        let forget = || path.iter().for_each(|path| drop(std::fs::remove_file(path)));

        // What fails outright is not remembered: it may run the next time.
        let device = adapter.or_cpu(fails, &file);
        assert_eq!(device.kind(), DeviceKind::Cpu);
        assert!(device.warning().is_some_and(|said| said.contains("no shader compiles")));

        let device = adapter.or_cpu(right, &file);
        assert_eq!((device.kind(), device.warning()), (DeviceKind::Gpu, None));
        if path.is_some() {
            assert_eq!(adapter.or_cpu(never, &file).kind(), DeviceKind::Gpu);
        }
        forget();
        let said = |device: &Device| device.warning().unwrap_or_default().to_owned();
        let device = adapter.or_cpu(wrong, &file);
        assert_eq!(device.kind(), DeviceKind::Cpu);
        assert!(said(&device).contains("computes wrong"), "{}", said(&device));
        assert!(said(&device).contains(&adapter.name()), "{}", said(&device));
        if path.is_some() {
            assert_eq!(said(&adapter.or_cpu(never, &file)), said(&device));
        }
        forget();
    }
}
