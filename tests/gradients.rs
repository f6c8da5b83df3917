//! Gradients of whole models against central finite differences of the loss, computed in
//! double precision.

mod common;

use wgslearn::backend::{CpuExecutor, Executor};
use wgslearn::model::Parameter;
use wgslearn::train::Role;
use wgslearn::*;

fn session<'a>(model: &Model, trainer: &Trainer, dataset: &'a Dataset) -> Session<'a> {
    let prepare = |program: &program::Program| -> Result<Box<dyn Executor>> {
        Ok(Box::new(CpuExecutor::<f64>::new(program)?))
    };
    Session::open(model, trainer, dataset, None, 1 << 31, prepare).expect("a session")
}

/// The loss of the first batch at these weights, by a fresh session so that dropout draws the
/// same masks.
fn loss(model: &Model, trainer: &Trainer, dataset: &Dataset) -> f64 {
    let rows: Vec<u32> = (0..dataset.rows() as u32).collect();
    session(model, trainer, dataset).train_rows(&rows).expect("a step").loss
}

fn check(name: &str, model: &Model, dataset: &Dataset, tolerance: f64) {
    check_as(name, model, dataset, tolerance, Trainer::default());
}

fn check_as(name: &str, model: &Model, dataset: &Dataset, tolerance: f64, trainer: Trainer) {
    // Lazy tables keep no gradient of the whole table.
    let (batch_size, shuffle) = (dataset.rows(), false);
    let fusions = Fusions::ALL.with_lazy_rows(false);
    let trainer = Trainer { batch_size, shuffle, fusions, ..trainer };
    let rows: Vec<u32> = (0..dataset.rows() as u32).collect();
    let mut first = session(model, &trainer, dataset);
    first.train_rows(&rows).expect("a step");
    let gradients = first.read(Role::Gradients).expect("gradients");
    let largest = gradients
        .iter()
        .flat_map(|gradient| &gradient.values)
        .fold(0.0f64, |largest, value| largest.max(value.abs() as f64));
    assert!(largest > 1e-4, "{name}: the gradient vanishes");
    for gradient in &gradients {
        // Running statistics have none.
        let own = model.parameters().iter().find(|parameter| parameter.name == gradient.name);
        let parameter = own.expect("the model's");
        let count = parameter.values.len();
        for at in (0..count).step_by(count.div_ceil(17)) {
            let moved = |by: f32| {
                let mut model = model.clone();
                let mut values = parameter.values.clone();
                values[at] += by;
                let exact = values[at] as f64;
                model
                    .set_parameters(vec![Parameter { values, ..parameter.clone() }])
                    .expect("the same shape");
                (exact, loss(&model, &trainer, dataset))
            };
            // Fourth order: losses are read in single precision, so the step must not be small.
            let [(a, f_a), (b, f_b), (c, f_c), (d, f_d)] = [-2e-2, -1e-2, 1e-2, 2e-2].map(moved);
            let slope = (8.0 * (f_c - f_b) - (f_d - f_a)) / (6.0 * (c - b));
            assert!(((d - a) / (c - b) - 2.0).abs() < 1e-3, "the four points are evenly spaced");
            let off = (slope - gradient.values[at] as f64).abs();
            assert!(
                off < tolerance * largest,
                "{name}: {} at {at} has the gradient {}, but the loss has the slope {slope}",
                parameter.name,
                gradient.values[at]
            );
        }
    }
}

/// Numbers between -1 and 1 that look random.
fn wave(count: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * i + 3 * i + 1) as f32 * 0.37).sin()).collect()
}

fn ids(rows: usize, length: usize, below: usize) -> Inputs {
    let values = (0..rows * length).map(|i| ((i * i + i / 3) % below) as u32).collect();
    Inputs::Ids { values, length }
}

fn dense(units: usize, activation: Activation) -> Layer {
    Layer::dense(units, activation)
}

