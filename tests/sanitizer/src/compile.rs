//! naga's IR as a flat list of operations over registers. Functions do not recurse in WGSL, so each has
//! registers and variables of its own, and a pointer into them is a register's number. Values lie in
//! registers as they do in memory. What is not known here is an error, never passed over.

use std::collections::HashMap;

use naga::{
    AddressSpace, ArraySize, BinaryOperator as B, Expression as E, Function, Handle, Literal,
    MathFunction, Module, ScalarKind, Span, Statement as S, TypeInner as T, UnaryOperator,
    valid::{FunctionInfo, ModuleInfo},
};

use crate::Error;
use crate::arithmetic::Contraction;
use crate::memory::Word;

/// An address: a register's contents, if any, and an offset, in words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Address {
    pub register: Option<u32>,
    pub offset: u32,
}

/// Words that lie together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Space {
    Registers,
    Workgroup,
    Storage,
    Uniform,
}

/// How many elements an array has.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Length {
    Fixed(u32),
    /// What is left of a resource behind so many words, in elements.
    Runtime {
        resource: u32,
        before: u32,
    },
}

/// What all invocations of a workgroup, or of a subgroup, do together.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Together {
    Barrier { storage: bool, workgroup: bool },
    UniformLoad { to: u32, from: Address, n: u32 },
    Broadcast { to: u32, value: u32, lane: Option<u32>, n: u32 },
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    Copy {
        to: u32,
        from: u32,
        n: u32,
    },
    Address {
        to: u32,
        address: Address,
    },
    Index {
        to: u32,
        base: Address,
        index: u32,
        stride: u32,
        length: Length,
    },
    Extract {
        to: u32,
        from: u32,
        index: u32,
        stride: u32,
        length: u32,
        n: u32,
    },
    Load {
        to: u32,
        space: Space,
        from: Address,
        n: u32,
        atomic: bool,
    },
    /// `whole` is the vector of which a component is written.
    Store {
        space: Space,
        to: Address,
        from: u32,
        n: u32,
        whole: Option<(Address, u32)>,
        atomic: bool,
    },
    Atomic {
        space: Space,
        at: Address,
        fun: AtomicOp,
        value: u32,
        result: Option<u32>,
        signed: bool,
    },
    Length {
        to: u32,
        length: Length,
        stride: u32,
    },
    Unary {
        op: UnaryOperator,
        to: u32,
        a: u32,
        n: u32,
        kind: ScalarKind,
    },
    Binary {
        op: B,
        to: u32,
        a: u32,
        b: u32,
        steps: [u32; 2],
        n: u32,
        kind: ScalarKind,
    },
    MultiplyAdd {
        to: u32,
        a: u32,
        b: u32,
        c: u32,
        steps: [u32; 3],
        negates: [bool; 2],
        n: u32,
    },
    Math {
        fun: MathFunction,
        to: u32,
        args: [u32; 3],
        n: u32,
        kind: ScalarKind,
    },
    Dot {
        to: u32,
        a: u32,
        b: u32,
        n: u32,
    },
    Select {
        to: u32,
        condition: u32,
        accept: u32,
        reject: u32,
        step: u32,
        n: u32,
    },
    Any {
        to: u32,
        a: u32,
        n: u32,
        all: bool,
    },
    Convert {
        to: u32,
        a: u32,
        n: u32,
        from: ScalarKind,
        into: ScalarKind,
    },
    Jump {
        target: u32,
    },
    JumpUnless {
        condition: u32,
        target: u32,
    },
    JumpIf {
        condition: u32,
        target: u32,
    },
    JumpEqual {
        selector: u32,
        value: u32,
        target: u32,
    },
    Call {
        target: u32,
    },
    Return,
    Together(Together),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum AtomicOp {
    Add,
    Subtract,
    And,
    Or,
    Xor,
    Min,
    Max,
    Exchange,
}

/// A value that each invocation is given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Given {
    pub builtin: naga::BuiltIn,
    pub to: u32,
}

/// A binding that the shader declares.
#[derive(Clone, Debug)]
pub(crate) struct Resource {
    pub name: String,
    pub group: u32,
    pub binding: u32,
    pub uniform: bool,
    /// First word in its address space, and words, set before a run.
    pub start: u32,
    pub words: u32,
    /// The least number of words it must have.
    pub least: u32,
}

/// A compiled entry point.
#[derive(Debug, Default)]
pub(crate) struct Program {
    pub ops: Vec<Op>,
    pub spans: Vec<Span>,
    pub registers: Vec<Word>,
    /// Registers that hold variables without an initialiser.
    pub unset: Vec<(u32, u32)>,
    pub given: Vec<Given>,
    pub resources: Vec<Resource>,
    pub workgroup_words: u32,
    /// Names of variables in workgroup memory with where they begin.
    pub workgroup_names: Vec<(u32, String)>,
    pub entry: u32,
    pub size: [u32; 3],
    pub strict: bool,
}

