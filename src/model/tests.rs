//! Models made of others (their parts, the same for longer texts or larger pictures) and what is known of them by
//! their parts.

use super::*;
use crate::data::TargetColumn;
use crate::text::TextOptions;

/// Pictures of this shape, read and given as they are.
fn pixels(shape: ImageShape) -> ImageEncoder {
    ImageEncoder {
        input: shape,
        output: shape,
        resize: false,
        made_grey: false,
        divisor: None,
        output_divisor: None,
    }
}

/// A coder of rows of six with two numbers, `extra` layers in the middle of each part.
fn coder() -> Model {
    let layers = vec![
        Layer::dense(5, Activation::Tanh),
        Layer::dense(5, Activation::Relu),
        Layer::add("dense"),
        Layer::dense(2, Activation::Linear),
        Layer::dense(5, Activation::Tanh),
        Layer::dense(5, Activation::Relu),
        Layer::concat("dense_3"),
        Layer::dense(6, Activation::Linear),
    ];
    let mut model =
        Model::new(Input::Matrix { features: 6 }, layers, Loss::Mse, 3).expect("a model");
    model.latent_layer = Some(4);
    model
}

#[test]
fn parts_of_an_autoencoder_have_its_weights_and_read_from_their_own_layers() {
    let model = coder();
    let (encoder, decoder) =
        (model.encoder_part().expect("one part"), model.decoder_part().expect("the other"));
    let values =
        |model: &Model| model.parameters.iter().map(|p| p.values.clone()).collect::<Vec<_>>();
    assert_eq!([values(&encoder), values(&decoder)].concat(), values(&model));
    assert_eq!(encoder.layer_names(), ["dense", "dense_1", "add", "dense_2"]);
    assert_eq!(encoder.layers[2].from(), Some("dense"));
    assert_eq!(decoder.layer_names(), ["dense", "dense_1", "concat", "dense_2"]);
    assert_eq!(decoder.layers[2].from(), Some("dense"), "it was dense_3 among all");
    assert_eq!((encoder.outputs(), decoder.input().width(), decoder.outputs()), (2, 2, 6));
    assert_eq!(model.latent_width().expect("a code"), 2);
    assert_eq!((encoder.loss, decoder.loss), (Loss::Mse, Loss::Mse));

    let mut ends = coder();
    for (layer, parts) in [(0, false), (1, true), (8, true), (9, false)] {
        ends.latent_layer = Some(layer);
        assert_eq!(ends.encoder_part().is_ok(), parts, "a code behind layer {layer}");
        assert_eq!(ends.latent_width().is_ok(), (1..=8).contains(&layer), "{layer}");
        assert!(ends.decoder_part().is_err(), "{layer}");
    }
    // Of 1 the decoder reads from what lies before the code.
    ends.latent_layer = Some(1);
    let error = ends.decoder_part().expect_err("a layer reads from dense").to_string();
    assert!(error.contains("reads from dense, which lies beyond the latent layer"), "{error}");
    ends.latent_layer = None;
    assert!(ends.encoder_part().expect_err("no code").to_string().contains("no latent layer"));
}

#[test]
fn a_code_that_is_a_picture_is_read_as_one() {
    let layers = vec![
        Layer::reshape(&[4, 6, 1]),
        Layer::conv2d(3, 1, Activation::Relu),
        Layer::conv2d(2, 1, Activation::Relu),
        Layer::conv2d(3, 1, Activation::Relu),
        Layer::add("conv2d"),
        Layer::flatten(),
        Layer::dense(24, Activation::Sigmoid),
    ];
    let mut model =
        Model::new(Input::Matrix { features: 24 }, layers, Loss::Mse, 3).expect("a model");
    model.latent_layer = Some(3);
    // `add` reads from a convolution of the other part.
    assert!(model.decoder_part().is_err());
    let layers = vec![
        Layer::reshape(&[4, 6, 1]),
        Layer::conv2d(2, 1, Activation::Relu),
        Layer::conv2d(3, 1, Activation::Relu),
        Layer::conv2d(3, 1, Activation::Relu),
        Layer::add("conv2d_1"),
        Layer::flatten(),
        Layer::dense(24, Activation::Sigmoid),
    ];
    let mut model =
        Model::new(Input::Matrix { features: 24 }, layers, Loss::Mse, 3).expect("a model");
    model.latent_layer = Some(2);
    let decoder = model.decoder_part().expect("a part");
    assert_eq!(decoder.input().width(), 4 * 6 * 2);
    assert_eq!(decoder.layer_names(), ["reshape", "conv2d", "conv2d_1", "add", "flatten", "dense"]);
    assert_eq!(decoder.layers[3].from(), Some("conv2d"), "it was conv2d_1 among all");
    assert_eq!(decoder.layer_shapes()[1].axes(), [4, 6, 2]);
    // Of the first part nothing lies before.
    model.latent_layer = Some(7);
    let encoder = model.encoder_part().expect("a part");
    assert_eq!(encoder.layer_names()[0], "reshape");
    assert_eq!(encoder.layers[4].from(), Some("conv2d_1"));
}

