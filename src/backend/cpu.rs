//! The CPU backend: runs a program by the kernels' twins, in f32 or, as the tests' oracle, f64.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::{Executor, Timing, median};
use crate::error::{Error, Result};
use crate::kernels::{Access, Element, Real, Slot, Span};
use crate::program::{Program, RoutineId, Run};

/// Memory of one buffer.
#[derive(Clone, Debug)]
enum Memory<T> {
    Reals(Vec<T>),
    Words(Vec<u32>),
}

impl<T> Default for Memory<T> {
    fn default() -> Self {
        Memory::Words(Vec::new())
    }
}

/// Runs `work` in rayon's pool, from where its threads are called at once, and keeps them awake
/// meanwhile: a thread that has gone to sleep takes longer to wake than a small product takes.
fn in_the_pool(work: impl FnOnce() + Send) {
    /// Threads that are kept awake at most.
    const AWAKE: usize = 16;
    /// Looks for work before the processor is left to others.
    const LOOKS: u32 = 200;
    /// Set when the work is done, or has panicked.
    struct Done<'a>(&'a AtomicBool);
    impl Drop for Done<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Release);
        }
    }
    let done = AtomicBool::new(false);
    rayon::scope(|scope| {
        let threads = rayon::current_num_threads();
        for _ in 1..if threads <= AWAKE { threads } else { 1 } {
            scope.spawn(|_| {
                let mut looks = 0;
                while !done.load(Ordering::Acquire) {
                    if rayon::yield_now() == Some(rayon::Yield::Executed) {
                        looks = 0;
                    } else if looks < LOOKS {
                        looks += 1;
                        (0..20).for_each(|_| std::hint::spin_loop());
                    } else {
                        std::thread::yield_now();
                    }
                }
            });
        }
        let _done = Done(&done);
        work();
    });
}

/// A program with its buffers in the process's memory. The trainer takes `CpuExecutor<f32>`;
/// `CpuExecutor<f64>` runs the same program in double precision.
#[derive(Debug)]
pub struct CpuExecutor<T = f32> {
    program: Program,
    memory: Vec<Memory<T>>,
}

/// Bytes of a program's buffers up to which no loop of it pays for threads.
const SMALL: u64 = 1 << 18;

/// More bindings than any kernel has; a test holds kernels to eight.
const MAX_BINDINGS: usize = 8;

impl<T: Real> CpuExecutor<T> {
    /// Makes the buffers.
    ///
    /// # Errors
    /// [`Error::Device`] when the memory for them cannot be had.
    pub fn new(program: &Program) -> Result<Self> {
        let mut memory = Vec::with_capacity(program.buffers.len());
        for buffer in &program.buffers {
            let too_large = |_| {
                Error::Device(format!(
                    "the buffer {} of {} elements does not fit in memory (the program needs {} MB in all); take a smaller batch or model",
                    buffer.name,
                    buffer.len,
                    program.bytes() / 1_000_000
                ))
            };
            // A trial reservation turns an abort into an error; zeroed memory is then lazy.
            memory.push(match buffer.element {
                Element::F32 => {
                    Vec::<T>::new().try_reserve_exact(buffer.len).map_err(too_large)?;
                    Memory::Reals(vec![T::ZERO; buffer.len])
                }
                Element::U32 => {
                    Vec::<u32>::new().try_reserve_exact(buffer.len).map_err(too_large)?;
                    Memory::Words(vec![0; buffer.len])
                }
            });
        }
        Ok(Self { program: program.clone(), memory })
    }

    /// An `f32` span in the executor's own precision; nothing where the span is of words.
    pub fn reals(&self, span: Span) -> &[T] {
        match &self.memory[span.buffer.0] {
            Memory::Reals(values) => &values[span.offset..][..span.len],
            Memory::Words(_) => &[],
        }
    }

