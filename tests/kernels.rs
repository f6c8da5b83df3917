//! Every kernel against its f64 reference, on random shapes: on the adapter, in every variant, and by
//! the f32 reference. A new kernel adds its row to `CASES`.

pub(crate) mod common;

use common::{Case, gpu};
use proptest::prelude::*;
use rand::RngExt;
use wgslearn::kernels::*;

/// Sizes a, b, c, d that a case makes its shapes of.
type Sizes = [usize; 4];

/// How a case is made.
type Make = fn(Case, Sizes) -> Case;

/// Tolerance of one rounding or a few.
const EXACT: f64 = 2e-6;

/// Tolerance of a sum of `terms` terms in single precision.
fn summed(terms: usize) -> f64 {
    1e-6 * (4.0 + terms as f64).sqrt()
}

pub(crate) static CASES: &[(&Kernel, Make)] = &[
    (&adam::KERNEL, adam_case),
    (&bag_targets::KERNEL, bag_targets_case),
    (&binary_crossentropy::KERNEL, binary_crossentropy_case),
    (&categorical_crossentropy::KERNEL, categorical_crossentropy_case),
    (&dense_forward::KERNEL, dense_forward_case),
    (&dense_gradient_input::KERNEL, dense_gradient_input_case),
    (&dense_gradient_weights::KERNEL, dense_gradient_weights_case),
    (&dropout::KERNEL, dropout_case),
    (&dropout_gradient::KERNEL, dropout_gradient_case),
    (&embedding_bag::KERNEL, embedding_bag_case),
    (&embedding_gather::KERNEL, embedding_gather_case),
    (&embedding_gradient::KERNEL, embedding_gradient_case),
    (&embedding_gradient_carry::KERNEL, embedding_gradient_carry_case),
    (&embedding_gradient_runs::KERNEL, embedding_gradient_runs_case),
    (&embedding_adam::KERNEL, embedding_adam_case),
    (&embedding_replay::KERNEL, embedding_replay_case),
    (&embedding_stamp::KERNEL, embedding_stamp_case),
    (&embedding_update::KERNEL, embedding_update_case),
    (&fill::KERNEL, fill_case),
    (&gather_batch::ids::KERNEL, gather_ids_case),
    (&gather_batch::matrix::KERNEL, gather_matrix_case),
    (&mean_pool::KERNEL, mean_pool_case),
    (&mean_pool_gradient::KERNEL, mean_pool_gradient_case),
    (&mse::KERNEL, mse_case),
    (&negative_sampling::KERNEL, negative_sampling_case),
    (&noise::KERNEL, noise_case),
    (&peak_fma::KERNEL, peak_fma_case),
    (&radix_count::KERNEL, radix_count_case),
    (&radix_scan::KERNEL, radix_scan_case),
    (&radix_scatter::KERNEL, radix_scatter_case),
    (&sgd::KERNEL, sgd_case),
    (&small_steps::ids::KERNEL, small_steps_ids_case),
    (&small_steps::matrix::KERNEL, small_steps_matrix_case),
    (&softmax::KERNEL, softmax_case),
    (&store_rows::KERNEL, store_rows_case),
    (&sum_parts::KERNEL, sum_parts_case),
    (&clip_scale::KERNEL, clip_scale_case),
    (&clip_value::KERNEL, clip_value_case),
    (&decay::KERNEL, decay_case),
    (&gelu::KERNEL, gelu_case),
    (&gelu_gradient::KERNEL, gelu_gradient_case),
    (&huber::KERNEL, huber_case),
    (&layer_norm::KERNEL, layer_norm_case),
    (&layer_norm_gradient_input::KERNEL, layer_norm_gradient_input_case),
    (&layer_norm_gradient_weights::KERNEL, layer_norm_gradient_weights_case),
    (&place_columns::KERNEL, place_columns_case),
    (&rmsprop::KERNEL, rmsprop_case),
    (&scale_by::KERNEL, scale_by_case),
    (&smooth_targets::KERNEL, smooth_targets_case),
    (&sum_squares::KERNEL, sum_squares_case),
    (&take_columns::KERNEL, take_columns_case),
    (&word_samples::KERNEL, word_samples_case),
];

fn adam_case(mut c: Case, [a, b, ..]: Sizes) -> Case {
    let count = a * b * 4;
    let params = adam::Params {
        count: count as u32,
        beta_1: 0.9,
        beta_2: 0.999,
        complement_1: 0.1,
        complement_2: 0.001,
        epsilon: 1e-7,
    };
    let second: Vec<f32> = (0..count).map(|_| c.rng.random_range(0.0..1.0)).collect();
    let bindings = adam::Bindings {
        state: c.state(0, 2),
        schedule: c.reals(vec![0.0, 0.0, 1e-2]),
        gradients: c.random(count, 1.0),
        weights: c.random(count, 1.0),
        first_moments: c.random(count, 1.0),
        second_moments: c.reals(second),
    };
    c.expect(bindings.weights, EXACT);
    c.expect(bindings.first_moments, EXACT);
    c.expect(bindings.second_moments, EXACT);
    c.finish(adam::dispatch(params, bindings))
}

fn peak_fma_case(mut c: Case, [a, b, iterations, _]: Sizes) -> Case {
    let output = c.output(a * b, EXACT);
    let params = peak_fma::Params { count: (a * b) as u32, iterations: iterations as u32 };
    c.finish(peak_fma::dispatch(params, peak_fma::Bindings { output }))
}

fn sgd_case(mut c: Case, [a, b, ..]: Sizes) -> Case {
    let count = a * b * 4;
    let bindings = sgd::Bindings {
        state: c.state(0, 1),
        schedule: c.reals(vec![0.0, 1e-1]),
        gradients: c.random(count, 1.0),
        weights: c.random(count, 1.0),
        velocities: c.random(count, 1.0),
    };
    c.expect(bindings.weights, EXACT);
    c.expect(bindings.velocities, EXACT);
    c.finish(sgd::dispatch(sgd::Params { count: count as u32, momentum: 0.9 }, bindings))
}

/// Targets and logits of a loss, with logits large enough to overflow a careless formula.
fn loss_inputs(c: &mut Case, rows: usize, outputs: usize) -> [Span; 2] {
    let logits = c.random(rows * outputs, 40.0);
    let targets = (0..rows * outputs).map(|_| c.rng.random_range(0..2) as f32).collect();
    [logits, c.reals(targets)]
}

fn binary_crossentropy_case(mut c: Case, [rows, outputs, groups, slot]: Sizes) -> Case {
    let groups = groups.min(64);
    let [logits, targets] = loss_inputs(&mut c, rows, outputs);
    let bindings = binary_crossentropy::Bindings {
        state: c.state(5, slot as u32),
        logits,
        targets,
        d_logits: c.output(rows * outputs, EXACT),
        history: c.output((slot + 1) * groups * 2, summed(rows * outputs)),
    };
    c.expect(bindings.state, 0.0);
    let (rows, outputs, groups) = (rows as u32, outputs as u32, groups as u32);
    c.finish(binary_crossentropy::dispatch(
        binary_crossentropy::Params { rows, outputs, groups },
        bindings,
    ))
}

