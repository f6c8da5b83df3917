//! Every kernel and every variant through the sanitizer (docs/sanitizer.md), on small ragged shapes: no
//! report, and results within the bounds of its `case` under every arithmetic that WGSL allows.
//! Needs no adapter. An argument is a part of a kernel's name.

mod common;

use std::collections::BTreeSet;
use std::path::Path;

use common::Checked;
use wgsl_sanitizer::{Arithmetic, Binding, Dispatch, Options, Outcome, Piece, Shader};
use wgslearn::backend::{CpuExecutor, Executor};
use wgslearn::kernels::case::{Case, Data, NEVER};
use wgslearn::kernels::{ALL, Element, Kernel, Variant};

/// Ragged, aligned to four, and large enough for several workgroups.
const SIZES: [[usize; 4]; 16] = [
    [1, 1, 1, 1],
    [7, 12, 20, 3],
    [31, 5, 9, 2],
    [66, 36, 36, 1],
    [5, 40, 1, 3],
    [13, 3, 64, 6],
    [9, 40, 1, 2],
    [21, 1040, 1, 2],
    [9, 12, 16, 5],
    [9, 40, 1, 4],
    [4, 7, 300, 2],
    // An id that stands in more tiles of sorted pairs than one invocation joins.
    [1300, 2, 4, 1],
    // Pictures of one and three channels, read and given.
    [13, 3, 16, 2],
    [11, 1, 8, 1],
    [17, 16, 3, 3],
    [14, 3, 8, 5],
];

/// The pieces of a variant's module, each under its file's name.
fn pieces(kernel: &Kernel, variant: &Variant, files: &[(String, String)]) -> Vec<(String, String)> {
    let name = |text: &str| {
        let found = files.iter().find(|(_, contents)| contents == text);
        found.map_or_else(|| "(set in front)".to_string(), |(name, _)| name.clone())
    };
    let declarations = ("(declarations)".to_string(), kernel.declarations());
    let source = variant.source.iter().map(|text| (name(text), text.to_string()));
    std::iter::once(declarations).chain(source).collect()
}

fn read(folder: &Path, files: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).expect("shaders/ is there") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            read(&path, files);
        } else {
            let text = std::fs::read_to_string(&path).expect("readable");
            let name = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).expect("a file of the crate");
            files.push((name.display().to_string(), text));
        }
    }
}

/// What the case binds, for the sanitizer. Buffers of outputs hold a value that must not be read.
fn dispatch_of(case: &Case, variant: &Variant) -> Dispatch {
    let recorded = case.dispatch();
    let word = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("four bytes"));
    let mut params: Vec<u32> = recorded.params.chunks_exact(4).map(word).collect();
    params.resize(params.len().next_multiple_of(4), 0);
    let mut bindings = vec![Binding { group: 0, binding: 0, words: params, written: true }];
    for (i, span) in recorded.bindings.iter().enumerate() {
        let (words, written): (Vec<u32>, bool) = match &case.buffers[span.buffer.0] {
            Data::U32(words) => (words.clone(), true),
            Data::F32(reals) => {
                (reals.iter().map(|x| x.to_bits()).collect(), !reals.iter().all(|&x| x == NEVER))
            }
            Data::Zeros(_, len) => (vec![0; *len], true),
        };
        bindings.push(Binding { group: 0, binding: i as u32 + 1, words, written });
    }
    Dispatch { workgroups: (variant.workgroups)(&recorded.params), bindings }
}

/// The same work on a grid as large launches have it: workgroups past 65,535 lie along the next dimension, and what
/// does not come out even is filled with workgroups that have nothing to do, which must not do it again.
fn folded(variant: &Variant, [x, y, z]: [u32; 3]) -> Option<[u32; 3]> {
    let calls = |name: &str| {
        variant.source.iter().any(|piece| {
            piece.lines().any(|line| {
                line.contains(name) && !line.starts_with("fn ") && !line.starts_with("//")
            })
        })
    };
    if calls("row_index(") {
        // As `spread_rows`.
        return (z == 1).then(|| [x, y.div_ceil(2), 1 + y.div_ceil(y.div_ceil(2))]);
    }
    // As `spread`.
    let spread = calls("workgroup_index(") || calls("linear_index(");
    (spread && y == 1).then(|| [x.div_ceil(2), 1 + x.div_ceil(x.div_ceil(2)), z])
}

