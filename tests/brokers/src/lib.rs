//! What the tests of publishers share: sagas to tell of, a broker of a test's own, and a life in which both the broker
//! and its publishers are killed at random.
//!
//! ```no_run
//! # async fn ids_at(_: u16) -> Vec<String> { Vec::new() }
//! # async fn test<P: saga::Publisher>(publisher: fn(u16) -> std::future::Ready<P>) {
//! use saga_test_brokers::{Server, in_chaos};
//!
//! let server = Server::new(|_folder, port| {
//!     let mut command = tokio::process::Command::new("broker");
//!     command.args(["--port", &port.to_string()]);
//!     command
//! });
//! let port = server.port();
//! let (_server, store) = in_chaos(server, 8, || publisher(port)).await;
//! saga::testing::check_delivered(&*store, &ids_at(port).await).await.unwrap();
//! # }
//! ```

mod chaos;
mod order;
mod server;
mod way;

pub use chaos::in_chaos;
pub use order::{Order, VERBOSE, settled};
pub use server::{Killable, Server};
pub use way::Way;
