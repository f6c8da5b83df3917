//! What only a real card can show: large products by each variant that could be chosen, Adam over 100 million parameters,
//! lookups in a table of 1,000,000 x 128, and an autoencoder whose batch is 65,536 rows.

use super::training::{autoencoder, seconds_per_step, trainer};
use crate::backend::{Device, measure_variant};
use crate::error::{Error, Result};
use crate::kernels::case::{Case, Sizes};
use crate::kernels::{
    Adapter, Kernel, adam, dense_forward, dense_gradient_input, dense_gradient_weights,
    embedding_gather,
};
use crate::train::Trainer;

/// Names of what can be measured.
pub const NAMES: [&str; 9] = [
    "mm_256",
    "mm_512",
    "mm_1024",
    "mm_2048",
    "mm_4096",
    "mm_8192",
    "adam_100m",
    "embedding_1m",
    "ae_65536",
];

/// One figure, or why there is none.
#[derive(Debug)]
pub struct Line {
    pub workload: &'static str,
    /// Kernel and variant, where several are compared.
    pub variant: String,
    pub unit: &'static str,
    pub value: Result<f64>,
}

impl Line {
    /// The line for programs.
    pub fn json(&self, device: &str, backend: &str) -> serde_json::Value {
        let (value, error) = match &self.value {
            Ok(value) => (Some(*value), None),
            Err(error) => (None, Some(error.to_string())),
        };
        serde_json::json!({
            "workload": self.workload,
            "variant": self.variant,
            "device": device,
            "backend": backend,
            "value": value,
            "unit": self.unit,
            "error": error,
        })
    }
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Line { workload, variant, unit, value } = self;
        match value {
            Ok(value) => write!(f, "{workload:<14} {variant:<44} {value:>12.2} {unit}"),
            Err(error) => write!(f, "{workload:<14} {variant:<44} {error}"),
        }
    }
}

/// Measures one of [`NAMES`]; what fails is a line too, and the others go on.
///
/// # Errors
/// [`Error::Usage`] for another name, or what `each` returns.
pub fn card(name: &str, device: &Device, each: &mut dyn FnMut(&Line) -> Result<()>) -> Result<()> {
    let Some(&workload) = NAMES.iter().find(|known| **known == name) else {
        let known = NAMES.join(", ");
        return Err(Error::usage(format!("there is no \"{name}\"; there are {known}")));
    };
    if let Some(size) = workload.strip_prefix("mm_").and_then(|size| size.parse().ok()) {
        for kernel in
            [&dense_forward::KERNEL, &dense_gradient_input::KERNEL, &dense_gradient_weights::KERNEL]
        {
            let case = Case::of_bench(kernel, [size, size, size, 0]);
            for variant in variants(kernel, &case, device) {
                let seconds = measure_variant(&case, device, variant, 0.1);
                let value = seconds.map(|seconds| case.flops / seconds / 1e9);
                let variant = format!("{} {}", kernel.name, variant.unwrap_or("as chosen"));
                each(&Line { workload, variant, unit: "GFLOP/s", value })?;
            }
        }
        return Ok(());
    }
    let rate = |kernel: &Kernel, sizes: Sizes| {
        let case = Case::of_bench(kernel, sizes);
        let seconds = measure_variant(&case, device, None, 0.1)?;
        Ok(case.numbers as f64 * 4.0 / seconds / 1e9)
    };
    let (unit, value) = match workload {
        "adam_100m" => ("GB/s", rate(&adam::KERNEL, [10_000, 2_500, 1, 1])),
        "embedding_1m" => ("GB/s", rate(&embedding_gather::KERNEL, [65_536, 1_000_000, 128, 1])),
        _ => ("samples/s", large_batch(device)),
    };
    each(&Line { workload, variant: String::new(), unit, value })
}

/// Those that could be chosen for a case, and the choice.
fn variants(kernel: &Kernel, case: &Case, device: &Device) -> Vec<Option<&'static str>> {
    let params = &case.dispatch().params;
    let adapter = device.adapter_kind();
    let candidates = |adapter: Adapter| (kernel.candidates)(params, adapter);
    let mut all: Vec<Option<&str>> =
        adapter.map_or(&[][..], candidates).iter().map(|&name| Some(name)).collect();
    all.push(None);
    all
}

/// Samples a second of the autoencoder of `bench training`, with all rows of its batches in one.
fn large_batch(device: &Device) -> Result<f64> {
    const ROWS: usize = 65_536;
    let (model, dataset) = autoencoder(ROWS)?;
    let trainer = Trainer { batch_size: ROWS, ..trainer() };
    Ok(ROWS as f64 / seconds_per_step(&model, &dataset, &trainer, device)?)
}
