//! Runs a compiled entry point: workgroups one by one, invocations of each until they wait, in random order.

use std::collections::HashSet;

use naga::{BinaryOperator as B, BuiltIn, MathFunction as M, ScalarKind as K, UnaryOperator as U};

use crate::compile::{Address, AtomicOp, Length, Op, Program, Space, Together};
use crate::memory::{Access, Memory, UNWRITTEN, Word};
use crate::report::{Kind, Report};
use crate::schedule::Orders;
use crate::{Options, Shader};

/// Where an invocation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Ready,
    Waiting(u32),
    Ended,
}

#[derive(Clone, Debug)]
struct Invocation {
    state: State,
    pc: u32,
    calls: Vec<u32>,
    steps: u64,
}

pub(crate) struct Machine<'a> {
    pub shader: &'a Shader,
    pub program: &'a Program,
    pub options: &'a Options,
    pub storage: Memory,
    pub uniform: Vec<Word>,
    pub workgroup: Memory,
    pub reports: Vec<Report>,
    pub operations: u64,
    seen: HashSet<(Kind, u32, u32)>,
    group: u32,
    group_id: [u32; 3],
    local: u32,
    stopped: bool,
}

impl<'a> Machine<'a> {
    pub fn new(
        shader: &'a Shader,
        program: &'a Program,
        options: &'a Options,
        storage: Vec<Word>,
        uniform: Vec<Word>,
    ) -> Self {
        Machine {
            shader,
            program,
            options,
            storage: Memory::new(storage),
            uniform,
            workgroup: Memory::new(vec![Word::default(); program.workgroup_words as usize]),
            reports: Vec::new(),
            operations: 0,
            seen: HashSet::new(),
            group: 0,
            group_id: [0; 3],
            local: 0,
            stopped: false,
        }
    }

    #[cold]
    fn report(&mut self, kind: Kind, site: u32, other: Option<u32>, message: String) {
        if self.reports.len() >= self.options.most_reports
            || !self.seen.insert((kind, site, other.unwrap_or(u32::MAX)))
        {
            return;
        }
        let place = |site: u32| self.shader.place(self.program.spans[site as usize]);
        let (place, other) = (place(site), other.map(place));
        let workgroup = self.group_id;
        // Code that was compiled into several places of the program is one place of the source.
        let known = |r: &Report| r.kind == kind && r.place == place && r.other == other;
        if !self.reports.iter().any(known) {
            self.reports.push(Report {
                kind,
                place,
                other,
                message,
                workgroup,
                invocation: self.local,
            });
        }
    }

    pub fn run(&mut self, workgroups: [u32; 3]) -> u64 {
        let [x, y, z] = workgroups;
        let mut order: Vec<u32> = (0..x * y * z).collect();
        let mut orders = Orders::new(self.options.seed);
        orders.shuffle(&mut order);
        let size: u32 = self.program.size.iter().product();
        let mut registers = Vec::new();
        let mut invocations = 0;
        for group in order {
            self.group = group;
            self.group_id = [group % x, group / x % y, group / x / y];
            self.storage.epoch = 0;
            self.workgroup.reset(if self.options.strict_workgroup { UNWRITTEN } else { 0 });
            registers.clear();
            for local in 0..size {
                let start = registers.len();
                registers.extend_from_slice(&self.program.registers);
                if self.program.strict {
                    for &(at, n) in &self.program.unset {
                        registers[start + at as usize..][..n as usize]
                            .fill(Word { bits: 0, mark: UNWRITTEN });
                    }
                }
                self.give(&mut registers[start..], local, workgroups);
            }
            invocations += size as u64;
            self.run_group(&mut registers, size, &mut orders);
            if self.stopped {
                break;
            }
        }
        invocations
    }

