//! The example sends traces that a collector can read, and serves metrics that Prometheus can.

#![expect(clippy::float_cmp, reason = "counts are whole numbers")]

mod collector;
mod exposition;
mod http;

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use collector::{Collector, Span};
use exposition::Exposition;

const METRICS: &str = include_str!("../../../../docs/metrics.md");

/// Ends with the test, however that ends.
struct Example(Child);

impl Drop for Example {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

/// An address that is free.
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn example(collector: SocketAddr, metrics: SocketAddr, seconds: u64) -> Example {
    let program = std::env::current_exe().unwrap();
    let program = program.parent().unwrap().with_file_name("examples").join("observability");
    let mut command = Command::new(program);
    command.arg(format!("http://{collector}")).arg(metrics.to_string()).arg(seconds.to_string());
    Example(command.stdout(Stdio::piped()).spawn().expect("the example was built with its test"))
}

/// What is served once `is_there` says so.
fn scraped(address: SocketAddr, is_there: impl Fn(&Exposition) -> bool) -> Exposition {
    let until = Instant::now() + Duration::from_mins(1);
    loop {
        let answer = http::get(address, "/metrics");
        if let Ok(text) = answer {
            let exposition = Exposition::parse(&text).expect("Prometheus can read it");
            if is_there(&exposition) {
                return exposition;
            }
            assert!(Instant::now() < until, "after a minute still:\n{text}");
        }
        assert!(Instant::now() < until, "nobody serves metrics at {address}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn metrics_can_be_scraped_and_are_those_of_the_docs() {
    let (collector, address) = (Collector::begin(), free_address());
    let _example = example(collector.address(), address, 60);
    let orders = "definition=\"order\"";
    let exposition = scraped(address, |exposition| {
        exposition.value("saga_sagas_ended_total", &[orders, "state=\"compensated\""]) >= 1.0
            && exposition.value("saga_sagas_ended_total", &[orders, "state=\"completed\""]) >= 9.0
    });
    let listed: BTreeSet<(String, String)> = METRICS
        .lines()
        .filter(|line| line.starts_with("| `saga_"))
        .map(|row| row.split('|').map(str::trim).collect::<Vec<_>>())
        .map(|cells| (cells[1].trim_matches('`').to_owned(), cells[2].to_owned()))
        .filter(|(name, _)| !name.starts_with("saga_publisher_"))
        .collect();
    assert_eq!(exposition.families(), listed);

    // Of the first ten orders, three met a busy gateway, and one was refused and undone.
    let attempts = |outcome: &str, step: &str, task: &str| {
        let labels =
            [orders, &format!("outcome={outcome:?}"), &format!("step={step:?}"), &format!("task={task:?}")];
        exposition.value("saga_step_attempts_total", &labels)
    };
    assert!(attempts("done", "reserve", "execute") >= 10.0);
    assert!(attempts("transient", "pay", "execute") >= 3.0);
    assert_eq!(attempts("business", "pay", "execute"), attempts("done", "reserve", "compensate"));
    let completed = [orders, "state=\"completed\""];
    let count = exposition.value("saga_saga_duration_seconds_count", &completed);
    let sum = exposition.value("saga_saga_duration_seconds_sum", &completed);
    assert_eq!(count, exposition.value("saga_sagas_ended_total", &completed));
    assert!(sum / count > 0.014, "an order takes 15 ms at least: {sum} s for {count}");
    let all = exposition.value("saga_saga_duration_seconds_bucket", &[orders, "le=\"+Inf\"", completed[1]]);
    assert_eq!(all, count);
}

#[test]
fn traces_reach_a_collector_over_the_wire() {
    let (collector, address) = (Collector::begin(), free_address());
    let mut example = example(collector.address(), address, 0);
    // It ends by itself after the first order, and sends what is left.
    assert!(example.0.wait().unwrap().success());
    let spans = collector.spans();
    let span = |name: &str| -> &Span {
        let mut named = spans.iter().filter(|span| span.name == name);
        let first = named.next().unwrap_or_else(|| panic!("no `{name}` among {spans:#?}"));
        assert!(named.next().is_none(), "more than one `{name}`");
        first
    };
    let (request, saga) = (span("POST /orders"), span("saga order"));
    assert_eq!((request.service.as_str(), saga.service.as_str()), ("orders", "orders"));
    assert!(saga.is_child_of(request));
    assert_eq!(saga.attributes["saga.outcome"], "completed");
    assert!(saga.is_ok);
    for name in ["reserve", "pay"] {
        let step = span(&format!("execute {name}"));
        assert!(step.is_child_of(saga));
        let attempt = span(&format!("attempt {name}"));
        assert!(attempt.is_child_of(step));
        assert_eq!(attempt.attributes["saga.step"], name);
        assert_eq!(attempt.attributes["saga.attempt"], "1");
        assert!(attempt.end_nanos - attempt.start_nanos >= 4_000_000, "{attempt:?}");
    }
}