#[derive(Clone)]
struct Compiled {
    target: u32,
    arguments: Vec<(u32, u32)>,
    result: Option<(u32, u32)>,
}

pub(crate) struct Compiler<'a> {
    module: &'a Module,
    contraction: Contraction,
    program: Program,
    globals: HashMap<Handle<naga::GlobalVariable>, (u32, Option<u32>)>,
    functions: HashMap<Handle<Function>, Compiled>,
}

/// A function while it is compiled.
struct Body<'a> {
    function: &'a Function,
    info: &'a FunctionInfo,
    registers: HashMap<Handle<E>, u32>,
    addresses: HashMap<Handle<E>, Address>,
    locals: HashMap<Handle<naga::LocalVariable>, u32>,
    arguments: Vec<(u32, u32)>,
    result: Option<(u32, u32)>,
    breaks: Vec<Vec<u32>>,
    continues: Vec<Vec<u32>>,
}

type Result<R> = std::result::Result<R, Error>;

fn unknown<R>(what: impl std::fmt::Debug, span: Span) -> Result<R> {
    Err(Error::unknown(format!("{what:?}"), span))
}

impl<'a> Compiler<'a> {
    pub fn compile(
        module: &'a Module,
        info: &'a ModuleInfo,
        entry: &str,
        contraction: Contraction,
        strict: bool,
        layout: &mut dyn FnMut(&mut Resource) -> Result<()>,
    ) -> Result<Program> {
        let program = Program { strict, ..Program::default() };
        let (globals, functions) = (HashMap::new(), HashMap::new());
        let mut c = Compiler { module, contraction, program, globals, functions };
        let at = module.entry_points.iter().position(|point| point.name == entry);
        let Some(at) = at else {
            return Err(Error::new(format!("the shader has no entry point {entry}")));
        };
        let point = &module.entry_points[at];
        if point.stage != naga::ShaderStage::Compute || point.workgroup_size_overrides.is_some() {
            return unknown(
                "an entry point that is no compute shader of constant size",
                Span::UNDEFINED,
            );
        }
        c.program.size = point.workgroup_size;
        for (handle, variable) in module.global_variables.iter() {
            c.global(handle, variable, layout)?;
        }
        for (handle, function) in module.functions.iter() {
            let compiled = c.function(function, &info[handle], false)?;
            c.functions.insert(handle, compiled);
        }
        let compiled = c.function(&point.function, info.get_entry_point(at), true)?;
        c.program.entry = compiled.target;
        Ok(c.program)
    }

    fn global(
        &mut self,
        handle: Handle<naga::GlobalVariable>,
        variable: &naga::GlobalVariable,
        layout: &mut dyn FnMut(&mut Resource) -> Result<()>,
    ) -> Result<()> {
        let span = self.module.global_variables.get_span(handle);
        let inner = &self.module.types[variable.ty].inner;
        let name = variable.name.clone().unwrap_or_default();
        let place = match variable.space {
            AddressSpace::Private => {
                let size = self.size(inner, span)?;
                let at = self.allocate(size);
                match variable.init {
                    Some(init) => self.constant_into(init, &self.module.global_expressions, at)?,
                    None => self.program.unset.push((at, size)),
                }
                (at, None)
            }
            AddressSpace::WorkGroup => {
                let at = self.program.workgroup_words;
                self.program.workgroup_words += self.size(inner, span)?.next_multiple_of(4);
                self.program.workgroup_names.push((at, name));
                (at, None)
            }
            AddressSpace::Storage { .. } | AddressSpace::Uniform => {
                let binding =
                    variable.binding.ok_or_else(|| Error::new(format!("{name} has no binding")))?;
                let mut resource = Resource {
                    name,
                    group: binding.group,
                    binding: binding.binding,
                    uniform: variable.space == AddressSpace::Uniform,
                    start: 0,
                    words: 0,
                    least: self.size(inner, span)?,
                };
                layout(&mut resource)?;
                let start = resource.start;
                self.program.resources.push(resource);
                (start, Some(self.program.resources.len() as u32 - 1))
            }
            other => return unknown(other, span),
        };
        self.globals.insert(handle, place);
        Ok(())
    }

    fn allocate(&mut self, n: u32) -> u32 {
        let at = self.program.registers.len() as u32;
        self.program.registers.resize((at + n) as usize, Word::default());
        at
    }

    fn has_bool(&self, inner: &T) -> bool {
        match inner {
            T::Scalar(scalar) | T::Vector { scalar, .. } => scalar.kind == ScalarKind::Bool,
            T::Array { base, .. } => self.has_bool(&self.module.types[*base].inner),
            T::Struct { members, .. } => {
                members.iter().any(|member| self.has_bool(&self.module.types[member.ty].inner))
            }
            _ => false,
        }
    }

