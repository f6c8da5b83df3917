//! What a bug report needs: the machine, every adapter, and whether each kernel computes right on a device, and how fast.
//!
//! Each variant of each kernel that the device can run is launched at a few sizes and held to the f64 reference, with
//! its bits beside those of the f32 reference (the CPU backend's). Variants for other devices are listed with why they
//! do not run. Rates stand beside the device's own ceilings, measured in the same run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::backend::{
    AdapterReport, Ceilings, Device, DeviceKind, Executor, Oracle, TunedChoice, cache_folder,
    measure_roughly, survey_adapters,
};
use crate::error::{Error, Result};
use crate::files;
use crate::kernels::case::{Case, Sizes};
use crate::kernels::{ALL, Adapter, Kernel, Variant};
use crate::program::Program;

/// Sizes at which kernels are checked: together they reach every variant.
const SIZES: [Sizes; 8] = [
    [64, 128, 96, 1],
    [37, 100, 52, 3],
    [77, 256, 1, 2],
    [9, 4, 1, 4],
    [4, 7, 300, 2],
    // Pictures of three channels and of one, read and given.
    [13, 3, 16, 2],
    [11, 1, 8, 1],
    [17, 16, 3, 3],
];

/// Seconds of a round of a kernel's timing.
const ROUND: f64 = 0.01;

/// Variables of the environment that change what is found or how it runs.
const VARIABLES: [&str; 14] = [
    "WGPU_ADAPTER_NAME",
    "WGPU_BACKEND",
    "WGPU_DX12_COMPILER",
    "WGSLEARN_CACHE",
    "WGSLEARN_CHECKED",
    "WGSLEARN_SIMD",
    "RAYON_NUM_THREADS",
    "VK_DRIVER_FILES",
    "VK_ICD_FILENAMES",
    "VK_LOADER_LAYERS_ENABLE",
    "VK_INSTANCE_LAYERS",
    "LIBGL_ALWAYS_SOFTWARE",
    "LP_NATIVE_VECTOR_WIDTH",
    "LP_NUM_THREADS",
];

/// The machine and the program.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// wgslearn's version.
    pub version: &'static str,
    /// The system's name and, where it says, its version.
    pub system: String,
    /// Of the system's core, where it says.
    pub system_release: Option<String>,
    /// Instruction set.
    pub architecture: &'static str,
    /// The processor's name, where the system says.
    pub processor: Option<String>,
    /// Kinds of vectors that the CPU backend can use on it.
    pub vectors: Vec<&'static str>,
    /// Threads of the CPU backend.
    pub threads: usize,
    /// Bytes that are free, where that can be told.
    pub free_memory: Option<u64>,
    /// Where compiled pipelines, variants' times and checks are kept; none where nothing is.
    pub cache: Option<PathBuf>,
    /// Variables that change what is found or how it runs, as they are set.
    pub environment: BTreeMap<&'static str, String>,
}

/// A variant on a device.
#[derive(Clone, Debug, Serialize)]
pub struct VariantReport {
    /// Its name; `reference` on the CPU backend.
    pub variant: &'static str,
    /// Launches that it was checked by.
    pub launches: usize,
    /// Whether all had the f32 reference's bits.
    pub has_equal_bits: bool,
    /// The largest distance to the f64 reference, by its share of its bound; none where words differ or a number is NaN.
    pub gap: Option<f64>,
    /// What that distance may be.
    pub bound: f64,
    /// What is wrong, where something is.
    pub wrong: Option<String>,
    /// Why it was not launched, where it was not.
    pub skipped: Option<&'static str>,
}

/// How fast a kernel is, by the variant that training takes.
#[derive(Clone, Debug, Serialize)]
pub struct Speed {
    /// At which size.
    pub size: &'static str,
    /// Of one launch.
    pub microseconds: f64,
    /// GB/s or GFLOP/s.
    pub rate: f64,
    /// Which of them.
    pub unit: &'static str,
    /// Its share of the device's ceiling.
    pub of_ceiling: f64,
}

/// A kernel on a device.
#[derive(Clone, Debug, Serialize)]
pub struct KernelReport {
    /// Its name.
    pub kernel: &'static str,
    /// Its variants.
    pub variants: Vec<VariantReport>,
    /// None where it could not be timed.
    pub speed: Option<Speed>,
}

impl KernelReport {
    /// What is wrong with it, each as a sentence without its end.
    pub fn wrong(&self) -> impl Iterator<Item = String> {
        let sentence = |v: &VariantReport| {
            v.wrong.as_ref().map(|wrong| format!("{} ({}): {wrong}", self.kernel, v.variant))
        };
        self.variants.iter().filter_map(sentence)
    }
}