    /// Runs a routine once, and tells `after` when each of its dispatches is done.
    fn step(&mut self, routine: usize, mut after: impl FnMut(usize)) {
        for (i, dispatch) in self.program.routines[routine].dispatches.iter().enumerate() {
            // Written buffers are taken out of the table for the call, so that the others can be
            // borrowed beside them; `Program::add_routine` holds that none is bound twice.
            let mut taken: [Memory<T>; MAX_BINDINGS] = Default::default();
            let bindings = dispatch.kernel.bindings.iter().zip(&dispatch.bindings);
            for ((binding, span), taken) in bindings.clone().zip(&mut taken) {
                if binding.access == Access::Write {
                    *taken = std::mem::take(&mut self.memory[span.buffer.0]);
                }
            }
            let mut slots: [Slot<'_, T>; MAX_BINDINGS] = Default::default();
            for (((binding, span), taken), slot) in bindings.clone().zip(&mut taken).zip(&mut slots)
            {
                let range = span.offset..span.offset + span.len;
                *slot = match (binding.access, taken, &self.memory[span.buffer.0]) {
                    (Access::Write, Memory::Reals(values), _) => Slot::RealsMut(&mut values[range]),
                    (Access::Write, Memory::Words(values), _) => Slot::WordsMut(&mut values[range]),
                    (Access::Read, _, Memory::Reals(values)) => Slot::Reals(&values[range]),
                    (Access::Read, _, Memory::Words(values)) => Slot::Words(&values[range]),
                };
            }
            let count = dispatch.bindings.len();
            T::call_twin(dispatch.kernel, &dispatch.params, &mut slots[..count]);
            for ((binding, span), taken) in bindings.zip(taken) {
                if binding.access == Access::Write {
                    self.memory[span.buffer.0] = taken;
                }
            }
            after(i);
        }
    }
}

impl<T: Real> Executor for CpuExecutor<T> {
    fn write_reals(&mut self, span: Span, values: &[f32]) -> Result<()> {
        if let Memory::Reals(memory) = &mut self.memory[span.buffer.0] {
            let memory = &mut memory[span.offset..][..span.len][..values.len()];
            memory.iter_mut().zip(values).for_each(|(to, &from)| *to = T::from_f32(from));
        }
        Ok(())
    }

    fn write_words(&mut self, span: Span, values: &[u32]) -> Result<()> {
        if let Memory::Words(memory) = &mut self.memory[span.buffer.0] {
            memory[span.offset..][..span.len][..values.len()].copy_from_slice(values);
        }
        Ok(())
    }

    fn read_reals(&mut self, span: Span) -> Result<Vec<f32>> {
        Ok(self.reals(span).iter().map(|value| value.to_f32()).collect())
    }

    fn read_words(&mut self, span: Span) -> Result<Vec<u32>> {
        match &self.memory[span.buffer.0] {
            Memory::Words(values) => Ok(values[span.offset..][..span.len].to_vec()),
            Memory::Reals(_) => Ok(Vec::new()),
        }
    }

    fn copy(&mut self, from: Span, to: Span) -> Result<()> {
        let source = std::mem::take(&mut self.memory[from.buffer.0]);
        if let (Memory::Reals(source), Memory::Reals(target)) =
            (&source, &mut self.memory[to.buffer.0])
        {
            target[to.offset..][..to.len].copy_from_slice(&source[from.offset..][..from.len]);
        }
        self.memory[from.buffer.0] = source;
        Ok(())
    }

    fn run(&mut self, runs: &[Run]) -> Result<()> {
        let is_small = self.program.bytes() <= SMALL;
        let mut work = || {
            for run in runs {
                for _ in 0..run.times {
                    self.step(run.routine.0, |_| {});
                }
            }
        };
        // From within the pool its threads are called at once; a small program never starts it.
        match is_small {
            true => work(),
            false => in_the_pool(work),
        }
        Ok(())
    }

    fn time(&mut self, routine: RoutineId, times: usize) -> Result<f64> {
        let started = Instant::now();
        self.run(&[Run { routine, times }])?;
        Ok(started.elapsed().as_secs_f64())
    }

    fn profile(&mut self, routine: RoutineId, times: usize) -> Result<Vec<Timing>> {
        let is_small = self.program.bytes() <= SMALL;
        let kernels = self.program.routines[routine.0].dispatches.iter().map(|d| d.kernel);
        let kernels: Vec<_> = kernels.collect();
        let mut seconds = vec![Vec::with_capacity(times); kernels.len()];
        let mut work = || {
            for _ in 0..times {
                let mut last = Instant::now();
                self.step(routine.0, |i| {
                    let now = Instant::now();
                    seconds[i].push((now - last).as_secs_f64());
                    last = now;
                });
            }
        };
        match is_small {
            true => work(),
            false => in_the_pool(work),
        }
        let timing = |(kernel, seconds): (&&crate::kernels::Kernel, _)| Timing {
            kernel: kernel.name,
            variant: "twin",
            seconds: median(seconds),
        };
        Ok(kernels.iter().zip(seconds).map(timing).collect())
    }
}
