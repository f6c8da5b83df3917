//! The sort of a batch's ids that comes before the gradient of a table: buffers and dispatches.

use crate::kernels::*;
use crate::program::Program;

/// Room for the sort of some ids.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sort {
    keys: [Span; 2],
    values: [Span; 2],
    counts: Span,
    totals: Span,
    /// Keys of a run.
    run: usize,
}

impl Sort {
    /// Room for up to `positions` ids.
    pub fn new(program: &mut Program, positions: usize) -> Sort {
        let run = radix_count::run_of(positions);
        let mut words = |name: &str, len| program.buffer(name, Element::U32, len);
        Sort {
            keys: [words("sorted ids a", positions), words("sorted ids b", positions)],
            values: [
                words("sorted positions a", positions),
                words("sorted positions b", positions),
            ],
            counts: words("digit counts", 256 * radix_count::runs(positions, run)),
            totals: words("digit totals", 256),
            run,
        }
    }

    /// Where [`Sort::record`] puts its results.
    pub fn sorted(&self, rows: usize) -> [Span; 2] {
        let last = (Self::passes(rows) - 1) % 2;
        [self.keys[last as usize], self.values[last as usize]]
    }

    /// Passes of eight bits that ids below `rows` need.
    fn passes(rows: usize) -> u32 {
        (usize::BITS - (rows - 1).leading_zeros()).div_ceil(8).max(1)
    }

    /// Records the sort of `count` ids below `rows`; returns them sorted, with their positions.
    pub fn record(
        &self,
        ids: Span,
        count: u32,
        rows: usize,
        step: &mut Vec<Dispatch>,
    ) -> [Span; 2] {
        self.record_with(ids, None, count, rows, step)
    }

    /// As [`Sort::record`], with what `places` has of each id instead of its position.
    pub fn record_with(
        &self,
        ids: Span,
        places: Option<Span>,
        count: u32,
        rows: usize,
        step: &mut Vec<Dispatch>,
    ) -> [Span; 2] {
        let (counts, totals, run) = (self.counts, self.totals, self.run as u32);
        // The pairs go from a to b and back; the first pass reads the batch itself.
        let (mut keys, mut values) = (ids, places.unwrap_or(self.values[1]));
        for pass in 0..Self::passes(rows) {
            let shift = 8 * pass;
            let to = (pass % 2) as usize;
            let first = (pass == 0 && places.is_none()) as u32;
            step.push(radix_count::dispatch(
                radix_count::Params { count, shift, run },
                radix_count::Bindings { keys, counts },
            ));
            step.push(radix_scan::dispatch(
                radix_scan::Params { count, run },
                radix_scan::Bindings { counts, totals },
            ));
            let (sorted_keys, sorted_values) = (self.keys[to], self.values[to]);
            step.push(radix_scatter::dispatch(
                radix_scatter::Params { count, shift, first, run },
                radix_scatter::Bindings {
                    keys,
                    values,
                    totals,
                    counts,
                    sorted_keys,
                    sorted_values,
                },
            ));
            (keys, values) = (sorted_keys, sorted_values);
        }
        [keys, values]
    }
}
