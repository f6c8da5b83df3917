//! What a kernel is, as data: its shader, parameters, bindings, geometry and reference.

use super::Real;
use crate::error::{Error, Result};

/// Type of a buffer's elements; both are four bytes wide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// `f32` on a device; the CPU backend's [`Real`] in a reference.
    F32,
    /// `u32`: ids, counters.
    U32,
}

/// How a kernel uses a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reads only.
    Read,
    /// Reads and writes, or only writes.
    Write,
}

/// One storage binding of a kernel; its index in WGSL is its place in the list plus one
/// (binding 0 is the uniform `params`).
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    /// The variable's name in the shader.
    pub name: &'static str,
    /// Its element type.
    pub element: Element,
    /// Its access.
    pub access: Access,
    /// What its array is of in WGSL: `f32`, `u32`, a vector of them, or an alias that each variant sets in front.
    pub item: &'static str,
}

/// One field of a `Params` struct; every field is four bytes wide.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Field {
    /// Its name, the same in WGSL.
    pub name: &'static str,
    /// Its offset in bytes.
    pub offset: usize,
    /// Its type.
    pub element: Element,
}

/// What a kernel may know of the adapter when it chooses among its variants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adapter {
    /// A real GPU: barriers and workgroup memory are cheap.
    Hardware,
    /// A CPU that plays a GPU (lavapipe, SwiftShader, WARP): they are dear, and so is every load.
    Software {
        /// Whether it has subgroups, all of exactly eight invocations.
        subgroup_8: bool,
    },
}

/// One way to compute a kernel: same bindings, same result, other source or geometry.
#[derive(Debug)]
pub struct Variant {
    /// Its name within the kernel.
    pub name: &'static str,
    /// WGSL, in pieces that are joined behind the kernel's declarations ([`Kernel::source`]): `alias` and `const`
    /// lines, shared snippets, the shader.
    pub source: &'static [&'static str],
    /// Workgroups in x, y, z for these parameters.
    pub workgroups: fn(params: &[u8]) -> [u32; 3],
    /// Whether it computes these parameters; a kernel chooses only among those that do.
    pub computes: fn(params: &[u8]) -> bool,
    /// Whether it needs subgroups of exactly eight invocations; all others are portable.
    pub requires_subgroup_8: bool,
    /// Items that an invocation takes one after the other at most, each with all turns of the kernel's loops.
    pub items: u64,
}

/// Turns of loops after which software adapters (lavapipe) leave an invocation's loops behind, with a wrong
/// result and no word.
pub const MAX_LOOP_ITERATIONS: u64 = 65_535;

