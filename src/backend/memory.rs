//! The CPU backend's memory: all buffers of a program in one mapping, in the program's order, each
//! from a multiple of 64 bytes on. Buffers that several programs read lie in a mapping of their own, behind it.
//!
//! One mapping, because a system backs large ones by large pages: on 4 KiB pages the translation of
//! addresses costs a training step a tenth of its time. It is zeroed, and takes memory where it is
//! first written.

use std::ops::Range;
use std::sync::Arc;

use memmap2::MmapMut;

use crate::program::MAX_BINDINGS;

/// Bytes from which large pages are asked for: on Linux they have 2 MiB.
#[cfg(target_os = "linux")]
const LARGE: usize = 4 << 20;

/// Bytes to which a buffer's start is aligned: a line of the caches, and the widest vector.
const LINE: usize = 64;

/// Lines between buffers. Buffers of equal size would otherwise begin at the same place of a page,
/// and a processor takes a load from one for the store to another before it.
const BETWEEN: usize = 5;

/// Buffers as bytes.
#[derive(Debug)]
pub struct Memory {
    map: MmapMut,
    /// Buffers that are only read once others have them too.
    shared: Arc<MmapMut>,
    /// Where each buffer begins: in `map` or, from its end on, in `shared`.
    starts: Vec<usize>,
}

/// A binding's bytes.
#[derive(Debug)]
pub enum Part<'a> {
    Read(&'a [u8]),
    Write(&'a mut [u8]),
}

impl Default for Part<'_> {
    fn default() -> Self {
        Part::Read(&[])
    }
}

impl Memory {
    /// Makes buffers of these sizes in bytes, of zeros; with each, whether it is to be shared.
    ///
    /// # Errors
    /// Those of the system, when there is not enough of it.
    pub fn new(sizes: impl IntoIterator<Item = (usize, bool)>) -> std::io::Result<Memory> {
        let mut ends = [0usize; 2];
        let mut starts = Vec::new();
        for (size, is_shared) in sizes {
            let end = &mut ends[is_shared as usize];
            starts.push((*end, is_shared));
            let lines = size.div_ceil(LINE).saturating_add(BETWEEN);
            *end = end.saturating_add(lines.saturating_mul(LINE));
        }
        let (map, shared) = (zeros(ends[0])?, zeros(ends[1])?);
        let place = |(start, is_shared)| if is_shared { map.len() + start } else { start };
        let starts = starts.into_iter().map(place).collect();
        Ok(Memory { map, shared: Arc::new(shared), starts })
    }

    /// The same buffers, of zeros but for those that are shared.
    ///
    /// # Errors
    /// Those of the system, when there is not enough of it.
    pub fn fork(&self) -> std::io::Result<Memory> {
        let (shared, starts) = (self.shared.clone(), self.starts.clone());
        Ok(Memory { map: zeros(self.map.len())?, shared, starts })
    }

    /// Where a range of a buffer lies.
    pub fn range(&self, buffer: usize, bytes: Range<usize>) -> Range<usize> {
        self.starts[buffer] + bytes.start..self.starts[buffer] + bytes.end
    }

    /// A range, from [`Memory::range`].
    pub fn get(&self, range: Range<usize>) -> &[u8] {
        match range.start.checked_sub(self.map.len()) {
            None => &self.map[range],
            Some(start) => &self.shared[start..start + range.len()],
        }
    }

    /// A range to write; none where others read it.
    pub fn get_mut(&mut self, range: Range<usize>) -> Option<&mut [u8]> {
        match range.start.checked_sub(self.map.len()) {
            None => Some(&mut self.map[range]),
            Some(start) => Some(&mut Arc::get_mut(&mut self.shared)?[start..start + range.len()]),
        }
    }

    /// Copies a range to another of the same length, and says whether that may be written.
    pub fn copy(&mut self, range: Range<usize>, to: Range<usize>) -> bool {
        if range.end <= self.map.len() && to.end <= self.map.len() {
            self.map.copy_within(range, to.start);
            return true;
        }
        let bytes = self.get(range).to_vec();
        self.get_mut(to).map(|to| to.copy_from_slice(&bytes)).is_some()
    }

