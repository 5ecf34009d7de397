//! An OTLP collector: protobuf over HTTP, and nothing but traces.

use std::collections::BTreeMap;
use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use prost::Message as _;

use super::http;

/// A span as it came over the wire.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    pub(crate) name: String,
    pub(crate) service: String,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) is_ok: bool,
    pub(crate) start_nanos: u64,
    pub(crate) end_nanos: u64,
    trace: Vec<u8>,
    id: Vec<u8>,
    parent: Vec<u8>,
}

impl Span {
    pub(crate) fn is_child_of(&self, parent: &Self) -> bool {
        self.trace == parent.trace && self.parent == parent.id
    }
}

pub(crate) struct Collector {
    address: SocketAddr,
    spans: Arc<Mutex<Vec<Span>>>,
}

impl Collector {
    pub(crate) fn begin() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, spans) = (listener.local_addr().unwrap(), Arc::<Mutex<Vec<Span>>>::default());
        let collected = Arc::clone(&spans);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let collected = Arc::clone(&collected);
                thread::spawn(move || serve(stream, &collected));
            }
        });
        Self { address, spans }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        self.spans.lock().unwrap().clone()
    }
}

fn serve(stream: TcpStream, collected: &Mutex<Vec<Span>>) {
    let mut answers = stream.try_clone().unwrap();
    let mut requests = BufReader::new(stream);
    while let Ok(Some(request)) = http::read(&mut requests) {
        let is_right = request.first_line == "POST /v1/traces HTTP/1.1"
            && request.content_type == "application/x-protobuf";
        let read = is_right.then(|| ExportTraceServiceRequest::decode(request.body.as_slice()));
        let status = match read {
            Some(Ok(export)) => {
                collected.lock().unwrap().extend(spans(export));
                "200 OK"
            }
            _ => "400 Bad Request",
        };
        // An empty message of protobuf: all were taken.
        let answer = "Content-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n";
        if write!(answers, "HTTP/1.1 {status}\r\n{answer}").is_err() {
            return;
        }
    }
}

fn spans(export: ExportTraceServiceRequest) -> Vec<Span> {
    let mut spans = Vec::new();
    for of_resource in export.resource_spans {
        let resource = attributes(of_resource.resource.unwrap_or_default().attributes);
        for span in of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            let status = span.status.unwrap_or_default();
            spans.push(Span {
                name: span.name,
                service: resource.get("service.name").cloned().unwrap_or_default(),
                attributes: attributes(span.attributes),
                is_ok: status.code == StatusCode::Ok as i32,
                start_nanos: span.start_time_unix_nano,
                end_nanos: span.end_time_unix_nano,
                trace: span.trace_id,
                id: span.span_id,
                parent: span.parent_span_id,
            });
        }
    }
    spans
}

fn attributes(all: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |value: Option<AnyValue>| match value.and_then(|value| value.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    all.into_iter().map(|KeyValue { key, value, .. }| (key, text(value))).collect()
}