#[test]
fn text_models_have_the_gradient_of_their_loss() {
    for pool in [Layer::flatten(), Layer::mean_pool()] {
        let layers = vec![
            Layer::embedding(13, 5),
            Layer::dropout(0.25),
            pool,
            Layer::dropout(0.5),
            dense(7, Activation::Tanh),
            Layer::dropout(0.2),
            dense(1, Activation::Sigmoid),
        ];
        let input = Input::Ids { length: 6 };
        let mut model = Model::new(input, layers, Loss::BinaryCrossentropy, 3).expect("a model");
        // Larger embeddings than fresh ones, so that slopes stand out.
        let table = &model.parameters()[0];
        let table = Parameter { values: wave(13 * 5), ..table.clone() };
        model.set_parameters(vec![table]).expect("the same shape");
        let targets =
            Targets::Values { values: (0..9).map(|i| (i % 2) as f32).collect(), width: 1 };
        let dataset = Dataset::new(ids(9, 6, 13), targets, "ids").expect("rows");
        check("text", &model, &dataset, 1e-3);
    }
}

/// A sampled softmax has the gradient of the loss that it draws; a class that no row has and that is not drawn has none.
#[test]
fn sampled_softmaxes_have_the_gradient_of_their_loss() {
    for use_bias in [true, false] {
        let last = Dense::new(40, Activation::Softmax);
        let last = if use_bias { last } else { last.without_bias() };
        let layers = vec![
            Layer::embedding(13, 5),
            Layer::mean_pool(),
            dense(6, Activation::Tanh),
            last.into(),
        ];
        let input = Input::Ids { length: 6 };
        let mut model =
            Model::new(input, layers, Loss::CategoricalCrossentropy, 3).expect("a model");
        let table = Parameter { values: wave(13 * 5), ..model.parameters()[0].clone() };
        model.set_parameters(vec![table]).expect("the same shape");
        let classes = (0..9).map(|i| (i * i % 30) as f32).collect();
        let targets = Targets::Values { values: classes, width: 1 };
        let dataset = Dataset::new(ids(9, 6, 13), targets, "ids").expect("rows");
        let trainer = Trainer { sampled_classes: Some(11), ..Trainer::default() };
        check_as("sampled softmax", &model, &dataset, 1e-3, trainer);
    }
}

/// A batch and table large enough for the sort.
#[test]
fn large_embeddings_have_the_gradient_of_their_loss() {
    let layers = vec![Layer::embedding(700, 3), Layer::mean_pool(), dense(3, Activation::Softmax)];
    let input = Input::Ids { length: 40 };
    let mut model = Model::new(input, layers, Loss::CategoricalCrossentropy, 3).expect("a model");
    let table = Parameter { values: wave(2100), ..model.parameters()[0].clone() };
    model.set_parameters(vec![table]).expect("the same shape");
    let targets = Targets::Values { values: (0..60).map(|i| (i % 3) as f32).collect(), width: 1 };
    let dataset = Dataset::new(ids(60, 40, 700), targets, "ids").expect("rows");
    assert!(!kernels::embedding_gradient::is_direct(60 * 40, 700, 3));
    check("large embedding", &model, &dataset, 1e-3);

    // Read by one unit, the gradient of what it reads is never written down.
    let layers = vec![Layer::embedding(700, 3), Layer::flatten(), dense(1, Activation::Sigmoid)];
    let mut model = Model::new(input, layers, Loss::BinaryCrossentropy, 3).expect("a model");
    let table = Parameter { values: wave(2100), ..model.parameters()[0].clone() };
    model.set_parameters(vec![table]).expect("the same shape");
    let targets = Targets::Values { values: (0..60).map(|i| (i % 2) as f32).collect(), width: 1 };
    let dataset = Dataset::new(ids(60, 40, 700), targets, "ids").expect("rows");
    check("large embedding, read by one unit", &model, &dataset, 1e-3);
}

