//! Which variant of a kernel is fastest on an adapter, found by measuring at first use and remembered by adapter, driver,
//! kernel and size class: what is kept, and where. `contest` decides. Only variants that give the same bits are
//! candidates, so a choice changes a run's time and nothing else.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use super::cache;
use super::contest::{Contest, Stopwatch, Times, Timing};
use crate::error::Error;
use crate::kernels::Kernel;

/// Time that measuring may take in a process; what it does not reach is chosen by rule, and measured by the next.
const BUDGET: Duration = Duration::from_millis(600);

const FILE: &str = "tuning.json";

/// By adapter, kernel and size class; of all adapters, as in the file.
type All = BTreeMap<String, Times>;

/// What measuring has found of one kernel and size class.
#[cfg(feature = "unstable")]
#[derive(Clone, Debug, serde::Serialize)]
pub struct TunedChoice {
    /// The kernel.
    pub kernel: String,
    /// Parameters that share the choice.
    pub size_class: String,
    /// The variant; none while some are not measured.
    pub choice: Option<String>,
    /// Median time of one dispatch, by variant.
    pub microseconds: BTreeMap<String, f64>,
}

/// The choices for one adapter.
#[derive(Debug)]
pub(super) struct Tuner {
    adapter: String,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    all: All,
    left: Duration,
}

impl Tuner {
    /// With what earlier runs found.
    pub fn new(info: &wgpu::AdapterInfo) -> Tuner {
        let state = State { all: read(), left: BUDGET };
        Tuner { adapter: super::gpu::key(info), state: Mutex::new(state) }
    }

    /// What is known of this adapter, by kernel and size class.
    #[cfg(feature = "unstable")]
    pub fn choices(&self) -> Vec<TunedChoice> {
        let all = read();
        let known = all.iter().filter_map(|(key, times)| {
            let place = key.strip_prefix(self.adapter.as_str())?.trim_start();
            let (kernel, size_class) = place.split_once(' ').unwrap_or((place, ""));
            let seconds = times.seconds.iter();
            Some(TunedChoice {
                kernel: kernel.to_owned(),
                size_class: size_class.to_owned(),
                choice: times.choice.clone(),
                microseconds: seconds
                    .map(|(name, seconds)| (name.clone(), 1e6 * super::median(seconds.clone())))
                    .collect(),
            })
        });
        known.collect()
    }

    /// The best of `candidates`, on hardware the rule's variant first, for these parameters: remembered, or measured while there
    /// is time for it; none where the rule must do.
    ///
    /// # Errors
    /// The stopwatch's.
    pub fn choose<S: Stopwatch<Error = Error>>(
        &self,
        kernel: &Kernel,
        params: &[u8],
        candidates: &[usize],
        timing: Timing,
        stopwatch: &mut S,
    ) -> Result<Option<usize>, Error> {
        if candidates.len() < 2 {
            return Ok(candidates.first().copied());
        }
        let Ok(mut state) = self.state.lock() else { return Ok(None) };
        let State { all, left } = &mut *state;
        let key = format!("{} {} {}", self.adapter, kernel.name, (kernel.size_class)(params));
        let candidates: Vec<(usize, &'static str)> =
            candidates.iter().map(|&i| (i, kernel.variants[i].name)).collect();
        let times = all.entry(key.clone()).or_default();
        if let Some(known) = &times.choice
            && let Some(&(variant, _)) = candidates.iter().find(|(_, name)| name == known)
        {
            return Ok(Some(variant));
        }
        if !cache::is_on() || left.is_zero() {
            return Ok(None);
        }
        let of = format!("{:016x}", xxhash_rust::xxh3::xxh3_64(params));
        if times.of != of || times.choice.is_some() {
            *times = Times { of, ..Times::default() };
        }
        let mut contest = Contest { candidates: &candidates, timing, left };
        contest.decide(times, stopwatch, &mut |times| keep(&key, times))
    }
}

fn read() -> All {
    let found = cache::read(FILE).and_then(|bytes| serde_json::from_slice(&bytes).ok());
    found.unwrap_or_default()
}

/// Writes what is known of one contest; what other processes have found meanwhile of others is not lost.
fn keep(key: &str, times: &Times) {
    let mut all = read();
    all.insert(key.to_owned(), times.clone());
    if let Ok(json) = serde_json::to_vec(&all) {
        cache::write(FILE, &json);
    }
}
