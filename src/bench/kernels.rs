//! Every kernel by itself: time, rate, the device's measured limit, and the ratio.

use std::time::Instant;

use crate::backend::Device;
use crate::error::Result;
use crate::kernels::*;
use crate::program::{Program, RoutineId};

/// One kernel at one size, ready to be measured. A new kernel adds its case to [`cases`].
pub struct Case {
    /// The kernel.
    pub kernel: &'static Kernel,
    /// The size, for people.
    pub size: String,
    /// A program of one dispatch.
    pub program: Program,
    /// What its `u32` buffers hold; all others hold zeros.
    pub words: Vec<(Span, Vec<u32>)>,
    /// Bytes that it must read and write at least.
    pub bytes: f64,
    /// Floating-point operations, where they are what limits it.
    pub flops: f64,
}

/// What a device can do at most, measured.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes read and written by a large copy, a second.
    pub gigabytes_per_second: f64,
    /// Multiply-adds in registers, counted as two operations each.
    pub gigaflops: f64,
}

/// One line of results.
#[derive(Clone, Debug)]
pub struct KernelLine {
    kernel: &'static str,
    size: String,
    seconds: f64,
    /// GB/s or GFLOP/s.
    rate: f64,
    unit: &'static str,
    limit: f64,
}

impl KernelLine {
    /// The line for programs.
    pub fn json(&self, device: &str, backend: &str) -> serde_json::Value {
        serde_json::json!({
            "kernel": self.kernel,
            "size": self.size,
            "device": device,
            "backend": backend,
            "microseconds": self.seconds * 1e6,
            "value": self.rate,
            "unit": self.unit,
            "limit": self.limit,
            "ratio": self.rate / self.limit,
        })
    }
}

impl std::fmt::Display for KernelLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "  {:<26} {:<26} {:>11.1} us {:>9.2} {:<8} {:>5.1} % of {:.1}",
            self.kernel,
            self.size,
            self.seconds * 1e6,
            self.rate,
            self.unit,
            100.0 * self.rate / self.limit,
            self.limit
        )
    }
}

/// Measures every kernel whose name contains `filter`, and hands each line over.
///
/// # Errors
/// [`crate::Error::Device`] when the device fails, or what `each` returns.
pub fn kernels(
    device: &Device,
    filter: &str,
    limits: &Limits,
    each: &mut dyn FnMut(&KernelLine) -> Result<()>,
) -> Result<()> {
    for case in cases().iter().filter(|case| case.kernel.name.contains(filter)) {
        let seconds = measure(case, device)?;
        let (rate, unit, limit) = match case.flops > 0.0 {
            true => (case.flops / seconds / 1e9, "GFLOP/s", limits.gigaflops),
            false => (case.bytes / seconds / 1e9, "GB/s", limits.gigabytes_per_second),
        };
        let (kernel, size) = (case.kernel.name, case.size.clone());
        each(&KernelLine { kernel, size, seconds, rate, unit, limit })?;
    }
    Ok(())
}

/// Seconds of one run of a case, by the device's clock where it has one: the median of rounds of a
/// tenth of a second.
///
/// # Errors
/// [`crate::Error::Device`] when the device fails.
pub fn measure(case: &Case, device: &Device) -> Result<f64> {
    let mut executor = device.prepare(&case.program)?;
    for (span, words) in &case.words {
        executor.write_u32(*span, words)?;
    }
    let mut run =
        |times: usize| -> Result<f64> { Ok(executor.time(RoutineId(0), times)? / times as f64) };
    run(1)?;
    let once = run(1)?;
    let times = ((0.1 / once.max(1e-8)) as usize).clamp(1, 9_000);
    run(times)?;
    let mut rounds = (0..5).map(|_| run(times)).collect::<Result<Vec<f64>>>()?;
    rounds.sort_by(f64::total_cmp);
    Ok(rounds[2])
}

impl Limits {
    /// Measures a device: a copy of 64 MiB between buffers, and the kernel `peak_fma`.
    ///
    /// # Errors
    /// [`crate::Error::Device`] when the device fails.
    pub fn measure(device: &Device) -> Result<Limits> {
        let len = 16 << 20;
        let mut program = Program::default();
        let from = program.buffer("from", Element::F32, len);
        let to = program.buffer("to", Element::F32, len);
        let mut executor = device.prepare(&program)?;
        let mut copies = |times: usize| -> Result<f64> {
            let started = Instant::now();
            for _ in 0..times {
                executor.copy(from, to)?;
            }
            executor.read_f32(to.part(0, 1))?;
            Ok(started.elapsed().as_secs_f64() / times as f64)
        };
        copies(2)?;
        let best = (0..5).map(|_| copies(4)).collect::<Result<Vec<f64>>>()?;
        let seconds = best.into_iter().fold(f64::MAX, f64::min);
        let case = peak_case();
        Ok(Limits {
            gigabytes_per_second: (len * 8) as f64 / seconds / 1e9,
            gigaflops: case.flops / measure(&case, device)? / 1e9,
        })
    }
}

