//! Every kernel against its f64 reference, on random shapes: on the adapter, in every variant, and by
//! the f32 reference. What a kernel is called with is its file's `case` (src/kernels/case.rs).

mod common;

use common::{Checked, gpu};
use proptest::prelude::*;
use wgslearn::Device;
use wgslearn::kernels::case::{Case, Sizes};
use wgslearn::kernels::*;
use wgslearn::program::{Program, RoutineId, Run};

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

/// The kernels that are products.
const DENSE: [&Kernel; 3] =
    [&dense_forward::KERNEL, &dense_gradient_input::KERNEL, &dense_gradient_weights::KERNEL];

/// The convolutions, which are products too.
const CONVOLUTIONS: [&Kernel; 3] =
    [&conv_forward::KERNEL, &conv_gradient_input::KERNEL, &conv_gradient_weights::KERNEL];

/// Every kind of convolution that `conv::of_case` knows, with whole launches and cut ones, aligned to four and not.
#[test]
fn convolutions_match_their_references() {
    for code in 1..9 {
        for [a, b, c] in [[36, 8, 12], [27, 5, 3]] {
            for kernel in CONVOLUTIONS {
                let sizes = [a, b, c, code];
                if let Err(message) = Checked::new(kernel, 5, sizes).check() {
                    panic!("{message} at sizes {sizes:?}");
                }
            }
        }
    }
}

/// Products of few columns and many terms, of pieces and whole layers, where a term is the last of a turn, the first and between.
#[test]
fn split_terms_match_their_references() {
    for [rows, terms, columns] in [[1, 784, 10], [9, 256, 64], [65, 257, 3], [31, 1000, 7]] {
        for code in 1..5 {
            let forward = (&dense_forward::KERNEL, [rows, terms, columns, code]);
            let back = (&dense_gradient_input::KERNEL, [rows, columns, terms, code]);
            for (kernel, sizes) in [forward, back] {
                let case = Checked::new(kernel, 5, sizes);
                let split = kernel.variant("split").expect("it has one");
                let params = &case.case.dispatch().params;
                if (kernel.variants[split].computes)(params) {
                    assert_eq!((kernel.choose)(params, Adapter::Hardware), "split");
                }
                if let Err(message) = case.check() {
                    panic!("{message} at sizes {sizes:?}");
                }
            }
        }
    }
}

/// Random shapes for each kernel: `scripts/test` takes fewer on the second and third adapter.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_kernel_matches_its_references(sizes in sizes(), seed: u64) {
        for kernel in ALL {
            if let Err(message) = Checked::new(kernel, seed, sizes).check() {
                prop_assert!(false, "{message} at sizes {sizes:?}, seed {seed}");
            }
        }
    }
}

/// Measuring chooses among the forms of a product, so all must give the same bits.
#[test]
fn forms_of_a_product_give_the_same_bits() {
    let sizes = [[64, 128, 96, 1], [37, 100, 52, 3], [130, 36, 4, 2], [33, 21, 19, 1]];
    // Convolutions of few channels, read and given.
    let few = [[33, 3, 32, 2], [36, 1, 12, 1], [40, 32, 3, 3], [29, 16, 1, 4], [30, 2, 8, 5]];
    for sizes in sizes.into_iter().chain(few) {
        for kernel in DENSE.into_iter().chain(CONVOLUTIONS) {
            let case = Checked::new(kernel, 7, sizes);
            let dispatch = case.case.dispatch();
            let can = |v: &&Variant| {
                (v.computes)(&dispatch.params) && (!v.requires_subgroup_8 || gpu().has_subgroup_8())
            };
            let forms = kernel.variants.iter().filter(can);
            let first = case.bits(kernel.variants[0].name);
            let in_order =
                |form: &&Variant| !form.name.starts_with("column") && form.name != "split";
            for form in forms.filter(in_order) {
                assert!(first == case.bits(form.name), "{} ({})", kernel.name, form.name);
            }
        }
    }
}

