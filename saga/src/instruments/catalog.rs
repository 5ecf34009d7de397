//! The metrics that there are: the source of `docs/metrics.md`.

use metrics::Unit;

/// How a metric is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// A metric, as it is told to the recorder and to readers of the docs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) unit: Unit,
    /// The names of its labels; read by the test that compares them with the docs.
    #[cfg_attr(not(test), expect(dead_code, reason = "the labels are written where a handle is fetched"))]
    pub(super) labels: &'static [&'static str],
    pub(super) description: &'static str,
}

const fn counter(name: &'static str, labels: &'static [&'static str], description: &'static str) -> Metric {
    Metric { name, kind: Kind::Counter, unit: Unit::Count, labels, description }
}

const fn seconds(name: &'static str, labels: &'static [&'static str], description: &'static str) -> Metric {
    Metric { name, kind: Kind::Histogram, unit: Unit::Seconds, labels, description }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], description: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge, unit: Unit::Count, labels, description }
}

const fn age(name: &'static str, labels: &'static [&'static str], description: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge, unit: Unit::Seconds, labels, description }
}

pub(super) const SAGAS_STARTED: Metric =
    counter("saga_sagas_started_total", &["definition"], "Sagas recorded.");
pub(super) const SAGAS_ENDED: Metric =
    counter("saga_sagas_ended_total", &["definition", "state"], "Sagas that ended, by how.");
pub(super) const SAGA_DURATION: Metric =
    seconds("saga_saga_duration_seconds", &["definition", "state"], "From a saga's record to its end.");
pub(super) const SAGAS_STUCK: Metric =
    counter("saga_sagas_stuck_total", &["definition"], "How often a saga was parked for an operator.");
pub(super) const SAGAS_UNKNOWN: Metric = gauge(
    "saga_sagas_unknown",
    &[],
    "Sagas of the whole store whose definition no live worker knows, looked up every 30 s; don't sum over processes.",
);
pub(super) const SAGAS_ACTIVE: Metric =
    gauge("saga_sagas_active", &["state"], "Sagas that this process drives now.");
pub(super) const START_WAIT: Metric = seconds(
    "saga_start_wait_seconds",
    &[],
    "How long starts waited that found no place among the concurrent sagas free.",
);
pub(super) const START_TIMEOUTS: Metric =
    counter("saga_start_timeouts_total", &[], "Starts that got no place in time, and recorded nothing.");
pub(super) const STORE_SAGAS: Metric =
    gauge("saga_store_sagas", &["state"], "Sagas of the whole store that have not ended.");
pub(super) const STORE_OLDEST_ACTIVE: Metric = age(
    "saga_store_oldest_active_age_seconds",
    &[],
    "Age of the store's oldest saga that has not ended and is not stuck; 0 where there is none.",
);
pub(super) const STORE_OLDEST_RUNNABLE: Metric = age(
    "saga_store_oldest_runnable_age_seconds",
    &[],
    "How long the store's saga waits that could be driven now and is by nobody; 0 where there is none.",
);
pub(super) const CLAIMS: Metric =
    counter("saga_claims_total", &[], "Takeovers of sagas that were recorded earlier.");
pub(super) const LEASE_LOSSES: Metric =
    counter("saga_lease_losses_total", &[], "Drives that stopped because the saga had another owner.");
pub(super) const STEP_ATTEMPTS: Metric = counter(
    "saga_step_attempts_total",
    &["definition", "step", "task", "outcome"],
    "Attempts that ended, recorded, by their outcome.",
);
pub(super) const STEP_RETRIES: Metric = counter(
    "saga_step_retries_total",
    &["definition", "step", "task"],
    "Further attempts scheduled after one that failed.",
);
pub(super) const STEPS_DROPPED: Metric = counter(
    "saga_steps_dropped_total",
    &["definition", "step"],
    "Running attempts that the saga's deadline dropped; their steps are in doubt.",
);
pub(super) const STEP_DURATION: Metric = seconds(
    "saga_step_attempt_duration_seconds",
    &["definition", "step", "task"],
    "From an attempt's first poll to its end, however; without the wait for a worker.",
);
pub(super) const ATTEMPT_WAIT: Metric =
    seconds("saga_attempt_wait_seconds", &[], "How long attempts waited that found no worker free.");
pub(super) const APPENDS: Metric =
    counter("saga_appends_total", &[], "Appends handed to the store, each of one saga.");
pub(super) const COMMITS: Metric =
    counter("saga_commits_total", &[], "Commits asked of the store, each of one batch of appends.");
pub(super) const COMMIT_APPENDS: Metric = Metric {
    name: "saga_commit_appends",
    kind: Kind::Histogram,
    unit: Unit::Count,
    labels: &[],
    description: "How many appends share a commit, in stores that gather them.",
};
pub(super) const COMMIT_DURATION: Metric = seconds(
    "saga_commit_duration_seconds",
    &[],
    "From a commit's beginning to the store's answer, in stores that gather appends.",
);
pub(super) const DELIVERIES: Metric = counter(
    "saga_publisher_deliveries_total",
    &["publisher", "outcome"],
    "Events handed to a broker by this process, by what became of them.",
);
pub(super) const PUBLISHER_LAG: Metric = gauge(
    "saga_publisher_lag_events",
    &["publisher"],
    "Events of the store behind the publisher's cursor, counted up to 10,000.",
);
pub(super) const PUBLISHER_LAG_AGE: Metric = age(
    "saga_publisher_lag_seconds",
    &["publisher"],
    "Age of the first event behind the publisher's cursor; 0 where there is none.",
);
pub(super) const DEAD_LETTERS: Metric =
    gauge("saga_publisher_dead_letters", &["publisher"], "Events that the broker refused for good.");

/// All of them.
pub(super) const ALL: [Metric; 26] = [
    SAGAS_STARTED,
    SAGAS_ENDED,
    SAGA_DURATION,
    SAGAS_STUCK,
    SAGAS_ACTIVE,
    SAGAS_UNKNOWN,
    START_WAIT,
    START_TIMEOUTS,
    STORE_SAGAS,
    STORE_OLDEST_ACTIVE,
    STORE_OLDEST_RUNNABLE,
    CLAIMS,
    LEASE_LOSSES,
    STEP_ATTEMPTS,
    STEP_RETRIES,
    STEPS_DROPPED,
    STEP_DURATION,
    ATTEMPT_WAIT,
    APPENDS,
    COMMITS,
    COMMIT_APPENDS,
    COMMIT_DURATION,
    DELIVERIES,
    PUBLISHER_LAG,
    PUBLISHER_LAG_AGE,
    DEAD_LETTERS,
];

/// Tells the recorder what each is.
pub(super) fn describe() {
    for Metric { name, kind, unit, description, .. } in ALL {
        match kind {
            Kind::Counter => metrics::describe_counter!(name, unit, description),
            Kind::Gauge => metrics::describe_gauge!(name, unit, description),
            Kind::Histogram => metrics::describe_histogram!(name, unit, description),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ALL, Kind, Metric};
    use metrics::Unit;

    const DOCS: &str = include_str!("../../../docs/metrics.md");

    fn row(metric: &Metric) -> String {
        let kind = match metric.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let unit = if metric.unit == Unit::Seconds { "seconds" } else { "count" };
        let labels: Vec<_> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        format!("| `{}` | {kind} | {unit} | {} | {} |", metric.name, labels.join(", "), metric.description)
    }

    #[test]
    fn the_docs_list_the_metrics_that_there_are_and_no_others() {
        let listed: Vec<_> = DOCS.lines().filter(|line| line.starts_with("| `saga_")).collect();
        let there_are: Vec<_> = ALL.iter().map(row).collect();
        assert_eq!(listed, there_are, "as they should be:\n{}", there_are.join("\n"));
    }

    #[test]
    fn names_follow_the_conventions_of_prometheus() {
        for metric in ALL {
            let is_total = metric.name.ends_with("_total");
            assert_eq!(is_total, metric.kind == Kind::Counter, "{}", metric.name);
            let is_seconds = metric.name.ends_with("_seconds");
            assert_eq!(is_seconds, metric.unit == Unit::Seconds, "{}", metric.name);
        }
    }
}
