//! Devices that fail while a run uses them: it goes on, to the same bits, or ends with an error that says what happened.
//! The faults are injected (`backend/faults.rs`), but for one that really destroys the device.

use wgslearn::backend::Fault;
use wgslearn::optimizers::{AdamW, Sgd};
use wgslearn::train::{
    Checkpoint, Clip, EarlyStopping, EpochReport, Follow, Next, Observer, Recovered, Role,
    WordMethod, WordStream, WordTrainer,
};
use wgslearn::*;

/// A device of a test's own, so that its faults are too.
fn gpu() -> Device {
    Device::open("gpu").expect("these tests need an adapter, software or real")
}

/// Numbers that look random, from -1 to 1.
fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 7919 + seed * 104_729) % 10_007) as f32 / 5003.5 - 1.0).collect()
}

struct Run {
    name: &'static str,
    model: Model,
    training: Dataset,
    validation: Option<Dataset>,
    trainer: Trainer,
}

fn dataset(inputs: Inputs, targets: Targets) -> Dataset {
    Dataset::new(inputs, targets, "test").expect("rows")
}

/// A text classifier whose table is lazy, a regression with dropout and early stopping, and an autoencoder with noise.
fn runs() -> Vec<Run> {
    let ids = |rows: usize, seed: usize| -> Vec<u32> {
        numbers(rows * 6, seed).iter().map(|x| ((x + 1.0) * 999.0) as u32).collect()
    };
    let labels = |rows: usize| (0..rows).map(|i| (i % 3 == 0) as u32 as f32).collect();
    let text = |rows, seed| {
        let targets = Targets::Values { values: labels(rows), width: 1 };
        dataset(Inputs::Ids { values: ids(rows, seed), length: 6 }, targets)
    };
    let matrix =
        |rows: usize, seed| Inputs::Matrix { values: numbers(rows * 8, seed), features: 8 };
    let table = |rows: usize, seed| {
        let values = numbers(rows, seed + 1);
        dataset(matrix(rows, seed), Targets::Values { values, width: 1 })
    };
    let dense = Layer::dense;
    let (relu, linear) = (Activation::Relu, Activation::Linear);
    let model = |input, layers, loss| Model::new(input, layers, loss, 7).expect("a model");
    let trainer = Trainer { epochs: 12, batch_size: 16, ..Trainer::default() };
    let mut coder = model(
        Input::Matrix { features: 8 },
        vec![dense(40, relu), dense(4, linear), dense(40, relu), dense(8, linear)],
        Loss::Mse,
    );
    coder.noise = Some("gaussian:0.2".parse().expect("noise"));
    vec![
        Run {
            name: "text",
            model: model(
                Input::Ids { length: 6 },
                vec![
                    Layer::embedding(2000, 16),
                    Layer::mean_pool(),
                    dense(24, relu),
                    dense(1, Activation::Sigmoid),
                ],
                Loss::BinaryCrossentropy,
            ),
            training: text(130, 1),
            validation: None,
            trainer: trainer.clone(),
        },
        Run {
            name: "table",
            model: model(
                Input::Matrix { features: 8 },
                vec![dense(64, relu), Layer::dropout(0.3), dense(64, relu), dense(1, linear)],
                Loss::Mse,
            ),
            training: table(150, 1),
            validation: Some(table(40, 2)),
            trainer: Trainer {
                early_stopping: Some(EarlyStopping { patience: 30 }),
                clip: Some(Clip::Norm(0.5)),
                ..trainer.clone()
            },
        },
        Run {
            name: "autoencoder",
            model: coder,
            training: dataset(matrix(140, 3), Targets::Inputs),
            validation: None,
            trainer,
        },
    ]
}

/// What a run is watched for.
#[derive(Default, Debug)]
struct Seen {
    epochs: Vec<usize>,
    steps: Vec<u64>,
    answers: Vec<Recovered>,
}

