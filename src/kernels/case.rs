//! A kernel's case: one launch of it over buffers with data, made in one place for all that run kernels by themselves.
//!
//! Each kernel's file ends in a function `case`, which makes a launch of four sizes: what its bindings hold, which of
//! them it writes, and how exact those must be. `tests/kernels.rs` and `tests/sanitize.rs` call it with random data and
//! sizes of every kind and compare with the f64 reference ([`Case::of_test`]); `wgslearn bench kernels` and
//! `cargo bench` with the sizes that training meets, which the kernel lists as `benches`, with zeros in place of random
//! numbers and ids scattered evenly ([`Case::of_bench`]), and time it.

pub use rand::RngExt;
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

pub use super::{BufferId, Dispatch, Element, Kernel, Span};

/// Four sizes a, b, c, d of which a case makes its shapes: in tests from 1 on, the last below 9.
pub type Sizes = [usize; 4];

/// Tolerance of one rounding or a few.
pub const EXACT: f64 = 2e-6;

/// Tolerance of a sum of `terms` terms in single precision.
pub fn summed(terms: usize) -> f64 {
    1e-6 * (4.0 + terms as f64).sqrt()
}

/// Contents of a buffer.
#[derive(Clone, Debug)]
pub enum Data {
    /// Reals.
    F32(Vec<f32>),
    /// Words.
    U32(Vec<u32>),
    /// So many zeros, as a device makes them.
    Zeros(Element, usize),
}

impl Data {
    /// Type of its elements.
    pub fn element(&self) -> Element {
        match self {
            Data::F32(_) => Element::F32,
            Data::U32(_) => Element::U32,
            Data::Zeros(element, _) => *element,
        }
    }