#[test]
fn dense_stacks_have_the_gradient_of_their_loss() {
    let outputs = [
        (Activation::Linear, Loss::Mse),
        (Activation::Relu, Loss::Mse),
        (Activation::Tanh, Loss::Mse),
        (Activation::Sigmoid, Loss::Mse),
        (Activation::Sigmoid, Loss::BinaryCrossentropy),
        (Activation::Softmax, Loss::CategoricalCrossentropy),
    ];
    for (output, loss) in outputs {
        let layers = vec![
            Layer::dropout(0.1),
            dense(6, Activation::Sigmoid),
            Layer::flatten(),
            dense(5, Activation::Linear),
            dense(7, Activation::Tanh),
            Layer::dropout(0.3),
            dense(4, output),
        ];
        let input = Input::Matrix { features: 8 };
        let model = Model::new(input, layers, loss, 5).expect("a model");
        let inputs = Inputs::Matrix { values: wave(11 * 8), features: 8 };
        let values = wave(11 * 4).into_iter().map(|v| v.abs()).collect();
        let targets = Targets::Values { values, width: 4 };
        let dataset = Dataset::new(inputs, targets, "matrix").expect("rows");
        // Differences across relu's kink are off by its jump.
        let tolerance = if output == Activation::Relu { 2e-2 } else { 1e-3 };
        check(&format!("{output:?} and {}", loss.name()), &model, &dataset, tolerance);
    }
}

/// Bags give their ids back: shares of words by softmax, words by sigmoid.
#[test]
fn bags_have_the_gradient_of_their_loss() {
    let outputs = [
        (Activation::Softmax, Loss::CategoricalCrossentropy),
        (Activation::Sigmoid, Loss::BinaryCrossentropy),
    ];
    // A small table, whose gradient is direct, and one that is sorted for.
    for (rows, (output, loss)) in [13, 700].into_iter().zip(outputs) {
        for mode in [BagMode::Sum, BagMode::Mean, BagMode::SqrtN] {
            let bag = Layer::embedding_bag(rows, 5, mode, Activation::Tanh);
            let layers = vec![bag, dense(3, Activation::Linear), dense(rows, output)];
            let input = Input::Ids { length: 40 };
            let mut model = Model::new(input, layers, loss, 3).expect("a model");
            let kernel = Parameter { values: wave(rows * 5), ..model.parameters()[0].clone() };
            let back = Parameter { values: wave(3 * rows), ..model.parameters()[4].clone() };
            model.set_parameters(vec![kernel, back]).expect("the same shapes");
            let dataset = Dataset::new(ids(20, 40, rows), Targets::Inputs, "ids").expect("rows");
            check(&format!("{mode:?} of {rows}"), &model, &dataset, 1e-3);
        }
    }
}

/// A bag by itself: logits of one word's presence.
#[test]
fn a_bag_at_the_end_has_the_gradient_of_its_loss() {
    for (activation, loss) in
        [(Activation::Sigmoid, Loss::BinaryCrossentropy), (Activation::Tanh, Loss::Mse)]
    {
        let bag = Layer::embedding_bag(13, 2, BagMode::SqrtN, activation);
        let model = Model::new(Input::Ids { length: 6 }, vec![bag], loss, 3).expect("a model");
        let values = (0..18).map(|i| (i % 2) as f32).collect();
        let targets = Targets::Values { values, width: 2 };
        let dataset = Dataset::new(ids(9, 6, 13), targets, "ids").expect("rows");
        check(loss.name(), &model, &dataset, 1e-3);
    }
}

/// Noise in front of the first layer, the clean rows as targets.
#[test]
fn denoising_models_have_the_gradient_of_their_loss() {
    let layers = vec![dense(6, Activation::Tanh), dense(8, Activation::Sigmoid)];
    let input = Input::Matrix { features: 8 };
    let mut model = Model::new(input, layers, Loss::Mse, 5).expect("a model");
    let values = wave(11 * 8).into_iter().map(|v| v.abs()).collect();
    let inputs = Inputs::Matrix { values, features: 8 };
    let dataset = Dataset::new(inputs, Targets::Inputs, "matrix").expect("rows");
    for noise in ["gaussian:0.3", "salt-pepper:0.2", "mask:0.4"] {
        model.noise = Some(noise.parse().expect("a noise"));
        check(noise, &model, &dataset, 1e-3);
    }
}

