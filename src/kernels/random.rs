//! Counter-based random bits, the reference of `shaders/shared/random.wgsl`: pcg4d of Jarzynski and
//! Olano, "Hash Functions for GPU Rendering" (JCGT 9(3), 2020).

/// 32 random bits that depend on (seed, stream, step, element) alone. A stream is one use of
/// randomness: a dropout layer, a kind of noise.
///
/// What pcg4d gives is good in its high bits. Its lowest ones are a product of terms that are linear in the element and
/// the same for every step, so that neighbours and steps agree in them five times in eight: a network that was to take
/// noise off learned the pattern of its signs. The high half is folded into them.
#[inline(always)]
pub fn random_bits(seed: u32, stream: u32, step: u32, element: u32) -> u32 {
    let [mut x, mut y, mut z, mut w] = [seed, stream, step, element]
        .map(|v| v.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
    let mix = |x: &mut u32, y: &mut u32, z: &mut u32, w: &mut u32| {
        *x = x.wrapping_add(y.wrapping_mul(*w));
        *y = y.wrapping_add(z.wrapping_mul(*x));
        *z = z.wrapping_add(x.wrapping_mul(*y));
        *w = w.wrapping_add(y.wrapping_mul(*z));
    };
    mix(&mut x, &mut y, &mut z, &mut w);
    for v in [&mut x, &mut y, &mut z, &mut w] {
        *v ^= *v >> 16;
    }
    mix(&mut x, &mut y, &mut z, &mut w);
    x ^ (x >> 16)
}

/// Calls `work` with blocks of `out`, each with the place of its first element and its elements' bits; `first` is the
/// number of the first element of all. Bits are drawn in a loop by themselves, which vectorises: call it within
/// [`super::vectorised`], with a closure that is inlined.
#[inline(always)]
pub fn for_random_blocks<T>(
    [seed, stream, step]: [u32; 3],
    first: u32,
    out: &mut [T],
    mut work: impl FnMut(usize, &[u32], &mut [T]),
) {
    /// Elements whose bits are drawn at once.
    const BLOCK: usize = 256;
    for (i, out) in out.chunks_mut(BLOCK).enumerate() {
        let at = i * BLOCK;
        let mut bits = [0; BLOCK];
        let bits = &mut bits[..out.len()];
        for (bits, number) in bits.iter_mut().zip(0..) {
            *bits = random_bits(seed, stream, step, first.wrapping_add(at as u32 + number));
        }
        work(at, bits, out);
    }
}

/// The bits at or above which an element is kept when it is dropped with probability `rate`.
pub fn drop_threshold(rate: f64) -> u32 {
    (rate * 4_294_967_296.0).round().clamp(0.0, u32::MAX as f64) as u32
}

/// A run's seed in the 32 bits that kernels take.
pub fn fold_seed(seed: u64) -> u32 {
    (seed ^ (seed >> 32)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each of the 32 bits is a fair coin by itself, beside its neighbours in the batch and in a picture, from step to step,
    /// and beside other bits.
    #[test]
    fn every_bit_is_independent_of_neighbours_steps_streams_and_other_bits() {
        const ROWS: usize = 150;
        const COLUMNS: usize = 2048;
        for axis in 0..3 {
            let bits: Vec<Vec<u32>> = (0..ROWS as u32)
                .map(|row| {
                    let mut counters = [7, 1, 3];
                    counters[axis] += row;
                    let [seed, stream, step] = counters;
                    (0..COLUMNS as u32).map(|i| random_bits(seed, stream, step, i)).collect()
                })
                .collect();
            // Pairs that agree in a bit are half of all, within five deviations.
            let check = |what: &str, pairs: &dyn Fn(usize, usize) -> Option<(u32, u32)>| {
                let (mut agree, mut all) = ([0u32; 32], 0);
                for (row, column) in (0..ROWS).flat_map(|row| (0..COLUMNS).map(move |i| (row, i))) {
                    let Some((a, b)) = pairs(row, column) else { continue };
                    all += 1;
                    for (bit, agree) in agree.iter_mut().enumerate() {
                        *agree += !(a ^ b) >> bit & 1;
                    }
                }
                for (bit, agree) in agree.into_iter().enumerate() {
                    let z = (2.0 * f64::from(agree) - f64::from(all)) / f64::from(all).sqrt();
                    assert!(
                        z.abs() < 5.0,
                        "axis {axis}, {what}: bit {bit} is off by {z:.1} deviations"
                    );
                }
            };
            let at = |row: usize, column: usize| bits.get(row)?.get(column).copied();
            check("by itself", &|row, column| Some((at(row, column)?, u32::MAX)));
            for lag in [1, 2, 3, 27, 28, 29, 56, 64] {
                check("beside a neighbour", &|row, column| {
                    Some((at(row, column)?, at(row, column + lag)?))
                });
            }
            for lag in [1, 2, 5] {
                check("a step on", &|row, column| Some((at(row, column)?, at(row + lag, column)?)));
            }
            for other in [1, 8, 16, 31] {
                check("beside another bit", &|row, column| {
                    let bits = at(row, column)?;
                    Some((bits, bits.rotate_left(other)))
                });
            }
        }
    }

    #[test]
    fn bits_are_uniform_and_independent_of_neighbours() {
        let n = 200_000u32;
        let draw = |i| random_bits(7, 1, 3, i) as f64 / 4_294_967_296.0;
        let mean = (0..n).map(draw).sum::<f64>() / n as f64;
        assert!((mean - 0.5).abs() < 0.003, "mean {mean}");
        let lag = (0..n - 1).map(|i| (draw(i) - 0.5) * (draw(i + 1) - 0.5)).sum::<f64>();
        assert!((lag * 12.0 / n as f64).abs() < 0.01, "correlation {lag}");
        let steps = (0..n).map(|s| random_bits(7, 1, s, 5) as f64 / 4_294_967_296.0);
        let mean = steps.sum::<f64>() / n as f64;
        assert!((mean - 0.5).abs() < 0.003, "mean over steps {mean}");
    }
}
