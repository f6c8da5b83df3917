//! `wgslearn doctor`: what a bug report needs.

use std::path::PathBuf;

use clap::Args;

use super::{DeviceOption, note, print};
use crate::backend::{AdapterReport, Ceilings, Device};
use crate::error::Error;
use crate::run::doctor::{self, KernelReport, Machine, VariantReport};

/// Check every kernel on a device, and print what a bug report needs
///
/// The machine; every adapter with its limits and why it is or is not taken; each kernel's variants beside the CPU
/// reference, and how fast they are beside what the device can do; the variants that measuring chose. The exit code is 1
/// where a kernel computes wrong.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  wgslearn doctor
  wgslearn doctor --device gpu --json > report.json
  wgslearn doctor --shaders shaders/")]
pub(super) struct Options {
    #[command(flatten)]
    device: DeviceOption,
    /// Only kernels whose name contains this
    #[arg(long, default_value = "", hide_default_value = true)]
    filter: String,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Write the whole WGSL of every variant of every kernel into this folder, and do nothing else
    #[arg(long, value_name = "DIR")]
    shaders: Option<PathBuf>,
}

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    if let Some(folder) = &options.shaders {
        let written = doctor::write_shaders(folder)?;
        note(format_args!("{} shaders are in {}.", written.len(), folder.display()));
        return match options.json {
            true => print(serde_json::to_value(&written)?),
            false => Ok(()),
        };
    }
    let (machine, adapters) = (doctor::machine(), doctor::adapters());
    if !options.json {
        print_machine(&machine)?;
        print_adapters(&adapters)?;
    }
    let device = Device::open_unchecked(&options.device.device)?;
    let ceilings = Ceilings::roughly(&device)?;
    if !options.json {
        print(format_args!("{}: {}", device.name(), ceilings.sentence()))?;
    }
    let mut kernels: Vec<KernelReport> = Vec::new();
    doctor::check_kernels(&device, &options.filter, &ceilings, &mut |report| {
        kernels.push(report.clone());
        match options.json {
            true => Ok(()),
            false => print(line(report)).map_err(|error| Error::Training(error.to_string())),
        }
    })?;
    let (tuned, wrong) = (doctor::tuned(&device), kernels.iter().flat_map(|kernel| kernel.wrong()));
    let wrong: Vec<String> = wrong.collect();
    if options.json {
        print(serde_json::json!({
            "machine": machine,
            "adapters": adapters,
            "device": device.name(),
            "backend": device.kind().name(),
            "is_software": doctor::is_software(&device),
            "ceilings": ceilings,
            "kernels": kernels,
            "tuned": tuned,
            "wrong": wrong,
        }))?;
    } else {
        if !tuned.is_empty() {
            print("\nFastest variants, as measured:")?;
        }
        for choice in tuned {
            let chosen = choice.choice.as_deref().unwrap_or("not yet decided");
            print(format_args!("  {} {}: {chosen}", choice.kernel, choice.size_class))?;
        }
    }
    match wrong.len() {
        0 => {
            let launches: usize =
                kernels.iter().flat_map(|k| &k.variants).map(|variant| variant.launches).sum();
            let (kernels, name) = (kernels.len(), device.name());
            note(format_args!("{kernels} kernels compute right on {name} ({launches} launches)."));
            Ok(())
        }
        count => {
            let name = device.name();
            wrong.iter().for_each(|wrong| note(format_args!("wrong: {wrong}")));
            Err(Error::Device(format!("{count} variants of kernels compute wrong on {name}"))
                .into())
        }
    }
}

fn print_machine(machine: &Machine) -> anyhow::Result<()> {
    let unknown = || "unknown".to_owned();
    let release = machine.system_release.as_deref().unwrap_or("");
    print(format_args!("wgslearn {}", machine.version))?;
    print(format_args!("system     {} {release} ({})", machine.system, machine.architecture))?;
    print(format_args!(
        "processor  {}, {} threads, vectors: {}",
        machine.processor.clone().unwrap_or_else(unknown),
        machine.threads,
        machine.vectors.join(", ")
    ))?;
    let free = machine.free_memory.map(|bytes| format!("{} MB free", bytes / 1_000_000));
    print(format_args!("memory     {}", free.unwrap_or_else(unknown)))?;
    let cache = machine.cache.as_ref().map(|folder| folder.display().to_string());
    print(format_args!("cache      {}", cache.unwrap_or_else(|| "none: nothing is kept".into())))?;
    for (name, value) in &machine.environment {
        print(format_args!("{name}={value}"))?;
    }
    Ok(())
}

fn print_adapters(adapters: &[AdapterReport]) -> anyhow::Result<()> {
    if adapters.is_empty() {
        print("no adapter was found")?;
    }
    for adapter in adapters {
        let index = adapter.index.map_or("-".into(), |index| index.to_string());
        let [vendor, device] = adapter.vendor_and_device;
        print(format_args!(
            "\nadapter {index}: {} ({}, {}), driver {}, PCI {vendor:04x}:{device:04x}",
            adapter.name, adapter.api, adapter.class, adapter.driver
        ))?;
        print(format_args!("  {}", adapter.reason))?;
        let [least, most] = adapter.subgroup_sizes;
        let features = match adapter.features.is_empty() {
            true => "none".into(),
            false => adapter.features.join(", "),
        };
        print(format_args!("  features: {features}; subgroups of {least} to {most}"))?;
        for (name, value) in &adapter.limits {
            print(format_args!("  {name:<40} {value}"))?;
        }
    }
    print("")
}

/// A kernel in a line: the worst of its variants, and its speed.
fn line(report: &KernelReport) -> String {
    let run = || report.variants.iter().filter(|variant| variant.launches > 0);
    let is_equal = run().all(|variant| variant.has_equal_bits);
    let share = |variant: &VariantReport| match variant.gap {
        Some(gap) if gap > 0.0 => gap / variant.bound,
        Some(_) => 0.0,
        None => f64::INFINITY,
    };
    let worst = run().max_by(|a, b| share(a).total_cmp(&share(b)));
    let verdict = match (report.wrong().next().is_some(), is_equal, worst) {
        (true, ..) => "WRONG".to_owned(),
        (_, true, _) => "right, bits equal".to_owned(),
        (_, false, Some(worst)) => {
            format!("right, off by {:.1e} of {:.1e}", worst.gap.unwrap_or(f64::NAN), worst.bound)
        }
        (_, false, None) => "not run".to_owned(),
    };
    let (ran, all) = (run().count(), report.variants.len());
    let variants = format!("{ran} of {all}");
    let speed = report.speed.as_ref().map_or_else(String::new, |speed| {
        format!(
            "{:>9.2} {:<7} {:>5.1} %  {}",
            speed.rate,
            speed.unit,
            100.0 * speed.of_ceiling,
            speed.size
        )
    });
    format!("  {:<28} {variants:>8}  {verdict:<34} {speed}", report.kernel)
}