/// Collects a case's buffers.
#[derive(Default)]
struct Build {
    program: Program,
    words: Vec<(Span, Vec<u32>)>,
}

impl Build {
    fn reals(&mut self, len: usize) -> Span {
        self.program.buffer("reals", Element::F32, len)
    }

    fn words(&mut self, words: Vec<u32>) -> Span {
        let span = self.program.buffer("words", Element::U32, words.len());
        self.words.push((span, words));
        span
    }

    /// Ids below `rows`, scattered.
    fn ids(&mut self, count: usize, rows: usize) -> Span {
        let ids = (0..count as u64).map(|i| ((i * 2_654_435_761) >> 7) % rows as u64);
        let ids = ids.map(|id| id as u32).collect();
        self.words(ids)
    }

    fn state(&mut self) -> Span {
        self.program.buffer("state", Element::U32, state::WORDS)
    }

    /// A case of this dispatch that moves `elements` of four bytes.
    fn finish(&mut self, size: String, dispatch: Dispatch, elements: usize, flops: f64) -> Case {
        self.finish_after(Vec::new(), size, dispatch, elements, flops)
    }

    /// As [`Build::finish`], with dispatches that must run before each run of this one.
    fn finish_after(
        &mut self,
        before: Vec<Dispatch>,
        size: String,
        dispatch: Dispatch,
        elements: usize,
        flops: f64,
    ) -> Case {
        let kernel = dispatch.kernel;
        let routine = before.into_iter().chain([dispatch]).collect();
        // The cases below are this crate's own; a wrong one shows in the first measurement.
        let _ = self.program.add_routine("bench", routine);
        let bytes = elements as f64 * 4.0;
        let Build { program, words } = std::mem::take(self);
        Case { kernel, size, program, words, bytes, flops }
    }
}

fn peak_case() -> Case {
    let mut build = Build::default();
    let (count, iterations) = (1 << 16, 256);
    let bindings = peak_fma::Bindings { output: build.reals(count) };
    let params = peak_fma::Params { count: count as u32, iterations };
    let flops = (count * iterations as usize * peak_fma::LANES * 2) as f64;
    build.finish("65536 x 256".into(), peak_fma::dispatch(params, bindings), count, flops)
}

/// A product of m x k by k x n, as a dense layer computes it.
pub(super) fn dense_case(m: usize, k: usize, n: usize) -> Case {
    let mut build = Build::default();
    let bindings = dense_forward::Bindings {
        input: build.reals(m * k),
        weights: build.reals((k + 1) * n),
        output: build.reals(m * n),
    };
    let (rows, inputs, units) = (m as u32, k as u32, n as u32);
    let params = dense_forward::Params::whole(rows, inputs, units, Activation::Linear);
    let dispatch = dense_forward::dispatch(params, bindings);
    build.finish(
        format!("{m}x{k} {k}x{n}"),
        dispatch,
        m * k + k * n + m * n,
        2.0 * (m * n * k) as f64,
    )
}

