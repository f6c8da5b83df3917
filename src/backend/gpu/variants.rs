//! Which variant of its kernel each dispatch takes: the fastest as far as it was measured, else by the kernel's rule.

use std::time::{Duration, Instant};

use super::pipelines::Pipelines;
use super::submission::Prepared;
use crate::error::{Error, Result};
use crate::kernels::{Access, Adapter, Dispatch, MAX_LOOP_ITERATIONS};

/// What variants are measured on: a program's buffers, and the one with all parameters.
pub struct Variants<'a> {
    pub pipelines: &'a Pipelines,
    pub buffers: &'a [wgpu::Buffer],
    pub params: &'a wgpu::Buffer,
}

impl Variants<'_> {
    /// The variant of a dispatch's kernel: of this name, or the fastest, or by the kernel's rule. Its parameters lie at
    /// byte `offset`.
    pub fn choose(&self, dispatch: &Dispatch, offset: u64, name: Option<&str>) -> Result<usize> {
        let gpu = &self.pipelines.gpu;
        let (kernel, adapter) = (dispatch.kernel, gpu.adapter_kind());
        let iterations = (kernel.loop_iterations)(&dispatch.params);
        if adapter != Adapter::Hardware && iterations > MAX_LOOP_ITERATIONS {
            return Err(Error::Device(format!(
                "{} would make {iterations} loop iterations, and {}, a software adapter, stops at {MAX_LOOP_ITERATIONS} with a \
                 wrong result; use the device cpu, smaller batches or shorter texts",
                kernel.name, gpu.info.name,
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
        let mut failure = None;
        let tuner = &self.pipelines.tuner;
        let fastest = tuner.choose(kernel, &dispatch.params, &candidates, &mut |candidate| {
            let seconds = self.measure(dispatch, candidate, offset);
            seconds.map_err(|error| failure = Some(error)).ok()
        });
        match failure {
            Some(error) => Err(error),
            None => Ok(fastest.unwrap_or_else(|| (kernel.choose)(&dispatch.params, adapter))),
        }
    }

    /// Seconds of a dispatch by one variant, over its own buffers, which hold zeros and do again.
    fn measure(&self, dispatch: &Dispatch, variant: usize, offset: u64) -> Result<f64> {
        let gpu = &self.pipelines.gpu;
        let params = (self.params, offset);
        let prepared = Prepared::new(self.pipelines, dispatch, variant, self.buffers, params)?;
        let mut best = f64::MAX;
        let started = Instant::now();
        // The first compiles.
        for i in 0..4 {
            let seconds = prepared.run_alone(gpu)?;
            best = if i == 0 { best } else { best.min(seconds) };
            if i > 0 && started.elapsed() > Duration::from_millis(100) {
                break;
            }
        }
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        for (span, binding) in dispatch.bindings.iter().zip(dispatch.kernel.bindings) {
            if binding.access == Access::Write {
                let (offset, size) = (span.offset as u64 * 4, span.len as u64 * 4);
                encoder.clear_buffer(&self.buffers[span.buffer.0], offset, Some(size));
            }
        }
        gpu.queue.submit([encoder.finish()]);
        gpu.check()?;
        Ok(best)
    }
}
