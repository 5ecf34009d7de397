//! What the command line says.

use std::error::Error;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use saga_sqlite::SqliteStore;

const HELP: &str = "\
Runs the orders of data/orders.jsonl through the order saga, durably.

  --db PATH   keeps the sagas in this SQLite file [default: orders.db]; the services' books stand beside it
  --crash     kills the process in the middle of things; the next run goes on
  --reset     forgets all sagas and the books first";

/// The command line, understood.
#[derive(Debug)]
pub(crate) struct Arguments {
    db: PathBuf,
    pub(crate) crash: bool,
    reset: bool,
}

impl Arguments {
    /// Reads the command line; `None` where it asked for help, and got it.
    pub(crate) fn read() -> Result<Option<Self>, String> {
        let mut arguments = Self { db: "orders.db".into(), crash: false, reset: false };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            match word.as_str() {
                "--db" => arguments.db = words.next().ok_or("`--db` wants a path")?.into(),
                "--crash" => arguments.crash = true,
                "--reset" => arguments.reset = true,
                "--help" | "-h" => {
                    println!("{HELP}");
                    return Ok(None);
                }
                _ => return Err(format!("there is no `{word}`; try --help")),
            }
        }
        Ok(Some(arguments))
    }

    /// The file of the services' books.
    pub(crate) fn ledger(&self) -> PathBuf {
        self.db.with_extension("ledger.db")
    }

    /// Opens the store. As only one process can have it open, no other one works on these orders then.
    pub(crate) async fn open_store(&self) -> Result<SqliteStore, Box<dyn Error + Send + Sync>> {
        let store = SqliteStore::open(&self.db).await?;
        if !self.reset {
            return Ok(store);
        }
        drop(store);
        for file in [&self.db, &self.ledger()] {
            for part in ["", "-wal", "-shm"] {
                delete(file, part)?;
            }
        }
        Ok(SqliteStore::open(&self.db).await?)
    }
}

fn delete(file: &Path, part: &str) -> std::io::Result<()> {
    let mut path = file.as_os_str().to_owned();
    path.push(part);
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
