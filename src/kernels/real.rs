//! The number type of the CPU references: f32 (the CPU backend) or f64 (the oracle of the tests).
//!
//! In f32 the transcendental functions are the polynomials of `shaders/shared/math.wgsl`, term
//! for term: WGSL promises little about `exp` and `tanh`, drivers differ, and plain arithmetic
//! also vectorises. In f64 they are the standard library's.

use std::fmt::Debug;
use std::iter::{FusedIterator, Sum};
use std::ops::{Add, AddAssign, Div, Mul, MulAssign, Neg, Sub, SubAssign};

use super::gemm::{Begin, Finish, Gathered, Panels, Product};
use super::{team, vectorised};

/// A real number of the references.
pub trait Real:
    Copy
    + Debug
    + Default
    + bytemuck::Pod
    + PartialOrd
    + Send
    + Sync
    + 'static
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + Sum
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// The smallest positive normal number.
    const SMALLEST: Self;
    /// From single precision, exactly.
    fn from_f32(value: f32) -> Self;
    /// To single precision, rounded.
    fn to_f32(self) -> f32;
    /// From a count.
    fn from_usize(value: usize) -> Self;
    /// e^x.
    fn exp(self) -> Self;
    /// ln x, x > 0.
    fn ln(self) -> Self;
    /// ln(1 + x), x in `[0, 1]`.
    fn ln_1p(self) -> Self;
    /// Hyperbolic tangent.
    fn tanh(self) -> Self;
    /// Square root.
    fn sqrt(self) -> Self;
    /// 1 / sqrt(x), x > 0 and normal.
    fn rsqrt(self) -> Self;
    /// Absolute value.
    fn abs(self) -> Self;
    /// self a + b, rounded once where the processor can.
    fn mul_add(self, a: Self, b: Self) -> Self;
    /// The larger of itself and 0, by its bits. (A comparison whose one outcome is what is there becomes a masked store,
    /// which takes AMD's processors with AVX2 twenty cycles.)
    fn rectified(self) -> Self;
    /// Itself where `y`, a value that was [`Real::rectified`], is above 0, else 0: by its bits, for the same reason.
    fn gated(self, y: Self) -> Self;
    /// The larger.
    fn max(self, other: Self) -> Self;
    /// Zero in place of a number too small to be normal. What decays by a factor ends there, is
    /// rounded up to the same number for ever, and each operation with it costs a hundred others.
    #[inline(always)]
    fn flushed(self) -> Self {
        if self.abs() < Self::SMALLEST { Self::ZERO } else { self }
    }
    /// 1 / (1 + e^-x).
    #[inline(always)]
    fn sigmoid(self) -> Self {
        Self::ONE / (Self::ONE + (-self).exp())
    }
    /// -ln of the probability of the answer `y`, 0 or 1 or between, where self is its logit: ln(1 + e^z) - z y, in the form
    /// in which nothing overflows.
    #[inline(always)]
    fn logistic_loss(self, y: Self) -> Self {
        self.max(Self::ZERO) - self * y + (-self.abs()).exp().ln_1p()
    }
    /// The normal distribution function, the integral of the density up to self.
    fn normal_cdf(self) -> Self;
    /// The normal density, `e^(-x^2 / 2) / sqrt(2 pi)`.
    #[inline(always)]
    fn normal_pdf(self) -> Self {
        Self::from_f64(0.398_942_280_401_432_7) * (-(self * self) * Self::from_f64(0.5)).exp()
    }
    /// From double precision, rounded.
    fn from_f64(value: f64) -> Self;
    /// Runs the kernel's reference of this precision.
    fn call_reference(kernel: &super::Kernel, params: &[u8], slots: &mut [super::Slot<'_, Self>]);
    /// C (rows `c_stride` elements apart) = what it begins with + A B; then `finish` is called with each
    /// row, in pieces.
    fn product(
        product: &Product<'_, Self>,
        c: &mut [Self],
        c_stride: usize,
        finish: Finish<'_, Self>,
    );
    /// The same by the calling thread alone: a block of a product whose blocks threads share. An element's bits do not
    /// depend on how the rows of C are cut into blocks.
    fn product_block(product: &Product<'_, Self>, c: &mut [Self], c_stride: usize);
    /// Packs B `[k, n]`, of these strides, for [`Real::product_gathered`], into memory that is used again.
    fn panels(b: &[Self], strides: [usize; 2], size: [usize; 2], to: &mut Panels<Self>);
    /// C = what it begins with + A B, by the calling thread alone, with the bits of [`Real::product_block`].
    fn product_gathered(
        a: &Gathered<'_, Self>,
        b: &Panels<Self>,
        begin: Begin<'_, Self>,
        c: &mut [Self],
        c_stride: usize,
    );
}

// The constants stand as Cephes published them.
#[allow(clippy::excessive_precision)]
impl Real for f32 {
    const ZERO: f32 = 0.0;
    const ONE: f32 = 1.0;
    const SMALLEST: f32 = f32::MIN_POSITIVE;
    #[inline(always)]
    fn from_f32(value: f32) -> f32 {
        value
    }
    #[inline(always)]
    fn to_f32(self) -> f32 {
        self
    }
    #[inline(always)]
    fn from_usize(value: usize) -> f32 {
        value as f32
    }
    #[inline(always)]
    fn exp(self) -> f32 {
        // Cephes' expf: x = k ln 2 + r, e^x = 2^k e^r, with a polynomial for |r| <= ln 2 / 2.
        let x = self.clamp(-87.0, 88.0);
        let k = (x * std::f32::consts::LOG2_E + 0.5).floor();
        let r = (x - k * 0.693_359_4) + k * 2.121_944_4e-4;
        let mut p = 1.987_569_1e-4;
        p = p * r + 1.398_199_9e-3;
        p = p * r + 8.333_452e-3;
        p = p * r + 4.166_579_6e-2;
        p = p * r + 1.666_666_5e-1;
        p = p * r + 5.000_000_1e-1;
        let y = p * (r * r) + r + 1.0;
        // 2^k: k as the low bits of a float, since a saturating cast does not vectorise.
        let bits = (k + 12_582_912.0).to_bits().wrapping_add(127);
        y * f32::from_bits(bits << 23)
    }
    #[inline(always)]
    fn ln(self) -> f32 {
        // Cephes' logf: x = 2^e m with m in [sqrt(1/2), sqrt(2)), and a polynomial for ln m.
        let bits = self.to_bits();
        let mut e = ((bits >> 23) as i32 - 126) as f32;
        let mut m = f32::from_bits((bits & 0x007f_ffff) | 0x3f00_0000);
        if m < std::f32::consts::FRAC_1_SQRT_2 {
            e -= 1.0;
            m = m + m;
        }
        m -= 1.0;
        let z = m * m;
        let mut p = 7.037_683_6e-2;
        p = p * m - 1.151_461e-1;
        p = p * m + 1.167_699_9e-1;
        p = p * m - 1.242_014_1e-1;
        p = p * m + 1.424_932_3e-1;
        p = p * m - 1.666_805_8e-1;
        p = p * m + 2.000_071_5e-1;
        p = p * m - 2.499_999_4e-1;
        p = p * m + 3.333_333_1e-1;
        let y = (p * m * z - e * 2.121_944_4e-4) - 0.5 * z;
        (m + y) + e * 0.693_359_4
    }
    #[inline(always)]
    fn ln_1p(self) -> f32 {
        // Kahan: the rounding of u = 1 + x is undone by the factor x / (u - 1).
        let u = 1.0 + self;
        if u == 1.0 { self } else { Real::ln(u) * (self / (u - 1.0)) }
    }
    #[inline(always)]
    fn tanh(self) -> f32 {
        // Cephes' tanhf.
        let x = self.abs();
        let z = self * self;
        let mut p = -5.704_988_7e-3;
        p = p * z + 2.063_909e-2;
        p = p * z - 5.373_971_5e-2;
        p = p * z + 1.333_144_2e-1;
        p = p * z - 3.333_328_2e-1;
        let near = self + self * (p * z);
        let far = 1.0 - 2.0 / (Real::exp(x + x) + 1.0);
        if x < 0.625 { near } else { far.copysign(self) }
    }
    #[inline(always)]
    fn sqrt(self) -> f32 {
        self.sqrt()
    }
    #[inline(always)]
    fn rsqrt(self) -> f32 {
        // Half the exponent from the bits, then Newton's steps, each of which squares the error (0.034 at first): a third
        // of the time that a root and a division take.
        let mut y = f32::from_bits(0x5f37_5a86u32.wrapping_sub(self.to_bits() >> 1));
        for _ in 0..3 {
            y *= 1.5 - 0.5 * self * y * y;
        }
        y
    }
    #[inline(always)]
    fn abs(self) -> f32 {
        self.abs()
    }
    #[inline(always)]
    fn mul_add(self, a: f32, b: f32) -> f32 {
        self.mul_add(a, b)
    }
    #[inline(always)]
    fn rectified(self) -> f32 {
        f32::from_bits(self.to_bits().cast_signed().max(0).cast_unsigned())
    }
    #[inline(always)]
    fn gated(self, y: f32) -> f32 {
        // All ones where the sign of -y is set.
        let mask = (y.to_bits().wrapping_neg().cast_signed() >> 31).cast_unsigned();
        f32::from_bits(self.to_bits() & mask)
    }
    #[inline(always)]
    fn max(self, other: f32) -> f32 {
        if self > other { self } else { other }
    }
    #[inline(always)]
    fn normal_cdf(self) -> f32 {
        // The complementary error function's Chebyshev fit (Press et al., Numerical Recipes, erfcc).
        let x = self.abs() * std::f32::consts::FRAC_1_SQRT_2;
        let t = 1.0 / (1.0 + 0.5 * x);
        let mut p = 0.170_872_77;
        p = p * t - 0.822_152_23;
        p = p * t + 1.488_515_87;
        p = p * t - 1.135_203_98;
        p = p * t + 0.278_868_07;
        p = p * t - 0.186_288_06;
        p = p * t + 0.096_784_18;
        p = p * t + 0.374_091_96;
        p = p * t + 1.000_023_68;
        p = p * t - 1.265_512_23;
        let tail = 0.5 * t * Real::exp(p - x * x);
        if self < 0.0 { tail } else { 1.0 - tail }
    }
    #[inline(always)]
    fn from_f64(value: f64) -> f32 {
        value as f32
    }
    fn call_reference(kernel: &super::Kernel, params: &[u8], slots: &mut [super::Slot<'_, f32>]) {
        (kernel.reference_f32)(params, slots);
    }
    fn product(p: &Product<'_, f32>, c: &mut [f32], c_stride: usize, finish: Finish<'_, f32>) {
        super::gemm::single::product(p, c, c_stride, finish, false);
    }
    fn product_block(p: &Product<'_, f32>, c: &mut [f32], c_stride: usize) {
        super::gemm::single::product(p, c, c_stride, &|_, _, _| {}, true);
    }
    fn panels(b: &[f32], strides: [usize; 2], size: [usize; 2], to: &mut Panels<f32>) {
        super::gemm::single::panels(b, strides, size, to);
    }
    fn product_gathered(
        a: &Gathered<'_, f32>,
        b: &Panels<f32>,
        begin: Begin<'_, f32>,
        c: &mut [f32],
        c_stride: usize,
    ) {
        super::gemm::single::product_gathered(a, b, begin, c, c_stride);
    }
}

impl Real for f64 {
    const ZERO: f64 = 0.0;
    const ONE: f64 = 1.0;
    const SMALLEST: f64 = f64::MIN_POSITIVE;
    fn from_f32(value: f32) -> f64 {
        value as f64
    }
    fn to_f32(self) -> f32 {
        self as f32
    }
    fn from_usize(value: usize) -> f64 {
        value as f64
    }
    fn exp(self) -> f64 {
        self.exp()
    }
    fn ln(self) -> f64 {
        self.ln()
    }
    fn ln_1p(self) -> f64 {
        self.ln_1p()
    }
    fn tanh(self) -> f64 {
        self.tanh()
    }
    fn sqrt(self) -> f64 {
        self.sqrt()
    }
    fn rsqrt(self) -> f64 {
        1.0 / self.sqrt()
    }
    fn abs(self) -> f64 {
        self.abs()
    }
    fn mul_add(self, a: f64, b: f64) -> f64 {
        self.mul_add(a, b)
    }
    fn rectified(self) -> f64 {
        if self > 0.0 { self } else { 0.0 }
    }
    fn gated(self, y: f64) -> f64 {
        if y > 0.0 { self } else { 0.0 }
    }
    fn max(self, other: f64) -> f64 {
        if self > other { self } else { other }
    }
    fn normal_cdf(self) -> f64 {
        // Marsaglia, Evaluating the Normal Distribution (2004): a series of positive terms, exact to a few
        // units of 1e-16 where the tails are not smaller than that.
        if self.abs() > 9.0 {
            return if self < 0.0 { 0.0 } else { 1.0 };
        }
        let (mut sum, mut term, mut divisor) = (self, self, 1.0);
        loop {
            divisor += 2.0;
            term *= self * self / divisor;
            let next = sum + term;
            if next == sum {
                return 0.5 + sum * self.normal_pdf();
            }
            sum = next;
        }
    }
    fn from_f64(value: f64) -> f64 {
        value
    }
    fn call_reference(kernel: &super::Kernel, params: &[u8], slots: &mut [super::Slot<'_, f64>]) {
        (kernel.reference_f64)(params, slots);
    }
    fn product(p: &Product<'_, f64>, c: &mut [f64], c_stride: usize, finish: Finish<'_, f64>) {
        super::gemm::double::product(p, c, c_stride, finish, false);
    }
    fn product_block(p: &Product<'_, f64>, c: &mut [f64], c_stride: usize) {
        super::gemm::double::product(p, c, c_stride, &|_, _, _| {}, true);
    }
    fn panels(b: &[f64], strides: [usize; 2], size: [usize; 2], to: &mut Panels<f64>) {
        super::gemm::double::panels(b, strides, size, to);
    }
    fn product_gathered(
        a: &Gathered<'_, f64>,
        b: &Panels<f64>,
        begin: Begin<'_, f64>,
        c: &mut [f64],
        c_stride: usize,
    ) {
        super::gemm::double::product_gathered(a, b, begin, c, c_stride);
    }
}

/// Elements from which a loop is worth threads: below, a thread's start costs more than the work.
pub(super) const PARALLEL: usize = 1 << 16;

/// Runs `work(first_row, rows)` over `out`, cut into pieces of whole rows of `width` elements, on
/// all threads where `out` is large.
pub fn for_rows<T: Send>(
    out: &mut [T],
    width: usize,
    work: impl Fn(usize, &mut [T]) + Send + Sync,
) {
    for_costly_rows(out, width, width, work);
}

/// As [`for_rows`], for rows that take the time of `cost` elements each.
pub fn for_costly_rows<T: Send>(
    out: &mut [T],
    width: usize,
    cost: usize,
    work: impl Fn(usize, &mut [T]) + Send + Sync,
) {
    if out.len() / width.max(1) * cost < PARALLEL {
        return work(0, out);
    }
    let rows = rows_of_a_piece(out.len() / width.max(1), cost);
    team::chunks(out, rows * width, |i, piece| work(i * rows, piece));
}

/// Rows of a piece: one piece a thread where they are few, so that a batch's rows stay with one core, in whose cache they
/// are.
fn rows_of_a_piece(rows: usize, cost: usize) -> usize {
    match team::threads() {
        threads @ 1..=4 => rows.div_ceil(threads),
        _ => (PARALLEL / 4).div_ceil(cost),
    }
}

/// As [`for_costly_rows`], over two arrays of rows of the same width.
pub fn for_costly_pairs<T: Send>(
    out: &mut [T],
    other: &mut [T],
    width: usize,
    cost: usize,
    work: impl Fn(usize, &mut [T], &mut [T]) + Send + Sync,
) {
    if out.len() / width.max(1) * cost < PARALLEL {
        return work(0, out, other);
    }
    let rows = rows_of_a_piece(out.len() / width.max(1), cost);
    let pairs = out.chunks_mut(rows * width).zip(other.chunks_mut(rows * width));
    team::each(pairs.enumerate(), |(i, (out, other))| work(i * rows, out, other));
}

/// Runs `work` on each piece of `out` and of `totals` (two numbers a piece), cut into `groups` equal
/// stretches, on all threads where `out` is large: how losses are shared among workgroups.
pub fn for_stretches<T: Send>(
    out: &mut [T],
    totals: &mut [T],
    groups: usize,
    work: impl Fn(usize, &mut [T], &mut [T]) + Send + Sync,
) {
    let stretch = out.len().div_ceil(groups.max(1)).max(1);
    let (used, unused) = totals[..2 * groups].split_at_mut(2 * out.len().div_ceil(stretch));
    for (i, totals) in unused.chunks_exact_mut(2).enumerate() {
        work(out.len() + i, &mut [], totals);
    }
    let is_small = out.len() < PARALLEL;
    let stretches = out.chunks_mut(stretch).zip(used.chunks_exact_mut(2)).enumerate();
    team::each_where(!is_small, stretches, |(i, (out, totals))| work(i * stretch, out, totals));
}

/// `out` = the sum of `rows` `[.., out.len()]` over its rows, in their order: a bias's gradient, and the sum of
/// a gradient's parts.
pub fn sum_rows<T: Real>(rows: &[T], out: &mut [T]) {
    let width = out.len();
    // Few columns are not worth threads.
    for_costly_rows(out, 1, rows.len() / width.max(1), |first, out| {
        out.fill(T::ZERO);
        for row in rows.chunks_exact(width) {
            let row = &row[first..][..out.len()];
            vectorised(
                #[inline(always)]
                || out.iter_mut().zip(row).for_each(|(sum, &value)| *sum += value),
            );
        }
    });
}

/// Sum of `term(a[i], b[i])` in a fixed order: sixteen lanes over blocks of 4,096, then the blocks, so
/// that the error grows with the logarithm of the count and the loop vectorises. Call it within
/// [`vectorised`].
#[inline(always)]
pub fn sum<T: Real>(a: &[T], b: &[T], term: impl Fn(T, T) -> T) -> T {
    const LANES: usize = 16;
    let mut total = T::ZERO;
    for (a, b) in a.chunks(4096).zip(b.chunks(4096)) {
        let mut lanes = [T::ZERO; LANES];
        let (a_rows, b_rows) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
        let rest = a_rows.remainder().iter().zip(b_rows.remainder());
        for (a, b) in a_rows.zip(b_rows) {
            for i in 0..LANES {
                lanes[i] += term(a[i], b[i]);
            }
        }
        for (lane, (&a, &b)) in lanes.iter_mut().zip(rest) {
            *lane += term(a, b);
        }
        total += lanes.into_iter().sum::<T>();
    }
    total
}

/// Where the largest of `values` stands, the first of equals; 0 where the first is NaN, and others are passed over. The
/// loops vectorise; call it within [`vectorised`].
#[inline(always)]
pub fn first_largest<T: Real>(values: &[T]) -> usize {
    const LANES: usize = 64;
    let Some(&first) = values.first() else { return 0 };
    let mut lanes = [first; LANES];
    let blocks = values.chunks_exact(LANES);
    let rest = blocks.remainder();
    for block in blocks {
        for i in 0..LANES {
            lanes[i] = if block[i] > lanes[i] { block[i] } else { lanes[i] };
        }
    }
    for (lane, &value) in lanes.iter_mut().zip(rest) {
        *lane = if value > *lane { value } else { *lane };
    }
    let largest = lanes.iter().fold(first, |best, &lane| if lane > best { lane } else { best });
    // The first block that holds it, and where in it.
    let holds = |block: &[T]| block.iter().fold(false, |found, &value| found | (value == largest));
    let at = values.chunks(LANES).position(holds).unwrap_or(0) * LANES;
    at + values[at..].iter().position(|&value| value == largest).unwrap_or(0)
}

/// a . b in sixteen lanes, so that the loop vectorises; call it within [`vectorised`].
#[inline(always)]
pub fn dot<T: Real>(a: &[T], b: &[T]) -> T {
    const LANES: usize = 16;
    let mut lanes = [T::ZERO; LANES];
    let (a_blocks, b_blocks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest = a_blocks.remainder().iter().zip(b_blocks.remainder());
    for (a, b) in a_blocks.zip(b_blocks) {
        for i in 0..LANES {
            lanes[i] += a[i] * b[i];
        }
    }
    for (lane, (&a, &b)) in lanes.iter_mut().zip(rest) {
        *lane += a * b;
    }
    lanes.into_iter().sum()
}

/// `sum` += each vector times its factor, in their order: four at a time, so that `sum` is read and written a fourth as
/// often. Call it within [`vectorised`].
#[inline(always)]
pub fn add_scaled<'a, T: Real>(sum: &mut [T], mut terms: impl FusedIterator<Item = (T, &'a [T])>) {
    let units = sum.len();
    while let Some((a, v)) = terms.next() {
        let rest = (terms.next(), terms.next(), terms.next());
        let v = &v[..units];
        if let (Some((b, w)), Some((c, x)), Some((d, y))) = rest {
            let (w, x, y) = (&w[..units], &x[..units], &y[..units]);
            for i in 0..units {
                sum[i] = sum[i] + a * v[i] + b * w[i] + c * x[i] + d * y[i];
            }
            continue;
        }
        sum.iter_mut().zip(v).for_each(|(sum, &value)| *sum += a * value);
        for (b, w) in rest.0.into_iter().chain(rest.1) {
            sum.iter_mut().zip(w).for_each(|(sum, &value)| *sum += b * value);
        }
    }
}

/// `out[i]` = x . vector(i), each summed in sixteen lanes and those in pairs. (A sum of lanes right behind its loop
/// would be taken number by number.) Call it within [`vectorised`].
#[inline(always)]
pub fn dots<'a, T: Real>(x: &[T], out: &mut [T], vector: impl Fn(usize) -> &'a [T]) {
    const LANES: usize = 16;
    const BLOCK: usize = 32;
    let whole = x.len() - x.len() % LANES;
    let mut parts = [[T::ZERO; LANES]; BLOCK];
    for (block, out) in out.chunks_mut(BLOCK).enumerate() {
        for (i, part) in parts[..out.len()].iter_mut().enumerate() {
            let vector = &vector(block * BLOCK + i)[..x.len()];
            let mut lanes = [T::ZERO; LANES];
            for (x, v) in x.chunks_exact(LANES).zip(vector.chunks_exact(LANES)) {
                for i in 0..LANES {
                    lanes[i] += x[i] * v[i];
                }
            }
            *part = lanes;
            let rest = x[whole..].iter().zip(&vector[whole..]);
            for (lane, (&x, &v)) in part.iter_mut().zip(rest) {
                *lane += x * v;
            }
        }
        for (out, part) in out.iter_mut().zip(&parts) {
            let mut eight = [T::ZERO; 8];
            for i in 0..8 {
                eight[i] = part[i] + part[i + 8];
            }
            let mut four = [T::ZERO; 4];
            for i in 0..4 {
                four[i] = eight[i] + eight[i + 4];
            }
            *out = (four[0] + four[2]) + (four[1] + four[3]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Real, first_largest};

    #[test]
    fn the_first_of_the_largest_is_found() {
        let naive = |values: &[f32]| {
            (1..values.len()).fold(0, |best, j| if values[j] > values[best] { j } else { best })
        };
        let mut bits = 0;
        for count in [1, 2, 63, 64, 65, 127, 128, 129, 1000] {
            for kind in 0..40 {
                // Few values, so that many are equal; none and infinities among them.
                let values: Vec<f32> = (0..count)
                    .map(|i| {
                        bits = crate::kernels::random::random_bits(kind, bits, 1, i);
                        match bits % 97 {
                            0 => f32::NAN,
                            1 if kind % 2 == 0 => f32::INFINITY,
                            2 => f32::NEG_INFINITY,
                            n => (n / 9) as f32 - 4.0,
                        }
                    })
                    .collect();
                let doubles: Vec<f64> = values.iter().map(|&value| value.into()).collect();
                let expected = naive(&values);
                let found = crate::kernels::vectorised(
                    #[inline(always)]
                    || first_largest(&values),
                );
                assert_eq!((found, first_largest(&doubles)), (expected, expected), "{values:?}");
            }
        }
        for values in [[f32::NAN; 70], [f32::NEG_INFINITY; 70], [-0.0; 70]] {
            assert_eq!(first_largest(&values), 0);
        }
    }

    /// Steps between the f32 result and the f64 truth, in units in the last place of the truth.
    fn ulps(got: f32, truth: f64) -> f64 {
        let spacing = (truth.abs() * f32::EPSILON as f64 / 2.0).max(1e-38);
        (got as f64 - truth).abs() / spacing
    }

    #[test]
    fn polynomials_are_within_a_few_units_in_the_last_place() {
        for i in -80_000..80_000i32 {
            let x = i as f32 * 1e-3;
            let wide = x as f64;
            assert!(ulps(Real::exp(x), wide.exp()) < 6.0, "exp({x})");
            assert!(ulps(Real::tanh(x), wide.tanh()) < 6.0, "tanh({x})");
            assert!(ulps(Real::sigmoid(x), 1.0 / (1.0 + (-wide).exp())) < 8.0, "sigmoid({x})");
            if x > 0.0 {
                assert!(ulps(Real::rsqrt(x), 1.0 / wide.sqrt()) < 4.0, "rsqrt({x})");
                let slack = 1e-7;
                let got = Real::ln(x) as f64;
                assert!((got - wide.ln()).abs() < slack + wide.ln().abs() * 3e-7, "ln({x})");
            }
            if (0.0..=1.0).contains(&x) {
                assert!(ulps(Real::ln_1p(x), wide.ln_1p()) < 8.0, "ln_1p({x})");
            }
        }
        assert_eq!(Real::ln_1p(1e-20f32), 1e-20);
    }
}
