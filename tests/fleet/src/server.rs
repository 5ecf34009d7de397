//! Servers of a test's own, on durable settings: to be stopped the hard way, and started again.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use saga::{Store, StoreError};
use saga_postgres::PostgresStore;
use saga_redis::RedisOptions;
use saga_tests::Folder;
use tokio_postgres::NoTls;

use crate::Guard;

/// What kind of server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `synchronous_commit=on`, stopped by an immediate shutdown.
    Postgres,
    /// `appendonly yes`, `appendfsync always`, stopped by SIGKILL.
    Redis,
}

/// One server.
#[derive(Debug)]
pub struct Server {
    kind: Kind,
    port: u16,
    folder: Folder,
    guard: Option<Guard>,
}

/// How long a server may take to come up.
const START_TIMEOUT: Duration = Duration::from_mins(1);

impl Kind {
    /// Its name, as workers take it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Redis => "redis",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        [Self::Postgres, Self::Redis].into_iter().find(|kind| kind.name() == name)
    }

    /// Where a server of this kind listens at `port` of this machine.
    #[must_use]
    pub fn url(self, port: u16) -> String {
        match self {
            Self::Postgres => format!("postgres://postgres@127.0.0.1:{port}/postgres"),
            Self::Redis => format!("redis://127.0.0.1:{port}"),
        }
    }

    /// Opens the store at `url`; `name` is what the server calls its connections.
    pub async fn open(self, url: &str, name: &str) -> Result<Arc<dyn Store>, StoreError> {
        Ok(match self {
            Self::Postgres => {
                Arc::new(PostgresStore::builder(url).application_name(name).pool_size(4).open().await?)
            }
            Self::Redis => Arc::new(RedisOptions::new(url).open().await?),
        })
    }
}

impl Server {
    /// Starts a fresh one, and returns once it answers.
    ///
    /// # Panics
    ///
    /// Where it does not come up.
    #[must_use]
    pub fn start(kind: Kind) -> Self {
        let folder = Folder::new();
        if kind == Kind::Postgres {
            make_cluster(&folder.file("data"));
        }
        let mut server = Self { kind, port: free_port(), folder, guard: None };
        server.run();
        server
    }

    /// What kind it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Where it listens.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        self.kind.url(self.port)
    }

    /// Stops it the hard way, and starts it again, with what is on its disk.
    pub fn restart(&mut self) {
        self.guard = None;
        self.run();
    }

    /// Ends the connections of the worker of this name; how many they were. Redis knows no names: there it ends
    /// everybody's.
    ///
    /// # Panics
    ///
    /// Where the server does not answer.
    pub async fn end_connections(&self, name: &str) -> u64 {
        match self.kind {
            Kind::Postgres => {
                let (client, connection) =
                    tokio_postgres::connect(&self.url(), NoTls).await.expect("the server answers");
                let driving = tokio::spawn(connection);
                let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                           WHERE application_name = $1";
                let row = client.query_one(end, &[&name]).await.expect("a superuser may");
                driving.abort();
                row.get::<_, i64>(0).unsigned_abs()
            }
            Kind::Redis => {
                let url = self.url();
                let end = move || {
                    let mut connection = redis::Client::open(url)?.get_connection()?;
                    redis::cmd("CLIENT").arg(&["KILL", "SKIPME", "yes"]).query(&mut connection)
                };
                let ended: redis::RedisResult<u64> =
                    tokio::task::spawn_blocking(end).await.expect("it does not panic");
                ended.expect("the server answers")
            }
        }
    }

    fn run(&mut self) {
        let (signal, command) = match self.kind {
            Kind::Postgres => ("QUIT", postgres_command(&self.folder.file("data"), self.port)),
            Kind::Redis => ("KILL", redis_command(&self.folder.file(""), self.port)),
        };
        self.guard = Some(Guard::start(signal, &command));
        let started = Instant::now();
        while !self.answers() {
            assert!(started.elapsed() < START_TIMEOUT, "{} does not answer: `{command:?}`", self.kind.name());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Whether it serves, and not only listens.
    fn answers(&self) -> bool {
        let url = self.url();
        match self.kind {
            Kind::Postgres => std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.is_ok_and(|runtime| runtime.block_on(tokio_postgres::connect(&url, NoTls)).is_ok())
            })
            .join()
            .unwrap_or(false),
            Kind::Redis => redis::Client::open(url)
                .and_then(|client| client.get_connection())
                .and_then(|mut connection| redis::cmd("PING").exec(&mut connection))
                .is_ok(),
        }
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}

/// Makes the folder of a fresh database server.
fn make_cluster(data: &Path) {
    let parent = data.parent().expect("it is in a folder");
    if is_root() {
        let owned = Command::new("chown").arg("postgres").arg(parent).status();
        assert!(owned.is_ok_and(|status| status.success()), "the server has a user `postgres`");
    }
    let mut command = as_postgres("initdb");
    let arguments = ["--auth=trust", "--username=postgres", "--no-sync", "--encoding=UTF8", "--no-locale"];
    command.extend(arguments.map(str::to_owned));
    command.push(format!("--pgdata={}", data.display()));
    let made = Command::new(&command[0]).args(&command[1..]).stdout(Stdio::null()).status();
    assert!(made.is_ok_and(|status| status.success()), "{command:?}");
}

fn postgres_command(data: &Path, port: u16) -> Vec<String> {
    let mut command = as_postgres("postgres");
    let (data, port) = (data.display().to_string(), port.to_string());
    command.extend(["-D", &data, "-p", &port, "-k", &data].map(str::to_owned));
    for setting in ["listen_addresses=127.0.0.1", "synchronous_commit=on", "log_min_messages=panic"] {
        command.extend(["-c".to_owned(), setting.to_owned()]);
    }
    command
}

fn redis_command(folder: &Path, port: u16) -> Vec<String> {
    let (folder, port) = (folder.display().to_string(), port.to_string());
    let settings = ["--appendonly", "yes", "--appendfsync", "always", "--save", "", "--bind", "127.0.0.1"];
    let place = ["redis-server", "--port", &port, "--dir", &folder, "--loglevel", "warning"];
    place.into_iter().chain(settings).map(str::to_owned).collect()
}

/// A program of the database's, by a user that it accepts: it refuses to be run by root.
fn as_postgres(program: &str) -> Vec<String> {
    let mut command = Vec::new();
    if is_root() {
        let user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"];
        command.extend(user.map(str::to_owned));
    }
    command.push(program_folder().join(program).display().to_string());
    command
}

/// Where the programs of the database are: in the path only the clients may be.
fn program_folder() -> PathBuf {
    let told = Command::new("pg_config").arg("--bindir").output().expect("`pg_config` is there");
    PathBuf::from(String::from_utf8_lossy(&told.stdout).trim())
}

fn is_root() -> bool {
    let told = Command::new("id").arg("-u").output();
    told.is_ok_and(|told| told.stdout.starts_with(b"0\n"))
}