fn mse_case(mut c: Case, [rows, outputs, groups, slot]: Sizes) -> Case {
    let groups = groups.min(64);
    let bindings = mse::Bindings {
        state: c.state(5, slot as u32),
        logits: c.random(rows * outputs, 3.0),
        targets: c.random(rows * outputs, 1.0),
        d_logits: c.output(rows * outputs, EXACT),
        history: c.output((slot + 1) * groups * 2, summed(rows * outputs)),
    };
    c.expect(bindings.state, 0.0);
    let activation = (slot % 4) as u32;
    let (rows, outputs, groups) = (rows as u32, outputs as u32, groups as u32);
    c.finish(mse::dispatch(mse::Params { rows, outputs, groups, activation }, bindings))
}

fn categorical_crossentropy_case(mut c: Case, [rows, outputs, groups, slot]: Sizes) -> Case {
    let groups = groups.min(64);
    let sparse = slot % 2;
    let logits = c.random(rows * outputs, 40.0);
    let targets = match sparse {
        1 => (0..rows).map(|_| c.rng.random_range(0..outputs) as f32).collect(),
        _ => (0..rows * outputs).map(|_| c.rng.random_range(0.0..1.0)).collect(),
    };
    let bindings = categorical_crossentropy::Bindings {
        state: c.state(5, slot as u32),
        logits,
        targets: c.reals(targets),
        d_logits: c.output(rows * outputs, EXACT),
        history: c.output((slot + 1) * groups * 2, summed(rows * outputs)),
    };
    c.expect(bindings.state, 0.0);
    let params = categorical_crossentropy::Params {
        rows: rows as u32,
        outputs: outputs as u32,
        groups: groups as u32,
        sparse: sparse as u32,
    };
    c.finish(categorical_crossentropy::dispatch(params, bindings))
}

fn softmax_case(mut c: Case, [rows, outputs, ..]: Sizes) -> Case {
    let bindings = softmax::Bindings {
        logits: c.random(rows * outputs, 60.0),
        output: c.output(rows * outputs, EXACT),
    };
    let params = softmax::Params { rows: rows as u32, outputs: outputs as u32 };
    c.finish(softmax::dispatch(params, bindings))
}

/// Columns of a dense layer's input before and behind those that its piece reads: none for odd
/// codes, so that whole layers are met too.
fn margins(code: usize) -> [usize; 2] {
    [[0, 0], [4, 8], [0, 0], [3, 0]][code % 4]
}

fn dense_forward_case(mut c: Case, [rows, inputs, units, code]: Sizes) -> Case {
    let [before, behind] = margins(code);
    let stride = before + inputs + behind;
    let (adds, bias) = ((before > 0) as usize, (behind == 0) as usize);
    let bindings = dense_forward::Bindings {
        input: c.random(rows * stride, 1.0),
        weights: c.random((inputs + bias) * units, 1.0),
        output: c.random(rows * units, 1.0),
    };
    c.expect(bindings.output, summed(inputs));
    let params = dense_forward::Params {
        rows: rows as u32,
        inputs: inputs as u32,
        units: units as u32,
        activation: (code % 4) as u32,
        stride: stride as u32,
        first: before as u32,
        adds: adds as u32,
        bias: bias as u32,
    };
    c.finish(dense_forward::dispatch(params, bindings))
}

fn dense_gradient_weights_case(mut c: Case, [rows, inputs, units, code]: Sizes) -> Case {
    let [before, behind] = margins(code);
    let stride = before + inputs + behind;
    let bias = (behind == 0) as usize;
    // In one part, or in several, the last one ragged.
    let part_rows =
        if rows % 2 == 0 { rows.div_ceil(3).next_multiple_of(16).min(rows) } else { rows };
    let bindings = dense_gradient_weights::Bindings {
        input: c.random(rows * stride, 1.0),
        d_output: c.random(rows * units, 1.0),
        gradient: c.output(rows.div_ceil(part_rows) * (inputs + bias) * units, summed(rows)),
    };
    let params = dense_gradient_weights::Params {
        rows: rows as u32,
        inputs: inputs as u32,
        units: units as u32,
        stride: stride as u32,
        first: before as u32,
        bias: bias as u32,
        part_rows: part_rows as u32,
    };
    c.finish(dense_gradient_weights::dispatch(params, bindings))
}

fn dense_gradient_input_case(mut c: Case, [rows, inputs, units, code]: Sizes) -> Case {
    let [before, behind] = margins(code);
    let stride = before + inputs + behind;
    let bindings = dense_gradient_input::Bindings {
        input: c.random(rows * stride, 1.0),
        weights: c.random((inputs + 1) * units, 1.0),
        d_output: c.random(rows * units, 1.0),
        d_input: c.random(rows * stride, 1.0),
    };
    c.expect(bindings.d_input, summed(units));
    // All units in one dispatch, or the first, the middle or the last of several.
    let part = units / 12 * 4;
    let [first_unit, left] = match rows % 4 {
        1 => [0, part],
        2 => [part, part],
        3 => [part, 0],
        _ => [0, 0],
    };
    let params = dense_gradient_input::Params {
        rows: rows as u32,
        inputs: inputs as u32,
        units: units as u32,
        activation: (code % 4) as u32,
        stride: stride as u32,
        first: before as u32,
        first_unit: first_unit as u32,
        terms: (units - first_unit - left) as u32,
    };
    c.finish(dense_gradient_input::dispatch(params, bindings))
}

fn dropout_case(mut c: Case, [a, b, rate, _]: Sizes) -> Case {
    let count = a * b;
    let rate = (rate % 10) as f64 / 10.0;
    let bindings = dropout::Bindings {
        state: c.state(0, 0),
        input: c.random(count, 1.0),
        output: c.output(count, EXACT),
    };
    let params = dropout::Params {
        count: count as u32,
        threshold: random::drop_threshold(rate),
        scale: (1.0 / (1.0 - rate)) as f32,
        seed: c.rng.random(),
        stream: 3,
    };
    c.finish(dropout::dispatch(params, bindings))
}

fn dropout_gradient_case(mut c: Case, [a, b, rate, code]: Sizes) -> Case {
    let count = a * b;
    let rate = (rate % 10) as f64 / 10.0;
    let bindings = dropout_gradient::Bindings {
        state: c.state(0, 0),
        input: c.random(count, 1.0),
        d_output: c.random(count, 1.0),
        d_input: c.output(count, EXACT),
    };
    let params = dropout_gradient::Params {
        count: count as u32,
        threshold: random::drop_threshold(rate),
        scale: (1.0 / (1.0 - rate)) as f32,
        seed: c.rng.random(),
        stream: 3,
        activation: (code % 4) as u32,
    };
    c.finish(dropout_gradient::dispatch(params, bindings))
}

