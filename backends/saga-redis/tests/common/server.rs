//! Servers that a test starts, stops and kills.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use saga::SagaId;

/// A `redis-server` with a directory of its own; both are gone with it.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
    directory: PathBuf,
    arguments: Vec<String>,
}

const START_TIMEOUT: Duration = Duration::from_secs(20);

impl Server {
    /// With these settings, as on its command line.
    pub(crate) fn start(settings: &str) -> Self {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(SagaId::new().to_string());
        std::fs::create_dir_all(&directory).unwrap();
        let port = free_port();
        let mut arguments: Vec<String> = settings.split_whitespace().map(str::to_owned).collect();
        for argument in ["--save", "", "--bind", "127.0.0.1", "--loglevel", "warning"] {
            arguments.push(argument.to_owned());
        }
        let child = spawn(&directory, port, &arguments);
        Self { child, port, directory, arguments }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again, with what its files say.
    pub(crate) fn restart(&mut self) {
        self.child = spawn(&self.directory, self.port, &self.arguments);
    }

    /// What the server answers to a command.
    pub(crate) fn ask<T: redis::FromRedisValue>(&self, command: &[&str]) -> T {
        let mut connection = redis::Client::open(self.url()).unwrap().get_connection().unwrap();
        let mut asked = redis::cmd(command[0]);
        for argument in &command[1..] {
            asked.arg(*argument);
        }
        asked.query(&mut connection).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
        _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn spawn(directory: &Path, port: u16, arguments: &[String]) -> Child {
    let child = Command::new("redis-server")
        .args(["--port", &port.to_string(), "--dir"])
        .arg(directory)
        .args(arguments)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    wait_until("the server answers", || {
        let pong = redis::Client::open(format!("redis://127.0.0.1:{port}"))
            .and_then(|client| client.get_connection())
            .and_then(|mut connection| redis::cmd("PING").exec(&mut connection));
        // One that asks for a password is there too.
        pong.is_ok() || pong.is_err_and(|error| error.code() == Some("NOAUTH"))
    });
    child
}

pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < START_TIMEOUT, "{what}, not within {START_TIMEOUT:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A port that nobody listens at, nor at the one for the bus of a cluster, 10,000 higher.
pub(crate) fn free_port() -> u16 {
    loop {
        let port = fastrand_port();
        let is_free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
        if is_free(port) && is_free(port + 10_000) {
            return port;
        }
    }
}

fn fastrand_port() -> u16 {
    let random = SagaId::new();
    let bytes = random.as_bytes();
    20_000 + u16::from_be_bytes([bytes[14], bytes[15]]) % 10_000
}

/// Three masters that share the slots.
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Server>,
}

impl Cluster {
    pub(crate) fn start() -> Self {
        let settings = "--cluster-enabled yes --cluster-node-timeout 2000 --appendonly yes --appendfsync no";
        let nodes: Vec<Server> = (0..3).map(|_| Server::start(settings)).collect();
        let addresses = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port));
        let created = Command::new("redis-cli")
            .args(["--cluster", "create"])
            .args(addresses)
            .args(["--cluster-replicas", "0", "--cluster-yes"])
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(created.success());
        let cluster = Self { nodes };
        cluster.wait_until_ready();
        cluster
    }

    /// Until each node knows that all slots are served.
    pub(crate) fn wait_until_ready(&self) {
        for node in &self.nodes {
            wait_until("the cluster is ready", || {
                node.ask::<String>(&["CLUSTER", "INFO"]).contains("cluster_state:ok")
            });
        }
    }

    pub(crate) fn url(&self) -> String {
        self.nodes[0].url()
    }

    /// Moves one slot with all its keys.
    pub(crate) fn move_slot(&self, slot: u64, from: &Server, to: &Server) {
        let slot = slot.to_string();
        let (from_id, to_id): (String, String) =
            (from.ask(&["CLUSTER", "MYID"]), to.ask(&["CLUSTER", "MYID"]));
        to.ask::<()>(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from_id]);
        from.ask::<()>(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to_id]);
        loop {
            let keys: Vec<String> = from.ask(&["CLUSTER", "GETKEYSINSLOT", &slot, "100"]);
            if keys.is_empty() {
                break;
            }
            let port = to.port.to_string();
            let mut migrate = vec!["MIGRATE", "127.0.0.1", &port, "", "0", "5000", "KEYS"];
            migrate.extend(keys.iter().map(String::as_str));
            from.ask::<()>(&migrate);
        }
        for node in [to, from].into_iter().chain(&self.nodes) {
            node.ask::<()>(&["CLUSTER", "SETSLOT", &slot, "NODE", &to_id]);
        }
    }
}
