//! A program: buffers and routines, recorded once and run by any backend.
//!
//! A routine is a list of dispatches over the program's buffers: one training step, one step of
//! an evaluation. A program knows no device and holds no data; a backend makes its buffers
//! (zeros at first) and replays its routines as often as it is told.

use crate::error::{Error, Result};
use crate::kernels::{Access, BufferId, Dispatch, Element, Span};

/// Alignment of a span's offset in elements: 256 bytes, the strictest that a device asks for.
pub const ALIGNMENT: usize = 64;

/// A buffer of a program.
#[derive(Clone, Debug)]
pub struct Buffer {
    /// Its name, for messages and profiles.
    pub name: String,
    /// Type of its elements.
    pub element: Element,
    /// Number of elements, at least one.
    pub len: usize,
}

/// A routine of a program, by its place in the program's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoutineId(pub usize);

/// A list of dispatches that run in order.
#[derive(Clone, Debug)]
pub struct Routine {
    /// Its name, for messages and profiles.
    pub name: String,
    /// Its dispatches.
    pub dispatches: Vec<Dispatch>,
}

/// A routine and how often to run it.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// The routine.
    pub routine: RoutineId,
    /// How often, one after the other.
    pub times: usize,
}

/// Buffers and routines.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// The buffers, by [`BufferId`].
    pub buffers: Vec<Buffer>,
    /// The routines, by [`RoutineId`].
    pub routines: Vec<Routine>,
}

impl Program {
    /// Adds a buffer of `len` elements (at least one is made) and returns all of it as a span.
    pub fn buffer(&mut self, name: impl Into<String>, element: Element, len: usize) -> Span {
        let id = BufferId(self.buffers.len());
        self.buffers.push(Buffer { name: name.into(), element, len: len.max(1) });
        Span { buffer: id, offset: 0, len: len.max(1) }
    }

    /// Adds a routine after checking every dispatch: parameters of the kernel's size; bindings of
    /// the kernel's number and types, inside their buffers; and no buffer both written and bound
    /// a second time in one dispatch, which no device allows.
    ///
    /// # Errors
    /// [`Error::Model`] names the dispatch and the binding: a bug in the code that records.
    pub fn add_routine(
        &mut self,
        name: impl Into<String>,
        dispatches: Vec<Dispatch>,
    ) -> Result<RoutineId> {
        let name = name.into();
        for dispatch in &dispatches {
            self.check(dispatch).map_err(|message| {
                Error::Model(format!("routine {name}, kernel {}: {message}", dispatch.kernel.name))
            })?;
        }
        self.routines.push(Routine { name, dispatches });
        Ok(RoutineId(self.routines.len() - 1))
    }

    fn check(&self, dispatch: &Dispatch) -> std::result::Result<(), String> {
        let kernel = dispatch.kernel;
        if dispatch.params.len() != kernel.params_size {
            return Err(format!("{} bytes of parameters", dispatch.params.len()));
        }
        if dispatch.bindings.len() != kernel.bindings.len() {
            return Err(format!("{} bindings", dispatch.bindings.len()));
        }
        for (i, (span, binding)) in dispatch.bindings.iter().zip(kernel.bindings).enumerate() {
            let Some(buffer) = self.buffers.get(span.buffer.0) else {
                return Err(format!("{} is bound to no buffer", binding.name));
            };
            if buffer.element != binding.element {
                return Err(format!(
                    "{} is bound to {}, of another type",
                    binding.name, buffer.name
                ));
            }
            if span.len == 0 || span.offset + span.len > buffer.len || span.offset % ALIGNMENT != 0
            {
                return Err(format!(
                    "{} is bound to {span:?} of {} elements",
                    binding.name, buffer.len
                ));
            }
            let shared = dispatch.bindings.iter().enumerate();
            if binding.access == Access::Write
                && shared.into_iter().any(|(j, other)| j != i && other.buffer == span.buffer)
            {
                return Err(format!("{} is written and bound twice", buffer.name));
            }
        }
        Ok(())
    }

    /// Bytes of all buffers on a device.
    pub fn bytes(&self) -> u64 {
        self.buffers.iter().map(|buffer| buffer.len as u64 * 4).sum()
    }
}