/// A piece of a table of `rows` rows: its first row and its rows; the whole for odd codes.
fn piece(rows: usize, code: usize) -> [usize; 2] {
    match code % 2 {
        0 if rows > 2 => [rows / 3, rows / 2],
        _ => [0, rows],
    }
}

fn embedding_gather_case(mut c: Case, [positions, rows, units, code]: Sizes) -> Case {
    let [first, held] = piece(rows, code);
    let bindings = embedding_gather::Bindings {
        ids: c.ids(positions, rows),
        table: c.random(held * units, 1.0),
        output: c.output(positions * units, 0.0),
    };
    let params = embedding_gather::Params {
        positions: positions as u32,
        units: units as u32,
        first: first as u32,
        rows: if held == rows { u32::MAX } else { held as u32 },
    };
    c.finish(embedding_gather::dispatch(params, bindings))
}

fn embedding_bag_case(mut c: Case, [rows, length, units, code]: Sizes) -> Case {
    let [first, held] = piece(97, code);
    let ends = code % 4 != 2;
    let bindings = embedding_bag::Bindings {
        ids: c.ids(rows * length, 97),
        table: c.random(held * units, 1.0),
        bias: c.random(units, 1.0),
        output: c.random(rows * units, 1.0),
        scales: c.output(rows, EXACT),
    };
    c.expect(bindings.output, summed(length));
    let params = embedding_bag::Params {
        rows: rows as u32,
        length: length as u32,
        units: units as u32,
        first: first as u32,
        table_rows: held as u32,
        mode: (code % 3) as u32,
        activation: if ends { (code % 4) as u32 } else { 0 },
        adds: (first > 0) as u32,
        ends: ends as u32,
        bias: (code / 2 % 2) as u32,
    };
    c.finish(embedding_bag::dispatch(params, bindings))
}

fn bag_targets_case(mut c: Case, [rows, length, outputs, code]: Sizes) -> Case {
    let bindings = bag_targets::Bindings {
        ids: c.ids(rows * length, outputs),
        targets: c.reals(vec![0.0; rows * outputs]),
    };
    c.expect(bindings.targets, EXACT);
    let params = bag_targets::Params {
        rows: rows as u32,
        length: length as u32,
        outputs: outputs as u32,
        counts: (code % 2) as u32,
    };
    c.finish(bag_targets::dispatch(params, bindings))
}

fn noise_case(mut c: Case, [rows, width, amount, code]: Sizes) -> Case {
    let share = (amount % 10) as f64 / 10.0;
    let all = rows + code;
    let bindings = noise::Bindings {
        state: c.state(code as u32, 0),
        order: order(&mut c, all),
        input: c.random(rows * width, 1.0),
        output: c.output(rows * width, EXACT),
    };
    let params = noise::Params {
        rows: rows as u32,
        width: width as u32,
        kind: (code % 3) as u32,
        fixed: (code / 3 % 2) as u32,
        threshold: random::drop_threshold(share),
        amount: share as f32,
        low: -0.75,
        high: 1.0,
        seed: c.rng.random(),
        stream: 3,
    };
    c.finish(noise::dispatch(params, bindings))
}

/// What bags have for their gradient: ids of a bag, 0 for an embedding, and the rows of d_output.
fn bags(positions: usize, code: usize) -> [usize; 2] {
    match code % 3 {
        0 => [0, positions],
        _ => [7, positions.div_ceil(7)],
    }
}

fn embedding_gradient_case(mut c: Case, [positions, rows, units, code]: Sizes) -> Case {
    let [length, d_rows] = bags(positions, code);
    let bindings = embedding_gradient::Bindings {
        ids: c.ids(positions, rows),
        d_output: c.random(d_rows * units, 1.0),
        scales: c.random(d_rows, 1.0),
        gradient: c.output(rows * units, summed(positions)),
    };
    let (positions, units, rows) = (positions as u32, units as u32, rows as u32);
    let params = embedding_gradient::Params { positions, units, rows, length: length as u32 };
    c.finish(embedding_gradient::dispatch(params, bindings))
}

/// Ids as the sort leaves them, with the positions they came from.
fn sorted_pairs(c: &mut Case, positions: usize, rows: usize) -> [Vec<u32>; 2] {
    let draw = |c: &mut Case| match c.rng.random_range(0..3) {
        0 => 0,
        _ => c.rng.random_range(0..rows) as u32,
    };
    let mut pairs: Vec<(u32, u32)> = (0..positions).map(|p| (draw(c), p as u32)).collect();
    pairs.sort();
    [pairs.iter().map(|pair| pair.0).collect(), pairs.iter().map(|pair| pair.1).collect()]
}

fn embedding_gradient_runs_case(mut c: Case, [a, rows, units, b]: Sizes) -> Case {
    let positions = a * b;
    let tiles = positions.div_ceil(embedding_gradient_runs::TILE);
    let [first, held] = piece(rows, b);
    let [length, d_rows] = bags(positions, b);
    let outer = length > 0 && rows % 2 == 1;
    let d_rows_read = if outer { length } else { d_rows };
    let [ids, places] = sorted_pairs(&mut c, positions, rows);
    let mut zeros = |count| {
        let span = c.reals(vec![0.0; count]);
        c.expect(span, summed(embedding_gradient_runs::TILE))
    };
    let compact = b % 2;
    let gradient_rows = if compact == 1 { positions } else { held };
    let (gradient, heads, tails) =
        (zeros(gradient_rows * units), zeros(tiles * units), zeros(tiles * units));
    let bindings = embedding_gradient_runs::Bindings {
        sorted_ids: c.words(ids),
        sorted_positions: c.words(places),
        d_output: c.random(d_rows_read * units, 1.0),
        scales: c.random(d_rows, 1.0),
        gradient,
        heads,
        tails,
    };
    let params = embedding_gradient_runs::Params {
        positions: positions as u32,
        units: units as u32,
        length: length as u32,
        first: first as u32,
        rows: if compact == 1 { u32::MAX } else { held as u32 },
        compact: compact as u32,
        outer: outer as u32,
    };
    c.finish(embedding_gradient_runs::dispatch(params, bindings))
}

fn embedding_gradient_carry_case(mut c: Case, [a, rows, units, b]: Sizes) -> Case {
    let positions = a * b;
    let tiles = positions.div_ceil(embedding_gradient_runs::TILE);
    let [first, held] = piece(rows, b);
    let [ids, _] = sorted_pairs(&mut c, positions, rows);
    let bindings = embedding_gradient_carry::Bindings {
        sorted_ids: c.words(ids),
        heads: c.random(tiles * units, 1.0),
        tails: c.random(tiles * units, 1.0),
        gradient: c.output(if b % 2 == 1 { positions } else { held } * units, summed(tiles)),
    };
    let params = embedding_gradient_carry::Params {
        positions: positions as u32,
        units: units as u32,
        first: first as u32,
        rows: if b % 2 == 1 { u32::MAX } else { held as u32 },
        compact: (b % 2) as u32,
    };
    c.finish(embedding_gradient_carry::dispatch(params, bindings))
}

