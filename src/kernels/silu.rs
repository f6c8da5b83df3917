//! SiLU, also called swish (Elfwing et al. 2018): `y = z / (1 + e^-z)`.

#[cfg(feature = "unstable")]
use super::case::*;
use super::{Real, for_rows, spread, vectorised};

kernel! {
    name: "silu",
    params: {
        /// Elements.
        count: u32,
    },
    bindings: {
        /// `[count]`: pre-activations z
        input: read f32,
        /// `[count]`
        output: write f32,
    },
    source: &[wgsl!("shared/index.wgsl"), wgsl!("shared/math.wgsl"), wgsl!("silu.wgsl")],
    workgroups: |p| spread(p.count as usize),
    reference: reference,
    case: case,
    benches: [("256 x 1024", [256, 1024, 1, 1])],
}

fn reference<T: Real>(p: &Params, input: &[T], output: &mut [T]) {
    for_rows(&mut output[..p.count as usize], 1, |first, output| {
        let input = &input[first..][..output.len()];
        vectorised(
            #[inline(always)]
            || {
                for (y, &z) in output.iter_mut().zip(input) {
                    *y = z * z.sigmoid();
                }
            },
        );
    });
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [a, b, ..]: Sizes) -> Dispatch {
    c.moves(2 * a * b);
    let bindings = Bindings { input: c.random(a * b, 4.0), output: c.output(a * b, EXACT) };
    dispatch(Params { count: (a * b) as u32 }, bindings)
}