/// Values that several layers read: their gradients are summed.
#[test]
fn skip_connections_have_the_gradient_of_their_loss() {
    let inputs = Inputs::Matrix { values: wave(11 * 5), features: 5 };
    let targets = Targets::Values { values: wave(11 * 2), width: 2 };
    let dataset = Dataset::new(inputs, targets, "waves").expect("rows");
    let layers = vec![
        dense(6, Activation::Tanh),
        dense(6, Activation::Sigmoid),
        Layer::add("dense"),
        Layer::dropout(0.2),
        dense(4, Activation::Tanh),
        Layer::concat("dense"),
        Layer::add("concat"),
        Layer::concat("dense_1"),
        dense(2, Activation::Linear),
    ];
    let model = Model::new(Input::Matrix { features: 5 }, layers, Loss::Mse, 5).expect("a model");
    check("skips", &model, &dataset, 1e-3);
}

/// Along the last axis of sequences, too, and from an embedding on.
#[test]
fn sums_and_concatenations_of_sequences_have_the_gradient_of_their_loss() {
    let layers = vec![
        Layer::embedding(13, 3),
        Layer::dropout(0.3),
        Layer::add("embedding"),
        Layer::concat("dropout"),
        Layer::mean_pool(),
        dense(1, Activation::Sigmoid),
    ];
    let input = Input::Ids { length: 6 };
    let mut model = Model::new(input, layers, Loss::BinaryCrossentropy, 3).expect("a model");
    let table = Parameter { values: wave(13 * 3), ..model.parameters()[0].clone() };
    model.set_parameters(vec![table]).expect("the same shape");
    let targets = Targets::Values { values: (0..9).map(|i| (i % 2) as f32).collect(), width: 1 };
    let dataset = Dataset::new(ids(9, 6, 13), targets, "ids").expect("rows");
    check("sequences", &model, &dataset, 1e-3);
}

#[test]
fn a_layer_reads_only_from_earlier_ones_of_a_shape_that_fits() {
    let new = |layers: Vec<Layer>| {
        Model::new(Input::Matrix { features: 5 }, layers, Loss::Mse, 5).expect_err("refused")
    };
    let last = || dense(2, Activation::Linear);
    let error = new(vec![dense(3, Activation::Relu), Layer::add("dense_1"), last()]).to_string();
    assert!(error.contains("layer 2 (add)") && error.contains("\"dense_1\""), "{error}");
    assert!(error.contains("before it are dense"), "{error}");
    let layers =
        vec![dense(3, Activation::Relu), dense(4, Activation::Relu), Layer::add("dense"), last()];
    let error = new(layers).to_string();
    assert!(error.contains("(None, 4)") && error.contains("(None, 3)"), "{error}");
    let error = new(vec![Layer::concat("dense"), last()]).to_string();
    assert!(error.contains("there is none before it"), "{error}");
}

#[test]
fn layer_normalisation_has_the_gradient_of_its_loss() {
    let inputs = Inputs::Matrix { values: wave(11 * 5), features: 5 };
    let targets = Targets::Values { values: wave(11 * 2), width: 2 };
    let dataset = Dataset::new(inputs, targets, "waves").expect("rows");
    let layers = vec![
        Layer::layer_norm(),
        dense(9, Activation::Sigmoid),
        Layer::layer_norm(),
        dense(6, Activation::Tanh),
        dense(2, Activation::Linear),
    ];
    let model = Model::new(Input::Matrix { features: 5 }, layers, Loss::Mse, 5).expect("a model");
    check("layer_norm", &model, &dataset, 1e-3);
}

/// As a hidden layer's activation, as a bag's, and as the output's, where the loss takes what it gives.
#[test]
fn gelu_has_the_gradient_of_its_loss() {
    let targets = || Targets::Values { values: wave(11 * 2), width: 2 };
    let inputs = Inputs::Matrix { values: wave(11 * 5), features: 5 };
    let dataset = Dataset::new(inputs, targets(), "waves").expect("rows");
    let layers = vec![dense(9, Activation::Gelu), dense(2, Activation::Gelu)];
    let model = Model::new(Input::Matrix { features: 5 }, layers, Loss::Mse, 5).expect("a model");
    check("gelu", &model, &dataset, 1e-3);
    let dataset = Dataset::new(ids(11, 6, 13), targets(), "ids").expect("rows");
    let bag = Layer::embedding_bag(13, 4, BagMode::Mean, Activation::Gelu);
    let layers = vec![bag, dense(2, Activation::Linear)];
    let model = Model::new(Input::Ids { length: 6 }, layers, Loss::Mse, 5).expect("a model");
    check("gelu bag", &model, &dataset, 1e-3);
}