/// Every kernel at sizes that training meets.
pub fn cases() -> Vec<Case> {
    let mut cases = vec![peak_case()];
    let mut add = |make: &dyn Fn(&mut Build) -> Case| cases.push(make(&mut Build::default()));

    let count = 4 << 20;
    add(&|b| {
        let bindings = adam::Bindings {
            state: b.state(),
            schedule: b.reals(64),
            gradients: b.reals(count),
            weights: b.reals(count),
            first_moments: b.reals(count),
            second_moments: b.reals(count),
        };
        let params = adam::Params {
            count: count as u32,
            beta_1: 0.9,
            beta_2: 0.999,
            complement_1: 0.1,
            complement_2: 0.001,
            epsilon: 1e-7,
        };
        b.finish("4M parameters".into(), adam::dispatch(params, bindings), 7 * count, 0.0)
    });
    add(&|b| {
        let bindings = sgd::Bindings {
            state: b.state(),
            schedule: b.reals(64),
            gradients: b.reals(count),
            weights: b.reals(count),
            velocities: b.reals(count),
        };
        let params = sgd::Params { count: count as u32, momentum: 0.9 };
        b.finish("4M parameters".into(), sgd::dispatch(params, bindings), 5 * count, 0.0)
    });
    // The gradient of a narrow layer over many rows, in parts, and their sum.
    let narrow = dense_gradient_weights::Params::whole(65_536, 64, 32).in_parts();
    let parts_len = narrow.parts() as usize * narrow.part_len();
    add(&|b| {
        let (m, k, n) = (65_536, 64, 32);
        let bindings = dense_gradient_weights::Bindings {
            input: b.reals(m * k),
            d_output: b.reals(m * n),
            gradient: b.reals(parts_len),
        };
        let dispatch = dense_gradient_weights::dispatch(narrow, bindings);
        let name = format!("{k}x{m} {m}x{n} in {} parts", narrow.parts());
        let flops = 2.0 * (m * n * k) as f64;
        b.finish(name, dispatch, m * (k + n) + parts_len, flops)
    });
    add(&|b| {
        let (count, parts) = (narrow.part_len() as u32, narrow.parts());
        let sums = b.reals(narrow.part_len());
        let bindings = sum_parts::Bindings { parts: b.reals(parts_len), sums };
        let dispatch = sum_parts::dispatch(sum_parts::Params { count, parts }, bindings);
        b.finish(format!("{parts} parts of {count}"), dispatch, parts_len, 0.0)
    });
    add(&|b| {
        let bindings = fill::Bindings { values: b.reals(count) };
        let params = fill::Params { count: count as u32, value: 0.0 };
        b.finish("4M elements".into(), fill::dispatch(params, bindings), count, 0.0)
    });

    for (m, k, n) in [(256, 784, 128), (256, 8192, 1), (1024, 1024, 1024)] {
        cases.push(dense_case(m, k, n));
        let (rows, inputs, units) = (m as u32, k as u32, n as u32);
        let flops = 2.0 * (m * n * k) as f64;
        let mut b = Build::default();
        let bindings = dense_gradient_weights::Bindings {
            input: b.reals(m * k),
            d_output: b.reals(m * n),
            gradient: b.reals((k + 1) * n),
        };
        let params = dense_gradient_weights::Params::whole(rows, inputs, units);
        let dispatch = dense_gradient_weights::dispatch(params, bindings);
        cases.push(b.finish(format!("{k}x{m} {m}x{n}"), dispatch, m * k + k * n + m * n, flops));
        let mut b = Build::default();
        let bindings = dense_gradient_input::Bindings {
            input: b.reals(m * k),
            weights: b.reals((k + 1) * n),
            d_output: b.reals(m * n),
            d_input: b.reals(m * k),
        };
        let params = dense_gradient_input::Params::whole(rows, inputs, units, Activation::Relu);
        let dispatch = dense_gradient_input::dispatch(params, bindings);
        cases.push(b.finish(
            format!("{m}x{n} {n}x{k}"),
            dispatch,
            2 * m * k + k * n + m * n,
            flops,
        ));
    }

    let mut add = |make: &dyn Fn(&mut Build) -> Case| cases.push(make(&mut Build::default()));
    // Up to 256 steps over 8 rows: the tutorial's model, and a stack of two dense layers.
    macro_rules! small_case {
        ($kernel:ident, $embeds:expr, $width:expr, $units:expr, $inputs:expr) => {
            add(&|b| {
                let (rows, width, units, table, steps) = (8, $width, $units, 20, 256);
                let own = if $embeds { table * units } else { (width + 1) * units };
                let own = usize::next_multiple_of(own, 64);
                let middle = if $embeds { width * units } else { units };
                let batch = if $embeds { 0 } else { rows * width };
                let weights = own + usize::next_multiple_of(middle + 1, 64);
                let layer = |embeds, reads, units, weights, output| small_steps::Layer {
                    embeds,
                    reads,
                    units,
                    activation: Activation::Linear,
                    weights,
                    output,
                };
                let values = 4 * weights + batch;
                let layers = [
                    layer($embeds, width, units, 0, values),
                    layer(false, middle, 1, own, values + rows * middle),
                ];
                let steps = small_steps::steps_at_once(&layers, rows, weights, table).min(steps);
                let mut state = vec![0, 0, 0, 0, 0, 0, u32::MAX, rows as u32, table as u32];
                state.extend(layers.iter().flat_map(|layer| layer.words()));
                let state = b.words(state);
                // Sets the counters to 0 before each run.
                let rewind = embedding_stamp::dispatch(
                    embedding_stamp::Params { count: state::LAST_SLOT as u32, all: 1 },
                    embedding_stamp::Bindings {
                        state: b.state(),
                        ids: b.words(vec![0]),
                        steps: state,
                    },
                );
                let inputs: fn(&mut Build, usize) -> Span = $inputs;
                let bindings = small_steps::$kernel::Bindings {
                    state,
                    order: b.words((0..steps * rows).map(|i| (i % rows) as u32).collect()),
                    inputs: inputs(b, rows * width),
                    targets: b.reals(rows),
                    schedule: b.reals(steps),
                    arena: b.reals(4 * weights),
                    history: b.reals(2 * steps),
                };
                let params = small_steps::$kernel::Params {
                    batch: rows as u32,
                    input_width: width as u32,
                    target_width: 1,
                    layers: 2,
                    weights: weights as u32,
                    values: (batch + rows * middle + rows) as u32,
                    loss: small_steps::Loss::BinaryCrossentropy as u32,
                    sgd: 0,
                    beta_1: 0.9,
                    beta_2: 0.999,
                    complement_1: 0.1,
                    complement_2: 0.001,
                    epsilon: 1e-7,
                    steps: steps as u32,
                };
                let dispatch = small_steps::$kernel::dispatch(params, bindings);
                let dense = middle + if $embeds { 0 } else { width * units };
                let flops = (steps * rows * dense * 6) as f64;
                let size = format!("{steps} steps, 8 x {width} x {units} x 1");
                b.finish_after(vec![rewind], size, dispatch, 0, flops)
            });
        };
    }
    small_case!(ids, true, 4, 8, |b, count| b.ids(count, 20));
    small_case!(matrix, false, 8, 8, |b, count| b.reals(count));
    let (rows, length, table, units) = (256usize, 128usize, 20_000usize, 64usize);
    let positions = rows * length;
    let tiles = positions.div_ceil(embedding_gradient_runs::TILE);
    let sorted = || (0..positions).map(|p| (p * table / positions) as u32).collect::<Vec<_>>();
    let scattered = || (0..positions).map(|p| (p * 31 % positions) as u32).collect::<Vec<_>>();
    add(&|b| {
        let bindings = embedding_gather::Bindings {
            ids: b.ids(positions, table),
            table: b.reals(table * units),
            output: b.reals(positions * units),
        };
        let params = embedding_gather::Params {
            positions: positions as u32,
            units: units as u32,
            first: 0,
            rows: u32::MAX,
        };
        let dispatch = embedding_gather::dispatch(params, bindings);
        b.finish("32768 ids of 20000 x 64".into(), dispatch, positions * (1 + 2 * units), 0.0)
    });
    add(&|b| {
        let bindings = embedding_bag::Bindings {
            ids: b.ids(positions, table),
            table: b.reals(table * units),
            bias: b.reals(units),
            output: b.reals(rows * units),
            scales: b.reals(rows),
        };
        let params = embedding_bag::Params {
            rows: rows as u32,
            length: length as u32,
            units: units as u32,
            first: 0,
            table_rows: table as u32,
            mode: embedding_bag::MEAN,
            activation: 0,
            adds: 0,
            ends: 1,
            bias: 0,
        };
        let elements = positions * (1 + units) + rows * units;
        let dispatch = embedding_bag::dispatch(params, bindings);
        b.finish("256 x 128 ids of 20000 x 64".into(), dispatch, elements, 0.0)
    });
    add(&|b| {
        let (outputs, words) = (20_000usize, 20);
        let targets = b.reals(rows * outputs);
        let bindings = bag_targets::Bindings { ids: b.ids(rows * words, outputs), targets };
        let params = bag_targets::Params {
            rows: rows as u32,
            length: words as u32,
            outputs: outputs as u32,
            counts: 0,
        };
        let dispatch = bag_targets::dispatch(params, bindings);
        b.finish("256 bags of 20 words".into(), dispatch, 3 * rows * words, 0.0)
    });
    add(&|b| {
        let width = 784usize;
        let noise = crate::model::Noise {
            kind: crate::model::NoiseKind::Gaussian,
            amount: 0.3,
            low: 0.0,
            high: 1.0,
        };
        let bindings = noise::Bindings {
            state: b.state(),
            order: b.words(vec![0; rows]),
            input: b.reals(rows * width),
            output: b.reals(rows * width),
        };
        let params = noise.params(rows as u32, width as u32, false, 7);
        let dispatch = noise::dispatch(params, bindings);
        b.finish("256 x 784, gaussian".into(), dispatch, 2 * rows * width, 0.0)
    });
    add(&|b| {
        let bindings = embedding_gradient::Bindings {
            ids: b.ids(256, 64),
            d_output: b.reals(256 * 16),
            scales: b.reals(1),
            gradient: b.reals(64 * 16),
        };
        let params = embedding_gradient::Params { positions: 256, units: 16, rows: 64, length: 0 };
        let dispatch = embedding_gradient::dispatch(params, bindings);
        b.finish("256 ids of 64 x 16".into(), dispatch, 256 * 17 + 64 * 16, 0.0)
    });
    add(&|b| {
        let bindings = embedding_gradient_runs::Bindings {
            sorted_ids: b.words(sorted()),
            sorted_positions: b.words(scattered()),
            d_output: b.reals(positions * units),
            scales: b.reals(1),
            gradient: b.reals(table * units),
            heads: b.reals(tiles * units),
            tails: b.reals(tiles * units),
        };
        let params = embedding_gradient_runs::Params {
            positions: positions as u32,
            units: units as u32,
            length: 0,
            first: 0,
            rows: table as u32,
            compact: 0,
            outer: 0,
        };
        let dispatch = embedding_gradient_runs::dispatch(params, bindings);
        let elements = positions * (2 + units) + table * units;
        b.finish("32768 ids of 20000 x 64".into(), dispatch, elements, 0.0)
    });
    add(&|b| {
        let bindings = embedding_gradient_carry::Bindings {
            sorted_ids: b.words(sorted()),
            heads: b.reals(tiles * units),
            tails: b.reals(tiles * units),
            gradient: b.reals(table * units),
        };
        let params = embedding_gradient_carry::Params {
            positions: positions as u32,
            units: units as u32,
            first: 0,
            rows: table as u32,
            compact: 0,
        };
        let dispatch = embedding_gradient_carry::dispatch(params, bindings);
        b.finish("32768 ids of 20000 x 64".into(), dispatch, 3 * tiles * units, 0.0)
    });
    add(&|b| {
        let bindings = embedding_adam::Bindings {
            state: b.state(),
            schedule: b.reals(64),
            sorted_ids: b.words(sorted()),
            gradients: b.reals(positions * units),
            weights: b.reals(table * units),
            first_moments: b.reals(table * units),
            second_moments: b.reals(table * units),
        };
        let params = embedding_adam::Params {
            positions: positions as u32,
            units: units as u32,
            first: 0,
            rows: table as u32,
            beta_1: 0.9,
            beta_2: 0.999,
            complement_1: 0.1,
            complement_2: 0.001,
            epsilon: 1e-7,
        };
        let dispatch = embedding_adam::dispatch(params, bindings);
        b.finish("32768 ids of 20000 x 64".into(), dispatch, positions + 7 * table * units, 0.0)
    });
    // All rows are up to date: what it costs a step that finds nothing to replay.
    add(&|b| {
        let bindings = embedding_replay::Bindings {
            state: b.words(vec![0, 0, 0, 1, 0, 0, 0, 0]),
            rates: b.reals(embedding_replay::RATES),
            sorted_ids: b.words(sorted()),
            steps: b.words(vec![0; table]),
            weights: b.reals(table * units),
            first_moments: b.reals(table * units),
            second_moments: b.reals(table * units),
        };
        let params = embedding_replay::Params {
            positions: positions as u32,
            units: units as u32,
            first: 0,
            rows: table as u32,
            all: 0,
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-7,
        };
        let dispatch = embedding_replay::dispatch(params, bindings);
        b.finish("32768 ids, nothing missed".into(), dispatch, 2 * positions, 0.0)
    });
    add(&|b| {
        let bindings = embedding_stamp::Bindings {
            state: b.state(),
            ids: b.words(sorted()),
            steps: b.words(vec![0; table]),
        };
        let params = embedding_stamp::Params { count: positions as u32, all: 0 };
        let dispatch = embedding_stamp::dispatch(params, bindings);
        b.finish("32768 ids".into(), dispatch, 2 * positions, 0.0)
    });
    let runs = radix_count::runs(positions);
    add(&|b| {
        let bindings = radix_count::Bindings {
            keys: b.ids(positions, table),
            counts: b.words(vec![0; 256 * runs]),
        };
        let params = radix_count::Params { count: positions as u32, shift: 0 };
        let dispatch = radix_count::dispatch(params, bindings);
        b.finish("32768 keys".into(), dispatch, positions + 256 * runs, 0.0)
    });
    add(&|b| {
        let (counts, totals) = (b.words(vec![0; 256 * runs]), b.words(vec![0; 256]));
        let bindings = radix_scan::Bindings { counts, totals };
        let params = radix_scan::Params { count: positions as u32 };
        let dispatch = radix_scan::dispatch(params, bindings);
        b.finish("32768 keys".into(), dispatch, 2 * 256 * runs, 0.0)
    });
    add(&|b| {
        // The whole pass: the scatter by itself would use its counts up.
        let (count, shift) = (positions as u32, 0);
        let keys = b.ids(positions, table);
        let (counts, totals) = (b.words(vec![0; 256 * runs]), b.words(vec![0; 256]));
        let bindings = radix_scatter::Bindings {
            keys,
            values: b.words(vec![0; positions]),
            totals,
            counts,
            sorted_keys: b.words(vec![0; positions]),
            sorted_values: b.words(vec![0; positions]),
        };
        let params = radix_scatter::Params { count, shift, first: 1 };
        let count_params = radix_count::Params { count, shift };
        let before = vec![
            radix_count::dispatch(count_params, radix_count::Bindings { keys, counts }),
            radix_scan::dispatch(
                radix_scan::Params { count },
                radix_scan::Bindings { counts, totals },
            ),
        ];
        let dispatch = radix_scatter::dispatch(params, bindings);
        let elements = 5 * positions + 4 * 256 * runs;
        b.finish_after(before, "32768 keys, whole pass".into(), dispatch, elements, 0.0)
    });

    for element in [Element::U32, Element::F32] {
        let mut b = Build::default();
        let (width, all) = if element == Element::U32 { (128, 1024) } else { (784, 2048) };
        let order: Vec<u32> = (0..all as u32).rev().collect();
        let size = format!("{rows} rows of {width}");
        let (state, order) = (b.state(), b.words(order));
        let (targets, batch_targets) = (b.reals(all), b.reals(rows));
        let moved = 2 * rows * (width + 1);
        cases.push(if element == Element::U32 {
            let bindings = gather_batch::ids::Bindings {
                state,
                order,
                inputs: b.ids(all * width, table),
                targets,
                batch_inputs: b.words(vec![0; rows * width]),
                batch_targets,
            };
            let params = gather_batch::ids::Params {
                rows: rows as u32,
                input_width: width as u32,
                target_width: 1,
            };
            b.finish(size, gather_batch::ids::dispatch(params, bindings), moved, 0.0)
        } else {
            let bindings = gather_batch::matrix::Bindings {
                state,
                order,
                inputs: b.reals(all * width),
                targets,
                batch_inputs: b.reals(rows * width),
                batch_targets,
            };
            let params = gather_batch::matrix::Params {
                rows: rows as u32,
                input_width: width as u32,
                target_width: 1,
            };
            b.finish(size, gather_batch::matrix::dispatch(params, bindings), moved, 0.0)
        });
    }

    let mut add = |make: &dyn Fn(&mut Build) -> Case| cases.push(make(&mut Build::default()));
    let elements = positions * units;
    let shape = format!("{rows} x {length} x {units}");
    let (rows_u32, length_u32, units_u32) = (rows as u32, length as u32, units as u32);
    add(&|b| {
        let bindings = mean_pool::Bindings {
            ids: b.ids(positions, table),
            input: b.reals(elements),
            output: b.reals(rows * units),
        };
        let params = mean_pool::Params { rows: rows_u32, length: length_u32, units: units_u32 };
        b.finish(shape.clone(), mean_pool::dispatch(params, bindings), elements, 0.0)
    });
    add(&|b| {
        let bindings = mean_pool_gradient::Bindings {
            ids: b.ids(positions, table),
            d_output: b.reals(rows * units),
            d_input: b.reals(elements),
        };
        let params =
            mean_pool_gradient::Params { rows: rows_u32, length: length_u32, units: units_u32 };
        b.finish(shape.clone(), mean_pool_gradient::dispatch(params, bindings), elements, 0.0)
    });
    let threshold = random::drop_threshold(0.3);
    add(&|b| {
        let bindings = dropout::Bindings {
            state: b.state(),
            input: b.reals(elements),
            output: b.reals(elements),
        };
        let params =
            dropout::Params { count: elements as u32, threshold, scale: 1.4, seed: 1, stream: 1 };
        b.finish("2M elements".into(), dropout::dispatch(params, bindings), 2 * elements, 0.0)
    });
    add(&|b| {
        let bindings = dropout_gradient::Bindings {
            state: b.state(),
            input: b.reals(elements),
            d_output: b.reals(elements),
            d_input: b.reals(elements),
        };
        let params = dropout_gradient::Params {
            count: elements as u32,
            threshold,
            scale: 1.4,
            seed: 1,
            stream: 1,
            activation: 1,
        };
        b.finish(
            "2M elements".into(),
            dropout_gradient::dispatch(params, bindings),
            3 * elements,
            0.0,
        )
    });

    // store_rows moves its cursor on: the store holds every run that is measured.
    let (slots, outputs) = (1, 784);
    let groups = binary_crossentropy::groups(rows * outputs);
    add(&|b| {
        let bindings = binary_crossentropy::Bindings {
            state: b.state(),
            logits: b.reals(rows * outputs),
            targets: b.reals(rows * outputs),
            d_logits: b.reals(rows * outputs),
            history: b.reals(slots * groups * 2),
        };
        let (outputs, groups) = (outputs as u32, groups as u32);
        let params = binary_crossentropy::Params { rows: rows_u32, outputs, groups };
        let dispatch = binary_crossentropy::dispatch(params, bindings);
        b.finish("256 x 784".into(), dispatch, 3 * rows * 784, 0.0)
    });
    add(&|b| {
        let bindings = mse::Bindings {
            state: b.state(),
            logits: b.reals(rows * outputs),
            targets: b.reals(rows * outputs),
            d_logits: b.reals(rows * outputs),
            history: b.reals(slots * groups * 2),
        };
        let (outputs, groups) = (outputs as u32, groups as u32);
        let params = mse::Params { rows: rows_u32, outputs, groups, activation: 3 };
        b.finish("256 x 784".into(), mse::dispatch(params, bindings), 3 * rows * 784, 0.0)
    });
    // Classes, and a vocabulary's words.
    for (outputs, sparse) in [(100usize, 1), (20_000, 0)] {
        add(&|b| {
            let groups = categorical_crossentropy::groups(rows, outputs);
            let targets = if sparse == 1 { rows } else { rows * outputs };
            let bindings = categorical_crossentropy::Bindings {
                state: b.state(),
                logits: b.reals(rows * outputs),
                targets: b.reals(targets),
                d_logits: b.reals(rows * outputs),
                history: b.reals(slots * groups * 2),
            };
            let params = categorical_crossentropy::Params {
                rows: rows_u32,
                outputs: outputs as u32,
                groups: groups as u32,
                sparse,
            };
            let dispatch = categorical_crossentropy::dispatch(params, bindings);
            let elements = 2 * rows * outputs + targets;
            b.finish(format!("256 x {outputs}"), dispatch, elements, 0.0)
        });
    }
    // A step of skip-gram: 1,024 words with 6 samples of 1 right and 5 wrong words.
    let (samples, targets, dim) = (6_144usize, 6usize, 100usize);
    add(&|b| {
        let bindings = word_samples::Bindings {
            state: b.state(),
            tokens: b.ids(4_096, table),
            thresholds: b.words(vec![u32::MAX / 2; table]),
            others: b.ids(table, table),
            bags: b.words(vec![0; samples]),
            targets: b.words(vec![0; samples * targets]),
        };
        let params = word_samples::Params {
            samples: samples as u32,
            per_word: 6,
            tokens: 4_096,
            window: 5,
            bag: 1,
            negatives: 5,
            words: table as u32,
            first_word: 2,
            seed: 7,
        };
        let elements = samples * (1 + 3 * targets);
        let dispatch = word_samples::dispatch(params, bindings);
        b.finish("6144 skip-gram samples".into(), dispatch, elements, 0.0)
    });
    add(&|b| {
        let groups = negative_sampling::groups(samples);
        let bindings = negative_sampling::Bindings {
            state: b.state(),
            hidden: b.reals(samples * dim),
            ids: b.ids(samples * targets, table),
            table: b.reals(table * dim),
            factors: b.reals(samples * targets),
            d_hidden: b.reals(samples * dim),
            history: b.reals(slots * groups * 2),
        };
        let params = negative_sampling::Params {
            samples: samples as u32,
            units: dim as u32,
            targets: targets as u32,
            groups: groups as u32,
            words: 0,
        };
        let elements = samples * (2 * dim + targets * (dim + 2));
        let dispatch = negative_sampling::dispatch(params, bindings);
        b.finish("6144 x 6 of 20000 x 100".into(), dispatch, elements, 0.0)
    });
    add(&|b| {
        let positions = samples * targets;
        let sorted = (0..positions).map(|p| (p * table / positions) as u32).collect();
        let places = (0..positions).map(|p| (p * 31 % positions) as u32).collect();
        let bindings = embedding_update::Bindings {
            sorted_ids: b.words(sorted),
            sorted_positions: b.words(places),
            vectors: b.reals(samples * dim),
            factors: b.reals(positions),
            table: b.reals(table * dim),
            squares: b.reals(table * dim),
        };
        let params = embedding_update::Params {
            positions: positions as u32,
            units: dim as u32,
            length: targets as u32,
            by_row: 0,
            rate: 0.05,
        };
        let elements = positions * (3 + dim) + 4 * table * dim;
        let dispatch = embedding_update::dispatch(params, bindings);
        b.finish("36864 ids of 20000 x 100".into(), dispatch, elements, 0.0)
    });
    add(&|b| {
        let bindings =
            softmax::Bindings { logits: b.reals(rows * 100), output: b.reals(rows * 100) };
        let params = softmax::Params { rows: rows_u32, outputs: 100 };
        b.finish("256 x 100".into(), softmax::dispatch(params, bindings), 2 * rows * 100, 0.0)
    });
    add(&|b| {
        let bindings = store_rows::Bindings {
            state: b.state(),
            outputs: b.reals(8 * 10),
            store: b.reals(60_000 * 8 * 10),
        };
        let params = store_rows::Params { rows: 8, width: 10 };
        b.finish("8 x 10".into(), store_rows::dispatch(params, bindings), 2 * 80, 0.0)
    });
    cases.extend(layer_cases());
    cases.extend(update_cases());
    cases
}