    fn give(&self, registers: &mut [Word], local: u32, workgroups: [u32; 3]) {
        let [sx, sy, _] = self.program.size;
        let id = [local % sx, local / sx % sy, local / sx / sy];
        let lanes = self.options.subgroup_size;
        let size: u32 = self.program.size.iter().product();
        for given in &self.program.given {
            let mut put = |values: &[u32]| {
                for (i, &bits) in values.iter().enumerate() {
                    registers[given.to as usize + i] = Word { bits, mark: 0 };
                }
            };
            match given.builtin {
                BuiltIn::WorkGroupId => put(&self.group_id),
                BuiltIn::NumWorkGroups => put(&workgroups),
                BuiltIn::LocalInvocationId => put(&id),
                BuiltIn::LocalInvocationIndex => put(&[local]),
                BuiltIn::GlobalInvocationId => {
                    let at = |i: usize| self.group_id[i] * self.program.size[i] + id[i];
                    put(&[at(0), at(1), at(2)]);
                }
                BuiltIn::SubgroupInvocationId => put(&[local % lanes]),
                BuiltIn::SubgroupId => put(&[local / lanes]),
                BuiltIn::SubgroupSize => put(&[lanes]),
                BuiltIn::NumSubgroups => put(&[size.div_ceil(lanes)]),
                _ => unreachable!("refused before the run"),
            }
        }
    }

    fn run_group(&mut self, registers: &mut [Word], size: u32, orders: &mut Orders) {
        let stride = self.program.registers.len();
        let first =
            Invocation { state: State::Ready, pc: self.program.entry, calls: Vec::new(), steps: 0 };
        let mut all = vec![first; size as usize];
        let mut order: Vec<usize> = (0..size as usize).collect();
        let lanes = self.options.subgroup_size as usize;
        loop {
            orders.shuffle(&mut order);
            for &i in &order {
                if all[i].state == State::Ready {
                    self.local = i as u32;
                    self.step(&mut all[i], &mut registers[i * stride..][..stride]);
                    if self.stopped {
                        return;
                    }
                }
            }
            // Subgroups first: each goes on by itself.
            let mut goes_on = false;
            for (s, subgroup) in all.chunks_mut(lanes).enumerate() {
                let at = subgroup.iter().enumerate().find_map(|(lane, one)| match one.state {
                    State::Waiting(pc) => match self.program.ops[pc as usize] {
                        Op::Together(Together::Broadcast { .. }) => Some((lane, pc)),
                        _ => None,
                    },
                    _ => None,
                });
                let Some((lane, pc)) = at else { continue };
                self.local = (s * lanes + lane) as u32;
                if !self.meet(subgroup, pc, "subgroup") {
                    return;
                }
                let Op::Together(Together::Broadcast { to, value, lane, n }) =
                    self.program.ops[pc as usize]
                else {
                    unreachable!("found above")
                };
                let begin = s * lanes * stride;
                let from = lane.map_or(0, |lane| registers[begin + lane as usize].bits as usize);
                if from >= subgroup.len() {
                    let message = format!("lane {from} of a subgroup of {}", subgroup.len());
                    self.report(Kind::OutOfBounds, pc, None, message);
                    self.stopped = true;
                    return;
                }
                for k in 0..n as usize {
                    let word = registers[begin + from * stride + value as usize + k];
                    for lane in 0..subgroup.len() {
                        registers[begin + lane * stride + to as usize + k] = word;
                    }
                }
                for one in subgroup {
                    (one.state, one.pc) = (State::Ready, pc + 1);
                }
                goes_on = true;
            }
            if goes_on {
                continue;
            }
            let waits = all.iter().enumerate().find_map(|(i, one)| match one.state {
                State::Waiting(pc) => Some((i, pc)),
                _ => None,
            });
            let Some((i, pc)) = waits else { return };
            self.local = i as u32;
            if !self.meet(&all, pc, "workgroup") {
                return;
            }
            let Op::Together(together) = self.program.ops[pc as usize] else {
                unreachable!("it waits")
            };
            match together {
                Together::Barrier { storage, workgroup } => {
                    self.storage.epoch += storage as u32;
                    self.workgroup.epoch += workgroup as u32;
                }
                Together::UniformLoad { to, from, n } => {
                    self.workgroup.epoch += 1;
                    let at = resolve(from, &registers[..stride]);
                    for k in 0..n as usize {
                        let word = self.workgroup.words[at + k];
                        if word.mark == UNWRITTEN {
                            self.report(
                                Kind::UnwrittenRead,
                                pc,
                                None,
                                "workgroup memory that nobody wrote".into(),
                            );
                        }
                        for i in 0..size as usize {
                            registers[i * stride + to as usize + k] = word;
                        }
                    }
                }
                Together::Broadcast { .. } => unreachable!("done above"),
            }
            for one in &mut all {
                (one.state, one.pc) = (State::Ready, pc + 1);
            }
        }
    }

