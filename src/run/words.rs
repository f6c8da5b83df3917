//! Word vectors from a file of texts: `wgslearn train words`.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::checkpoint::{CheckpointObserver, Identity};
use super::config::RunConfig;
use super::load::texts::warn_of_tokens;
use super::lock::take_outputs;
use super::observer::{Closures, RunObserver};
use super::pretrained::Pretrained;
use super::room::check_room_for_words;
use crate::backend::Device;
use crate::data::{Account, read_examples};
use crate::error::{Error, Result};
use crate::model::{Input, Layer, Loss, Model, Preprocessor, Source};
use crate::text::{TextEncoder, TextOptions};
use crate::train::{End, EpochReport, Fitted, History, WordRows, WordStream, WordTrainer};

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
    let examples = read_examples(&data.train, &data.texts(false))?;
    let options = TextOptions {
        tokens: config.text.tokens,
        min_count: config.text.min_count,
        vocab_size: config.text.vocab_size,
        subwords: config.text.subwords,
        ngram_buckets: config.text.ngram_buckets,
        phrases: config.text.phrases,
        ..TextOptions::default()
    };
    let mut encoder = TextEncoder::fit(&examples.texts, &options)?;
    let mut account = examples.account;
    warn_of_tokens(&config.text, &encoder, &mut account);
    let mut tokens = Vec::new();
    let mut counts = vec![0; encoder.first_word() as usize + encoder.vocabulary().len()];
    let mut lowered = String::new();
    for text in &examples.texts {
        encoder.for_each_known(text, &mut lowered, |id| {
            tokens.push(id);
            counts[id as usize] += 1;
        });
        // Ends the sentence.
        tokens.push(0);
    }
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