/// A kernel's index-free description. All are `static`, in the room of their name.
pub struct Kernel {
    /// The shader's file name without its ending.
    pub name: &'static str,
    /// Size of `Params` in bytes.
    pub params_size: usize,
    /// Fields of `Params`.
    pub params: &'static [Field],
    /// Storage bindings 1, 2, ...
    pub bindings: &'static [Binding],
    /// The ways to compute it.
    pub variants: &'static [Variant],
    /// The name of the variant to use.
    pub choose: fn(params: &[u8], adapter: Adapter) -> &'static str,
    /// Names of variants among which measuring may choose: all give the same bits.
    /// Fewer than two where it does not pay.
    pub candidates: fn(params: &[u8], adapter: Adapter) -> &'static [&'static str],
    /// Parameters for which one choice is good, in a word.
    pub size_class: fn(params: &[u8]) -> String,
    /// Turns of all its loops together that one invocation may make for an item ([`Variant::items`]), where they grow with
    /// the parameters and nobody cuts them: software adapters stop at [`MAX_LOOP_ITERATIONS`].
    pub loop_iterations: fn(params: &[u8]) -> u64,
    /// The CPU reference in single precision: the CPU backend.
    pub reference_f32: fn(params: &[u8], slots: &mut [Slot<'_, f32>]),
    /// The CPU reference in double precision: the oracle.
    pub reference_f64: fn(params: &[u8], slots: &mut [Slot<'_, f64>]),
    /// Makes a launch of four sizes, for tests and benches.
    #[cfg(feature = "unstable")]
    pub case: fn(&mut super::case::Case, super::case::Sizes) -> Dispatch,
    /// Sizes that training meets, each with what it says to people.
    #[cfg(feature = "unstable")]
    pub benches: &'static [(&'static str, super::case::Sizes)],
}

impl Kernel {
    /// Turns of all loops that an invocation of a variant may make; a loop is entered once more than it has turns, and
    /// kernels count those of their long loops alone.
    pub fn iterations(&self, variant: usize, params: &[u8]) -> u64 {
        (self.loop_iterations)(params).saturating_mul(self.variants[variant].items)
    }

    /// Whether a software adapter goes through all turns of a variant's loops.
    pub fn ends_on_software(&self, variant: usize, params: &[u8]) -> bool {
        self.iterations(variant, params).saturating_add(64) <= MAX_LOOP_ITERATIONS
    }

    /// What stands in front of every variant's source: `Params` and the bindings, in WGSL.
    pub fn declarations(&self) -> String {
        let wgsl = |element| match element {
            Element::F32 => "f32",
            Element::U32 => "u32",
        };
        let mut text = String::from("struct Params {\n");
        for field in self.params {
            text += &format!("    {}: {},\n", field.name, wgsl(field.element));
        }
        text += "}\n\n@group(0) @binding(0) var<uniform> params: Params;\n";
        for (binding, i) in self.bindings.iter().zip(1..) {
            let access = match binding.access {
                Access::Read => "read",
                Access::Write => "read_write",
            };
            let Binding { name, item, .. } = binding;
            text +=
                &format!("@group(0) @binding({i}) var<storage, {access}> {name}: array<{item}>;\n");
        }
        text
    }

    /// The place of a variant among `variants`.
    ///
    /// # Errors
    /// [`Error::Device`] names the variants that there are.
    pub fn variant(&self, name: &str) -> Result<usize> {
        self.variants.iter().position(|variant| variant.name == name).ok_or_else(|| {
            let known: Vec<&str> = self.variants.iter().map(|variant| variant.name).collect();
            let (kernel, known) = (self.name, known.join(", "));
            Error::Device(format!("{kernel} has no variant {name}; there are {known}"))
        })
    }

    /// The whole WGSL module of one of its variants.
    pub fn source(&self, variant: &Variant) -> String {
        self.declarations() + "\n" + &variant.source.concat()
    }
}

impl std::fmt::Debug for Kernel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Kernel({})", self.name)
    }
}

/// A buffer of a program, by its place in the program's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BufferId(pub usize);

/// A range of a buffer, in elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The buffer.
    pub buffer: BufferId,
    /// First element. On a device a multiple of 64 (256 bytes), the strictest alignment there is.
    pub offset: usize,
    /// Number of elements, at least one.
    pub len: usize,
}

impl Span {
    /// The part that begins `start` elements in and has `len`.
    pub fn part(self, start: usize, len: usize) -> Span {
        debug_assert!(start + len <= self.len, "{start} + {len} in {self:?}");
        Span { buffer: self.buffer, offset: self.offset + start, len }
    }
}

/// One launch of a kernel: its parameters and what its bindings are bound to.
#[derive(Clone, Debug)]
pub struct Dispatch {
    /// The kernel.
    pub kernel: &'static Kernel,
    /// The bytes of its `Params`.
    pub params: Vec<u8>,
    /// One span a binding.
    pub bindings: Vec<Span>,
}

