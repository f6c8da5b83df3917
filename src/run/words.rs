//! Word vectors from a file of texts: `wgslearn train words`.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::config::RunConfig;
use super::train::Outcome;
use crate::backend::Device;
use crate::data::{Account, TextColumns, read_examples};
use crate::error::{Error, Result};
use crate::model::{Input, Layer, Loss, Model, Preprocessor, Source};
use crate::text::{TextEncoder, TextOptions};
use crate::train::{EpochReport, Fitted, WordStream};

/// Trains word vectors and writes them as a model: an embedding and the mean over a text's words, so
/// that it encodes texts too. `begin` is called with the numbers of different words and of all.
///
/// # Errors
/// Whatever reading, training or writing meets.
pub fn train_words(
    config: &RunConfig,
    device: &Device,
    begin: &mut dyn FnMut(usize, usize, &Account),
    on_epoch: &mut dyn FnMut(EpochReport),
    stop: Option<Arc<AtomicBool>>,
) -> Result<Outcome> {
    config.check()?;
    let (data, trainer) = (&config.data, config.word_trainer());
    let columns = TextColumns {
        text: data.text_column.clone(),
        label: None,
        format: data.format,
        no_header: data.no_header,
        keep_blank: false,
    };
    let examples = read_examples(&data.train, &columns)?;
    let options = TextOptions {
        min_count: config.text.min_count,
        vocab_size: config.text.vocab_size,
        ..TextOptions::default()
    };
    let encoder = TextEncoder::fit(&examples.texts, &options)?;
    let mut tokens = Vec::new();
    let mut counts = vec![0; encoder.rows()];
    let mut lowered = String::new();
    for text in &examples.texts {
        encoder.for_each_known(text, &mut lowered, |id| {
            tokens.push(id);
            counts[id as usize] += 1;
        });
        // Ends the sentence.
        tokens.push(0);
    }
    let words = tokens.iter().filter(|&&id| id != 0).count();
    if words == 0 {
        return Err(Error::data(
            &data.train,
            format!("no word is there {} times; give a lower min_count", config.text.min_count),
        ));
    }
    begin(encoder.rows() - encoder.first_word() as usize, words, &examples.account);
    let stream = WordStream { tokens, counts, first_word: encoder.first_word() };
    let (table, fitted) = trainer.fit_keeping(&stream, device, on_epoch, stop.as_deref())?;
    let Fitted { history, failure, kept } = fitted;
    let failure = match failure {
        Some(error) if kept.is_none() => return Err(error),
        failure => failure,
    };
    let layers = vec![Layer::embedding(encoder.rows(), trainer.units), Layer::mean_pool()];
    let input = Input::Ids { length: encoder.width() };
    let mut model = Model::new(input, layers, Loss::NegativeSampling, trainer.seed)?;
    model.parameters_mut()[0].values = table;
    model.preprocessor = Preprocessor::Text(encoder);
    // A text's latent vector is the mean of its words' vectors: all that the model gives.
    model.latent_layer = Some(model.layers().len());
    model.source = Some(Source {
        path: data.train.clone(),
        targets: None,
        text_column: data.text_column.clone(),
    });
    if let Some(path) = &config.output.model {
        model.save(path)?;
    }
    let (training_rows, validation_rows) = (examples.texts.len(), 0);
    Ok(Outcome { model, history, training_rows, validation_rows, failure, kept, notes: Vec::new() })
}
