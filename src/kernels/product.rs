//! The matrix product behind the three dense kernels: its family of shapes, and which one to use.
//!
//! C `[m, n]` = A `[m, k]` B `[k, n]` has six sources: `shared/product_registers.wgsl` (register tiles
//! of several shapes, no workgroup memory), `shared/product_vec4.wgsl` (the same with operands
//! read four at a time, where a layer's widths are multiples of 4), `shared/product_subgroup.wgsl`
//! (the same for software adapters, whose lanes share what they load; without `enable subgroups;`, which naga 30
//! refuses though it knows the operations, so that no browser takes it),
//! `shared/product_tiles.wgsl` (blocks in workgroup memory, for real GPUs),
//! `shared/product_blocks.wgsl` (the same with operands read four at a time), and
//! `column/dense_*.wgsl` (layers of one unit, the head of every binary classifier). A dense kernel supplies
//! how elements are read and stored. All add the k products of an element in the order of k with
//! fused multiply-adds, so that they give the same bits on an adapter.

use super::Adapter;

/// What each form of a dense kernel reads at a time: `AlongInputs` are arrays that lie along a layer's inputs,
/// `AlongUnits` those along its units.
pub const SCALAR: &str = "alias AlongInputs = f32;\nalias AlongUnits = f32;\n";
/// Both widths are multiples of 4.
pub const VEC4: &str = "alias AlongInputs = vec4f;\nalias AlongUnits = vec4f;\n";
/// One unit, whose inputs are a multiple of 4.
pub const COLUMN: &str = "alias AlongInputs = vec4f;\nalias AlongUnits = f32;\n";

/// Terms that one dispatch may sum: software adapters exit an invocation's loops after 65,535
/// iterations of all of them together, silently and with a wrong result. Longer sums are several dispatches.
pub const MOST_TERMS: u32 = 61_440;

/// The variants of `product_kernel!`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProductVariant {
    /// Blocks of 64 x 64 in workgroup memory.
    Tiles,
    /// Blocks of 64 x 64 in workgroup memory, over vec4f.
    Blocks64,
    /// Blocks of 128 x 128 in workgroup memory, over vec4f.
    Blocks128,
    /// Register tiles of 4 x 1.
    Registers4x1,
    /// Register tiles of 1 x 4.
    Registers1x4,
    /// Register tiles of 8 x 8.
    Registers8x8,
    /// Register tiles of 2 x 2.
    Registers2x2,
    /// Register tiles of 8 x 8 over vec4f.
    Vec4,
    /// 8 x 32 by a subgroup.
    Subgroup8,
    /// 16 x 32 by a subgroup.
    Subgroup16,
    /// 32 x 32 by a subgroup.
    Subgroup32,
    /// Layers of one unit.
    Column,
    /// Layers of one unit, for software adapters, where no activation is asked about.
    ColumnLinear,
    /// Layers of one unit, whose rows are each shared by a workgroup.
    ColumnShared,
}

impl ProductVariant {
    /// Its name among a kernel's variants, by which it is found there.
    fn name(self) -> &'static str {
        match self {
            ProductVariant::Tiles => "tiles",
            ProductVariant::Blocks64 => "blocks_64",
            ProductVariant::Blocks128 => "blocks_128",
            ProductVariant::Registers4x1 => "registers_4x1",
            ProductVariant::Registers1x4 => "registers_1x4",
            ProductVariant::Registers8x8 => "registers_8x8",
            ProductVariant::Registers2x2 => "registers_2x2",
            ProductVariant::Vec4 => "vec4_8x8",
            ProductVariant::Subgroup8 => "subgroup_8",
            ProductVariant::Subgroup16 => "subgroup_16",
            ProductVariant::Subgroup32 => "subgroup_32",
            ProductVariant::Column => "column",
            ProductVariant::ColumnLinear => "column_linear",
            ProductVariant::ColumnShared => "column_shared",
        }
    }

    /// Its place among a kernel's variants. A kernel that has no variant of this name computes the product by its
    /// first, which computes every product.
    pub fn place(self, variants: &[super::Variant]) -> usize {
        variants.iter().position(|variant| variant.name == self.name()).unwrap_or(0)
    }
}

