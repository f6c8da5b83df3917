//! Word vectors from a file of texts: `wgslearn train words`.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::checkpoint::{CheckpointObserver, Identity};
use super::config::RunConfig;
use super::load::texts::warn_of_tokens;
use super::load::{each_block, fit_in_passes};
use super::lock::take_outputs;
use super::observer::{Closures, RunObserver};
use super::pretrained::Pretrained;
use super::room::check_room_for_words;
use crate::backend::Device;
use crate::data::{
    Account, BlockFile, ByteSource, Examples, TextColumns, read_block, read_examples,
};
use crate::error::{Error, Result};
use crate::model::{Input, Layer, Loss, Model, Preprocessor, Source};
use crate::text::{TextEncoder, TextOptions};
use crate::train::{End, EpochReport, Fitted, History, WordRows, WordStream, WordTrainer};

/// Bytes of a file up to which its texts are read at once.
const AT_ONCE: usize = 64 << 20;

/// Bytes of a block of larger ones.
const BLOCK: usize = 8 << 20;

/// The texts of a run: in memory or, of a large file, in blocks, so that a run takes memory for its words alone.
enum Texts {
    Held(Examples),
    Blocks(BlockFile, TextColumns),
}

impl Texts {
    /// Texts of files of at most `at_once` bytes, of pipes, and those that phrases are looked for in, are held.
    fn open(config: &RunConfig, at_once: usize) -> Result<Texts> {
        let (path, columns) = (&config.data.train, config.data.texts(false));
        let found = path.metadata().ok().filter(|found| found.is_file());
        let is_large = found.is_some_and(|found| found.len() > at_once as u64);
        if is_large && config.text.phrases.is_none() {
            // What has no blocks is held, or refused as such.
            if let Ok(file) = BlockFile::of_texts(path, &columns, at_once.min(BLOCK)) {
                return Ok(Texts::Blocks(file, columns));
            }
        }
        read_examples(path, &columns).map(Texts::Held)
    }

    /// Gives the texts, some after the others.
    fn pass(&self, mut each: impl FnMut(&Examples) -> Result<()>) -> Result<()> {
        match self {
            Texts::Held(examples) => each(examples),
            Texts::Blocks(file, columns) => {
                let read = |block: &ByteSource| read_block(block, file.format, columns);
                each_block(file, read, |examples| each(&examples))
            }
        }
    }

    /// The vocabulary, the account of the rows, and how many ids the texts make at most.
    fn learn(&self, options: &TextOptions) -> Result<(TextEncoder, Account, usize)> {
        let file = match self {
            Texts::Held(examples) => {
                let encoder = TextEncoder::fit(&examples.texts, options)?;
                return Ok((encoder, examples.account.clone(), 0));
            }
            Texts::Blocks(file, _) => file,
        };
        let mut account = Account::new(file.path());
        account.warnings.clone_from(&file.warnings);
        // The first pass counts the rows too.
        let seen = RefCell::new((account, 0, true));
        let (encoder, (_, words)) = fit_in_passes(options, |each| {
            self.pass(|examples| {
                let (account, rows, is_first) = &mut *seen.borrow_mut();
                if *is_first {
                    *rows += examples.texts.len();
                    account.join(examples.account.clone());
                }
                each(&examples.texts)
            })?;
            seen.borrow_mut().2 = false;
            Ok(())
        })?;
        let (account, rows, _) = seen.into_inner();
        if rows == 0 {
            return Err(Error::data(file.path(), "the file has no rows; give one text a line"));
        }
        Ok((encoder, account, words + rows))
    }
}

/// What a run of word vectors made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WordsOutcome {
    /// The vectors as a model.
    pub model: Model,
    /// Loss by epoch.
    pub history: History,
    /// How it ended.
    pub end: End,
    /// The step that the vectors are of; 0 where no step was good, and no file was written then.
    pub step: u64,
    /// The epoch of that step.
    pub epoch: usize,
    /// Pairs of words that are one.
    pub phrases: usize,
}

/// Trains word vectors and writes them as a model: an embedding and the mean over a text's words, so
/// that it encodes texts too. `begin` is called with the numbers of different words and of all, and what became of the
/// file's rows. Once `stop` becomes true, the run ends behind its step, with its last good vectors.
///
/// # Errors
/// Whatever reading, training or writing meets. After [`Error::Diverged`] the file holds the vectors of the last good
/// epoch, if there is one.
pub fn train_words(
    config: &RunConfig,
    device: &Device,
    begin: &mut dyn FnMut(usize, usize, &Account),
    on_epoch: &mut dyn FnMut(EpochReport),
    stop: Option<Arc<AtomicBool>>,
) -> Result<WordsOutcome> {
    let closures = &mut Closures { begin: None, begin_words: Some(begin), on_epoch, stop };
    let outcome = train_words_observed(config, device, closures)?;
    outcome.end.check()?;
    Ok(outcome)
}