fn embedding_adam_case(mut c: Case, [a, rows, units, b]: Sizes) -> Case {
    let positions = a * b;
    let [first, held] = piece(rows, b);
    let [ids, _] = sorted_pairs(&mut c, positions, rows);
    let second: Vec<f32> = (0..held * units).map(|_| c.rng.random_range(0.0..1.0)).collect();
    let bindings = embedding_adam::Bindings {
        state: c.state(0, 2),
        schedule: c.reals(vec![0.0, 0.0, 1e-2]),
        sorted_ids: c.words(ids),
        gradients: c.random(positions * units, 1.0),
        weights: c.random(held * units, 1.0),
        first_moments: c.random(held * units, 1.0),
        second_moments: c.reals(second),
    };
    c.expect(bindings.weights, EXACT);
    c.expect(bindings.first_moments, EXACT);
    c.expect(bindings.second_moments, EXACT);
    let params = embedding_adam::Params {
        positions: positions as u32,
        units: units as u32,
        first: first as u32,
        rows: held as u32,
        beta_1: 0.9,
        beta_2: 0.999,
        complement_1: 0.1,
        complement_2: 0.001,
        epsilon: 1e-7,
    };
    c.finish(embedding_adam::dispatch(params, bindings))
}

fn embedding_replay_case(mut c: Case, [a, rows, units, b]: Sizes) -> Case {
    let positions = a * b;
    let [first, held] = piece(rows, b);
    let [ids, _] = sorted_pairs(&mut c, positions, rows);
    let all = b % 2;
    // Half of the rows have never had a gradient.
    let moments = |c: &mut Case, low: f32| -> Span {
        let fresh = |i: usize| (i / units) % 2 == 1;
        let draw = |i| if fresh(i) { 0.0 } else { c.rng.random_range(low..1.0) };
        let values = (0..held * units).map(draw).collect();
        c.reals(values)
    };
    let (first_moments, second_moments) = (moments(&mut c, -1.0), moments(&mut c, 1e-3));
    // Up to forty steps have been missed.
    let (step, missed) = (9_000, 40);
    let steps = (0..rows).map(|_| step - c.rng.random_range(0..=missed)).collect();
    let rates = (0..embedding_replay::RATES).map(|i| 1e-3 + i as f32 * 1e-7).collect();
    let bindings = embedding_replay::Bindings {
        state: c.words(vec![0, step, 0, step + 1, 0, 0, 0, 0]),
        rates: c.reals(rates),
        sorted_ids: c.words(ids),
        steps: c.words(steps),
        weights: c.random(held * units, 1.0),
        first_moments,
        second_moments,
    };
    c.expect(bindings.weights, summed(40));
    c.expect(bindings.first_moments, summed(40));
    c.expect(bindings.second_moments, summed(40));
    let params = embedding_replay::Params {
        positions: if all == 1 { held } else { positions } as u32,
        units: units as u32,
        first: first as u32,
        rows: held as u32,
        all: all as u32,
        beta_1: 0.9,
        beta_2: 0.999,
        epsilon: 1e-7,
    };
    c.finish(embedding_replay::dispatch(params, bindings))
}

fn embedding_stamp_case(mut c: Case, [positions, rows, _, code]: Sizes) -> Case {
    let [ids, _] = sorted_pairs(&mut c, positions, rows);
    let all = code % 2;
    let bindings = embedding_stamp::Bindings {
        state: c.words(vec![0, 7, 0, 9, 0, 0, 0, 0]),
        ids: c.words(ids),
        steps: c.words(vec![3; rows]),
    };
    c.expect(bindings.steps, 0.0);
    let count = if all == 1 { rows } else { positions } as u32;
    let params = embedding_stamp::Params { count, all: all as u32 };
    c.finish(embedding_stamp::dispatch(params, bindings))
}

fn embedding_update_case(mut c: Case, [positions, rows, units, code]: Sizes) -> Case {
    let length = code.div_ceil(2);
    let vectors = positions.div_ceil(length);
    let [ids, places] = sorted_pairs(&mut c, positions, rows);
    let squares = (0..rows * units).map(|_| c.rng.random_range(0.1..2.0)).collect();
    let by_row = code % 2;
    let bindings = embedding_update::Bindings {
        sorted_ids: c.words(ids),
        sorted_positions: c.words(places),
        vectors: c.random(vectors * units, 1.0),
        factors: c.random(if by_row == 1 { vectors } else { positions }, 1.0),
        table: c.random(rows * units, 1.0),
        squares: c.reals(squares),
    };
    c.expect(bindings.table, summed(positions));
    c.expect(bindings.squares, summed(positions));
    let params = embedding_update::Params {
        positions: positions as u32,
        units: units as u32,
        length: length as u32,
        by_row: by_row as u32,
        rate: 0.1,
    };
    c.finish(embedding_update::dispatch(params, bindings))
}

fn negative_sampling_case(mut c: Case, [samples, units, rows, targets]: Sizes) -> Case {
    let groups = negative_sampling::groups(samples);
    let slot = 3;
    let bindings = negative_sampling::Bindings {
        state: c.state(5, slot),
        hidden: c.random(samples * units, 1.0),
        ids: c.ids(samples * targets, rows),
        table: c.random(rows * units, 1.0),
        factors: c.output(samples * targets, summed(units)),
        d_hidden: c.output(samples * units, summed(targets * units)),
        history: c.output((slot as usize + 1) * groups * 2, summed(256 * targets)),
    };
    c.expect(bindings.state, 0.0);
    let params = negative_sampling::Params {
        samples: samples as u32,
        units: units as u32,
        targets: targets as u32,
        groups: groups as u32,
        words: 7,
    };
    c.finish(negative_sampling::dispatch(params, bindings))
}

fn word_samples_case(mut c: Case, [samples, tokens, words, window]: Sizes) -> Case {
    let negatives = window % 4;
    let bag = if window % 2 == 0 { 1 } else { 2 * window };
    let draws = |c: &mut Case, below: usize| {
        (0..words).map(|_| c.rng.random_range(0..below) as u32).collect::<Vec<_>>()
    };
    let (thresholds, others) = (draws(&mut c, 1 << 32), draws(&mut c, words));
    let bindings = word_samples::Bindings {
        state: c.state(2, 1),
        tokens: c.ids(tokens, words),
        thresholds: c.words(thresholds),
        others: c.words(others),
        bags: c.words(vec![9; samples * bag]),
        targets: c.words(vec![9; samples * (1 + negatives)]),
    };
    for span in [bindings.state, bindings.bags, bindings.targets] {
        c.expect(span, 0.0);
    }
    let params = word_samples::Params {
        samples: samples as u32,
        per_word: window as u32,
        tokens: tokens as u32,
        window: window as u32,
        bag: bag as u32,
        negatives: negatives as u32,
        words: words as u32,
        first_word: 2,
        seed: c.rng.random(),
    };
    c.finish(word_samples::dispatch(params, bindings))
}