    /// Whether all of these wait at `pc`; else a report, and the run ends.
    fn meet(&mut self, all: &[Invocation], pc: u32, what: &str) -> bool {
        let Some(other) = all.iter().find(|one| one.state != State::Waiting(pc)) else {
            return true;
        };
        let (elsewhere, count) =
            (other.state, all.iter().filter(|one| one.state == State::Waiting(pc)).count());
        let message = format!(
            "{count} of the {what}'s {} invocations are here, {}",
            all.len(),
            if elsewhere == State::Ended { "others have ended" } else { "others wait elsewhere" }
        );
        let other = match elsewhere {
            State::Waiting(at) => Some(at),
            _ => None,
        };
        self.report(Kind::NonUniform, pc, other, message);
        self.stopped = true;
        false
    }

    fn length(&self, length: Length, stride: u32) -> u32 {
        match length {
            Length::Fixed(count) => count,
            Length::Runtime { resource, before } => {
                self.program.resources[resource as usize].words.saturating_sub(before) / stride
            }
        }
    }

    /// Name of what lies at word `at`, and the word in it.
    fn name(&self, space: Space, at: usize) -> String {
        let at = at as u32;
        let found = match space {
            Space::Workgroup => {
                let mut names = self.program.workgroup_names.iter().rev();
                names.find(|(start, _)| *start <= at).map(|(start, name)| (name, at - start))
            }
            _ => {
                let mut resources = self.program.resources.iter();
                let found =
                    resources.find(|r| !r.uniform && r.start <= at && at < r.start + r.words);
                found.map(|r| (&r.name, at - r.start))
            }
        };
        found.map_or_else(|| "a variable".into(), |(name, word)| format!("word {word} of {name}"))
    }

    fn touch(&mut self, space: Space, at: usize, site: u32, writes: bool) {
        let by = Access { site, invocation: self.local };
        let group = self.group;
        let memory =
            if space == Space::Workgroup { &mut self.workgroup } else { &mut self.storage };
        if let Some((other, is_afar)) = memory.touch(at, by, group, writes) {
            let message = format!(
                "{} is {} here and touched by invocation {} of {} with no barrier between",
                self.name(space, at),
                if writes { "written" } else { "read" },
                other.invocation,
                if is_afar { "another workgroup" } else { "the same workgroup" },
            );
            self.report(Kind::Race, site, Some(other.site), message);
        }
    }

    /// A value that is used as an index.
    fn index(&mut self, word: Word, pc: u32) -> u32 {
        if word.mark != 0 && word.mark != UNWRITTEN {
            let message = format!("the index {} was computed with an overflow", word.bits);
            self.report(Kind::IndexOverflow, pc, Some(word.mark - 1), message);
        }
        word.bits
    }

    fn unwritten(&mut self, space: Space, at: usize, pc: u32) {
        let name = match space {
            Space::Registers => "a variable".into(),
            _ => self.name(space, at),
        };
        self.report(Kind::UnwrittenRead, pc, None, format!("{name} is read, and nobody wrote it"));
    }