    /// Words of a type, of the smallest array for arrays without a size.
    fn size(&self, inner: &T, span: Span) -> Result<u32> {
        Ok(match inner {
            T::Scalar(scalar) | T::Atomic(scalar) => match (scalar.kind, scalar.width) {
                (ScalarKind::Bool, _)
                | (ScalarKind::Sint | ScalarKind::Uint | ScalarKind::Float, 4) => 1,
                _ => return unknown(scalar, span),
            },
            T::Vector { size, scalar } => *size as u32 * self.size(&T::Scalar(*scalar), span)?,
            T::Matrix { columns, rows, .. } => *columns as u32 * (*rows as u32).next_power_of_two(),
            T::Array { base, size, .. } => {
                let count = match size {
                    ArraySize::Constant(count) => count.get(),
                    ArraySize::Dynamic => 1,
                    ArraySize::Pending(_) => return unknown(inner, span),
                };
                count * self.stride(inner, *base, span)?
            }
            T::Struct { members, span: bytes } => match self.has_bool(inner) {
                false => *bytes / 4,
                true => {
                    let mut end = 0;
                    for member in members {
                        end += self.size(&self.module.types[member.ty].inner, span)?;
                    }
                    end
                }
            },
            T::Pointer { .. } | T::ValuePointer { .. } => 1,
            other => return unknown(other, span),
        })
    }

    fn stride(&self, inner: &T, base: Handle<naga::Type>, span: Span) -> Result<u32> {
        let element = &self.module.types[base].inner;
        match inner {
            T::Array { stride, .. } if !self.has_bool(element) => Ok(stride / 4),
            _ => self.size(element, span),
        }
    }

    /// Where a component begins, for a constant index; and its stride and count, for any.
    fn member(&self, inner: &T, index: u32, span: Span) -> Result<u32> {
        if let T::Struct { members, .. } = inner {
            if !self.has_bool(inner) {
                return Ok(members[index as usize].offset / 4);
            }
            let mut at = 0;
            for member in &members[..index as usize] {
                at += self.size(&self.module.types[member.ty].inner, span)?;
            }
            return Ok(at);
        }
        Ok(index * self.elements(inner, span)?.0)
    }

    fn elements(&self, inner: &T, span: Span) -> Result<(u32, Option<u32>)> {
        Ok(match inner {
            T::Vector { size, .. } | T::ValuePointer { size: Some(size), .. } => {
                (1, Some(*size as u32))
            }
            T::Matrix { columns, rows, .. } => {
                ((*rows as u32).next_power_of_two(), Some(*columns as u32))
            }
            T::Array { base, size, .. } => (
                self.stride(inner, *base, span)?,
                match size {
                    ArraySize::Constant(count) => Some(count.get()),
                    _ => None,
                },
            ),
            other => return unknown(other, span),
        })
    }

    /// The words of a type that hold something, without padding, as runs.
    fn runs(&self, inner: &T, at: u32, runs: &mut Vec<(u32, u32)>, span: Span) -> Result<()> {
        let mut add = |at: u32, n: u32| match runs.last_mut() {
            Some((start, length)) if *start + *length == at => *length += n,
            _ => runs.push((at, n)),
        };
        match inner {
            T::Matrix { columns, rows, .. } => {
                let stride = (*rows as u32).next_power_of_two();
                (0..*columns as u32).for_each(|i| add(at + i * stride, *rows as u32));
            }
            T::Array { base, size: ArraySize::Constant(count), .. } => {
                let stride = self.stride(inner, *base, span)?;
                for i in 0..count.get() {
                    self.runs(&self.module.types[*base].inner, at + i * stride, runs, span)?;
                }
            }
            T::Struct { members, .. } => {
                for (i, member) in members.iter().enumerate() {
                    let offset = self.member(inner, i as u32, span)?;
                    self.runs(&self.module.types[member.ty].inner, at + offset, runs, span)?;
                }
            }
            other => add(at, self.size(other, span)?),
        }
        Ok(())
    }

    fn constant_into(&mut self, handle: Handle<E>, arena: &naga::Arena<E>, at: u32) -> Result<()> {
        let span = arena.get_span(handle);
        let module = self.module;
        match &arena[handle] {
            E::Literal(literal) => {
                self.program.registers[at as usize].bits = match literal {
                    Literal::F32(x) => x.to_bits(),
                    Literal::U32(x) => *x,
                    Literal::I32(x) => *x as u32,
                    Literal::Bool(x) => *x as u32,
                    other => return unknown(other, span),
                };
            }
            E::Constant(constant) => {
                let init = module.constants[*constant].init;
                self.constant_into(init, &module.global_expressions, at)?;
            }
            E::ZeroValue(_) => {}
            E::Compose { ty, components } => {
                let inner = &module.types[*ty].inner;
                let flat = matches!(inner, T::Vector { .. });
                let mut next = 0;
                for (i, component) in components.iter().enumerate() {
                    let to = if flat { next } else { self.member(inner, i as u32, span)? };
                    self.constant_into(*component, arena, at + to)?;
                    next += match &arena[*component] {
                        E::Compose { ty, .. } | E::ZeroValue(ty) => {
                            self.size(&module.types[*ty].inner, span)?
                        }
                        E::Splat { size, .. } => *size as u32,
                        E::Constant(c) => {
                            self.size(&module.types[module.constants[*c].ty].inner, span)?
                        }
                        _ => 1,
                    };
                }
            }
            E::Splat { size, value } => {
                for i in 0..*size as u32 {
                    self.constant_into(*value, arena, at + i)?;
                }
            }
            other => return unknown(other, span),
        }
        Ok(())
    }