/// A binding as a reference sees it.
#[derive(Debug)]
pub enum Slot<'a, T> {
    /// A read-only `f32` binding.
    F32(&'a [T]),
    /// A writable `f32` binding.
    F32Mut(&'a mut [T]),
    /// A read-only `u32` binding.
    U32(&'a [u32]),
    /// A writable `u32` binding.
    U32Mut(&'a mut [u32]),
}

impl<T> Default for Slot<'_, T> {
    fn default() -> Self {
        Slot::U32(&[])
    }
}

/// Takes a slot's slice out, once. The types were checked when the program was built
/// (`Program::add_routine`), so a mismatch here is a bug of this crate.
impl<'a, T: Real> Slot<'a, T> {
    #[doc(hidden)]
    pub fn take_f32(&mut self) -> &'a [T] {
        match std::mem::take(self) {
            Slot::F32(slice) => slice,
            other => unreachable!("an f32 input is bound to {other:?}"),
        }
    }
    #[doc(hidden)]
    pub fn take_f32_mut(&mut self) -> &'a mut [T] {
        match std::mem::take(self) {
            Slot::F32Mut(slice) => slice,
            other => unreachable!("an f32 output is bound to {other:?}"),
        }
    }
    #[doc(hidden)]
    pub fn take_u32(&mut self) -> &'a [u32] {
        match std::mem::take(self) {
            Slot::U32(slice) => slice,
            other => unreachable!("a u32 input is bound to {other:?}"),
        }
    }
    #[doc(hidden)]
    pub fn take_u32_mut(&mut self) -> &'a mut [u32] {
        match std::mem::take(self) {
            Slot::U32Mut(slice) => slice,
            other => unreachable!("a u32 output is bound to {other:?}"),
        }
    }
}

/// Workgroups for `invocations` of a one-dimensional kernel with 256 invocations a group, laid
/// out in x and y because one dimension stops at 65,535. `shared/index.wgsl` undoes it.
pub fn spread(invocations: usize) -> [u32; 3] {
    spread_by(256, invocations)
}

/// As [`spread`], of a kernel with `size` invocations a group.
pub fn spread_by(size: usize, invocations: usize) -> [u32; 3] {
    let groups = invocations.div_ceil(size).max(1);
    let y = groups.div_ceil(65_535);
    [groups.div_ceil(y) as u32, y as u32, 1]
}

/// Workgroups for a kernel over `rows` rows whose eight invocations each have `lanes` / 8 parts of them
/// along x, as `shared/rows.wgsl` undoes it.
pub fn spread_rows(rows: usize, lanes: usize) -> [u32; 3] {
    let groups = rows.div_ceil(32).max(1);
    let z = groups.div_ceil(65_535);
    [lanes.div_ceil(8).max(1) as u32, groups.div_ceil(z) as u32, z as u32]
}

/// The file of a shader, relative to `shaders/`.
macro_rules! wgsl {
    ($path:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/", $path))
    };
}

