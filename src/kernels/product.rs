//! The matrix product behind the dense and the convolution kernels: its family of shapes, and which one to use.
//!
//! C `[m, n]` = A `[m, k]` B `[k, n]` has eight sources: `shared/product_registers.wgsl` (register tiles
//! of several shapes, no workgroup memory), `shared/product_vec4.wgsl` (the same with operands
//! read four at a time, where a layer's widths are multiples of 4), `shared/product_subgroup.wgsl`
//! (the same for software adapters, whose lanes share what they load; without `enable subgroups;`, which naga 30
//! refuses though it knows the operations, so that no browser takes it),
//! `shared/product_tiles.wgsl` (blocks in workgroup memory, for real GPUs),
//! `shared/product_blocks.wgsl` (the same with operands read four at a time),
//! `shared/product_split.wgsl` (few columns of many terms, which a workgroup shares, for real GPUs),
//! `shared/product_few_units.wgsl` (convolutions that give one to three channels, on software adapters), and
//! `column/dense_*.wgsl` (layers of one unit, the head of every binary classifier). A dense kernel supplies
//! how elements are read and stored. [`VARIANTS`] is the table of what there is, [`choose`] the rule. But for columns and
//! split terms, all add the k products of an element in the order of k with
//! fused multiply-adds, so that they give the same bits on an adapter, and measuring may choose among them.

use super::{Adapter, Variant};

/// Terms that one dispatch may sum: software adapters exit an invocation's loops after 65,535
/// iterations of all of them together, silently and with a wrong result. Longer sums are several dispatches.
pub const MOST_TERMS: u32 = 61_440;

/// A product, as its variants see it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shape {
    /// Rows and columns of C, at least one.
    pub size: [u32; 2],
    /// Products that an element sums.
    pub terms: u32,
    /// Parts that the terms are cut into, each a workgroup's along z.
    pub parts: u32,
    /// Whether rows of inputs and of units can be read four elements at a time.
    pub vec4: bool,
    /// Whether it is a whole layer of one unit whose inputs can be read four at a time.
    pub column: bool,
    /// Of a column: whether the variant for linear inputs computes it.
    pub linear: bool,
    /// Of a column: whether its rows are long enough for a workgroup each.
    pub shares: bool,
    /// Whether there are so many terms for so few columns that invocations share an element's ([`splits`]).
    pub splits: bool,
    /// Of patches: whether rows of units can be read four elements at a time, and channels cannot.
    pub few_inputs: bool,
    /// Of patches: whether channels can be read four elements at a time, and there are fewer units than that.
    pub few_units: bool,
}

impl Shape {
    /// The product of patches of pictures, with so many channels and units a group.
    pub fn of_patches(
        size: [u32; 2],
        terms: u32,
        parts: u32,
        [channels, units]: [u32; 2],
    ) -> Shape {
        let [by_channels, by_units] = [channels, units].map(|n| n.is_multiple_of(4));
        Shape {
            size,
            terms,
            parts,
            vec4: by_channels && by_units,
            few_inputs: !by_channels && by_units,
            few_units: by_channels && units < 4,
            ..Shape::default()
        }
    }

    fn size(&self) -> [usize; 2] {
        self.size.map(|n| n as usize)
    }
}

/// Which of a dense kernel's sources a variant takes, and how that reads arrays that lie along a layer's inputs
/// (`AlongInputs`) and along its units (`AlongUnits`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One element at a time.
    Scalar,
    /// Four at a time: widths are multiples of 4.
    Vec4,
    /// One unit, whose inputs are read four at a time.
    Column,
    /// Units four at a time, and inputs, which are few and ragged, one at a time.
    FewInputs,
    /// Inputs four at a time, and units, which are few, one at a time.
    FewUnits,
}

impl Form {
    const fn aliases(self) -> &'static str {
        match self {
            Form::Scalar => "alias AlongInputs = f32;\nalias AlongUnits = f32;\n",
            Form::Vec4 => "alias AlongInputs = vec4f;\nalias AlongUnits = vec4f;\n",
            Form::FewInputs => "alias AlongInputs = f32;\nalias AlongUnits = vec4f;\n",
            Form::Column | Form::FewUnits => {
                "alias AlongInputs = vec4f;\nalias AlongUnits = f32;\n"
            }
        }
    }
}

