//! The CPU backend's matrix product: C `[m, n]` = A `[m, k]` B `[k, n]`, blocked after Goto and van de
//! Geijn ("Anatomy of High-Performance Matrix Multiplication", 2008).
//!
//! k is cut into parts of at most [`DEPTH`]. Of each part B is packed into panels of two vectors'
//! width, so that the innermost loop reads it in order; A is read where it lies, one element
//! broadcast to two vectors, or packed tile by tile where its rows would meet in the cache. A tile
//! of C (12 rows or fewer, one panel's width) stays in registers for a part of k. Threads take whole
//! rows of C, or columns where sharing B's packing is worth more; where a program beside takes their
//! processors, pieces of a few tiles. Each element is summed in one order, whatever the number of
//! threads.
//!
//! It stands in place of the `gemm` crate, which is not faster on two threads than on one at the
//! sizes of small models (docs/rejected.md has the figures).

use std::cell::Cell;
use std::marker::PhantomData;
use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::{Real, team};

/// Longest part of k: a panel of B and a tile's rows of A stay in the first cache.
const DEPTH: usize = 320;

/// Multiply-adds from which threads pay.
const THREADS_FROM: usize = 1 << 19;

/// Elements of B from which threads pay for packing it.
const PACK_THREADS_FROM: usize = 1 << 15;

/// Elements of B that are packed at once: what leaves the second cache to the operands.
const AT_ONCE: usize = 1 << 16;

/// The same where threads share what is packed: what leaves the last cache to the operands.
const AT_ONCE_SHARED: usize = 1 << 22;

/// Multiply-adds that take longer than a thread may keep its processor where another program wants it.
const SHARED_PIECES_FROM: usize = 1 << 28;

/// Elements of a B that lies by columns, from which threads share the packing of it.
const SHARED_FROM: usize = 1 << 14;

/// Columns up to which a product is a few sums over rows of A, for which panels would be too wide.
pub(super) const THIN: usize = 8;

/// Rows up to which packing B costs more than the product.
const FEW: usize = 4;

/// How k is cut, and the width of a panel.
#[derive(Clone, Copy)]
struct Shape {
    parts: usize,
    /// Length of a part; the last may be shorter.
    depth: usize,
    width: usize,
}

impl Shape {
    fn new(k: usize, width: usize) -> Shape {
        let parts = k.div_ceil(DEPTH).max(1);
        Shape { parts, depth: k.div_ceil(parts), width }
    }

    fn depth_of(&self, part: usize, k: usize) -> usize {
        self.depth.min(k.saturating_sub(part * self.depth))
    }
}

/// The parts of a sum over k, each summed from zero and then added to those before.
pub(super) fn parts_of(k: usize) -> impl Iterator<Item = Range<usize>> {
    let shape = Shape::new(k, 1);
    (0..shape.parts).map(move |part| {
        let from = part * shape.depth;
        from..from + shape.depth_of(part, k)
    })
}

/// What C holds before the sum.
#[derive(Clone, Copy, Debug)]
pub enum Begin<'a, T> {
    /// Zeros.
    Zero,
    /// What it holds.
    Accumulate,
    /// This row, in each row.
    Row(&'a [T]),
}

/// A product's operands. Strides are (row, column) in elements; the slices hold every element that
/// the strides reach.
#[derive(Clone, Copy, Debug)]
pub struct Product<'a, T> {
    /// m, n, k.
    pub size: [usize; 3],
    /// A.
    pub a: &'a [T],
    /// Its strides.
    pub a_strides: [usize; 2],
    /// B.
    pub b: &'a [T],
    /// Its strides.
    pub b_strides: [usize; 2],
    /// What C begins with.
    pub begin: Begin<'a, T>,
}

/// A matrix whose element (i, j) lies at `rows[i] + columns[j]` of `values`: patches of pictures, which overlap, are read
/// where they lie (Dukhan, "The Indirect Convolution Algorithm", 2019).
#[derive(Clone, Copy, Debug)]
pub struct Gathered<'a, T> {
    /// What its elements lie in.
    pub values: &'a [T],
    /// Where each row begins.
    pub rows: &'a [usize],
    /// How far behind that each column's element lies.
    pub columns: &'a [usize],
}

/// A matrix B as the tiles read it, packed once for many products.
#[derive(Clone, Debug, Default)]
pub struct Panels<T> {
    /// Part by part of k, its panels `[depth, width]`; perhaps longer than they are.
    values: Vec<T>,
    /// k, n.
    size: [usize; 2],
    width: usize,
}

/// Called when columns of a row of C are complete: the row, the first of the columns, the values.
pub type Finish<'a, T> = &'a (dyn Fn(usize, usize, &mut [T]) + Sync);

/// C, shared by threads that write different elements of it.
#[derive(Clone, Copy)]
struct Shared<T>(*mut T);

// SAFETY: the pointer is only used by `Work::block`, whose calls get disjoint rows or columns.
#[allow(unsafe_code)]
unsafe impl<T: Send> Send for Shared<T> {}
// SAFETY: as above.
#[allow(unsafe_code)]
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    /// (A method, so that closures take the whole, which is `Sync`, and not the pointer in it.)
    fn pointer(self) -> *mut T {
        self.0
    }
}

/// A product of few columns whose A lies by rows: each element is the dot product of a row of A and a
/// column of B.
fn thin_rows<T: Real>(p: &Product<'_, T>, c: &mut [T], c_stride: usize, finish: Finish<'_, T>) {
    let [m, n, k] = p.size;
    let [rs, cs] = p.b_strides;
    let mut columns = Vec::new();
    let columns = match (n, rs) {
        (1, 1) => &p.b[..k],
        _ => {
            columns.extend((0..n * k).map(|i| p.b[i % k * rs + i / k * cs]));
            &columns[..]
        }
    };
    let c = &mut c[..(m - 1) * c_stride + n];
    super::for_costly_rows(c, c_stride, n * k, |first, rows| {
        for (i, c) in rows.chunks_mut(c_stride).enumerate() {
            let (row, c) = (first + i, &mut c[..n]);
            let a = &p.a[row * p.a_strides[0]..][..k];
            super::vectorised(
                #[inline(always)]
                || {
                    for (j, c) in c.iter_mut().enumerate() {
                        let sum = super::dot(a, &columns[j * k..][..k]);
                        *c = match p.begin {
                            Begin::Zero => sum,
                            Begin::Accumulate => *c + sum,
                            Begin::Row(row) => row[j] + sum,
                        };
                    }
                },
            );
            finish(row, 0, c);
        }
    });
}