impl Observer for Seen {
    // So every epoch is offered by itself.
    fn follow(&self) -> Follow {
        Follow::Batches
    }

    fn batch(&mut self, report: train::BatchReport) {
        self.steps.push(report.step);
    }

    fn epoch(&mut self, report: EpochReport) -> Next {
        self.epochs.push(report.epoch);
        // An answer that a run must not forget when it goes on from before it.
        match report.epoch {
            5 => Next::LearningRate(4e-4),
            _ => Next::Continue,
        }
    }

    fn device_failed(&mut self, _: &DeviceFault, answer: Recovered) {
        self.answers.push(answer);
    }
}

impl Run {
    fn fit(&self, device: &Device, micro_batch: Option<usize>) -> Result<(Model, History, Seen)> {
        let (mut model, mut seen) = (self.model.clone(), Seen::default());
        let trainer = Trainer { micro_batch, ..self.trainer.clone() };
        let (training, validation) = (&self.training, self.validation.as_ref());
        let history = trainer.fit_with(&mut model, training, validation, device, &mut seen)?;
        Ok((model, history, seen))
    }
}

#[test]
fn a_run_goes_on_from_a_lost_device_to_the_same_bits() {
    for run in runs() {
        let device = gpu();
        let before = device.submissions();
        let (model, history, _) = run.fit(&device, None).expect("an unbroken run");
        let all = device.submissions() - before;
        // Three times, and the first device is really destroyed.
        for (at, fault) in [(3, Fault::Destroy), (all / 3, Fault::Lose), (all / 2, Fault::Stall)] {
            device.inject(at, fault);
        }
        let (again, known, seen) = run.fit(&device, None).expect("it goes on");
        assert_eq!(seen.answers.len(), 3, "{}: {:?}", run.name, seen.answers);
        assert!(again.parameters() == model.parameters(), "{}: other bits", run.name);
        assert_eq!(known, history, "{}", run.name);
        // Nothing was reported twice, and nothing left out.
        assert_eq!(seen.epochs, (1..=12).collect::<Vec<_>>(), "{}", run.name);
        let steps = 12 * run.training.rows().div_ceil(16) as u64;
        assert_eq!(seen.steps, (1..=steps).collect::<Vec<_>>(), "{}", run.name);
        // The device is as good as new for others, too.
        let inputs = run.training.inputs();
        let answers = model.predict(inputs, &device).expect("a new device took its place");
        assert_eq!(answers, model.predict(inputs, &gpu()).expect("another"));
    }
}

#[test]
fn word_vectors_go_on_from_a_lost_device_to_the_same_bits() {
    let tokens: Vec<u32> =
        (0..4000).map(|i| if i % 19 == 18 { 0 } else { 2 + i * i % 89 }).collect();
    let mut counts = vec![0; 91];
    tokens.iter().for_each(|&id| counts[id as usize] += 1);
    let stream = WordStream { tokens, counts, first_word: 2, ..WordStream::default() };
    for method in [WordMethod::Skipgram, WordMethod::Cbow] {
        let trainer =
            WordTrainer { method, units: 12, words_per_step: 128, ..WordTrainer::default() };
        let device = gpu();
        let mut seen = Seen::default();
        let (vectors, fitted) = trainer.fit_to_end(&stream, &device, &mut seen).expect("a run");
        let all = device.submissions();
        device.inject(all / 4, Fault::Destroy);
        device.inject(all / 2, Fault::Lose);
        let mut seen = Seen::default();
        let (again, known) = trainer.fit_to_end(&stream, &device, &mut seen).expect("it goes on");
        assert_eq!(seen.answers.len(), 2, "{:?}", seen.answers);
        assert!(again == vectors, "{method:?}: other bits");
        assert_eq!((known.history, known.step), (fitted.history, fitted.step));
        assert_eq!(seen.epochs, [1, 2, 3, 4, 5]);
    }
}

