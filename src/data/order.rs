//! The order in which an epoch takes rows. Small data are shuffled as a whole. Large data are shuffled by blocks, and
//! within groups of them, whether they lie in memory or in a file: what an epoch reads one after the other then lies
//! together on the disk, and how much memory there is changes no bit.

use super::dataset::{Inputs, permutation};

/// How rows are parted into blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockSizes {
    /// Bytes of inputs up to which data are shuffled as a whole, and lie in memory.
    pub whole: usize,
    /// Bytes of inputs of a block at most, but for a row that is larger.
    pub block: usize,
    /// Blocks that are shuffled together.
    pub group: usize,
    /// Bytes of a file of rows that are read at once, about.
    pub read: usize,
}

impl Default for BlockSizes {
    /// A group is 64 MiB, of which two are in memory: the one that is trained on, and the next.
    fn default() -> Self {
        BlockSizes { whole: 256 << 20, block: 16 << 20, group: 4, read: 16 << 20 }
    }
}

/// Where blocks end, row by row.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Borders {
    bytes: usize,
}

impl Borders {
    /// Takes the next row, of `elements` numbers, and says whether a block begins with it.
    pub fn begins(&mut self, elements: usize, sizes: BlockSizes) -> bool {
        let bytes = 4 * elements;
        let begins = self.bytes > 0 && self.bytes + bytes > sizes.block;
        self.bytes = if begins { bytes } else { self.bytes + bytes };
        begins
    }
}

impl BlockSizes {
    /// The rows of each block; one block where data are shuffled as a whole.
    pub fn blocks(self, inputs: &Inputs) -> Vec<usize> {
        let rows = inputs.rows();
        if 4 * inputs.as_rows().len() <= self.whole {
            return vec![rows];
        }
        let (mut borders, mut blocks) = (Borders::default(), vec![0]);
        for row in 0..rows {
            if borders.begins(inputs.span(row).len(), self) {
                blocks.push(0);
            }
            if let Some(block) = blocks.last_mut() {
                *block += 1;
            }
        }
        blocks
    }

    /// The order of an epoch over blocks of so many rows, shuffled or as they lie.
    pub fn order(self, blocks: &[usize], shuffle: bool, seed: u64, epoch: u64) -> Order {
        let starts: Vec<usize> = blocks
            .iter()
            .scan(0, |end, &rows| {
                *end += rows;
                Some(*end - rows)
            })
            .collect();
        let count: usize = blocks.iter().sum();
        if let ([_], true) = (blocks, shuffle) {
            let rows = permutation(count, seed, epoch);
            return Order { rows, groups: vec![Group { end: count, blocks: vec![0] }] };
        }
        let by_block: Vec<u32> = match shuffle {
            true => permutation(blocks.len(), seed, epoch),
            false => (0..blocks.len() as u32).collect(),
        };
        let (mut rows, mut groups) = (Vec::with_capacity(count), Vec::new());
        for (n, group) in by_block.chunks(self.group).enumerate() {
            let first = rows.len();
            for &block in group {
                let start = starts[block as usize];
                rows.extend(start as u32..(start + blocks[block as usize]) as u32);
            }
            if shuffle {
                // Streams of their own, beside those of epochs.
                let stream = (n as u64 + 1) << 40 | epoch;
                let of = &mut rows[first..];
                let places = permutation(of.len(), seed, stream);
                let drawn: Vec<u32> = places.iter().map(|&place| of[place as usize]).collect();
                of.copy_from_slice(&drawn);
            }
            groups.push(Group { end: rows.len(), blocks: group.to_vec() });
        }
        Order { rows, groups }
    }
}

/// The rows of an epoch.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Order {
    /// Row numbers, each once.
    pub rows: Vec<u32>,
    /// What is read together.
    groups: Vec<Group>,
}

#[derive(Clone, Debug, PartialEq)]
struct Group {
    /// Where its rows end in the order.
    end: usize,
    blocks: Vec<u32>,
}

impl Order {
    /// The blocks of the group behind the one of place `at`.
    pub fn next_blocks(&self, at: usize) -> &[u32] {
        let group = self.groups.partition_point(|group| group.end <= at);
        self.groups.get(group + 1).map_or(&[], |group| &group.blocks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: BlockSizes = BlockSizes { whole: 64, block: 40, group: 3, read: 64 };

    #[test]
    fn an_order_holds_every_row_once_and_groups_hold_their_blocks() {
        let ends: Vec<usize> = (1..=50).map(|row| row * 3 + row % 2).collect();
        let values = vec![1; ends[49]];
        let inputs = Inputs::Ragged { values, ends, length: 5 };
        let blocks = SIZES.blocks(&inputs);
        assert!(blocks.len() > 10 && blocks.iter().sum::<usize>() == 50, "{blocks:?}");
        let order = SIZES.order(&blocks, true, 7, 2);
        let mut sorted = order.rows.clone();
        sorted.sort_unstable();
        assert!(sorted.iter().enumerate().all(|(i, &row)| i as u32 == row));
        let mut first = 0;
        for group in &order.groups {
            let starts: Vec<usize> =
                group.blocks.iter().map(|&block| blocks[..block as usize].iter().sum()).collect();
            for &row in &order.rows[first..group.end] {
                let is_in = |(&block, &start): (&u32, &usize)| {
                    (start..start + blocks[block as usize]).contains(&(row as usize))
                };
                assert!(group.blocks.iter().zip(&starts).any(is_in), "{row} in {group:?}");
            }
            assert!(group.blocks.len() <= 3);
            assert_eq!(order.next_blocks(first), order.next_blocks(group.end - 1));
            first = group.end;
        }
        assert_eq!(order.next_blocks(0), order.groups[1].blocks);
        assert!(order.next_blocks(49).is_empty());
        assert_ne!(order.rows, SIZES.order(&blocks, true, 7, 3).rows);
        assert_ne!(order.rows, SIZES.order(&blocks, true, 8, 2).rows);
        let lying: Vec<u32> = (0..50).collect();
        assert_eq!(SIZES.order(&blocks, false, 7, 2).rows, lying);
    }

    /// These rows in this order: a checkpoint of one version goes on in another.
    #[test]
    fn an_order_is_the_same_in_every_version() {
        let of = |seed, epoch| SIZES.order(&[3, 2, 3, 2], true, seed, epoch).rows;
        assert_eq!(permutation(10, 7, 0), [4, 6, 2, 0, 8, 3, 7, 5, 9, 1]);
        assert_eq!(of(7, 0), [9, 6, 8, 5, 3, 7, 4, 2, 1, 0]);
        assert_eq!(of(7, 1), [3, 6, 7, 2, 5, 0, 1, 4, 8, 9]);
    }

    #[test]
    fn small_data_are_shuffled_as_a_whole() {
        let inputs = Inputs::Matrix { values: vec![0.0; 16], features: 2 };
        assert_eq!(SIZES.blocks(&inputs), [8]);
        assert_eq!(SIZES.order(&[8], true, 3, 5).rows, permutation(8, 3, 5));
        // Rows that fill a block to its last byte lie in it.
        let inputs = Inputs::Matrix { values: vec![0.0; 35], features: 5 };
        assert_eq!(SIZES.blocks(&inputs), [2, 2, 2, 1]);
        // A row that is larger than a block is one.
        let inputs = Inputs::Matrix { values: vec![0.0; 60], features: 20 };
        assert_eq!(SIZES.blocks(&inputs), [1, 1, 1]);
    }
}