/// A product of few columns whose A lies by columns: a sum over k of rows of A^T, each times an element
/// of B.
fn thin_columns<T: Real>(p: &Product<'_, T>, c: &mut [T], finish: Finish<'_, T>) {
    /// Elements of a row of A^T that are summed at once.
    const BLOCK: usize = 256;
    let [m, n, k] = p.size;
    let [rs, cs] = p.b_strides;
    let block = |i: usize, c: &mut [T]| {
        let (start, count) = (i * BLOCK, c.len() / n);
        let mut sums = [[T::ZERO; BLOCK]; THIN];
        super::vectorised(
            #[inline(always)]
            || {
                for d in 0..k {
                    let a = &p.a[d * p.a_strides[1] + start..][..count];
                    for (j, sums) in sums[..n].iter_mut().enumerate() {
                        let b = p.b[d * rs + j * cs];
                        sums[..count].iter_mut().zip(a).for_each(|(sum, &a)| *sum += a * b);
                    }
                }
            },
        );
        for (i, c) in c.chunks_exact_mut(n).enumerate() {
            for (j, c) in c.iter_mut().enumerate() {
                *c = match p.begin {
                    Begin::Zero => sums[j][i],
                    Begin::Accumulate => *c + sums[j][i],
                    Begin::Row(row) => row[j] + sums[j][i],
                };
            }
            finish(start + i, 0, c);
        }
    };
    let c = &mut c[..m * n];
    let blocks = c.chunks_mut(BLOCK * n).enumerate();
    team::each_where(m * n * k >= THREADS_FROM, blocks, |(i, c)| block(i, c));
}

/// A product of few rows, such as one document's: B is read once, where it lies.
fn few_rows<T: Real>(p: &Product<'_, T>, c: &mut [T], c_stride: usize, finish: Finish<'_, T>) {
    /// Columns whose sums stay in the first cache.
    const BLOCK: usize = 256;
    let [m, n, k] = p.size;
    let [rs, cs] = p.b_strides;
    let a = |i: usize| &p.a[i * p.a_strides[0]..][..k];
    let is_fused = super::simd::form() != super::simd::Form::Baseline;
    // Elements of C that are complete but for `finish`.
    let block = |c: &[T], columns: Range<usize>| -> [[T; BLOCK]; FEW] {
        let begun = |i: usize, j: usize, sum: T| match p.begin {
            Begin::Zero => sum,
            Begin::Accumulate => c[i * c_stride + j] + sum,
            Begin::Row(row) => row[j] + sum,
        };
        let mut sums = [[T::ZERO; BLOCK]; FEW];
        super::vectorised(
            #[inline(always)]
            || {
                for (i, sums) in sums[..m].iter_mut().enumerate() {
                    let sums = &mut sums[..columns.len()];
                    if cs != 1 {
                        for (sum, j) in sums.iter_mut().zip(columns.clone()) {
                            *sum = begun(i, j, super::dot(a(i), &p.b[j * cs..][..k]));
                        }
                        continue;
                    }
                    // In the order and the rounding of tiles, so that an answer does not depend on how many rows
                    // were asked for.
                    let shape = Shape::new(k, 1);
                    for part in 0..shape.parts {
                        let mut of_part = [T::ZERO; BLOCK];
                        let of_part = &mut of_part[..columns.len()];
                        let from = part * shape.depth;
                        let a = &a(i)[from..from + shape.depth_of(part, k)];
                        for (d, &a) in a.iter().enumerate() {
                            let b = &p.b[(from + d) * rs + columns.start..][..columns.len()];
                            let terms = of_part.iter_mut().zip(b);
                            match is_fused {
                                true => terms.for_each(|(sum, &b)| *sum = a.mul_add(b, *sum)),
                                false => terms.for_each(|(sum, &b)| *sum += a * b),
                            }
                        }
                        let sums = sums.iter_mut().zip(&*of_part).zip(columns.clone());
                        sums.for_each(|((sum, &of_part), j)| {
                            *sum = if part == 0 { begun(i, j, of_part) } else { *sum + of_part };
                        });
                    }
                }
            },
        );
        sums
    };
    let write = |c: &mut [T], columns: Range<usize>, sums: &[[T; BLOCK]; FEW]| {
        for (i, sums) in sums[..m].iter().enumerate() {
            let c = &mut c[i * c_stride..][columns.clone()];
            c.copy_from_slice(&sums[..columns.len()]);
            finish(i, columns.start, c);
        }
    };
    let cut = |i: usize| i * BLOCK..n.min((i + 1) * BLOCK);
    let blocks = n.div_ceil(BLOCK);
    if m * n * k < THREADS_FROM {
        for i in 0..blocks {
            let sums = block(c, cut(i));
            write(c, cut(i), &sums);
        }
        return;
    }
    let before = &*c;
    let mut sums = vec![[[T::ZERO; BLOCK]; FEW]; blocks];
    team::each(sums.iter_mut().enumerate(), |(i, sums)| *sums = block(before, cut(i)));
    sums.iter().enumerate().for_each(|(i, sums)| write(c, cut(i), sums));
}

/// Whether the last element of a matrix of `[rows, columns]` with these strides lies within `len` elements. Sums
/// and products that overflow do not.
fn reaches_within([rows, columns]: [usize; 2], [rs, cs]: [usize; 2], len: usize) -> bool {
    if rows == 0 || columns == 0 {
        return true;
    }
    let last = (rows - 1).checked_mul(rs).zip((columns - 1).checked_mul(cs));
    last.and_then(|(row, column)| row.checked_add(column)).is_some_and(|last| last < len)
}