/// Targets on both sides of where the square turns into a line.
#[test]
fn huber_models_have_the_gradient_of_their_loss() {
    let inputs = Inputs::Matrix { values: wave(11 * 5), features: 5 };
    let targets = wave(11 * 2).into_iter().map(|y| 3.0 * y).collect();
    let dataset = Dataset::new(inputs, Targets::Values { values: targets, width: 2 }, "waves");
    let layers = vec![dense(6, Activation::Tanh), dense(2, Activation::Sigmoid)];
    let input = Input::Matrix { features: 5 };
    let model = Model::new(input, layers.clone(), Loss::huber(0.8), 5).expect("a model");
    check("huber", &model, &dataset.expect("rows"), 1e-3);
    let error = Model::new(input, layers, Loss::huber(0.0), 5).expect_err("no delta");
    assert!(error.to_string().contains("delta is 0"), "{error}");
}

#[test]
fn models_of_absolute_errors_have_their_gradient() {
    let inputs = Inputs::Matrix { values: wave(11 * 5), features: 5 };
    let targets = wave(11 * 2).into_iter().map(|y| 3.0 * y).collect();
    let dataset = Dataset::new(inputs, Targets::Values { values: targets, width: 2 }, "waves");
    let layers = vec![dense(6, Activation::Tanh), dense(2, Activation::Sigmoid)];
    let input = Input::Matrix { features: 5 };
    let model = Model::new(input, layers, Loss::Mae, 5).expect("a model");
    check("mae", &model, &dataset.expect("rows"), 1e-3);
}

/// Pictures of 4 x 3 pixels of two numbers.
#[test]
fn models_of_edges_have_the_gradient_of_their_loss() {
    let inputs = Inputs::Matrix { values: wave(7 * 5), features: 5 };
    let targets = wave(7 * 24).into_iter().map(|y| 2.0 * y).collect();
    let dataset = Dataset::new(inputs, Targets::Values { values: targets, width: 24 }, "waves");
    let dataset = dataset.expect("rows");
    let input = Input::Matrix { features: 5 };
    for activation in [Activation::Sigmoid, Activation::Linear] {
        let layers = vec![dense(6, Activation::Tanh), dense(24, activation)];
        let model = Model::new(input, layers, Loss::edges(1.5, 4, 2), 5).expect("a model");
        check("edges", &model, &dataset, 1e-3);
    }
    let layers = vec![dense(24, Activation::Linear)];
    for (loss, says) in [
        (Loss::edges(-1.0, 4, 2), "weight is -1"),
        (Loss::edges(f32::NAN, 4, 2), "weight is NaN"),
        (Loss::edges(1.0, 0, 2), "width is 0"),
        (Loss::edges(1.0, 4, u32::MAX), "channels is"),
    ] {
        let error = Model::new(input, layers.clone(), loss, 5).expect_err("refused");
        assert!(error.to_string().contains(says), "{error}");
    }
}

