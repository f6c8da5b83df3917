//! Programs and executors misused: what a backend must refuse with a sentence, on the CPU and on an adapter; and what
//! it does when the device is lost.

mod common;

use common::gpu;
use wgslearn::backend::{CpuExecutor, Executor};
use wgslearn::kernels::{Activation, BufferId, Dispatch, Element, Span, dense_forward, fill};
use wgslearn::program::{Buffer, Program, Routine, RoutineId, Run};
use wgslearn::{Device, Error, Result};

/// The sentence of an error, which names all of `says`.
#[track_caller]
fn refused<T>(result: Result<T>, says: &[&str]) {
    let Err(error) = result else { panic!("not refused; it should have named {says:?}") };
    let error = error.to_string();
    assert!(says.iter().all(|part| error.contains(part)), "{error:?} does not say {says:?}");
}

/// A program that fills `values` with 3, and has `words` and `others` beside it.
fn program() -> (Program, [Span; 3]) {
    let mut program = Program::default();
    let values = program.buffer("values", Element::F32, 100);
    let words = program.buffer("words", Element::U32, 10);
    let others = program.buffer("others", Element::F32, 100);
    program.add_routine("fill", vec![filled(values)]).expect("sound");
    (program, [values, words, others])
}

fn filled(values: Span) -> Dispatch {
    fill::dispatch(fill::Params { count: 100, value: 3.0 }, fill::Bindings { values })
}