/// Rows of the table of products: each is a variant of some dense kernel, and what is no variant is refused by name.
#[test]
fn products_are_found_by_name() {
    for row in &product::VARIANTS {
        let have = |kernels: &[&Kernel]| {
            kernels.iter().filter(|kernel| kernel.variant(row.name).is_ok()).count()
        };
        let expected = match row.form {
            product::Form::Column if row.name == "column" => [3, 0],
            product::Form::Column => [1, 0],
            _ if row.name == "split" => [2, 0],
            product::Form::FewInputs | product::Form::FewUnits => [0, 3],
            product::Form::Scalar | product::Form::Vec4 => [3, 3],
        };
        assert_eq!([have(&DENSE), have(&CONVOLUTIONS)], expected, "{}", row.name);
    }
    for kernel in DENSE.into_iter().chain(CONVOLUTIONS) {
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
    let case = Checked::new(&dense_forward::KERNEL, 1, [8, 8, 8, 1]);
    let unknown = gpu().prepare_variant(&case.program, "tile").map(|_| ());
    assert!(unknown.expect_err("no such variant").to_string().contains("has no variant tile"));
    // Three units are no multiple of four: the variant is there, and does not compute it.
    let case = Checked::new(&dense_forward::KERNEL, 1, [8, 8, 3, 1]);
    let other = gpu().prepare_variant(&case.program, "vec4_8x8").map(|_| ());
    assert!(other.expect_err("not aligned").to_string().contains("does not compute"));
}

/// What a kernel gives for one launch on the CPU backend and on the adapter: `inputs` are its `f32` bindings that are
/// read, in order; the last binding is read back.
fn launched(dispatch: Dispatch, inputs: &[&[f32]], len: usize) -> [Vec<f32>; 2] {
    let mut program = Program::default();
    for (span, binding) in dispatch.bindings.iter().zip(dispatch.kernel.bindings) {
        program.buffer(binding.name, binding.element, span.len);
    }
    let kernel = dispatch.kernel;
    let spans = dispatch.bindings.clone();
    program.add_routine("launched", vec![dispatch]).expect("it records");
    [&Device::cpu(), gpu()].map(|device| {
        let mut executor = device.prepare(&program).expect("it fits");
        let read = |binding: &Binding| binding.access == Access::Read;
        let read = spans.iter().zip(kernel.bindings).filter(|(_, binding)| read(binding));
        for ((span, _), values) in read.zip(inputs) {
            executor.write_f32(*span, values).expect("written");
        }
        executor.run(&[Run { routine: RoutineId(0), times: 1 }]).expect("it runs");
        executor.read_f32(spans[spans.len() - 1].part(0, len)).expect("read")
    })
}

/// Spans of buffers of these lengths.
fn spans<const N: usize>(lens: [usize; N]) -> [Span; N] {
    std::array::from_fn(|i| Span { buffer: BufferId(i), offset: 0, len: lens[i] })
}

/// Answers that are right and sure cost little, but not nothing: ln(1 + e^-z) down to 1e-13. A compiler that makes x of
/// (1 + x) - 1 gives 0 from z = 17 on.
#[test]
fn losses_of_sure_answers_are_not_rounded_away() {
    for z in [0.5f32, 5.0, 11.9, 15.0, 16.3, 17.0, 20.0, 30.0] {
        let [state, logits, targets, d_logits, history] = spans([8, 1, 1, 1, 2]);
        let bindings = binary_crossentropy::Bindings { state, logits, targets, d_logits, history };
        let params = binary_crossentropy::Params { rows: 1, outputs: 1, groups: 1 };
        let dispatch = binary_crossentropy::dispatch(params, bindings);
        let truth = (-z as f64).exp().ln_1p();
        for (losses, device) in launched(dispatch, &[&[z], &[1.0]], 2).iter().zip(["cpu", "gpu"]) {
            let off = losses[0] as f64 / truth - 1.0;
            assert!(off.abs() < 5e-6, "{device}: the loss at {z} is {}, not {truth}", losses[0]);
        }
    }
}

/// e^x to a few units in the last place from 0 to -86, as shares of two: e^x / (1 + e^x). Where the two parts of ln 2 are
/// folded into one number it is off by 4e-6.
#[test]
fn exponentials_are_exact_over_their_whole_range() {
    let rows = 5_003;
    let [logits, output] = spans([2 * rows, 2 * rows]);
    let params = softmax::Params { rows: rows as u32, outputs: 2 };
    let dispatch = softmax::dispatch(params, softmax::Bindings { logits, output });
    let at = |row: usize| -86.0 * row as f32 / rows as f32;
    let values: Vec<f32> = (0..rows).flat_map(|row| [0.0, at(row)]).collect();
    for (shares, device) in launched(dispatch, &[&values], 2 * rows).iter().zip(["cpu", "gpu"]) {
        for row in 0..rows {
            let e = (at(row) as f64).exp();
            let off = shares[2 * row + 1] as f64 * (1.0 + e) / e - 1.0;
            assert!(off.abs() < 1e-6, "{device}: e^{} is off by {off:e}", at(row));
        }
    }
}

/// Shapes that random draws would not reach: long, wide, and past one dimension's workgroups.
#[test]
fn kernels_match_their_references_at_large_sizes() {
    let check = |kernel: &Kernel, sizes: Sizes| {
        if let Err(message) = Checked::new(kernel, 1, sizes).check() {
            panic!("{message} at sizes {sizes:?}");
        }
    };
    check(&adam::KERNEL, [2_100, 2_003, 1, 1]);
    check(&fill::KERNEL, [4_000_037, 8, 1, 1]);
    check(&dense_forward::KERNEL, [3, 5_003, 257, 1]);
    check(&dense_forward::KERNEL, [257, 2_048, 1, 3]);
    for sizes in [[1, 4, 1, 1], [77, 8, 1, 3], [130, 1_300, 1, 2], [300, 64, 1, 4]] {
        check(&dense_forward::KERNEL, sizes);
        check(&dense_gradient_weights::KERNEL, sizes);
        check(&dense_gradient_input::KERNEL, sizes);
    }
    // Widths that are multiples of 4 reach the vec4 variants, ragged in their tiles of 8.
    for sizes in [[1, 4, 4, 1], [7, 12, 20, 1], [65, 68, 36, 2], [130, 784, 132, 3]] {
        check(&dense_forward::KERNEL, sizes);
        check(&dense_gradient_weights::KERNEL, sizes);
        check(&dense_gradient_input::KERNEL, sizes);
    }
    check(&dense_gradient_weights::KERNEL, [1_031, 300, 5, 1]);
    check(&dense_gradient_input::KERNEL, [33, 4_099, 2, 2]);
    check(&embedding_gather::KERNEL, [40_000, 100_003, 8, 1]);
    check(&embedding_gradient_runs::KERNEL, [6_007, 9, 7, 5]);
    check(&embedding_gradient_carry::KERNEL, [6_007, 9, 7, 5]);
    check(&embedding_gradient_carry::KERNEL, [9_001, 3, 132, 1]);
    check(&embedding_update::KERNEL, [3_001, 5, 100, 3]);
    check(&embedding_update::KERNEL, [3_001, 5, 37, 2]);
    check(&radix_count::KERNEL, [30_011, 2, 1, 1]);
    check(&radix_scan::KERNEL, [300_007, 1, 1, 1]);
    check(&radix_scatter::KERNEL, [30_011, 2, 1, 1]);
    check(&categorical_crossentropy::KERNEL, [40, 5_000, 3, 1]);
    check(&binary_crossentropy::KERNEL, [1_000, 300, 64, 1]);
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
        for kernel in ALL {
            let case = Case::of_test(kernel, seed as u64, sizes);
            let params = &case.dispatch().params;
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

/// Every bench runs time after time: the references stop where a run would go past its data, and counters go back.
#[test]
fn every_bench_runs_again_and_again() {
    for kernel in ALL {
        for &(size, sizes) in kernel.benches {
            let case = Case::of_bench(kernel, sizes);
            wgslearn::backend::measure_roughly(&case, &Device::cpu(), 0.0)
                .unwrap_or_else(|error| panic!("{} at {size}: {error}", kernel.name));
        }
    }
}

/// A software adapter stops loops at a number of turns without a word, so what would make more is refused: by the form that
/// takes several items an invocation as by that which takes one.
#[test]
fn loops_longer_than_a_software_adapter_makes_are_refused() {
    for (places, software_ends) in [([127, 129], true), ([250, 129], true), ([512, 129], false)] {
        let [height, width] = places;
        let checked = Checked::new(&global_average_pool::KERNEL, 3, [height, width, 32, 1]);
        checked.check().expect("what runs is right");
        let is_refused = |name: &str| match gpu().prepare_variant(&checked.program, name) {
            Ok(_) => false,
            Err(error) => error.to_string().contains("loop iterations"),
        };
        let kernel = checked.case.dispatch().kernel;
        // Where the adapter is a card, all run.
        let is_software = is_refused("vec4");
        assert_eq!(is_refused("vec4_software"), is_software && !software_ends);
        assert!(!kernel.ends_on_software(0, &checked.case.dispatch().params));
    }
}