    /// Runs an invocation until it waits or ends.
    fn step(&mut self, one: &mut Invocation, r: &mut [Word]) {
        let program = self.program;
        let arithmetic = self.options.arithmetic;
        let mut pc = one.pc;
        let mut steps = 0;
        loop {
            steps += 1;
            match program.ops[pc as usize] {
                Op::Copy { to, from, n } => {
                    r.copy_within(from as usize..(from + n) as usize, to as usize);
                }
                Op::Address { to, address } => {
                    let mark = is_outside(address, r) as u32;
                    r[to as usize] = Word { bits: resolve(address, r) as u32, mark };
                }
                Op::Index { to, base, index, stride, length } => {
                    let mut index = self.index(r[index as usize], pc);
                    // What lies outside is no location: nothing more is said of accesses to it.
                    let mut mark = base.register.map_or(0, |register| r[register as usize].mark);
                    let count = self.length(length, stride);
                    if index >= count {
                        let name = match length {
                            Length::Runtime { resource, .. } => {
                                &program.resources[resource as usize].name
                            }
                            Length::Fixed(_) => "an array or vector",
                        };
                        let message =
                            format!("index {} of {name}, which has {count} elements", index as i32);
                        self.report(Kind::OutOfBounds, pc, None, message);
                        index = count.saturating_sub(1);
                        mark = 1;
                        if count == 0 {
                            self.stopped = true;
                            break;
                        }
                    }
                    let at = resolve(base, r) as u32 + index * stride;
                    r[to as usize] = Word { bits: at, mark };
                }
                Op::Extract { to, from, index, stride, length, n } => {
                    let mut index = self.index(r[index as usize], pc);
                    if index >= length {
                        let message =
                            format!("index {} of a value of {length} elements", index as i32);
                        self.report(Kind::OutOfBounds, pc, None, message);
                        index = length - 1;
                    }
                    let from = (from + index * stride) as usize;
                    r.copy_within(from..from + n as usize, to as usize);
                }
                Op::Load { to, space, from, n, atomic } => {
                    let at = resolve(from, r);
                    let atomic = atomic || is_outside(from, r);
                    for k in 0..n as usize {
                        let word = match space {
                            Space::Registers => r[at + k],
                            Space::Uniform => self.uniform[at + k],
                            Space::Workgroup => {
                                if !atomic {
                                    self.touch(space, at + k, pc, false);
                                }
                                self.workgroup.words[at + k]
                            }
                            Space::Storage => {
                                if !atomic {
                                    self.touch(space, at + k, pc, false);
                                }
                                self.storage.words[at + k]
                            }
                        };
                        if word.mark == UNWRITTEN {
                            self.unwritten(space, at + k, pc);
                            r[to as usize + k] = Word { bits: word.bits, mark: 0 };
                        } else {
                            r[to as usize + k] = word;
                        }
                    }
                }
                Op::Store { space, to, from, n, whole, atomic } => {
                    let at = resolve(to, r);
                    if space != Space::Registers && !atomic && !is_outside(to, r) {
                        let (start, count) = match whole {
                            Some((address, count)) => (resolve(address, r), count),
                            None => (at, n),
                        };
                        for k in 0..count as usize {
                            self.touch(space, start + k, pc, true);
                        }
                    }
                    for k in 0..n as usize {
                        let word = r[from as usize + k];
                        match space {
                            Space::Registers => r[at + k] = word,
                            Space::Workgroup => self.workgroup.words[at + k] = word,
                            _ => self.storage.words[at + k] = word,
                        }
                    }
                }
                Op::Atomic { space, at, fun, value, result, signed } => {
                    let at = resolve(at, r);
                    let value = r[value as usize];
                    let memory = if space == Space::Workgroup {
                        &mut self.workgroup
                    } else {
                        &mut self.storage
                    };
                    let old = memory.words[at];
                    let (a, b) = (old.bits, value.bits);
                    let bits = match fun {
                        AtomicOp::Add => a.wrapping_add(b),
                        AtomicOp::Subtract => a.wrapping_sub(b),
                        AtomicOp::And => a & b,
                        AtomicOp::Or => a | b,
                        AtomicOp::Xor => a ^ b,
                        AtomicOp::Min if signed => (a as i32).min(b as i32) as u32,
                        AtomicOp::Max if signed => (a as i32).max(b as i32) as u32,
                        AtomicOp::Min => a.min(b),
                        AtomicOp::Max => a.max(b),
                        AtomicOp::Exchange => b,
                    };
                    memory.words[at] = Word { bits, mark: 0 };
                    if old.mark == UNWRITTEN {
                        self.unwritten(space, at, pc);
                    }
                    if let Some(result) = result {
                        r[result as usize] = Word { bits: a, mark: 0 };
                    }
                }
                Op::Length { to, length, stride } => {
                    r[to as usize] = Word { bits: self.length(length, stride), mark: 0 };
                }
                Op::Unary { op, to, a, n, kind } => {
                    for k in 0..n as usize {
                        let word = r[a as usize + k];
                        let bits = match (op, kind) {
                            (U::Negate, K::Float) => word.bits ^ 0x8000_0000,
                            (U::Negate, _) => (word.bits as i32).wrapping_neg() as u32,
                            (U::LogicalNot, _) => (word.bits == 0) as u32,
                            (U::BitwiseNot, _) => !word.bits,
                        };
                        r[to as usize + k] = Word { bits, mark: word.mark };
                    }
                }
                Op::Binary { op, to, a, b, steps, n, kind } => {
                    for k in 0..n {
                        let (x, y) =
                            (r[(a + k * steps[0]) as usize], r[(b + k * steps[1]) as usize]);
                        r[(to + k) as usize] = match kind {
                            K::Float => {
                                let [x, y] =
                                    [x, y].map(|w| arithmetic.operand(f32::from_bits(w.bits)));
                                let number = |x: f32| arithmetic.result(x).to_bits();
                                let bits = match op {
                                    B::Add => number(x + y),
                                    B::Subtract => number(x - y),
                                    B::Multiply => number(x * y),
                                    B::Divide if arithmetic.rounding.is_none() => number(x / y),
                                    B::Divide => arithmetic
                                        .off(x as f64 / y as f64, 2.5, 0.0, 1, [x, y])
                                        .to_bits(),
                                    B::Modulo => number(x % y),
                                    B::Equal => (x == y) as u32,
                                    B::NotEqual => (x != y) as u32,
                                    B::Less => (x < y) as u32,
                                    B::LessEqual => (x <= y) as u32,
                                    B::Greater => (x > y) as u32,
                                    B::GreaterEqual => (x >= y) as u32,
                                    _ => unreachable!("no operation of floats"),
                                };
                                Word { bits, mark: 0 }
                            }
                            _ => self.integer(op, x, y, kind == K::Sint, pc),
                        };
                    }
                }
                Op::MultiplyAdd { to, a, b, c, steps, negates, n } => {
                    for k in 0..n {
                        let x = f32::from_bits(r[(a + k * steps[0]) as usize].bits);
                        let y = f32::from_bits(r[(b + k * steps[1]) as usize].bits);
                        let z = f32::from_bits(r[(c + k * steps[2]) as usize].bits);
                        let (x, z) =
                            (if negates[0] { -x } else { x }, if negates[1] { -z } else { z });
                        let bits = arithmetic.multiply_add(x, y, z, true).to_bits();
                        r[(to + k) as usize] = Word { bits, mark: 0 };
                    }
                }
                Op::Math { fun, to, args, n, kind } => {
                    for k in 0..n {
                        let words = args.map(|arg| r[(arg + k) as usize]);
                        r[(to + k) as usize] = match kind {
                            K::Float => Word { bits: self.math(fun, words, pc), mark: 0 },
                            _ => integer_math(fun, words, kind == K::Sint),
                        };
                    }
                }
                Op::Dot { to, a, b, n } => {
                    let mut sum = 0.0;
                    for k in 0..n {
                        let [x, y] = [a, b].map(|at| f32::from_bits(r[(at + k) as usize].bits));
                        let fused =
                            self.options.arithmetic.contraction == crate::Contraction::Always;
                        sum = arithmetic.multiply_add(x, y, sum, fused);
                    }
                    r[to as usize] = Word { bits: sum.to_bits(), mark: 0 };
                }
                Op::Select { to, condition, accept, reject, step, n } => {
                    for k in 0..n {
                        let from = if r[(condition + k * step) as usize].bits != 0 {
                            accept
                        } else {
                            reject
                        };
                        r[(to + k) as usize] = r[(from + k) as usize];
                    }
                }
                Op::Any { to, a, n, all } => {
                    let mut lanes =
                        r[a as usize..(a + n) as usize].iter().map(|word| word.bits != 0);
                    let bits = if all { lanes.all(|x| x) } else { lanes.any(|x| x) };
                    r[to as usize] = Word { bits: bits as u32, mark: 0 };
                }
                Op::Convert { to, a, n, from, into } => {
                    for k in 0..n as usize {
                        r[to as usize + k] = convert(r[a as usize + k], from, into, pc);
                    }
                }
                Op::Jump { target } => {
                    pc = target;
                    if one.steps + steps > self.options.most_operations {
                        self.report(
                            Kind::Endless,
                            pc,
                            None,
                            format!("still running after {} operations", one.steps + steps),
                        );
                        self.stopped = true;
                        break;
                    }
                    continue;
                }
                Op::JumpUnless { condition, target } => {
                    if r[condition as usize].bits == 0 {
                        pc = target;
                        continue;
                    }
                }
                Op::JumpIf { condition, target } => {
                    if r[condition as usize].bits != 0 {
                        pc = target;
                        continue;
                    }
                }
                Op::JumpEqual { selector, value, target } => {
                    if r[selector as usize].bits == value {
                        pc = target;
                        continue;
                    }
                }
                Op::Call { target } => {
                    one.calls.push(pc + 1);
                    pc = target;
                    continue;
                }
                Op::Return => match one.calls.pop() {
                    Some(back) => {
                        pc = back;
                        continue;
                    }
                    None => {
                        one.state = State::Ended;
                        break;
                    }
                },
                Op::Together(_) => {
                    one.state = State::Waiting(pc);
                    break;
                }
            }
            pc += 1;
        }
        one.pc = pc;
        one.steps += steps;
        self.operations += steps;
    }

