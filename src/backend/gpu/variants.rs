//! Which variant of its kernel each dispatch takes: the fastest as far as it was measured, else by the kernel's rule.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::super::contest::{Stopwatch, Timing};
use super::adapter::is_checked;
use super::clock::Clock;
use super::pipelines::Pipelines;
use super::submission::Prepared;
use super::transfer::Staging;
use crate::error::{Error, Result};
use crate::kernels::{Access, Adapter, Dispatch, MAX_LOOP_ITERATIONS};

/// What variants are measured on: a program's buffers, and the one with all parameters.
pub struct Variants<'a> {
    pub pipelines: &'a Pipelines,
    pub buffers: &'a [wgpu::Buffer],
    pub params: &'a wgpu::Buffer,
}

impl Variants<'_> {
    /// The variant of a dispatch's kernel: of this name, where one is asked for and it can run; else the fastest, or by
    /// the kernel's rule. Its parameters lie at byte `offset`.
    pub fn choose(&self, dispatch: &Dispatch, offset: u64, name: Option<&str>) -> Result<usize> {
        let gpu = &self.pipelines.gpu;
        let (kernel, adapter) = (dispatch.kernel, gpu.adapter_kind());
        let ends = |variant: usize| {
            adapter == Adapter::Hardware || kernel.ends_on_software(variant, &dispatch.params)
        };
        let checked = |variant: usize| match ends(variant) {
            true => Ok(variant),
            false => Err(Error::Device(format!(
                "{} would make {} loop iterations, and {}, a software adapter, stops at {MAX_LOOP_ITERATIONS} with a wrong \
                 result; use the device cpu, smaller batches or shorter texts",
                kernel.name,
                kernel.iterations(variant, &dispatch.params),
                gpu.info.name,
            ))),
        };
        let requires_subgroup_8 = adapter == Adapter::Software { subgroup_8: true };
        let limit = gpu.limits.max_compute_workgroups_per_dimension;
        let runs = |i: &usize| {
            let variant = &kernel.variants[*i];
            (variant.workgroups)(&dispatch.params).iter().all(|&count| count <= limit)
                && (variant.computes)(&dispatch.params)
                && (!variant.requires_subgroup_8 || requires_subgroup_8)
        };
        if let Some(name) = name {
            let named = kernel.variant(name)?;
            if runs(&named) {
                return checked(named);
            }
            let (kernel, adapter) = (kernel.name, &gpu.info.name);
            return Err(Error::Device(format!(
                "{kernel} ({name}) does not compute this dispatch on {adapter}"
            )));
        }
        if is_checked() {
            let on_cards = kernel.variant((kernel.choose)(&dispatch.params, Adapter::Hardware))?;
            if ends(on_cards) {
                return Ok(on_cards);
            }
        }
        let rule = checked(kernel.variant((kernel.choose)(&dispatch.params, adapter))?)?;
        let candidates = (kernel.candidates)(&dispatch.params, adapter).iter();
        let mut candidates =
            candidates.map(|name| kernel.variant(name)).collect::<Result<Vec<usize>>>()?;
        candidates.retain(|candidate| runs(candidate) && ends(*candidate));
        let (timing, clock) = match adapter {
            Adapter::Software { .. } => (Timing::Software, None),
            Adapter::Hardware => {
                candidates.retain(|&candidate| candidate != rule);
                candidates.insert(0, rule);
                if candidates.len() < 2 {
                    return Ok(rule);
                }
                // What has no clock of its own is not measured: the host's tells of submissions.
                let Some(clock) = Clock::new(gpu) else { return Ok(rule) };
                (Timing::Hardware, Some(clock))
            }
        };
        let mut stopwatch = DeviceStopwatch {
            variants: self,
            dispatch,
            offset,
            clock,
            staging: Staging::default(),
            prepared: BTreeMap::new(),
            started: Instant::now(),
        };
        let tuner = &self.pipelines.tuner;
        let fastest =
            tuner.choose(kernel, &dispatch.params, &candidates, timing, &mut stopwatch)?;
        if !stopwatch.prepared.is_empty() {
            self.clear(dispatch)?;
        }
        Ok(fastest.unwrap_or(rule))
    }

    /// Zeros in what a dispatch has written, as before.
    fn clear(&self, dispatch: &Dispatch) -> Result<()> {
        let gpu = &self.pipelines.gpu;
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        for (span, binding) in dispatch.bindings.iter().zip(dispatch.kernel.bindings) {
            if binding.access == Access::Write {
                let (offset, size) = (span.offset as u64 * 4, span.len as u64 * 4);
                encoder.clear_buffer(&self.buffers[span.buffer.0], offset, Some(size));
            }
        }
        gpu.submit(Some(encoder.finish()));
        gpu.check()
    }
}

/// Times one dispatch's variants over its own buffers, which hold zeros at first: by the device's clock where one is
/// given, else by the host's.
struct DeviceStopwatch<'a> {
    variants: &'a Variants<'a>,
    dispatch: &'a Dispatch,
    offset: u64,
    clock: Option<Clock>,
    staging: Staging,
    prepared: BTreeMap<usize, Prepared>,
    started: Instant,
}

impl Stopwatch for DeviceStopwatch<'_> {
    type Error = Error;

    fn prepare(&mut self, variant: usize) -> Result<()> {
        if !self.prepared.contains_key(&variant) {
            let Variants { pipelines, buffers, params } = *self.variants;
            let params = (params, self.offset);
            let prepared = Prepared::new(pipelines, self.dispatch, variant, buffers, params)?;
            self.prepared.insert(variant, prepared);
        }
        Ok(())
    }

    fn seconds(&mut self, variant: usize, dispatches: usize) -> Result<f64> {
        self.prepare(variant)?;
        let gpu = &self.variants.pipelines.gpu;
        let Some(prepared) = self.prepared.get(&variant) else { return Ok(f64::MAX) };
        let Some(clock) = &self.clock else {
            let mut seconds = 0.0;
            for _ in 0..dispatches {
                seconds += prepared.run_alone(gpu)?;
            }
            return Ok(seconds);
        };
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        let timestamp_writes = Some(clock.writes(0));
        let descriptor = wgpu::ComputePassDescriptor { label: None, timestamp_writes };
        let mut pass = encoder.begin_compute_pass(&descriptor);
        for _ in 0..dispatches {
            prepared.record(&mut pass);
        }
        drop(pass);
        clock.resolve(1, &mut encoder);
        gpu.submit(Some(encoder.finish()));
        gpu.wait()?;
        Ok(clock.seconds(gpu, &mut self.staging, 1)?.iter().sum())
    }

    fn now(&mut self) -> Duration {
        self.started.elapsed()
    }
}