/// Declares a kernel from one list of parameters and bindings: the Rust half (`Params`, `Bindings`, `KERNEL` and
/// `dispatch`) and, in front of each variant's source, the declarations in WGSL ([`Kernel::declarations`]). A binding is
/// `NAME: read f32`, or `NAME: write f32 as ITEM` where the shader's array is of another type than the element: a vector,
/// or an alias that each variant sets in front. `reference` is a function `reference::<T: Real>(&Params, binding, ...)` whose
/// arguments are the bindings as slices, in order; `case` is a function `case(&mut Case, Sizes) -> Dispatch` that makes a launch
/// for tests and benches (`case.rs`), and `benches` are the sizes that benches call it with.
macro_rules! kernel {
    (
        name: $name:literal,
        params: { $($(#[$field_doc:meta])* $field:ident: $field_type:ident,)* },
        bindings: { $($(#[$binding_doc:meta])* $binding:ident: $access:ident $element:ident $(as $item:ident)?,)* },
        all: $variants:expr,
        choose: $choose:expr,
        $(candidates: $candidates:expr, size_class: $size_class:expr,)?
        $(loop_iterations: $loop_iterations:expr,)?
        reference: $reference:path,
        case: $case:path,
        benches: $benches:expr,
    ) => {
        /// The kernel's parameters; the shader's struct is written from the same list.
        #[repr(C)]
        #[derive(Clone, Copy, Debug, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
        pub struct Params { $($(#[$field_doc])* pub $field: $field_type,)* }

        /// What the kernel's bindings are bound to.
        #[derive(Clone, Copy, Debug)]
        pub struct Bindings { $($(#[$binding_doc])* pub $binding: $crate::kernels::Span,)* }

        /// The kernel.
        pub static KERNEL: $crate::kernels::Kernel = {
            use $crate::kernels::{Access, Binding, Element, Field, Kernel, Slot};
            fn run<T: $crate::kernels::Real>(params: &[u8], slots: &mut [Slot<'_, T>]) {
                let params: Params = bytemuck::pod_read_unaligned(params);
                let [$($binding),*] = slots else {
                    unreachable!("{} has {} slots", $name, slots.len())
                };
                $reference(&params, $(kernel!(@take $binding $access $element)),*)
            }
            Kernel {
                name: $name,
                params_size: std::mem::size_of::<Params>(),
                params: &[$(Field {
                    name: stringify!($field),
                    offset: std::mem::offset_of!(Params, $field),
                    element: kernel!(@element $field_type),
                }),*],
                bindings: &[$(Binding {
                    name: stringify!($binding),
                    element: kernel!(@element $element),
                    access: kernel!(@access $access),
                    item: kernel!(@optional stringify!($element) $(, stringify!($item))?),
                }),*],
                variants: $variants,
                choose: |bytes, adapter| {
                    let choose: fn(&Params, $crate::kernels::Adapter) -> &'static str = $choose;
                    choose(&bytemuck::pod_read_unaligned(bytes), adapter)
                },
                candidates: |bytes, adapter| {
                    let candidates: fn(&Params, $crate::kernels::Adapter) -> &'static [&'static str] =
                        kernel!(@optional |_, _| &[] $(, $candidates)?);
                    candidates(&bytemuck::pod_read_unaligned(bytes), adapter)
                },
                size_class: |bytes| {
                    let size_class: fn(&Params) -> String =
                        kernel!(@optional |_| String::new() $(, $size_class)?);
                    size_class(&bytemuck::pod_read_unaligned(bytes))
                },
                loop_iterations: |bytes| {
                    let loop_iterations: fn(&Params) -> u64 =
                        kernel!(@optional |_| 0 $(, $loop_iterations)?);
                    loop_iterations(&bytemuck::pod_read_unaligned(bytes))
                },
                reference_f32: run::<f32>,
                reference_f64: run::<f64>,
                #[cfg(feature = "unstable")]
                case: $case,
                #[cfg(feature = "unstable")]
                benches: &$benches,
            }
        };

        /// One launch with these parameters over these bindings.
        pub fn dispatch(params: Params, bindings: Bindings) -> $crate::kernels::Dispatch {
            $crate::kernels::Dispatch {
                kernel: &KERNEL,
                params: bytemuck::bytes_of(&params).to_vec(),
                bindings: vec![$(bindings.$binding),*],
            }
        }
    };
    // Each variant by itself.
    (
        name: $name:literal,
        params: $params:tt,
        bindings: $bindings:tt,
        variants: [ $($variant:literal: { source: $source:expr, workgroups: $workgroups:expr, $(computes: $computes:expr,)? $(items: $items:expr,)? }),+ $(,)? ],
        choose: $choose:expr,
        $(loop_iterations: $loop_iterations:expr,)?
        reference: $reference:path,
        case: $case:path,
        benches: $benches:expr,
    ) => {
        kernel! {
            name: $name,
            params: $params,
            bindings: $bindings,
            all: &[$($crate::kernels::Variant {
                name: $variant,
                source: $source,
                workgroups: |bytes| {
                    let workgroups: fn(&Params) -> [u32; 3] = $workgroups;
                    workgroups(&bytemuck::pod_read_unaligned(bytes))
                },
                computes: |bytes| {
                    let computes: fn(&Params) -> bool = kernel!(@optional |_| true $(, $computes)?);
                    computes(&bytemuck::pod_read_unaligned(bytes))
                },
                requires_subgroup_8: false,
                items: kernel!(@optional 1 $(, $items)?),
            }),+],
            choose: $choose,
            $(loop_iterations: $loop_iterations,)?
            reference: $reference,
            case: $case,
            benches: $benches,
        }
    };
    // The usual case: one variant.
    (
        name: $name:literal,
        params: $params:tt,
        bindings: $bindings:tt,
        source: $source:expr,
        workgroups: $workgroups:expr,
        $(loop_iterations: $loop_iterations:expr,)?
        reference: $reference:path,
        case: $case:path,
        benches: $benches:expr,
    ) => {
        kernel! {
            name: $name,
            params: $params,
            bindings: $bindings,
            variants: ["only": { source: $source, workgroups: $workgroups, }],
            choose: |_, _| "only",
            $(loop_iterations: $loop_iterations,)?
            reference: $reference,
            case: $case,
            benches: $benches,
        }
    };
    // Over rows of items (`shared/rows.wgsl`): vec4f where the width is a multiple of 4, else f32; each
    // with a form for software adapters, and with `wide`, a source that does without vectors'
    // functions, one of eight numbers. `walk` says how many rows the eight invocations of a row
    // take there, `software` what that form computes; `scalar` and `vec4` come in front of
    // the source of those forms. `hardware` has a source of its own for real GPUs, whose invocations take an item each, of
    // as many as `groups` groups of eight a row.
    (
        name: $name:literal,
        params: $params:tt,
        bindings: $bindings:tt,
        items: {
            width: $width:expr,
            rows: $rows:expr,
            $(walk: $walk:expr,)?
            $(software: $software:expr,)?
            $(scalar: $scalar:expr, vec4: $vec4:expr,)?
            source: [$($source:expr),* $(,)?],
            $(wide: [$($wide:expr),* $(,)?],)?
            $(hardware: { groups: $groups:expr, source: [$($hardware:expr),* $(,)?], },)?
        },
        $(loop_iterations: $loop_iterations:expr,)?
        reference: $reference:path,
        case: $case:path,
        benches: $benches:expr,
    ) => {
        kernel! {
            name: $name,
            params: $params,
            bindings: $bindings,
            variants: [
                "vec4": {
                    source: kernel!(
                        @joined ["alias Item = vec4f;\nconst WIDE: u32 = 4u;\nconst SOFTWARE: bool = false;\n", wgsl!("shared/rows.wgsl"), $($vec4)?],
                        [$($source),*] $(, [$($hardware),*])?
                    ),
                    workgroups: |p| on_hardware(p, width(p) / 4),
                    computes: |p| width(p).is_multiple_of(4),
                    items: ITEMS,
                },
                "scalar": {
                    source: kernel!(
                        @joined ["alias Item = f32;\nconst WIDE: u32 = 1u;\nconst SOFTWARE: bool = false;\n", wgsl!("shared/rows.wgsl"), $($scalar)?],
                        [$($source),*] $(, [$($hardware),*])?
                    ),
                    workgroups: |p| on_hardware(p, width(p)),
                    items: ITEMS,
                },
                "vec4_software": {
                    source: &["alias Item = vec4f;\nconst WIDE: u32 = 4u;\nconst SOFTWARE: bool = true;\n", wgsl!("shared/rows.wgsl"), $($vec4,)? $($source),*],
                    workgroups: |p| $crate::kernels::spread_rows(rows(p).div_ceil(WALK), if WALK > 1 { 1 } else { width(p) / 4 }),
                    computes: |p| width(p).is_multiple_of(4) && software(p),
                },
                "scalar_software": {
                    source: &["alias Item = f32;\nconst WIDE: u32 = 1u;\nconst SOFTWARE: bool = true;\n", wgsl!("shared/rows.wgsl"), $($scalar,)? $($source),*],
                    workgroups: |p| $crate::kernels::spread_rows(rows(p).div_ceil(WALK), if WALK > 1 { 1 } else { width(p) }),
                    computes: software,
                },
                $("wide_software": {
                    source: &["alias Item = mat2x4f;\nconst WIDE: u32 = 8u;\nconst SOFTWARE: bool = true;\n", wgsl!("shared/rows.wgsl"), $($wide),*],
                    workgroups: |p| $crate::kernels::spread_rows(rows(p).div_ceil(WALK), width(p) / 8),
                    computes: |p| width(p).is_multiple_of(8) && software(p),
                },)?
            ],
            choose: |p, adapter| {
                let is_software = adapter != $crate::kernels::Adapter::Hardware && software(p);
                // Eight numbers an invocation where eight invocations have enough of them.
                let is_wide = kernel!(@is_given $($($wide)*)?) && width(p).is_multiple_of(64);
                match (is_software, width(p).is_multiple_of(4)) {
                    (true, _) if is_wide => "wide_software",
                    (true, true) => "vec4_software",
                    (true, false) => "scalar_software",
                    (false, true) => "vec4",
                    (false, false) => "scalar",
                }
            },
            $(loop_iterations: $loop_iterations,)?
            reference: $reference,
            case: $case,
            benches: $benches,
        }

        /// Rows that the eight invocations of a row take in a form for software adapters.
        const WALK: usize = kernel!(@optional 1 $(, $walk)?);

        /// Groups of eight invocations that a row has in a form of its own for real GPUs.
        const GROUPS: Option<usize> = kernel!(@optional None $(, Some($groups))?);

        /// Items that an invocation takes in the form for real GPUs.
        const ITEMS: u64 = if GROUPS.is_some() { 1 } else { 4 };

        /// Workgroups of that form, over rows of so many items.
        fn on_hardware(p: &Params, items: usize) -> [u32; 3] {
            $crate::kernels::spread_rows(
                rows(p) * GROUPS.unwrap_or(1),
                items.div_ceil(ITEMS as usize),
            )
        }

        /// Numbers in a row.
        fn width(p: &Params) -> usize {
            let width: fn(&Params) -> u32 = $width;
            width(p) as usize
        }

        /// Rows.
        fn rows(p: &Params) -> usize {
            let rows: fn(&Params) -> usize = $rows;
            rows(p)
        }

        /// Whether the form for software adapters computes these parameters.
        fn software(p: &Params) -> bool {
            let software: fn(&Params) -> bool = kernel!(@optional |_| true $(, $software)?);
            software(p)
        }
    };
    // What is given, or what stands for it where nothing is.
    (@optional $default:expr) => { $default };
    (@optional $default:expr, $given:expr) => { $given };
    // Pieces of a source: what stands in front, and the kernel's, or the other where there is one.
    (@joined [$($front:expr),* $(,)?], [$($source:expr),*]) => { &[$($front,)* $($source),*] };
    (@joined [$($front:expr),* $(,)?], [$($source:expr),*], [$($hardware:expr),*]) => {
        &[$($front,)* $($hardware),*]
    };
    (@is_given) => { false };
    (@is_given $($any:tt)+) => { true };
    (@element f32) => { Element::F32 };
    (@element u32) => { Element::U32 };
    (@access read) => { Access::Read };
    (@access write) => { Access::Write };
    (@take $slot:ident read f32) => { $slot.take_f32() };
    (@take $slot:ident write f32) => { $slot.take_f32_mut() };
    (@take $slot:ident read u32) => { $slot.take_u32() };
    (@take $slot:ident write u32) => { $slot.take_u32_mut() };
}