    fn integer(&mut self, op: B, x: Word, y: Word, signed: bool, pc: u32) -> Word {
        let mark = if x.mark != 0 { x.mark } else { y.mark };
        let (a, b) = (x.bits, y.bits);
        let (i, j) = (a as i32, b as i32);
        let checked = |unsigned: (u32, bool), int: (i32, bool)| {
            let (bits, overflows) = if signed { (int.0 as u32, int.1) } else { unsigned };
            Word { bits, mark: if mark == 0 && overflows { pc + 1 } else { mark } }
        };
        let plain = |bits: u32| Word { bits, mark };
        let clean = |bits: u32| Word { bits, mark: 0 };
        let compared =
            |unsigned: bool, int: bool| clean(if signed { int } else { unsigned } as u32);
        match op {
            B::Add => checked(a.overflowing_add(b), i.overflowing_add(j)),
            B::Subtract => checked(a.overflowing_sub(b), i.overflowing_sub(j)),
            B::Multiply => checked(a.overflowing_mul(b), i.overflowing_mul(j)),
            B::Divide | B::Modulo if b == 0 => {
                self.report(Kind::DivisionByZero, pc, None, format!("{a} is divided by zero"));
                plain(if op == B::Divide { a } else { 0 })
            }
            B::Divide => checked((a / b, false), i.overflowing_div(j)),
            B::Modulo => clean(if signed { i.wrapping_rem(j) as u32 } else { a % b }),
            B::And => clean(a & b),
            B::InclusiveOr => plain(a | b),
            B::ExclusiveOr => plain(a ^ b),
            B::LogicalAnd => clean(a & b),
            B::LogicalOr => clean(a | b),
            B::ShiftLeft | B::ShiftRight => {
                if b >= 32 {
                    self.report(Kind::WideShift, pc, None, format!("a shift by {b} bits"));
                }
                match op {
                    B::ShiftLeft => Word { bits: a << (b & 31), mark: x.mark },
                    _ if signed => clean((i >> (b & 31)) as u32),
                    _ => clean(a >> (b & 31)),
                }
            }
            B::Equal => clean((a == b) as u32),
            B::NotEqual => clean((a != b) as u32),
            B::Less => compared(a < b, i < j),
            B::LessEqual => compared(a <= b, i <= j),
            B::Greater => compared(a > b, i > j),
            B::GreaterEqual => compared(a >= b, i >= j),
        }
    }

