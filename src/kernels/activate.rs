//! An elementwise activation by itself, where no kernel fuses it: `output = activation(input)`.

#[cfg(feature = "unstable")]
use super::case::*;
use super::{Activation, Real, for_rows, spread};

kernel! {
    name: "activate",
    params: {
        /// Elements.
        count: u32,
        /// [`Activation::code`].
        activation: u32,
    },
    bindings: {
        /// `[count]`
        input: read f32,
        /// `[count]`
        output: write f32,
    },
    source: &[wgsl!("shared/index.wgsl"), wgsl!("shared/math.wgsl"), wgsl!("shared/activation.wgsl"), wgsl!("activate.wgsl")],
    workgroups: |p| spread(p.count as usize),
    reference: reference,
    case: case,
    benches: [("256 x 1024", [256, 1024, 1, 1])],
}

fn reference<T: Real>(p: &Params, input: &[T], output: &mut [T]) {
    let activation = Activation::from_code(p.activation);
    for_rows(&mut output[..p.count as usize], 1, |first, output| {
        output.copy_from_slice(&input[first..][..output.len()]);
        activation.apply_all(output);
    });
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [a, b, _, code]: Sizes) -> Dispatch {
    c.moves(2 * a * b);
    let bindings = Bindings { input: c.random(a * b, 2.0), output: c.output(a * b, EXACT) };
    dispatch(
        Params { count: (a * b) as u32, activation: Activation::ALL[code % 5].code() },
        bindings,
    )
}
