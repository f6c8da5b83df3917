//! Submissions: a dispatch with everything it needs, recorded and run, and how many steps go into one submission.
//!
//! Steps are packed into submissions of about 50 ms, by the measured time of earlier ones, of which two are under way:
//! enough that the host's part vanishes, and far below the two seconds after which Windows resets a device.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::adapter::Gpu;
use super::pipelines::Pipelines;
use crate::error::{Error, Result};
use crate::kernels::{Dispatch, Kernel};
use crate::program::Run;

/// Target time of one submission.
const SUBMISSION: Duration = Duration::from_millis(50);

/// Dispatches in one submission at most, so that command buffers stay small.
const MAX_DISPATCHES: usize = 20_000;

/// A dispatch with its pipeline and bind group.
pub struct Prepared {
    pub kernel: &'static Kernel,
    /// An index into the kernel's variants.
    pub variant: usize,
    pipeline: Arc<wgpu::ComputePipeline>,
    group: wgpu::BindGroup,
    workgroups: [u32; 3],
}

impl Prepared {
    /// A dispatch over `buffers` by one of its kernel's variants; `params` has its parameters from byte `offset` on.
    pub fn new(
        pipelines: &Pipelines,
        dispatch: &Dispatch,
        variant: usize,
        buffers: &[wgpu::Buffer],
        (params, offset): (&wgpu::Buffer, u64),
    ) -> Result<Prepared> {
        let kernel = dispatch.kernel;
        let workgroups = (kernel.variants[variant].workgroups)(&dispatch.params);
        let (limit, name) =
            (pipelines.gpu.limits.max_compute_workgroups_per_dimension, &pipelines.gpu.info.name);
        check_workgroups(kernel.name, workgroups, limit, name)?;
        let pipeline = pipelines.pipeline(kernel, variant)?;
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
            let buffer = &buffers[span.buffer.0];
            binding(i + 1, buffer, span.offset as u64 * 4, span.len as u64 * 4)
        }));
        let group = pipelines.gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(kernel.name),
            layout: &pipeline.get_bind_group_layout(0),
            entries: &entries,
        });
        Ok(Prepared { kernel, variant, pipeline, group, workgroups })
    }

    /// Records it.
    pub fn record(&self, pass: &mut wgpu::ComputePass<'_>) {
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.group, &[]);
        let [x, y, z] = self.workgroups;
        pass.dispatch_workgroups(x, y, z);
    }

    /// Runs it alone and waits for it; seconds by the host's clock. How adapters without timestamps are timed.
    pub fn run_alone(&self, gpu: &Gpu) -> Result<f64> {
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        self.record(&mut encoder.begin_compute_pass(&Default::default()));
        let started = Instant::now();
        gpu.submit(Some(encoder.finish()));
        gpu.wait()?;
        Ok(started.elapsed().as_secs_f64())
    }
}

/// An error where a grid is larger than the adapter called `name` takes in a dimension.
fn check_workgroups(kernel: &str, grid: [u32; 3], limit: u32, name: &str) -> Result<()> {
    if grid.iter().all(|&count| count <= limit) {
        return Ok(());
    }
    let [x, y, z] = grid;
    Err(Error::Device(format!(
        "{kernel} would take {x} x {y} x {z} workgroups, and {name} takes at most {limit} in a dimension; use a smaller batch or model, or the device cpu"
    )))
}

/// Takes one submission's runs from the end of `queue`, where the next one lies. `seconds` has each routine's measured
/// time of one step, 0 before the first, and `dispatches` how many a step has. A routine whose time is not known ends a
/// submission after its first step, whatever that may take.
pub fn pack(queue: &mut Vec<Run>, seconds: &[f64], dispatches: &[usize]) -> Vec<Run> {
    let (mut budget, mut recorded) = (SUBMISSION.as_secs_f64(), 0);
    let mut packed: Vec<Run> = Vec::new();
    while let Some(run) = queue.last_mut() {
        let (each, count) = (seconds[run.routine.0], dispatches[run.routine.0]);
        let fit = if each > 0.0 { (budget / each) as usize } else { 1 };
        let places = MAX_DISPATCHES.saturating_sub(recorded) / count.max(1);
        let times = run.times.min(fit).min(places);
        let times = if packed.is_empty() { times.max(1) } else { times };
        if times > 0 {
            packed.push(Run { routine: run.routine, times });
        }
        recorded += times * count;
        budget -= times as f64 * each.max(1e-9);
        run.times -= times;
        let is_done = run.times == 0;
        if is_done {
            queue.pop();
        }
        if !is_done || each == 0.0 {
            break;
        }
    }
    packed
}

#[cfg(test)]
mod tests {
    use super::{MAX_DISPATCHES, check_workgroups, pack};
    use crate::program::{RoutineId, Run};

    fn packed(queue: &mut Vec<Run>, seconds: &[f64], dispatches: &[usize]) -> Vec<(usize, usize)> {
        let runs = pack(queue, seconds, dispatches);
        runs.iter().map(|run| (run.routine.0, run.times)).collect()
    }

    fn run(routine: usize, times: usize) -> Run {
        Run { routine: RoutineId(routine), times }
    }

    #[test]
    fn a_submission_takes_about_fifty_milliseconds() {
        // The last of the queue is the next to run.
        let mut queue = vec![run(1, 5), run(0, 125)];
        let seconds = [1e-3, 2e-3];
        assert_eq!(packed(&mut queue, &seconds, &[3, 3]), [(0, 50)]);
        assert_eq!(packed(&mut queue, &seconds, &[3, 3]), [(0, 50)]);
        assert_eq!(packed(&mut queue, &seconds, &[3, 3]), [(0, 25), (1, 5)]);
        assert_eq!(packed(&mut queue, &seconds, &[3, 3]), []);
        // One step at least, however long it takes.
        assert_eq!(packed(&mut vec![run(0, 7)], &[3.0], &[1]), [(0, 1)]);
    }

    #[test]
    fn a_routine_of_unknown_time_runs_once() {
        let mut queue = vec![run(0, 9), run(1, 2), run(0, 1)];
        assert_eq!(packed(&mut queue, &[1e-3, 0.0], &[1, 1]), [(0, 1), (1, 1)]);
        assert_eq!(queue.len(), 2);
        assert_eq!(packed(&mut queue, &[1e-3, 1e-3], &[1, 1]), [(1, 1), (0, 9)]);
    }

    #[test]
    fn a_grid_is_held_to_the_limit_in_every_dimension() {
        check_workgroups("k", [65_535, 65_535, 65_535], 65_535, "card").expect("at the limit");
        for grid in [[65_536, 1, 1], [1, 65_536, 1], [1, 1, u32::MAX]] {
            let error = check_workgroups("k", grid, 65_535, "card").expect_err("past it");
            let [x, y, z] = grid;
            assert!(error.to_string().contains(&format!("{x} x {y} x {z} workgroups")), "{error}");
        }
    }

    #[test]
    fn command_buffers_stay_small() {
        let mut queue = vec![run(0, usize::MAX)];
        assert_eq!(packed(&mut queue, &[1e-9], &[14]), [(0, MAX_DISPATCHES / 14)]);
        // A step that is larger than that, and one behind it.
        let mut queue = vec![run(1, 1), run(0, 1)];
        assert_eq!(packed(&mut queue, &[1e-9, 1e-9], &[MAX_DISPATCHES + 1, 1]), [(0, 1)]);
    }
}