/// The machine that this runs on.
pub fn machine() -> Machine {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let field = |text: &str, key: &str, separator: char| {
        let line = text.lines().find(|line| line.starts_with(key))?;
        Some(line.split_once(separator)?.1.trim().trim_matches('"').to_owned())
    };
    let system = read("/etc/os-release").and_then(|text| field(&text, "PRETTY_NAME", '='));
    let cpu_info = read("/proc/cpuinfo").unwrap_or_default();
    let processor =
        field(&cpu_info, "model name", ':').or_else(|| std::env::var("PROCESSOR_IDENTIFIER").ok());
    let set = |name: &&'static str| Some((*name, std::env::var(name).ok()?));
    Machine {
        version: env!("CARGO_PKG_VERSION"),
        system: system.unwrap_or_else(|| std::env::consts::OS.into()),
        system_release: read("/proc/sys/kernel/osrelease").map(|text| text.trim().to_owned()),
        architecture: std::env::consts::ARCH,
        processor,
        vectors: vectors(),
        threads: crate::kernels::team::threads(),
        free_memory: Device::cpu().memory(),
        cache: cache_folder(),
        environment: VARIABLES.iter().filter_map(set).collect(),
    }
}

/// Kinds of vectors, widest first.
fn vectors() -> Vec<&'static str> {
    #[cfg(target_arch = "x86_64")]
    {
        let has = [
            ("avx512f", std::arch::is_x86_feature_detected!("avx512f")),
            ("avx2", std::arch::is_x86_feature_detected!("avx2")),
            ("fma", std::arch::is_x86_feature_detected!("fma")),
            ("sse2", true),
        ];
        has.into_iter().filter_map(|(name, has)| has.then_some(name)).collect()
    }
    #[cfg(target_arch = "aarch64")]
    {
        vec!["neon"]
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    {
        Vec::new()
    }
}

/// Every adapter, with why it is or is not taken.
pub fn adapters() -> Vec<AdapterReport> {
    survey_adapters()
}

/// What measuring has found on the device so far, in this run and before.
pub fn tuned(device: &Device) -> Vec<TunedChoice> {
    device.tuned()
}

/// Checks the kernels whose name contains `filter` on a device and times them, and hands each one's report over.
///
/// # Errors
/// What `each` returns. A kernel that fails is part of its report.
pub fn check_kernels(
    device: &Device,
    filter: &str,
    ceilings: &Ceilings,
    each: &mut dyn FnMut(&KernelReport) -> Result<()>,
) -> Result<()> {
    for kernel in ALL.iter().filter(|kernel| kernel.name.contains(filter)) {
        let variants = check_kernel(device, kernel, &|program, variant| match variant {
            Some(variant) => device.prepare_variant(program, variant),
            None => device.prepare(program),
        })?;
        let speed = speed(device, kernel, ceilings);
        each(&KernelReport { kernel: kernel.name, variants, speed })?;
    }
    Ok(())
}

/// Makes a program on a device, every dispatch by a variant of this name where one is given.
type Prepare<'a> = dyn Fn(&Program, Option<&str>) -> Result<Box<dyn Executor>> + 'a;

/// A kernel's every variant on a device, over all sizes.
fn check_kernel(
    device: &Device,
    kernel: &'static Kernel,
    prepare: &Prepare<'_>,
) -> Result<Vec<VariantReport>> {
    let blank = |variant| VariantReport {
        variant,
        launches: 0,
        has_equal_bits: true,
        gap: Some(0.0),
        bound: 0.0,
        wrong: None,
        skipped: None,
    };
    let mut reports: Vec<VariantReport> = match device.kind() {
        DeviceKind::Cpu => vec![blank("reference")],
        DeviceKind::Gpu => kernel.variants.iter().map(|variant| blank(variant.name)).collect(),
    };
    for (sizes, seed) in SIZES.into_iter().zip(1..) {
        let case = Case::of_test(kernel, seed, sizes);
        let oracle = Oracle::new(&case)?;
        let params = &case.dispatch().params;
        for (report, i) in reports.iter_mut().zip(0..) {
            let prepared = match device.kind() {
                DeviceKind::Cpu => prepare(oracle.program(), None),
                DeviceKind::Gpu => {
                    let variant: &Variant = &kernel.variants[i];
                    if variant.requires_subgroup_8 && !device.has_subgroup_8() {
                        report.skipped = Some("subgroups are not of eight invocations");
                        continue;
                    }
                    // A size whose loops a software adapter ends early is refused there, as in a run.
                    let ends = !is_software(device) || kernel.ends_on_software(i, params);
                    if !(variant.computes)(params) || !ends {
                        continue;
                    }
                    prepare(oracle.program(), Some(variant.name))
                }
            };
            report.launches += 1;
            let compared = match prepared.and_then(|mut made| oracle.compare(made.as_mut())) {
                Ok(compared) => compared,
                Err(error) => {
                    report.has_equal_bits = false;
                    report.wrong.get_or_insert(error.to_string());
                    continue;
                }
            };
            report.has_equal_bits &= compared.has_equal_bits;
            let gap = compared.gap;
            if gap.is_wrong() {
                let place = format!("{} at sizes {sizes:?}, seed {seed}", gap.place);
                report.wrong.get_or_insert(place);
            }
            let share = |distance: Option<f64>, bound: f64| match distance {
                Some(0.0) => 0.0,
                Some(distance) => distance / bound,
                None => f64::INFINITY,
            };
            let distance = gap.distance.is_finite().then_some(gap.distance);
            if share(distance, gap.bound) > share(report.gap, report.bound) || report.bound == 0.0 {
                (report.gap, report.bound) = (distance, gap.bound);
            }
        }
    }
    for report in &mut reports {
        if report.launches == 0 {
            report.skipped.get_or_insert("none of the sizes is for it");
        }
    }
    Ok(reports)
}

