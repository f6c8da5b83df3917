//! What can go wrong, as sentences: each names the place, the value and the way out.

use std::path::{Path, PathBuf};

use crate::printable::{printable, printable_field, shortened};

/// The library's result.
pub type Result<T> = std::result::Result<T, Error>;

/// Every error of the library. `Display` gives a sentence fit for a user: in one line, without the control characters
/// that a file or its name may hold.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The request itself makes no sense: an option, a name, a combination.
    #[error("{}", told(.0))]
    Usage(String),

    /// A file could not be opened, read or written.
    #[error("cannot {action} {}: {reason}", printable_field(&path.display().to_string()))]
    File {
        /// What was tried: "read", "write", "create".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said; part of the sentence, so not a source that would say it again.
        reason: std::io::Error,
    },

    /// A file was read, and what it says is wrong.
    #[error("{}: {}", printable_field(place), told(message))]
    Data {
        /// The file, with its line where there is one.
        place: String,
        /// What is wrong there, and what to do.
        message: String,
    },

    /// Layers, shapes or weights that do not fit together.
    #[error("{}", told(.0))]
    Model(String),

    /// A device is missing, or too small for what it was asked; a driver may say why in several lines.
    #[error("{}", printable(.0))]
    Device(String),

    /// A device failed while it was used.
    #[error("{0}")]
    Fault(DeviceFault),

    /// Training went wrong: there is nothing to train on, or nothing that can be learned.
    #[error("{}", printable(.0))]
    Training(String),

    /// A loss or a weight became NaN or infinite.
    #[error("{0}; try a smaller learning rate or clip_norm, or on_nan = rollback")]
    Diverged(Divergence),
}

/// What is wrong, for one line of a terminal: without the middle of what nobody reads, since a column's name or a label
/// may be as long as the file that it comes from.
fn told(message: &str) -> String {
    const MOST: usize = 2000;
    printable_field(&shortened(message, MOST)).into_owned()
}

/// How a device failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeviceFault {
    /// It is gone: reset by the system, unplugged, or its driver crashed. Nothing that lay on it can be read.
    Lost {
        /// The device's name.
        device: String,
        /// What the driver said.
        reason: String,
    },
    /// It, or the machine's memory that it uses, has no room for what is needed.
    OutOfMemory {
        /// The device's name.
        device: String,
        /// What was to be made: "the model, its optimizer and its batch".
        what: String,
        /// Bytes that it takes, where that is known.
        needed: Option<u64>,
        /// Bytes that are free, where that can be told.
        free: Option<u64>,
    },
    /// The driver refused a command or a shader: a mistake of this library or of the driver.
    Validation {
        /// The device's name.
        device: String,
        /// What was refused, and why.
        message: String,
    },
    /// The driver failed for a reason of its own.
    Internal {
        /// The device's name.
        device: String,
        /// What the driver said.
        message: String,
    },
    /// It made no progress for much longer than its steps take.
    Stalled {
        /// The device's name.
        device: String,
        /// Seconds without progress.
        waited: u64,
    },
}

impl DeviceFault {
    /// Whether the device is of no use any more, and a new one of the same adapter may be.
    pub(crate) fn takes_a_new_device(&self) -> bool {
        matches!(self, DeviceFault::Lost { .. } | DeviceFault::Stalled { .. })
    }
}

impl DeviceFault {
    /// What happened, and what to do.
    fn parts(&self) -> (String, &'static str) {
        match self {
            DeviceFault::Lost { device, reason } => (
                format!("{device} was lost ({reason})"),
                "run again, with a smaller batch if it happens again",
            ),
            DeviceFault::OutOfMemory { device, what, needed, free } => {
                let free = match free {
                    Some(free) => format!("has {} MB free", free / 1_000_000),
                    None => "has no room for them".to_owned(),
                };
                let needed = match needed {
                    Some(needed) => format!("{} MB", needed.div_ceil(1_000_000)),
                    None => "more memory than there is".to_owned(),
                };
                (
                    format!("{what} need {needed}, but {device} {free}"),
                    "give it fewer units, a smaller batch, or a device with more memory",
                )
            }
            DeviceFault::Validation { device, message } => (
                format!("{device} refused a command: {message}"),
                "this is a mistake of wgslearn or of the driver: please report it, and use the device cpu meanwhile",
            ),
            DeviceFault::Internal { device, message } => (
                format!("{device} failed: {message}"),
                "run again, or use the device cpu if it happens again",
            ),
            DeviceFault::Stalled { device, waited } => (
                format!("{device} made no progress for {waited} seconds"),
                "run again, with a smaller batch or on the device cpu if it happens again",
            ),
        }
    }