/// Pictures of 9 x 8 pixels of two numbers, of which some are far from their targets and some near.
#[test]
fn models_of_structure_have_the_gradient_of_their_loss() {
    let inputs = Inputs::Matrix { values: wave(5 * 6), features: 6 };
    let targets = wave(5 * 144).into_iter().map(|y| 0.5 + 0.4 * y).collect();
    let dataset = Dataset::new(inputs, Targets::Values { values: targets, width: 144 }, "waves");
    let dataset = dataset.expect("rows");
    let input = Input::Matrix { features: 6 };
    for loss in [Loss::ssim(1.5, 9, 2), Loss::ssim(0.3, 8, 2)] {
        for activation in [Activation::Sigmoid, Activation::Linear, Activation::Tanh] {
            let layers = vec![dense(6, Activation::Tanh), dense(144, activation)];
            let model = Model::new(input, layers, loss, 5).expect("a model");
            check("ssim", &model, &dataset, 1e-3);
        }
    }
    // Amounts have a kink at 0, so these errors and their differences between neighbours are far from it: a chessboard.
    let inputs = Inputs::Matrix { values: wave(5 * 6), features: 6 };
    let square = |i: usize| ((i / 2 % 9 + i / 18) % 2) as f32;
    let targets =
        wave(5 * 144).iter().enumerate().map(|(i, y)| 0.1 + 0.8 * square(i) + 0.02 * y).collect();
    let far = Dataset::new(inputs, Targets::Values { values: targets, width: 144 }, "waves");
    let far = far.expect("rows");
    for loss in [Loss::ssim(2.0, 9, 2).of_amounts(), Loss::edges(1.5, 9, 2).of_amounts()] {
        let layers = vec![dense(6, Activation::Tanh), dense(144, Activation::Sigmoid)];
        let model = Model::new(input, layers, loss, 5).expect("a model");
        check(loss.name(), &model, &far, 1e-3);
    }
    let layers = vec![dense(144, Activation::Linear)];
    for (loss, says) in [
        (Loss::ssim(-1.0, 9, 2), "weight is -1"),
        (Loss::ssim(f32::NAN, 9, 2), "weight is NaN"),
        (Loss::ssim(1.0, 6, 2), "width is 6"),
        (Loss::ssim(1.0, 9, 0), "channels is 0"),
        (Loss::ssim(1.0, 9, u32::MAX), "channels is"),
        (Loss::ssim(1.0, 24, 1), "at least 7 lines"),
        (Loss::ssim(1.0, 7, 1), "144 outputs are no picture 7 wide"),
    ] {
        let error = Model::new(input, layers.clone(), loss, 5).expect_err("refused");
        assert!(error.to_string().contains(says), "{error}");
    }
}

/// The loss is what the report calls SSIM: 1 less it, times the weight, beside the error of pixels.
#[test]
fn the_loss_of_structure_is_that_of_the_report() {
    let shape = data::ImageShape { width: 11, height: 9, channels: 3 };
    let (features, rows) = (shape.len(), 4);
    let values: Vec<f32> = wave(rows * features).into_iter().map(|v| 0.5 + 0.5 * v).collect();
    let targets: Vec<f32> = values
        .iter()
        .enumerate()
        .map(|(i, v)| (v * 0.8 + (i % 7) as f32 * 0.03).min(1.0))
        .collect();
    let layers = vec![dense(features, Activation::Linear)];
    for absolute in [false, true] {
        let loss = Loss::ssim(0.7, 11, 3);
        let loss = if absolute { loss.of_amounts() } else { loss };
        let mut model =
            Model::new(Input::Matrix { features }, layers.clone(), loss, 5).expect("a model");
        // The network gives back what it reads.
        let mut weights = model.parameters().to_vec();
        let identity = (0..features * features).map(|i| (i % (features + 1) == 0) as u8 as f32);
        weights[0].values = identity.collect();
        model.set_parameters(weights).expect("weights of that shape");
        let inputs = Inputs::Matrix { values: values.clone(), features };
        let told = Targets::Values { values: targets.clone(), width: features };
        let dataset = Dataset::new(inputs, told, "pictures").expect("rows");
        let optimizer = Optimizer::sgd(0.0, 0.0);
        let trainer = Trainer { batch_size: rows, optimizer, ..Trainer::default() };
        let found = self::loss(&model, &trainer, &dataset);
        let errors = values.iter().zip(&targets).map(|(p, y)| (*p as f64 - *y as f64).abs());
        let size = |e: f64| if absolute { e } else { e * e };
        let pixels = errors.map(size).sum::<f64>() / values.len() as f64;
        let similar = report::ssim(shape, &values, &targets, 1.0).expect("pictures");
        let expected = pixels + 0.7f32 as f64 * (1.0 - similar);
        assert!((found - expected).abs() < 1e-5 * expected, "{found}, {expected}");
    }
}

/// A data set of pictures `[height, width, channels]` in rows, and two targets each.
fn pictures(rows: usize, features: usize) -> Dataset {
    let inputs = Inputs::Matrix { values: wave(rows * features), features };
    let targets = Targets::Values { values: wave(rows * 2), width: 2 };
    Dataset::new(inputs, targets, "pictures").expect("rows")
}

