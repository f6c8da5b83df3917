//! Numbers and rules that no other test would miss: each of these was changed once, and the whole suite passed.

use wgslearn::model::Parameter;
use wgslearn::*;

fn wave(count: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * i + 3 * i + 1) as f32 * 0.37).sin()).collect()
}

/// One step of a linear model of one weight and a bias on one row x = 1, y = 0, from weight w and bias 0: the gradient by both
/// is 2 w.
fn step(optimizer: Optimizer, weight: f32) -> f64 {
    let layers = vec![Layer::dense(1, Activation::Linear)];
    let mut model =
        Model::new(Input::Matrix { features: 1 }, layers, Loss::Mse, 7).expect("a model");
    let [kernel, bias] = model.parameters() else { panic!("two parameters") };
    let kernel = Parameter { values: vec![weight], ..kernel.clone() };
    let bias = Parameter { values: vec![0.0], ..bias.clone() };
    model.set_parameters(vec![kernel, bias]).expect("the same shapes");
    let inputs = Inputs::Matrix { values: vec![1.0], features: 1 };
    let targets = Targets::Values { values: vec![0.0], width: 1 };
    let dataset = Dataset::new(inputs, targets, "one row").expect("rows");
    let trainer = Trainer { epochs: 1, optimizer, ..Trainer::default() };
    trainer.fit(&mut model, &dataset, None, &Device::cpu()).expect("a step");
    (weight - model.parameters()[0].values[0]) as f64
}

#[test]
fn defaults_of_optimizers_are_keras() {
    let parse = |toml: &str| -> Optimizer { toml::from_str(toml).expect("an optimizer") };
    for (toml, rate) in [
        ("[sgd]", 1e-2),
        ("[adagrad]", 1e-3),
        ("[adam]", 1e-3),
        ("[adamw]", 1e-3),
        ("[rmsprop]", 1e-3),
    ] {
        assert_eq!(parse(toml).learning_rate(), rate, "{toml}");
    }
    // A step of plain descent is the rate times the gradient.
    assert!((step(parse("[sgd]"), 0.5) - 1e-2).abs() < 1e-7);
    // Adagrad's sum of squares begins at 0.1.
    let first = 1e-3 / (1.0 + 0.1 + 1e-7f64).sqrt();
    assert!((step(parse("[adagrad]"), 0.5) - first).abs() < 1e-7);
    // Adam's first step is its rate, whatever the gradient, but for epsilon.
    assert!((step(parse("[adam]"), 0.5) - 1e-3).abs() < 1e-7);
    let epsilon = 1e-3;
    let (beta_1, beta_2, g) = (0.9, 0.999, 2e-2);
    let adam: Optimizer = parse(&format!("[adam]\nlearning_rate = 0.1\nepsilon = {epsilon}"));
    let (m, v) = ((1.0 - beta_1) * g, (1.0f64 - beta_2) * g * g);
    let rate = 0.1 * (1.0f64 - beta_2).sqrt() / (1.0 - beta_1);
    let expected = rate * m / (v.sqrt() + epsilon);
    let without: f64 = rate * m / v.sqrt();
    let found = step(adam, g as f32 / 2.0);
    assert!((found - expected).abs() < 1e-5 * expected, "{found}, not {expected}");
    assert!((found - without).abs() > 0.3 * without, "epsilon does nothing");
}

#[test]
fn every_optimizer_takes_another_learning_rate() {
    for optimizer in [
        Optimizer::adam(0.1),
        Optimizer::sgd(0.1, 0.5),
        Optimizer::adagrad(0.1, 0.1),
        Optimizer::adamw(0.1, 0.0),
        Optimizer::rmsprop(0.1, 0.5),
    ] {
        let halved = optimizer.with_learning_rate(0.05);
        assert_eq!(halved.learning_rate(), 0.05);
        assert_ne!(optimizer, halved);
        assert_eq!(halved.with_learning_rate(0.1), optimizer);
        let ratio = step(halved, 0.5) / step(optimizer, 0.5);
        assert!((ratio - 0.5).abs() < 1e-3, "{optimizer:?}: the step's ratio is {ratio}");
    }
}

/// Noise goes as far as the data do: 0 to 1 for pictures, a standardised table's own range for others.
#[test]
fn noise_goes_as_far_as_the_data() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("table.csv");
    let mut table = "a,b,c\n".to_owned();
    wave(90).chunks(3).for_each(|row| table += &format!("{},{},{}\n", row[0], row[1], row[2]));
    std::fs::write(&path, table).expect("written");
    let noise = |kind: &str| {
        let mut settings = run::Settings::new(run::RunKind::Autoencoder, &path);
        settings.training.noise = Some(kind.to_owned());
        settings.training.epochs = Some(1);
        let mut config = settings.resolve().expect("a run");
        config.output.model = None;
        let trained = run::train(&config, &Device::cpu(), &mut |_, _, _| Ok(()), &mut |_| {}, None);
        trained.expect("trained").model.noise.expect("noise")
    };
    let masked = noise("salt-pepper:0.2");
    assert!(masked.low < -1.0 && masked.high > 1.0 && masked.low > -5.0 && masked.high < 5.0);
    let gaussian = noise("gaussian:0.3");
    assert_eq!((gaussian.low, gaussian.high), (f32::MIN, f32::MAX));
}