/// Layers of 256 rows and 1,024 units, and their loss.
fn layer_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |make: &dyn Fn(&mut Build) -> Case| cases.push(make(&mut Build::default()));
    let (rows, units) = (256usize, 1024usize);
    let (count, size) = (rows * units, "256 x 1024".to_owned());
    let (rows_u32, units_u32, count_u32) = (rows as u32, units as u32, count as u32);
    add(&|b| {
        let bindings = gelu::Bindings { input: b.reals(count), output: b.reals(count) };
        let dispatch = gelu::dispatch(gelu::Params { count: count_u32 }, bindings);
        b.finish(size.clone(), dispatch, 2 * count, 0.0)
    });
    add(&|b| {
        let bindings = gelu_gradient::Bindings {
            input: b.reals(count),
            d_output: b.reals(count),
            d_input: b.reals(count),
        };
        let params = gelu_gradient::Params { count: count_u32 };
        b.finish(size.clone(), gelu_gradient::dispatch(params, bindings), 3 * count, 0.0)
    });
    add(&|b| {
        let bindings = layer_norm::Bindings {
            input: b.reals(count),
            weights: b.reals(2 * units),
            output: b.reals(count),
            moments: b.reals(2 * rows),
        };
        let params = layer_norm::Params { rows: rows_u32, units: units_u32, epsilon: 1e-3 };
        b.finish(size.clone(), layer_norm::dispatch(params, bindings), 2 * count, 0.0)
    });
    add(&|b| {
        let bindings = layer_norm_gradient_input::Bindings {
            input: b.reals(count),
            weights: b.reals(2 * units),
            moments: b.reals(2 * rows),
            d_output: b.reals(count),
            d_input: b.reals(count),
        };
        let (rows, units) = (rows_u32, units_u32);
        let params = layer_norm_gradient_input::Params { rows, units, activation: 0 };
        let dispatch = layer_norm_gradient_input::dispatch(params, bindings);
        b.finish(size.clone(), dispatch, 3 * count, 0.0)
    });
    add(&|b| {
        let part_rows = layer_norm_gradient_weights::part_rows(rows);
        let bindings = layer_norm_gradient_weights::Bindings {
            input: b.reals(count),
            moments: b.reals(2 * rows),
            d_output: b.reals(count),
            parts: b.reals(rows.div_ceil(part_rows) * 2 * units),
        };
        let part_rows = part_rows as u32;
        let params =
            layer_norm_gradient_weights::Params { rows: rows_u32, units: units_u32, part_rows };
        let dispatch = layer_norm_gradient_weights::dispatch(params, bindings);
        b.finish(size.clone(), dispatch, 2 * count, 0.0)
    });
    add(&|b| {
        let bindings =
            place_columns::Bindings { input: b.reals(count), output: b.reals(2 * count) };
        let params = place_columns::Params {
            rows: rows_u32,
            width: units_u32,
            stride: 2 * units_u32,
            first: units_u32,
            adds: 0,
        };
        b.finish(size.clone(), place_columns::dispatch(params, bindings), 2 * count, 0.0)
    });
    add(&|b| {
        let bindings = take_columns::Bindings {
            input: b.reals(count),
            d_output: b.reals(2 * count),
            d_input: b.reals(count),
        };
        let params = take_columns::Params {
            rows: rows_u32,
            width: units_u32,
            stride: 2 * units_u32,
            first: units_u32,
            activation: 1,
        };
        b.finish(size.clone(), take_columns::dispatch(params, bindings), 3 * count, 0.0)
    });
    add(&|b| {
        let groups = binary_crossentropy::groups(count);
        let bindings = huber::Bindings {
            state: b.state(),
            logits: b.reals(count),
            targets: b.reals(count),
            d_logits: b.reals(count),
            history: b.reals(64 * groups * 2),
        };
        let (rows, outputs, groups) = (rows_u32, units_u32, groups as u32);
        let params = huber::Params { rows, outputs, groups, activation: 0, delta: 1.0 };
        b.finish(size.clone(), huber::dispatch(params, bindings), 3 * count, 0.0)
    });
    add(&|b| {
        let bindings =
            smooth_targets::Bindings { targets: b.reals(rows), smoothed: b.reals(count) };
        let (rows, outputs) = (rows_u32, units_u32);
        let params = smooth_targets::Params { rows, outputs, sparse: 1, binary: 0, smoothing: 0.1 };
        b.finish(size.clone(), smooth_targets::dispatch(params, bindings), count, 0.0)
    });
    cases
}

