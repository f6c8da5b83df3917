//! Counter-based random bits, the reference of `shaders/shared/random.wgsl`: pcg4d of Jarzynski and
//! Olano, "Hash Functions for GPU Rendering" (JCGT 9(3), 2020).

/// 32 random bits that depend on (seed, stream, step, element) alone. A stream is one use of
/// randomness: a dropout layer, a kind of noise.
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
    x
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
