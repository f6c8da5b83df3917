//! Every kernel on every backend, by criterion: `cargo bench --bench kernels [-- FILTER]`.
//!
//! Each measurement runs a kernel's dispatch many times in one go; the throughput that criterion
//! prints is of the bytes or operations that it must do at least. `wgslearn bench kernels` prints
//! the same beside the device's measured limit.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::time::Instant;
use wgslearn::Device;
use wgslearn::backend::load;
use wgslearn::kernels::ALL;
use wgslearn::kernels::case::Case;
use wgslearn::program::{Program, RoutineId, Run};

fn kernels(criterion: &mut Criterion) {
    let devices: Vec<Device> = ["gpu", "cpu"].iter().flat_map(|name| Device::open(name)).collect();
    let benches = ALL.iter().flat_map(|kernel| kernel.benches.iter().map(move |at| (*kernel, at)));
    for (kernel, (size, sizes)) in benches {
        let case = Case::of_bench(kernel, *sizes);
        let program = Program::of_case(&case).expect("it records");
        let mut group = criterion.benchmark_group(kernel.name);
        group.sample_size(10).warm_up_time(std::time::Duration::from_millis(200));
        group.measurement_time(std::time::Duration::from_millis(500));
        group.throughput(match case.flops > 0.0 {
            true => Throughput::Elements(case.flops as u64),
            false => Throughput::Bytes(4 * case.numbers as u64),
        });
        for device in &devices {
            let id = BenchmarkId::new(device.kind().name(), size);
            group.bench_function(id, |bencher| {
                let mut executor = device.prepare(&program).expect("the case fits");
                load(&case, executor.as_mut()).expect("written");
                // store_rows moves on with each run; its buffer holds 60,000.
                let mut left = 50_000;
                bencher.iter_custom(|wanted| {
                    let times = (wanted as usize).clamp(1, left.max(1));
                    left -= times.min(left);
                    let started = Instant::now();
                    executor.run(&[Run { routine: RoutineId(0), times }]).expect("it runs");
                    started.elapsed().mul_f64(wanted as f64 / times as f64)
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, kernels);
criterion_main!(benches);
