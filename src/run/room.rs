//! What a run needs of memory and of the disk, held against what there is before it trains.

use std::path::Path;

use super::config::RunConfig;
use crate::backend::{Device, free_memory};
use crate::error::{DeviceFault, Error, Result};
use crate::model::Model;
use crate::train::Trainer;

/// Bytes below which nothing is asked: to ask takes longer than it is worth.
const SMALL: u64 = 64 << 20;

/// Bytes of a model file beside its weights, about: names, and the words of a vocabulary.
const DESCRIPTION: u64 = 1 << 20;

/// Copies of all weights that the host keeps while a model is trained, and writes when it is.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Copies {
    /// In a checkpoint: weights, moments, the best weights.
    state: u64,
    /// On the device: these and gradients.
    device: u64,
    /// On the host: the model, the last good weights, a checkpoint that is written and its file's bytes.
    host: u64,
}

impl Copies {
    /// The copies that a lost device is answered by are none of them: they are left out where there is no room.
    fn of(trainer: &Trainer, has_checkpoint: bool) -> Copies {
        let keeps_best = trainer.early_stopping.is_some() as u64;
        let state = 1 + trainer.optimizer.moments() as u64 + keeps_best;
        Copies {
            state,
            // A batch in parts has one more array of gradients.
            device: state + 1 + trainer.micro_batch.is_some() as u64,
            // The best of early stopping lie on the device, the last good ones here.
            host: 1 + (1 - keeps_best) + if has_checkpoint { 2 * state } else { 0 },
        }
    }
}

/// Checks that there is memory for a run's copies of the weights, and room on the disk for what it writes.
///
/// # Errors
/// [`Error::Fault`] or [`Error::Usage`] with what is needed and what there is.
pub(super) fn check_room(
    config: &RunConfig,
    model: &Model,
    trainer: &Trainer,
    device: &Device,
) -> Result<()> {
    let copies = Copies::of(trainer, config.output.checkpoint.is_some());
    // The model's own is there already.
    let copies = Copies { host: copies.host - 1, ..copies };
    check(config, 4 * model.parameter_count() as u64, copies, device)
}

/// As [`check_room`], for tables of word vectors of `values` numbers.
///
/// # Errors
/// As there.
pub(super) fn check_room_for_words(
    config: &RunConfig,
    values: usize,
    device: &Device,
) -> Result<()> {
    // Vectors of words and of targets, with the sums of their squares; the last good ones and the model.
    let host = 2 + if config.output.checkpoint.is_some() { 8 } else { 0 };
    check(config, 4 * values as u64, Copies { state: 4, device: 4, host }, device)
}

fn check(config: &RunConfig, weights: u64, copies: Copies, device: &Device) -> Result<()> {
    let times = |count: u64| weights.saturating_mul(count);
    match device.shares_memory() {
        true => check_host(times(copies.host + copies.device))?,
        false => {
            device.check_memory(times(copies.device))?;
            check_host(times(copies.host))?;
        }
    }
    if let Some(path) = &config.output.model {
        check_disk(path, weights + DESCRIPTION)?;
    }
    if let Some(path) = &config.output.checkpoint {
        check_disk(path, times(copies.state) + DESCRIPTION)?;
    }
    Ok(())
}

/// Checks that the host can hold the matrices that a run names, before any is read: a number of eight bytes becomes one
/// of four, and others become no smaller.
///
/// # Errors
/// [`Error::Fault`] with what is needed and what there is.
pub(super) fn check_files(config: &RunConfig) -> Result<()> {
    let data = &config.data;
    let files = match super::load::reads_in_blocks(config) {
        true => [None, None, data.validation.as_ref()],
        false => [Some(&data.train), data.targets.as_ref(), data.validation.as_ref()],
    };
    let mut paths: Vec<_> = files.into_iter().flatten().collect();
    paths.dedup();
    let is_matrix = |path: &&&std::path::PathBuf| {
        path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npy"))
    };
    let bytes = paths.iter().filter(is_matrix).filter_map(|path| Some(path.metadata().ok()?.len()));
    let needed = bytes.sum::<u64>() / 2;
    match (needed > SMALL).then(free_memory).flatten() {
        Some(free) if needed > free => Err(Error::Fault(DeviceFault::OutOfMemory {
            device: "this machine".into(),
            what: format!("the rows of {}", data.train.display()),
            needed: Some(needed),
            free: Some(free),
        })),
        _ => Ok(()),
    }
}

