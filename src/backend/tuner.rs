//! Which variant of a kernel is fastest on an adapter, found by measuring at first use and remembered
//! by adapter, driver, kernel and size class. Only variants that give the same bits are candidates,
//! so a choice changes a run's time and nothing else.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::cache;
use crate::kernels::Kernel;

/// Time that measuring may take in a process; what it does not reach is chosen by rule.
const BUDGET: Duration = Duration::from_millis(600);

const FILE: &str = "tuning.json";

/// The choices for one adapter.
#[derive(Debug)]
pub(super) struct Tuner {
    adapter: String,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Variants' names by adapter, kernel and size class; of all adapters, as in the file.
    choices: BTreeMap<String, String>,
    spent: Duration,
    is_changed: bool,
}

impl Tuner {
    /// With what earlier runs found.
    pub fn new(info: &wgpu::AdapterInfo) -> Tuner {
        let choices = cache::read(FILE).and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let state = State {
            choices: choices.unwrap_or_default(),
            spent: Duration::ZERO,
            is_changed: false,
        };
        let driver = (&info.name, info.backend, &info.driver, &info.driver_info);
        let version = env!("CARGO_PKG_VERSION");
        Tuner { adapter: format!("{driver:?} {version}"), state: Mutex::new(state) }
    }

    /// The fastest of `candidates` for these parameters: remembered, or measured by `seconds` while
    /// there is time for it; none where the rule must do.
    pub fn choose(
        &self,
        kernel: &Kernel,
        params: &[u8],
        candidates: &[usize],
        seconds: &mut dyn FnMut(usize) -> Option<f64>,
    ) -> Option<usize> {
        if candidates.len() < 2 {
            return candidates.first().copied();
        }
        let mut state = self.state.lock().ok()?;
        let key = format!("{} {} {}", self.adapter, kernel.name, (kernel.size_class)(params));
        let by_name =
            |name: &String| candidates.iter().copied().find(|&i| kernel.variants[i].name == name);
        if let Some(known) = state.choices.get(&key).and_then(by_name) {
            return Some(known);
        }
        let mut best: Option<(usize, f64)> = None;
        for &candidate in candidates {
            if !cache::is_on() || state.spent >= BUDGET {
                return None;
            }
            let started = Instant::now();
            let found = seconds(candidate);
            state.spent += started.elapsed();
            if let Some(found) = found
                && best.is_none_or(|(_, known)| found < known)
            {
                best = Some((candidate, found));
            }
        }
        let (winner, _) = best?;
        state.choices.insert(key, kernel.variants[winner].name.to_owned());
        state.is_changed = true;
        Some(winner)
    }

    /// Writes new choices down.
    pub fn save(&self) {
        let Ok(mut state) = self.state.lock() else { return };
        if !std::mem::take(&mut state.is_changed) {
            return;
        }
        // What another process has found meanwhile stays.
        let others: Option<BTreeMap<String, String>> =
            cache::read(FILE).and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let mut all = others.unwrap_or_default();
        all.extend(state.choices.clone());
        if let Ok(json) = serde_json::to_vec(&all) {
            cache::write(FILE, &json);
        }
    }
}
