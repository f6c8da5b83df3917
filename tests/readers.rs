//! Every reader over damaged files: the seeds of `fuzz/` with bytes changed, the same ones in every run. `fuzz/` goes on
//! from here for as long as one likes.

#[path = "common/readers.rs"]
mod readers;

use std::path::Path;

use readers::{CHECKPOINT, READERS, Random, Reader, mutated, scratch};

/// The seeds of a reader, by name.
fn seeds(reader: &Reader) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(reader.name);
    let entries =
        std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} has no seed", reader.name);
    paths.iter().map(|path| std::fs::read(path).expect("readable")).collect()
}

/// Reads a file on a thread of its own, so that a reader that never ends fails the test instead of hanging it.
fn read_all(reader: &'static Reader, times: usize) {
    let folder = scratch().join(reader.name);
    std::fs::create_dir_all(&folder).expect("a folder");
    let seeds = seeds(reader);
    for seed in &seeds {
        reader.read(&folder, seed);
    }
    let mut random = Random(reader.name.len() as u64);
    for i in 0..times {
        let bytes =
            mutated(&seeds[i % seeds.len()], &seeds[random.below(seeds.len())], &mut random);
        let outcome = std::panic::catch_unwind(|| reader.read(&folder, &bytes));
        if let Err(panic) = outcome {
            let kept =
                std::env::temp_dir().join(format!("{}-{i}.{}", reader.name, reader.extension));
            std::fs::write(&kept, &bytes).expect("written");
            eprintln!("{} panics on {}", reader.name, kept.display());
            std::panic::resume_unwind(panic);
        }
    }
    std::fs::remove_dir_all(&folder).expect("removed");
}

#[test]
fn readers_refuse_damaged_files_and_never_panic() {
    for reader in &READERS {
        read_all(reader, 150);
    }
}

#[test]
fn a_damaged_checkpoint_never_panics() {
    read_all(&CHECKPOINT, 20);
}

/// A picture of a few bytes that claims to be as large as a house is refused before memory is asked for.
#[cfg(feature = "cli")]
#[test]
fn pictures_larger_than_their_files_can_be_are_refused() {
    use wgslearn::data::{ImageOptions, read_images};
    let folder = scratch().join("large");
    std::fs::create_dir_all(&folder).expect("a folder");
    // A bitmap of 30,000 x 30,000 pixels of 24 bits, without its pixels.
    let mut bmp = b"BM".to_vec();
    bmp.extend([0u8; 8]);
    bmp.extend(54u32.to_le_bytes());
    bmp.extend(40u32.to_le_bytes());
    bmp.extend([30_000u32.to_le_bytes(), 30_000u32.to_le_bytes()].concat());
    bmp.extend([1, 0, 24, 0]);
    bmp.extend([0u8; 24]);
    let path = folder.join("large.bmp");
    std::fs::write(&path, bmp).expect("written");
    let options = ImageOptions { size: Some((8, 8)), grey: false };
    let error = read_images(&path, &options).expect_err("refused").to_string();
    assert!(error.contains("large.bmp") && error.contains("30000x30000"), "{error}");
    std::fs::remove_dir_all(&folder).expect("removed");
}

/// Writes the seed of the checkpoint's reader, where `WGSLEARN_WRITE_SEEDS` is set; holds it to be one that is taken.
#[test]
fn the_checkpoints_seed_is_a_run_that_goes_on() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use wgslearn::Device;
    use wgslearn::run::train;

    let folder = scratch().join("seed");
    std::fs::create_dir_all(&folder).expect("a folder");
    let seed = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/checkpoint/table.ckpt");
    let path = folder.join("checkpoint.ckpt");
    let config = readers::checkpoint_run(&folder, &path);
    if std::env::var_os("WGSLEARN_WRITE_SEEDS").is_some() {
        let stop = Arc::new(AtomicBool::new(false));
        let after_one = stop.clone();
        let _ = train(
            &config,
            &Device::cpu(),
            &mut |_, _, _| Ok(()),
            &mut |_| after_one.store(true, Ordering::SeqCst),
            Some(stop),
        );
        std::fs::create_dir_all(seed.parent().expect("a folder")).expect("made");
        std::fs::copy(&path, &seed).expect("the run that was stopped left its checkpoint");
    }
    std::fs::copy(&seed, &path).expect("the seed is there");
    let mut epochs = Vec::new();
    train(
        &config,
        &Device::cpu(),
        &mut |_, _, _| Ok(()),
        &mut |report| epochs.push(report.epoch),
        None,
    )
    .expect("it goes on");
    assert_eq!(
        epochs.len(),
        1,
        "one of two epochs is left: {epochs:?}; WGSLEARN_WRITE_SEEDS=1 writes the seed anew"
    );
    std::fs::remove_dir_all(&folder).expect("removed");
}