fn fill_case(mut c: Case, [a, b, ..]: Sizes) -> Case {
    let values = c.output(a * b, 0.0);
    let params = fill::Params { count: (a * b) as u32, value: 2.5 };
    c.finish(fill::dispatch(params, fill::Bindings { values }))
}

/// An order that takes each of `rows` rows once, by a stride that shares no factor with it.
fn order(c: &mut Case, rows: usize) -> Span {
    let mut order: Vec<u32> = (0..rows as u32).collect();
    for i in (1..rows).rev() {
        order.swap(i, c.rng.random_range(0..=i));
    }
    c.words(order)
}

/// A small model of two dense layers, behind an embedding or not, in `state` as `small_steps` has it;
/// with the number of its weights and of a batch's values, and the layers' widths.
fn small_model(
    embeds: bool,
    batch: usize,
    width: usize,
    units: usize,
    outputs: usize,
    code: usize,
) -> (Vec<u32>, usize, usize) {
    let rows = 11;
    let reads = if embeds { width * units } else { width };
    let dense = |reads, units, activation| small_steps::Layer {
        embeds: false,
        reads,
        units,
        activation,
        weights: 0,
        output: 0,
    };
    let mut layers =
        vec![dense(reads, 3, Activation::ALL[code % 4]), dense(3, outputs, Activation::Sigmoid)];
    if embeds {
        let table = dense(width, units, Activation::Linear);
        layers.insert(0, small_steps::Layer { embeds: true, ..table });
    }
    let mut weights = 0;
    for layer in &mut layers {
        layer.weights = weights;
        let own = if layer.embeds { rows } else { layer.reads + 1 } * layer.units;
        weights += own.next_multiple_of(64);
    }
    let mut values = if embeds { 0 } else { batch * width };
    for layer in &mut layers {
        layer.output = 4 * weights + values;
        values += batch * layer.gives();
    }
    assert!(4 * weights + 2 * values <= small_steps::ROOM, "{weights} weights, {values} values");
    let mut words = vec![rows as u32];
    words.extend(layers.iter().flat_map(|layer| layer.words()));
    (words, weights, values)
}

macro_rules! small_steps_case {
    ($name:ident, $kernel:ident, $embeds:expr, $inputs:expr) => {
        fn $name(mut c: Case, [a, b, units, code]: Sizes) -> Case {
            let (batch, width, units) = (1 + a % 7, 1 + b % 6, 1 + units % 5);
            let loss = code % 3;
            let outputs = 1 + (code / 3) % 4;
            // An epoch that ends in a ragged batch, twice; the order begins with the second row.
            let epoch = 2 * batch + 1 + a % 2;
            let slots = 2 * epoch.div_ceil(batch);
            let (model, weights, values) = small_model($embeds, batch, width, units, outputs, code);
            let mut state = vec![0, 5, 1, 0, 0, 0, 1 + slots as u32, epoch as u32];
            state.extend(model);
            let order = (0..2 * epoch).map(|i| ((i * 7 + 1) % epoch) as u32).collect();
            let target = |c: &mut Case| c.rng.random_range(0..2) as f32;
            let targets = (0..epoch * outputs).map(|_| target(&mut c)).collect();
            let arena = (0..4 * weights).map(|i| match i / weights {
                2 => c.rng.random_range(0.1..1.0),
                _ => c.rng.random_range(-0.5..0.5),
            });
            let arena = arena.collect();
            let inputs: fn(&mut Case, usize) -> Span = $inputs;
            let bindings = small_steps::$kernel::Bindings {
                state: c.words(state),
                order: c.words(order),
                inputs: inputs(&mut c, epoch * width),
                targets: c.reals(targets),
                schedule: c.reals(vec![1e-2; 1 + slots]),
                arena: c.reals(arena),
                history: c.output((1 + slots) * 2, summed(100)),
            };
            c.expect(bindings.arena, summed(100));
            c.expect(bindings.state, 0.0);
            let params = small_steps::$kernel::Params {
                batch: batch as u32,
                input_width: width as u32,
                target_width: outputs as u32,
                layers: if $embeds { 3 } else { 2 },
                weights: weights as u32,
                values: values as u32,
                loss: loss as u32,
                sgd: (code % 2) as u32,
                beta_1: 0.9,
                beta_2: 0.999,
                complement_1: 0.1,
                complement_2: 0.001,
                epsilon: 1e-7,
                steps: 256,
            };
            c.finish(small_steps::$kernel::dispatch(params, bindings))
        }
    };
}
small_steps_case!(small_steps_ids_case, ids, true, |c, count| c.ids(count, 11));
small_steps_case!(small_steps_matrix_case, matrix, false, |c, count| c.random(count, 1.0));

fn gather_ids_case(mut c: Case, [rows, width, targets, skip]: Sizes) -> Case {
    let all = rows + skip;
    let bindings = gather_batch::ids::Bindings {
        state: c.state(skip as u32, 4),
        order: order(&mut c, all),
        inputs: c.ids(all * width, 1000),
        targets: c.random(all * targets, 1.0),
        batch_inputs: c.words(vec![7; rows * width]),
        batch_targets: c.output(rows * targets, 0.0),
    };
    c.expect(bindings.batch_inputs, 0.0);
    c.expect(bindings.state, 0.0);
    let (rows, input_width, target_width) = (rows as u32, width as u32, targets as u32);
    let params = gather_batch::ids::Params { rows, input_width, target_width };
    c.finish(gather_batch::ids::dispatch(params, bindings))
}

fn gather_matrix_case(mut c: Case, [rows, width, targets, skip]: Sizes) -> Case {
    let all = rows + skip;
    let targets = targets - 1;
    let bindings = gather_batch::matrix::Bindings {
        state: c.state(skip as u32, 4),
        order: order(&mut c, all),
        inputs: c.random(all * width, 1.0),
        targets: c.random((all * targets).max(1), 1.0),
        batch_inputs: c.output(rows * width, 0.0),
        batch_targets: c.output((rows * targets).max(1), 0.0),
    };
    c.expect(bindings.state, 0.0);
    let (rows, input_width, target_width) = (rows as u32, width as u32, targets as u32);
    let params = gather_batch::matrix::Params { rows, input_width, target_width };
    c.finish(gather_batch::matrix::dispatch(params, bindings))
}

fn mean_pool_case(mut c: Case, [rows, length, units, _]: Sizes) -> Case {
    let bindings = mean_pool::Bindings {
        ids: c.ids(rows * length, 50),
        input: c.random(rows * length * units, 1.0),
        output: c.output(rows * units, summed(length)),
    };
    let (rows, length, units) = (rows as u32, length as u32, units as u32);
    c.finish(mean_pool::dispatch(mean_pool::Params { rows, length, units }, bindings))
}

