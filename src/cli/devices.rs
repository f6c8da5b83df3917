//! `wgslearn devices`: what it can run on.

use clap::Args;

use super::{note, print};
use crate::backend::{list_adapters, no_gpu_note};

/// List the adapters that `--device` takes by index or by part of their name
#[derive(Debug, Args)]
#[command(after_help = "Example:
  wgslearn devices --json")]
pub(super) struct Options {
    /// Print one JSON array
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let adapters = list_adapters();
    if options.json {
        let line = |(index, a): (usize, &crate::backend::AdapterInfo)| {
            serde_json::json!({
                "index": index,
                "name": a.name,
                "api": a.api,
                "class": a.class,
                "driver": a.driver,
                "max_binding_bytes": a.max_binding_bytes,
                "max_buffer_bytes": a.max_buffer_bytes,
            })
        };
        let lines: Vec<_> = adapters.iter().enumerate().map(line).collect();
        return print(serde_json::Value::from(lines));
    }
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(["--device", "name", "API", "class", "driver", "largest binding"]);
    for (index, a) in adapters.iter().enumerate() {
        let binding = format!("{} MiB", a.max_binding_bytes >> 20);
        table.add_row([
            index.to_string(),
            a.name.clone(),
            a.api.clone(),
            a.class.to_owned(),
            a.driver.clone(),
            binding,
        ]);
    }
    let threads = format!("{} threads", crate::kernels::team::threads());
    table.add_row(["cpu", "CPU backend", "none", "cpu", &threads, ""]);
    print(table)?;
    if !adapters.iter().any(|a| a.class != "software") {
        note(no_gpu_note());
    }
    Ok(())
}
