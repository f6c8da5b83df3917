//! Compiled kernels: the pipeline of every variant that was asked for, each made once, and from the driver's own
//! cache where it has one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::super::cache;
use super::super::faults::Faults;
use super::super::tuner::Tuner;
use super::adapter::{Gpu, adapters, is_checked};
use crate::error::{Error, Result};
use crate::kernels::{Access, Kernel};

/// An open adapter with the pipelines made so far, and which variants are fastest on it.
#[derive(Debug)]
pub struct Pipelines {
    pub gpu: Gpu,
    pub tuner: Arc<Tuner>,
    /// Compiled pipelines from earlier runs, where the adapter gives them out.
    cache: Option<(wgpu::PipelineCache, String)>,
    /// By kernel (its address) and variant.
    made: Mutex<HashMap<(usize, usize), Arc<wgpu::ComputePipeline>>>,
}

impl Pipelines {
    /// Opens an adapter.
    pub fn open(adapter: wgpu::Adapter, faults: Arc<Faults>) -> Result<Pipelines> {
        let gpu = Gpu::open(adapter, faults)?;
        let tuner = Arc::new(Tuner::new(&gpu.info));
        Ok(Pipelines::of(gpu, tuner))
    }

    /// A new device of the same adapter, in place of one that is gone; the same variants are the fastest on it.
    pub fn reopen(&self) -> Result<Pipelines> {
        let same = |info: &wgpu::AdapterInfo| {
            let key = |of: &wgpu::AdapterInfo| {
                (of.vendor, of.device, of.backend, of.name.clone(), of.driver_info.clone())
            };
            key(info) == key(&self.gpu.info)
        };
        let mut found = adapters().into_iter().filter(|adapter| same(&adapter.get_info()));
        let Some(adapter) = found.next() else {
            return Err(Error::Device(format!(
                "{} was lost and is not there any more; run again when it is, or on another device",
                self.gpu.info.name
            )));
        };
        let gpu = Gpu::open(adapter, self.gpu.faults.clone())?;
        Ok(Pipelines::of(gpu, self.tuner.clone()))
    }

    fn of(gpu: Gpu, tuner: Arc<Tuner>) -> Pipelines {
        let cache = open_cache(&gpu.device, &gpu.info);
        Pipelines { gpu, tuner, cache, made: Mutex::default() }
    }

    /// The pipeline of a kernel's variant, made at its first use.
    pub fn pipeline(
        &self,
        kernel: &'static Kernel,
        variant: usize,
    ) -> Result<Arc<wgpu::ComputePipeline>> {
        let key = (std::ptr::from_ref(kernel) as usize, variant);
        if let Some(pipeline) = self.made.lock().map_err(|_| poisoned())?.get(&key) {
            return Ok(pipeline.clone());
        }
        // Made unlocked: several threads make different ones.
        let pipeline = Arc::new(self.make(kernel, variant)?);
        let mut pipelines = self.made.lock().map_err(|_| poisoned())?;
        Ok(pipelines.entry(key).or_insert(pipeline).clone())
    }