/// A stream of words of which no binding holds all vectors.
fn words() -> WordStream {
    let tokens: Vec<u32> =
        (0..6000).map(|i| if i % 19 == 18 { 0 } else { 2 + i * i % 1999 }).collect();
    let mut counts = vec![0; 2001];
    tokens.iter().for_each(|&id| counts[id as usize] += 1);
    WordStream { tokens, counts, first_word: 2, ..WordStream::default() }
}

#[test]
fn a_vocabulary_larger_than_a_binding_is_trained_in_pieces() {
    let stream = words();
    for method in [WordMethod::Skipgram, WordMethod::Cbow] {
        let trainer = WordTrainer {
            method,
            units: 20,
            words_per_step: 64,
            subsample: 0.0,
            epochs: 2,
            ..WordTrainer::default()
        };
        let fit = |device: &Device| trainer.fit(&stream, device, &mut |_| {}).expect("vectors");
        let (whole, history) = fit(&gpu());
        // 16,384 numbers: 819 words of 20.
        let (pieces, known) = fit(&Device::open_limited(64 << 10).expect("an adapter"));
        for (found, wanted) in known.loss.iter().zip(&history.loss) {
            assert!((found - wanted).abs() < 1e-5 * wanted, "{found} for {wanted}");
        }
        assert_eq!(pieces.len(), whole.len());
        for (found, wanted) in pieces.iter().zip(&whole) {
            assert!((found - wanted).abs() < 1e-4, "{found} for {wanted}");
        }
    }
}

#[test]
fn runs_in_small_bindings_are_those_in_large_ones_to_rounding() {
    for mut run in runs() {
        run.trainer.epochs = 3;
        let (whole, history, _) = run.fit(&gpu(), None).expect("a run");
        let device = Device::open_limited(32 << 10).expect("an adapter");
        for rows in [None, Some(5)] {
            let (pieces, known, _) = run.fit(&device, rows).expect("a run");
            assert_close(run.name, (&pieces, &known), (&whole, &history));
        }
    }
}

#[test]
fn two_runs_on_one_device_have_the_bits_of_each_alone() {
    let (device, runs) = (gpu(), runs());
    let alone: Vec<Model> =
        runs.iter().map(|run| run.fit(&device, None).expect("a run").0).collect();
    let together: Vec<Model> = std::thread::scope(|scope| {
        let threads: Vec<_> = runs
            .iter()
            .map(|run| scope.spawn(|| run.fit(&device, None).expect("a run").0))
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("it ends")).collect()
    });
    for ((run, alone), together) in runs.iter().zip(&alone).zip(&together) {
        assert!(alone.parameters() == together.parameters(), "{}: other bits", run.name);
    }
    // One device that is lost under several runs is replaced once for all of them.
    device.inject(40, Fault::Destroy);
    let together: Vec<Model> = std::thread::scope(|scope| {
        let threads: Vec<_> = runs
            .iter()
            .map(|run| scope.spawn(|| run.fit(&device, None).expect("a run").0))
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("it ends")).collect()
    });
    for (alone, together) in alone.iter().zip(&together) {
        assert!(alone.parameters() == together.parameters(), "other bits on a new device");
    }
}

/// Keeps checkpoints all the time, and ends the run behind an epoch.
struct Stopping(usize, Option<Checkpoint>);

impl Observer for Stopping {
    fn follow(&self) -> Follow {
        Follow::Epochs
    }

    fn resume(&mut self) -> Result<Option<Checkpoint>> {
        Ok(self.1.take())
    }

    fn epoch(&mut self, _: EpochReport) -> Next {
        self.0 = self.0.saturating_sub(1);
        Next::Continue
    }

    fn interrupted(&mut self) -> bool {
        self.0 == 0
    }

    fn last_checkpoint(&mut self, take: &mut dyn FnMut() -> Result<Checkpoint>) -> Result<()> {
        self.1 = Some(take()?);
        Ok(())
    }
}