    /// All bindings of a dispatch at once: their ranges, and whether they are written. What is
    /// written overlaps nothing else (`Program::check` holds that), and is not shared.
    pub fn parts<'a>(&'a mut self, wanted: &[(Range<usize>, bool)]) -> [Part<'a>; MAX_BINDINGS] {
        // The memory is cut at what is written, from its start on; the rest is there to read.
        let mut order: [usize; MAX_BINDINGS] = std::array::from_fn(|i| i);
        let order = &mut order[..wanted.len()];
        order.sort_unstable_by_key(|&i| wanted[i].0.start);
        let mut parts: [Part<'a>; MAX_BINDINGS] = Default::default();
        let mut between: [(usize, &'a [u8]); MAX_BINDINGS + 1] = [(0, &[]); MAX_BINDINGS + 1];
        let end = self.map.len();
        let (mut rest, mut start, mut cuts) = (&mut self.map[..], 0, 0);
        for &i in &*order {
            let (range, is_written) = &wanted[i];
            if *is_written && range.start < end {
                let (before, tail) = rest.split_at_mut(range.start - start);
                let (written, tail) = tail.split_at_mut(range.len());
                between[cuts] = (start, before);
                parts[i] = Part::Write(written);
                (rest, start, cuts) = (tail, range.end, cuts + 1);
            }
        }
        between[cuts] = (start, rest);
        for (part, (range, is_written)) in parts.iter_mut().zip(wanted) {
            if let Some(start) = range.start.checked_sub(end) {
                *part = Part::Read(&self.shared[start..start + range.len()]);
            } else if !is_written {
                let cut = between[..=cuts].iter().rev().find(|(start, _)| *start <= range.start);
                let &(start, bytes) = cut.unwrap_or(&between[0]);
                *part = Part::Read(&bytes[range.start - start..range.end - start]);
            }
        }
        parts
    }
}

/// So many bytes of zeros.
fn zeros(bytes: usize) -> std::io::Result<MmapMut> {
    let map = MmapMut::map_anon(bytes.max(1))?;
    #[cfg(target_os = "linux")]
    if bytes >= LARGE {
        // A hint: a system without large pages says so, and nothing is lost.
        let _ = map.advise(memmap2::Advice::HugePage);
    }
    Ok(map)
}

#[cfg(test)]
mod tests {
    use super::{Memory, Part};

    #[test]
    fn parts_are_the_ranges_asked_for() {
        let sizes = [100, 0, 64, 7].map(|size| (size, false));
        let mut memory = Memory::new(sizes).expect("memory");
        for (buffer, size) in [(0, 100), (2, 64), (3, 7)] {
            let range = memory.range(buffer, 0..size);
            assert_eq!(range.start % 64, 0);
            let bytes = memory.get_mut(range).expect("its own");
            for (i, byte) in bytes.iter_mut().enumerate() {
                *byte = (100 * buffer + i) as u8;
            }
        }
        // Written out of order, with a read between and one twice.
        let wanted = [
            (memory.range(3, 1..7), true),
            (memory.range(2, 4..8), false),
            (memory.range(0, 8..16), true),
            (memory.range(2, 6..64), false),
        ];
        let parts = memory.parts(&wanted);
        let bytes = |part: &Part<'_>| match part {
            Part::Read(bytes) => (bytes.to_vec(), false),
            Part::Write(bytes) => (bytes.to_vec(), true),
        };
        let expected = |buffer: usize, from: usize, to: usize| {
            (from..to).map(|i| (100 * buffer + i) as u8).collect::<Vec<_>>()
        };
        assert_eq!(bytes(&parts[0]), (expected(3, 1, 7), true));
        assert_eq!(bytes(&parts[1]), (expected(2, 4, 8), false));
        assert_eq!(bytes(&parts[2]), (expected(0, 8, 16), true));
        assert_eq!(bytes(&parts[3]), (expected(2, 6, 64), false));
        let (range, to) = (memory.range(2, 0..4), memory.range(0, 0..4));
        assert!(memory.copy(range, to.clone()));
        assert_eq!(memory.get(to), expected(2, 0, 4));
    }

    #[test]
    fn shared_buffers_are_written_until_others_read_them() {
        let mut memory = Memory::new([(8, false), (70, true), (8, false)]).expect("memory");
        let (own, shared) = (memory.range(2, 0..8), memory.range(1, 62..70));
        memory.get_mut(shared.clone()).expect("nobody else's").fill(7);
        memory.get_mut(own.clone()).expect("its own").fill(3);
        assert!(memory.copy(shared.clone(), memory.range(0, 0..8)));
        let mut fork = memory.fork().expect("memory");
        assert_eq!((fork.get(own.clone()), fork.get(shared.clone())), (&[0; 8][..], &[7; 8][..]));
        for memory in [&mut memory, &mut fork] {
            assert!(memory.get_mut(shared.clone()).is_none());
            assert!(!memory.copy(own.clone(), shared.clone()));
            let parts = memory.parts(&[(shared.clone(), false), (own.clone(), true)]);
            assert!(matches!(&parts[0], Part::Read([7, .., 7])));
            assert!(matches!(&parts[1], Part::Write(bytes) if bytes.len() == 8));
        }
        drop(fork);
        assert!(memory.get_mut(shared).is_some());
    }
}