    /// Makes the pipelines that are not there yet, on all threads.
    pub fn make_all(&self, wanted: impl Iterator<Item = (&'static Kernel, usize)>) -> Result<()> {
        let known = self.made.lock().map_err(|_| poisoned())?;
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
        let make = |(kernel, variant)| self.pipeline(kernel, variant).map(drop);
        match self.gpu.takes_turns() {
            true => missing.into_iter().try_for_each(make),
            false => missing.into_par_iter().try_for_each(make),
        }
    }

    fn make(&self, kernel: &'static Kernel, variant: usize) -> Result<wgpu::ComputePipeline> {
        let scope = self.gpu.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let mut source = kernel.source(&kernel.variants[variant]);
        if self.gpu.params_in_storage() {
            source = read_params_once(&source);
        }
        let descriptor = wgpu::ShaderModuleDescriptor {
            label: Some(kernel.name),
            source: wgpu::ShaderSource::Wgsl(source.into()),
        };
        // SAFETY: the shaders are this crate's own, and so are the programs: `Program` is no part of the public face,
        // and what records them derives parameters and lengths of spans from the same sizes. Each shader guards its
        // indices by its parameters; every index read from a buffer (ids, the order) was checked on the host when it
        // was written there; `Program::check` has held every binding to its buffer; no loop is endless; and tests
        // run each shader with all checks on.
        #[allow(unsafe_code)]
        let module = unsafe {
            let checks = if is_checked() {
                wgpu::ShaderRuntimeChecks::checked()
            } else {
                wgpu::ShaderRuntimeChecks::unchecked()
            };
            self.gpu.device.create_shader_module_trusted(descriptor, checks)
        };
        let entry = |binding: usize, ty| wgpu::BindGroupLayoutEntry {
            binding: binding as u32,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
            count: None,
        };
        let mut entries = vec![entry(
            0,
            match self.gpu.params_in_storage() {
                true => wgpu::BufferBindingType::Storage { read_only: true },
                false => wgpu::BufferBindingType::Uniform,
            },
        )];
        entries.extend(kernel.bindings.iter().enumerate().map(|(i, binding)| {
            let read_only = binding.access == Access::Read;
            entry(i + 1, wgpu::BufferBindingType::Storage { read_only })
        }));
        let group = self.gpu.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some(kernel.name),
            entries: &entries,
        });
        let layout = self.gpu.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(kernel.name),
            bind_group_layouts: &[Some(&group)],
            immediate_size: 0,
        });
        let pipeline = self.gpu.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
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
            self.gpu.check()?;
            return Err(Error::Device(format!(
                "the shader {} ({}) does not compile on {}: {error}",
                kernel.name, kernel.variants[variant].name, self.gpu.info.name
            )));
        }
        Ok(pipeline)
    }
}

impl Drop for Pipelines {
    fn drop(&mut self) {
        if let Some((cache, file)) = &self.cache
            && !self.gpu.health.is_gone()
            && let Some(bytes) = cache.get_data()
            && cache::read(file).is_none_or(|known| known != bytes)
        {
            cache::write(file, &bytes);
        }
    }
}

/// Opens the cache of compiled pipelines, with what earlier runs left in it; the file's name beside it.
fn open_cache(
    device: &wgpu::Device,
    info: &wgpu::AdapterInfo,
) -> Option<(wgpu::PipelineCache, String)> {
    if !device.features().contains(wgpu::Features::PIPELINE_CACHE) || !cache::is_on() {
        return None;
    }
    let file = format!("{}.pipelines", wgpu::util::pipeline_cache_key(info)?);
    let data = cache::read(&file);
    // wgpu takes the data of another adapter or driver for an error of ours, which leaves an invalid cache: it counts as
    // none.
    let scope = device.push_error_scope(wgpu::ErrorFilter::Validation);
    let cache = make_cache(device, data.as_deref());
    let cache = match pollster::block_on(scope.pop()) {
        Some(_) if data.is_some() => make_cache(device, None),
        Some(_) => return None,
        None => cache,
    };
    Some((cache, file))
}

fn make_cache(device: &wgpu::Device, data: Option<&[u8]>) -> wgpu::PipelineCache {
    // SAFETY: the file holds what `get_data` gave, behind a checksum; wgpu and the driver check that
    // it is of this device and driver, and begin an empty cache where it is not.
    #[allow(unsafe_code)]
    unsafe {
        device.create_pipeline_cache(&wgpu::PipelineCacheDescriptor {
            label: Some("wgslearn"),
            data,
            fallback: true,
        })
    }
}

/// The shader with parameters in storage, all of them read once, at its beginning, where no workgroup waits: what they are
/// kept in is an invocation's own, so that no barrier may depend on it. An adapter that a CPU plays reads storage lane by lane, and
/// where it stores in a loop it cannot know that parameters stay what they were: it read them again each time, which took
/// half of the time of a convolution of few channels.
fn read_params_once(source: &str) -> String {
    let declared = "var<uniform> params: Params;";
    if source.contains("Barrier()") {
        return source.replace(declared, "var<storage, read> params: Params;");
    }
    let declarations = "var<storage, read> stored_params: Params;\nvar<private> params: Params;";
    let source = source.replace(declared, declarations);
    // The body of each entry point begins at the first brace behind its attributes, which have none.
    let mut pieces = source.split("@compute");
    let mut result = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (head, body) = piece.split_once('{').unwrap_or((piece, ""));
        result += "@compute";
        result += head;
        result += "{\n    params = stored_params;";
        result += body;
    }
    result
}

fn poisoned() -> Error {
    Error::Device("a thread failed while it made a pipeline; run again".into())
}