    fn emit(&mut self, op: Op, span: Span) -> u32 {
        self.program.ops.push(op);
        self.program.spans.push(span);
        self.program.ops.len() as u32 - 1
    }

    fn here(&self) -> u32 {
        self.program.ops.len() as u32
    }

    fn land(&mut self, at: u32) {
        let here = self.here();
        match &mut self.program.ops[at as usize] {
            Op::Jump { target }
            | Op::JumpUnless { target, .. }
            | Op::JumpIf { target, .. }
            | Op::JumpEqual { target, .. } => *target = here,
            other => unreachable!("{other:?} does not jump"),
        }
    }

    fn function(
        &mut self,
        function: &'a Function,
        info: &'a FunctionInfo,
        is_entry: bool,
    ) -> Result<Compiled> {
        let module = self.module;
        let mut body = Body {
            function,
            info,
            registers: HashMap::new(),
            addresses: HashMap::new(),
            locals: HashMap::new(),
            arguments: Vec::new(),
            result: None,
            breaks: Vec::new(),
            continues: Vec::new(),
        };
        for argument in &function.arguments {
            let n = self.size(&module.types[argument.ty].inner, Span::UNDEFINED)?;
            let to = self.allocate(n);
            body.arguments.push((to, n));
            if is_entry {
                match argument.binding {
                    Some(naga::Binding::BuiltIn(builtin)) => {
                        self.program.given.push(Given { builtin, to })
                    }
                    _ => {
                        return unknown(
                            "an argument of the entry point that is no built-in value",
                            Span::UNDEFINED,
                        );
                    }
                }
            }
        }
        if let Some(result) = &function.result {
            let n = self.size(&module.types[result.ty].inner, Span::UNDEFINED)?;
            body.result = Some((self.allocate(n), n));
        }
        let target = self.here();
        for (handle, local) in function.local_variables.iter() {
            let span = function.local_variables.get_span(handle);
            let n = self.size(&module.types[local.ty].inner, span)?;
            let (at, from) = (self.allocate(n), self.allocate(n));
            match local.init {
                Some(init) => self.constant_into(init, &function.expressions, from)?,
                None => self.program.unset.push((from, n)),
            }
            self.emit(Op::Copy { to: at, from, n }, span);
            body.locals.insert(handle, at);
        }
        self.block(&mut body, &function.body)?;
        self.emit(Op::Return, Span::UNDEFINED);
        Ok(Compiled { target, arguments: body.arguments, result: body.result })
    }

