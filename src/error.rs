//! What can go wrong, as sentences: each names the place, the value and the way out.

use std::path::{Path, PathBuf};

/// The library's result.
pub type Result<T> = std::result::Result<T, Error>;

/// Every error of the library. `Display` gives a sentence fit for a user.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The request itself makes no sense: an option, a name, a combination.
    #[error("{0}")]
    Usage(String),

    /// A file could not be opened, read or written.
    #[error("cannot {action} {}: {reason}", path.display())]
    File {
        /// What was tried: "read", "write", "create".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said; part of the sentence, so not a source that would say it again.
        reason: std::io::Error,
    },

    /// A file was read, and what it says is wrong.
    #[error("{place}: {message}")]
    Data {
        /// The file, with its line where there is one.
        place: String,
        /// What is wrong there, and what to do.
        message: String,
    },

    /// Layers, shapes or weights that do not fit together.
    #[error("{0}")]
    Model(String),

    /// A device is missing, too small, or failed.
    #[error("{0}")]
    Device(String),

    /// Training went wrong: there is nothing to train on, or nothing that can be learned.
    #[error("{0}")]
    Training(String),

    /// A loss or a weight became NaN or infinite.
    #[error("{0}; try a smaller learning rate or clip_norm, or on_nan = rollback")]
    Diverged(Divergence),
}

/// Where a run's numbers became NaN or infinite.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Divergence {
    /// What became so: "the loss became NaN".
    pub what: String,
    /// The optimizer step that it was found at, from 1.
    pub step: u64,
    /// The epoch of that step, from 1.
    pub epoch: usize,
    /// A parameter that holds such a value by then, where one does, and where in it.
    pub parameter: Option<String>,
}

impl std::fmt::Display for Divergence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at step {} (epoch {})", self.what, self.step, self.epoch)?;
        match &self.parameter {
            Some(parameter) => write!(f, "; {parameter}"),
            None => Ok(()),
        }
    }
}

impl Error {
    /// A wrong request.
    pub fn usage(message: impl Into<String>) -> Self {
        Error::Usage(message.into())
    }

    /// A file operation that failed.
    pub fn file(action: &'static str, path: impl AsRef<Path>, reason: std::io::Error) -> Self {
        Error::File { action, path: path.as_ref().to_owned(), reason }
    }

    /// Wrong content of a file as a whole.
    pub fn data(path: impl AsRef<Path>, message: impl Into<String>) -> Self {
        Error::Data { place: path.as_ref().display().to_string(), message: message.into() }
    }

    /// Wrong content at one line of a file; lines count from 1.
    pub fn line(path: impl AsRef<Path>, line: u64, message: impl Into<String>) -> Self {
        Error::Data {
            place: format!("{}, line {line}", path.as_ref().display()),
            message: message.into(),
        }
    }

    /// The exit code of the command line: 2 for a wrong request, 1 for a failure.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Usage(_) => 2,
            _ => 1,
        }
    }
}
