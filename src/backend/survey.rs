//! Every adapter with its limits, and why it is or is not taken: what a bug report needs of them.

use std::collections::BTreeMap;

use super::gpu;

/// One adapter, in full.
#[derive(Clone, Debug, serde::Serialize)]
pub struct AdapterReport {
    /// Its index among those that can be chosen; none where it cannot.
    pub index: Option<usize>,
    /// The driver's name for it.
    pub name: String,
    /// Vulkan, Metal, DX12 or OpenGL.
    pub api: String,
    /// Discrete, integrated, virtual or software.
    pub class: &'static str,
    /// The driver and its version.
    pub driver: String,
    /// PCI ids of vendor and device.
    pub vendor_and_device: [u32; 2],
    /// What it has, by WebGPU's names.
    pub limits: BTreeMap<&'static str, u64>,
    /// Least and largest subgroup.
    pub subgroup_sizes: [u32; 2],
    /// Which of the features that are used where they are there it has.
    pub features: Vec<&'static str>,
    /// Whether the device `auto` means it.
    pub is_taken_by_auto: bool,
    /// Why it is or is not taken.
    pub reason: String,
}

/// Every adapter, those that cannot be chosen last.
pub fn survey_adapters() -> Vec<AdapterReport> {
    let listed = gpu::adapters();
    let others = gpu::passed_over(&listed);
    let name = std::env::var("WGPU_ADAPTER_NAME").ok().map(|name| name.to_lowercase());
    let is_named = |info: &wgpu::AdapterInfo| match &name {
        Some(name) => info.name.to_lowercase().contains(name),
        None => true,
    };
    let infos: Vec<wgpu::AdapterInfo> = listed.iter().map(|adapter| adapter.get_info()).collect();
    let mut by_rank: Vec<usize> = (0..infos.len()).filter(|&i| is_named(&infos[i])).collect();
    by_rank.sort_by_key(|&i| gpu::rank(&infos[i]));
    let best = by_rank.first().copied();
    let mut all = Vec::new();
    for (i, adapter) in listed.iter().enumerate() {
        let info = &infos[i];
        let missing = missing(adapter);
        let is_software = gpu::class(info) == "software" && name.is_none();
        let is_taken_by_auto = best == Some(i) && !is_software;
        let reason = if !missing.is_empty() {
            format!("lacks what kernels need: {}", missing.join(", "))
        } else if !is_named(info) {
            "taken by index or name alone: WGPU_ADAPTER_NAME names another".into()
        } else if best != Some(i) {
            let best = best.map_or("none", |best| infos[best].name.as_str());
            format!("taken by index or name alone: auto and gpu prefer {best}")
        } else if is_software {
            "taken by gpu; auto takes the CPU backend, which is faster than a software adapter"
                .into()
        } else {
            "taken by auto and gpu".into()
        };
        all.push(report(adapter, Some(i), is_taken_by_auto, reason));
    }
    for adapter in &others {
        let reason = match gpu::computes(adapter) {
            true => {
                "not taken: OpenGL is a last resort, used where there is no other adapter; WGPU_BACKEND=gl asks for it"
            }
            false => "not taken: it has no compute shaders",
        };
        all.push(report(adapter, None, false, reason.into()));
    }
    all
}

/// Limits below what the kernels' portable form needs, each with both numbers.
fn missing(adapter: &wgpu::Adapter) -> Vec<String> {
    let l = adapter.limits();
    let has = [
        ("storage buffers of a shader", l.max_storage_buffers_per_shader_stage),
        ("invocations of a workgroup", l.max_compute_invocations_per_workgroup),
        ("invocations along x", l.max_compute_workgroup_size_x),
        ("bytes of workgroup memory", l.max_compute_workgroup_storage_size),
    ];
    let pairs = has.iter().zip(gpu::NEEDED);
    let short = pairs.filter(|((_, has), needed)| has < needed);
    short.map(|((name, has), needed)| format!("{has} {name} of {needed}")).collect()
}

fn report(
    adapter: &wgpu::Adapter,
    index: Option<usize>,
    is_taken_by_auto: bool,
    reason: String,
) -> AdapterReport {
    let (info, l, features) = (adapter.get_info(), adapter.limits(), adapter.features());
    let limits = [
        ("max_storage_buffers_per_shader_stage", l.max_storage_buffers_per_shader_stage as u64),
        ("max_compute_invocations_per_workgroup", l.max_compute_invocations_per_workgroup as u64),
        ("max_compute_workgroup_size_x", l.max_compute_workgroup_size_x as u64),
        ("max_compute_workgroup_storage_size", l.max_compute_workgroup_storage_size as u64),
        ("max_compute_workgroups_per_dimension", l.max_compute_workgroups_per_dimension as u64),
        ("max_storage_buffer_binding_size", l.max_storage_buffer_binding_size),
        ("max_buffer_size", l.max_buffer_size),
        ("min_storage_buffer_offset_alignment", l.min_storage_buffer_offset_alignment as u64),
    ];
    let known = [
        ("subgroups", wgpu::Features::SUBGROUP),
        ("timestamps", wgpu::Features::TIMESTAMP_QUERY),
        ("pipeline cache", wgpu::Features::PIPELINE_CACHE),
    ];
    AdapterReport {
        index,
        name: info.name.clone(),
        api: format!("{:?}", info.backend),
        class: gpu::class(&info),
        driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
        vendor_and_device: [info.vendor, info.device],
        limits: limits.into_iter().collect(),
        subgroup_sizes: [info.subgroup_min_size, info.subgroup_max_size],
        features: known
            .iter()
            .filter(|(_, f)| features.contains(*f))
            .map(|(name, _)| *name)
            .collect(),
        is_taken_by_auto,
        reason,
    }
}