/// The variant for a product of m x n elements; `vec4_aligned` says whether the layer's inputs and units are
/// multiples of 4, `column` whether its inputs are and it has one unit, `linear` that the variant for
/// linear inputs computes it, `shares` that its rows are long enough for a workgroup each.
pub fn choose(
    [m, n]: [usize; 2],
    vec4_aligned: bool,
    column: bool,
    linear: bool,
    shares: bool,
    adapter: Adapter,
) -> ProductVariant {
    // Enough subgroups to keep a few cores busy.
    let subgroups = |rows: usize| m.div_ceil(rows) * n.div_ceil(32);
    match adapter {
        Adapter::Software { .. } if column && linear => ProductVariant::ColumnLinear,
        Adapter::Hardware if column && shares => ProductVariant::ColumnShared,
        _ if column => ProductVariant::Column,
        Adapter::Software { subgroup_8: true } if vec4_aligned && subgroups(32) >= 16 => {
            ProductVariant::Subgroup32
        }
        Adapter::Software { subgroup_8: true } if vec4_aligned && subgroups(16) >= 8 => {
            ProductVariant::Subgroup16
        }
        Adapter::Software { subgroup_8: true } if vec4_aligned && m >= 4 => ProductVariant::Subgroup8,
        Adapter::Software { .. } if vec4_aligned && m >= 4 => ProductVariant::Vec4,
        _ if n < 4 => ProductVariant::Registers4x1,
        _ if m < 4 => ProductVariant::Registers1x4,
        // Enough blocks to keep a card's hundred and more cores busy.
        Adapter::Hardware if vec4_aligned && m.div_ceil(128) * n.div_ceil(128) >= 128 => {
            ProductVariant::Blocks128
        }
        Adapter::Hardware if vec4_aligned && m * n >= 1024 => ProductVariant::Blocks64,
        Adapter::Hardware if m * n >= 1024 => ProductVariant::Tiles,
        Adapter::Hardware => ProductVariant::Registers2x2,
        Adapter::Software { .. } => ProductVariant::Registers8x8,
    }
}

/// Workgroups of `shared/product_subgroup.wgsl` of `rows` rows each.
pub fn subgroup_workgroups(m: usize, n: usize, rows: usize, parts: u32) -> [u32; 3] {
    [n.div_ceil(32) as u32, m.div_ceil(rows) as u32, parts]
}

/// The variants among which measuring may choose, for a product of m x n elements and k terms: none
/// where it is too small to matter.
pub fn candidates(
    [m, n]: [usize; 2],
    k: usize,
    vec4_aligned: bool,
    column: bool,
    adapter: Adapter,
) -> &'static [ProductVariant] {
    // On hardware a smaller one takes less than its launch.
    let from = if adapter == Adapter::Hardware { 1 << 28 } else { 1 << 20 };
    let variants: &[ProductVariant] = match adapter {
        _ if column || m * n * k < from => &[],
        Adapter::Software { subgroup_8: true } if vec4_aligned => {
            &[ProductVariant::Subgroup8, ProductVariant::Subgroup16, ProductVariant::Subgroup32, ProductVariant::Vec4]
        }
        Adapter::Software { .. } if vec4_aligned => &[ProductVariant::Vec4, ProductVariant::Registers8x8],
        Adapter::Software { .. } => &[ProductVariant::Registers8x8, ProductVariant::Registers2x2],
        Adapter::Hardware if vec4_aligned => {
            &[ProductVariant::Blocks128, ProductVariant::Blocks64, ProductVariant::Vec4, ProductVariant::Tiles, ProductVariant::Registers2x2]
        }
        Adapter::Hardware => &[ProductVariant::Tiles, ProductVariant::Registers8x8, ProductVariant::Registers2x2],
    };
    variants
}

/// Products whose sizes have the same binary logarithms share a choice.
pub fn size_class([m, n]: [usize; 2], k: usize, vec4_aligned: bool) -> String {
    let class = |size: usize| size.max(1).next_power_of_two();
    format!("{}x{}x{}{}", class(m), class(n), class(k), if vec4_aligned { " by vec4" } else { "" })
}

/// Workgroups of `shared/product_registers.wgsl` with tiles of `tile_m` x `tile_n`.
pub fn register_workgroups(
    m: usize,
    n: usize,
    tile_m: usize,
    tile_n: usize,
    parts: u32,
) -> [u32; 3] {
    [n.div_ceil(8 * tile_n) as u32, m.div_ceil(8 * tile_m) as u32, parts]
}

/// Workgroups of `shared/product_tiles.wgsl` and `shared/product_blocks.wgsl` with blocks of `side`.
pub fn block_workgroups(m: usize, n: usize, side: usize, parts: u32) -> [u32; 3] {
    [n.div_ceil(side) as u32, m.div_ceil(side) as u32, parts]
}