    /// What happened, without what to do.
    pub(crate) fn what(&self) -> String {
        printable_field(&self.parts().0).to_string()
    }
}

impl std::fmt::Display for DeviceFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}; {}", self.what(), self.parts().1)
    }
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

/// What a sum of losses became that is no finite number. Finite numbers add up to infinity; infinities, to NaN.
pub(crate) fn not_finite(loss: f64) -> &'static str {
    if loss.is_nan() { "NaN" } else { "infinite" }
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

/// Names longer than this are compared with none.
const LONGEST_NAME: usize = 64;

/// ` (did you mean "b" or "c"?)` for a name that is none of the known ones; nothing where none is near. Names are near
/// that differ by the case of letters, or by a few letters: one for every three, a swap of two counts as one.
pub(crate) fn did_you_mean<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    const SHOWN: usize = 3;
    let lowered = name.trim().to_lowercase();
    let length = lowered.chars().count();
    if length == 0 || length > LONGEST_NAME {
        return String::new();
    }
    let most = (length / 3).max(1);
    let mut near: Vec<(usize, &str)> = Vec::new();
    for known in known {
        // A letter has one to four bytes.
        if known.len() > 4 * (length + most) || known.len() + most < length {
            continue;
        }
        let distance = strsim::osa_distance(&lowered, &known.trim().to_lowercase());
        // Of one letter, every other letter is one away.
        if distance <= most && (distance < length || distance == 0) {
            near.push((distance, known));
        }
    }
    near.sort_by_key(|(distance, _)| *distance);
    near.dedup();
    let quoted: Vec<String> =
        near.iter().take(SHOWN).map(|(_, known)| format!("\"{known}\"")).collect();
    match &quoted[..] {
        [] => String::new(),
        [one] => format!(" (did you mean {one}?)"),
        [first @ .., last] => format!(" (did you mean {} or {last}?)", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_does_not_fill_the_terminal() {
        let name = format!("no column {}, there are others", "_".repeat(100_000));
        let of_a_file = [Error::data("a.csv", &name), Error::line("a.csv", 3, &name)];
        let others = [Error::usage(&name), Error::Model(name.clone())];
        assert!(of_a_file.iter().all(|error| error.to_string().contains("a.csv")));
        for error in of_a_file.iter().chain(&others) {
            let said = error.to_string();
            assert!(
                said.chars().count() < 2100 && said.ends_with("there are others"),
                "{}",
                said.len()
            );
            assert!(said.contains("no column ___"));
        }
    }

    #[test]
    fn a_wrong_request_and_a_failure_have_codes_of_their_own() {
        assert_eq!(Error::usage("no").exit_code(), 2);
        assert_eq!(Error::data("a.csv", "wrong").exit_code(), 1);
        assert_eq!(Error::Training("nothing".into()).exit_code(), 1);
        let lost = DeviceFault::Lost { device: "card".into(), reason: "reset".into() };
        assert_eq!(Error::Fault(lost).exit_code(), 1);
    }

    #[test]
    fn what_a_file_holds_stays_in_its_line() {
        let bad = "a\u{1b}[2Jb\nc";
        let missing = || std::io::Error::from(std::io::ErrorKind::NotFound);
        for error in [
            Error::usage(bad),
            Error::file("read", bad, missing()),
            Error::data(bad, "wrong"),
            Error::line("a.csv", 3, bad),
            Error::Model(bad.into()),
        ] {
            let text = error.to_string();
            assert!(text.contains("a\\u001b[2Jb\\nc"), "{text}");
            assert!(!text.contains(char::is_control), "{text}");
        }
    }

    #[test]
    fn near_names_are_told() {
        let known = ["Text", "label", "titel", "titles", "a", "b", "Größe"];
        let of = |name: &str| did_you_mean(name, known);
        assert_eq!(of("text"), " (did you mean \"Text\"?)");
        assert_eq!(of("lable"), " (did you mean \"label\"?)");
        assert_eq!(of(" label"), " (did you mean \"label\"?)");
        assert_eq!(of("title"), " (did you mean \"titel\" or \"titles\"?)");
        assert_eq!(of("grösse"), " (did you mean \"Größe\"?)");
        assert_eq!(of("A"), " (did you mean \"a\"?)");
        for far in ["c", "", "sentiment", &"x".repeat(100)] {
            assert_eq!(of(far), "");
        }
        // Up to 64 letters are compared, of one byte or of four.
        let long = "x".repeat(64);
        assert!(did_you_mean(&long, [long.as_str()]).contains(&long));
        let longer = "x".repeat(65);
        assert_eq!(did_you_mean(&longer, [longer.as_str()]) + &did_you_mean("  ", ["  "]), "");
        assert_eq!(did_you_mean("😀😀😀", ["😀😀😀😀"]), " (did you mean \"😀😀😀😀\"?)");
        assert_eq!(did_you_mean("abcdef", ["abcd"]), " (did you mean \"abcd\"?)");
        assert_eq!(did_you_mean("abc", ["ab"]), " (did you mean \"ab\"?)");
        let many: Vec<String> = (0..9).map(|i| format!("column{i}")).collect();
        let of = did_you_mean("columnx", many.iter().map(String::as_str));
        assert_eq!(of, " (did you mean \"column0\", \"column1\" or \"column2\"?)");
    }

    #[test]
    fn a_device_fault_says_what_happened_and_what_to_do() {
        let device = || "card".to_owned();
        let lost = DeviceFault::Lost { device: device(), reason: "reset".into() };
        let stalled = DeviceFault::Stalled { device: device(), waited: 61 };
        let what = || "weights".to_owned();
        let (needed, free) = (Some(2_000_001), Some(1_999_999));
        let full = DeviceFault::OutOfMemory { device: device(), what: what(), needed, free };
        let (needed, free) = (None, None);
        let unknown = DeviceFault::OutOfMemory { device: device(), what: what(), needed, free };
        let message = "two\nlines".to_owned();
        let refused = DeviceFault::Validation { device: device(), message: message.clone() };
        let failed = DeviceFault::Internal { device: device(), message };
        for (fault, happened, advice) in [
            (&lost, "card was lost (reset)", "smaller batch"),
            (&stalled, "card made no progress for 61 seconds", "smaller batch"),
            (&full, "weights need 3 MB, but card has 1 MB free", "more memory"),
            (
                &unknown,
                "weights need more memory than there is, but card has no room",
                "more memory",
            ),
            (&refused, "card refused a command: two\\nlines", "report it"),
            (&failed, "card failed: two\\nlines", "run again"),
        ] {
            assert!(fault.what().starts_with(happened), "{}", fault.what());
            let said = fault.to_string();
            assert!(said.starts_with(happened) && said.contains(advice), "{said}");
            assert!(Error::Fault(fault.clone()).to_string().contains(advice));
        }
        let takes = |fault: &DeviceFault| fault.takes_a_new_device();
        assert!(takes(&lost) && takes(&stalled) && !takes(&full) && !takes(&refused));
    }

    #[test]
    fn a_divergence_says_where() {
        assert_eq!((not_finite(f64::NAN), not_finite(f64::INFINITY)), ("NaN", "infinite"));
        let what = "the loss became NaN".to_owned();
        let parameter = Some("dense.kernel holds NaN at [1, 2]".to_owned());
        let mut found = Divergence { what, step: 7, epoch: 2, parameter };
        let expected = "the loss became NaN at step 7 (epoch 2); dense.kernel holds NaN at [1, 2]";
        assert_eq!(found.to_string(), expected);
        found.parameter = None;
        assert_eq!(found.to_string(), "the loss became NaN at step 7 (epoch 2)");
        assert!(Error::Diverged(found).to_string().contains("smaller learning rate"));
    }

    #[test]
    fn near_names_are_few_and_the_nearest_come_first() {
        let known = ["abcdeg", "abcdefg", "abcdex", "abxxef", "abcdef "];
        let expected = " (did you mean \"abcdef \", \"abcdeg\" or \"abcdefg\"?)";
        assert_eq!(did_you_mean("abcdef", known), expected);
        // Two letters of six are near, three are not.
        assert_eq!(did_you_mean("abcdef", ["abcxyz"]), "");
        assert_eq!(did_you_mean("abcdef", ["abcdxy"]), " (did you mean \"abcdxy\"?)");
        // Of two letters one may differ, and of one letter none.
        assert_eq!(did_you_mean("ab", ["ax", "xy"]), " (did you mean \"ax\"?)");
        assert_eq!(did_you_mean("a", ["b", "A"]), " (did you mean \"A\"?)");
        // Too long or too short to be near.
        assert_eq!(did_you_mean("abc", ["a", "abcdefgh"]), "");
        assert_eq!(
            did_you_mean("abcdef", ["abcd", "abcdefgh"]),
            " (did you mean \"abcd\" or \"abcdefgh\"?)"
        );
    }
}