/// What a workgroup computes of C.
#[derive(Clone, Copy, Debug)]
pub enum Tile {
    /// So many rows of so many columns.
    Of([u32; 2]),
    /// A row.
    Row,
    /// What the kernel says.
    Own,
}

/// A way to compute a product: a row of [`VARIANTS`].
#[derive(Debug)]
pub struct ProductVariant {
    /// Its name among a kernel's variants, by which it is found there.
    pub name: &'static str,
    /// Which of the kernel's sources it takes.
    pub form: Form,
    /// `const` lines in front.
    pub constants: &'static str,
    /// The source behind the kernel's: none where the kernel's is whole.
    pub source: &'static str,
    /// What a workgroup computes.
    pub tile: Tile,
    /// Whether it computes a product.
    pub computes: fn(&Shape) -> bool,
    /// Whether it needs subgroups of exactly eight invocations.
    pub requires_subgroup_8: bool,
}

/// A row of the table.
const fn row(
    name: &'static str,
    form: Form,
    constants: &'static str,
    source: &'static str,
    tile: Tile,
    computes: fn(&Shape) -> bool,
) -> ProductVariant {
    ProductVariant { name, form, constants, source, tile, computes, requires_subgroup_8: false }
}

/// The same for software adapters with subgroups of eight.
const fn by_subgroups(row: ProductVariant) -> ProductVariant {
    ProductVariant { requires_subgroup_8: true, ..row }
}

const TILES: &str = wgsl!("shared/product_tiles.wgsl");
const BLOCKS: &str = wgsl!("shared/product_blocks.wgsl");
const REGISTERS: &str = wgsl!("shared/product_registers.wgsl");
const REGISTERS_4: &str = wgsl!("shared/product_vec4.wgsl");
const SPLIT: &str = wgsl!("shared/product_split.wgsl");
const FEW_UNITS: &str = wgsl!("shared/product_few_units.wgsl");
const SUBGROUP: &str = wgsl!("shared/product_subgroup.wgsl");

/// Every way to compute a product. All dense kernels and convolutions have those that are no columns; `dense_variants!` says which
/// columns each has.
#[rustfmt::skip]
pub const VARIANTS: [ProductVariant; 19] = {
    use Form::{Column, FewInputs, FewUnits, Scalar, Vec4};
    [
        // Name, form, constants, source, tile, what it computes.
        row("tiles", Scalar, "", TILES, Tile::Of([64, 64]), |_| true),
        row("blocks_64", Vec4, "const HALVES: u32 = 1u;\n", BLOCKS, Tile::Of([64, 64]), |s| s.vec4),
        row("blocks_128", Vec4, "const HALVES: u32 = 2u;\n", BLOCKS, Tile::Of([128, 128]), |s| s.vec4),
        row("registers_4x1", Scalar, "const TILE_M: u32 = 4u;\nconst TILE_N: u32 = 1u;\n", REGISTERS, Tile::Of([32, 8]), |_| true),
        row("registers_1x4", Scalar, "const TILE_M: u32 = 1u;\nconst TILE_N: u32 = 4u;\n", REGISTERS, Tile::Of([8, 32]), |_| true),
        row("registers_8x8", Scalar, "const TILE_M: u32 = 8u;\nconst TILE_N: u32 = 8u;\n", REGISTERS, Tile::Of([64, 64]), |_| true),
        row("registers_2x2", Scalar, "const TILE_M: u32 = 2u;\nconst TILE_N: u32 = 2u;\n", REGISTERS, Tile::Of([16, 16]), |_| true),
        row("vec4_8x8", Vec4, "const TILE_M: u32 = 8u;\nconst TILE_N: u32 = 8u;\n", REGISTERS_4, Tile::Of([64, 64]), |s| s.vec4),
        by_subgroups(row("subgroup_8", Vec4, "const BLOCKS: u32 = 1u;\n", SUBGROUP, Tile::Of([8, 32]), |s| s.vec4)),
        by_subgroups(row("subgroup_16", Vec4, "const BLOCKS: u32 = 2u;\n", SUBGROUP, Tile::Of([16, 32]), |s| s.vec4)),
        by_subgroups(row("subgroup_32", Vec4, "const BLOCKS: u32 = 4u;\n", SUBGROUP, Tile::Of([32, 32]), |s| s.vec4)),
        // For real GPUs.
        row("split", Scalar, "", SPLIT, Tile::Of([8, 8]), |s| s.splits),
        // For pictures of one or three channels, read and given, on software adapters.
        by_subgroups(row("few_inputs_16", FewInputs, "const BLOCKS: u32 = 2u;\n", SUBGROUP, Tile::Of([16, 32]), |s| s.few_inputs)),
        by_subgroups(row("few_inputs_32", FewInputs, "const BLOCKS: u32 = 4u;\n", SUBGROUP, Tile::Of([32, 32]), |s| s.few_inputs)),
        row("one_unit", FewUnits, "const COLUMNS: u32 = 1u;\n", FEW_UNITS, Tile::Of([256, 1]), |s| s.few_units && s.size[1] == 1),
        row("few_units", FewUnits, "const COLUMNS: u32 = 3u;\n", FEW_UNITS, Tile::Of([256, 3]), |s| s.few_units),
        row("column", Column, "const LINEAR: bool = false;\nconst SHARED: bool = false;\n", "", Tile::Own, |s| s.column),
        // For software adapters, where no activation is asked about.
        row("column_linear", Column, "const LINEAR: bool = true;\nconst SHARED: bool = false;\n", "", Tile::Own, |s| s.column && s.linear),
        // Each row shared by a workgroup.
        row("column_shared", Column, "const LINEAR: bool = false;\nconst SHARED: bool = true;\n", "", Tile::Row, |s| s.column && s.shares),
    ]
};

