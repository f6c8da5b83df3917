//! Whether a device computes right: what it gives for launches of kernels beside what the CPU references give.
//!
//! [`gap_of_device`] is short, for the first use of an adapter and driver: a product with an activation, a softmax over
//! its rows and a prefix sum, by the variants that training would take. [`Oracle`] holds any kernel's case (`case.rs`) to the
//! same, variant by variant, for tests and `wgslearn doctor`.

use super::{CpuExecutor, Executor};
use crate::error::{Error, Result};
use crate::kernels::{Activation, Element, Span, dense_forward, radix_count, radix_scan, softmax};
use crate::program::{Program, RoutineId, Run};

/// What a span holds after a launch, and how far a device may be off.
#[derive(Debug)]
enum Truth {
    /// By the f64 reference, with the bound: the tolerance times 1 + the largest value.
    Reals(Vec<f64>, f64),
    Words(Vec<u32>),
}

/// How far the worst element was off.
#[derive(Clone, Debug, PartialEq)]
pub struct Gap {
    /// Its distance to the f64 reference; infinite for NaN and for a word that differs.
    pub distance: f64,
    /// What the distance may be.
    pub bound: f64,
    /// Which element it is, and both values.
    pub place: String,
}

impl Gap {
    const NONE: Gap = Gap { distance: 0.0, bound: 0.0, place: String::new() };

    /// Whether it is past its bound.
    pub fn is_wrong(&self) -> bool {
        self.distance.is_nan() || self.distance > self.bound
    }

    /// The share of the bound that it takes.
    fn share(&self) -> f64 {
        match self.distance == 0.0 {
            true => 0.0,
            false => self.distance / self.bound,
        }
    }

    fn worse(self, other: Gap) -> Gap {
        if self.share() >= other.share() { self } else { other }
    }
}

impl Truth {
    /// Of a span of a program that the f64 reference has run.
    fn of(
        executor: &mut CpuExecutor<f64>,
        program: &Program,
        span: Span,
        tolerance: f64,
    ) -> Result<Truth> {
        if program.buffers[span.buffer.0].element == Element::U32 {
            return Ok(Truth::Words(executor.read_u32(span)?));
        }
        let reals = executor.reals(span).to_vec();
        let largest = reals.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
        Ok(Truth::Reals(reals, tolerance * (1.0 + largest)))
    }

    /// What another executor has in the same span, with its bits.
    fn compare(
        &self,
        executor: &mut dyn Executor,
        span: Span,
        name: &str,
    ) -> Result<(Gap, Vec<u32>)> {
        let mut worst = Gap::NONE;
        match self {
            Truth::Words(words) => {
                let got = executor.read_u32(span)?;
                if let Some(i) = (0..words.len()).find(|&i| words[i] != got[i]) {
                    let place = format!("{name}, word {i} is {}, not {}", got[i], words[i]);
                    worst = Gap { distance: f64::INFINITY, bound: 0.0, place };
                }
                Ok((worst, got))
            }
            Truth::Reals(reals, bound) => {
                let got = executor.read_f32(span)?;
                let off = |i: usize| match (got[i] as f64 - reals[i]).abs() {
                    off if off.is_nan() => f64::INFINITY,
                    off => off,
                };
                if let Some(i) = (0..reals.len()).max_by(|&i, &j| off(i).total_cmp(&off(j))) {
                    let place = format!("{name}, element {i} is {}, not {}", got[i], reals[i]);
                    worst = Gap { distance: off(i), bound: *bound, place };
                }
                Ok((worst, got.iter().map(|value| value.to_bits()).collect()))
            }
        }
    }
}

/// Rows, inputs and units of the short check's product, and the keys and runs of its prefix sum.
const ROWS: usize = 36;
const INPUTS: usize = 72;
const UNITS: usize = 48;
const KEYS: usize = 3_000;
const RUN: usize = 512;

/// The worst of what a device gives for a few launches; `prepare` makes the program on it.
///
/// # Errors
/// [`Error::Device`] where it fails outright.
pub fn gap_of_device(prepare: &dyn Fn(&Program) -> Result<Box<dyn Executor>>) -> Result<Gap> {
    let mut program = Program::default();
    let input = program.buffer("input", Element::F32, ROWS * INPUTS);
    let weights = program.buffer("weights", Element::F32, (INPUTS + 1) * UNITS);
    let output = program.buffer("output", Element::F32, ROWS * UNITS);
    let shares = program.buffer("shares", Element::F32, ROWS * UNITS);
    let counts = program.buffer("counts", Element::U32, 256 * radix_count::runs(KEYS, RUN));
    let totals = program.buffer("totals", Element::U32, 256);
    let [rows, inputs, units] = [ROWS, INPUTS, UNITS].map(|size| size as u32);
    program.add_routine(
        "check",
        vec![
            dense_forward::dispatch(
                dense_forward::Params::whole(rows, inputs, units, Activation::Tanh),
                dense_forward::Bindings { input, weights, output },
            ),
            softmax::dispatch(
                softmax::Params { rows, outputs: units },
                softmax::Bindings { logits: output, output: shares },
            ),
            radix_scan::dispatch(
                radix_scan::Params { count: KEYS as u32, run: RUN as u32 },
                radix_scan::Bindings { counts, totals },
            ),
        ],
    )?;
    // Numbers without a pattern, from -1 to 1.
    let scattered = |i: usize| ((i as u64 * 2_654_435_761) >> 7) % 2_001;
    let reals = |count: usize, from: usize| -> Vec<f32> {
        (from..from + count).map(|i| scattered(i) as f32 / 1000.0 - 1.0).collect()
    };
    let run = |executor: &mut dyn Executor| -> Result<()> {
        executor.write_f32(input, &reals(input.len, 1))?;
        executor.write_f32(weights, &reals(weights.len, 7_919))?;
        let words: Vec<u32> = (0..counts.len).map(|i| scattered(i) as u32 % 100).collect();
        executor.write_u32(counts, &words)?;
        executor.run(&[Run { routine: RoutineId(0), times: 1 }])
    };
    let mut oracle = CpuExecutor::<f64>::new(&program)?;
    run(&mut oracle)?;
    let mut executor = prepare(&program)?;
    run(executor.as_mut())?;
    let mut worst = Gap::NONE;
    // The activation may be off by 2e-6 (kernels' own bounds), the sum of products before it by ten roundings.
    for (name, span) in
        [("product", output), ("softmax", shares), ("prefix sum", counts), ("totals", totals)]
    {
        let truth = Truth::of(&mut oracle, &program, span, 2e-5)?;
        worst = worst.worse(truth.compare(executor.as_mut(), span, name)?.0);
    }
    Ok(worst)
}