/// What updates 4M parameters beside Adam and SGD.
fn update_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |make: &dyn Fn(&mut Build) -> Case| cases.push(make(&mut Build::default()));
    let count = 4usize << 20;
    let (count_u32, size) = (count as u32, "4M parameters".to_owned());
    add(&|b| {
        let bindings = rmsprop::Bindings {
            state: b.state(),
            schedule: b.reals(64),
            gradients: b.reals(count),
            weights: b.reals(count),
            squares: b.reals(count),
            velocities: b.reals(count),
        };
        let params = rmsprop::Params {
            count: count_u32,
            rho: 0.9,
            complement: 0.1,
            momentum: 0.0,
            epsilon: 1e-7,
        };
        b.finish(size.clone(), rmsprop::dispatch(params, bindings), 7 * count, 0.0)
    });
    add(&|b| {
        let bindings =
            decay::Bindings { state: b.state(), rates: b.reals(64), weights: b.reals(count) };
        let params = decay::Params { count: count_u32, factor: 0.01 };
        b.finish(size.clone(), decay::dispatch(params, bindings), 2 * count, 0.0)
    });
    add(&|b| {
        let bindings = clip_value::Bindings { gradients: b.reals(count) };
        let params = clip_value::Params { count: count_u32, limit: 1.0 };
        b.finish(size.clone(), clip_value::dispatch(params, bindings), 2 * count, 0.0)
    });
    let partials = sum_squares::partials(count);
    add(&|b| {
        let bindings =
            sum_squares::Bindings { gradients: b.reals(count), partials: b.reals(partials) };
        let params = sum_squares::Params { count: count_u32, first: 0 };
        let flops = 2.0 * count as f64;
        b.finish(size.clone(), sum_squares::dispatch(params, bindings), count, flops)
    });
    add(&|b| {
        let bindings = clip_scale::Bindings { sums: b.reals(partials), scale: b.reals(1) };
        let params = clip_scale::Params { partials: partials as u32, limit: 1.0 };
        b.finish(size.clone(), clip_scale::dispatch(params, bindings), partials, 0.0)
    });
    add(&|b| {
        let bindings = scale_by::Bindings { scale: b.reals(1), gradients: b.reals(count) };
        let params = scale_by::Params { count: count_u32 };
        b.finish(size.clone(), scale_by::dispatch(params, bindings), 2 * count, 0.0)
    });
    cases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_has_a_case_that_runs() {
        let cases = cases();
        for kernel in ALL {
            assert!(cases.iter().any(|case| std::ptr::eq(case.kernel, *kernel)), "{}", kernel.name);
        }
        for case in &cases {
            let [routine] = &case.program.routines[..] else { panic!("{} records", case.size) };
            let bound = routine.dispatches.iter().flat_map(|d| &d.bindings).map(|s| s.buffer.0);
            assert_eq!(bound.max(), Some(case.program.buffers.len() - 1), "{}", case.kernel.name);
        }
    }
}