    fn inner<'b>(&'b self, body: &'b Body<'a>, handle: Handle<E>) -> &'b T {
        body.info[handle].ty.inner_with(&self.module.types)
    }

    /// The type behind a pointer.
    fn pointee(&self, body: &Body<'a>, handle: Handle<E>) -> Result<(T, AddressSpace)> {
        match self.inner(body, handle) {
            T::Pointer { base, space } => Ok((self.module.types[*base].inner.clone(), *space)),
            T::ValuePointer { size: Some(size), scalar, space } => {
                Ok((T::Vector { size: *size, scalar: *scalar }, *space))
            }
            T::ValuePointer { size: None, scalar, space } => Ok((T::Scalar(*scalar), *space)),
            other => unknown(other, body.function.expressions.get_span(handle)),
        }
    }

    fn space(space: AddressSpace) -> Result<Space> {
        Ok(match space {
            AddressSpace::Function | AddressSpace::Private => Space::Registers,
            AddressSpace::WorkGroup => Space::Workgroup,
            AddressSpace::Storage { .. } => Space::Storage,
            AddressSpace::Uniform => Space::Uniform,
            other => return unknown(other, Span::UNDEFINED),
        })
    }

    /// The first register of a value.
    fn value(&mut self, body: &mut Body<'a>, handle: Handle<E>) -> Result<u32> {
        if let Some(&register) = body.registers.get(&handle) {
            return Ok(register);
        }
        let span = body.function.expressions.get_span(handle);
        if self.inner(body, handle).pointer_space().is_some() {
            let address = self.address(body, handle)?;
            let to = self.allocate(1);
            self.emit(Op::Address { to, address }, span);
            return Ok(to);
        }
        let register = match &body.function.expressions[handle] {
            E::FunctionArgument(i) => body.arguments[*i as usize].0,
            E::Literal(_)
            | E::Constant(_)
            | E::ZeroValue(_)
            | E::Compose { .. }
            | E::Splat { .. } => {
                let n = self.size(&self.inner(body, handle).clone(), span)?;
                let at = self.allocate(n);
                self.constant_into(handle, &body.function.expressions, at)?;
                at
            }
            other => return unknown(other, span),
        };
        body.registers.insert(handle, register);
        Ok(register)
    }

    fn address(&mut self, body: &mut Body<'a>, handle: Handle<E>) -> Result<Address> {
        if let Some(&address) = body.addresses.get(&handle) {
            return Ok(address);
        }
        Ok(match &body.function.expressions[handle] {
            E::GlobalVariable(variable) => {
                Address { register: None, offset: self.globals[variable].0 }
            }
            E::LocalVariable(variable) => Address { register: None, offset: body.locals[variable] },
            E::FunctionArgument(i) => {
                Address { register: Some(body.arguments[*i as usize].0), offset: 0 }
            }
            other => return unknown(other, body.function.expressions.get_span(handle)),
        })
    }

    /// The resource whose last part, an array without a size, `handle` points to.
    fn runtime(&self, body: &Body<'a>, handle: Handle<E>) -> Result<Length> {
        let span = body.function.expressions.get_span(handle);
        match &body.function.expressions[handle] {
            E::GlobalVariable(variable) => match self.globals[variable].1 {
                Some(resource) => Ok(Length::Runtime { resource, before: 0 }),
                None => unknown("an array without a size", span),
            },
            E::AccessIndex { base, index } => {
                let (inner, _) = self.pointee(body, *base)?;
                match self.runtime(body, *base)? {
                    Length::Runtime { resource, .. } => {
                        Ok(Length::Runtime { resource, before: self.member(&inner, *index, span)? })
                    }
                    length => Ok(length),
                }
            }
            other => unknown(other, span),
        }
    }

    fn expression(&mut self, body: &mut Body<'a>, handle: Handle<E>) -> Result<()> {
        let function = body.function;
        let span = function.expressions.get_span(handle);
        let inner = self.inner(body, handle).clone();
        if inner.pointer_space().is_some() {
            let address = match &function.expressions[handle] {
                E::AccessIndex { base, index } => {
                    let (of, _) = self.pointee(body, *base)?;
                    let mut address = self.address(body, *base)?;
                    if let T::Array { size: ArraySize::Dynamic, .. } = of {
                        let length = self.runtime(body, *base)?;
                        let (stride, _) = self.elements(&of, span)?;
                        let (at, to) = (self.allocate(1), self.allocate(1));
                        self.program.registers[at as usize].bits = *index;
                        self.emit(Op::Index { to, base: address, index: at, stride, length }, span);
                        address = Address { register: Some(to), offset: 0 };
                    } else {
                        address.offset += self.member(&of, *index, span)?;
                    }
                    address
                }
                E::Access { base, index } => {
                    let (of, _) = self.pointee(body, *base)?;
                    let address = self.address(body, *base)?;
                    let (stride, count) = self.elements(&of, span)?;
                    let length = match count {
                        Some(count) => Length::Fixed(count),
                        None => self.runtime(body, *base)?,
                    };
                    let index = self.value(body, *index)?;
                    let to = self.allocate(1);
                    self.emit(Op::Index { to, base: address, index, stride, length }, span);
                    Address { register: Some(to), offset: 0 }
                }
                other => return unknown(other, span),
            };
            body.addresses.insert(handle, address);
            return Ok(());
        }
        // Parts of a value are where the value is.
        if let E::AccessIndex { base, index } = &function.expressions[handle] {
            let of = self.inner(body, *base).clone();
            let register = self.value(body, *base)? + self.member(&of, *index, span)?;
            body.registers.insert(handle, register);
            return Ok(());
        }
        let n = self.size(&inner, span)?;
        let to = self.allocate(n);
        let kind_of = |c: &Self, body: &Body<'a>, handle| -> Result<ScalarKind> {
            let inner = c.inner(body, handle);
            inner.scalar_kind().map_or_else(|| unknown(inner, span), Ok)
        };
        match &function.expressions[handle] {
            E::Literal(_) | E::Constant(_) | E::ZeroValue(_) => {
                self.constant_into(handle, &function.expressions, to)?;
            }
            E::Compose { components, .. } => {
                let flat = matches!(inner, T::Vector { .. });
                let mut next = 0;
                for (i, component) in components.iter().enumerate() {
                    let of = self.inner(body, *component).clone();
                    let n = self.size(&of, span)?;
                    let from = self.value(body, *component)?;
                    let offset = if flat { next } else { self.member(&inner, i as u32, span)? };
                    self.emit(Op::Copy { to: to + offset, from, n }, span);
                    next += n;
                }
            }
            E::Access { base, index } => {
                let of = self.inner(body, *base).clone();
                let (from, index) = (self.value(body, *base)?, self.value(body, *index)?);
                let (stride, count) = self.elements(&of, span)?;
                let Some(length) = count else { return unknown(of, span) };
                self.emit(Op::Extract { to, from, index, stride, length, n }, span);
            }
            E::Splat { value, .. } => {
                let from = self.value(body, *value)?;
                for i in 0..n {
                    self.emit(Op::Copy { to: to + i, from, n: 1 }, span);
                }
            }
            E::Swizzle { vector, pattern, .. } => {
                let from = self.value(body, *vector)?;
                for i in 0..n {
                    let from = from + pattern[i as usize] as u32;
                    self.emit(Op::Copy { to: to + i, from, n: 1 }, span);
                }
            }
            E::Load { pointer } => {
                let (of, space) = self.pointee(body, *pointer)?;
                let from = self.address(body, *pointer)?;
                let space = Self::space(space)?;
                let atomic = matches!(of, T::Atomic(_));
                let mut runs = Vec::new();
                self.runs(&of, 0, &mut runs, span)?;
                for (at, n) in runs {
                    let from = Address { offset: from.offset + at, ..from };
                    self.emit(Op::Load { to: to + at, space, from, n, atomic }, span);
                }
            }
            E::Unary { op, expr } => {
                let kind = kind_of(self, body, *expr)?;
                let a = self.value(body, *expr)?;
                self.emit(Op::Unary { op: *op, to, a, n, kind }, span);
            }
            E::Binary { op, left, right } => {
                let kind = kind_of(self, body, *left)?;
                let (of_a, of_b) = (self.inner(body, *left), self.inner(body, *right));
                let matrices = [of_a, of_b].map(|of| matches!(of, T::Matrix { .. }));
                let scalars = [of_a, of_b].map(|of| matches!(of, T::Scalar(_)));
                if *op == B::Multiply && (matrices[0] && !scalars[1] || matrices[1] && !scalars[0])
                {
                    return unknown(("a product of matrices", op), span);
                }
                let steps = scalars.map(|is_scalar| !is_scalar as u32);
                let (a, b) = (self.value(body, *left)?, self.value(body, *right)?);
                let adds = matches!(op, B::Add | B::Subtract) && kind == ScalarKind::Float;
                if adds && self.contraction == Contraction::Always {
                    let product = |side: Handle<E>| match function.expressions[side] {
                        E::Binary { op: B::Multiply, left, right } => Some((left, right)),
                        _ => None,
                    };
                    let negative = *op == B::Subtract;
                    let found = match (product(*left), product(*right)) {
                        (Some(factors), _) => Some((factors, b, steps[1], [false, negative])),
                        (None, Some(factors)) => Some((factors, a, steps[0], [negative, false])),
                        _ => None,
                    };
                    if let Some(((x, y), c, step, negates)) = found {
                        let step_of =
                            |c: &Self, h| !matches!(c.inner(body, h), T::Scalar(_)) as u32;
                        let steps = [step_of(self, x), step_of(self, y), step];
                        let (a, b) = (self.value(body, x)?, self.value(body, y)?);
                        self.emit(Op::MultiplyAdd { to, a, b, c, steps, negates, n }, span);
                        body.registers.insert(handle, to);
                        return Ok(());
                    }
                }
                self.emit(Op::Binary { op: *op, to, a, b, steps, n, kind }, span);
            }
            E::Select { condition, accept, reject } => {
                let step = !matches!(self.inner(body, *condition), T::Scalar(_)) as u32;
                let condition = self.value(body, *condition)?;
                let (accept, reject) = (self.value(body, *accept)?, self.value(body, *reject)?);
                self.emit(Op::Select { to, condition, accept, reject, step, n }, span);
            }
            E::Relational { fun, argument } => {
                let of = self.inner(body, *argument).clone();
                let (a, n) = (self.value(body, *argument)?, self.size(&of, span)?);
                let all = match fun {
                    naga::RelationalFunction::All => true,
                    naga::RelationalFunction::Any => false,
                    other => return unknown(other, span),
                };
                self.emit(Op::Any { to, a, n, all }, span);
            }
            E::Math { fun, arg, arg1, arg2, arg3 } => {
                let kind = kind_of(self, body, *arg)?;
                let of = self.inner(body, *arg).clone();
                let a = self.value(body, *arg)?;
                let mut args = [a; 3];
                for (register, arg) in args[1..].iter_mut().zip([arg1, arg2]) {
                    if let Some(arg) = arg {
                        *register = self.value(body, *arg)?;
                    }
                }
                use MathFunction as M;
                match fun {
                    _ if arg3.is_some() => return unknown(fun, span),
                    M::Transpose => {
                        let T::Matrix { columns, rows, .. } = of else { return unknown(of, span) };
                        let (columns, rows) = (columns as u32, rows as u32);
                        let (in_stride, out_stride) =
                            (rows.next_power_of_two(), columns.next_power_of_two());
                        for i in 0..columns * rows {
                            let (column, row) = (i / rows, i % rows);
                            let from = a + column * in_stride + row;
                            self.emit(
                                Op::Copy { to: to + row * out_stride + column, from, n: 1 },
                                span,
                            );
                        }
                    }
                    M::Dot if kind == ScalarKind::Float => {
                        let n = self.size(&of, span)?;
                        self.emit(Op::Dot { to, a, b: args[1], n }, span);
                    }
                    M::Abs | M::Min | M::Max | M::Clamp if kind != ScalarKind::Bool => {
                        self.emit(Op::Math { fun: *fun, to, args, n, kind }, span);
                    }
                    M::Fma
                    | M::Sqrt
                    | M::InverseSqrt
                    | M::Floor
                    | M::Ceil
                    | M::Trunc
                    | M::Round
                    | M::Exp
                    | M::Exp2
                    | M::Log
                    | M::Log2
                    | M::Tanh
                        if kind == ScalarKind::Float =>
                    {
                        self.emit(Op::Math { fun: *fun, to, args, n, kind }, span);
                    }
                    M::CountOneBits | M::FirstTrailingBit => {
                        self.emit(Op::Math { fun: *fun, to, args, n, kind }, span);
                    }
                    other => return unknown(other, span),
                }
            }
            E::As { expr, kind: into, convert } => {
                let from = kind_of(self, body, *expr)?;
                let a = self.value(body, *expr)?;
                match convert {
                    Some(4) | Some(1) => {
                        self.emit(Op::Convert { to, a, n, from, into: *into }, span)
                    }
                    None => self.emit(Op::Copy { to, from: a, n }, span),
                    other => return unknown(other, span),
                };
            }
            E::ArrayLength(pointer) => {
                let length = self.runtime(body, *pointer)?;
                let (of, _) = self.pointee(body, *pointer)?;
                let (stride, _) = self.elements(&of, span)?;
                self.emit(Op::Length { to, length, stride }, span);
            }
            other => return unknown(other, span),
        }
        body.registers.insert(handle, to);
        Ok(())
    }

    /// Registers for what a statement gives.
    fn result(&mut self, body: &mut Body<'a>, handle: Handle<E>, span: Span) -> Result<(u32, u32)> {
        let n = self.size(&self.inner(body, handle).clone(), span)?;
        let to = self.allocate(n);
        body.registers.insert(handle, to);
        Ok((to, n))
    }

    fn block(&mut self, body: &mut Body<'a>, block: &naga::Block) -> Result<()> {
        for (statement, &span) in block.span_iter() {
            self.statement(body, statement, span)?;
        }
        Ok(())
    }

    fn statement(&mut self, body: &mut Body<'a>, statement: &S, span: Span) -> Result<()> {
        match statement {
            S::Emit(range) => {
                for handle in range.clone() {
                    self.expression(body, handle)?;
                }
            }
            S::Block(block) => self.block(body, block)?,
            S::If { condition, accept, reject } => {
                let condition = self.value(body, *condition)?;
                let skips = self.emit(Op::JumpUnless { condition, target: 0 }, span);
                self.block(body, accept)?;
                if reject.is_empty() {
                    self.land(skips);
                } else {
                    let ends = self.emit(Op::Jump { target: 0 }, span);
                    self.land(skips);
                    self.block(body, reject)?;
                    self.land(ends);
                }
            }
            S::Switch { selector, cases } => {
                let selector = self.value(body, *selector)?;
                let mut jumps = Vec::new();
                let mut default = None;
                for (i, case) in cases.iter().enumerate() {
                    let value = match case.value {
                        naga::SwitchValue::I32(value) => value as u32,
                        naga::SwitchValue::U32(value) => value,
                        naga::SwitchValue::Default => {
                            default = Some(i);
                            continue;
                        }
                    };
                    jumps.push((i, self.emit(Op::JumpEqual { selector, value, target: 0 }, span)));
                }
                let Some(default) = default else {
                    return unknown("a switch without a default", span);
                };
                jumps.push((default, self.emit(Op::Jump { target: 0 }, span)));
                body.breaks.push(Vec::new());
                for (i, case) in cases.iter().enumerate() {
                    jumps.iter().filter(|(of, _)| *of == i).for_each(|(_, at)| self.land(*at));
                    self.block(body, &case.body)?;
                    if !case.fall_through {
                        let at = self.emit(Op::Jump { target: 0 }, span);
                        body.breaks.last_mut().expect("pushed above").push(at);
                    }
                }
                for at in body.breaks.pop().expect("pushed above") {
                    self.land(at);
                }
            }
            S::Loop { body: inside, continuing, break_if } => {
                let start = self.here();
                body.breaks.push(Vec::new());
                body.continues.push(Vec::new());
                self.block(body, inside)?;
                for at in body.continues.pop().expect("pushed above") {
                    self.land(at);
                }
                self.block(body, continuing)?;
                match break_if {
                    Some(condition) => {
                        let condition = self.value(body, *condition)?;
                        let ends = self.emit(Op::JumpIf { condition, target: 0 }, span);
                        self.emit(Op::Jump { target: start }, span);
                        self.land(ends);
                    }
                    None => {
                        self.emit(Op::Jump { target: start }, span);
                    }
                }
                for at in body.breaks.pop().expect("pushed above") {
                    self.land(at);
                }
            }
            S::Break | S::Continue => {
                let at = self.emit(Op::Jump { target: 0 }, span);
                let list = if matches!(statement, S::Break) {
                    &mut body.breaks
                } else {
                    &mut body.continues
                };
                match list.last_mut() {
                    Some(jumps) => jumps.push(at),
                    None => return unknown(statement, span),
                }
            }
            S::Return { value } => {
                if let (Some(value), Some((to, n))) = (value, body.result) {
                    let from = self.value(body, *value)?;
                    self.emit(Op::Copy { to, from, n }, span);
                }
                self.emit(Op::Return, span);
            }
            S::ControlBarrier(barrier) => {
                let known = naga::Barrier::STORAGE | naga::Barrier::WORK_GROUP;
                if !known.contains(*barrier) || barrier.is_empty() {
                    return unknown(barrier, span);
                }
                let (storage, workgroup) = (
                    barrier.contains(naga::Barrier::STORAGE),
                    barrier.contains(naga::Barrier::WORK_GROUP),
                );
                self.emit(Op::Together(Together::Barrier { storage, workgroup }), span);
            }
            S::Store { pointer, value } => {
                let (of, space) = self.pointee(body, *pointer)?;
                let space = Self::space(space)?;
                let to = self.address(body, *pointer)?;
                let from = self.value(body, *value)?;
                let whole = match body.function.expressions[*pointer] {
                    E::Access { base, .. } | E::AccessIndex { base, .. } => {
                        match self.pointee(body, base)? {
                            (T::Vector { size, .. }, _) => {
                                Some((self.address(body, base)?, size as u32))
                            }
                            _ => None,
                        }
                    }
                    _ => None,
                };
                let atomic = matches!(of, T::Atomic(_));
                let mut runs = Vec::new();
                self.runs(&of, 0, &mut runs, span)?;
                for (at, n) in runs {
                    let to = Address { offset: to.offset + at, ..to };
                    self.emit(Op::Store { space, to, from: from + at, n, whole, atomic }, span);
                }
            }
            S::Atomic { pointer, fun, value, result } => {
                let (of, space) = self.pointee(body, *pointer)?;
                let T::Atomic(scalar) = of else { return unknown(of, span) };
                use naga::AtomicFunction as F;
                let fun = match fun {
                    F::Add => AtomicOp::Add,
                    F::Subtract => AtomicOp::Subtract,
                    F::And => AtomicOp::And,
                    F::ExclusiveOr => AtomicOp::Xor,
                    F::InclusiveOr => AtomicOp::Or,
                    F::Min => AtomicOp::Min,
                    F::Max => AtomicOp::Max,
                    F::Exchange { compare: None } => AtomicOp::Exchange,
                    other => return unknown(other, span),
                };
                if scalar.kind == ScalarKind::Float {
                    return unknown(scalar, span);
                }
                let at = self.address(body, *pointer)?;
                let value = self.value(body, *value)?;
                let result = match result {
                    Some(handle) => Some(self.result(body, *handle, span)?.0),
                    None => None,
                };
                let signed = scalar.kind == ScalarKind::Sint;
                self.emit(
                    Op::Atomic { space: Self::space(space)?, at, fun, value, result, signed },
                    span,
                );
            }
            S::WorkGroupUniformLoad { pointer, result } => {
                let from = self.address(body, *pointer)?;
                let (to, n) = self.result(body, *result, span)?;
                self.emit(Op::Together(Together::UniformLoad { to, from, n }), span);
            }
            S::SubgroupGather { mode, argument, result } => {
                let value = self.value(body, *argument)?;
                let lane = match mode {
                    naga::GatherMode::BroadcastFirst => None,
                    naga::GatherMode::Broadcast(lane) => Some(self.value(body, *lane)?),
                    other => return unknown(other, span),
                };
                let (to, n) = self.result(body, *result, span)?;
                self.emit(Op::Together(Together::Broadcast { to, value, lane, n }), span);
            }
            S::Call { function, arguments, result } => {
                let called = self.functions[function].clone();
                // All first, then all moved: an argument may be what the last call gave.
                let mut values = Vec::new();
                for argument in arguments {
                    values.push(self.value(body, *argument)?);
                }
                for (from, &(to, n)) in values.into_iter().zip(&called.arguments) {
                    self.emit(Op::Copy { to, from, n }, span);
                }
                self.emit(Op::Call { target: called.target }, span);
                if let (Some(handle), Some((from, n))) = (result, called.result) {
                    let (to, _) = self.result(body, *handle, span)?;
                    self.emit(Op::Copy { to, from, n }, span);
                }
            }
            other => return unknown(other, span),
        }
        Ok(())
    }
}
