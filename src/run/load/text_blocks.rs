//! Texts that are more than memory shall hold: the file is read in blocks, once for each thing that is learned of it, and
//! the rows of ids lie in a file of their own where they are many.
//!
//! What comes of it is what comes of the same texts in memory (`texts.rs`): the same classes, vocabulary, split and
//! rows, in the same order, and so the same model to the bit.

use std::path::Path;

use super::blocks::{Collected, InBlocks, check_rows, each_block, refused};
use super::labels::{Places, SeenRows, class_targets, class_task};
use super::split::Split;
use super::texts::{
    Coded, Layout, Unknown, UnknownTexts, reads_any_length, validation_texts, warn_of_cut,
    warn_of_tokens,
};
use super::weights::{class_weights, count_classes, row_weights};
use super::{Given, Loaded};
use crate::data::{Account, BlockFile, ByteSource, Examples, TextColumns, read_block};
use crate::error::{Error, Result};
use crate::model::Preprocessor;
use crate::run::config::RunConfig;
use crate::text::{Fitting, Room, TextEncoder, TextOptions, Tokens};

/// A file of texts with a label each, pass by pass.
struct Texts<'c> {
    config: &'c RunConfig,
    path: &'c Path,
    file: BlockFile,
    columns: TextColumns,
    /// Rows of the file.
    rows: usize,
    /// Those that are validated on, rising.
    validation: Vec<usize>,
}

/// Reads a run's texts in blocks.
///
/// # Errors
/// As those of texts in memory; [`Error::Usage`] for what needs all of them there: several labels a text, phrases, pipes.
pub(super) fn load_text_blocks(
    config: &RunConfig,
    given: Given,
    blocks: &InBlocks,
) -> Result<Loaded> {
    let data = &config.data;
    let columns = data.texts(true);
    if columns.multi_label || columns.label_separator.is_some() || given.is_multi_label() {
        return Err(refused("texts may have several labels"));
    }
    if config.is_autoencoder() {
        return Err(refused("texts are to be given back"));
    }
    if config.text.phrases.is_some() {
        return Err(refused("phrases are looked for"));
    }
    let path = &data.train;
    let file = BlockFile::of_texts(path, &columns, blocks.sizes.read)?;
    let mut texts = Texts { config, path, file, columns, rows: 0, validation: Vec::new() };
    let mut account = Account::new(path);
    account.warnings.clone_from(&texts.file.warnings);
    let known = match given.preprocessor() {
        Some(Preprocessor::Text(encoder)) => Some(encoder),
        _ => None,
    };
    let (labels, classes) = texts.read_labels(known.and(given.labels()), &mut account)?;
    texts.validation = Split::draw_validation(config, texts.rows, Some(&classes), &mut account)?;
    let (encoder, measured) = match known {
        Some(encoder) => (encoder.clone(), None),
        None => {
            let (mut encoder, measured) = texts.learn_words()?;
            if encoder.has_own_ngrams() && reads_any_length(config, given) {
                let whole = encoder.without_limit();
                texts.pass(|examples, _| {
                    encoder.fill_buckets(&whole, &examples.texts);
                    Ok(())
                })?;
            }
            // N-grams of characters are known now.
            let measured = Some(measured).filter(|_| !encoder.learns_ngrams());
            (encoder, measured)
        }
    };
    if known.is_none() {
        warn_of_tokens(&config.text, &encoder, &mut account);
    }
    let layout = match reads_any_length(config, given) {
        true => texts.layout(&encoder, measured)?,
        false => Layout::Padded,
    };
    let reader = layout.reader(&encoder, config);
    let by_class = texts.class_weights(&reader, &labels, &classes)?;
    drop(classes);
    let mut collected = blocks.collect();
    texts.encode(&reader, layout, &labels, by_class.as_deref(), &mut collected, &mut account)?;
    let (training, mut validation) = collected.finish(path)?;
    blocks.tell(&training, &mut account);
    let mut accounts = vec![account];
    if let Some(path) = &data.validation {
        let unknown = if data.skip_unknown { Unknown::LeftOut } else { Unknown::Kept };
        let (dataset, account) =
            validation_texts(path, texts.columns.clone(), &reader, layout, &labels, unknown)?;
        accounts.push(account);
        validation = Some(dataset);
    }
    Ok(Loaded {
        training,
        validation,
        test: None,
        held_out: None,
        task: class_task(&labels),
        embedding_rows: encoder.rows(),
        preprocessor: Preprocessor::Text(encoder),
        labels,
        accounts,
    })
}

/// What one pass over texts does with some of them.
type Each<'e> = &'e mut dyn FnMut(&[String]) -> Result<()>;

