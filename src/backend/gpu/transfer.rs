//! Buffers read back from a device, through memory that the host can map.

use std::time::Duration;

use super::adapter::Gpu;
use crate::error::Result;

/// The buffer that is mapped; grown when needed.
#[derive(Debug, Default)]
pub struct Staging {
    buffer: Option<wgpu::Buffer>,
}

impl Staging {
    /// Reads `count` elements of a buffer, in pieces of at most 16 MiB.
    pub fn read<T: bytemuck::Pod>(
        &mut self,
        gpu: &Gpu,
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
            if self.buffer.as_ref().is_none_or(|staging| staging.size() < size) {
                self.buffer = Some(gpu.device.create_buffer(&wgpu::BufferDescriptor {
                    label: Some("staging"),
                    size,
                    usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
                    mapped_at_creation: false,
                }));
            }
            let Some(staging) = &self.buffer else { return Ok(elements) };
            let mut encoder = gpu.device.create_command_encoder(&Default::default());
            encoder.copy_buffer_to_buffer(source, offset + start, staging, 0, size);
            gpu.submit(Some(encoder.finish()));
            // A buffer of a device that is gone cannot be mapped.
            gpu.check()?;
            let slice = staging.slice(..size);
            // The callback may run in another thread's poll of the same device, so it is waited
            // for by itself.
            let (done, mapped) = std::sync::mpsc::channel();
            slice.map_async(wgpu::MapMode::Read, move |result| {
                // Nobody listens any more only where this function has returned an error.
                let _ = done.send(result.is_ok());
            });
            let is_mapped = loop {
                gpu.wait()?;
                match mapped.recv_timeout(Duration::from_millis(20)) {
                    Ok(is_mapped) => break is_mapped,
                    Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
                    Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break false,
                }
            };
            gpu.check()?;
            if !is_mapped {
                return Err(gpu.failed("it did not give its results back".into()));
            }
            let view = slice.get_mapped_range().map_err(|error| gpu.failed(error.to_string()))?;
            elements.extend_from_slice(&bytemuck::pod_collect_to_vec(&view));
            drop(view);
            staging.unmap();
        }
        Ok(elements)
    }
}