/// Asserts that C `[m, n]` and what it begins with hold what tiles read and write without checks.
fn check_result<T>([m, n]: [usize; 2], begin: Begin<'_, T>, c: &[T], c_stride: usize) {
    assert!(reaches_within([m, n], [c_stride, 1], c.len()), "product: c is too short");
    assert!(c_stride >= n, "product: rows of c overlap");
    if let Begin::Row(row) = begin {
        assert!(n <= row.len(), "product: the first row is too short");
    }
}

macro_rules! blocked {
    ($module:ident, $T:ty, $vector:ident, $lanes:ident, $splat:ident, $mul_add:ident, $add:ident) => {
        pub(super) mod $module {
            use super::*;

            thread_local! {
                /// Memory for packed operands, kept from call to call: B's, and A's.
                static PACKED: [Cell<Vec<$T>>; 2] = const { [const { Cell::new(Vec::new()) }; 2] };
            }

            /// Lends a thread's memory for packing, `len` elements of it.
            fn with_packed<R>(which: usize, len: usize, work: impl FnOnce(&mut [$T]) -> R) -> R {
                // Taken out meanwhile: a thread that waits may begin another product.
                let mut memory = PACKED.with(|cells| cells[which].take());
                if memory.len() < len {
                    memory.resize(len, 0.0);
                }
                let result = work(&mut memory[..len]);
                PACKED.with(|cells| cells[which].set(memory));
                result
            }

            /// C (row stride `c_stride`) = `begin` + A B, then `finish` for each row. `alone`: by the calling
            /// thread, for blocks of a larger product that threads share.
            pub fn product(
                p: &Product<'_, $T>,
                c: &mut [$T],
                c_stride: usize,
                finish: Finish<'_, $T>,
                alone: bool,
            ) {
                let [m, n, k] = p.size;
                // What is read and written without checks below lies within what these have checked.
                assert!(reaches_within([m, k], p.a_strides, p.a.len()), "product: a is too short");
                assert!(reaches_within([k, n], p.b_strides, p.b.len()), "product: b is too short");
                check_result([m, n], p.begin, c, c_stride);
                if m == 0 || n == 0 {
                    return;
                }
                if alone {
                    // No way that depends on m: blocks of one product have the same bits, however they are cut.
                    return match n <= THIN && k >= THIN && p.a_strides[1] == 1 {
                        true => thin_rows(p, c, c_stride, finish),
                        false => crate::kernels::simd::arch().dispatch(Whole {
                            p,
                            c,
                            c_stride,
                            finish,
                            alone,
                        }),
                    };
                }
                if n <= THIN && k >= THIN && p.a_strides[1] == 1 {
                    return thin_rows(p, c, c_stride, finish);
                }
                if n <= THIN && k >= THIN && p.a_strides[0] == 1 && c_stride == n {
                    return thin_columns(p, c, finish);
                }
                if m <= FEW && n > THIN && p.a_strides[1] == 1 && p.b_strides.contains(&1) {
                    return few_rows(p, c, c_stride, finish);
                }
                let work = Whole { p, c, c_stride, finish, alone };
                crate::kernels::simd::arch().dispatch(work);
            }

            struct Whole<'a, 'b> {
                p: &'a Product<'a, $T>,
                c: &'b mut [$T],
                c_stride: usize,
                finish: Finish<'a, $T>,
                alone: bool,
            }

            impl WithSimd for Whole<'_, '_> {
                type Output = ();

                #[inline(always)]
                fn with_simd<S: Simd>(self, simd: S) {
                    let Whole { p, c, c_stride, finish, alone } = self;
                    let [m, n, k] = p.size;
                    let width = panel_width::<S>(n);
                    let tile = rows_of_a_tile::<S>();
                    let c = Shared(c.as_mut_ptr());
                    let region =
                        Region { simd, p, c, c_stride, finish, shape: Shape::new(k, width) };
                    let panels = n.div_ceil(width);
                    let threads = match m * n * k {
                        _ if alone => 1,
                        0..THREADS_FROM => 1,
                        _ => team::threads_at_hand(),
                    };
                    let part = |count: usize, unit: usize, t: usize| {
                        let cut = |t: usize| (count.div_ceil(unit) * t / threads * unit).min(count);
                        cut(t)..cut(t + 1)
                    };
                    if threads == 1 {
                        region.compute(0..m, 0..panels, 1);
                    } else if m * n * k >= SHARED_PIECES_FROM && team::is_disturbed() {
                        // Rows for whoever is free, of panels that all have packed.
                        region.compute(0..m, 0..panels, threads);
                    } else if p.b_strides[1] != 1 && panels >= threads && k * n > SHARED_FROM {
                        // B is packed across its rows, which costs more than to share A.
                        team::each(0..threads, |t| region.compute(0..m, part(panels, 1, t), 1));
                    } else if panels >= 8 * threads && n >= 4 * m {
                        // To pack all of B would cost more than to share A.
                        team::each(0..threads, |t| region.compute(0..m, part(panels, 1, t), 1));
                    } else if threads <= 4 && m >= 4 * threads * tile {
                        // Each packs all of B: what another core has just written costs more to read.
                        // For that reason rows are cut first: a batch's stay with one core.
                        team::each(0..threads, |t| region.compute(part(m, tile, t), 0..panels, 1));
                    } else if panels.is_multiple_of(threads) || panels >= 4 * threads {
                        team::each(0..threads, |t| region.compute(0..m, part(panels, 1, t), 1));
                    } else if threads <= 4 && m >= threads * tile {
                        team::each(0..threads, |t| region.compute(part(m, tile, t), 0..panels, 1));
                    } else {
                        region.compute(0..m, 0..panels, threads);
                    }
                }
            }

            /// Rows and panels of C, by `threads` threads that share packed panels.
            #[derive(Clone, Copy)]
            struct Region<'a, S> {
                simd: S,
                p: &'a Product<'a, $T>,
                c: Shared<$T>,
                c_stride: usize,
                finish: Finish<'a, $T>,
                shape: Shape,
            }

            impl<S: Simd> Region<'_, S> {
                fn compute(&self, rows: Range<usize>, panels: Range<usize>, threads: usize) {
                    let Region { simd, p, shape, .. } = *self;
                    let (k, width) = (p.size[2], shape.width);
                    let size = (width * shape.depth).max(1);
                    // A part of k: its packed panels of B.
                    let part_len = panels.len() * size;
                    let at_once = if threads > 1 { AT_ONCE_SHARED } else { AT_ONCE };
                    let at_once = (at_once / part_len.max(1)).clamp(1, shape.parts);
                    for first in (0..shape.parts).step_by(at_once) {
                        let parts = first..shape.parts.min(first + at_once);
                        let len = parts.len() * part_len;
                        with_packed(0, len, |packed| {
                            let pack = |i: usize, panel: &mut [$T]| {
                                let part = parts.start + i / panels.len();
                                let column = (panels.start + i % panels.len()) * width;
                                let (from, depth) = (part * shape.depth, shape.depth_of(part, k));
                                let panel = &mut panel[..width * depth];
                                let vectors = PhantomData::<S>;
                                simd.vectorize(Pack {
                                    vectors,
                                    p,
                                    from,
                                    depth,
                                    width,
                                    column,
                                    panel,
                                });
                            };
                            let count = parts.len() * panels.len();
                            if threads == 1 || len < PACK_THREADS_FROM {
                                let chunks = packed.chunks_mut(size).enumerate();
                                chunks.for_each(|(i, panel)| pack(i, panel));
                            } else {
                                let some = count.div_ceil(2 * threads);
                                team::chunks(packed, some * size, |i, panels| {
                                    for (j, panel) in panels.chunks_mut(size).enumerate() {
                                        pack(i * some + j, panel);
                                    }
                                });
                            }
                            self.blocks(packed, &parts, &rows, &panels, threads);
                        });
                    }
                }

                /// Some parts of k, whose panels are packed.
                fn blocks(
                    &self,
                    packed: &[$T],
                    parts: &Range<usize>,
                    rows: &Range<usize>,
                    panels: &Range<usize>,
                    threads: usize,
                ) {
                    let Region { simd, p, c, c_stride, finish, shape } = *self;
                    let stride = shape.width * shape.depth;
                    let run = |rows: Range<usize>, some: Range<usize>| {
                        for part in parts.clone() {
                            let work = Work {
                                p,
                                packed: &packed[(part - parts.start) * panels.len() * stride..],
                                stride,
                                first_panel: panels.start,
                                from: part * shape.depth,
                                finish: (part + 1 == shape.parts).then_some(finish),
                                target: Target {
                                    depth: shape.depth_of(part, p.size[2]),
                                    columns: p.size[1],
                                    begin: if part == 0 { p.begin } else { Begin::Accumulate },
                                    c,
                                    c_stride,
                                },
                            };
                            let (rows, columns) = (rows.clone(), some.clone());
                            simd.vectorize(Block { simd, work: &work, rows, columns });
                        }
                    };
                    // A few tasks a thread, of few whole tiles: their A stays in the first cache.
                    let tile = rows_of_a_tile::<S>();
                    let each =
                        rows.len().div_ceil(2 * threads).next_multiple_of(tile).min(3 * tile);
                    let cut = |i: usize| (rows.start + i * each).min(rows.end);
                    let count = rows.len().div_ceil(each);
                    if threads == 1 {
                        (0..count).for_each(|i| run(cut(i)..cut(i + 1), panels.clone()));
                    } else if count >= threads {
                        team::each(0..count, |i| run(cut(i)..cut(i + 1), panels.clone()));
                    } else {
                        team::each(panels.clone(), |i| run(rows.clone(), i..i + 1));
                    }
                }
            }

            /// Rows of a tile: with two vectors each and the operands they fill the registers, of which
            /// AVX-512 and NEON have 32, and AVX2 16.
            #[inline(always)]
            fn rows_of_a_tile<S: Simd>() -> usize {
                match size_of::<S::$vector>() {
                    64 => 12,
                    _ => 6,
                }
            }

            /// One vector where that holds all columns: of two, half would be computed in vain.
            #[inline(always)]
            fn panel_width<S: Simd>(columns: usize) -> usize {
                if columns <= S::$lanes { S::$lanes } else { 2 * S::$lanes }
            }

            /// Packs one panel of B: `[depth, width]`, zeros beyond B's last column.
            struct Pack<'a, 'b, S> {
                /// Of which kind its copies are.
                vectors: PhantomData<S>,
                p: &'a Product<'a, $T>,
                from: usize,
                depth: usize,
                width: usize,
                column: usize,
                panel: &'b mut [$T],
            }

            impl<S: Simd> pulp::NullaryFnOnce for Pack<'_, '_, S> {
                type Output = ();

                #[inline(always)]
                fn call(self) {
                    let Pack { p, from, depth, width, column, panel, .. } = self;
                    let columns = width.min(p.size[1] - column);
                    let [rs, cs] = p.b_strides;
                    if cs == 1 && columns == width {
                        // By vectors: a copy of so few bytes costs less than to call for one.
                        let (rows, _) = S::as_mut_simd(panel);
                        let vectors = width / S::$lanes;
                        for (i, row) in rows.chunks_exact_mut(vectors).enumerate() {
                            let source = &p.b[(from + i) * rs + column..][..columns];
                            let (source, _) = S::as_simd(source);
                            row.iter_mut().zip(source).for_each(|(to, &from)| *to = from);
                        }
                        return;
                    }
                    if cs == 1 {
                        for (i, row) in panel.chunks_exact_mut(width).enumerate() {
                            row[..columns]
                                .copy_from_slice(&p.b[(from + i) * rs + column..][..columns]);
                            row[columns..].fill(0.0);
                        }
                        return;
                    }
                    if columns < width {
                        panel.fill(0.0);
                    }
                    // Blocks of sixteen, so that what is written stays in the first cache.
                    for i in (0..depth).step_by(16) {
                        let end = depth.min(i + 16);
                        for j in 0..columns {
                            let start = (column + j) * cs + (from + i) * rs;
                            if rs == 1 {
                                let source = &p.b[start..][..end - i];
                                for (d, &value) in source.iter().enumerate() {
                                    panel[(i + d) * width + j] = value;
                                }
                            } else {
                                for d in 0..end - i {
                                    panel[(i + d) * width + j] = p.b[start + d * rs];
                                }
                            }
                        }
                    }
                }
            }

            /// One part of k.
            struct Work<'a> {
                p: &'a Product<'a, $T>,
                packed: &'a [$T],
                /// Elements from one packed panel to the next.
                stride: usize,
                /// The first of them.
                first_panel: usize,
                from: usize,
                finish: Option<Finish<'a, $T>>,
                target: Target<'a>,
            }

            /// What tiles write over one part of k.
            #[derive(Clone, Copy)]
            struct Target<'a> {
                /// Length of the part.
                depth: usize,
                /// Columns of C.
                columns: usize,
                begin: Begin<'a, $T>,
                c: Shared<$T>,
                c_stride: usize,
            }

            /// Some rows and some panels of C.
            struct Block<'a, S> {
                simd: S,
                work: &'a Work<'a>,
                rows: Range<usize>,
                columns: Range<usize>,
            }

            impl<S: Simd> pulp::NullaryFnOnce for Block<'_, S> {
                type Output = ();

                #[inline(always)]
                fn call(self) {
                    let Block { simd, work, rows, columns } = self;
                    let (p, depth) = (work.p, work.target.depth);
                    let [rs, cs] = p.a_strides;
                    // Rows a multiple of 1 KiB apart meet in a few lines of the cache, columns lie in as
                    // many pages as k has elements, and where there are many panels, each element
                    // of A is read many times.
                    let meet = cs == 1 && (rs * size_of::<$T>()).is_multiple_of(1024);
                    let packs = depth > 16
                        && (rs == 1 || cs == 1)
                        && ((meet || cs >= 256) && columns.len() > 1 || columns.len() > 16);
                    if !packs {
                        let layout = Layout::Strided { first: 0, strides: p.a_strides };
                        let a = A { values: &p.a[work.from * cs..], layout };
                        return Tiles { simd, work, a, rows, columns }.run();
                    }
                    let count = rows.len();
                    if cs == 1 {
                        // Row by row, a line of the cache further apart than their length is.
                        let stride = depth.next_multiple_of(16) + 16;
                        with_packed(1, count * stride, |packed| {
                            for (i, row) in packed.chunks_exact_mut(stride).enumerate() {
                                let start = (rows.start + i) * rs + work.from;
                                row[..depth].copy_from_slice(&p.a[start..][..depth]);
                            }
                            let strides = [stride, 1];
                            let layout = Layout::Strided { first: rows.start, strides };
                            let a = A { values: packed, layout };
                            Tiles { simd, work, a, rows, columns }.run();
                        });
                        return;
                    }
                    with_packed(1, count * depth, |packed| {
                        let tile = rows_of_a_tile::<S>();
                        let tiles_of_a = packed.chunks_mut(tile * depth);
                        for (packed, first) in tiles_of_a.zip(rows.clone().step_by(tile)) {
                            let source = &p.a[work.from * cs + first..];
                            // Of a known height a copy is two moves, of another a call.
                            match packed.len() / depth {
                                12 => pack_columns::<12>(packed, source, cs),
                                6 => pack_columns::<6>(packed, source, cs),
                                height => {
                                    for (d, row) in packed.chunks_exact_mut(height).enumerate() {
                                        row.copy_from_slice(&source[d * cs..][..height]);
                                    }
                                }
                            }
                        }
                        let whole = count / tile * tile;
                        let layout =
                            Layout::Packed { first: rows.start, whole, rest: count - whole };
                        let a = A { values: packed, layout };
                        Tiles { simd, work, a, rows, columns }.run();
                    });
                }
            }

            /// Writes columns of R rows, `stride` elements apart, one behind the other.
            #[inline(always)]
            fn pack_columns<const R: usize>(packed: &mut [$T], source: &[$T], stride: usize) {
                for (d, column) in packed.chunks_exact_mut(R).enumerate() {
                    if let (Some(column), Some(from)) =
                        (column.first_chunk_mut::<R>(), source[d * stride..].first_chunk::<R>())
                    {
                        *column = *from;
                    }
                }
            }

            /// Rows of A over one part of k.
            #[derive(Clone, Copy)]
            struct A<'a> {
                values: &'a [$T],
                layout: Layout,
            }

            #[derive(Clone, Copy)]
            enum Layout {
                /// Rows from `first` on, by these strides.
                Strided { first: usize, strides: [usize; 2] },
                /// Rows from `first` on by tiles, each `[depth, rows of the tile]`: `whole` rows, then
                /// a tile of the `rest`.
                Packed { first: usize, whole: usize, rest: usize },
            }

            impl<'a> A<'a> {
                /// The values from a row on, and their strides.
                #[inline(always)]
                fn row(&self, depth: usize, row: usize, tile: usize) -> (&'a [$T], [usize; 2]) {
                    let (start, strides) = match self.layout {
                        Layout::Strided { first, strides } => ((row - first) * strides[0], strides),
                        Layout::Packed { first, whole, .. } if row - first < whole => {
                            ((row - first) * depth, [1, tile])
                        }
                        Layout::Packed { first, whole, rest } => {
                            (whole * depth + (row - first - whole), [1, rest])
                        }
                    };
                    (&self.values[start.min(self.values.len())..], strides)
                }
            }

            /// The tiles of a block.
            struct Tiles<'a, S> {
                simd: S,
                work: &'a Work<'a>,
                a: A<'a>,
                rows: Range<usize>,
                columns: Range<usize>,
            }

            impl<S: Simd> Tiles<'_, S> {
                /// Runs them compiled for the vectors at hand, wherever it is called from: a closure that is not
                /// inlined would be compiled for the oldest processor.
                #[inline(always)]
                fn run(self) {
                    let simd = self.simd;
                    simd.vectorize(self)
                }
            }

            impl<S: Simd> pulp::NullaryFnOnce for Tiles<'_, S> {
                type Output = ();

                #[inline(always)]
                fn call(self) {
                    let Tiles { simd, work, a, rows, columns } = self;
                    // Panels are one vector wide, or two.
                    match work.p.size[1] <= S::$lanes {
                        true => tiles::<S, 1>(simd, work, a, rows, columns),
                        false => tiles::<S, 2>(simd, work, a, rows, columns),
                    }
                }
            }

            /// The tiles of a block, of panels V vectors wide.
            #[inline(always)]
            fn tiles<S: Simd, const V: usize>(
                simd: S,
                work: &Work<'_>,
                a: A<'_>,
                rows: Range<usize>,
                columns: Range<usize>,
            ) {
                let (width, depth, n) = (V * S::$lanes, work.target.depth, work.p.size[1]);
                let most = rows_of_a_tile::<S>();
                for panel in columns.clone() {
                    let b =
                        &work.packed[(panel - work.first_panel) * work.stride..][..width * depth];
                    let column = panel * width;
                    let mut row = rows.start;
                    while row < rows.end {
                        let left = rows.end - row;
                        let (a, [rs, cs]) = a.row(depth, row, most);
                        let last = (left.min(most) - 1) * rs + (depth.max(1) - 1) * cs;
                        assert!(depth == 0 || last < a.len(), "a tile of A");
                        let tile = Tile { target: &work.target, b, row, column };
                        row += tile.run_some::<S, V>(simd, left, Strided { a, strides: [rs, cs] });
                    }
                }
                let Some(finish) = work.finish else { return };
                let columns = columns.start * width..n.min(columns.end * width);
                for row in rows {
                    // SAFETY: this block's own rows and columns, within C by `product`'s asserts.
                    #[allow(unsafe_code)]
                    let values = unsafe {
                        let start =
                            work.target.c.pointer().add(row * work.target.c_stride + columns.start);
                        std::slice::from_raw_parts_mut(start, columns.len())
                    };
                    finish(row, columns.start, values);
                }
            }

            /// A's rows from a tile's first on, over one part of k.
            trait Left: Copy {
                /// Where a column is read.
                type At: Copy;
                /// How far each of a tile's rows lies behind the one before it.
                fn steps<const R: usize>(self) -> [isize; R];
                /// The first row's element of column k.
                fn column(self, k: usize) -> Self::At;
                /// Row r's element of a column, of which the row before was read last.
                fn value(self, at: &mut Self::At, steps: &[isize], r: usize) -> $T;
            }

            /// Rows of a tile, whose last element lies within `a`.
            #[derive(Clone, Copy)]
            struct Strided<'a> {
                a: &'a [$T],
                strides: [usize; 2],
            }

            impl Left for Strided<'_> {
                type At = usize;

                #[inline(always)]
                fn steps<const R: usize>(self) -> [isize; R] {
                    [0; R]
                }

                #[inline(always)]
                fn column(self, k: usize) -> usize {
                    k * self.strides[1]
                }

                #[inline(always)]
                fn value(self, at: &mut usize, _steps: &[isize], r: usize) -> $T {
                    // SAFETY: of a tile's rows and its part of k none lies behind the last.
                    #[allow(unsafe_code)]
                    unsafe {
                        *self.a.get_unchecked(r * self.strides[0] + *at)
                    }
                }
            }

            /// Rows from a tile's first on, of which each plus each of `columns` lies within `values`.
            #[derive(Clone, Copy)]
            struct OfRows<'a> {
                /// The first row's begin.
                first: *const $T,
                rows: &'a [usize],
                columns: &'a [usize],
            }

            impl Left for OfRows<'_> {
                type At = *const $T;

                #[inline(always)]
                fn steps<const R: usize>(self) -> [isize; R] {
                    let rows = &self.rows[..R];
                    let step = |r: usize| rows[r].wrapping_sub(rows[r.saturating_sub(1)]) as isize;
                    std::array::from_fn(step)
                }

                #[inline(always)]
                fn column(self, k: usize) -> *const $T {
                    // SAFETY: `columns` is as long as the part of k.
                    #[allow(unsafe_code)]
                    let column = unsafe { *self.columns.get_unchecked(k) };
                    self.first.wrapping_add(column)
                }

                #[inline(always)]
                fn value(self, at: &mut *const $T, steps: &[isize], r: usize) -> $T {
                    // SAFETY: a row plus a column, which lies within `values`. Its step is read anew for each column: held in
                    // registers, a tile's addresses and the elements that are then read ahead leave none for its sums,
                    // and the product takes twice as long.
                    #[allow(unsafe_code)]
                    unsafe {
                        *at = at.wrapping_offset(std::ptr::read_volatile(&steps[r]));
                        **at
                    }
                }
            }

            struct Tile<'a> {
                target: &'a Target<'a>,
                /// The panel.
                b: &'a [$T],
                row: usize,
                column: usize,
            }

            impl Tile<'_> {
                /// As many of the rows that are `left` as a tile has, of which `a` has the elements; returns how
                /// many. One instance for each number of rows, so that none is computed in vain.
                #[inline(always)]
                fn run_some<S: Simd, const V: usize>(
                    self,
                    simd: S,
                    left: usize,
                    a: impl Left,
                ) -> usize {
                    match (size_of::<S::$vector>(), left) {
                        (64, 12..) => self.run::<S, 12, V>(simd, a),
                        (64, 8..) => self.run::<S, 8, V>(simd, a),
                        (_, 6..) => self.run::<S, 6, V>(simd, a),
                        (_, 4..) => self.run::<S, 4, V>(simd, a),
                        (_, 2..) => self.run::<S, 2, V>(simd, a),
                        _ => self.run::<S, 1, V>(simd, a),
                    }
                }

                /// R rows of a panel's width; returns R.
                #[inline(always)]
                fn run<S: Simd, const R: usize, const V: usize>(
                    self,
                    simd: S,
                    a: impl Left,
                ) -> usize {
                    let Tile { target, b, row, column } = self;
                    let (b, _) = S::as_simd(b);
                    let columns = (V * S::$lanes).min(target.columns - column);
                    let zero = simd.$splat(0.0);
                    let steps = a.steps::<R>();
                    let mut sums = [[zero; V]; R];
                    for (k, b) in b.chunks_exact(V).take(target.depth).enumerate() {
                        let mut at = a.column(k);
                        for r in 0..R {
                            let value = simd.$splat(a.value(&mut at, &steps, r));
                            for v in 0..V {
                                sums[r][v] = simd.$mul_add(value, b[v], sums[r][v]);
                            }
                        }
                    }
                    // A copy is what slices are made of: sums that somebody may point to would be written at each step.
                    let sums = sums;
                    for (r, sums) in sums.iter().enumerate() {
                        // SAFETY: this block's own rows and columns, within C by `product`'s asserts.
                        #[allow(unsafe_code)]
                        let c = unsafe {
                            let start =
                                target.c.pointer().add((row + r) * target.c_stride + column);
                            std::slice::from_raw_parts_mut(start, columns)
                        };
                        let first: Option<&[$T]> = match target.begin {
                            Begin::Zero => None,
                            Begin::Accumulate => Some(&[]),
                            Begin::Row(row) => Some(&row[column..][..columns]),
                        };
                        if columns == V * S::$lanes {
                            let (c, _) = S::as_mut_simd(c);
                            match first {
                                None => c.copy_from_slice(sums),
                                Some([]) => {
                                    for v in 0..V {
                                        c[v] = simd.$add(c[v], sums[v]);
                                    }
                                }
                                Some(first) => {
                                    let (first, _) = S::as_simd(first);
                                    for v in 0..V {
                                        c[v] = simd.$add(first[v], sums[v]);
                                    }
                                }
                            }
                            continue;
                        }
                        let sums: &[$T] = bytemuck::cast_slice(&sums[..]);
                        match first {
                            None => c.copy_from_slice(&sums[..columns]),
                            Some([]) => c.iter_mut().zip(sums).for_each(|(c, &sum)| *c += sum),
                            Some(first) => {
                                for ((c, &sum), &first) in c.iter_mut().zip(sums).zip(first) {
                                    *c = first + sum;
                                }
                            }
                        }
                    }
                    R
                }
            }

            /// See [`Real::panels`](crate::kernels::Real::panels).
            pub fn panels(b: &[$T], strides: [usize; 2], [k, n]: [usize; 2], to: &mut Panels<$T>) {
                assert!(reaches_within([k, n], strides, b.len()), "panels: b is too short");
                crate::kernels::simd::arch().dispatch(Panelled { b, strides, size: [k, n], to });
            }

            struct Panelled<'a, 'b> {
                b: &'a [$T],
                strides: [usize; 2],
                size: [usize; 2],
                to: &'b mut Panels<$T>,
            }

            impl WithSimd for Panelled<'_, '_> {
                type Output = ();

                #[inline(always)]
                fn with_simd<S: Simd>(self, simd: S) {
                    let Panelled { b, strides, size: [k, n], to } = self;
                    let width = panel_width::<S>(n);
                    (to.size, to.width) = ([k, n], width);
                    let len = n.div_ceil(width) * width * k;
                    if to.values.len() < len {
                        to.values.resize(len, 0.0);
                    }
                    let (size, begin) = ([0, n, k], Begin::Zero);
                    let p =
                        &Product { size, a: &[], a_strides: [1, 1], b, b_strides: strides, begin };
                    let shape = Shape::new(k, width);
                    let mut rest = &mut to.values[..];
                    for part in 0..shape.parts {
                        let (from, depth) = (part * shape.depth, shape.depth_of(part, k));
                        for column in (0..n).step_by(width) {
                            let (panel, behind) = rest.split_at_mut(width * depth);
                            rest = behind;
                            let vectors = PhantomData::<S>;
                            simd.vectorize(Pack { vectors, p, from, depth, width, column, panel });
                        }
                    }
                }
            }

            /// See [`Real::product_gathered`](crate::kernels::Real::product_gathered).
            pub fn product_gathered(
                a: &Gathered<'_, $T>,
                b: &Panels<$T>,
                begin: Begin<'_, $T>,
                c: &mut [$T],
                c_stride: usize,
            ) {
                let (m, [k, n]) = (a.rows.len(), b.size);
                // What is read and written without checks below lies within what these have checked.
                assert!(a.columns.len() == k, "product: a and b do not fit");
                let last = |offsets: &[usize]| offsets.iter().max().copied().unwrap_or(0);
                let last = last(a.rows).checked_add(last(a.columns));
                let fits = m == 0 || k == 0 || last.is_some_and(|last| last < a.values.len());
                assert!(fits, "product: a is too short");
                check_result([m, n], begin, c, c_stride);
                if m > 0 && n > 0 {
                    let c = Shared(c.as_mut_ptr());
                    crate::kernels::simd::arch().dispatch(OfGathered { a, b, begin, c, c_stride });
                }
            }

            struct OfGathered<'a> {
                a: &'a Gathered<'a, $T>,
                b: &'a Panels<$T>,
                begin: Begin<'a, $T>,
                c: Shared<$T>,
                c_stride: usize,
            }

            impl WithSimd for OfGathered<'_> {
                type Output = ();

                #[inline(always)]
                fn with_simd<S: Simd>(self, simd: S) {
                    let OfGathered { a, b, begin, c, c_stride } = self;
                    let [k, n] = b.size;
                    let width = panel_width::<S>(n);
                    assert!(b.width == width, "panels of other vectors");
                    let shape = Shape::new(k, width);
                    let mut rest = &b.values[..];
                    for part in 0..shape.parts {
                        let (from, depth) = (part * shape.depth, shape.depth_of(part, k));
                        let begin = if part == 0 { begin } else { Begin::Accumulate };
                        let target = &Target { depth, columns: n, begin, c, c_stride };
                        let columns = &a.columns[from..from + depth];
                        for column in (0..n).step_by(width) {
                            let (panel, behind) = rest.split_at(width * depth);
                            rest = behind;
                            let gathered =
                                GatheredTiles { simd, a, columns, target, panel, column };
                            simd.vectorize(gathered);
                        }
                    }
                }
            }

            /// All rows of a part of k and a panel of B: A is read from wherever it lies, of the panel each row of it reads
            /// every element.
            struct GatheredTiles<'a, S> {
                simd: S,
                a: &'a Gathered<'a, $T>,
                columns: &'a [usize],
                target: &'a Target<'a>,
                panel: &'a [$T],
                column: usize,
            }

            impl<S: Simd> pulp::NullaryFnOnce for GatheredTiles<'_, S> {
                type Output = ();

                #[inline(always)]
                fn call(self) {
                    match self.target.columns <= S::$lanes {
                        true => self.tiles::<1>(),
                        false => self.tiles::<2>(),
                    }
                }
            }

            impl<S: Simd> GatheredTiles<'_, S> {
                #[inline(always)]
                fn tiles<const V: usize>(self) {
                    let GatheredTiles { simd, a, columns, target, panel: b, column } = self;
                    let mut row = 0;
                    while row < a.rows.len() {
                        let rows = &a.rows[row..];
                        let first = a.values.as_ptr().wrapping_add(rows[0]);
                        let tile = Tile { target, b, row, column };
                        let left = OfRows { first, rows, columns };
                        row += tile.run_some::<S, V>(simd, rows.len(), left);
                    }
                }
            }

            /// Slices as vectors.
            trait Vectors: Simd {
                fn as_simd(values: &[$T]) -> (&[Self::$vector], &[$T]) {
                    let lanes = Self::$lanes;
                    let whole = values.len() / lanes * lanes;
                    (bytemuck::cast_slice(&values[..whole]), &values[whole..])
                }
                fn as_mut_simd(values: &mut [$T]) -> (&mut [Self::$vector], &mut [$T]) {
                    let lanes = Self::$lanes;
                    let whole = values.len() / lanes * lanes;
                    let (whole, rest) = values.split_at_mut(whole);
                    (bytemuck::cast_slice_mut(whole), rest)
                }
            }
            impl<S: Simd> Vectors for S {}
        }
    };
}

