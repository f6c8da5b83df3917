//! A sanitizer for WGSL compute shaders that needs no GPU.
//!
//! It interprets naga's validated IR invocation by invocation, in random order between barriers, with
//! shadow memory, and reports by file and line what a device may do anything with: races, accesses out
//! of bounds, reads of memory that nobody wrote, barriers that not all reach, overflows in indices,
//! divisions by zero, wide shifts, NaN that `clamp` hides. The arithmetic is an option ([`Arithmetic`]),
//! so that results can be held to their bounds under all that WGSL allows. IR that it does not know is
//! an [`Error`], never passed over.
//!
//! ```
//! use wgsl_sanitizer::{Binding, Dispatch, Kind, Options, Piece, Shader};
//! let text = "@group(0) @binding(0) var<storage, read_write> sum: array<u32>;
//! @compute @workgroup_size(8) fn main(@builtin(local_invocation_index) i: u32) {
//!     sum[0] += i;
//! }";
//! let shader = Shader::parse(&[Piece { name: "sum.wgsl", text }])?;
//! let dispatch = Dispatch {
//!     workgroups: [1, 1, 1],
//!     bindings: vec![Binding { group: 0, binding: 0, words: vec![0], written: true }],
//! };
//! let outcome = shader.run("main", &dispatch, &Options::default())?;
//! assert_eq!(outcome.reports[0].kind, Kind::Race);
//! assert_eq!(outcome.reports[0].place.line, 3);
//! # Ok::<(), wgsl_sanitizer::Error>(())
//! ```

mod arithmetic;
mod compile;
mod interpret;
mod memory;
mod report;
mod schedule;

use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};

pub use arithmetic::{Arithmetic, Contraction};
pub use report::{Kind, Place, Report};

use memory::{UNWRITTEN, Word};

/// A part of a shader's text. A shader is the concatenation of its pieces.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    /// Name in reports: a file's.
    pub name: &'a str,
    /// Text.
    pub text: &'a str,
}

/// A shader that naga parsed and validated.
#[derive(Debug)]
pub struct Shader {
    module: naga::Module,
    info: ModuleInfo,
    text: String,
    /// Where each piece begins, and its name.
    pieces: Vec<(usize, String)>,
}

/// What a binding is bound to.
#[derive(Clone, Debug)]
pub struct Binding {
    /// `@group`.
    pub group: u32,
    /// `@binding`.
    pub binding: u32,
    /// Contents in words of four bytes: as many as are bound.
    pub words: Vec<u32>,
    /// Whether the contents count as written; where not, a read before a write is reported.
    pub written: bool,
}

/// One launch.
#[derive(Clone, Debug)]
pub struct Dispatch {
    /// Workgroups along x, y and z.
    pub workgroups: [u32; 3],
    /// All bindings of the shader, storage and uniform.
    pub bindings: Vec<Binding>,
}

/// How a launch is run and what is reported.
#[derive(Clone, Debug)]
pub struct Options {
    /// Seed of the order of workgroups and invocations.
    pub seed: u64,
    /// The arithmetic.
    pub arithmetic: Arithmetic,
    /// Whether workgroup memory, which WGSL zeroes, counts as unwritten at first.
    pub strict_workgroup: bool,
    /// Whether variables without an initialiser, which WGSL zeroes, count as unwritten at first.
    pub strict_variables: bool,
    /// Invocations of a subgroup.
    pub subgroup_size: u32,
    /// Reports after which no more are kept.
    pub most_reports: usize,
    /// Operations after which an invocation counts as endless.
    pub most_operations: u64,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            seed: 1,
            arithmetic: Arithmetic::EXACT,
            strict_workgroup: false,
            strict_variables: false,
            subgroup_size: 8,
            most_reports: 100,
            most_operations: 1 << 28,
        }
    }
}

/// What a run gave.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Mistakes, each pair of places once.
    pub reports: Vec<Report>,
    /// Contents of the dispatch's bindings afterwards, in their order.
    pub bindings: Vec<Vec<u32>>,
    /// Which of their words are written, by the shader or before.
    pub written: Vec<Vec<bool>>,
    /// Invocations run.
    pub invocations: u64,
    /// Operations run.
    pub operations: u64,
}

/// Why a shader cannot be run: it is not valid, it is not known, or a binding is missing or too small.
#[derive(Debug)]
pub struct Error {
    message: String,
    span: naga::Span,
    place: Option<Place>,
}

impl Error {
    pub(crate) fn new(message: String) -> Error {
        Error { message, span: naga::Span::UNDEFINED, place: None }
    }

