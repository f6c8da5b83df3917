//! Shared by the tests: the adapter, one-dispatch programs and random data.
#![allow(dead_code)]

pub mod cli;

use std::sync::LazyLock;

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use wgslearn::Device;
use wgslearn::backend::{CpuExecutor, Executor};
use wgslearn::kernels::{Dispatch, Element, Span, Variant};
use wgslearn::program::{Program, Run};

/// The adapter that all tests of a binary share: hardware where there is any, else a software
/// one. There is no way round it: a test that needs an adapter fails without.
pub fn gpu() -> &'static Device {
    static DEVICE: LazyLock<Device> = LazyLock::new(|| match Device::open("gpu") {
        Ok(device) => device,
        Err(error) => panic!("these tests need an adapter, software or real: {error}"),
    });
    &DEVICE
}

/// Contents of a span.
#[derive(Clone, Debug)]
pub enum Data {
    F32(Vec<f32>),
    U32(Vec<u32>),
}

/// A program of one dispatch, what its buffers hold before, and what to compare after.
pub struct Case {
    pub program: Program,
    pub before: Vec<(Span, Data)>,
    pub after: Vec<(Span, f64)>,
    pub rng: ChaCha8Rng,
}

impl Case {
    pub fn new(seed: u64) -> Case {
        Case {
            program: Program::default(),
            before: Vec::new(),
            after: Vec::new(),
            rng: ChaCha8Rng::seed_from_u64(seed),
        }
    }

    fn span(&mut self, data: Data) -> Span {
        let name = format!("buffer {}", self.program.buffers.len());
        let span = match &data {
            Data::F32(values) => self.program.buffer(name, Element::F32, values.len()),
            Data::U32(values) => self.program.buffer(name, Element::U32, values.len()),
        };
        self.before.push((span, data));
        span
    }

    /// A buffer of these words.
    pub fn words(&mut self, values: Vec<u32>) -> Span {
        self.span(Data::U32(values))
    }

    /// A buffer of these reals.
    pub fn reals(&mut self, values: Vec<f32>) -> Span {
        self.span(Data::F32(values))
    }

    /// A buffer of reals drawn from -scale to scale.
    pub fn random(&mut self, count: usize, scale: f32) -> Span {
        let values = (0..count).map(|_| self.rng.random_range(-scale..=scale)).collect();
        self.reals(values)
    }

    /// A buffer of ids below `rows`, a third of them 0, as padding is.
    pub fn ids(&mut self, count: usize, rows: usize) -> Span {
        let values = (0..count)
            .map(|_| match self.rng.random_range(0..3) {
                0 => 0,
                _ => self.rng.random_range(0..rows) as u32,
            })
            .collect();
        self.words(values)
    }

    /// Counters in the middle of a run.
    pub fn state(&mut self, cursor: u32, slot: u32) -> Span {
        self.words(vec![cursor, 6, slot, 7, slot, 0, 0, 0])
    }

    /// Compares `span` after the run, within `tolerance` times 1 + the largest expected value.
    pub fn expect(&mut self, span: Span, tolerance: f64) -> Span {
        self.after.push((span, tolerance));
        span
    }

    /// A buffer of reals that the kernel writes, full of a value that must not survive.
    pub fn output(&mut self, count: usize, tolerance: f64) -> Span {
        let span = self.reals(vec![-77.0; count]);
        self.expect(span, tolerance)
    }

    pub fn finish(mut self, dispatch: Dispatch) -> Case {
        self.program.add_routine("case", vec![dispatch]).expect("the case records");
        self
    }

    fn load(&self, executor: &mut dyn Executor) {
        for (span, data) in &self.before {
            match data {
                Data::F32(values) => executor.write_f32(*span, values).expect("write"),
                Data::U32(values) => executor.write_u32(*span, values).expect("write"),
            }
        }
        let run = Run { routine: wgslearn::program::RoutineId(0), times: 1 };
        executor.run(&[run]).expect("the case runs");
    }

    /// What the case's outputs are, bit for bit, by a variant on the adapter.
    pub fn bits(&self, variant: &str) -> Vec<Vec<u32>> {
        let mut executor = gpu().prepare_variant(&self.program, variant).expect("it compiles");
        self.load(executor.as_mut());
        let bits = |&(span, _): &(Span, f64)| {
            let values = executor.read_f32(span).expect("read");
            values.iter().map(|value| value.to_bits()).collect()
        };
        self.after.iter().map(bits).collect()
    }

    /// Runs the case by the f64 reference, the f32 reference and every variant on the adapter, and compares.
    pub fn check(&self) -> Result<(), String> {
        let kernel = self.program.routines[0].dispatches[0].kernel;
        let mut oracle = CpuExecutor::<f64>::new(&self.program).expect("memory");
        self.load(&mut oracle);
        let mut others: Vec<(String, Box<dyn Executor>)> =
            vec![("f32 reference".into(), Device::cpu().prepare(&self.program).expect("memory"))];
        let params = &self.program.routines[0].dispatches[0].params;
        let can = |variant: &&Variant| {
            (variant.computes)(params) && (!variant.requires_subgroup_8 || gpu().has_subgroup_8())
        };
        for variant in kernel.variants.iter().filter(can) {
            let executor = gpu().prepare_variant(&self.program, variant.name);
            others.push((
                format!("variant {}", variant.name),
                executor.expect("the shader compiles"),
            ));
        }
        for (name, executor) in &mut others {
            self.load(executor.as_mut());
            for &(span, tolerance) in &self.after {
                let place = format!(
                    "{} ({name}), {}",
                    kernel.name, self.program.buffers[span.buffer.0].name
                );
                if self.program.buffers[span.buffer.0].element == Element::U32 {
                    let truth = oracle.read_u32(span).expect("read");
                    let got = executor.read_u32(span).expect("read");
                    if let Some(i) = (0..truth.len()).find(|&i| truth[i] != got[i]) {
                        return Err(format!("{place}: word {i} is {}, not {}", got[i], truth[i]));
                    }
                    continue;
                }
                let truth = oracle.reals(span);
                let got = executor.read_f32(span).expect("read");
                let largest = truth.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
                let allowed = tolerance * (1.0 + largest);
                let off = |i: usize| (got[i] as f64 - truth[i]).abs();
                let wrong = |i: &usize| off(*i).is_nan() || off(*i) > allowed;
                if let Some(i) = (0..truth.len()).find(wrong) {
                    return Err(format!("{place}: element {i} is {}, not {}", got[i], truth[i]));
                }
            }
        }
        Ok(())
    }
}
