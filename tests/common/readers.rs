//! Every reader of files that come from elsewhere, each as a function of a file's bytes: what `tests/readers.rs` and
//! `fuzz/` run over mutated files. A reader may refuse a file, in one line without control characters; it must not
//! panic, hang, or take memory out of proportion, and what it takes must hold together.
#![allow(dead_code)]

use std::path::{Path, PathBuf};

use wgslearn::data::{
    Account, Format, ImageOptions, TextColumns, column_names, content, read_array, read_examples,
    read_examples_in_blocks, read_idx, read_images, read_lines, read_table,
};
use wgslearn::run::{RunConfig, RunKind, Settings, neighbours_in, similarity, train};
use wgslearn::{Device, Error, Model};

/// A reader: its name, the extension of its files, and what reads a file in a folder of its own.
pub struct Reader {
    pub name: &'static str,
    pub extension: &'static str,
    read: fn(&Path),
}

pub const READERS: [Reader; 16] = [
    Reader { name: "text_csv", extension: "csv", read: texts },
    Reader { name: "text_jsonl", extension: "jsonl", read: texts },
    Reader { name: "text_lines", extension: "txt", read: texts },
    Reader { name: "table", extension: "csv", read: table },
    Reader { name: "gzip", extension: "csv.gz", read: packed },
    Reader { name: "zstd", extension: "csv.zst", read: packed },
    Reader { name: "bzip2", extension: "csv.bz2", read: packed },
    Reader { name: "npy", extension: "npy", read: array },
    Reader { name: "npz", extension: "npz", read: array },
    Reader { name: "idx", extension: "idx", read: idx },
    Reader { name: "pictures", extension: "png", read: picture },
    Reader { name: "settings", extension: "toml", read: settings },
    Reader { name: "vectors", extension: "vec", read: vectors },
    Reader { name: "word2vec", extension: "bin", read: vectors },
    Reader { name: "fasttext", extension: "bin", read: fasttext },
    Reader { name: "model", extension: "safetensors", read: model },
];

/// Beside the others, since it trains: a hundred times as slow.
pub const CHECKPOINT: Reader = Reader { name: "checkpoint", extension: "ckpt", read: checkpoint };