/// The row of [`VARIANTS`] with this name, at compile time; of a name that is none the row behind the last, which
/// does not compile.
pub const fn place(name: &str) -> usize {
    let mut place = 0;
    while place < VARIANTS.len() {
        if is_same(VARIANTS[place].name.as_bytes(), name.as_bytes()) {
            return place;
        }
        place += 1;
    }
    place
}

const fn is_same(a: &[u8], b: &[u8]) -> bool {
    let mut i = 0;
    while i < a.len() && i < b.len() && a[i] == b[i] {
        i += 1;
    }
    i == a.len() && i == b.len()
}

/// What a dense kernel brings to the table: its sources, and its products.
pub trait DenseKernel {
    /// Pieces of the source of each form.
    const SCALAR: &'static [&'static str];
    /// As above.
    const VEC4: &'static [&'static str];
    /// As above.
    const COLUMN: &'static [&'static str];
    /// As above.
    const FEW_INPUTS: &'static [&'static str];
    /// As above.
    const FEW_UNITS: &'static [&'static str];

    /// The product of these parameters.
    fn shape(params: &[u8]) -> Shape;

    /// Workgroups of a column.
    fn column_workgroups(params: &[u8]) -> [u32; 3];
}

/// A dense kernel's variant by row `ROW` of the table.
struct Of<K, const ROW: usize>(std::marker::PhantomData<K>);

impl<K: DenseKernel, const ROW: usize> Of<K, ROW> {
    /// Constants, aliases, the kernel's pieces, and the shared source.
    const SOURCE: &'static [&'static str] = &{
        let row = &VARIANTS[ROW];
        let own = match row.form {
            Form::Scalar => K::SCALAR,
            Form::Vec4 => K::VEC4,
            Form::Column => K::COLUMN,
            Form::FewInputs => K::FEW_INPUTS,
            Form::FewUnits => K::FEW_UNITS,
        };
        let mut pieces = [""; 12];
        pieces[0] = row.constants;
        pieces[1] = row.form.aliases();
        let mut i = 0;
        while i < own.len() {
            pieces[2 + i] = own[i];
            i += 1;
        }
        pieces[2 + i] = row.source;
        pieces
    };

    fn workgroups(params: &[u8]) -> [u32; 3] {
        let shape = K::shape(params);
        let [m, n] = shape.size;
        match VARIANTS[ROW].tile {
            Tile::Of([rows, columns]) => [n.div_ceil(columns), m.div_ceil(rows), shape.parts],
            Tile::Row => super::spread_by(1, m as usize),
            Tile::Own => K::column_workgroups(params),
        }
    }

    fn computes(params: &[u8]) -> bool {
        (VARIANTS[ROW].computes)(&K::shape(params))
    }
}