/// As [`train_words`], watched by `observer`. A run that it interrupts, or whose numbers become NaN, is no error: its
/// last good vectors are written, and the outcome says how it ended.
///
/// # Errors
/// As [`train_words`], but for [`Error::Diverged`].
pub fn train_words_observed(
    config: &RunConfig,
    device: &Device,
    observer: &mut dyn RunObserver,
) -> Result<WordsOutcome> {
    config.check()?;
    let _locks = take_outputs(config.outputs().filter(|(name, _)| *name != "checkpoint"))?;
    let (data, mut trainer) = (&config.data, config.word_trainer());
    let options = TextOptions {
        tokens: config.text.tokens,
        min_count: config.text.min_count,
        vocab_size: config.text.vocab_size,
        subwords: config.text.subwords,
        ngram_buckets: config.text.ngram_buckets,
        phrases: config.text.phrases,
        ..TextOptions::default()
    };
    let texts = Texts::open(config, AT_ONCE)?;
    let (mut encoder, mut account, most) = texts.learn(&options)?;
    warn_of_tokens(&config.text, &encoder, &mut account);
    let mut tokens = Vec::with_capacity(most);
    let mut counts = vec![0; encoder.first_word() as usize + encoder.vocabulary().len()];
    let mut lowered = String::new();
    texts.pass(|examples| {
        for text in &examples.texts {
            encoder.for_each_known(text, &mut lowered, |id| {
                tokens.push(id);
                counts[id as usize] += 1;
            });
            // Ends the sentence.
            tokens.push(0);
        }
        Ok(())
    })?;
    drop(texts);
    encoder.set_counts(counts[encoder.first_word() as usize..].to_vec());
    let words = tokens.iter().filter(|&&id| id != 0).count();
    if words == 0 {
        return Err(Error::data(
            &data.train,
            format!("no word is there {} times; give a lower min_count", config.text.min_count),
        ));
    }
    let mut initial = Vec::new();
    if let Some(path) = &config.model.pretrained {
        let found = Pretrained::read(path, &encoder)?;
        if ![0, found.units].contains(&trainer.units) {
            return Err(Error::data(
                path,
                format!(
                    "the vectors have {} elements, not {}; leave the width out",
                    found.units, trainer.units
                ),
            ));
        }
        account.warn(found.account(path));
        (trainer.units, initial) = (found.units, found.rows);
    }
    observer.begin_words(counts.len() - encoder.first_word() as usize, words, &account);
    let subwords = encoder.subwords().map(|_| {
        let mut words = WordRows { table_rows: encoder.rows(), ..WordRows::default() };
        words.offsets = vec![0; encoder.first_word() as usize + 1];
        for word in encoder.vocabulary() {
            words.rows.extend(encoder.rows_of_word(word));
            words.offsets.push(words.rows.len() as u32);
        }
        words
    });
    let stream = WordStream { tokens, counts, first_word: encoder.first_word(), subwords, initial };
    check_room_for_words(config, encoder.rows() * trainer.units, device)?;
    let identity = || Identity::of_words(config, &stream, device);
    let mut keeper = CheckpointObserver::new(config, trainer.epochs, false, identity, observer)?;
    let (table, fitted) = match trainer.fit_to_end(&stream, device, &mut keeper) {
        // Of a small text subsampling leaves nothing.
        Err(Error::Training(_)) if trainer.subsample > 0.0 => {
            keeper.give_up(&format!(
                "subsample {} left no two words to learn from, so all words were trained on (subsample 0)",
                trainer.subsample
            ))?;
            let trainer = WordTrainer { subsample: 0.0, ..trainer };
            trainer.fit_to_end(&stream, device, &mut keeper)?
        }
        found => found?,
    };
    let Fitted { history, end, step, epoch, .. } = fitted;
    let layers = vec![Layer::embedding(encoder.rows(), trainer.units), Layer::mean_pool()];
    let input = Input::Ids { length: encoder.width() };
    let mut model = Model::new(input, layers, Loss::NegativeSampling, trainer.seed)?;
    if step > 0 {
        model.parameters_mut()[0].values = table;
    }
    let phrases = encoder.phrases();
    model.preprocessor = Preprocessor::Text(encoder);
    // A text's latent vector is the mean of its words' vectors: all that the model gives.
    model.latent_layer = Some(model.layers().len());
    model.source = Some(Source {
        path: data.train.clone(),
        targets: None,
        text_column: data.text_column.clone(),
        label_separator: None,
    });
    if let Some(path) = config.output.model.as_ref().filter(|_| step > 0) {
        model.save(path)?;
    }
    if end == End::Done {
        keeper.done()?;
    }
    Ok(WordsOutcome { model, history, end, step, epoch, phrases })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{RunKind, Settings};

    #[test]
    fn texts_in_blocks_have_the_words_of_those_in_memory() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("t.txt");
        let text =
            |row: usize| format!("word{} is {} of word{}\n", row % 7, row % 3, row * row % 11);
        std::fs::write(&path, (0..300).map(text).collect::<String>() + "\nthe end")
            .expect("written");
        for subwords in [None, Some("3-4".parse().expect("subwords"))] {
            let config = Settings::new(RunKind::Words, &path).resolve().expect("a run");
            let options = TextOptions { subwords, min_count: 2, ..TextOptions::default() };
            let learned = |at_once| {
                let texts = Texts::open(&config, at_once).expect("texts");
                let (encoder, account, most) = texts.learn(&options).expect("words");
                let mut all = Vec::new();
                let pass = texts.pass(|examples| {
                    all.extend_from_slice(&examples.texts);
                    Ok(())
                });
                pass.expect("texts");
                (encoder, account, all, matches!(texts, Texts::Blocks(..)), most)
            };
            let (whole, of_whole, texts, in_blocks, _) = learned(AT_ONCE);
            assert!(!in_blocks && texts.len() == 301);
            let (blocks, of_blocks, again, in_blocks, most) = learned(100);
            assert!(in_blocks && most >= 1202, "{most}");
            assert_eq!((blocks, again, of_blocks), (whole, texts, of_whole));
        }
    }
}
