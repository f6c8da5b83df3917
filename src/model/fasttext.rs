//! fastText's models as models of wgslearn, and back. A classifier is an embedding, the mean over a text's words and
//! n-grams, and a dense layer without bias; word vectors are the embedding and the mean alone.

use std::path::Path;

use super::{Activation, Input, Layer, Loss, Model, Parameter, Preprocessor};
use crate::data::{Architecture, FasttextArguments, FasttextFile, FasttextLoss, fasttext_bytes};
use crate::error::{Error, Result};
use crate::text::{Subwords, TextEncoder, Tokens, Words};

/// What turns texts into ids of a model of fastText's.
pub(crate) fn encoder_of(file: &FasttextFile) -> TextEncoder {
    let FasttextArguments { model, word_ngrams, bucket, minn, maxn, .. } = file.arguments;
    let characters = (maxn > 0).then_some(Subwords { min: minn, max: maxn });
    // Word vectors are of words.
    let word_ngrams = if model == Architecture::Supervised { word_ngrams } else { 1 };
    let mut encoder = TextEncoder::of_fasttext(file.words.clone(), characters, word_ngrams, bucket);
    encoder.set_counts(file.counts.clone());
    encoder
}

/// Reads a model of fastText's.
pub(super) fn import(path: &Path) -> Result<Model> {
    let mut file = FasttextFile::open(path)?;
    let FasttextArguments { dim, loss, model: architecture, .. } = file.arguments;
    let encoder = encoder_of(&file);
    let rows = encoder.rows();
    let mut table = Vec::new();
    table.try_reserve_exact(rows * dim).map_err(|_| {
        Error::data(
            path,
            format!("{rows} vectors of {dim} elements do not fit in this machine's memory"),
        )
    })?;
    // Padding and the unknown word have no row there.
    table.resize(encoder.first_word() as usize * dim, 0.0);
    file.read_rows(0, file.rows(), &mut table)?;
    table.resize(rows * dim, 0.0);
    let weight =
        |name: &str, shape: Vec<usize>, values| Parameter { name: name.into(), shape, values };
    let mut weights = vec![weight("embedding.weight", vec![rows, dim], table)];
    let mut layers = vec![Layer::embedding(rows, dim), Layer::mean_pool()];
    let input = Input::Ids { length: encoder.width() };
    let (mut model_loss, mut labels) = (Loss::NegativeSampling, Vec::new());
    if architecture == Architecture::Supervised {
        let activation = match loss {
            FasttextLoss::Softmax => Activation::Softmax,
            FasttextLoss::OneVersusAll | FasttextLoss::NegativeSampling => Activation::Sigmoid,
            FasttextLoss::HierarchicalSoftmax => {
                return Err(Error::data(
                    path,
                    "this fastText model gives its labels by hierarchical softmax, which is not read; train it with softmax, ova or ns",
                ));
            }
        };
        labels = std::mem::take(&mut file.labels);
        if labels.len() < 2 {
            return Err(Error::data(
                path,
                format!("a classifier of {} labels has nothing to tell", labels.len()),
            ));
        }
        let (outputs, units) = (file.read_outputs()?, labels.len());
        let mut kernel = vec![0.0; dim * units];
        for (label, row) in outputs.chunks_exact(dim).enumerate() {
            row.iter().enumerate().for_each(|(i, &value)| kernel[i * units + label] = value);
        }
        layers.push(Layer::dense(units, activation));
        weights.push(weight("dense.kernel", vec![dim, units], kernel));
        weights.push(weight("dense.bias", vec![units], vec![0.0; units]));
        model_loss = Loss::for_activation(activation);
    }
    let mut model = Model::with_parameters(input, layers, model_loss, weights)
        .map_err(|e| Error::data(path, e.to_string()))?;
    model.labels = labels;
    if architecture != Architecture::Supervised {
        model.latent_layer = Some(model.layers().len());
    }
    model.preprocessor = Preprocessor::Text(encoder);
    model.kind = Some(model.inferred_kind());
    model.validate().map_err(|e| Error::data(path, e.to_string()))?;
    Ok(model)
}

