//! Devices: which there are, and how one is chosen.
//!
//! A selector is `auto` (a discrete GPU, else an integrated or virtual one, else the CPU
//! backend; a software adapter is never picked by itself, since the CPU backend is faster),
//! `gpu` (the best adapter, software ones included), `cpu` (the CPU backend), an index of
//! `wgslearn devices`, or a part of an adapter's name. `auto` and `gpu` obey wgpu's
//! `WGPU_ADAPTER_NAME` and `WGPU_BACKEND`.

use std::sync::Arc;

use super::gpu::{self, GpuExecutor, Pipelines};
use super::memory_info;
use super::{CpuExecutor, Executor};
use crate::error::{Error, Result};
use crate::kernels::{Adapter, simd};
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

/// Something that runs programs. Cheap to clone; clones share the adapter and its pipelines.
#[derive(Clone, Debug)]
pub struct Device {
    inner: Inner,
}

#[derive(Clone, Debug)]
enum Inner {
    Gpu(Arc<Pipelines>),
    Cpu,
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
        Device { inner: Inner::Cpu }
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
                Some(&i) => Device::from_adapter(adapters.swap_remove(i)),
                None if wanted == "auto" => Device::open_cpu(),
                None => Err(Error::Device(format!("no GPU adapter was found. {NO_ADAPTER_HELP}"))),
            };
        }
        let chosen = match wanted.parse::<usize>() {
            Ok(index) => (index < adapters.len()).then_some(index),
            Err(_) => names.iter().position(|name| name.to_lowercase().contains(&wanted)),
        };
        match chosen {
            Some(i) => Device::from_adapter(adapters.swap_remove(i)),
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

    fn from_adapter(adapter: wgpu::Adapter) -> Result<Device> {
        Ok(Device { inner: Inner::Gpu(Arc::new(Pipelines::open(adapter)?)) })
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
            Inner::Gpu(pipelines) => pipelines.gpu.name(),
            Inner::Cpu => {
                let (threads, form) = (rayon::current_num_threads(), simd::form().name());
                format!("CPU backend, {threads} threads, {form}")
            }
        }
    }

    /// Largest number of elements that one binding can hold.
    pub fn max_binding_elements(&self) -> usize {
        match &self.inner {
            Inner::Gpu(pipelines) => pipelines.gpu.max_binding_elements(),
            // Kernels index with 32 bits.
            Inner::Cpu => 1 << 31,
        }
    }

    /// Bytes that a program's buffers can take at most, where that can be told: a Vulkan card's own memory, or, for the
    /// CPU backend and software adapters on Linux, what is free. Where it is not known, nothing is checked before
    /// buffers are made.
    pub fn memory(&self) -> Option<u64> {
        match &self.inner {
            Inner::Gpu(pipelines) => pipelines.gpu.memory(),
            Inner::Cpu => memory_info::free_memory(),
        }
    }

    /// Whether its buffers lie in the machine's own memory: the CPU backend's and a software adapter's.
    pub(crate) fn shares_memory(&self) -> bool {
        match &self.inner {
            Inner::Gpu(pipelines) => {
                matches!(pipelines.gpu.adapter_kind(), Adapter::Software { .. })
            }
            Inner::Cpu => true,
        }
    }

    /// An error if buffers of `needed` bytes do not fit. Small ones are not asked about: to learn
    /// the free memory takes longer than they run.
    ///
    /// # Errors
    /// [`Error::Device`] says what is needed and what there is.
    pub fn check_memory(&self, needed: u64) -> Result<()> {
        const SMALL: u64 = 64 << 20;
        match (needed > SMALL).then(|| self.memory()).flatten() {
            Some(free) if needed > free => Err(Error::Device(format!(
                "the model, its optimizer and its batch need {} MB, but {} has {} MB free; give it fewer units, a smaller batch, or a device with more memory",
                needed / 1_000_000,
                self.name(),
                free / 1_000_000
            ))),
            _ => Ok(()),
        }
    }

    /// Makes a program's buffers on the device, and what it needs to run it.
    ///
    /// # Errors
    /// [`Error::Device`] when the buffers do not fit, a shader does not compile, or a dispatch is larger than the
    /// adapter takes; [`Error::Model`] where the program is not sound.
    pub fn prepare(&self, program: &Program) -> Result<Box<dyn Executor>> {
        self.check_memory(program.bytes())?;
        Ok(match &self.inner {
            Inner::Gpu(pipelines) => Box::new(GpuExecutor::new(pipelines.clone(), program, None)?),
            Inner::Cpu => Box::new(CpuExecutor::<f32>::new(program)?),
        })
    }

    /// Takes the device for lost from now on, as if the system had reset it; the CPU backend cannot be. For tests.
    #[doc(hidden)]
    pub fn lose(&self) {
        if let Inner::Gpu(pipelines) = &self.inner {
            pipelines.gpu.health.lose();
        }
    }

    /// Whether it is an adapter whose subgroups are all of eight invocations, which some variants need. For tests.
    #[doc(hidden)]
    pub fn has_subgroup_8(&self) -> bool {
        match &self.inner {
            Inner::Gpu(pipelines) => {
                pipelines.gpu.adapter_kind() == Adapter::Software { subgroup_8: true }
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
            Inner::Gpu(pipelines) => Box::new(GpuExecutor::new(pipelines.clone(), program, Some(variant))?),
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
