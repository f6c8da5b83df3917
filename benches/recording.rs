//! The host's time to record a dispatch: `cargo bench --bench recording --features unstable`.
//!
//! A step of launches of one element each, every one of another pipeline and other buffers than the one before, is run many
//! times. What the thread that records spends of a processor (Linux tells; elsewhere the time that passes, the device's
//! with it) is divided by the launches.

use std::time::{Duration, Instant};

use wgslearn::Device;
use wgslearn::kernels::{Element, accumulate, fill};
use wgslearn::program::{Program, Run};

/// Pairs of launches of a step, and how often it is run.
const PAIRS: usize = 10;
const TIMES: usize = 1_000;

fn main() {
    let device = Device::open("gpu").expect("an adapter");
    let mut program = Program::default();
    let mut step = Vec::new();
    for i in 0..PAIRS {
        let [values, sums] =
            ["values", "sums"].map(|name| program.buffer(format!("{name} {i}"), Element::F32, 64));
        let params = fill::Params { count: 1, value: 1.0 };
        step.push(fill::dispatch(params, fill::Bindings { values }));
        let params = accumulate::Params { count: 1, scale: 1.0, adds: 1 };
        step.push(accumulate::dispatch(params, accumulate::Bindings { values, sums }));
    }
    let routine = program.add_routine("step", step).expect("it records");
    let mut executor = device.prepare(&program).expect("it fits");
    for _ in 0..5 {
        let (before, started) = (on_processor(), Instant::now());
        executor.run(&[Run { routine, times: TIMES }]).expect("it runs");
        let all = started.elapsed();
        let own = match (before, on_processor()) {
            (Some(before), Some(after)) => after - before,
            _ => all,
        };
        let us = |time: Duration| time.as_secs_f64() * 1e6 / (2 * PAIRS * TIMES) as f64;
        println!("{:.2} us a dispatch of the host, {:.2} us in all", us(own), us(all));
    }
}

/// What this thread has spent of a processor.
fn on_processor() -> Option<Duration> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    told.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}
