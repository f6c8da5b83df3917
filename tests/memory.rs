//! What `summary` says that a model takes is what a session makes; values that share buffers give the same bits.

mod common;

use common::gpu;
use wgslearn::backend::{CpuExecutor, Executor};
use wgslearn::train::{Memory, Role};
use wgslearn::*;

const FEATURES: usize = 8 * 8 * 4;

/// A small picture network with a skip, dropout and each kind of layer that reads something else backward.
fn model() -> Model {
    let layers = vec![
        Layer::reshape(&[8, 8, -1]),
        Layer::batch_norm(),
        Layer::activation_of(Activation::Relu),
        Layer::dropout(0.2),
        Layer::max_pool(2),
        Layer::group_norm(2),
        Layer::activation_of(Activation::Silu),
        Layer::upsample(2, Interpolation::Nearest),
        Layer::add("dropout"),
        Layer::concat("activation"),
        Layer::average_pool(2),
        Layer::upsample(2, Interpolation::Bilinear),
        Layer::batch_norm(),
        Layer::leaky_relu(0.3),
        Layer::max_pool(4),
        Layer::flatten(),
        Layer::dense(16, Activation::Tanh),
        Layer::dropout(0.1),
        Layer::dense(16, Activation::Relu),
        Layer::add("dense"),
        Layer::dense(3, Activation::Softmax),
    ];
    let input = Input::Matrix { features: FEATURES };
    Model::new(input, layers, Loss::CategoricalCrossentropy, 3).expect("a model")
}

fn rows(count: usize) -> Dataset {
    let value = |i: usize| ((i * i + 3 * i) as f32 * 0.37).sin();
    let values = (0..count * FEATURES).map(value).collect();
    let inputs = Inputs::Matrix { values, features: FEATURES };
    let targets =
        Targets::Values { values: (0..count).map(|i| (i % 3) as f32).collect(), width: 1 };
    Dataset::new(inputs, targets, "rows").expect("rows")
}

#[test]
fn values_that_share_buffers_give_the_same_bits() {
    let data = rows(19);
    for device in [&Device::cpu(), gpu()] {
        let [shared, apart] = [true, false].map(|shares| {
            let fusions = Fusions::ALL.with_shared_values(shares);
            let trainer = Trainer { epochs: 2, batch_size: 8, fusions, ..Trainer::default() };
            let mut session =
                Session::new(&model(), &trainer, &data, Some(&data), device).expect("a session");
            let metrics = session.train(0..2).expect("two epochs");
            let evaluated = session.evaluate().expect("evaluated").expect("rows");
            (session.read(Role::Weights).expect("weights"), metrics, evaluated)
        });
        assert!(shared == apart);
    }
}

/// What is computed again is what was dropped, whether or not buffers are shared, rows are taken in parts, or layers learn.
#[test]
fn values_that_are_computed_again_give_the_same_bits_in_less_memory() {
    let data = rows(19);
    for device in [&Device::cpu(), gpu()] {
        for (shares, micro_batch, frozen_layers) in [
            (true, None, 0),
            (false, None, 0),
            (true, Some(3), 0),
            (true, None, 6),
            (true, None, 13),
        ] {
            let fusions = Fusions::ALL.with_shared_values(shares);
            let trainer = Trainer {
                batch_size: 8,
                fusions,
                micro_batch,
                frozen_layers,
                ..Trainer::default()
            };
            let [kept, again] = [false, true].map(|recompute| {
                let trainer = Trainer { recompute, ..trainer.clone() };
                let mut session = Session::new(&model(), &trainer, &data, Some(&data), device)
                    .expect("a session");
                let metrics = session.train(0..2).expect("two epochs");
                let evaluated = session.evaluate().expect("evaluated").expect("rows");
                (session.read(Role::Weights).expect("weights"), metrics, evaluated)
            });
            assert!(kept == again, "{shares} {micro_batch:?} {frozen_layers}");
        }
    }
    let values = |recompute: bool| {
        let trainer = Trainer { batch_size: 64, recompute, ..Trainer::default() };
        Memory::of_training(&model(), &trainer).expect("memory").values
    };
    let (kept, again) = (values(false), values(true));
    assert!(again * 10 < kept * 9, "{again} of {kept}");
}

/// Frozen layers, too, whose values nobody reads backward.
#[test]
fn frozen_layers_share_buffers_to_the_same_bits() {
    let data = rows(16);
    let [shared, apart] = [true, false].map(|shares| {
        let fusions = Fusions::ALL.with_shared_values(shares);
        let trainer = Trainer { batch_size: 8, frozen_layers: 13, fusions, ..Trainer::default() };
        let mut session = Session::new(&model(), &trainer, &data, Some(&data), &Device::cpu());
        let session = session.as_mut().expect("a session");
        session.train(0..2).expect("two epochs");
        let evaluated = session.evaluate().expect("evaluated").expect("rows");
        (session.read(Role::Weights).expect("weights"), evaluated)
    });
    assert!(shared == apart);
}

#[test]
fn what_is_told_is_what_a_session_makes() {
    let (data, model) = (rows(16), model());
    let trainer = Trainer { batch_size: 16, ..Trainer::default() };
    let mut made = 0;
    let prepare = |program: &program::Program| -> Result<Box<dyn Executor>> {
        let data = |name: &str| name.starts_with("training ");
        let own = program.buffers.iter().filter(|buffer| !data(&buffer.name));
        made = own.map(|buffer| buffer.len as u64 * 4).sum();
        Ok(Box::new(CpuExecutor::<f32>::new(program)?))
    };
    Session::open(&model, &trainer, &data, None, 1 << 29, prepare).expect("a session");
    let told = Memory::of_training(&model, &trainer).expect("memory");
    // Targets are classes here, of one number a row; what is told is for as many as outputs.
    assert_eq!(told.bytes, made + 16 * 2 * 4);
    assert!(told.values * 6 < told.unshared_values * 5, "{told:?}");
    let prediction = Memory::of_prediction(&model, 16).expect("memory");
    assert!(prediction.values * 3 < prediction.unshared_values * 2, "{prediction:?}");
    assert!(prediction.bytes < told.bytes);
}