fn mean_pool_gradient_case(mut c: Case, [rows, length, units, _]: Sizes) -> Case {
    let bindings = mean_pool_gradient::Bindings {
        ids: c.ids(rows * length, 50),
        d_output: c.random(rows * units, 1.0),
        d_input: c.output(rows * length * units, EXACT),
    };
    let (rows, length, units) = (rows as u32, length as u32, units as u32);
    let params = mean_pool_gradient::Params { rows, length, units };
    c.finish(mean_pool_gradient::dispatch(params, bindings))
}

fn radix_count_case(mut c: Case, [a, b, _, shift]: Sizes) -> Case {
    let count = a * b;
    let keys = (0..count).map(|_| c.rng.random_range(0..1 << 20)).collect();
    let bindings = radix_count::Bindings {
        keys: c.words(keys),
        // Longer than it need be, as it is for a ragged batch.
        counts: c.words(vec![9; 256 * radix_count::runs(count) + 300]),
    };
    c.expect(bindings.counts, 0.0);
    let params = radix_count::Params { count: count as u32, shift: 8 * (shift % 3) as u32 };
    c.finish(radix_count::dispatch(params, bindings))
}

fn radix_scan_case(mut c: Case, [a, b, ..]: Sizes) -> Case {
    let count = a * b;
    let counts =
        (0..256 * radix_count::runs(count) + 300).map(|_| c.rng.random_range(0..99)).collect();
    let bindings = radix_scan::Bindings { counts: c.words(counts), totals: c.words(vec![9; 256]) };
    c.expect(bindings.counts, 0.0);
    c.expect(bindings.totals, 0.0);
    let params = radix_scan::Params { count: count as u32 };
    c.finish(radix_scan::dispatch(params, bindings))
}

fn radix_scatter_case(mut c: Case, [a, b, _, first]: Sizes) -> Case {
    let count = a * b;
    let keys: Vec<u32> = (0..count).map(|_| c.rng.random_range(0..1 << 20)).collect();
    let runs = radix_count::runs(count);
    let mut counts = vec![0; 256 * runs + 300];
    for (i, key) in keys.iter().enumerate() {
        counts[((key >> 8) & 255) as usize * runs + i / radix_count::RUN] += 1;
    }
    let mut totals = vec![0; 256];
    for (row, total) in counts.chunks_exact_mut(runs).zip(&mut totals) {
        row.iter_mut().for_each(|count| *total += std::mem::replace(count, *total));
    }
    let bindings = radix_scatter::Bindings {
        keys: c.words(keys),
        values: c.ids(count, 1 << 20),
        totals: c.words(totals),
        counts: c.words(counts),
        sorted_keys: c.words(vec![0; count]),
        sorted_values: c.words(vec![0; count]),
    };
    c.expect(bindings.sorted_keys, 0.0);
    c.expect(bindings.sorted_values, 0.0);
    let first = (first % 2) as u32;
    let params = radix_scatter::Params { count: count as u32, shift: 8, first };
    c.finish(radix_scatter::dispatch(params, bindings))
}

fn sum_parts_case(mut c: Case, [a, b, parts, _]: Sizes) -> Case {
    let count = a * b;
    let bindings = sum_parts::Bindings {
        parts: c.random(parts * count, 1.0),
        sums: c.output(count, summed(parts)),
    };
    let params = sum_parts::Params { count: count as u32, parts: parts as u32 };
    c.finish(sum_parts::dispatch(params, bindings))
}

fn store_rows_case(mut c: Case, [rows, width, skip, _]: Sizes) -> Case {
    let bindings = store_rows::Bindings {
        state: c.state(skip as u32, 0),
        outputs: c.random(rows * width, 1.0),
        store: c.output((rows + skip) * width, 0.0),
    };
    c.expect(bindings.state, 0.0);
    let params = store_rows::Params { rows: rows as u32, width: width as u32 };
    c.finish(store_rows::dispatch(params, bindings))
}

/// Elements of a layer that something elementwise is done to.
fn elements_case(mut c: Case, count: usize) -> (Case, [Span; 3]) {
    let spans = [c.random(count, 4.0), c.random(count, 1.0), c.output(count, EXACT)];
    (c, spans)
}

fn gelu_case(c: Case, [a, b, ..]: Sizes) -> Case {
    let (c, [input, _, output]) = elements_case(c, a * b);
    let params = gelu::Params { count: (a * b) as u32 };
    c.finish(gelu::dispatch(params, gelu::Bindings { input, output }))
}

fn gelu_gradient_case(c: Case, [a, b, ..]: Sizes) -> Case {
    let (c, [input, d_output, d_input]) = elements_case(c, a * b);
    let params = gelu_gradient::Params { count: (a * b) as u32 };
    let bindings = gelu_gradient::Bindings { input, d_output, d_input };
    c.finish(gelu_gradient::dispatch(params, bindings))
}

fn decay_case(mut c: Case, [a, b, ..]: Sizes) -> Case {
    let bindings = decay::Bindings {
        state: c.state(0, 1),
        rates: c.reals(vec![0.0, 0.2]),
        weights: c.random(a * b, 1.0),
    };
    c.expect(bindings.weights, EXACT);
    let params = decay::Params { count: (a * b) as u32, factor: 0.7 };
    c.finish(decay::dispatch(params, bindings))
}

fn clip_value_case(mut c: Case, [a, b, ..]: Sizes) -> Case {
    let gradients = c.random(a * b, 3.0);
    c.expect(gradients, 0.0);
    let params = clip_value::Params { count: (a * b) as u32, limit: 1.25 };
    c.finish(clip_value::dispatch(params, clip_value::Bindings { gradients }))
}

fn scale_by_case(mut c: Case, [a, b, ..]: Sizes) -> Case {
    let bindings =
        scale_by::Bindings { scale: c.reals(vec![0.37]), gradients: c.random(a * b, 3.0) };
    c.expect(bindings.gradients, EXACT);
    c.finish(scale_by::dispatch(scale_by::Params { count: (a * b) as u32 }, bindings))
}

fn rmsprop_case(mut c: Case, [a, b, ..]: Sizes) -> Case {
    let count = a * b * 4;
    let squares: Vec<f32> = (0..count).map(|_| c.rng.random_range(0.0..1.0)).collect();
    let params = rmsprop::Params {
        count: count as u32,
        rho: 0.9,
        complement: 0.1,
        momentum: 0.8,
        epsilon: 1e-3,
    };
    let bindings = rmsprop::Bindings {
        state: c.state(0, 1),
        schedule: c.reals(vec![0.0, 1e-1]),
        gradients: c.random(count, 1.0),
        weights: c.random(count, 1.0),
        squares: c.reals(squares),
        velocities: c.random(count, 1.0),
    };
    for span in [bindings.weights, bindings.squares, bindings.velocities] {
        c.expect(span, EXACT);
    }
    c.finish(rmsprop::dispatch(params, bindings))
}

