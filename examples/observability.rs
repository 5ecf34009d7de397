//! Metrics and traces of sagas, for whoever is called at three in the morning.
//!
//! `cargo run --example observability` runs orders for a minute, sends their traces to the OTLP collector at
//! `http://127.0.0.1:4318`, and serves their metrics at `http://127.0.0.1:9464/metrics`. The first argument names another
//! collector, the second another address to serve at, the third how many seconds it goes on. `docs/grafana/saga.json` shows
//! the metrics.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use saga::{Coordinator, MemoryStore, StepContext, StepError, saga, step};
use saga_opentelemetry::OpenTelemetry;
use tracing::Instrument as _;
use tracing_subscriber::prelude::*;

/// An order of so many cents. Each tenth is too dear, each third meets a busy gateway first.
#[saga(steps(reserve -> pay(input)))]
struct Order;

#[step(compensate = release)]
async fn reserve(_shop: &Order, number: &u64) -> Result<u64, StepError> {
    tokio::time::sleep(Duration::from_millis(5)).await;
    Ok(*number)
}

async fn release(_shop: &Order, _number: &u64) -> Result<(), StepError> {
    tokio::time::sleep(Duration::from_millis(2)).await;
    Ok(())
}

#[step(pivot, retry = fixed(3, millis(20)))]
async fn pay(cx: &StepContext<Order>, number: &u64) -> Result<u64, StepError> {
    tokio::time::sleep(Duration::from_millis(10)).await;
    match (number % 10, number % 3, cx.attempt()) {
        (9, ..) => Err(StepError::business("TOO_DEAR", "more than the card allows")),
        (_, 1, 1) => Err(StepError::transient("the gateway is busy")),
        _ => Ok(*number),
    }
}

/// The traces go to an OTLP collector, by protobuf over HTTP.
fn traces(collector: &str) -> Result<SdkTracerProvider, Box<dyn Error>> {
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{collector}/v1/traces"))
        .build()?;
    let resource = Resource::builder().with_service_name("orders").build();
    let provider = SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("orders"));
    // In a program with logs, a filter goes in front of this layer: spans of sagas are of the level INFO.
    tracing_subscriber::registry()
        .with(layer.with_filter(tracing_subscriber::filter::LevelFilter::INFO))
        .init();
    Ok(provider)
}

/// The metrics are fetched by Prometheus. With buckets, for histograms that add up over processes.
fn metrics(address: SocketAddr) -> Result<(), Box<dyn Error>> {
    let seconds = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0, 600.0, 3_600.0];
    let appends = [1.0, 2.0, 5.0, 10.0, 50.0, 100.0, 500.0, 1_024.0];
    PrometheusBuilder::new()
        .with_http_listener(address)
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &seconds)?
        .set_buckets_for_metric(Matcher::Full("saga_commit_appends".to_owned()), &appends)?
        .install()?;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let collector = arguments.next().unwrap_or_else(|| "http://127.0.0.1:4318".to_owned());
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:9464".to_owned()).parse()?;
    let seconds: u64 = arguments.next().unwrap_or_else(|| "60".to_owned()).parse()?;

    let traces = traces(&collector)?;
    // Before the coordinator is built: its handles are fetched there.
    metrics(address)?;
    let coordinator = Coordinator::builder(MemoryStore::new())
        .saga(Order)
        .trace_context(OpenTelemetry::new())
        .build()
        .await?;
    println!("traces go to {collector}, metrics are at http://{address}/metrics, for {seconds} s");

    let end = tokio::time::Instant::now() + Duration::from_secs(seconds);
    for number in 0.. {
        // As a server has one for each request: the saga belongs to its trace, and to that of who called the server.
        let request = tracing::info_span!("POST /orders", otel.kind = "server");
        let order = coordinator.start::<Order>(number).instrument(request).await?;
        if number < 10 {
            println!("order {number}: {}", order.outcome().await?.state());
        }
        if tokio::time::Instant::now() >= end {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    println!("{}", if coordinator.health().await.is_healthy { "all is well" } else { "something is wrong" });
    coordinator.shutdown().await;
    // What is left in the batch is sent; it has its own thread, and waits for the collector.
    tokio::task::spawn_blocking(move || traces.shutdown()).await??;
    Ok(())
}