    fn math(&mut self, fun: M, words: [Word; 3], pc: u32) -> u32 {
        let arithmetic = self.options.arithmetic;
        let [x, y, z] = words.map(|w| arithmetic.operand(f32::from_bits(w.bits)));
        let off = |exact: f64, ulps: f64, absolute: f64| {
            arithmetic.off(exact, ulps, absolute, 2 + fun as u32, [x, y])
        };
        let d = x as f64;
        let value = match fun {
            M::Abs => return words[0].bits & 0x7fff_ffff,
            M::Min => x.min(y),
            M::Max => x.max(y),
            M::Clamp => x.max(y).min(z),
            M::Fma => arithmetic.multiply_add(x, y, z, !arithmetic.splits_fma),
            M::Sqrt => off(d.sqrt(), 2.5, 0.0),
            M::InverseSqrt => off(1.0 / d.sqrt(), 2.0, 0.0),
            M::Floor => x.floor(),
            M::Ceil => x.ceil(),
            M::Trunc => x.trunc(),
            M::Round => x.round_ties_even(),
            M::Exp => off(d.exp(), 3.0 + 2.0 * d.abs(), 0.0),
            M::Exp2 => off(d.exp2(), 3.0 + 2.0 * d.abs(), 0.0),
            M::Log | M::Log2 => {
                let exact = if fun == M::Log { d.ln() } else { d.log2() };
                let near = (0.5..=2.0).contains(&x);
                off(exact, if near { 0.0 } else { 3.0 }, if near { (-21f64).exp2() } else { 0.0 })
            }
            M::Tanh => off(d.tanh(), 0.0, 1e-5),
            _ => unreachable!("refused when compiled"),
        };
        let hides = match fun {
            M::Min | M::Max => x.is_nan() || y.is_nan(),
            M::Clamp => x.is_nan() || y.is_nan() || z.is_nan(),
            _ => false,
        };
        if hides && !value.is_nan() {
            let name = format!("{fun:?}").to_lowercase();
            self.report(Kind::HiddenNan, pc, None, format!("{name} makes {value} of a NaN"));
        }
        arithmetic.result(value).to_bits()
    }
}