blocked!(single, f32, f32s, F32_LANES, splat_f32s, mul_add_e_f32s, add_f32s);
blocked!(double, f64, f64s, F64_LANES, splat_f64s, mul_add_e_f64s, add_f64s);

#[cfg(test)]
mod tests {
    use super::*;

    /// Strides whose products overflow came out as small numbers, and elements far outside were read.
    #[test]
    fn strides_that_overflow_are_refused() {
        assert!(reaches_within([6, 64], [64, 1], 6 * 64));
        assert!(!reaches_within([6, 64], [64, 1], 6 * 64 - 1));
        assert!(reaches_within([0, 9], [usize::MAX, usize::MAX], 0));
        // 5 times this is 1 in 64 bits.
        let inverse = 14_757_395_258_967_641_293;
        assert!(!reaches_within([6, 64], [inverse, 1], 1 << 20));
        assert!(!reaches_within([2, 2], [usize::MAX, 1], usize::MAX));
        assert!(!reaches_within([3, 1], [usize::MAX, 1], usize::MAX));
        let (a, b) = (vec![1.0f32; 6 * 64], vec![1.0f32; 64 * 64]);
        let size = [6, 64, 64];
        let product = Product {
            size,
            a: &a,
            a_strides: [inverse, 1],
            b: &b,
            b_strides: [64, 1],
            begin: Begin::Zero,
        };
        let mut c = vec![0.0f32; 6 * 64];
        let refused =
            std::panic::catch_unwind(move || f32::product(&product, &mut c, 64, &|_, _, _| {}));
        assert!(refused.is_err());
    }

