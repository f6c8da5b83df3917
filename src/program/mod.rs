//! A program: buffers and routines, recorded once and run by any backend.
//!
//! A routine is a list of dispatches over the program's buffers: one training step, one step of
//! an evaluation. A program knows no device and holds no data; a backend makes its buffers
//! (zeros at first) and replays its routines as often as it is told.

use crate::error::{Error, Result};
use crate::kernels::{Access, BufferId, Dispatch, Element, Span};

/// Bindings of a kernel at most: what every device takes.
pub const MAX_BINDINGS: usize = 8;

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

    /// A kernel's case as a program of one routine, its buffers by the same ids.
    ///
    /// # Errors
    /// [`Error::Model`] where a launch does not fit the buffers: a bug in the kernel's `case`.
    #[cfg(feature = "unstable")]
    pub fn of_case(case: &crate::kernels::case::Case) -> Result<Program> {
        let mut program = Program::default();
        for (i, data) in case.buffers.iter().enumerate() {
            program.buffer(format!("buffer {i}"), data.element(), data.len());
        }
        program.add_routine("case", case.dispatches.clone())?;
        Ok(program)
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
        let routine = Routine { name: name.into(), dispatches };
        self.check_routine(&routine)?;
        self.routines.push(routine);
        Ok(RoutineId(self.routines.len() - 1))
    }

    /// Checks the program as a whole, as a backend does before it makes a buffer: what came into the lists by another
    /// way than [`Program::buffer`] and [`Program::add_routine`] is held to the same.
    ///
    /// # Errors
    /// [`Error::Model`] names the buffer, or the dispatch and the binding.
    pub fn check(&self) -> Result<()> {
        if let Some(buffer) = self.buffers.iter().find(|buffer| buffer.len == 0) {
            return Err(Error::Model(format!("the buffer {} has no elements", buffer.name)));
        }
        let bytes =
            |sum: u64, buffer: &Buffer| sum.checked_add((buffer.len as u64).checked_mul(8)?);
        if self.buffers.iter().try_fold(0, bytes).is_none_or(|bytes| bytes > isize::MAX as u64) {
            return Err(Error::Model("the program's buffers are larger than any memory".into()));
        }
        self.routines.iter().try_for_each(|routine| self.check_routine(routine))
    }

    /// Checks that no dispatch writes these buffers, so that several may read them.
    ///
    /// # Errors
    /// [`Error::Model`] names the buffer: a bug in the code that records.
    pub fn check_unwritten(&self, buffers: &[BufferId]) -> Result<()> {
        let dispatches = self.routines.iter().flat_map(|routine| &routine.dispatches);
        for dispatch in dispatches {
            for (span, binding) in dispatch.bindings.iter().zip(dispatch.kernel.bindings) {
                if binding.access == Access::Write && buffers.contains(&span.buffer) {
                    let name = &self.buffers[span.buffer.0].name;
                    let kernel = dispatch.kernel.name;
                    return Err(Error::Model(format!("{kernel} writes {name}, which is shared")));
                }
            }
        }
        Ok(())
    }

    /// Checks that a routine is one of the program's.
    ///
    /// # Errors
    /// [`Error::Model`] says how many there are.
    pub fn check_run(&self, routine: RoutineId) -> Result<()> {
        match self.routines.len() {
            count if routine.0 < count => Ok(()),
            count => Err(Error::Model(format!("there is no routine {}, only {count}", routine.0))),
        }
    }

    /// Checks that a span lies in a buffer of this program and holds such elements.
    ///
    /// # Errors
    /// [`Error::Model`] names the buffer and what it holds.
    pub fn check_span(&self, span: Span, element: Element) -> Result<()> {
        let Some(buffer) = self.buffers.get(span.buffer.0) else {
            let count = self.buffers.len();
            return Err(Error::Model(format!(
                "there is no buffer {}, only {count}",
                span.buffer.0
            )));
        };
        if buffer.element != element {
            return Err(Error::Model(format!(
                "the buffer {} holds {:?} and is taken for {element:?}",
                buffer.name, buffer.element
            )));
        }
        match is_inside(span, buffer) {
            true => Ok(()),
            false => Err(Error::Model(format!(
                "{} elements from {} on are not in the buffer {}, which has {}",
                span.len, span.offset, buffer.name, buffer.len
            ))),
        }
    }

    /// Checks that `count` values of this type can be written to the start of a span.
    ///
    /// # Errors
    /// [`Error::Model`] names the buffer and what it holds.
    pub fn check_write(&self, span: Span, element: Element, count: usize) -> Result<()> {
        self.check_span(span, element)?;
        match count <= span.len {
            true => Ok(()),
            false => Err(Error::Model(format!(
                "{count} values do not fit in {} elements of the buffer {}",
                span.len, self.buffers[span.buffer.0].name
            ))),
        }
    }

    /// Checks that one span can be copied to another: of the same type and length, in another buffer.
    ///
    /// # Errors
    /// [`Error::Model`] names the buffers.
    pub fn check_copy(&self, from: Span, to: Span) -> Result<()> {
        let element = self.buffers.get(from.buffer.0).map_or(Element::F32, |buffer| buffer.element);
        self.check_span(from, element)?;
        self.check_span(to, element)?;
        let [source, target] = [from, to].map(|span| &self.buffers[span.buffer.0].name);
        if from.len != to.len {
            return Err(Error::Model(format!(
                "{} elements of the buffer {source} are not copied to {} of {target}",
                from.len, to.len
            )));
        }
        match from.buffer == to.buffer {
            true => Err(Error::Model(format!("the buffer {source} is not copied to itself"))),
            false => Ok(()),
        }
    }

    fn check_routine(&self, routine: &Routine) -> Result<()> {
        routine.dispatches.iter().try_for_each(|dispatch| {
            self.check_dispatch(dispatch).map_err(|message| {
                let (name, kernel) = (&routine.name, dispatch.kernel.name);
                Error::Model(format!("routine {name}, kernel {kernel}: {message}"))
            })
        })
    }

    fn check_dispatch(&self, dispatch: &Dispatch) -> std::result::Result<(), String> {
        let kernel = dispatch.kernel;
        if dispatch.params.len() != kernel.params_size {
            let (given, wanted) = (dispatch.params.len(), kernel.params_size);
            return Err(format!("{given} bytes of parameters in place of {wanted}"));
        }
        let count = dispatch.bindings.len();
        if count != kernel.bindings.len() || count > MAX_BINDINGS {
            return Err(format!(
                "{count} bindings in place of {}, and at most {MAX_BINDINGS}",
                kernel.bindings.len()
            ));
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
            if span.len == 0 || !is_inside(*span, buffer) || span.offset % ALIGNMENT != 0 {
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
        let bytes = self.buffers.iter().map(|buffer| (buffer.len as u64).saturating_mul(4));
        bytes.fold(0, u64::saturating_add)
    }
}

/// Whether a span lies in its buffer.
fn is_inside(span: Span, buffer: &Buffer) -> bool {
    span.offset.checked_add(span.len).is_some_and(|end| end <= buffer.len)
}