/// Checks that the host can take so many bytes more.
pub(super) fn check_host(needed: u64) -> Result<()> {
    match (needed > SMALL).then(free_memory).flatten() {
        Some(free) if needed > free => Err(Error::Fault(DeviceFault::OutOfMemory {
            device: "this machine".into(),
            what: "the model, its optimizer and their copies".into(),
            needed: Some(needed),
            free: Some(free),
        })),
        _ => Ok(()),
    }
}

/// Checks that a file of so many bytes has room where `path` leads.
pub(super) fn check_disk(path: &Path, needed: u64) -> Result<()> {
    // A device or a pipe takes what it is given.
    if path.exists() && !path.is_file() {
        return Ok(());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    match free_disk(folder.unwrap_or(Path::new("."))) {
        Some(free) if needed > free => Err(Error::usage(format!(
            "{} takes about {} MB, but its disk has {} MB free; make room, or name a file on another disk",
            path.display(),
            needed.div_ceil(1_000_000),
            free / 1_000_000
        ))),
        _ => Ok(()),
    }
}

/// Bytes that this user can write in a folder, where that can be told.
#[cfg(unix)]
fn free_disk(folder: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(folder).ok()?;
    // Some file systems count nothing.
    (found.f_blocks > 0).then(|| found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(not(unix))]
fn free_disk(_: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimizers::{Optimizer, Sgd};
    use crate::run::{RunKind, Settings};
    use crate::train::EarlyStopping;

    #[test]
    fn every_copy_is_reckoned() {
        let adam = Trainer::default();
        // Weights, gradients and two moments; the model and its last good weights.
        assert_eq!(Copies::of(&adam, false), Copies { state: 3, device: 4, host: 2 });
        // A checkpoint and its file.
        assert_eq!(Copies::of(&adam, true), Copies { state: 3, device: 4, host: 2 + 6 });
        let early_stopping = Some(EarlyStopping { patience: 3 });
        let optimizer: Optimizer = Sgd::default().into();
        let parts = Trainer { optimizer, early_stopping, micro_batch: Some(2), ..adam };
        let state = 2 + optimizer.moments() as u64;
        assert_eq!(Copies::of(&parts, false), Copies { state, device: state + 2, host: 1 });
    }

    #[test]
    fn what_does_not_fit_is_said_with_what_there_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("m");
        check_disk(&path, 1000).expect("it fits");
        check_host(1 << 27).expect("it fits");
        // A file of holes, larger than any memory.
        let matrix = folder.path().join("x.npy");
        let made = std::fs::File::create(&matrix).and_then(|file| file.set_len(1 << 43));
        let settings = Settings::new(RunKind::Autoencoder, "small.npy");
        let mut config = settings.resolve().expect("complete");
        config.data.validation = Some(matrix);
        if made.is_ok() && cfg!(any(target_os = "linux", target_os = "android")) {
            let error = check_files(&config).expect_err("too much").to_string();
            assert!(error.contains("the rows of") && error.contains("MB free"), "{error}");
        }
        (config.data.train, config.data.targets, config.data.validation) =
            (path.clone(), None, None);
        check_files(&config).expect("it is not there");
        if cfg!(any(target_os = "linux", target_os = "android")) {
            let error = check_host(1 << 60).expect_err("too much").to_string();
            assert!(
                error.contains("need 1152921504607 MB") && error.contains("MB free"),
                "{error}"
            );
        }
        if cfg!(unix) {
            let error = check_disk(&path, 1 << 60).expect_err("too much").to_string();
            assert!(error.contains("its disk has") && error.contains("MB free"), "{error}");
        }
    }
}
