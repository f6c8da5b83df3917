//! Shared by the tests: the adapter, and kernels' cases compared with their references.
#![allow(dead_code)]

pub mod cli;

use std::sync::LazyLock;

use wgslearn::Device;
use wgslearn::backend::{CpuExecutor, Executor, load};
use wgslearn::kernels::case::{Case, Sizes};
use wgslearn::kernels::{Element, Kernel, Span, Variant};
use wgslearn::program::{Program, RoutineId, Run};

/// The adapter that all tests of a binary share: hardware where there is any, else a software
/// one, with the lowest limits that WebGPU allows, so that what passes here passes on any adapter. There is no way round it: a test that needs an adapter fails without.
pub fn gpu() -> &'static Device {
    static DEVICE: LazyLock<Device> = LazyLock::new(|| match Device::open_limited(128 << 20) {
        Ok(device) => device,
        Err(error) => panic!("these tests need an adapter, software or real: {error}"),
    });
    &DEVICE
}

/// A kernel's case and its program.
pub struct Checked {
    pub case: Case,
    pub program: Program,
}

impl Checked {
    pub fn new(kernel: &Kernel, seed: u64, sizes: Sizes) -> Checked {
        let case = Case::of_test(kernel, seed, sizes);
        let program = Program::of_case(&case).expect("the case records");
        Checked { case, program }
    }

    /// Runs the case once.
    pub fn run(&self, executor: &mut dyn Executor) {
        load(&self.case, executor).expect("written");
        executor.run(&[Run { routine: RoutineId(0), times: 1 }]).expect("the case runs");
    }

    /// What the case's outputs are, bit for bit, by a variant on the adapter.
    pub fn bits(&self, variant: &str) -> Vec<Vec<u32>> {
        let mut executor = gpu().prepare_variant(&self.program, variant).expect("it compiles");
        self.run(executor.as_mut());
        let bits = |&(span, _): &(Span, f64)| {
            let values = executor.read_f32(span).expect("read");
            values.iter().map(|value| value.to_bits()).collect()
        };
        self.case.after.iter().map(bits).collect()
    }

    /// Runs the case by the f64 reference, the f32 reference and every variant on the adapter, and compares.
    pub fn check(&self) -> Result<(), String> {
        let kernel = self.case.dispatch().kernel;
        let mut others = self.on_cpu();
        let params = &self.case.dispatch().params;
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
        self.compare(others)
    }

    /// Runs the case by the f64 and the f32 reference, and compares: without an adapter.
    pub fn check_references(&self) -> Result<(), String> {
        self.compare(self.on_cpu())
    }

    fn on_cpu(&self) -> Vec<(String, Box<dyn Executor>)> {
        vec![("f32 reference".into(), Device::cpu().prepare(&self.program).expect("memory"))]
    }

    fn compare(&self, mut others: Vec<(String, Box<dyn Executor>)>) -> Result<(), String> {
        let kernel = self.case.dispatch().kernel;
        let mut oracle = CpuExecutor::<f64>::new(&self.program).expect("memory");
        self.run(&mut oracle);
        for (name, executor) in &mut others {
            self.run(executor.as_mut());
            for &(span, tolerance) in &self.case.after {
                let at = self.case.dispatch().bindings.iter().position(|of| *of == span);
                let binding = at.map_or("?", |at| kernel.bindings[at].name);
                let place = format!("{} ({name}), {binding}", kernel.name);
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