/// A kernel's case, what is true of it by the f64 reference, and the bits of the f32 reference.
#[cfg(feature = "unstable")]
#[derive(Debug)]
pub struct Oracle<'a> {
    case: &'a crate::kernels::case::Case,
    program: Program,
    truths: Vec<Truth>,
    bits: Vec<Vec<u32>>,
    reference: Gap,
}

/// What one executor gave for a case.
#[cfg(feature = "unstable")]
#[derive(Clone, Debug)]
pub struct Compared {
    /// The worst element.
    pub gap: Gap,
    /// Whether all are the f32 reference's, bit for bit.
    pub has_equal_bits: bool,
}

#[cfg(feature = "unstable")]
impl<'a> Oracle<'a> {
    /// Runs a case by its references.
    ///
    /// # Errors
    /// [`Error::Model`] where the case does not record: a bug in it.
    pub fn new(case: &'a crate::kernels::case::Case) -> Result<Oracle<'a>> {
        let program = Program::of_case(case)?;
        let mut executor = CpuExecutor::<f64>::new(&program)?;
        run_case(case, &mut executor)?;
        let truths = case
            .after
            .iter()
            .map(|&(span, tolerance)| Truth::of(&mut executor, &program, span, tolerance))
            .collect::<Result<_>>()?;
        let mut oracle = Oracle { case, program, truths, bits: Vec::new(), reference: Gap::NONE };
        let mut executor = CpuExecutor::<f32>::new(&oracle.program)?;
        run_case(case, &mut executor)?;
        (oracle.reference, oracle.bits) = oracle.read(&mut executor)?;
        Ok(oracle)
    }

    /// The case as a program.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// How far the f32 reference is off: what the CPU backend gives.
    pub fn reference(&self) -> &Gap {
        &self.reference
    }

    /// Runs the case by an executor of its program, and compares.
    ///
    /// # Errors
    /// As the executor's.
    pub fn compare(&self, executor: &mut dyn Executor) -> Result<Compared> {
        run_case(self.case, executor)?;
        let (gap, bits) = self.read(executor)?;
        Ok(Compared { gap, has_equal_bits: bits == self.bits })
    }

    fn read(&self, executor: &mut dyn Executor) -> Result<(Gap, Vec<Vec<u32>>)> {
        let (mut worst, mut all) = (Gap::NONE, Vec::new());
        let dispatch = self.case.dispatch();
        for (truth, &(span, _)) in self.truths.iter().zip(&self.case.after) {
            let at = dispatch.bindings.iter().position(|of| *of == span);
            let name = at.map_or("?", |at| dispatch.kernel.bindings[at].name);
            let (gap, bits) = truth.compare(executor, span, name)?;
            worst = worst.worse(gap);
            all.push(bits);
        }
        Ok((worst, all))
    }
}

#[cfg(feature = "unstable")]
fn run_case(case: &crate::kernels::case::Case, executor: &mut dyn Executor) -> Result<()> {
    super::load(case, executor)?;
    executor.run(&[Run { routine: RoutineId(0), times: 1 }])
}

/// What is told of a device that computes wrong.
pub fn wrong(name: &str, outcome: &Result<Gap>) -> Option<String> {
    match outcome {
        Ok(gap) if gap.is_wrong() => Some(format!("{name} computes wrong ({})", gap.place)),
        Ok(_) => None,
        Err(Error::Device(message)) => {
            Some(format!("{name} does not run a short check ({message})"))
        }
        Err(error) => Some(format!("{name} does not run a short check ({error})")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Device;
    use super::super::tests::Tampered;
    use super::*;

    #[test]
    fn the_short_check_tells_right_from_wrong() {
        let device = Device::cpu();
        let right = gap_of_device(&|program| device.prepare(program)).expect("it runs");
        assert!(!right.is_wrong(), "{right:?}");
        assert!(right.share() < 0.5, "{right:?}: the bound is near");
        assert_eq!(wrong("card", &Ok(right)), None);

        let off = gap_of_device(&|program| Ok(Box::new(Tampered(device.prepare(program)?))));
        let told = wrong("card", &off).expect("wrong");
        assert!(told.starts_with("card computes wrong (") && told.contains(", not "), "{told}");

        let fails = gap_of_device(&|_| Err(Error::Device("no shader compiles".into())));
        let told = wrong("card", &fails).expect("wrong");
        assert!(told.contains("no shader compiles"), "{told}");
    }

    #[test]
    fn numbers_that_are_none_are_past_any_bound() {
        let nan = Gap { distance: f64::NAN, bound: 1.0, place: String::new() };
        assert!(nan.is_wrong());
        assert!(Gap { distance: f64::INFINITY, ..nan.clone() }.is_wrong());
        assert!(!Gap { distance: 1.0, ..nan }.is_wrong());
    }
}
