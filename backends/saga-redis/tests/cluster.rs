//! The laws of stores, over three masters that are started for it.

mod common;

use std::process::ExitCode;

use saga::testing::laws;
use saga_test_services::Test;

use common::{Cluster, Namespace};

fn main() -> ExitCode {
    let service = saga_test_services::redis_server();
    let is_run = !std::env::args().any(|argument| argument == "--list");
    let cluster = service.as_ref().ok().filter(|_| is_run).map(|_| Cluster::start());
    let url = cluster.as_ref().map(Cluster::url).unwrap_or_default();
    let tests = laws::all(move || Namespace::left_behind(&url, 16))
        .into_iter()
        .map(|law| Test::new(law.name, move |_| law.check))
        .collect();
    let code = saga_test_services::run(&service, tests);
    drop(cluster);
    code
}