#[test]
fn a_model_for_longer_texts_is_the_same_otherwise() {
    let texts = ["a b c", "b c d", "a d"];
    let encoder = TextEncoder::fit(&texts, &TextOptions::default()).expect("an encoder");
    let layers = vec![
        Layer::embedding(encoder.rows(), 3),
        Layer::mean_pool(),
        Layer::dense(2, Activation::Sigmoid),
    ];
    let input = Input::Ids { length: encoder.width() };
    let mut model = Model::new(input, layers, Loss::BinaryCrossentropy, 3).expect("a model");
    model.preprocessor = Preprocessor::Text(encoder.clone());
    model.labels = vec!["x".into(), "y".into()];
    model.thresholds = vec![0.25];
    model.latent_layer = Some(2);
    model.noise = Some(Noise { kind: NoiseKind::Mask, amount: 0.5, low: 0.0, high: 1.0 });
    model.source =
        Some(Source { path: "a.csv".into(), text_column: "text".into(), ..Source::default() });
    model.kind = Some(Kind::MultiLabel);

    let room = encoder.room();
    let wider = Room { words: 10 * room.words, ids: 10 * room.ids };
    let longer = model.for_room(wider).expect("a mean reads any length");
    let Preprocessor::Text(of_longer) = &longer.preprocessor else { panic!("it reads texts") };
    assert_eq!(of_longer.room(), wider);
    assert_eq!(longer.input().width(), of_longer.width());
    let same = Model { preprocessor: model.preprocessor.clone(), input: model.input, ..longer };
    assert_eq!(same, model);

    // What is read whole already is not made again.
    assert!(matches!(model.for_texts(&texts), std::borrow::Cow::Borrowed(_)));
    assert!(matches!(model.for_texts(&["a b c d a b c d a b c d"]), std::borrow::Cow::Owned(_)));
    model.preprocessor = Preprocessor::None;
    assert!(model.for_room(wider).is_none());
}

#[test]
fn a_model_for_larger_pictures_is_of_the_same_kind() {
    let shape = ImageShape { width: 6, height: 4, channels: 1 };
    let layers = vec![Layer::reshape(&[4, 6, 1]), Layer::conv2d(1, 1, Activation::Sigmoid)];
    let mut model =
        Model::new(Input::Matrix { features: 24 }, layers, Loss::Mse, 3).expect("a model");
    model.preprocessor = Preprocessor::Image(pixels(shape));
    model.kind = Some(Kind::Translation);
    let larger = model.for_pictures([7, 9]).expect("a convolution takes any size");
    assert_eq!(larger.kind(), Kind::Translation);
    assert_eq!((larger.input().width(), larger.outputs()), (63, 63));
    assert_eq!(larger.parameters, model.parameters);
    let Preprocessor::Image(encoder) = larger.preprocessor else { panic!("it reads pictures") };
    let sides = ImageShape { width: 9, height: 7, channels: 1 };
    assert_eq!((encoder.input, encoder.output), (sides, sides));
    larger.validate().expect("its parts go together");
}

#[test]
fn errors_are_in_standard_deviations_where_columns_are_given_back() {
    let mut model = coder();
    assert!(!model.gives_standardised(), "rows that nothing was done to");
    model.preprocessor = Preprocessor::Table(TableEncoder::default());
    assert!(model.gives_standardised());
    model.latent_layer = None;
    assert!(!model.gives_standardised(), "a regression gives its target's unit");
}