    pub(crate) fn unknown(what: String, span: naga::Span) -> Error {
        Error { span, ..Error::new(format!("the interpreter does not know {what}")) }
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{place}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for Error {}

impl Shader {
    /// Parses and validates the concatenated pieces.
    ///
    /// # Errors
    /// Where naga refuses the text; the error names the piece and the line.
    pub fn parse(pieces: &[Piece<'_>]) -> Result<Shader, Error> {
        let text: String = pieces.iter().map(|piece| piece.text).collect();
        let mut at = 0;
        let mut starts = Vec::new();
        for piece in pieces {
            starts.push((at, piece.name.to_string()));
            at += piece.text.len();
        }
        let module = naga::front::wgsl::parse_str(&text).map_err(|error| {
            let span = error.labels().next().map_or(naga::Span::UNDEFINED, |(span, _)| span);
            let place = place_in(&text, &starts, span);
            Error { message: error.message().into(), span, place: Some(place) }
        })?;
        let capabilities = Capabilities::default() | Capabilities::SUBGROUP;
        let info = Validator::new(ValidationFlags::all(), capabilities).validate(&module);
        let info = info.map_err(|error| {
            let span = error.spans().next().map_or(naga::Span::UNDEFINED, |(span, _)| *span);
            let place = place_in(&text, &starts, span);
            Error { message: format!("{:?}", error.into_inner()), span, place: Some(place) }
        })?;
        Ok(Shader { module, info, text, pieces: starts })
    }

    pub(crate) fn place(&self, span: naga::Span) -> Place {
        place_in(&self.text, &self.pieces, span)
    }

    /// Runs `entry` once.
    ///
    /// # Errors
    /// Where the shader holds something that is not known, or a binding is missing or smaller than its type.
    pub fn run(
        &self,
        entry: &str,
        dispatch: &Dispatch,
        options: &Options,
    ) -> Result<Outcome, Error> {
        if options.subgroup_size == 0 {
            return Err(Error::new(
                "subgroup_size is 0; a subgroup has at least one invocation".into(),
            ));
        }
        let (mut storage, mut uniform) = (Vec::new(), Vec::new());
        let mut starts = vec![None; dispatch.bindings.len()];
        let mut lay_out = |resource: &mut compile::Resource| {
            let is_it = |b: &Binding| (b.group, b.binding) == (resource.group, resource.binding);
            let Some(at) = dispatch.bindings.iter().position(is_it) else {
                return Err(Error::new(format!(
                    "{} (group {}, binding {}) is bound to nothing",
                    resource.name, resource.group, resource.binding
                )));
            };
            let bound = &dispatch.bindings[at];
            if (bound.words.len() as u64) < resource.least as u64 {
                return Err(Error::new(format!(
                    "{} is bound to {} words and needs at least {}",
                    resource.name,
                    bound.words.len(),
                    resource.least
                )));
            }
            let memory = if resource.uniform { &mut uniform } else { &mut storage };
            (resource.start, resource.words) = (memory.len() as u32, bound.words.len() as u32);
            starts[at] = (!resource.uniform).then_some(memory.len());
            let mark = if bound.written || resource.uniform { 0 } else { UNWRITTEN };
            memory.extend(bound.words.iter().map(|&bits| Word { bits, mark }));
            Ok(())
        };
        let program = compile::Compiler::compile(
            &self.module,
            &self.info,
            entry,
            options.arithmetic.contraction,
            options.strict_variables,
            &mut lay_out,
        )
        .map_err(|error| match error.span.is_defined() {
            true => Error { place: Some(self.place(error.span)), ..error },
            false => error,
        })?;
        for given in &program.given {
            use naga::BuiltIn as G;
            match given.builtin {
                G::WorkGroupId
                | G::NumWorkGroups
                | G::LocalInvocationId
                | G::LocalInvocationIndex
                | G::GlobalInvocationId
                | G::SubgroupInvocationId
                | G::SubgroupId
                | G::SubgroupSize
                | G::NumSubgroups => {}
                other => return Err(Error::unknown(format!("{other:?}"), naga::Span::UNDEFINED)),
            }
        }
        let mut machine = interpret::Machine::new(self, &program, options, storage, uniform);
        let invocations = machine.run(dispatch.workgroups);
        let (mut bindings, mut written) = (Vec::new(), Vec::new());
        for (bound, start) in dispatch.bindings.iter().zip(starts) {
            let Some(start) = start else {
                bindings.push(bound.words.clone());
                written.push(vec![true; bound.words.len()]);
                continue;
            };
            let words = &machine.storage.words[start..start + bound.words.len()];
            bindings.push(words.iter().map(|word| word.bits).collect());
            written.push(words.iter().map(|word| word.mark != UNWRITTEN).collect());
        }
        let (reports, operations) = (machine.reports, machine.operations);
        Ok(Outcome { reports, bindings, written, invocations, operations })
    }
}

fn place_in(text: &str, pieces: &[(usize, String)], span: naga::Span) -> Place {
    let at = span.to_range().map_or(0, |range| range.start).min(text.len());
    let piece = pieces.iter().rev().find(|(start, _)| *start <= at);
    let (start, file) = piece.map_or((0, String::new()), |(start, name)| (*start, name.clone()));
    let line = 1 + text.as_bytes()[start..at].iter().filter(|&&byte| byte == b'\n').count() as u32;
    Place { file, line }
}