impl Model {
    /// The model as fastText writes its own: word vectors, or a classifier of the mean of a text's words. Texts must
    /// then be given to fastText as this model's tokens, with spaces between.
    ///
    /// # Errors
    /// [`Error::Model`] says what fastText's file cannot hold.
    pub(crate) fn to_fasttext(&self) -> Result<Vec<u8>> {
        let refuse =
            |why: &str| Err(Error::Model(format!("fastText's file cannot hold this model: {why}")));
        let Preprocessor::Text(encoder) = &self.preprocessor else {
            return refuse("it reads no texts");
        };
        let Words::Vocabulary(words) = encoder.words() else {
            return refuse("its words are hashed, so their names are not known");
        };
        if encoder.has_own_ngrams() {
            return refuse(
                "its word n-grams have a hash of their own; train it with subwords, whose n-grams are fastText's",
            );
        }
        let kinds: Vec<&str> =
            self.layers.iter().map(Layer::kind).filter(|kind| *kind != "dropout").collect();
        let is_classifier = match kinds[..] {
            ["embedding", "mean_pool"] => false,
            ["embedding", "mean_pool", "dense"] if !self.labels.is_empty() => true,
            _ => return refuse("it has other layers than an embedding, the mean, and the labels"),
        };
        if is_classifier && encoder.word_ngrams() > 1 && encoder.tokens() != Tokens::Fasttext {
            return refuse(
                "its word n-grams do not end with fastText's </s>; train it with tokens = fasttext",
            );
        }
        let weights = |name: &str| {
            self.parameters.iter().find(|p| p.name == name).map_or(&[][..], |p| &p.values[..])
        };
        let (table, bias) = (weights("embedding.weight"), weights("dense.bias"));
        let Some(units) = self.layers[0].units() else { return refuse("it has no embedding") };
        // What fastText has no place for, the bias, stands in one more element that is 1 in every vector.
        let has_bias = bias.iter().any(|&value| value != 0.0);
        let dim = units + has_bias as usize;
        let mut inputs = Vec::new();
        let mut add = |row: usize| {
            inputs.extend_from_slice(&table[row * units..][..units]);
            inputs.extend(has_bias.then_some(1.0));
        };
        let first = encoder.first_word() as usize;
        (first..first + words.len()).for_each(&mut add);
        let bucket = encoder.buckets();
        (0..bucket).for_each(|bucket| add(encoder.bucket_row(bucket as u32) as usize));
        let (labels, outputs, loss, model) = match is_classifier {
            false => {
                let outputs = vec![0.0; words.len() * dim];
                (&[][..], outputs, FasttextLoss::NegativeSampling, Architecture::Skipgram)
            }
            true => {
                let kernel = weights("dense.kernel");
                let own = kernel.len() / units.max(1);
                let mut outputs = Vec::with_capacity(self.labels.len() * dim);
                // Of one output the first label is its absence: 0 beside it in a softmax.
                outputs.resize((self.labels.len() - own) * dim, 0.0);
                for label in 0..own {
                    outputs.extend((0..units).map(|i| kernel[i * own + label]));
                    outputs.extend(has_bias.then(|| bias[label]));
                }
                let is_softmax = own == 1 || self.output_activation() == Activation::Softmax;
                let loss =
                    if is_softmax { FasttextLoss::Softmax } else { FasttextLoss::OneVersusAll };
                (&self.labels[..], outputs, loss, Architecture::Supervised)
            }
        };
        if let Some(name) =
            words.iter().chain(labels).find(|name| name.contains([' ', '\t', '\n', '\r', '\0']))
        {
            return refuse(&format!("{name:?} has white space, which parts words there"));
        }
        let (minn, maxn) =
            encoder.subwords().map_or((0, 0), |subwords| (subwords.min, subwords.max));
        let word_ngrams = encoder.word_ngrams();
        let arguments = FasttextArguments { dim, word_ngrams, loss, model, bucket, minn, maxn };
        let words = (&words[..], encoder.counts());
        Ok(fasttext_bytes(&arguments, words, labels, &inputs, &outputs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Device;
    use crate::data::Inputs;
    use crate::model::Kind;
    use crate::text::TextOptions;

    const TEXTS: [&str; 4] = ["a b c", "b c d", "a d", "c"];

    fn encoder(tokens: Tokens, word_ngrams: usize, subwords: Option<Subwords>) -> TextEncoder {
        let options = TextOptions {
            tokens: Some(tokens),
            word_ngrams,
            ngram_buckets: 30,
            subwords,
            ..TextOptions::default()
        };
        TextEncoder::fit(&TEXTS, &options).expect("an encoder")
    }

    /// A mean of words and a dense layer with weights that look random; a bias of zeros where `bias` is 0.
    fn classifier(
        encoder: TextEncoder,
        head: (usize, Activation),
        labels: usize,
        bias: f32,
    ) -> Model {
        let layers = vec![
            Layer::embedding(encoder.rows(), 3),
            Layer::mean_pool(),
            Layer::dense(head.0, head.1),
        ];
        let input = Input::Ids { length: encoder.width() };
        let mut model =
            Model::new(input, layers, Loss::for_activation(head.1), 3).expect("a model");
        for (n, parameter) in model.parameters_mut().iter_mut().enumerate() {
            let scale = if n == 2 { bias } else { 1.0 };
            let value = |i: usize| scale * ((7 * i + 3 * n + 1) as f32 * 0.7).sin();
            parameter.values.iter_mut().enumerate().for_each(|(i, v)| *v = value(i));
        }
        model.labels = (0..labels).map(|label| format!("label{label}")).collect();
        model.preprocessor = Preprocessor::Text(encoder);
        model.kind = Some(model.inferred_kind());
        model
    }

    /// What fastText's file makes of a model.
    fn again(model: &Model) -> Model {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("m.bin");
        std::fs::write(&path, model.to_fasttext().expect("a file")).expect("written");
        import(&path).expect("read")
    }

    fn outputs(model: &Model) -> Vec<f32> {
        let Preprocessor::Text(encoder) = &model.preprocessor else { panic!("it reads texts") };
        let inputs = Inputs::Ids { values: encoder.encode_all(&TEXTS).0, length: encoder.width() };
        model.predict(&inputs, &Device::cpu()).expect("answers")
    }

    #[test]
    fn a_classifier_answers_the_same_from_its_file_with_a_bias_and_without() {
        let (sigmoid, softmax) = (Activation::Sigmoid, Activation::Softmax);
        let subwords = Some(Subwords { min: 1, max: 2 });
        for bias in [0.0, 0.6] {
            for (head, labels, kind) in [
                ((1, sigmoid), 2, Kind::Classifier),
                ((2, softmax), 2, Kind::Classifier),
                ((3, softmax), 3, Kind::Classifier),
                ((4, sigmoid), 4, Kind::MultiLabel),
            ] {
                for (word_ngrams, subwords) in [(1, None), (2, subwords)] {
                    let encoder = encoder(Tokens::Fasttext, word_ngrams, subwords);
                    let model = classifier(encoder.clone(), head, labels, bias);
                    let found = again(&model);
                    assert_eq!((found.kind(), &found.labels), (kind, &model.labels));
                    let units = found.layers[0].units();
                    assert_eq!(units, Some(3 + (bias != 0.0) as usize), "the bias is an element");
                    let Preprocessor::Text(read) = &found.preprocessor else { panic!("texts") };
                    assert_eq!(read.subwords(), encoder.subwords());
                    assert_eq!((read.word_ngrams(), read.words()), (word_ngrams, encoder.words()));
                    let (own, theirs) = (outputs(&model), outputs(&found));
                    // Of one output its label's probability; there both labels have one.
                    let own = own.iter().flat_map(|&p| match head.0 {
                        1 => vec![1.0 - p, p],
                        _ => vec![p],
                    });
                    assert_eq!(theirs.len(), labels * TEXTS.len());
                    for (own, theirs) in own.zip(theirs) {
                        assert!((own - theirs).abs() < 1e-6, "{head:?} {bias}: {own} {theirs}");
                    }
                }
            }
        }
    }

    #[test]
    fn vectors_of_words_come_back_and_have_no_labels() {
        let encoder = encoder(Tokens::Fasttext, 1, Some(Subwords { min: 2, max: 3 }));
        let mut model = classifier(encoder, (1, Activation::Sigmoid), 0, 0.0);
        model.layers.truncate(2);
        model.parameters.truncate(1);
        model.loss = Loss::NegativeSampling;
        model.latent_layer = Some(2);
        let found = again(&model);
        assert_eq!((found.latent_layer, found.labels.len()), (Some(2), 0));
        let Preprocessor::Text(encoder) = &found.preprocessor else { panic!("it reads texts") };
        let words = 3 * encoder.first_word() as usize..3 * (encoder.first_word() as usize + 4);
        let values = |model: &Model| model.parameters[0].values[words.clone()].to_vec();
        assert_eq!(values(&found), values(&model));
    }

    #[test]
    fn what_its_file_cannot_hold_is_refused() {
        let plain = || encoder(Tokens::Fasttext, 1, None);
        let softmax = |encoder, labels| classifier(encoder, (3, Activation::Softmax), labels, 0.0);
        let refused = |model: &Model, says: &str| {
            let error = model.to_fasttext().expect_err("refused").to_string();
            assert!(error.contains(says), "{error}");
        };
        refused(&softmax(plain(), 0), "it has other layers than");
        refused(&softmax(encoder(Tokens::Space, 2, None), 3), "n-grams");
        let subwords = Some(Subwords { min: 1, max: 2 });
        refused(&softmax(encoder(Tokens::Space, 2, subwords), 3), "do not end with");
        softmax(encoder(Tokens::Space, 1, subwords), 3).to_fasttext().expect("words alone");
        let mut spaced = softmax(plain(), 3);
        spaced.labels[1] = "b c".into();
        refused(&spaced, "\"b c\" has white space");
        spaced.preprocessor = Preprocessor::None;
        refused(&spaced, "it reads no texts");
    }
}