fn checked(name: &str, layers: &[Layer], [height, width, channels]: [usize; 3], tolerance: f64) {
    let features = height * width * channels;
    let shape = [height as i64, width as i64, -1];
    let head = [Layer::flatten(), dense(2, Activation::Linear)];
    let layers = [&[Layer::reshape(&shape)], layers, &head].concat();
    let input = Input::Matrix { features };
    let model = Model::new(input, layers, Loss::Mse, 5).expect("a model");
    check(name, &model, &pictures(5, features), tolerance);
}

#[test]
fn normalisations_of_pictures_have_the_gradient_of_their_loss() {
    let act = Layer::activation_of;
    let batch = [
        Layer::batch_norm(),
        act(Activation::Silu),
        Layer::batch_norm(),
        act(Activation::Tanh),
        Layer::batch_norm(),
    ];
    checked("batch_norm", &batch, [3, 5, 4], 1e-3);
    let group = [
        Layer::group_norm(2),
        act(Activation::Sigmoid),
        Layer::group_norm(-1),
        act(Activation::Gelu),
        Layer::group_norm(3),
        Layer::global_average_pool(),
    ];
    checked("group_norm", &group, [4, 3, 6], 1e-3);
    let leaky = [Layer::batch_norm(), Layer::leaky_relu(0.3), Layer::global_average_pool()];
    checked("leaky_relu", &leaky, [3, 2, 3], 2e-2);
}

#[test]
fn pools_and_enlargements_have_the_gradient_of_their_loss() {
    let tanh = || [Layer::batch_norm(), Layer::activation_of(Activation::Tanh)];
    let pool: Layer = MaxPool::new([2, 3]).with_strides(1).with_padding(Padding::Same).into();
    let layers = [&tanh()[..], &[Layer::max_pool(2), pool, Layer::batch_norm()]].concat();
    // Differences across a change of the largest are off by its jump.
    checked("max_pool", &layers, [7, 5, 3], 2e-2);
    let pool: Layer = AveragePool::new(3).with_strides([2, 1]).with_padding(Padding::Same).into();
    let layers = [&tanh()[..], &[Layer::average_pool([2, 1]), pool, Layer::batch_norm()]].concat();
    checked("average_pool", &layers, [7, 5, 3], 1e-3);
    let nearest = Layer::upsample(2, Interpolation::Nearest);
    let bilinear = Layer::upsample([3, 2], Interpolation::Bilinear);
    let layers = [&tanh()[..], &[nearest, Layer::batch_norm(), bilinear]].concat();
    checked("upsample", &layers, [3, 2, 3], 1e-3);
}

#[test]
fn batch_normalisation_of_vectors_and_sequences_has_the_gradient_of_its_loss() {
    let layers = vec![
        dense(6, Activation::Tanh),
        Layer::batch_norm(),
        dense(5, Activation::Silu),
        Layer::batch_norm(),
        Layer::activation_of(Activation::Sigmoid),
        dense(2, Activation::LeakyRelu),
    ];
    let model = Model::new(Input::Matrix { features: 5 }, layers, Loss::Mse, 5).expect("a model");
    check("vectors", &model, &pictures(11, 5), 1e-3);
    let layers = vec![
        Layer::embedding(13, 4),
        Layer::batch_norm(),
        Layer::mean_pool(),
        dense(2, Activation::Linear),
    ];
    let model = Model::new(Input::Ids { length: 6 }, layers, Loss::Mse, 3).expect("a model");
    let targets = Targets::Values { values: wave(22), width: 2 };
    let dataset = Dataset::new(ids(11, 6, 13), targets, "ids").expect("rows");
    check("sequences", &model, &dataset, 5e-3);
}