fn executors(program: &Program) -> [(&'static str, Box<dyn Executor>); 3] {
    [
        ("cpu", Device::cpu().prepare(program).expect("it fits")),
        ("f64", Box::new(CpuExecutor::<f64>::new(program).expect("it fits"))),
        ("gpu", gpu().prepare(program).expect("it fits")),
    ]
}

fn once(routine: usize) -> [Run; 1] {
    [Run { routine: RoutineId(routine), times: 1 }]
}

#[test]
fn executors_refuse_what_the_program_does_not_have() {
    let (program, [values, words, others]) = program();
    let outside = |offset, len| Span { offset, len, ..values };
    let nowhere = Span { buffer: BufferId(7), ..values };
    for (name, mut executor) in executors(&program) {
        println!("{name}");
        refused(executor.run(&once(5)), &["routine 5", "only 1"]);
        let mixed = [once(0)[0], once(usize::MAX)[0]];
        refused(executor.run(&mixed), &["routine 18446744073709551615"]);
        assert_eq!(executor.read_f32(values).expect("read"), [0.0; 100], "nothing was run");
        refused(executor.time(RoutineId(1), 1), &["routine 1"]);
        refused(executor.profile(RoutineId(1), 1), &["routine 1"]);

        refused(executor.write_f32(nowhere, &[1.0]), &["buffer 7", "only 3"]);
        refused(executor.write_f32(words, &[1.0]), &["words", "U32", "F32"]);
        refused(executor.write_u32(values, &[1]), &["values", "F32", "U32"]);
        refused(executor.write_f32(values, &[1.0; 101]), &["101 values", "100 elements"]);
        refused(executor.write_f32(values.part(0, 2), &[1.0; 3]), &["3 values", "2 elements"]);
        refused(executor.write_u32(words, &[1; 11]), &["11 values", "words"]);
        for span in
            [outside(100, 1), outside(64, 64), outside(usize::MAX, 2), outside(2, usize::MAX)]
        {
            refused(executor.write_f32(span, &[]), &["values", "which has 100"]);
            refused(executor.read_f32(span), &["values", "which has 100"]);
            refused(executor.copy(span, others), &["values", "which has 100"]);
            refused(executor.copy(others, span), &["values", "which has 100"]);
        }
        refused(executor.read_f32(nowhere), &["buffer 7"]);
        refused(executor.read_f32(words), &["words", "U32"]);
        refused(executor.read_u32(values), &["values", "F32"]);

        refused(executor.copy(values, words), &["words", "U32"]);
        refused(executor.copy(nowhere, values), &["buffer 7"]);
        refused(executor.copy(values, others.part(0, 64)), &["100 elements", "64 of others"]);
        refused(executor.copy(values.part(0, 4), values.part(64, 4)), &["values", "itself"]);

        // It still works.
        executor.write_f32(others, &[1.0, 2.0]).expect("written");
        executor.run(&once(0)).expect("run");
        assert_eq!(executor.read_f32(values).expect("read"), [3.0; 100]);
        executor.copy(others, values).expect("copied");
        assert_eq!(executor.read_f32(values).expect("read")[..3], [1.0, 2.0, 0.0]);
        executor.write_u32(words, &[4; 10]).expect("written");
        assert_eq!(executor.read_u32(words).expect("read"), [4; 10]);
    }
}

#[test]
fn words_are_copied_too() {
    let mut program = Program::default();
    let [from, to] = ["from", "to"].map(|name| program.buffer(name, Element::U32, 70));
    for (name, mut executor) in executors(&program) {
        executor.write_u32(from, &[9; 70]).expect("written");
        executor.copy(from.part(64, 6), to.part(0, 6)).expect("copied");
        assert_eq!(executor.read_u32(to).expect("read")[..8], [9, 9, 9, 9, 9, 9, 0, 0], "{name}");
    }
}

/// What every way to a device says of a program.
#[track_caller]
fn unsound(program: &Program, says: &[&str]) {
    refused(Device::cpu().prepare(program).map(|_| ()), says);
    refused(CpuExecutor::<f64>::new(program).map(|_| ()), says);
    refused(gpu().prepare(program).map(|_| ()), says);
    refused(gpu().prepare_variant(program, "only").map(|_| ()), says);
}

#[test]
fn devices_refuse_programs_that_are_not_sound() {
    let (sound, [values, words, _]) = program();
    let with = |dispatch: Dispatch| {
        let mut program = sound.clone();
        refused(program.add_routine("added", vec![dispatch.clone()]), &["added", "fill"]);
        // The lists are open: what gets in without `add_routine` is refused by the device.
        program.routines.push(Routine { name: "pushed".into(), dispatches: vec![dispatch] });
        program
    };
    let span = |offset, len| filled(Span { offset, len, ..values });
    unsound(&with(span(64, 64)), &["pushed", "fill", "100 elements"]);
    unsound(&with(span(0, 101)), &["pushed", "100 elements"]);
    unsound(&with(span(0, 0)), &["pushed"]);
    unsound(&with(span(3, 8)), &["pushed"]);
    unsound(&with(span(usize::MAX - 63, 64)), &["pushed"]);
    unsound(&with(span(64, usize::MAX)), &["pushed"]);
    unsound(&with(filled(words)), &["another type"]);
    unsound(&with(filled(Span { buffer: BufferId(9), ..values })), &["no buffer"]);
    let mut cut = filled(values);
    cut.params.pop();
    unsound(&with(cut), &["bytes of parameters"]);
    let mut twice = filled(values);
    twice.bindings.push(values);
    unsound(&with(twice), &["2 bindings in place of 1"]);

    let mut empty = sound.clone();
    empty.buffers.push(Buffer { name: "nothing".into(), element: Element::F32, len: 0 });
    unsound(&empty, &["nothing", "no elements"]);
    // As large as that, it is refused for its size.
    let mut huge = sound.clone();
    huge.buffers.push(Buffer { name: "huge".into(), element: Element::F32, len: usize::MAX });
    for device in [&Device::cpu(), gpu()] {
        assert!(device.prepare(&huge).is_err());
    }
    refused(CpuExecutor::<f64>::new(&huge).map(|_| ()), &["larger than any memory"]);
}

#[test]
fn a_grid_past_the_adapters_limit_is_refused_before_anything_runs() {
    // Four thousand million rows of three units: more tiles than a dimension takes, of any shape.
    let mut program = Program::default();
    let [input, weights, output] =
        ["input", "weights", "output"].map(|name| program.buffer(name, Element::F32, 64));
    let params = dense_forward::Params::whole(u32::MAX, 5, 3, Activation::Linear);
    let bindings = dense_forward::Bindings { input, weights, output };
    let dispatch = dense_forward::dispatch(params, bindings);
    program.add_routine("large", vec![dispatch]).expect("bindings are sound");
    let refusal = gpu().prepare(&program).map(|_| ());
    refused(refusal, &["dense_forward", "workgroups", "in a dimension", "smaller batch"]);
    // The device is as it was.
    let (fine, [values, ..]) = self::program();
    let mut executor = gpu().prepare(&fine).expect("it works");
    executor.run(&once(0)).expect("run");
    assert_eq!(executor.read_f32(values).expect("read"), [3.0; 100]);
}

#[test]
fn a_lost_device_answers_nothing() {
    // A device of its own: it stays lost.
    let device = Device::open("gpu").expect("an adapter");
    let (program, [values, words, others]) = program();
    let mut executor = device.prepare(&program).expect("it fits");
    executor.run(&once(0)).expect("run");
    device.lose();
    let lost = &["was lost", "run again"];
    refused(executor.run(&once(0)), lost);
    refused(executor.time(RoutineId(0), 1), lost);
    refused(executor.profile(RoutineId(0), 1), lost);
    refused(executor.write_f32(values, &[1.0]), lost);
    refused(executor.write_u32(words, &[1]), lost);
    refused(executor.read_f32(values), lost);
    refused(executor.read_u32(words), lost);
    refused(executor.copy(values, others), lost);
    refused(device.prepare(&program).map(|_| ()), lost);
    // Another one of the same adapter is well.
    let well = Device::open("gpu").expect("an adapter");
    well.prepare(&program).expect("it fits").run(&once(0)).expect("run");
}

/// Compiles only if it holds.
#[test]
fn devices_and_executors_go_to_other_threads() {
    fn send<T: Send>() {}
    fn sync<T: Sync>() {}
    send::<Device>();
    sync::<Device>();
    send::<Box<dyn Executor>>();
    send::<CpuExecutor<f32>>();
    send::<Program>();
    sync::<Program>();
    send::<Error>();
    let (program, [values, ..]) = program();
    let mut executor = gpu().prepare(&program).expect("it fits");
    let read = std::thread::spawn(move || {
        executor.run(&once(0))?;
        executor.read_f32(values)
    });
    assert_eq!(read.join().expect("no panic").expect("read"), [3.0; 100]);
}