/// A kernel's first bench; none where it fails, which its check has told then.
fn speed(device: &Device, kernel: &'static Kernel, ceilings: &Ceilings) -> Option<Speed> {
    let &(size, sizes) = kernel.benches.first()?;
    let case = Case::of_bench(kernel, sizes);
    let seconds = measure_roughly(&case, device, ROUND).ok()?;
    let crate::backend::Speed { rate, unit, limit } = ceilings.speed(&case, seconds);
    Some(Speed { size, microseconds: seconds * 1e6, rate, unit, of_ceiling: rate / limit })
}

/// One file of [`write_shaders`].
#[derive(Clone, Debug, Serialize)]
pub struct ShaderFile {
    /// Its name in the folder.
    pub file: String,
    /// The kernel.
    pub kernel: &'static str,
    /// Its variant.
    pub variant: &'static str,
    /// Whether only software adapters with subgroups of eight take it: no browser gets it.
    pub requires_subgroup_8: bool,
}

/// Writes the whole WGSL of every variant of every kernel into a folder, with a list of them in `index.json`.
///
/// # Errors
/// [`Error::File`] where a file cannot be written.
pub fn write_shaders(folder: &Path) -> Result<Vec<ShaderFile>> {
    std::fs::create_dir_all(folder).map_err(|error| Error::file("create", folder, error))?;
    let mut written: Vec<ShaderFile> = Vec::new();
    for kernel in ALL {
        for variant in kernel.variants {
            let name = |suffix: &str| format!("{}{suffix}.{}.wgsl", kernel.name, variant.name);
            // Kernels over ids and over matrices share names.
            let is_taken = written.iter().any(|of| of.file == name(""));
            let file = name(if is_taken { "_matrix" } else { "" });
            files::write_whole(&folder.join(&file), kernel.source(variant).as_bytes())?;
            written.push(ShaderFile {
                file,
                kernel: kernel.name,
                variant: variant.name,
                requires_subgroup_8: variant.requires_subgroup_8,
            });
        }
    }
    let list = serde_json::to_vec_pretty(&written)
        .map_err(|error| Error::data(folder.join("index.json"), error.to_string()))?;
    files::write_whole(&folder.join("index.json"), &list)?;
    Ok(written)
}

/// Whether variants for software adapters are what the device takes.
pub fn is_software(device: &Device) -> bool {
    matches!(device.adapter_kind(), Some(Adapter::Software { .. }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::tests::Tampered;
    use crate::kernels::{dense_forward, radix_scan, softmax};

    #[test]
    fn a_kernel_that_computes_wrong_is_told_with_its_place() {
        let device = Device::cpu();
        let right: &Prepare<'_> = &|program, _| device.prepare(program);
        for kernel in [&softmax::KERNEL, &dense_forward::KERNEL, &radix_scan::KERNEL] {
            let variants = check_kernel(&device, kernel, right).expect("a report");
            assert_eq!(variants.len(), 1);
            assert_eq!(variants[0].launches, SIZES.len());
            assert!(variants[0].has_equal_bits && variants[0].wrong.is_none(), "{variants:?}");

            let variants = check_kernel(&device, kernel, &|program, _| {
                Ok(Box::new(Tampered(device.prepare(program)?)))
            });
            let report = KernelReport {
                kernel: kernel.name,
                variants: variants.expect("a report"),
                speed: None,
            };
            let wrong: Vec<String> = report.wrong().collect();
            assert_eq!(wrong.len(), 1, "{report:?}");
            assert!(
                wrong[0].starts_with(kernel.name) && wrong[0].contains("at sizes"),
                "{wrong:?}"
            );
        }
    }

    #[test]
    fn the_sizes_reach_every_variant() {
        for kernel in ALL {
            for variant in kernel.variants {
                let reaches = |(sizes, seed)| {
                    let case = Case::of_test(kernel, seed, sizes);
                    (variant.computes)(&case.dispatch().params)
                };
                let reached = SIZES.into_iter().zip(1..).any(reaches);
                assert!(reached, "{} ({})", kernel.name, variant.name);
            }
        }
    }

    #[test]
    fn shaders_are_written_one_file_a_variant() {
        let folder = tempfile::tempdir().expect("a folder");
        let written = write_shaders(folder.path()).expect("written");
        assert_eq!(written.len(), ALL.iter().map(|kernel| kernel.variants.len()).sum::<usize>());
        let files: std::collections::BTreeSet<&str> =
            written.iter().map(|of| of.file.as_str()).collect();
        assert_eq!(files.len(), written.len(), "each has its own name");
        for of in &written {
            let source = std::fs::read_to_string(folder.path().join(&of.file)).expect("there");
            assert!(source.contains("var<uniform> params: Params;"), "{}", of.file);
            assert!(source.contains("@compute"), "{}", of.file);
        }
        assert!(folder.path().join("index.json").exists());
    }
}
