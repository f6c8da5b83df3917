//! The CPU backend: runs a program by the kernels' references, in f32 or, as the tests' oracle, f64.

use std::marker::PhantomData;
use std::ops::Range;
use std::time::Instant;

use super::memory::{Memory, Part};
use super::{Executor, Timing, median};
use crate::error::{DeviceFault, Error, Result};
use crate::kernels::{Access, BufferId, Element, Real, Slot, Span};
use crate::program::{MAX_BINDINGS, Program, RoutineId, Run};

/// A program with its buffers in the process's memory. The trainer takes `CpuExecutor<f32>`;
/// `CpuExecutor<f64>` runs the same program in double precision.
#[derive(Debug)]
pub struct CpuExecutor<T = f32> {
    program: Program,
    memory: Memory,
    precision: PhantomData<T>,
}

impl<T: Real> CpuExecutor<T> {
    /// Makes the buffers.
    ///
    /// # Errors
    /// [`Error::Fault`] when the memory for them cannot be had, [`Error::Model`] where the program is not sound.
    pub fn new(program: &Program) -> Result<Self> {
        Self::sharing(program, &[])
    }

    /// As [`CpuExecutor::new`]; these buffers, which no dispatch writes, can be read by forks too.
    ///
    /// # Errors
    /// As [`CpuExecutor::new`].
    pub fn sharing(program: &Program, shared: &[BufferId]) -> Result<Self> {
        program.check()?;
        program.check_unwritten(shared)?;
        let size = |element| match element {
            Element::F32 => size_of::<T>(),
            Element::U32 => size_of::<u32>(),
        };
        let sizes = program.buffers.iter().enumerate().map(|(id, buffer)| {
            (buffer.len.saturating_mul(size(buffer.element)), shared.contains(&BufferId(id)))
        });
        let memory = Memory::new(sizes).map_err(|reason| no_memory(program, &reason))?;
        Ok(Self { program: program.clone(), memory, precision: PhantomData })
    }

    /// An `f32` span in the executor's own precision; nothing where the program has no such span.
    pub fn reals(&self, span: Span) -> &[T] {
        match self.program.check_span(span, Element::F32) {
            Ok(()) => bytemuck::cast_slice(self.memory.get(self.range(span, Element::F32))),
            Err(_) => &[],
        }
    }

    /// Where a span of these elements lies.
    fn range(&self, span: Span, element: Element) -> Range<usize> {
        let size = match element {
            Element::F32 => size_of::<T>(),
            Element::U32 => size_of::<u32>(),
        };
        self.memory.range(span.buffer.0, span.offset * size..(span.offset + span.len) * size)
    }

    /// Runs a routine once, and tells `after` when each of its dispatches is done.
    fn step(&mut self, routine: usize, mut after: impl FnMut(usize)) {
        for (i, dispatch) in self.program.routines[routine].dispatches.iter().enumerate() {
            let mut wanted: [(Range<usize>, bool); MAX_BINDINGS] = Default::default();
            let bindings = dispatch.kernel.bindings.iter().zip(&dispatch.bindings);
            for ((binding, &span), wanted) in bindings.clone().zip(&mut wanted) {
                *wanted = (self.range(span, binding.element), binding.access == Access::Write);
            }
            let count = dispatch.bindings.len();
            let parts = self.memory.parts(&wanted[..count]);
            let mut slots: [Slot<'_, T>; MAX_BINDINGS] = Default::default();
            for (((binding, _), part), slot) in bindings.zip(parts).zip(&mut slots) {
                use bytemuck::{cast_slice, cast_slice_mut};
                *slot = match (binding.element, part) {
                    (Element::F32, Part::Read(bytes)) => Slot::F32(cast_slice(bytes)),
                    (Element::F32, Part::Write(bytes)) => Slot::F32Mut(cast_slice_mut(bytes)),
                    (Element::U32, Part::Read(bytes)) => Slot::U32(cast_slice(bytes)),
                    (Element::U32, Part::Write(bytes)) => Slot::U32Mut(cast_slice_mut(bytes)),
                };
            }
            T::call_reference(dispatch.kernel, &dispatch.params, &mut slots[..count]);
            after(i);
        }
    }
}

/// That a buffer which others read is to be written.
fn shared() -> Error {
    Error::Model("the buffer is shared, and is only read from now on".into())
}

fn no_memory(program: &Program, reason: &std::io::Error) -> Error {
    Error::Fault(DeviceFault::OutOfMemory {
        device: "the CPU backend".into(),
        what: format!("the model, its optimizer and its batch ({reason})"),
        needed: Some(program.bytes()),
        free: super::memory_info::free_memory(),
    })
}

impl<T: Real> Executor for CpuExecutor<T> {
    fn write_f32(&mut self, span: Span, values: &[f32]) -> Result<()> {
        self.program.check_write(span, Element::F32, values.len())?;
        let range = self.range(span, Element::F32);
        let bytes = self.memory.get_mut(range).ok_or_else(shared)?;
        let memory: &mut [T] = bytemuck::cast_slice_mut(bytes);
        memory.iter_mut().zip(values).for_each(|(to, &from)| *to = T::from_f32(from));
        Ok(())
    }