/// Declares a dense kernel over the family: `kernel!` with `size: |p| [m, n]` and the kernel's
/// shader in place of variants, `whole: |p|` whether `p` is a layer in one piece, and `parts: |p|` how
/// many parts the terms of an element are cut into, if any.
macro_rules! product_kernel {
    (
        name: $name:literal,
        params: $params:tt,
        bindings: $bindings:tt,
        size: $size:expr,
        terms: $terms:expr,
        whole: $whole:expr,
        $(parts: $parts:expr,)?
        source: [$($source:expr),*],
        vec4: [$($vec4:expr),*],
        column: {
            source: [$($column:expr),*],
            workgroups: $column_workgroups:expr,
            $(linear: $linear:expr,)?
            $(shared: $shared:expr,)?
        },
        reference: $reference:path,
    ) => {
        kernel! {
            name: $name,
            params: $params,
            bindings: $bindings,
            variants: [
                "tiles": {
                    source: &[$crate::kernels::product::SCALAR, $($source,)* wgsl!("shared/product_tiles.wgsl")],
                    workgroups: |p| { let [m, n] = size(p); $crate::kernels::product::block_workgroups(m, n, 64, parts(p)) },
                },
                "blocks_64": {
                    source: &["const HALVES: u32 = 1u;\n", $crate::kernels::product::VEC4, $($vec4,)* wgsl!("shared/product_blocks.wgsl")],
                    workgroups: |p| { let [m, n] = size(p); $crate::kernels::product::block_workgroups(m, n, 64, parts(p)) },
                    computes: vec4_aligned,
                },
                "blocks_128": {
                    source: &["const HALVES: u32 = 2u;\n", $crate::kernels::product::VEC4, $($vec4,)* wgsl!("shared/product_blocks.wgsl")],
                    workgroups: |p| { let [m, n] = size(p); $crate::kernels::product::block_workgroups(m, n, 128, parts(p)) },
                    computes: vec4_aligned,
                },
                "registers_4x1": {
                    source: &["const TILE_M: u32 = 4u;\nconst TILE_N: u32 = 1u;\n", $crate::kernels::product::SCALAR, $($source,)* wgsl!("shared/product_registers.wgsl")],
                    workgroups: |p| { let [m, n] = size(p); $crate::kernels::product::register_workgroups(m, n, 4, 1, parts(p)) },
                },
                "registers_1x4": {
                    source: &["const TILE_M: u32 = 1u;\nconst TILE_N: u32 = 4u;\n", $crate::kernels::product::SCALAR, $($source,)* wgsl!("shared/product_registers.wgsl")],
                    workgroups: |p| { let [m, n] = size(p); $crate::kernels::product::register_workgroups(m, n, 1, 4, parts(p)) },
                },
                "registers_8x8": {
                    source: &["const TILE_M: u32 = 8u;\nconst TILE_N: u32 = 8u;\n", $crate::kernels::product::SCALAR, $($source,)* wgsl!("shared/product_registers.wgsl")],
                    workgroups: |p| { let [m, n] = size(p); $crate::kernels::product::register_workgroups(m, n, 8, 8, parts(p)) },
                },
                "registers_2x2": {
                    source: &["const TILE_M: u32 = 2u;\nconst TILE_N: u32 = 2u;\n", $crate::kernels::product::SCALAR, $($source,)* wgsl!("shared/product_registers.wgsl")],
                    workgroups: |p| { let [m, n] = size(p); $crate::kernels::product::register_workgroups(m, n, 2, 2, parts(p)) },
                },
                "vec4_8x8": {
                    source: &["const TILE_M: u32 = 8u;\nconst TILE_N: u32 = 8u;\n", $crate::kernels::product::VEC4, $($vec4,)* wgsl!("shared/product_vec4.wgsl")],
                    workgroups: |p| { let [m, n] = size(p); $crate::kernels::product::register_workgroups(m, n, 8, 8, parts(p)) },
                    computes: vec4_aligned,
                },
                "subgroup_8": {
                    source: &["const BLOCKS: u32 = 1u;\n", $crate::kernels::product::VEC4, $($vec4,)* wgsl!("shared/product_subgroup.wgsl")],
                    workgroups: |p| { let [m, n] = size(p); $crate::kernels::product::subgroup_workgroups(m, n, 8, parts(p)) },
                    computes: vec4_aligned,
                    requires_subgroup_8: true,
                },
                "subgroup_16": {
                    source: &["const BLOCKS: u32 = 2u;\n", $crate::kernels::product::VEC4, $($vec4,)* wgsl!("shared/product_subgroup.wgsl")],
                    workgroups: |p| { let [m, n] = size(p); $crate::kernels::product::subgroup_workgroups(m, n, 16, parts(p)) },
                    computes: vec4_aligned,
                    requires_subgroup_8: true,
                },
                "subgroup_32": {
                    source: &["const BLOCKS: u32 = 4u;\n", $crate::kernels::product::VEC4, $($vec4,)* wgsl!("shared/product_subgroup.wgsl")],
                    workgroups: |p| { let [m, n] = size(p); $crate::kernels::product::subgroup_workgroups(m, n, 32, parts(p)) },
                    computes: vec4_aligned,
                    requires_subgroup_8: true,
                },
                "column": {
                    source: &["const LINEAR: bool = false;\nconst SHARED: bool = false;\n", $crate::kernels::product::COLUMN, $($column),*],
                    workgroups: $column_workgroups,
                    computes: column,
                },
                $("column_linear": {
                    source: COLUMN_LINEAR,
                    workgroups: $column_workgroups,
                    computes: |p| {
                        let linear: fn(&Params) -> bool = $linear;
                        column(p) && linear(p)
                    },
                },)?
                $("column_shared": {
                    source: COLUMN_SHARED,
                    workgroups: |p| $crate::kernels::spread_by(1, p.rows as usize),
                    computes: |p| {
                        let shared: fn(&Params) -> bool = $shared;
                        column(p) && shared(p)
                    },
                },)?
            ],
            choose: |p, adapter| {
                $crate::kernels::product::choose(size(p), vec4_aligned(p), column(p), linear(p), shares(p), adapter)
                    .place(KERNEL.variants)
            },
            candidates: |p, adapter| {
                let variants = $crate::kernels::product::candidates(size(p), terms(p), vec4_aligned(p), column(p), adapter);
                variants.iter().map(|variant| variant.place(KERNEL.variants)).collect()
            },
            size_class: |p| $crate::kernels::product::size_class(size(p), terms(p), vec4_aligned(p)),
            reference: $reference,
        }

        /// Sources of the variants that only some kernels have.
        #[allow(dead_code)]
        const COLUMN_LINEAR: &[&str] =
            &["const LINEAR: bool = true;\nconst SHARED: bool = false;\n", $crate::kernels::product::COLUMN, $($column),*];
        #[allow(dead_code)]
        const COLUMN_SHARED: &[&str] =
            &["const LINEAR: bool = false;\nconst SHARED: bool = true;\n", $crate::kernels::product::COLUMN, $($column),*];

        /// Products that an element sums.
        fn terms(p: &Params) -> usize {
            let terms: fn(&Params) -> u32 = $terms;
            terms(p) as usize
        }

        /// Parts that the terms are cut into, each a workgroup's along z.
        fn parts(_p: &Params) -> u32 {
            $(
                let parts: fn(&Params) -> u32 = $parts;
                if true {
                    return parts(_p);
                }
            )?
            1
        }

        /// Whether rows of inputs and of units can be read four elements at a time.
        fn vec4_aligned(p: &Params) -> bool {
            [p.inputs, p.units, p.stride, p.first].iter().all(|size| size.is_multiple_of(4))
        }

        /// Whether the column variant for linear inputs computes `p`.
        fn linear(_p: &Params) -> bool {
            $(
                let linear: fn(&Params) -> bool = $linear;
                if linear(_p) {
                    return true;
                }
            )?
            false
        }

        /// Whether the column variant whose rows are each shared by a workgroup computes `p`.
        fn shares(_p: &Params) -> bool {
            $(
                let shared: fn(&Params) -> bool = $shared;
                if shared(_p) {
                    return true;
                }
            )?
            false
        }

        /// Whether this is a whole layer of one unit whose inputs can be read four at a time.
        fn column(p: &Params) -> bool {
            let whole: fn(&Params) -> bool = $whole;
            p.inputs.is_multiple_of(4) && p.units == 1 && whole(p)
        }

        /// The product's m and n.
        fn size(p: &Params) -> [usize; 2] {
            let size: fn(&Params) -> [u32; 2] = $size;
            size(p).map(|n| n as usize)
        }
    };
}
pub(crate) use product_kernel;