fn resolve(address: Address, registers: &[Word]) -> usize {
    let base = address.register.map_or(0, |register| registers[register as usize].bits);
    (base + address.offset) as usize
}

/// Whether an index on the way to this address was out of bounds.
fn is_outside(address: Address, registers: &[Word]) -> bool {
    address.register.is_some_and(|register| registers[register as usize].mark != 0)
}

fn integer_math(fun: M, words: [Word; 3], signed: bool) -> Word {
    let order = |a: u32| if signed { a as i32 as i64 } else { a as i64 };
    let less = |a: Word, b: Word| order(a.bits) < order(b.bits);
    let smaller = |a: Word, b: Word| if less(b, a) { b } else { a };
    let larger = |a: Word, b: Word| if less(a, b) { b } else { a };
    let [x, y, z] = words;
    // A bound does not make an overflow right: the value is as suspect as before.
    let marked = |word: Word| {
        let mark = words.iter().map(|word| word.mark).find(|&mark| mark != 0);
        Word { mark: mark.unwrap_or(0), ..word }
    };
    match fun {
        M::Min => marked(smaller(x, y)),
        M::Max => marked(larger(x, y)),
        M::Clamp => marked(smaller(larger(x, y), z)),
        M::Abs if signed => Word { bits: (x.bits as i32).wrapping_abs() as u32, mark: x.mark },
        M::Abs => x,
        M::CountOneBits => Word { bits: x.bits.count_ones(), mark: 0 },
        // Of zero it is all ones, by the language.
        M::FirstTrailingBit => {
            Word { bits: if x.bits == 0 { u32::MAX } else { x.bits.trailing_zeros() }, mark: 0 }
        }
        _ => unreachable!("refused when compiled"),
    }
}

fn convert(word: Word, from: K, into: K, pc: u32) -> Word {
    let float = f32::from_bits(word.bits);
    let whole = |bits: u32, fits: bool| Word { bits, mark: if fits { 0 } else { pc + 1 } };
    match (from, into) {
        (K::Float, K::Uint) => whole(float as u32, float > -1.0 && float < 4_294_967_296.0),
        (K::Float, K::Sint) => {
            whole(float as i32 as u32, (-2_147_483_648.0..2_147_483_648.0).contains(&float))
        }
        (K::Uint, K::Float) => Word { bits: (word.bits as f32).to_bits(), mark: 0 },
        (K::Sint, K::Float) => Word { bits: (word.bits as i32 as f32).to_bits(), mark: 0 },
        (K::Bool, K::Float) => Word { bits: (word.bits as f32).to_bits(), mark: 0 },
        (K::Float, K::Bool) => Word { bits: (float != 0.0) as u32, mark: 0 },
        (_, K::Bool) => Word { bits: (word.bits != 0) as u32, mark: 0 },
        _ => word,
    }
}
