//! A Redis of the bench's own, with the settings that are measured.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server in a folder for temporary files; both are gone with it.
pub(crate) struct Server {
    child: Child,
    folder: PathBuf,
    port: u16,
}

/// Whether there is a `redis-server` to start.
pub(crate) fn is_there() -> bool {
    Command::new("redis-server").arg("--version").stdout(Stdio::null()).status().is_ok()
}

impl Server {
    pub(crate) fn start(settings: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = port.expect("a free port").port();
        let folder = std::env::temp_dir().join(format!("saga-bench-redis-{}-{port}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("the folder for temporary files can be written");
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--loglevel", "warning"])
            // No log is rewritten in the middle of a round.
            .args(["--auto-aof-rewrite-percentage", "0", "--dir"])
            .arg(&folder)
            .args(settings.split_whitespace())
            .stdout(Stdio::null())
            .spawn()
            .expect("a redis-server");
        let server = Self { child, folder, port };
        let begun = Instant::now();
        while server.connection().and_then(|mut connection| redis::cmd("PING").exec(&mut connection)).is_err()
        {
            assert!(begun.elapsed() < Duration::from_secs(20), "the server answers");
            std::thread::sleep(Duration::from_millis(10));
        }
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn connection(&self) -> redis::RedisResult<redis::Connection> {
        redis::Client::open(self.url())?.get_connection()
    }

    /// What the server did since the last time: commands, also those of scripts, and its time for scripts.
    pub(crate) fn work(&self) -> Work {
        let mut connection = self.connection().expect("a connection");
        let stats: String =
            redis::cmd("INFO").arg("commandstats").query(&mut connection).expect("statistics");
        redis::cmd("CONFIG").arg("RESETSTAT").exec(&mut connection).expect("a reset");
        let mut work = Work::default();
        for line in stats.lines().filter_map(|line| line.strip_prefix("cmdstat_")) {
            let Some((name, figures)) = line.split_once(':') else { continue };
            let figure = |name: &str| {
                let of_name = figures.split(',').find_map(|figure| figure.strip_prefix(name));
                of_name.and_then(|figure| figure.parse::<f64>().ok()).unwrap_or(0.0)
            };
            work.commands += figure("calls=");
            if name == "evalsha" {
                work.scripts += figure("calls=");
                work.micros += figure("usec=");
            }
        }
        work
    }
}

/// What a server did.
#[derive(Debug, Default)]
pub(crate) struct Work {
    pub(crate) commands: f64,
    pub(crate) scripts: f64,
    /// For scripts.
    pub(crate) micros: f64,
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
        // What is left is in the folder for temporary files.
        _ = std::fs::remove_dir_all(&self.folder);
    }
}