#[test]
fn what_a_model_is_for_is_told_by_its_parts() {
    let of = |outputs: usize, activation, loss, labels: usize| {
        let layers = vec![Layer::dense(outputs, activation)];
        let mut model =
            Model::new(Input::Matrix { features: 4 }, layers, loss, 3).expect("a model");
        model.labels = (0..labels).map(|i| i.to_string()).collect();
        model
    };
    let (sigmoid, softmax, linear) = (Activation::Sigmoid, Activation::Softmax, Activation::Linear);
    let (binary, classes) = (Loss::BinaryCrossentropy, Loss::CategoricalCrossentropy);
    let kinds = [
        (of(3, sigmoid, binary, 3), Kind::MultiLabel),
        (of(1, sigmoid, binary, 1), Kind::MultiLabel),
        (of(1, sigmoid, binary, 2), Kind::Classifier),
        (of(1, sigmoid, binary, 0), Kind::Classifier),
        (of(3, softmax, classes, 3), Kind::Classifier),
        (of(3, softmax, classes, 0), Kind::Classifier),
        (of(3, linear, Loss::Mse, 3), Kind::Classifier),
        (of(3, linear, Loss::Mse, 0), Kind::Regression),
        (of(3, linear, Loss::Mae, 0), Kind::Regression),
    ];
    for (model, kind) in kinds {
        assert_eq!(model.kind(), kind, "{:?} {:?}", model.loss, model.labels);
    }
    let mut model = coder();
    assert_eq!(model.kind(), Kind::Autoencoder);
    let source = Source { path: "a".into(), targets: Some("b".into()), ..Source::default() };
    model.source = Some(source.clone());
    assert_eq!(model.kind(), Kind::Translation, "a coder of what it does not read");
    model.latent_layer = None;
    assert_eq!(model.kind(), Kind::Regression, "columns from columns");
    model.source = Some(Source { targets: None, ..source });
    model.latent_layer = Some(4);
    assert_eq!(model.kind(), Kind::Autoencoder);
    model.set_kind(Kind::Regression);
    assert_eq!(model.kind(), Kind::Regression, "as its file says");
}

#[test]
fn tables_and_labels_are_held_to_the_layers() {
    let says = |model: &Model| model.validate().expect_err("refused").to_string();
    let dense = |outputs, activation, loss| {
        let layers = vec![Layer::dense(outputs, activation)];
        Model::new(Input::Matrix { features: 2 }, layers, loss, 3).expect("a model")
    };
    let mut several = dense(3, Activation::Sigmoid, Loss::BinaryCrossentropy);
    several.kind = Some(Kind::MultiLabel);
    assert!(says(&several).contains("several labels"), "no names of them");
    several.labels = vec!["a".into(), "b".into(), "c".into()];
    several.validate().expect("three of three");
    for (thresholds, good) in [(1, true), (3, true), (2, false), (4, false)] {
        several.thresholds = vec![0.5; thresholds];
        assert_eq!(several.validate().is_ok(), good, "{thresholds}");
    }
    let mut other = dense(3, Activation::Softmax, Loss::CategoricalCrossentropy);
    other.labels = several.labels.clone();
    other.kind = Some(Kind::MultiLabel);
    assert!(says(&other).contains("several labels"), "a softmax answers one");
    other.kind = None;
    other.thresholds = vec![0.5];
    assert!(says(&other).contains("1 thresholds do not go with"));

    let mut table = dense(2, Activation::Linear, Loss::Mse);
    let good = TableEncoder {
        columns: vec!["a".into(), "b".into()],
        means: vec![0.0; 2],
        deviations: vec![1.0; 2],
        ..TableEncoder::default()
    };
    let column = |mean, deviation| TargetColumn { name: "y".into(), mean, deviation };
    let mut validated = |encoder: TableEncoder| {
        table.preprocessor = Preprocessor::Table(encoder);
        table.validate().map_err(|error| error.to_string())
    };
    for (targets, fits) in [(0, true), (1, false), (2, true), (3, false)] {
        let targets = vec![column(0.0, 1.0); targets];
        assert_eq!(
            validated(TableEncoder { targets: targets.clone(), ..good.clone() }).is_ok(),
            fits,
            "{targets:?}"
        );
    }
    for (mean, deviation) in
        [(f64::NAN, 1.0), (f64::INFINITY, 1.0), (0.0, 0.0), (0.0, -1.0), (0.0, f64::NAN)]
    {
        let targets = vec![column(0.0, 1.0), column(mean, deviation)];
        let error = validated(TableEncoder { targets, ..good.clone() }).expect_err("refused");
        assert!(error.contains("scale nothing"), "{error}");
    }
    for (constant, indicators, fits) in [
        (vec![0, 1], vec![], true),
        (vec![2], vec![], false),
        (vec![], vec![2], false),
        (vec![0, 2], vec![], false),
    ] {
        let encoder = TableEncoder {
            constant: constant.clone(),
            indicators: indicators.clone(),
            ..good.clone()
        };
        assert_eq!(validated(encoder).is_ok(), fits, "{constant:?} {indicators:?}");
    }
}

