//! The device's own clock: timestamps at the begin and end of passes.

use super::adapter::Gpu;
use super::transfer::Staging;
use crate::error::Result;

/// Timestamps of passes.
pub struct Clock {
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
}

impl Clock {
    /// Passes that one clock times.
    pub const PASSES: u32 = 64;

    /// None where the adapter has no timestamps.
    pub fn new(gpu: &Gpu) -> Option<Clock> {
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
    pub fn writes(&self, pass: u32) -> wgpu::ComputePassTimestampWrites<'_> {
        wgpu::ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: Some(2 * pass),
            end_of_pass_write_index: Some(2 * pass + 1),
        }
    }

    /// Recorded behind the passes.
    pub fn resolve(&self, passes: u32, encoder: &mut wgpu::CommandEncoder) {
        encoder.resolve_query_set(&self.queries, 0..2 * passes, &self.resolved, 0);
    }

    /// Seconds of the first passes that were timed, once they are done.
    pub fn seconds(&self, gpu: &Gpu, staging: &mut Staging, passes: usize) -> Result<Vec<f64>> {
        let period = gpu.queue.get_timestamp_period() as f64 * 1e-9;
        let ticks: Vec<u64> = staging.read(gpu, &self.resolved, 0, 2 * passes)?;
        let seconds = |pair: &[u64]| pair[1].saturating_sub(pair[0]) as f64 * period;
        Ok(ticks.chunks_exact(2).map(seconds).collect())
    }
}
