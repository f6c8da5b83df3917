//! Shared by the tests: the adapter, and kernels' cases compared with their references.
#![allow(dead_code)]

pub mod cli;
pub mod schema;

use std::sync::LazyLock;

use wgslearn::Device;
use wgslearn::backend::{Executor, Gap, Oracle, load};
use wgslearn::kernels::case::{Case, Sizes};
use wgslearn::kernels::{Kernel, Span, Variant};
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

    /// Runs the case by the f64 and the f32 reference, and compares: without an adapter.
    pub fn check_references(&self) -> Result<(), String> {
        let oracle = Oracle::new(&self.case).expect("the case records");
        self.told("f32 reference", oracle.reference())
    }

    fn told(&self, name: &str, gap: &Gap) -> Result<(), String> {
        match gap.is_wrong() {
            true => Err(format!("{} ({name}), {}", self.case.dispatch().kernel.name, gap.place)),
            false => Ok(()),
        }
    }

    /// Runs the case by the f64 reference, the f32 reference and every variant on the adapter, and compares.
    pub fn check(&self) -> Result<(), String> {
        let kernel = self.case.dispatch().kernel;
        let oracle = Oracle::new(&self.case).expect("the case records");
        self.told("f32 reference", oracle.reference())?;
        let params = &self.case.dispatch().params;
        let can = |variant: &&Variant| {
            (variant.computes)(params) && (!variant.requires_subgroup_8 || gpu().has_subgroup_8())
        };
        for variant in kernel.variants.iter().filter(can) {
            let mut executor = match gpu().prepare_variant(&self.program, variant.name) {
                // What a software adapter would stop in the middle of is refused.
                Err(error) if error.to_string().contains("loop iterations") => continue,
                executor => executor.expect("the shader compiles"),
            };
            let compared = oracle.compare(executor.as_mut()).expect("the case runs");
            self.told(variant.name, &compared.gap)?;
        }
        Ok(())
    }
}
