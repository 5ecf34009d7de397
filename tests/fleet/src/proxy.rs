//! A way to the server that can be cut at the worst moment.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Where the next commit of a step is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Before the server has it: the commit never happens.
    BeforeTheCommit,
    /// Once the server has answered: the commit happened, and its worker never hears so.
    BeforeTheAnswer,
}

/// Forwards all connections of one worker.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    _accepting: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Shared {
    cut: Mutex<Option<Cut>>,
    cuts: AtomicUsize,
}

/// A server that has said nothing for so long has said all.
const QUIET: Duration = Duration::from_millis(20);

/// What shows that a request appends the event of a step: its name, which both stores send as it is.
const MARK: &[u8] = b"\"type\":\"step_";

impl Proxy {
    /// Forwards to the server at `server` of this machine.
    pub async fn start(server: u16) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared::default());
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, server, Arc::clone(&shared)));
        Ok(Self { port, shared, _accepting: accepting })
    }

    /// Where it listens.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Cuts the connection of the next commit of a step.
    #[must_use]
    pub fn begin_cut(&self, cut: Cut) -> Cutting {
        self.shared.set(Some(cut));
        Cutting { shared: Arc::clone(&self.shared), before: self.shared.cuts.load(Ordering::Acquire) }
    }
}

/// A cut that waits for its commit.
#[derive(Debug)]
pub struct Cutting {
    shared: Arc<Shared>,
    before: usize,
}

impl Cutting {
    /// Whether the connection is cut.
    #[must_use]
    pub fn has_happened(&self) -> bool {
        self.shared.cuts.load(Ordering::Acquire) > self.before
    }

    /// Waits no longer; whether it has happened.
    #[must_use]
    pub fn end(self) -> bool {
        self.shared.set(None);
        self.has_happened()
    }
}

impl Shared {
    fn set(&self, cut: Option<Cut>) {
        *self.cut.lock().unwrap_or_else(PoisonError::into_inner) = cut;
    }

    /// The cut that is due, for the first who meets the condition.
    fn take_if(&self, condition: bool) -> Option<Cut> {
        if !condition {
            return None;
        }
        self.cut.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

async fn accept(listener: TcpListener, server: u16, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((client, _)) = accepted else { return };
                let shared = Arc::clone(&shared);
                connections.spawn(async move {
                    // A server that is down closes the connection, as it would without us.
                    if let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await {
                        _ = client.set_nodelay(true);
                        _ = server.set_nodelay(true);
                        forward(client, server, &shared).await;
                    }
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Forwards both ways until either ends, or is cut.
async fn forward(client: TcpStream, server: TcpStream, shared: &Shared) {
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    // Told once a commit whose answer is to be lost is on its way.
    let is_muted = Notify::new();
    tokio::select! {
        () = requests(from_client, to_server, shared, &is_muted) => {}
        () = answers(from_server, to_client, shared, &is_muted) => {}
    }
}

async fn requests(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, shared: &Shared, is_muted: &Notify) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length) = from.read(&mut buffer).await {
        let bytes = &buffer[..length];
        let commits = bytes.windows(MARK.len()).any(|window| window == MARK);
        match shared.take_if(commits) {
            _ if length == 0 => return,
            Some(Cut::BeforeTheCommit) => {
                shared.cuts.fetch_add(1, Ordering::AcqRel);
                return;
            }
            Some(Cut::BeforeTheAnswer) => is_muted.notify_one(),
            None => {}
        }
        if to.write_all(bytes).await.is_err() {
            return;
        }
    }
}

async fn answers(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, shared: &Shared, is_muted: &Notify) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        tokio::select! {
            biased;
            () = is_muted.notified() => {
                // The server has answered all that it was asked, or is gone: nobody will know.
                while let Ok(Ok(1..)) = timeout(QUIET, from.read(&mut buffer)).await {}
                shared.cuts.fetch_add(1, Ordering::AcqRel);
                return;
            }
            read = from.read(&mut buffer) => match read {
                Ok(length) if length > 0 && to.write_all(&buffer[..length]).await.is_ok() => {}
                _ => return,
            },
        }
    }
}