/// The variant of a dense kernel by a row of the table.
pub const fn variant<K: DenseKernel, const ROW: usize>() -> Variant {
    Variant {
        name: VARIANTS[ROW].name,
        source: Of::<K, ROW>::SOURCE,
        workgroups: Of::<K, ROW>::workgroups,
        computes: Of::<K, ROW>::computes,
        requires_subgroup_8: VARIANTS[ROW].requires_subgroup_8,
        items: 1,
    }
}

/// The name of the variant for a product.
pub fn choose(shape: &Shape, adapter: Adapter) -> &'static str {
    let [m, n] = shape.size();
    // Enough subgroups to keep a few cores busy.
    let subgroups = |rows: usize| m.div_ceil(rows) * n.div_ceil(32);
    match adapter {
        Adapter::Software { .. } if shape.column && shape.linear => "column_linear",
        Adapter::Hardware if shape.column && shape.shares => "column_shared",
        _ if shape.column => "column",
        Adapter::Hardware if shape.splits => "split",
        Adapter::Software { subgroup_8: true } if shape.vec4 && subgroups(32) >= 16 => {
            "subgroup_32"
        }
        Adapter::Software { subgroup_8: true } if shape.vec4 && subgroups(16) >= 8 => "subgroup_16",
        Adapter::Software { subgroup_8: true } if shape.vec4 && m >= 4 => "subgroup_8",
        Adapter::Software { .. } if shape.vec4 && m >= 4 => "vec4_8x8",
        Adapter::Software { subgroup_8: true } if shape.few_inputs => match m {
            17.. => "few_inputs_32",
            _ => "few_inputs_16",
        },
        Adapter::Software { .. } if shape.few_units => {
            if n == 1 {
                "one_unit"
            } else {
                "few_units"
            }
        }
        _ if n < 4 => "registers_4x1",
        _ if m < 4 => "registers_1x4",
        // Enough blocks to keep a card's hundred and more cores busy.
        Adapter::Hardware if shape.vec4 && m.div_ceil(128) * n.div_ceil(128) >= 128 => "blocks_128",
        Adapter::Hardware if shape.vec4 && m * n >= 1024 => "blocks_64",
        Adapter::Hardware if m * n >= 1024 => "tiles",
        Adapter::Hardware => "registers_2x2",
        Adapter::Software { .. } => "registers_8x8",
    }
}

/// The names of the variants among which measuring may choose: none where the product is too small to matter.
pub fn candidates(shape: &Shape, adapter: Adapter) -> &'static [&'static str] {
    let [m, n] = shape.size();
    // On hardware a smaller one takes less than its launch.
    let from = if adapter == Adapter::Hardware { 1 << 28 } else { 1 << 20 };
    match adapter {
        _ if shape.column || m * n * (shape.terms as usize) < from => &[],
        // The rule knows, and other forms give other bits.
        Adapter::Hardware if shape.splits => &[],
        Adapter::Software { subgroup_8: true } if shape.vec4 => {
            &["subgroup_8", "subgroup_16", "subgroup_32", "vec4_8x8"]
        }
        // The rule knows: rows are few or many.
        Adapter::Software { subgroup_8: true } if shape.few_inputs => &[],
        Adapter::Software { .. } if shape.few_units => &[],
        Adapter::Software { .. } if shape.vec4 => &["vec4_8x8", "registers_8x8"],
        Adapter::Software { .. } => &["registers_8x8", "registers_2x2"],
        Adapter::Hardware if shape.vec4 => {
            &["blocks_128", "blocks_64", "vec4_8x8", "tiles", "registers_2x2"]
        }
        Adapter::Hardware => &["tiles", "registers_8x8", "registers_2x2"],
    }
}

/// Products whose sizes have the same binary logarithms share a choice.
pub fn size_class(shape: &Shape) -> String {
    let class = |size: u32| (size as usize).max(1).next_power_of_two();
    let [m, n] = shape.size.map(class);
    let (k, by) = (class(shape.terms), if shape.vec4 { " by vec4" } else { "" });
    format!("{m}x{n}x{k}{by}")
}