fn sum_squares_case(mut c: Case, [a, b, first, _]: Sizes) -> Case {
    let count = a * b;
    let bindings = sum_squares::Bindings {
        gradients: c.random(count, 1.0),
        partials: c.output(first + sum_squares::partials(count) + 2, summed(count)),
    };
    let params = sum_squares::Params { count: count as u32, first: first as u32 };
    c.finish(sum_squares::dispatch(params, bindings))
}

fn clip_scale_case(mut c: Case, [a, b, _, which]: Sizes) -> Case {
    let count = a * b;
    let sums = (0..count).map(|_| c.rng.random_range(0.0..1.0)).collect();
    let bindings = clip_scale::Bindings { sums: c.reals(sums), scale: c.output(1, summed(count)) };
    // Below and above the norm, which is about sqrt(count / 2).
    let limit = [0.01, 1e6][which % 2] * (count as f32).sqrt();
    let params = clip_scale::Params { partials: count as u32, limit };
    c.finish(clip_scale::dispatch(params, bindings))
}

fn smooth_targets_case(mut c: Case, [rows, outputs, _, which]: Sizes) -> Case {
    let sparse = (which % 2) as u32;
    let targets: Vec<f32> = match sparse {
        1 => (0..rows).map(|_| c.rng.random_range(0..outputs) as f32).collect(),
        _ => (0..rows * outputs).map(|_| c.rng.random_range(0.0..1.0)).collect(),
    };
    let bindings = smooth_targets::Bindings {
        targets: c.reals(targets),
        smoothed: c.output(rows * outputs, EXACT),
    };
    let (rows, outputs, binary) = (rows as u32, outputs as u32, (which / 2 % 2) as u32);
    let params = smooth_targets::Params { rows, outputs, sparse, binary, smoothing: 0.1 };
    c.finish(smooth_targets::dispatch(params, bindings))
}

fn huber_case(mut c: Case, [rows, outputs, groups, slot]: Sizes) -> Case {
    let groups = groups.min(64);
    let bindings = huber::Bindings {
        state: c.state(5, slot as u32),
        logits: c.random(rows * outputs, 3.0),
        targets: c.random(rows * outputs, 1.0),
        d_logits: c.output(rows * outputs, EXACT),
        history: c.output((slot + 1) * groups * 2, summed(rows * outputs)),
    };
    c.expect(bindings.state, 0.0);
    let activation = (slot % 4) as u32;
    let (rows, outputs, groups) = (rows as u32, outputs as u32, groups as u32);
    let params = huber::Params { rows, outputs, groups, activation, delta: 0.75 };
    c.finish(huber::dispatch(params, bindings))
}

fn place_columns_case(mut c: Case, [rows, width, behind, adds]: Sizes) -> Case {
    let (first, stride) = (adds, adds + width + behind % 7);
    let output = c.random(rows * stride, 1.0);
    c.expect(output, EXACT);
    let bindings = place_columns::Bindings { input: c.random(rows * width, 1.0), output };
    let params = place_columns::Params {
        rows: rows as u32,
        width: width as u32,
        stride: stride as u32,
        first: first as u32,
        adds: (adds % 2) as u32,
    };
    c.finish(place_columns::dispatch(params, bindings))
}

fn take_columns_case(mut c: Case, [rows, width, behind, code]: Sizes) -> Case {
    let (first, stride) = (code, code + width + behind % 7);
    let bindings = take_columns::Bindings {
        input: c.random(rows * width, 1.0),
        d_output: c.random(rows * stride, 1.0),
        d_input: c.output(rows * width, EXACT),
    };
    let params = take_columns::Params {
        rows: rows as u32,
        width: width as u32,
        stride: stride as u32,
        first: first as u32,
        activation: (code % 4) as u32,
    };
    c.finish(take_columns::dispatch(params, bindings))
}

/// Mean and 1 / sqrt(variance + epsilon) of each row of about what `random(_, 2.0)` draws.
fn moments(c: &mut Case, rows: usize) -> Span {
    let moments = (0..2 * rows).map(|i| match i % 2 {
        0 => c.rng.random_range(-0.5..0.5),
        _ => c.rng.random_range(0.5..2.0),
    });
    let moments = moments.collect();
    c.reals(moments)
}

fn layer_norm_case(mut c: Case, [rows, units, ..]: Sizes) -> Case {
    let bindings = layer_norm::Bindings {
        input: c.random(rows * units, 2.0),
        weights: c.random(2 * units, 1.0),
        output: c.output(rows * units, 1e-5),
        moments: c.output(2 * rows, 1e-5),
    };
    let params = layer_norm::Params { rows: rows as u32, units: units as u32, epsilon: 1e-3 };
    c.finish(layer_norm::dispatch(params, bindings))
}

fn layer_norm_gradient_input_case(mut c: Case, [rows, units, _, code]: Sizes) -> Case {
    let bindings = layer_norm_gradient_input::Bindings {
        input: c.random(rows * units, 2.0),
        weights: c.random(2 * units, 1.0),
        moments: moments(&mut c, rows),
        d_output: c.random(rows * units, 1.0),
        d_input: c.output(rows * units, summed(units)),
    };
    let (rows, units, activation) = (rows as u32, units as u32, (code % 4) as u32);
    let params = layer_norm_gradient_input::Params { rows, units, activation };
    c.finish(layer_norm_gradient_input::dispatch(params, bindings))
}

fn layer_norm_gradient_weights_case(mut c: Case, [rows, units, part_rows, _]: Sizes) -> Case {
    let parts = rows.div_ceil(part_rows);
    let bindings = layer_norm_gradient_weights::Bindings {
        input: c.random(rows * units, 2.0),
        moments: moments(&mut c, rows),
        d_output: c.random(rows * units, 1.0),
        parts: c.output(parts * 2 * units, summed(part_rows)),
    };
    let (rows, units, part_rows) = (rows as u32, units as u32, part_rows as u32);
    let params = layer_norm_gradient_weights::Params { rows, units, part_rows };
    c.finish(layer_norm_gradient_weights::dispatch(params, bindings))
}

/// One size: 1, a prime, a power of two, a multiple of four, or ragged.
fn size() -> impl Strategy<Value = usize> {
    prop_oneof![
        Just(1),
        Just(31),
        Just(64),
        Just(127),
        (1usize..35).prop_map(|n| 4 * n),
        1usize..140
    ]
}

