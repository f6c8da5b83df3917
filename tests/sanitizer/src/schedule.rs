//! Random orders, from a seed: of workgroups, and of the invocations of one between barriers.

use crate::arithmetic::mix;

/// A generator of orders.
#[derive(Clone, Debug)]
pub(crate) struct Orders(u64);

impl Orders {
    pub fn new(seed: u64) -> Orders {
        Orders(mix(seed))
    }

    fn below(&mut self, n: usize) -> usize {
        self.0 = mix(self.0);
        (self.0 % n as u64) as usize
    }

    /// Shuffles `items` (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}