#[test]
fn pictures_are_divided_by_a_number_that_can_be() {
    let shape = ImageShape { width: 2, height: 1, channels: 1 };
    let layers = vec![Layer::dense(2, Activation::Linear)];
    let mut model =
        Model::new(Input::Matrix { features: 2 }, layers, Loss::Mse, 3).expect("a model");
    for (divisor, fits) in [
        (255.0, true),
        (1e-3, true),
        (0.0, false),
        (-1.0, false),
        (f64::NAN, false),
        (f64::INFINITY, false),
    ] {
        for (divisor, output_divisor) in
            [(Some(divisor), None), (None, Some(divisor)), (Some(1.0), Some(divisor))]
        {
            let encoder = ImageEncoder { divisor, output_divisor, ..pixels(shape) };
            model.preprocessor = Preprocessor::Image(encoder);
            assert_eq!(model.validate().is_ok(), fits, "{divisor:?} {output_divisor:?}");
        }
    }
}

/// Two convolutions of 3 x 3 without padding reach four pixels far to one side; a dense layer reads all of them.
#[test]
fn what_a_pixel_depends_on_is_told_by_the_layers() {
    let conv = || Layer::conv2d(2, 3, Activation::Relu);
    let of = |more: Vec<Layer>| {
        let layers = [vec![Layer::reshape(&[8, 8, 1])], more].concat();
        let model = Model::new(Input::Matrix { features: 64 }, layers, Loss::Mse, 1);
        model.expect("a model").field()
    };
    let field = of(vec![conv(), conv()]).expect("a field");
    assert_eq!((field.halo, field.strides), ([4, 4], [1, 1]));
    assert!(of(vec![conv(), Layer::flatten(), Layer::dense(1, Activation::Linear)]).is_none());
}

/// What reads neither several labels nor packed tables reads the others.
#[test]
fn a_file_has_the_version_that_its_model_needs() {
    let version = |model: &Model, storage| {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("m.safetensors");
        model.save_as(&path, storage).expect("it is written");
        let bytes = std::fs::read(&path).expect("the file");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        (1..9).find(|version| text.contains(&format!("\\\"version\\\":{version},")))
    };
    let layers = vec![Layer::dense(3, Activation::Sigmoid)];
    let mut model = Model::new(Input::Matrix { features: 4 }, layers, Loss::BinaryCrossentropy, 3)
        .expect("a model");
    assert_eq!(version(&model, Storage::F32), Some(2));
    model.set_kind(Kind::MultiLabel);
    model.labels = ["a", "b", "c"].map(String::from).to_vec();
    assert_eq!(version(&model, Storage::F32), Some(3));
    let layers =
        vec![Layer::embedding(20, 4), Layer::mean_pool(), Layer::dense(1, Activation::Sigmoid)];
    let words = Model::new(Input::Ids { length: 5 }, layers, Loss::BinaryCrossentropy, 3);
    let words = words.expect("a model");
    assert_eq!(version(&words, Storage::F32), Some(2));
    assert_eq!(version(&words, Storage::F16), Some(3));
}

#[test]
fn weights_are_counted_before_they_are_drawn() {
    let model = coder();
    let count = |layers: &[Layer]| Model::count_parameters(model.input, layers, model.loss);
    assert_eq!(count(&model.layers).expect("a count"), model.parameter_count() as u64);
    assert_eq!(count(&[Layer::dense(3, Activation::Linear)]).expect("a count"), 6 * 3 + 3);
    assert!(count(&[]).is_err());
}