/// A folder for one process's files, in memory where the system has such.
pub fn scratch() -> PathBuf {
    let shared = Path::new("/dev/shm");
    let parent = if shared.is_dir() { shared.to_owned() } else { std::env::temp_dir() };
    let folder = parent.join(format!("wgslearn-readers-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

impl Reader {
    pub fn named(name: &str) -> &'static Reader {
        match READERS.iter().find(|reader| reader.name == name) {
            Some(reader) => reader,
            None => &CHECKPOINT,
        }
    }

    /// Reads a file of these bytes.
    pub fn read(&self, folder: &Path, bytes: &[u8]) {
        let path = folder.join(format!("{}.{}", self.name, self.extension));
        std::fs::write(&path, bytes).expect("written");
        (self.read)(&path);
    }
}

/// What a reader gave; a refusal is fit for a terminal.
fn held<T>(outcome: Result<T, Error>) -> Option<T> {
    match outcome {
        Ok(value) => Some(value),
        Err(error) => {
            let said = error.to_string();
            assert!(!said.is_empty() && !said.contains(char::is_control), "{said:?}");
            assert!(said.len() < 20_000, "a message of {} bytes", said.len());
            None
        }
    }
}

fn account(account: &Account, kept: usize) {
    assert_eq!(account.read, kept + account.rows_left_out(), "{account:?}");
    let shown = wgslearn::printable::printable(&account.to_string()).into_owned();
    assert!(!shown.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\t')), "{shown:?}");
}

fn texts(path: &Path) {
    content(path);
    held(column_names(path));
    let formats = [None, Some(Format::Csv), Some(Format::Labels)];
    for format in formats {
        let columns = TextColumns { format, ..TextColumns::default() };
        let whole = held(read_examples(path, &columns));
        if let Some(examples) = &whole {
            assert_eq!(examples.texts.len(), examples.lines.len());
            account(&examples.account, examples.texts.len());
        }
        // Blocks of a few rows hold the same rows, in the same lines.
        let (mut texts, mut lines, mut read) = (Vec::new(), Vec::new(), 0);
        let outcome = read_examples_in_blocks(path, &columns, 40, |block| {
            account(&block.account, block.texts.len());
            read += block.account.read;
            texts.extend(block.texts);
            lines.extend(block.lines);
            Ok(())
        });
        match (outcome, whole) {
            (Ok(()), Some(examples)) => {
                assert_eq!((texts, lines), (examples.texts, examples.lines));
                assert_eq!(read, examples.account.read);
            }
            (Err(error), Some(_)) => {
                let said = error.to_string();
                let is_other = said.contains("not read in blocks");
                assert!(is_other, "{said}");
            }
            (Err(error), None) => drop(held::<()>(Err(error))),
            // Of all rows together something is wrong: none, or a label that is missing.
            (Ok(()), None) => {}
        }
    }
    if let Ok(bytes) = std::fs::read(path) {
        held(read_lines(path, &bytes));
    }
}

fn table(path: &Path) {
    for target in [None, Some("target")] {
        if let Some(table) = held(read_table(path, target, None)) {
            account(&table.account, table.rows());
            held(table.task(path));
            let encoder = wgslearn::data::TableEncoder::fit(&table, None, None);
            let values = encoder.encode(&table);
            assert_eq!(values.len(), table.rows() * encoder.features());
        }
    }
}

fn packed(path: &Path) {
    held(read_examples(path, &TextColumns::default()));
}

fn array(path: &Path) {
    content(path);
    for name in [None, Some("a")] {
        if let Some(array) = held(read_array(path, name)) {
            assert_eq!(array.values.len(), array.rows * array.width);
        }
    }
}

fn idx(path: &Path) {
    if let Some(idx) = held(read_idx(path)) {
        assert_eq!(idx.bytes.len(), idx.dimensions.iter().product::<usize>());
    }
    picture(path);
}

fn picture(path: &Path) {
    let options = ImageOptions { size: Some((8, 8)), grey: false };
    if let Some(images) = held(read_images(path, &options)) {
        assert_eq!(images.values.len(), images.count() * images.shape.len());
        assert!(images.values.iter().all(|value| (0.0..=1.0).contains(value)));
    }
}

fn settings(path: &Path) {
    if let Some(settings) = held(Settings::read(path))
        && let Some(config) = held(settings.resolve())
    {
        held(config.check());
        config.to_toml();
    }
}

/// Files of words' vectors, whole and a few words of them.
fn vectors(path: &Path) {
    for word in ["the", "film"] {
        if let Some(similarity) = held(similarity(path, word, "end")) {
            assert!((-1.001..=1.001).contains(&similarity), "{similarity}");
        }
        if let Some(near) = held(neighbours_in(path, word, 3)) {
            assert!(near.len() <= 3);
        }
    }
}

fn fasttext(path: &Path) {
    vectors(path);
    if let Some(model) = held(Model::load(path)) {
        held(model.validate());
        model.summary();
    }
}

fn model(path: &Path) {
    held(wgslearn::model::read_weights(path));
    if let Some(model) = held(Model::load(path)) {
        held(model.validate());
        model.summary();
        let again = path.with_extension("again");
        held(model.save(&again)).expect("what was read is written");
        held(Model::load(&again)).expect("what was written is read");
    }
}

/// A run of two epochs over eight rows that goes on from the file.
fn checkpoint(path: &Path) {
    let folder = path.parent().expect("a folder");
    let config = checkpoint_run(folder, path);
    // Each run removes its checkpoint, and may leave the one before.
    held(train(&config, &Device::cpu(), &mut |_, _, _| Ok(()), &mut |_| {}, None));
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        if entry.file_name() != "rows.csv" {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// The run whose checkpoint it is.
pub fn checkpoint_run(folder: &Path, checkpoint: &Path) -> RunConfig {
    let rows = folder.join("rows.csv");
    if !rows.exists() {
        let text = "a,b,target\n1,2,x\n2,1,y\n3,4,x\n4,3,y\n5,6,x\n6,5,y\n7,8,x\n8,7,y\n";
        std::fs::write(&rows, text).expect("written");
    }
    let mut settings = Settings::new(RunKind::Table, "rows.csv");
    settings.data.train = Some(rows);
    settings.data.target_column = Some("target".into());
    settings.training.epochs = Some(2);
    settings.model.hidden = Some(vec![2]);
    settings.output.checkpoint = Some(checkpoint.to_owned());
    settings.output.model = Some(folder.join("m.safetensors"));
    settings.resolve().expect("a run")
}

/// A generator that needs no crate (splitmix64).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

/// A file with some bytes changed, cut, repeated, moved in from another, or numbers in them made extreme.
pub fn mutated(seed: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    const NUMBERS: [&[u8]; 14] = [
        b"0",
        b"-1",
        b"1e999",
        b"NaN",
        b"99999999999999999999",
        b"4294967295",
        b"\xff\xff\xff\xff",
        b"\0\0\0\0",
        b"\x7f\xff\xff\xff",
        b"\"",
        b"\n",
        b"\x1b[2J",
        b"\xc3\x28",
        b"{[",
    ];
    let mut bytes = seed.to_vec();
    for _ in 0..1 + random.below(4) {
        let at = random.below(bytes.len());
        match random.below(8) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
            1 if !bytes.is_empty() => bytes[at] = random.next() as u8,
            2 => bytes.truncate(at),
            3 => {
                let number = NUMBERS[random.below(NUMBERS.len())];
                let end = (at + number.len()).min(bytes.len());
                bytes.splice(at..end, number.iter().copied());
            }
            4 => {
                let number = NUMBERS[random.below(NUMBERS.len())];
                bytes.splice(at..at, number.iter().copied());
            }
            5 => {
                let end = (at + 1 + random.below(40)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            6 => {
                let from = random.below(other.len());
                let piece = &other[from..(from + 1 + random.below(60)).min(other.len())];
                bytes.splice(at..at, piece.iter().copied());
            }
            _ => {
                let end = (at + 1 + random.below(16)).min(bytes.len());
                bytes.drain(at..end);
            }
        }
    }
    bytes
}
