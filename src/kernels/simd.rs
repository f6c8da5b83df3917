//! The forms of the CPU backend's loops: each is compiled for every kind of vectors below, and one kind is chosen
//! for a process, once.
//!
//! The widest that the processor has is taken. `WGSLEARN_SIMD` asks for a narrower one, so that each form can be
//! tested and measured on any machine that has it: `avx512`, `avx2`, `neon` or `baseline` (what every processor of the
//! target has: SSE2 on x86-64).
//!
//! AVX-512 and AVX2 give the same bits: a loop over elements has no order, sums are cut into lanes by the code and not by
//! the vectors, and products are summed along k with one rounding a step. The baseline of x86-64 has no fused
//! multiply-add, so its products round twice.

use std::sync::OnceLock;

use pulp::Arch;

/// The environment variable that asks for a form.
const VARIABLE: &str = "WGSLEARN_SIMD";

/// A kind of vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// 16 numbers, x86-64-v4.
    Avx512,
    /// 8 numbers with fused multiply-add, x86-64-v3.
    Avx2,
    /// 4 numbers with fused multiply-add, 64-bit ARM.
    Neon,
    /// What every processor of the target has.
    Baseline,
}

impl Form {
    /// As `WGSLEARN_SIMD` spells it.
    pub fn name(self) -> &'static str {
        match self {
            Form::Avx512 => "avx512",
            Form::Avx2 => "avx2",
            Form::Neon => "neon",
            Form::Baseline => "baseline",
        }
    }

    /// The forms that this processor can run, the widest first.
    pub fn available() -> impl Iterator<Item = Form> {
        [Form::Avx512, Form::Avx2, Form::Neon, Form::Baseline]
            .into_iter()
            .filter(|form| form.arch().is_some())
    }

    /// Its loops, where this processor can run them.
    fn arch(self) -> Option<Arch> {
        match self {
            #[cfg(target_arch = "x86_64")]
            Form::Avx512 => pulp::x86::V4::try_new().map(Arch::V4),
            #[cfg(target_arch = "x86_64")]
            Form::Avx2 => pulp::x86::V3::try_new().map(Arch::V3),
            #[cfg(target_arch = "aarch64")]
            Form::Neon => match Arch::new() {
                Arch::Scalar => None,
                neon => Some(neon),
            },
            Form::Baseline => Some(Arch::Scalar),
            #[allow(unreachable_patterns)] // What other processors have.
            _ => None,
        }
    }
}

/// What a process's loops run as, and what `WGSLEARN_SIMD` asked for in vain.
struct Choice {
    form: Form,
    arch: Arch,
    refused: Option<String>,
}

/// The form to take where `wanted` is asked for: the widest without, and where it cannot be had.
fn choose(wanted: Option<&str>) -> Choice {
    let have = || Form::available().map(Form::name).collect::<Vec<_>>().join(", ");
    let named = |name: &str| Form::available().find(|form| form.name() == name);
    let wanted = wanted.map(|name| name.trim().to_lowercase()).filter(|name| !name.is_empty());
    let found = wanted.as_deref().and_then(named);
    let refused = wanted
        .filter(|_| found.is_none())
        .map(|name| format!("{VARIABLE} is \"{name}\", and this processor's forms are {}", have()));
    let form = found.or_else(|| Form::available().next()).unwrap_or(Form::Baseline);
    Choice { form, arch: form.arch().unwrap_or(Arch::Scalar), refused }
}

fn choice() -> &'static Choice {
    static CHOICE: OnceLock<Choice> = OnceLock::new();
    CHOICE.get_or_init(|| {
        let wanted = std::env::var_os(VARIABLE);
        choose(wanted.as_ref().map(|name| name.to_string_lossy()).as_deref())
    })
}

/// The loops of this process's form.
#[inline]
pub(super) fn arch() -> Arch {
    choice().arch
}

/// The form of this process's loops.
pub fn form() -> Form {
    choice().form
}

/// What is wrong with `WGSLEARN_SIMD`: a form that is none, or that this processor does not have.
pub fn refused() -> Option<&'static str> {
    choice().refused.as_deref()
}

/// Runs a loop compiled for the process's form. Mark the closure `#[inline(always)]`: one that is called and not
/// inlined is compiled for the oldest processor.
#[inline(always)]
pub fn vectorised<R>(work: impl FnOnce() -> R) -> R {
    arch().dispatch(work)
}

#[cfg(test)]
mod tests {
    use super::{Form, choose};

    #[test]
    fn a_form_is_taken_by_name_and_another_is_refused_with_the_names() {
        let widest = Form::available().next().expect("a form");
        assert_eq!(choose(None).form, widest);
        for form in Form::available() {
            let choice = choose(Some(&form.name().to_uppercase()));
            assert_eq!((choice.form, choice.refused), (form, None));
        }
        let choice = choose(Some("avx3"));
        assert_eq!(choice.form, widest);
        let said = choice.refused.expect("refused");
        assert!(said.contains("avx3") && said.contains("baseline"), "{said}");
    }
}