#[test]
fn a_run_that_goes_on_from_a_checkpoint_goes_on_from_a_lost_device_too() {
    let [run, ..] = &runs()[..] else { unreachable!("there are three") };
    let device = gpu();
    let (whole, ..) = run.fit(&device, None).expect("an unbroken run");
    let mut observer = Stopping(5, None);
    let fit = |observer: &mut Stopping, device: &Device| {
        let mut model = run.model.clone();
        // As in the unbroken run.
        let mut trainer = run.trainer.clone();
        if observer.1.is_some() {
            trainer.optimizer = trainer.optimizer.with_learning_rate(4e-4);
        }
        trainer
            .fit_to_end(&mut model, &run.training, None, device, observer)
            .map(|fitted| (model, fitted))
    };
    let (_, fitted) = fit(&mut observer, &device).expect("the first part");
    assert_eq!(fitted.end, train::End::Interrupted);
    let checkpoint = observer.1.as_mut().expect("one was taken");
    assert_eq!(checkpoint.epoch, 5);
    checkpoint.learning_rate = 4e-4;
    observer.0 = 100;
    device.inject(12, Fault::Destroy);
    let (model, _) = fit(&mut observer, &device).expect("the rest");
    assert!(model.parameters() == whole.parameters(), "other bits");
}

#[test]
fn what_cannot_be_answered_is_an_error_of_its_kind() {
    let runs = runs();
    let run = &runs[1];
    let fault = |error: Error| match error {
        Error::Fault(fault) => fault,
        other => panic!("another error: {other}"),
    };
    let fails = |faults: &[Fault]| {
        let device = gpu();
        faults.iter().for_each(|&fault| device.inject(5, fault));
        fault(run.fit(&device, None).expect_err("it cannot go on"))
    };
    assert!(matches!(fails(&[Fault::Validation]), DeviceFault::Validation { .. }));
    assert!(matches!(fails(&[Fault::Internal]), DeviceFault::Internal { .. }));
    // Three times are answered, the fourth is not; two submissions may be under way when one is met.
    let lost = fails(&[Fault::Lose; 20]);
    assert!(matches!(lost, DeviceFault::Lost { .. }) && lost.to_string().contains("was lost"));
    assert!(matches!(fails(&[Fault::Stall; 20]), DeviceFault::Stalled { .. }));
    // A prediction is not gone on with, and says the same.
    let device = gpu();
    device.inject(0, Fault::Destroy);
    let error = run.model.predict(run.training.inputs(), &device).expect_err("it is lost");
    assert!(matches!(fault(error), DeviceFault::Lost { .. }));
}

/// What `scripts/soak` repeats: many faults, each at another place of a run. Ignored, since it takes minutes.
#[test]
#[ignore = "takes minutes: cargo test --release --test device_faults -- --ignored --nocapture"]
fn twenty_lost_devices_and_twenty_full_ones() {
    let device = gpu();
    for run in runs() {
        let before = device.submissions();
        let (model, history, _) = run.fit(&device, None).expect("an unbroken run");
        let all = device.submissions() - before;
        let (mut lost, mut full) = (0, 0);
        for i in 0..20 {
            let device = gpu();
            device
                .inject(i * all / 20, [Fault::Destroy, Fault::Lose, Fault::Stall][i as usize % 3]);
            let (again, known, seen) = run.fit(&device, None).expect("it goes on");
            assert!(again.parameters() == model.parameters() && known == history, "{}", run.name);
            lost += seen.answers.len();
            let device = gpu();
            device.inject(i * all / 20, Fault::OutOfMemory);
            let (parts, known, seen) = run.fit(&device, None).expect("it goes on");
            assert_close(run.name, (&parts, &known), (&model, &history));
            full += seen.answers.len();
        }
        println!("{}: {lost} lost and {full} full devices answered, all runs right", run.name);
    }
    // What the copies cost that make this possible: a run of many seconds.
    let mut run = runs().remove(1);
    run.trainer = Trainer { epochs: 2000, early_stopping: None, ..run.trainer };
    let started = std::time::Instant::now();
    let (mut model, device) = (run.model.clone(), gpu());
    let fitted = run
        .trainer
        .fit_to_end(&mut model, &run.training, None, &device, &mut |_: EpochReport| {})
        .expect("a run");
    let (copying, all) = (fitted.copying.as_secs_f64(), started.elapsed().as_secs_f64());
    println!("copies: {copying:.3} s of {all:.1} s, {:.2} %", 100.0 * copying / all);
}