/// Four sizes whose product stays small enough for a software adapter.
fn sizes() -> impl Strategy<Value = Sizes> {
    (size(), size(), size(), 1usize..9)
        .prop_map(|(a, b, c, d)| [a, b, c, d])
        .prop_filter("too large", |[a, b, c, d]| a * b * c * d < 2_000_000)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_kernel_matches_its_twin(sizes in sizes(), seed: u64) {
        for (_, make) in CASES {
            if let Err(message) = make(Case::new(seed), sizes).check() {
                prop_assert!(false, "{message} at sizes {sizes:?}, seed {seed}");
            }
        }
    }
}

/// Measuring chooses among the forms of a product, so all must give the same bits.
#[test]
fn forms_of_a_product_give_the_same_bits() {
    let makes: [Make; 3] =
        [dense_forward_case, dense_gradient_input_case, dense_gradient_weights_case];
    for sizes in [[64, 128, 96, 1], [37, 100, 52, 3], [130, 36, 4, 2], [33, 21, 19, 1]] {
        for make in makes {
            let case = make(Case::new(7), sizes);
            let dispatch = &case.program.routines[0].dispatches[0];
            let kernel = dispatch.kernel;
            let can = |v: &&Variant| {
                (v.computes)(&dispatch.params) && (!v.requires_subgroup_8 || gpu().has_subgroup_8())
            };
            let forms = kernel.variants.iter().filter(can);
            let first = case.bits(kernel.variants[0].name);
            for form in forms.filter(|form| !form.name.starts_with("column")) {
                assert!(first == case.bits(form.name), "{} ({})", kernel.name, form.name);
            }
        }
    }
}

#[test]
fn every_kernel_has_a_case() {
    for kernel in ALL {
        assert!(
            CASES.iter().any(|(known, _)| std::ptr::eq(*known, *kernel)),
            "kernel {} has no row in CASES",
            kernel.name
        );
    }
}

/// Rows of the table of products: each is a variant of some dense kernel, and what is no variant is refused by name.
#[test]
fn products_are_found_by_name() {
    let dense =
        [&dense_forward::KERNEL, &dense_gradient_input::KERNEL, &dense_gradient_weights::KERNEL];
    for row in &product::VARIANTS {
        let have = dense.iter().filter(|kernel| kernel.variant(row.name).is_ok()).count();
        let expected = if row.name.starts_with("column_") { 1 } else { 3 };
        assert_eq!(have, expected, "{}", row.name);
    }
    for kernel in dense {
        for variant in kernel.variants {
            assert!(
                product::VARIANTS.iter().any(|row| row.name == variant.name),
                "{}",
                variant.name
            );
        }
        let refused = kernel.variant("registers_3x3").expect_err("there is none").to_string();
        assert!(refused.contains(kernel.name) && refused.contains("registers_3x3"), "{refused}");
        assert!(refused.contains("blocks_128, registers_4x1"), "{refused}");
    }
    let case = dense_forward_case(Case::new(1), [8, 8, 8, 1]);
    let unknown = gpu().prepare_variant(&case.program, "tile").map(|_| ());
    assert!(unknown.expect_err("no such variant").to_string().contains("has no variant tile"));
    // Three units are no multiple of four: the variant is there, and does not compute it.
    let case = dense_forward_case(Case::new(1), [8, 8, 3, 1]);
    let other = gpu().prepare_variant(&case.program, "vec4_8x8").map(|_| ());
    assert!(other.expect_err("not aligned").to_string().contains("does not compute"));
}

/// Shapes that random draws would not reach: long, wide, and past one dimension's workgroups.
#[test]
fn kernels_match_their_twins_at_large_sizes() {
    let check = |make: Make, sizes: Sizes| {
        if let Err(message) = make(Case::new(1), sizes).check() {
            panic!("{message} at sizes {sizes:?}");
        }
    };
    check(adam_case, [2_100, 2_003, 1, 1]);
    check(fill_case, [4_000_037, 8, 1, 1]);
    check(dense_forward_case, [3, 5_003, 257, 1]);
    check(dense_forward_case, [257, 2_048, 1, 3]);
    for sizes in [[1, 4, 1, 1], [77, 8, 1, 3], [130, 1_300, 1, 2], [300, 64, 1, 4]] {
        check(dense_forward_case, sizes);
        check(dense_gradient_weights_case, sizes);
        check(dense_gradient_input_case, sizes);
    }
    // Widths that are multiples of 4 reach the vec4 variants, ragged in their tiles of 8.
    for sizes in [[1, 4, 4, 1], [7, 12, 20, 1], [65, 68, 36, 2], [130, 784, 132, 3]] {
        check(dense_forward_case, sizes);
        check(dense_gradient_weights_case, sizes);
        check(dense_gradient_input_case, sizes);
    }
    check(dense_gradient_weights_case, [1_031, 300, 5, 1]);
    check(dense_gradient_input_case, [33, 4_099, 2, 2]);
    check(embedding_gather_case, [40_000, 100_003, 8, 1]);
    check(embedding_gradient_runs_case, [6_007, 9, 7, 5]);
    check(embedding_gradient_carry_case, [6_007, 9, 7, 5]);
    check(radix_count_case, [30_011, 2, 1, 1]);
    check(radix_scan_case, [300_007, 1, 1, 1]);
    check(radix_scatter_case, [30_011, 2, 1, 1]);
    check(categorical_crossentropy_case, [40, 5_000, 3, 1]);
    check(binary_crossentropy_case, [1_000, 300, 64, 1]);
    assert!(gpu().max_binding_elements() >= 1 << 25, "WebGPU promises 128 MiB");
}

/// What is chosen is looked up by name: over many shapes it is there, and computes them.
#[test]
fn every_choice_computes_what_it_is_chosen_for() {
    let adapters = [
        Adapter::Hardware,
        Adapter::Software { subgroup_8: true },
        Adapter::Software { subgroup_8: false },
    ];
    for (seed, sizes) in [
        [1, 1, 1, 1],
        [7, 12, 20, 3],
        [64, 128, 96, 1],
        [9, 40, 1, 4],
        [300, 1300, 1, 2],
        [130, 784, 132, 3],
        [1024, 64, 64, 1],
    ]
    .into_iter()
    .enumerate()
    {
        for (kernel, make) in CASES {
            let case = make(Case::new(seed as u64), sizes);
            let params = &case.program.routines[0].dispatches[0].params;
            for adapter in adapters {
                let chosen = (kernel.choose)(params, adapter);
                let mut names = (kernel.candidates)(params, adapter).to_vec();
                let few = names.len();
                for name in names.iter().copied().chain([chosen]) {
                    let variant = &kernel.variants[kernel.variant(name).expect("a variant")];
                    let name = format!("{} ({}) at {sizes:?}", kernel.name, variant.name);
                    assert!((variant.computes)(params), "{name} does not compute it");
                    let can = adapter == Adapter::Software { subgroup_8: true };
                    assert!(!variant.requires_subgroup_8 || can, "{name} needs subgroups");
                }
                names.sort_unstable();
                names.dedup();
                assert_eq!(names.len(), few, "{}: a candidate is named twice", kernel.name);
            }
        }
    }
}