    /// Number of its elements.
    pub fn len(&self) -> usize {
        match self {
            Data::F32(values) => values.len(),
            Data::U32(words) => words.len(),
            Data::Zeros(_, len) => *len,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A launch of a kernel, what its buffers hold before, and what to compare after.
#[derive(Debug)]
pub struct Case {
    /// What each buffer holds before, by [`BufferId`].
    pub buffers: Vec<Data>,
    /// What is launched: the kernel, last, and what must run before each launch of it.
    pub dispatches: Vec<Dispatch>,
    /// What the kernel writes, and how far it may be off: times 1 + the largest expected value.
    pub after: Vec<(Span, f64)>,
    /// What random data are drawn from.
    pub rng: ChaCha8Rng,
    /// Numbers of four bytes that it must read and write at least.
    pub numbers: usize,
    /// Floating-point operations, where they are what limits it; else 0.
    pub flops: f64,
    is_bench: bool,
}

impl Case {
    /// A case for comparing.
    pub fn of_test(kernel: &Kernel, seed: u64, sizes: Sizes) -> Case {
        Case::of(kernel, seed, sizes, false)
    }

    /// A case for timing.
    pub fn of_bench(kernel: &Kernel, sizes: Sizes) -> Case {
        Case::of(kernel, 1, sizes, true)
    }

    fn of(kernel: &Kernel, seed: u64, sizes: Sizes, is_bench: bool) -> Case {
        let mut case = Case {
            buffers: Vec::new(),
            dispatches: Vec::new(),
            after: Vec::new(),
            rng: ChaCha8Rng::seed_from_u64(seed),
            numbers: 0,
            flops: 0.0,
            is_bench,
        };
        let dispatch = (kernel.case)(&mut case, sizes);
        case.dispatches.push(dispatch);
        case
    }

    /// The kernel's launch.
    pub fn dispatch(&self) -> &Dispatch {
        &self.dispatches[self.dispatches.len() - 1]
    }

    /// Each buffer, with what it holds before.
    pub fn contents(&self) -> impl Iterator<Item = (Span, &Data)> {
        self.buffers.iter().enumerate().map(|(i, data)| {
            (Span { buffer: BufferId(i), offset: 0, len: data.len().max(1) }, data)
        })
    }

    /// Whether it is for timing: then shapes are those of training, and contents do not matter.
    pub fn is_bench(&self) -> bool {
        self.is_bench
    }

    /// Numbers of four bytes that must be read and written at least: [`Case::moves`], or each buffer once.
    pub fn least_numbers(&self) -> usize {
        match self.numbers {
            0 => self.bytes() / 4,
            numbers => numbers,
        }
    }

    /// Bytes of its buffers.
    pub fn bytes(&self) -> usize {
        self.buffers.iter().map(|buffer| 4 * buffer.len()).sum()
    }

    /// What a bench divides by: numbers of four bytes that the kernel must read and write at least.
    pub fn moves(&mut self, numbers: usize) {
        self.numbers = numbers;
    }

    /// What a bench divides by where arithmetic is the limit: floating-point operations.
    pub fn computes(&mut self, flops: usize) {
        self.flops = flops as f64;
    }

    /// A launch that must run before each of the kernel's: for benches, which run it many times.
    pub fn precede(&mut self, dispatch: Dispatch) {
        self.dispatches.push(dispatch);
    }

    fn buffer(&mut self, data: Data) -> Span {
        let (buffer, len) = (BufferId(self.buffers.len()), data.len().max(1));
        self.buffers.push(data);
        Span { buffer, offset: 0, len }
    }

    /// A buffer of these words.
    pub fn words(&mut self, words: Vec<u32>) -> Span {
        self.buffer(Data::U32(words))
    }

    /// A buffer of these reals.
    pub fn reals(&mut self, values: Vec<f32>) -> Span {
        self.buffer(Data::F32(values))
    }

    /// A buffer of zeros.
    pub fn zeros(&mut self, count: usize) -> Span {
        self.buffer(Data::Zeros(Element::F32, count))
    }

    /// A buffer of `count` reals, each by `draw`.
    pub fn draw(&mut self, count: usize, draw: impl Fn(&mut ChaCha8Rng, usize) -> f32) -> Span {
        match self.is_bench {
            true => self.zeros(count),
            false => {
                let values = (0..count).map(|i| draw(&mut self.rng, i)).collect();
                self.reals(values)
            }
        }
    }

    /// A buffer of reals drawn from -scale to scale.
    pub fn random(&mut self, count: usize, scale: f32) -> Span {
        self.draw(count, |rng, _| rng.random_range(-scale..=scale))
    }

    /// A buffer of reals drawn from `low` to `high`.
    pub fn between(&mut self, count: usize, low: f32, high: f32) -> Span {
        self.draw(count, |rng, _| rng.random_range(low..high))
    }

    /// A buffer of whole numbers below `below`, as reals.
    pub fn classes(&mut self, count: usize, below: usize) -> Span {
        self.draw(count, |rng, _| rng.random_range(0..below) as f32)
    }

    /// `count` words below `below`.
    pub fn draw_words(&mut self, count: usize, below: usize) -> Vec<u32> {
        let scattered = |i: u64| ((i * 2_654_435_761) >> 7) % below as u64;
        (0..count as u64)
            .map(|i| match self.is_bench {
                true => scattered(i) as u32,
                false => self.rng.random_range(0..below) as u32,
            })
            .collect()
    }

    /// A buffer of ids below `rows`; in tests a third of them are 0, as padding is.
    pub fn ids(&mut self, count: usize, rows: usize) -> Span {
        let mut ids = self.draw_words(count, rows);
        if !self.is_bench {
            for id in &mut ids {
                *id *= (self.rng.random_range(0..3) > 0) as u32;
            }
        }
        self.words(ids)
    }

    /// Ids as the sort leaves them, with the positions they came from.
    pub fn sorted_pairs(&mut self, positions: usize, rows: usize) -> [Vec<u32>; 2] {
        if self.is_bench {
            let ids = (0..positions).map(|p| (p * rows / positions) as u32);
            let places = (0..positions).map(|p| (p * 31 % positions) as u32);
            return [ids.collect(), places.collect()];
        }
        let mut draw = || match self.rng.random_range(0..3) {
            0 => 0,
            _ => self.rng.random_range(0..rows) as u32,
        };
        let mut pairs: Vec<(u32, u32)> = (0..positions).map(|p| (draw(), p as u32)).collect();
        pairs.sort_unstable();
        pairs.into_iter().fold([Vec::new(), Vec::new()], |[mut ids, mut places], (id, place)| {
            ids.push(id);
            places.push(place);
            [ids, places]
        })
    }

    /// An order that takes each of `rows` rows once.
    pub fn order(&mut self, rows: usize) -> Span {
        let mut order: Vec<u32> = (0..rows as u32).rev().collect();
        if !self.is_bench {
            for i in (1..rows).rev() {
                order.swap(i, self.rng.random_range(0..=i));
            }
        }
        self.words(order)
    }

    /// The counters: in the middle of a run, or in a bench at its begin.
    pub fn state(&mut self, cursor: u32, slot: u32) -> Span {
        match self.is_bench {
            true => self.buffer(Data::Zeros(Element::U32, super::state::WORDS)),
            false => self.words(vec![cursor, 6, slot, 7, slot, 0, 0, 0]),
        }
    }

    /// Compares `span` after the run, within `tolerance` times 1 + the largest expected value.
    pub fn expect(&mut self, span: Span, tolerance: f64) -> Span {
        self.after.push((span, tolerance));
        span
    }

    /// A buffer of reals that the kernel writes, full of a value that must not survive.
    pub fn output(&mut self, count: usize, tolerance: f64) -> Span {
        let span = match self.is_bench {
            true => self.zeros(count),
            false => self.reals(vec![NEVER; count]),
        };
        self.expect(span, tolerance)
    }

    /// Columns of a dense layer's input before and behind those that its piece reads: none for even
    /// codes, so that whole layers are met too.
    pub fn margins(&self, code: usize) -> [usize; 2] {
        [[0, 0], [4, 8], [0, 0], [3, 0]][code % 4]
    }

    /// A piece of a table of `rows` rows: its first row and its rows; the whole for odd codes, and in a bench.
    pub fn piece(&self, rows: usize, code: usize) -> [usize; 2] {
        match code % 2 {
            0 if rows > 2 && !self.is_bench => [rows / 3, rows / 2],
            _ => [0, rows],
        }
    }

    /// What bags have for their gradient: ids of a bag, 0 for an embedding, and the rows of d_output.
    pub fn bags(&self, positions: usize, code: usize) -> [usize; 2] {
        match code % 3 {
            1 | 2 if !self.is_bench => [7, positions.div_ceil(7)],
            _ => [0, positions],
        }
    }

    /// Mean and 1 / sqrt(variance + epsilon) of each row of about what `random(_, 2.0)` draws.
    pub fn moments(&mut self, rows: usize) -> Span {
        self.draw(2 * rows, |rng, i| match i % 2 {
            0 => rng.random_range(-0.5..0.5),
            _ => rng.random_range(0.5..2.0),
        })
    }
}

/// What outputs are full of before a test.
pub const NEVER: f32 = -77.0;
