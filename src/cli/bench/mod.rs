//! `wgslearn bench`: kernels, and whole training workloads.

mod card;
mod kernels;
mod scaling;
mod training;

use clap::{Args, Subcommand};

use super::{note, print};
use crate::backend::{Ceilings, Device, DeviceKind};
use crate::report::{PlotFormat, scaling_plot};
use crate::run::check_extension;
use training::Workload;

/// Measure kernels or training workloads on every backend, or on one device
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  wgslearn bench training
  wgslearn bench training --workload seed,mm --device gpu --json
  wgslearn bench kernels --filter dense")]
pub(super) struct Options {
    #[command(subcommand)]
    what: What,
    /// One device only; both the CPU backend and the best adapter unless given
    #[arg(long, value_name = "DEVICE", global = true)]
    device: Option<String>,
    /// Print one JSON object a line
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Time, rate, the device's measured limit and the ratio, for every kernel
    Kernels {
        /// Only kernels whose name contains this
        #[arg(long, default_value = "")]
        filter: String,
    },
    /// How the time of a step grows with batch, width, vocabulary and depth
    Scaling {
        /// Draw the curves into this .png or .svg file
        #[arg(long, value_name = "FILE")]
        plot: Option<std::path::PathBuf>,
    },
    /// What only a real card can show: large products by variant, Adam over 100 million parameters, a table of a
    /// million rows, an autoencoder of batch 65,536
    Card {
        /// Only these
        #[arg(long, value_delimiter = ',', default_values = card::NAMES)]
        only: Vec<String>,
    },
    /// The four reference workloads: seed (ms for 50 epochs, warm), text (steps/s), ae
    /// (samples/s), mm (GFLOP/s)
    Training {
        /// Only these
        #[arg(long, value_delimiter = ',', default_value = "seed,text,ae,mm")]
        workload: Vec<Workload>,
        /// Measure what a step costs by kernel, and where the host waits, instead
        #[arg(long)]
        profile: bool,
    },
}

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    if let What::Scaling { plot: Some(path) } = &options.what {
        check_extension(path, "a plot", &["png", "svg"])?;
    }
    let devices = match &options.device {
        Some(selector) => vec![Device::open(selector)?],
        None => {
            let mut devices = vec![Device::cpu()];
            match Device::open("gpu") {
                Ok(device) => devices.insert(0, device),
                Err(error) => note(error),
            }
            devices
        }
    };
    let mut points = Vec::new();
    for device in &devices {
        let (name, backend) = (device.name(), device.kind().name());
        match &options.what {
            What::Training { workload, profile: true } => {
                for &workload in workload {
                    let Some(profile) = training::profile(workload, device)? else { continue };
                    match options.json {
                        true => print(serde_json::json!({
                            "workload": workload.name(),
                            "device": name,
                            "backend": backend,
                            "profile": profile.json(),
                        }))?,
                        false => print(format_args!("{} on {name}\n{profile}", workload.name()))?,
                    }
                }
            }
            What::Training { workload, .. } => {
                for &workload in workload {
                    let value = training::training(workload, device)?;
                    let unit = workload.unit();
                    if options.json {
                        print(serde_json::json!({
                            "workload": workload.name(),
                            "device": name,
                            "backend": backend,
                            "value": value,
                            "unit": unit,
                        }))?;
                    } else {
                        let workload = workload.name();
                        print(format_args!("{workload:<6} {value:>12.2} {unit:<10} {name}"))?;
                    }
                }
            }
            What::Card { only } => {
                for name in only {
                    card::card(name, device, &mut |line| {
                        match options.json {
                            true => print(line.json(&device.name(), backend)),
                            false => print(line),
                        }
                        .map_err(|error| crate::Error::Training(error.to_string()))
                    })?;
                }
            }
            What::Scaling { .. } => scaling::scaling(device, &mut |point| {
                points.push((short_name(device), point.clone()));
                match options.json {
                    true => print(serde_json::json!({
                        "over": point.over,
                        "curve": point.curve,
                        "size": point.size,
                        "milliseconds": point.milliseconds,
                        "device": name,
                        "backend": backend,
                    })),
                    false => print(format_args!(
                        "{:<11} {:<22} {:>8} {:>11.3} ms  {name}",
                        point.over, point.curve, point.size, point.milliseconds
                    )),
                }
                .map_err(|error| crate::Error::Training(error.to_string()))
            })?,
            What::Kernels { filter } => {
                let limits = Ceilings::measure(device)?;
                if !options.json {
                    print(format_args!("{name}: {}", limits.sentence()))?;
                }
                kernels::kernels(device, filter, &limits, &mut |line| {
                    match options.json {
                        true => print(line.json(&name, backend)),
                        false => print(line),
                    }
                    .map_err(|error| crate::Error::Training(error.to_string()))
                })?;
            }
        }
    }
    if let What::Scaling { plot: Some(path) } = &options.what {
        let plot = scaling_plot(&scaling::scaling_panels(&points), PlotFormat::of(path))?;
        crate::files::write_whole(path, &plot)?;
        note(format_args!("The curves are in {}.", path.display()));
    }
    Ok(())
}

/// A device's name for a legend.
fn short_name(device: &Device) -> String {
    match device.kind() {
        DeviceKind::Cpu => "CPU backend".into(),
        DeviceKind::Gpu => device.name().split(" (").next().unwrap_or_default().to_owned(),
    }
}
