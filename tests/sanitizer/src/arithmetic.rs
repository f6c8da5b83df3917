//! The arithmetics that WGSL allows a device: whether a product and a sum are one rounding, whether
//! denormals are zero, and by how much a division, a root or a function may be off.

/// Whether `a * b + c` is rounded once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contraction {
    /// Never: product and sum are rounded each.
    Never,
    /// Wherever a product is added to or subtracted from something; the left one of two products.
    Always,
}

/// One arithmetic that a device may have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arithmetic {
    /// Whether `a * b + c` is rounded once.
    pub contraction: Contraction,
    /// Whether `fma(a, b, c)` is rounded twice, which WGSL allows.
    pub splits_fma: bool,
    /// Whether denormal operands and results are zero.
    pub flushes_denormals: bool,
    /// Where set, divisions and square roots are off by up to 2.5 ULP, `inverseSqrt` by 2, and
    /// functions by what WGSL allows; the same operands always by the same amount, drawn by this seed.
    pub rounding: Option<u64>,
}

impl Arithmetic {
    /// Every operation rounded to nearest, denormals kept, `fma` fused.
    pub const EXACT: Arithmetic = Arithmetic {
        contraction: Contraction::Never,
        splits_fma: false,
        flushes_denormals: false,
        rounding: None,
    };

    /// The arithmetics that a result should be held to, with names.
    pub fn all(seed: u64) -> [(&'static str, Arithmetic); 5] {
        let exact = Arithmetic::EXACT;
        let contraction = Contraction::Always;
        [
            ("exact", exact),
            ("contracted", Arithmetic { contraction, ..exact }),
            ("flushing", Arithmetic { flushes_denormals: true, ..exact }),
            ("loose", Arithmetic { rounding: Some(seed), ..exact }),
            (
                "contracted, flushing and loose",
                Arithmetic {
                    contraction,
                    splits_fma: false,
                    flushes_denormals: true,
                    rounding: Some(seed),
                },
            ),
        ]
    }

    fn flush(&self, x: f32) -> f32 {
        if self.flushes_denormals && x.is_subnormal() { 0.0f32.copysign(x) } else { x }
    }

    /// An operand as the device reads it.
    pub(crate) fn operand(&self, x: f32) -> f32 {
        self.flush(x)
    }

    /// A result as the device keeps it.
    pub(crate) fn result(&self, x: f32) -> f32 {
        self.flush(x)
    }

    /// `a * b + c`, in one rounding or two.
    pub(crate) fn multiply_add(&self, a: f32, b: f32, c: f32, fused: bool) -> f32 {
        let [a, b, c] = [a, b, c].map(|x| self.flush(x));
        self.flush(if fused { a.mul_add(b, c) } else { self.flush(a * b) + c })
    }

    /// `exact`, off by up to `ulps` units in the last place or by `absolute`.
    pub(crate) fn off(
        &self,
        exact: f64,
        ulps: f64,
        absolute: f64,
        operation: u32,
        operands: [f32; 2],
    ) -> f32 {
        let nearest = exact as f32;
        let Some(seed) = self.rounding else { return self.flush(nearest) };
        if !nearest.is_finite() || nearest == 0.0 {
            return self.flush(nearest);
        }
        let key = seed ^ (operation as u64) << 32;
        let key = mix(mix(key ^ operands[0].to_bits() as u64) ^ operands[1].to_bits() as u64);
        let share = (key >> 11) as f64 / (1u64 << 52) as f64 - 1.0;
        let bits = nearest.abs().to_bits();
        let ulp =
            f32::from_bits((bits & 0x7f80_0000).max(0x0080_0000)) as f64 / (1u64 << 23) as f64;
        self.flush((exact + share * (ulps * ulp).max(absolute)) as f32)
    }
}

/// A step of SplitMix64.
pub(crate) fn mix(key: u64) -> u64 {
    let mut z = key.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
