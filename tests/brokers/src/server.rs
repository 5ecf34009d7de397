//! A broker of a test's own.

use std::fmt;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use saga::SagaId;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

/// What the chaos kills.
pub trait Killable: Send {
    /// Returns once it takes connections.
    fn start(&mut self) -> impl Future<Output = ()> + Send;

    /// From now on it takes what it is sent, keeps none of it and answers nothing. It is to be killed next. Whoever takes
    /// «sent» for «kept» loses it.
    fn stall(&self);

    /// Kills it as a crash would; what it kept stays.
    fn kill(&mut self) -> impl Future<Output = ()> + Send;
}

/// A broker of a test's own, at a port and in a folder of its own, which are gone with it.
pub struct Server {
    folder: PathBuf,
    port: u16,
    command: Box<Start>,
    child: Option<Child>,
}

/// What starts a broker, with its data in the folder, at the port.
type Start = dyn Fn(&Path, u16) -> Command + Send + Sync;

/// How long a broker has until it listens.
const START_TIMEOUT: Duration = Duration::from_mins(2);

/// How long a broker that was killed may go on to listen.
const KILL_TIMEOUT: Duration = Duration::from_secs(30);

impl Server {
    /// A broker that `command` starts, with its data in the folder and at the port that it is given. It does not run
    /// yet.
    pub fn new(command: impl Fn(&Path, u16) -> Command + Send + Sync + 'static) -> Self {
        let folder = std::env::temp_dir().join(format!("saga-broker-{}", SagaId::new()));
        std::fs::create_dir_all(&folder).unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        Self { folder, port, command: Box::new(command), child: None }
    }

    /// Where it listens, on this machine.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn is_running(&self) -> bool {
        self.child.is_some()
    }

    async fn listens(&self) -> bool {
        TcpStream::connect(("127.0.0.1", self.port)).await.is_ok()
    }
}

impl Killable for Server {
    /// # Panics
    ///
    /// It panics where the broker's program is missing, or does not listen within two minutes.
    async fn start(&mut self) {
        let mut command = (self.command)(&self.folder, self.port);
        // Some are a script that starts the broker: all of them go together.
        command.process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        self.child = Some(command.spawn().unwrap());
        let until = Instant::now() + START_TIMEOUT;
        while !self.listens().await {
            assert!(Instant::now() < until, "the broker does not listen on port {}", self.port);
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// It stops where it stands; the system takes what it is sent.
    fn stall(&self) {
        if let Some(child) = &self.child {
            signal_group(child, "-STOP");
        }
    }

    async fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            signal_group(&child, "-KILL");
            child.wait().await.unwrap();
            // What a script started may outlive it for a moment, and is not to be taken for its successor.
            let until = Instant::now() + KILL_TIMEOUT;
            while self.listens().await {
                assert!(Instant::now() < until, "the broker still listens on port {}", self.port);
                sleep(Duration::from_millis(10)).await;
            }
        }
    }
}

/// Sends a signal to a broker and all that it started.
fn signal_group(child: &Child, signal: &str) {
    if let Some(group) = child.id() {
        _ = std::process::Command::new("kill").args([signal, "--", &format!("-{group}")]).status();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &self.child {
            signal_group(child, "-KILL");
        }
        _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("folder", &self.folder)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}