/// Losses and weights are those of another run to f32's rounding.
#[track_caller]
fn assert_close(name: &str, found: (&Model, &History), wanted: (&Model, &History)) {
    for (found, wanted) in found.1.loss.iter().zip(&wanted.1.loss) {
        assert!((found - wanted).abs() < 2e-5 * (1.0 + wanted), "{name}: {found} for {wanted}");
    }
    assert_eq!(found.1.loss.len(), wanted.1.loss.len());
    assert_eq!(found.1.val_loss.len(), wanted.1.val_loss.len());
    for (found, wanted) in found.0.parameters().iter().zip(wanted.0.parameters()) {
        for (a, b) in found.values.iter().zip(&wanted.values) {
            assert!((a - b).abs() < 2e-3, "{name}, {}: {a} for {b}", found.name);
        }
    }
}

#[test]
fn a_batch_in_parts_is_the_whole_batch_to_rounding() {
    let device = gpu();
    let (sgd, adam) = (Sgd::default().into(), Optimizer::adam(1e-3));
    for mut run in runs() {
        for (optimizer, clip) in [
            (adam, None),
            (sgd, Some(Clip::Norm(0.05))),
            (AdamW::default().into(), Some(Clip::Value(0.003))),
        ] {
            (run.trainer.optimizer, run.trainer.clip, run.trainer.epochs) = (optimizer, clip, 2);
            let cpu = Device::cpu();
            let first = clip.is_none();
            for device in if first { vec![&device, &cpu] } else { vec![&cpu] } {
                let (whole, history, seen) = run.fit(device, None).expect("a run");
                // Parts that a batch of 16 is no multiple of, and of one row.
                for &rows in if device.kind() == DeviceKind::Cpu { &[1, 5][..] } else { &[5] } {
                    let (parts, known, again) = run.fit(device, Some(rows)).expect("a run");
                    let name = format!("{} in parts of {rows} on {}", run.name, device.name());
                    assert_close(&name, (&parts, &known), (&whole, &history));
                    assert_eq!(again.steps, seen.steps, "{name}");
                }
                let (same, ..) = run.fit(device, Some(16)).expect("a run");
                assert!(same.parameters() == whole.parameters(), "one part is no part");
            }
        }
    }
    // Rows of different lengths, one of which is long and one empty.
    let run = ragged();
    for device in [Device::cpu(), gpu()] {
        let (whole, history, seen) = run.fit(&device, None).expect("a run");
        for rows in [1, 3, 15] {
            let (parts, known, again) = run.fit(&device, Some(rows)).expect("a run");
            let name = format!("ragged in parts of {rows} on {}", device.name());
            assert_close(&name, (&parts, &known), (&whole, &history));
            assert_eq!(again.steps, seen.steps, "{name}");
        }
    }
    let error = runs()[0].fit(&device, Some(0)).expect_err("no rows").to_string();
    assert!(error.contains("micro_batch is 0"), "{error}");
}