    /// A product of rows and columns that lie anywhere has the bits of one whose A lies in order.
    #[test]
    fn gathered_products_have_the_bits_of_others() {
        use rand::rngs::SmallRng;
        use rand::{RngExt, SeedableRng};
        let mut r = SmallRng::seed_from_u64(7);
        for size in [[1, 1, 1], [13, 33, 5], [25, 16, 321], [12, 64, 288], [7, 9, 700], [50, 40, 0]]
        {
            let [m, n, k] = size;
            let mut random =
                |len: usize| -> Vec<f32> { (0..len).map(|_| r.random_range(-1.0..1.0)).collect() };
            let (values, b, row, before) = (random(1000), random(k * n), random(n), random(m * n));
            let rows: Vec<usize> = (0..m).map(|_| r.random_range(0..500)).collect();
            let columns: Vec<usize> = (0..k).map(|_| r.random_range(0..500)).collect();
            let mut a: Vec<f32> = Vec::new();
            // By columns, so that few columns of B are no dot products.
            for &column in &columns {
                a.extend(rows.iter().map(|&row| values[row + column]));
            }
            let mut panels = Panels::default();
            f32::panels(&b, [n, 1], [k, n], &mut panels);
            for begin in [Begin::Zero, Begin::Accumulate, Begin::Row(&row)] {
                let (mut c, mut wanted) = (before.clone(), before.clone());
                let gathered = Gathered { values: &values, rows: &rows, columns: &columns };
                f32::product_gathered(&gathered, &panels, begin, &mut c, n);
                if m > 1 {
                    let (a_strides, b_strides) = ([1, m], [n, 1]);
                    let product = Product { size, a: &a, a_strides, b: &b, b_strides, begin };
                    f32::product_block(&product, &mut wanted, n);
                    assert_eq!(c, wanted, "{size:?}");
                }
            }
            if k > 0 {
                let outside = Gathered { values: &values[..0], rows: &rows, columns: &columns };
                let mut c = before.clone();
                let refused = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    f32::product_gathered(&outside, &panels, Begin::Zero, &mut c, n);
                }));
                assert!(refused.is_err());
            }
        }
    }
}