/// Whether invocations share the terms of an element: by the layer alone, so that a row has the same bits whatever its batch.
pub fn splits(terms: u32, columns: u32) -> bool {
    terms >= 256 && columns <= 64
}

/// Whether rows of a layer's inputs and of its units can be read four elements at a time.
pub fn vec4_aligned(sizes: [u32; 4]) -> bool {
    sizes.iter().all(|size| size.is_multiple_of(4))
}

/// Declares a dense kernel over the family: `kernel!` with `shape: |p| Shape { ... }` and the kernel's sources by
/// [`Form`] in place of variants. `column`, where it has such, names the variants that it has beside "column" and
/// those that all have.
macro_rules! product_kernel {
    (
        name: $name:literal,
        params: $params:tt,
        bindings: $bindings:tt,
        shape: $shape:expr,
        source: [$($source:expr),*],
        vec4: [$($vec4:expr),*],
        $(few_inputs: [$($few_inputs:expr),*],
        few_units: [$($few_units:expr),*],)?
        $(column: {
            source: [$($column:expr),*],
            workgroups: $column_workgroups:expr,
            beside: [$($beside:literal),*],
        },)?
        reference: $reference:path,
        case: $case:path,
        benches: $benches:expr,
    ) => {
        kernel! {
            name: $name,
            params: $params,
            bindings: $bindings,
            all: kernel!(
                @optional $crate::kernels::product::dense_variants!(Sources, $("column", $($beside),*)?)
                $(, $crate::kernels::product::patch_variants!(Sources, $($few_inputs),*))?
            ),
            choose: |p, adapter| $crate::kernels::product::choose(&shape(p), adapter),
            candidates: |p, adapter| $crate::kernels::product::candidates(&shape(p), adapter),
            size_class: |p| $crate::kernels::product::size_class(&shape(p)),
            reference: $reference,
            case: $case,
            benches: $benches,
        }

        /// The kernel's sources and products.
        struct Sources;

        impl $crate::kernels::product::DenseKernel for Sources {
            const SCALAR: &'static [&'static str] = &[$($source),*];
            const VEC4: &'static [&'static str] = &[$($vec4),*];
            const COLUMN: &'static [&'static str] = kernel!(@optional &[] $(, &[$($column),*])?);
            const FEW_INPUTS: &'static [&'static str] =
                kernel!(@optional &[] $(, &[$($few_inputs),*])?);
            const FEW_UNITS: &'static [&'static str] =
                kernel!(@optional &[] $(, &[$($few_units),*])?);

            fn shape(params: &[u8]) -> $crate::kernels::product::Shape {
                shape(&bytemuck::pod_read_unaligned(params))
            }

            fn column_workgroups(params: &[u8]) -> [u32; 3] {
                let workgroups: fn(&Params) -> [u32; 3] =
                    kernel!(@optional |_| [0; 3] $(, $column_workgroups)?);
                workgroups(&bytemuck::pod_read_unaligned(params))
            }
        }

        /// The product of these parameters.
        fn shape(p: &Params) -> $crate::kernels::product::Shape {
            let shape: fn(&Params) -> $crate::kernels::product::Shape = $shape;
            shape(p)
        }
    };
}
pub(crate) use product_kernel;

/// The variants of a dense kernel: all that are no columns, and these.
macro_rules! dense_variants {
    ($kernel:ty, $($column:literal),* $(,)?) => {
        $crate::kernels::product::dense_variants!(
            @of $kernel,
            "tiles", "blocks_64", "blocks_128", "registers_4x1", "registers_1x4", "registers_8x8",
            "registers_2x2", "vec4_8x8", "subgroup_8", "subgroup_16", "subgroup_32", $($column),*
        )
    };
    (@of $kernel:ty, $($name:literal),* $(,)?) => {
        &[$($crate::kernels::product::variant::<$kernel, { $crate::kernels::product::place($name) }>()),*]
    };
}
pub(crate) use dense_variants;

/// The variants of a convolution's kernel, which has the forms for few channels that follow.
macro_rules! patch_variants {
    ($kernel:ty, $($few_inputs:expr),*) => {
        $crate::kernels::product::dense_variants!(
            $kernel,
            "few_inputs_16",
            "few_inputs_32",
            "one_unit",
            "few_units"
        )
    };
}
pub(crate) use patch_variants;