/// The run of texts with rows of different lengths, and nothing to validate on.
fn ragged() -> Run {
    let mut run = runs().remove(0);
    let Inputs::Ids { values, .. } = run.training.inputs() else { panic!("ids") };
    let lengths = (0..run.training.rows()).map(|row| match row {
        7 => 90,
        11 => 0,
        _ => 1 + row * row % 9,
    });
    let ends: Vec<usize> = lengths
        .scan(0, |end, length| {
            *end += length;
            Some(*end)
        })
        .collect();
    let ids = values.iter().cycle().filter(|&&id| id > 0);
    let values = ids.take(ends[ends.len() - 1]).copied().collect();
    let targets = Targets::Values { values: run.training.target_values().to_vec(), width: 1 };
    run.training = dataset(Inputs::Ragged { values, ends, length: 6 }, targets);
    (run.validation, run.trainer.early_stopping) = (None, None);
    run
}

#[test]
fn the_gradient_of_parts_is_that_of_the_batch() {
    for run in runs().into_iter().chain([ragged()]) {
        let gradients = |micro_batch| {
            let trainer = Trainer { micro_batch, ..run.trainer.clone() };
            let device = Device::cpu();
            let mut session =
                Session::new(&run.model, &trainer, &run.training, run.validation.as_ref(), &device)
                    .expect("a session");
            session.train_rows(&(0..16).collect::<Vec<u32>>()).expect("a step");
            session.read(Role::Gradients)
        };
        // A lazy table keeps no gradients.
        let Ok(whole) = gradients(Some(15)) else { panic!("gradients are kept for parts") };
        let parts = gradients(Some(3)).expect("gradients");
        for (a, b) in whole.iter().zip(&parts) {
            let largest = a.values.iter().fold(0.0f32, |most, value| most.max(value.abs()));
            assert!(largest > 0.0, "{}: {} has no gradient", run.name, a.name);
            for (x, y) in a.values.iter().zip(&b.values) {
                assert!((x - y).abs() <= 1e-6 + 1e-5 * largest, "{}: {x} for {y}", a.name);
            }
        }
    }
}

#[test]
fn too_little_memory_halves_the_batch_on_the_device() {
    let runs = runs();
    let mut run = runs.into_iter().nth(1).expect("a table");
    (run.trainer.batch_size, run.trainer.epochs) = (128, 4);
    let device = gpu();
    let (whole, history, _) = run.fit(&device, None).expect("a run");
    // In the middle of a run, from its last state.
    device.inject(9, Fault::OutOfMemory);
    let (parts, known, seen) = run.fit(&device, None).expect("it goes on");
    assert_eq!(seen.answers, [Recovered::MicroBatch { rows: 64 }]);
    assert_close("halved", (&parts, &known), (&whole, &history));
    // Where the whole batch does not fit at all.
    let mut bytes = 64 << 20;
    let answers = loop {
        device.inject_memory(bytes);
        match run.fit(&device, None) {
            Ok((_, _, seen)) if seen.answers.is_empty() => bytes -= bytes / 16,
            Ok((parts, known, seen)) => {
                assert_close("halved at first", (&parts, &known), (&whole, &history));
                break seen.answers;
            }
            Err(error) => panic!("no halving at {bytes}: {error}"),
        }
    };
    assert_eq!(answers[0], Recovered::MicroBatch { rows: 64 });
    // Rows of different lengths too.
    let ragged = ragged();
    let (whole, history, _) = ragged.fit(&device, None).expect("a run");
    device.inject(5, Fault::OutOfMemory);
    let (parts, known, seen) = ragged.fit(&device, None).expect("it goes on");
    assert_eq!(seen.answers, [Recovered::MicroBatch { rows: 8 }]);
    assert_close("ragged, halved", (&parts, &known), (&whole, &history));
    // And where nothing helps: what is needed, and what there is.
    device.inject_memory(1_000_000);
    let error = run.fit(&device, None).expect_err("it does not fit");
    let Error::Fault(DeviceFault::OutOfMemory { needed, free, .. }) = &error else {
        panic!("{error}")
    };
    assert!(needed.is_some() && *free == Some(1_000_000));
    let said = error.to_string();
    assert!(said.contains("need ") && said.contains("has 1 MB free"), "{said}");
}