/// The vocabulary, and what n-grams are there, of texts that `pass` gives, the same each time; and what was measured of
/// them, as [`Fitting::measured`] says.
pub(in crate::run) fn fit_in_passes(
    options: &TextOptions,
    pass: impl Fn(Each<'_>) -> Result<()>,
) -> Result<(TextEncoder, (Room, usize))> {
    // What tokens are is seen in the first texts.
    let mut beginning: Vec<String> = Vec::new();
    let mut fitting: Option<Fitting> = None;
    let begin = |texts: &[String]| -> Result<Fitting> {
        let mut fitting = Fitting::new(texts, options)?;
        fitting.add(texts);
        Ok(fitting)
    };
    pass(&mut |texts| {
        match &mut fitting {
            Some(fitting) => fitting.add(texts),
            None => {
                beginning.extend_from_slice(texts);
                if beginning.len() >= Tokens::SAMPLE {
                    fitting = Some(begin(&std::mem::take(&mut beginning))?);
                }
            }
        }
        Ok(())
    })?;
    let fitting = match fitting {
        Some(fitting) => fitting,
        None => begin(&beginning)?,
    };
    let measured = fitting.measured();
    let mut encoder = fitting.finish();
    if encoder.learns_ngrams() {
        let whole = encoder.clone();
        pass(&mut |texts| {
            encoder.fit_ngrams(&whole, texts);
            Ok(())
        })?;
    }
    Ok((encoder, measured))
}

impl Texts<'_> {
    /// Reads the file from its start, and gives each block's texts: those that are trained on, those that are validated on.
    fn pass(&self, mut each: impl FnMut(Examples, Examples) -> Result<()>) -> Result<()> {
        let (mut row, mut held) = (0, self.validation.iter().peekable());
        let read = |block: &ByteSource| {
            let mut examples = read_block(block, self.file.format, &self.columns)?;
            if !examples.label_sets.is_empty() {
                // A row without a label is refused as in memory.
                examples.finish_labels(block, &self.columns)?;
                let several = examples.label_sets.iter().position(|set| set.len() > 1);
                let line = several.map_or(0, |row| examples.lines[row]);
                return Err(refused(&format!("texts have several labels (line {line})")));
            }
            Ok(examples)
        };
        each_block(&self.file, read, |examples| {
            let rows = row..row + examples.texts.len();
            row = rows.end;
            let places = rows.map(|row| held.next_if_eq(&&row).is_some() as usize).collect();
            let [training, validation] = examples.part(places);
            each(training, validation)
        })?;
        // The first pass counts them.
        if self.rows > 0 { check_rows(self.path, self.rows, row) } else { Ok(()) }
    }

    /// The classes, and the number of each row's.
    fn read_labels(
        &mut self,
        known: Option<&[String]>,
        account: &mut Account,
    ) -> Result<(Vec<String>, Vec<f32>)> {
        let mut seen = SeenRows::default();
        self.pass(|examples, _| {
            seen.add(&examples.labels, &examples.lines);
            account.join(examples.account);
            Ok(())
        })?;
        self.rows = seen.rows();
        if self.rows == 0 {
            return Err(Error::data(self.path, "the file has no rows; give one text a line"));
        }
        seen.finish(self.path, &self.config.data, known, account)
    }

    /// What is learned of the texts that are trained on.
    fn learn_words(&self) -> Result<(TextEncoder, (Room, usize))> {
        fit_in_passes(&self.config.text, |each| self.pass(|examples, _| each(&examples.texts)))
    }

    /// How the rows lie, by the largest of their texts and the words of all, where these were measured before.
    fn layout(&self, encoder: &TextEncoder, measured: Option<(Room, usize)>) -> Result<Layout> {
        let (mut largest, mut words) = measured.unwrap_or((Room { words: 0, ids: 0 }, 0));
        if measured.is_none() {
            self.pass(|examples, _| {
                let (room, count) = encoder.measure(&examples.texts);
                (largest, words) = (largest.max(room), words + count);
                Ok(())
            })?;
        }
        let rows = self.rows - self.validation.len();
        Ok(Layout::of_measured(encoder, rows, largest, words))
    }

    /// The weights of classes, of the rows that are trained on.
    fn class_weights(
        &self,
        reader: &TextEncoder,
        labels: &[String],
        classes: &[f32],
    ) -> Result<Option<Vec<f32>>> {
        let class_weight = self.config.training.class_weight.as_deref();
        let mut counts = count_classes(classes, labels.len(), &self.validation);
        if class_weight.is_some() && self.config.data.skip_unknown {
            // Those that are left out weigh nothing.
            counts.fill(0);
            self.pass(|examples, _| {
                let account = &mut Account::default();
                let kept = Coded::of(reader, Layout::Padded, examples, true, account).examples;
                let places = Places::Lines(&kept.lines);
                for class in class_targets(self.path, &kept.labels, places, labels)? {
                    counts[class as usize] += 1;
                }
                Ok(())
            })?;
        }
        class_weights(class_weight, labels, || counts, false)
    }

    /// Collects the rows of ids with their targets and weights.
    fn encode(
        &self,
        reader: &TextEncoder,
        layout: Layout,
        labels: &[String],
        by_class: Option<&[f32]>,
        collected: &mut Collected,
        account: &mut Account,
    ) -> Result<()> {
        let leave_out = self.config.data.skip_unknown;
        let (mut unknown, mut cut) = (<[UnknownTexts; 2]>::default(), Vec::new());
        let mut rows = [0, 0];
        self.pass(|training, held| {
            for (part, examples) in [training, held].into_iter().enumerate() {
                rows[part] += examples.texts.len();
                let mut coded = Coded::of(reader, layout, examples, leave_out, account);
                cut.append(&mut coded.cut);
                unknown[part].join(std::mem::take(&mut coded.unknown));
                if coded.examples.texts.is_empty() {
                    continue;
                }
                let (dataset, examples) = coded.dataset(labels, self.path, account)?;
                if part > 0 {
                    collected.validate_on(dataset);
                    continue;
                }
                let weights = row_weights(dataset.target_values(), examples.weights, by_class);
                collected.train_on(dataset, weights)?;
            }
            Ok(())
        })?;
        cut.sort_unstable();
        warn_of_cut(reader, &cut, account);
        let policy = |others| if leave_out { Unknown::LeftOut } else { others };
        unknown[0].judge(policy(Unknown::Refused), rows[0], self.path, account)?;
        unknown[1].judge(policy(Unknown::Kept), rows[1], self.path, account)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::PathBuf;

    use super::*;
    use crate::backend::Device;
    use crate::run::load::blocks::assert_same;
    use crate::run::load::load_source;
    use crate::run::train::build;
    use crate::run::{RunKind, Settings};
    use crate::train::Session;

    /// Rows of each format: quoted fields with line ends, blank lines, texts without a known word.
    fn files(folder: &Path) -> Vec<PathBuf> {
        let words = ["good", "bad", "film", "really", "so", "plot", "dull", "ends", "un\u{df}een"];
        let text = |row: usize| -> String {
            let words = (0..row % 7 + 1).map(|i| words[(row * 5 + i * i * 3) % words.len()]);
            words.collect::<Vec<_>>().join(" ")
        };
        let label = |row: usize| ["up", "down", "1", "1.0"][(row * row) % 4];
        let (mut csv, mut tsv) = ("text,label\n".to_owned(), "label\ttext\r\n".to_owned());
        let (mut jsonl, mut lines) = (String::new(), String::new());
        for row in 0..120 {
            let (text, label) = (text(row), label(row));
            let quoted =
                if row % 9 == 4 { format!("\"{text},\n\"\"so\"\"\"") } else { text.clone() };
            csv += &format!("{quoted},{label}\n");
            tsv += &format!("{label}\t{}{text}\r\n", if row == 77 { "\"" } else { "" });
            jsonl += &format!("{{\"text\": \"{text}\", \"label\": \"{label}\"}}\n");
            lines += &format!("__label__{label} {text}\n");
            if row % 31 == 8 {
                for file in [&mut csv, &mut tsv, &mut jsonl, &mut lines] {
                    *file += "\r\n";
                }
            }
        }
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(lines.as_bytes()).expect("packed");
        let packed = packed.finish().expect("packed");
        let marked = [&b"\xef\xbb\xbf"[..], csv.as_bytes()].concat();
        // The last line without an end.
        let lines = lines.trim_end().to_owned();
        let files = [
            ("a.csv", marked),
            ("a.tsv", tsv.into_bytes()),
            ("a.jsonl", jsonl.into_bytes()),
            ("a.txt", lines.into_bytes()),
            ("b.txt.gz", packed),
        ];
        let write = |(name, bytes): (&str, Vec<u8>)| {
            std::fs::write(folder.join(name), bytes).expect("written");
            folder.join(name)
        };
        files.into_iter().map(write).collect()
    }

    /// Settings in which texts are read otherwise.
    fn settings(path: &Path) -> Vec<Settings> {
        let usual = Settings::new(RunKind::Text, path);
        let with = |change: &dyn Fn(&mut Settings)| {
            let mut settings = usual.clone();
            settings.training.epochs = Some(2);
            settings.training.batch_size = Some(8);
            settings.data.validation_split = Some(0.2);
            change(&mut settings);
            settings
        };
        vec![
            with(&|_| {}),
            with(&|of| of.data.validation_split = Some(0.0)),
            with(&|of| of.text.word_ngrams = Some(2)),
            with(&|of| of.text.subwords = Some("3-4".parse().expect("subwords"))),
            with(&|of| of.model.pool = Some(crate::run::Pool::Flatten)),
            with(&|of| {
                of.text.vocab_size = Some(5);
                of.data.skip_unknown = Some(true);
                of.training.class_weight = Some("balanced".into());
            }),
            with(&|of| of.training.shuffle = Some(false)),
        ]
    }

    #[test]
    fn texts_in_blocks_are_those_in_memory() {
        let folder = tempfile::tempdir().expect("a folder");
        let small = InBlocks::small(folder.path());
        for path in files(folder.path()) {
            for settings in settings(&path) {
                let config = settings.resolve().expect("a run");
                let source = ByteSource::read(&path).expect("read");
                let whole = load_source(&config, &source, Given::Nothing, None);
                let blocks = load_text_blocks(&config, Given::Nothing, &small);
                let name = path.display().to_string();
                let both = assert_same(whole, blocks, &name);
                let Some([whole, blocks]) = both else { panic!("{name}: refused") };
                let (of_whole, of_blocks) = (&whole.accounts[0], &blocks.accounts[0]);
                // Of several lines, the first are named: of the file, or of the rows that are trained on.
                let counts = |of: &Account| (of.read, of.rows_left_out());
                assert_eq!(counts(of_whole), counts(of_blocks), "{name}");
                // The same steps to the same bits.
                let model = build(&config, &whole, None, &Device::cpu()).expect("a model").0;
                let trainer = config.trainer(model.input(), whole.training.rows(), false);
                let trained = |data| {
                    let mut session =
                        Session::of(&model, &trainer, data, None, &Device::cpu()).expect("fits");
                    session.shuffle_by(small.sizes);
                    let metrics = session.train(0..2).expect("trained");
                    let weights = session.read(crate::train::Role::Weights).expect("weights");
                    (metrics, weights)
                };
                let (a, b) =
                    (trained(whole.training.as_data()), trained(blocks.training.as_data()));
                assert_eq!(a, b, "{name}");
            }
        }
    }

    #[test]
    fn rows_to_validate_on_may_be_of_another_format() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = files(folder.path());
        for validation in &files {
            let mut settings = Settings::new(RunKind::Text, &files[0]);
            settings.data.validation = Some(validation.clone());
            let config = settings.resolve().expect("a run");
            let source = ByteSource::read(&files[0]).expect("read");
            let whole = load_source(&config, &source, Given::Nothing, None).expect("in memory");
            let small = InBlocks::small(folder.path());
            let blocks = load_text_blocks(&config, Given::Nothing, &small).expect("in blocks");
            assert_eq!(whole.validation, blocks.validation, "{}", validation.display());
            assert_eq!(whole.accounts[1], blocks.accounts[1]);
        }
    }

    #[test]
    fn what_texts_in_memory_refuse_is_refused_with_the_same_words() {
        let folder = tempfile::tempdir().expect("a folder");
        let small = InBlocks::small(folder.path());
        let row =
            |row: usize| format!("{{\"text\": \"so good {row}\", \"label\": \"{}\"}}\n", row % 2);
        let rows: String = (0..40).map(row).collect();
        let cases = [
            ("a.jsonl", rows.clone() + "{\"text\": \"good\", \"label\": \"once\"}\n"),
            ("a.jsonl", rows.clone() + "{\"text\": \"good\"}\n"),
            ("a.jsonl", rows + "{\"text\": \"...\", \"label\": \"1\"}\n"),
            ("a.jsonl", "\n".into()),
            ("a.csv", "text,label\ngood,a\nbad,b\n\"never,a\n".into()),
            ("a.csv", "text,label\n".to_owned() + &"good,a\nbad,b\n".repeat(30) + "a,b,c\n"),
            ("a.txt", "__label__a x\n".repeat(30)),
            ("a.txt", "__label__a x\n".repeat(30) + "no label\n"),
            ("a.csv", String::new()),
        ];
        for (name, text) in cases {
            let path = folder.path().join(name);
            std::fs::write(&path, &text).expect("written");
            let config = Settings::new(RunKind::Text, &path).resolve().expect("a run");
            let source = ByteSource::read(&path).expect("read");
            let whole = load_source(&config, &source, Given::Nothing, None).expect_err("refused");
            let blocks = load_text_blocks(&config, Given::Nothing, &small).expect_err("refused");
            assert_eq!(whole.to_string(), blocks.to_string(), "{text}");
        }
        let path = folder.path().join("two.txt");
        std::fs::write(&path, "__label__a __label__b x\n__label__a y\n").expect("written");
        let config = Settings::new(RunKind::Text, &path).resolve().expect("a run");
        let blocks = load_text_blocks(&config, Given::Nothing, &small).expect_err("refused");
        assert!(blocks.to_string().contains("needs all rows in memory"), "{blocks}");
    }
}