    fn write_u32(&mut self, span: Span, values: &[u32]) -> Result<()> {
        self.program.check_write(span, Element::U32, values.len())?;
        let range = self.range(span, Element::U32);
        let bytes = self.memory.get_mut(range).ok_or_else(shared)?;
        let memory: &mut [u32] = bytemuck::cast_slice_mut(bytes);
        memory[..values.len()].copy_from_slice(values);
        Ok(())
    }

    fn read_f32(&mut self, span: Span) -> Result<Vec<f32>> {
        self.program.check_span(span, Element::F32)?;
        Ok(self.reals(span).iter().map(|value| value.to_f32()).collect())
    }

    fn read_u32(&mut self, span: Span) -> Result<Vec<u32>> {
        self.program.check_span(span, Element::U32)?;
        let bytes = self.memory.get(self.range(span, Element::U32));
        Ok(bytemuck::cast_slice(bytes).to_vec())
    }

    fn copy(&mut self, from: Span, to: Span) -> Result<()> {
        self.program.check_copy(from, to)?;
        let element = self.program.buffers[from.buffer.0].element;
        let (from, to) = (self.range(from, element), self.range(to, element));
        match self.memory.copy(from, to) {
            true => Ok(()),
            false => Err(shared()),
        }
    }

    fn fork(&self) -> Result<Box<dyn Executor>> {
        let memory = self.memory.fork().map_err(|reason| no_memory(&self.program, &reason))?;
        let program = self.program.clone();
        Ok(Box::new(CpuExecutor::<T> { program, memory, precision: PhantomData }))
    }

    fn run(&mut self, runs: &[Run]) -> Result<()> {
        runs.iter().try_for_each(|run| self.program.check_run(run.routine))?;
        for run in runs {
            for _ in 0..run.times {
                self.step(run.routine.0, |_| {});
            }
        }
        Ok(())
    }

    fn time(&mut self, routine: RoutineId, times: usize) -> Result<f64> {
        let started = Instant::now();
        self.run(&[Run { routine, times }])?;
        Ok(started.elapsed().as_secs_f64())
    }

    fn profile(&mut self, routine: RoutineId, times: usize) -> Result<Vec<Timing>> {
        self.program.check_run(routine)?;
        let kernels = self.program.routines[routine.0].dispatches.iter().map(|d| d.kernel);
        let kernels: Vec<_> = kernels.collect();
        let mut seconds = vec![Vec::with_capacity(times); kernels.len()];
        for _ in 0..times {
            let mut last = Instant::now();
            self.step(routine.0, |i| {
                let now = Instant::now();
                seconds[i].push((now - last).as_secs_f64());
                last = now;
            });
        }
        let timing = |(kernel, seconds): (&&crate::kernels::Kernel, _)| Timing {
            kernel: kernel.name,
            variant: "reference",
            seconds: median(seconds),
        };
        Ok(kernels.iter().zip(seconds).map(timing).collect())
    }
}
