//! A way to a broker that can be cut, for brokers that would forget what they have when they are killed.

use std::fmt;
use std::net::TcpListener as StdListener;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::{Killable, Server};

/// A broker that is reached by a way that can be cut: whoever uses it sees what they would see of a kill, and the broker
/// lives on.
pub struct Way {
    server: Server,
    port: u16,
    flow: watch::Sender<Flow>,
    doorman: Option<JoinHandle<()>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Open,
    /// What is sent is taken, and reaches nobody.
    Stalled,
    Cut,
}

impl Way {
    /// The way to the server that `make` makes, which is told the port at which it is reached.
    pub fn to(make: impl FnOnce(u16) -> Server) -> Self {
        let free = StdListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        let server = make(port);
        Self { server, port, flow: watch::Sender::new(Flow::Open), doorman: None }
    }

    /// Where it begins, on this machine.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Killable for Way {
    /// Opens the way, and starts the server where it does not run yet.
    async fn start(&mut self) {
        if !self.server.is_running() {
            self.server.start().await;
        }
        self.flow = watch::Sender::new(Flow::Open);
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await.unwrap();
        self.doorman = Some(tokio::spawn(receive(listener, self.server.port(), self.flow.subscribe())));
    }

    fn stall(&self) {
        self.flow.send_replace(Flow::Stalled);
    }

    async fn kill(&mut self) {
        self.flow.send_replace(Flow::Cut);
        if let Some(doorman) = self.doorman.take() {
            doorman.await.unwrap();
        }
    }
}

/// Takes connections until the way is cut.
async fn receive(listener: TcpListener, to: u16, flow: watch::Receiver<Flow>) {
    let mut cut = flow.clone();
    loop {
        let taken = tokio::select! {
            taken = listener.accept() => taken,
            _ = cut.wait_for(|flow| *flow == Flow::Cut) => return,
        };
        let Ok((client, _)) = taken else { continue };
        let Ok(broker) = TcpStream::connect(("127.0.0.1", to)).await else { continue };
        let (client_read, client_write) = client.into_split();
        let (broker_read, broker_write) = broker.into_split();
        tokio::spawn(pass(client_read, broker_write, flow.clone()));
        tokio::spawn(pass(broker_read, client_write, flow.clone()));
    }
}

/// Passes on what is sent, until a side ends it or the way is cut.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, flow: watch::Receiver<Flow>) {
    let (mut buffer, mut cut) = (vec![0; 16 * 1024], flow.clone());
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => read,
            _ = cut.wait_for(|flow| *flow == Flow::Cut) => return,
        };
        let Ok(length @ 1..) = read else { return };
        let is_open = *flow.borrow() == Flow::Open;
        if is_open && to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Way").field("server", &self.server).field("port", &self.port).finish_non_exhaustive()
    }
}
