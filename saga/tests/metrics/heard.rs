//! A recorder that remembers.

use std::collections::BTreeMap;

use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};

/// Runs `work` on a paused clock; what the recorder heard, and what the work came to. A coordinator that is part of that
/// is still there when the recorder is asked.
pub(crate) fn hear<T>(work: impl AsyncFnOnce() -> T) -> (Heard, T) {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let done = metrics::with_local_recorder(&recorder, || runtime.block_on(work()));
    (Heard::from(&snapshotter), done)
}

/// What a recorder heard: counters and gauges by `name{label=value,..}`, histograms by count and sum.
pub(crate) struct Heard(BTreeMap<String, (f64, usize)>);

impl Heard {
    pub(crate) fn from(snapshotter: &Snapshotter) -> Self {
        let heard = snapshotter.snapshot().into_vec().into_iter().map(|(key, _, _, value)| {
            let key = key.key();
            let mut labels: Vec<_> =
                key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
            labels.sort();
            let value = match value {
                DebugValue::Counter(count) => (f64::from(u32::try_from(count).unwrap()), 1),
                DebugValue::Gauge(value) => (value.into_inner(), 1),
                DebugValue::Histogram(values) => {
                    (values.iter().map(|value| value.into_inner()).sum(), values.len())
                }
            };
            (format!("{}{{{}}}", key.name(), labels.join(",")), value)
        });
        Self(heard.collect())
    }

    pub(crate) fn names(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.0.keys().map(|key| key.split('{').next().unwrap()).collect();
        names.dedup();
        names
    }

    /// The value of exactly this series.
    #[track_caller]
    pub(crate) fn of(&self, series: &str) -> f64 {
        self.0.get(series).unwrap_or_else(|| panic!("{series} is not among {:#?}", self.0)).0
    }

    #[track_caller]
    pub(crate) fn values_of(&self, series: &str) -> usize {
        self.of(series);
        self.0[series].1
    }

    /// The series of this name that are not zero, and have these labels, by the others.
    pub(crate) fn above_zero(&self, name: &str) -> Vec<(&str, f64)> {
        let of_name = self.0.iter().filter(|(key, _)| key.split('{').next() == Some(name));
        of_name
            .filter(|(_, value)| value.0 != 0.0)
            .map(|(key, value)| (&key[name.len()..], value.0))
            .collect()
    }

    pub(crate) fn is_nowhere_negative(&self) -> bool {
        self.0.values().all(|(value, _)| *value >= 0.0)
    }
}