/// Convolutions of every kind behind one another: strides, dilation, groups, depthwise, even kernels, both paddings, and
/// transposed ones.
#[test]
fn convolutions_have_the_gradient_of_their_loss() {
    let (same, tanh) = (Padding::Same, Activation::Tanh);
    let picture = || Layer::reshape(&[7, 6, 2]);
    let conv = |filters, kernel| Conv2d::new(filters, kernel, tanh);
    let back = |filters, kernel| Conv2dTranspose::new(filters, kernel, tanh);
    let models: Vec<(&str, Vec<Layer>)> = vec![
        (
            "same, strided",
            vec![
                conv(4, [3, 3]).with_padding(same).into(),
                conv(3, [3, 2]).with_padding(same).with_strides([2, 3]).into(),
            ],
        ),
        (
            "valid, strided, even",
            vec![
                conv(3, [2, 4]).with_strides(2).into(),
                conv(4, [1, 1]).with_strides(2).with_padding(same).into(),
            ],
        ),
        (
            "dilated, in groups",
            vec![
                conv(4, [2, 2]).with_dilation([3, 2]).into(),
                conv(6, [3, 3]).with_padding(same).with_groups(2).with_dilation([1, 2]).into(),
            ],
        ),
        (
            "depthwise",
            vec![
                conv(2, [3, 3]).with_padding(same).with_groups(2).into(),
                conv(4, [3, 2]).with_groups(2).with_strides([1, 2]).into(),
                conv(4, [2, 2]).with_groups(4).with_strides([2, 1]).into(),
            ],
        ),
        (
            "transposed",
            vec![
                conv(4, [3, 3]).with_padding(same).with_strides(2).into(),
                back(3, [3, 3]).with_padding(same).with_strides(2).into(),
                back(2, [2, 4]).with_strides([3, 2]).into(),
            ],
        ),
        (
            "transposed, dilated",
            vec![
                back(3, [4, 2]).with_padding(same).into(),
                back(2, [2, 3]).with_dilation([1, 2]).into(),
                back(2, [1, 2]).with_strides(3).with_padding(same).into(),
            ],
        ),
        (
            "without biases",
            vec![
                conv(4, [3, 3]).with_padding(same).with_strides(2).without_bias().into(),
                Layer::batch_norm(),
                back(3, [3, 3]).with_padding(same).with_strides(2).without_bias().into(),
                Layer::flatten(),
                Dense::new(4, tanh).without_bias().into(),
                Dense::new(1, tanh).without_bias().into(),
            ],
        ),
    ];
    let inputs = Inputs::Matrix { values: wave(4 * 84), features: 84 };
    let targets = Targets::Values { values: wave(4 * 2), width: 2 };
    let dataset = Dataset::new(inputs, targets, "waves").expect("rows");
    for (name, layers) in models {
        let head = [Layer::flatten(), dense(2, Activation::Linear)];
        let layers = std::iter::once(picture()).chain(layers).chain(head).collect();
        let model = Model::new(Input::Matrix { features: 84 }, layers, Loss::Mse, 5);
        let model = model.expect("a model");
        let biases = model.parameters().iter().filter(|p| p.name.contains("bias")).count();
        assert_eq!(
            biases,
            if name == "without biases" { 1 } else { 1 + convolutions_of(&model) },
            "{name}"
        );
        check(name, &model, &dataset, 1e-3);
    }
}

/// Convolutions of a model.
fn convolutions_of(model: &Model) -> usize {
    model
        .parameters()
        .iter()
        .filter(|p| p.name.starts_with("conv2d") && p.name.ends_with("kernel"))
        .count()
}

/// What cannot be convolved is refused, with the way out.
#[test]
fn wrong_convolutions_are_refused() {
    let refused = |layers: Vec<Layer>| {
        let layers = layers.into_iter().chain([Layer::flatten(), dense(1, Activation::Linear)]);
        let model = Model::new(Input::Matrix { features: 84 }, layers.collect(), Loss::Mse, 5);
        model.expect_err("wrong").to_string()
    };
    let conv = |filters| Conv2d::new(filters, 3, Activation::Relu);
    let picture = || Layer::reshape(&[7, 6, 2]);
    assert!(refused(vec![conv(4).into()]).contains("put a reshape before it"));
    assert!(refused(vec![picture(), conv(0).into()]).contains("filters is 0"));
    assert!(refused(vec![picture(), conv(3).with_groups(2).into()]).contains("groups is 2"));
    let both = conv(3).with_strides(2).with_dilation(2);
    assert!(refused(vec![picture(), both.into()]).contains("one of them must be 1"));
    let large = Conv2d::new(3, 8, Activation::Relu);
    assert!(refused(vec![picture(), large.into()]).contains("no window fits"));
    let softmax = Conv2d::new(3, 3, Activation::Softmax);
    assert!(refused(vec![picture(), softmax.into()]).contains("softmax"));
}
