//! What is reported: a kind of mistake, where it is in the source, and in which invocation it was met.

use std::fmt;

/// A kind of mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Two invocations touch one memory location, one of them writes, and no barrier lies between.
    Race,
    /// An access outside an array, a vector or a binding.
    OutOfBounds,
    /// A read of memory that nobody wrote.
    UnwrittenRead,
    /// A barrier or subgroup operation that not all invocations reached together.
    NonUniform,
    /// An index that was computed with an integer overflow.
    IndexOverflow,
    /// An integer division or remainder by zero.
    DivisionByZero,
    /// A shift by 32 bits or more.
    WideShift,
    /// A NaN that `clamp`, `max` or `min` turned into a number.
    HiddenNan,
    /// An invocation that ran for more operations than the options allow.
    Endless,
}

/// A line of a source piece.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// Name of the piece.
    pub file: String,
    /// Line in it, from 1.
    pub line: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// One mistake, reported once for each pair of places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The kind.
    pub kind: Kind,
    /// Where it was seen.
    pub place: Place,
    /// The other access of a race, the overflow behind an index, the other barrier.
    pub other: Option<Place>,
    /// What happened, as a sentence.
    pub message: String,
    /// The workgroup it was seen in.
    pub workgroup: [u32; 3],
    /// The local index of the invocation it was seen in.
    pub invocation: u32,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}: {}", self.place, self.kind, self.message)?;
        if let Some(other) = &self.other {
            write!(f, " (the other place: {other})")?;
        }
        write!(f, " [workgroup {:?}, invocation {}]", self.workgroup, self.invocation)
    }
}
