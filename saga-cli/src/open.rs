//! Opens the store that the command line names.

use std::sync::Arc;

use saga::store::Store;
use saga_postgres::PostgresStore;
use saga_redis::RedisOptions;
use saga_sqlite::SqliteOptions;

use crate::args::Place;
use crate::error::Problem;

/// What a command wants of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// To look and to ask; nothing is created or migrated, and the application may have it open.
    Beside,
    /// All that a worker can; a SQLite file must not be open elsewhere.
    Whole,
}

pub(crate) async fn open(place: &Place, mode: Mode) -> Result<Arc<dyn Store>, Problem> {
    let url = place.store.as_deref().filter(|url| !url.is_empty()).ok_or(Problem::NoStore)?;
    let is_beside = mode == Mode::Beside;
    let unknown = || Problem::StoreUrl { shown: without_password(url) };
    let (scheme, rest) = url.split_once(':').ok_or_else(unknown)?;
    Ok(match scheme {
        "sqlite" => {
            if place.space.is_some() {
                return Err(Problem::Option { option: "--space" });
            }
            let path = rest.strip_prefix("//").unwrap_or(rest);
            if path.is_empty() {
                return Err(unknown());
            }
            let options = SqliteOptions::new(path);
            let options = if is_beside { options.beside() } else { options };
            Arc::new(options.open().await?)
        }
        "postgres" | "postgresql" => {
            let mut options = PostgresStore::builder(url).application_name("saga-cli").pool_size(2);
            if let Some(schema) = &place.space {
                options = options.schema(schema);
            }
            let options = if is_beside { options.existing() } else { options };
            Arc::new(options.retries(0).open().await?)
        }
        "redis" | "rediss" => {
            let mut options = RedisOptions::new(url).retries(1);
            if let Some(namespace) = &place.space {
                options = options.namespace(namespace);
            }
            let options = if is_beside { options.existing() } else { options };
            Arc::new(options.open().await?)
        }
        _ => return Err(unknown()),
    })
}

/// What may be shown of a URL.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let Some((user, host)) = rest.rsplit_once('@') else { return url.to_owned() };
    match user.split_once(':') {
        Some((user, _)) => format!("{scheme}://{user}:***@{host}"),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        assert_eq!(without_password("mysql://me:s@cret@db/shop"), "mysql://me:***@db/shop");
        assert_eq!(without_password("orders.db"), "orders.db");
    }
}
