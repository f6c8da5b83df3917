//! Memory and its shadow: for each word whether it was written, and who touched it since the last barrier.

/// A word of memory or a register: its bits and what is known of them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Word {
    pub bits: u32,
    /// 0, [`UNWRITTEN`], or 1 + the operation where an integer overflowed on the way to this value.
    pub mark: u32,
}

/// The mark of a word that nobody wrote.
pub(crate) const UNWRITTEN: u32 = u32::MAX;

const NONE: u32 = u32::MAX;

/// An access: the operation and the invocation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Access {
    pub site: u32,
    pub invocation: u32,
}

const NOBODY: Access = Access { site: NONE, invocation: NONE };

/// Who touched a word: in the running workgroup since its last barrier, in it at all, in earlier ones.
#[derive(Clone, Copy, Debug)]
struct Cell {
    group: u32,
    epoch: u32,
    writer: Access,
    readers: [Access; 2],
    wrote_here: Access,
    read_here: Access,
    wrote_before: Access,
    read_before: Access,
}

const UNTOUCHED: Cell = Cell {
    group: NONE,
    epoch: 0,
    writer: NOBODY,
    readers: [NOBODY; 2],
    wrote_here: NOBODY,
    read_here: NOBODY,
    wrote_before: NOBODY,
    read_before: NOBODY,
};

/// Two accesses that race: the earlier one, and whether it is another workgroup's.
pub(crate) type Conflict = Option<(Access, bool)>;

/// The memory of an address space.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub words: Vec<Word>,
    cells: Vec<Cell>,
    /// Barriers of the running workgroup so far.
    pub epoch: u32,
}

impl Memory {
    pub fn new(words: Vec<Word>) -> Memory {
        let cells = vec![UNTOUCHED; words.len()];
        Memory { words, cells, epoch: 0 }
    }

    /// All words as at the start of a workgroup, of workgroup memory.
    pub fn reset(&mut self, mark: u32) {
        self.words.fill(Word { bits: 0, mark });
        self.cells.fill(UNTOUCHED);
        self.epoch = 0;
    }

    /// Notes that `by`, of workgroup `group`, reads or writes word `at`.
    pub fn touch(&mut self, at: usize, by: Access, group: u32, writes: bool) -> Conflict {
        let cell = &mut self.cells[at];
        if cell.group != group {
            if cell.wrote_here.site != NONE {
                cell.wrote_before = cell.wrote_here;
            }
            if cell.read_here.site != NONE {
                cell.read_before = cell.read_here;
            }
            (cell.wrote_here, cell.read_here) = (NOBODY, NOBODY);
        }
        if cell.group != group || cell.epoch != self.epoch {
            (cell.group, cell.epoch) = (group, self.epoch);
            (cell.writer, cell.readers) = (NOBODY, [NOBODY; 2]);
        }
        let others = |access: Access| access.site != NONE && access.invocation != by.invocation;
        let mut conflict = None;
        if others(cell.writer) {
            conflict = Some((cell.writer, false));
        } else if cell.wrote_before.site != NONE {
            conflict = Some((cell.wrote_before, true));
        }
        if writes {
            if let Some(reader) = cell.readers.into_iter().find(|&reader| others(reader)) {
                conflict = conflict.or(Some((reader, false)));
            } else if cell.read_before.site != NONE {
                conflict = conflict.or(Some((cell.read_before, true)));
            }
            (cell.writer, cell.wrote_here) = (by, by);
        } else {
            if cell.readers[0].site == NONE || !others(cell.readers[0]) {
                cell.readers[0] = by;
            } else {
                cell.readers[1] = by;
            }
            cell.read_here = by;
        }
        conflict
    }
}