/// Where a result is past its bound.
fn past_its_bound(case: &Case, oracle: &mut CpuExecutor<f64>, outcome: &Outcome) -> Option<String> {
    let recorded = case.dispatch();
    for &(span, tolerance) in &case.after {
        let at = recorded.bindings.iter().position(|of| *of == span).expect("it is bound");
        let got = &outcome.bindings[at + 1];
        let name = recorded.kernel.bindings[at].name;
        if case.buffers[span.buffer.0].element() == Element::U32 {
            let truth = oracle.read_u32(span).expect("read");
            if let Some(i) = (0..truth.len()).find(|&i| truth[i] != got[i]) {
                return Some(format!("word {i} of {name} is {}, not {}", got[i], truth[i]));
            }
            continue;
        }
        let truth = oracle.reals(span);
        let largest = truth.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
        let allowed = tolerance * (1.0 + largest);
        for (i, &truth) in truth.iter().enumerate() {
            let value = f32::from_bits(got[i]) as f64;
            let off = (value - truth).abs();
            if off.is_nan() || off > allowed {
                return Some(format!(
                    "element {i} of {name} is {value}, not {truth} (allowed {allowed:e})"
                ));
            }
        }
    }
    None
}

fn main() {
    let only = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let started = std::time::Instant::now();
    let mut files = Vec::new();
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders"), &mut files);
    let mut found = BTreeSet::new();
    let (mut cases, mut foldings, mut invocations, mut operations) = (0, 0, 0, 0);
    for kernel in ALL {
        if only.as_ref().is_some_and(|only| !kernel.name.contains(only.as_str())) {
            continue;
        }
        for variant in kernel.variants {
            let named = pieces(kernel, variant, &files);
            let named: Vec<Piece<'_>> =
                named.iter().map(|(name, text)| Piece { name, text }).collect();
            let place = format!("{} ({})", kernel.name, variant.name);
            let shader = match Shader::parse(&named) {
                Ok(shader) => shader,
                Err(error) => {
                    found.insert(format!("{place}: {error}"));
                    continue;
                }
            };
            let mut met = false;
            for (seed, sizes) in SIZES.into_iter().enumerate() {
                let checked = Checked::new(kernel, seed as u64, sizes);
                let case = &checked.case;
                let recorded = case.dispatch();
                if !(variant.computes)(&recorded.params) {
                    continue;
                }
                met = true;
                let mut oracle = CpuExecutor::<f64>::new(&checked.program).expect("memory");
                checked.run(&mut oracle);
                let dispatch = dispatch_of(case, variant);
                let mut runs: Vec<_> = Arithmetic::all(seed as u64)
                    .map(|(name, it)| (name, it, dispatch.workgroups))
                    .into();
                if let Some(grid) = folded(variant, dispatch.workgroups) {
                    runs.push(("exact, on a folded grid,", Arithmetic::EXACT, grid));
                    foldings += 1;
                }
                for (name, arithmetic, workgroups) in runs {
                    let dispatch = Dispatch { workgroups, ..dispatch.clone() };
                    let options = Options { seed: seed as u64, arithmetic, ..Options::default() };
                    let outcome = match shader.run("main", &dispatch, &options) {
                        Ok(outcome) => outcome,
                        Err(error) => {
                            found.insert(format!("{place}: {error}"));
                            break;
                        }
                    };
                    cases += 1;
                    invocations += outcome.invocations;
                    operations += outcome.operations;
                    for report in &outcome.reports {
                        let other =
                            report.other.as_ref().map_or(String::new(), |p| format!(" / {p}"));
                        let line = format!("{place}: {}{other}: {:?}", report.place, report.kind);
                        if found.insert(line) {
                            eprintln!("{place}, sizes {sizes:?}: {report}");
                        }
                    }
                    if let Some(message) = past_its_bound(case, &mut oracle, &outcome) {
                        eprintln!("{place}, sizes {sizes:?}, {name} arithmetic: {message}");
                        found.insert(format!("{place}: {name} arithmetic: past its bound"));
                    }
                }
            }
            if !met {
                found.insert(format!("{place}: no size reaches this variant"));
            }
        }
    }
    println!(
        "{cases} runs, {foldings} of them on folded grids, {invocations} invocations, {operations} operations in {:.1} s",
        started.elapsed().as_secs_f64()
    );
    if !found.is_empty() {
        found.iter().for_each(|line| println!("{line}"));
        println!("{} findings", found.len());
        std::process::exit(1);
    }
}
