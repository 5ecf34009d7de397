//! How a database is used.

use std::time::Duration;

use deadpool_postgres::Pool;
use saga::StoreError;

use crate::PostgresStore;

/// How a database is used. The defaults are safe; [`PostgresStore::connect`] takes all of them.
///
/// ```no_run
/// # async fn open() -> Result<(), saga::StoreError> {
/// use saga_postgres::PostgresStore;
///
/// let store = PostgresStore::builder("postgres://shop@db.example/shop").schema("shop_saga").pool_size(16).open().await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
#[must_use = "options do nothing before `open`"]
pub struct PostgresOptions {
    pub(crate) source: Source,
    pub(crate) schema: String,
    pub(crate) pool_size: usize,
    pub(crate) connect_timeout: Duration,
    pub(crate) statement_timeout: Duration,
    pub(crate) retries: u32,
    pub(crate) backoff: Duration,
    pub(crate) application_name: String,
    pub(crate) password: Option<String>,
    pub(crate) wake_ups: WakeUpsFrom,
    pub(crate) is_existing: bool,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<std::sync::Arc<rustls::ClientConfig>>,
}

/// Where connections come from.
#[derive(Clone)]
pub(crate) enum Source {
    Url(String),
    Pool(Pool),
}

/// Shows no password.
impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Url(_) => "Url(..)",
            Self::Pool(_) => "Pool(..)",
        })
    }
}

/// What the connection that hears of wake-ups is made from.
#[derive(Clone, Debug)]
pub(crate) enum WakeUpsFrom {
    /// The store's own URL, where it has one.
    Source,
    Url(Source),
    Nothing,
}

impl PostgresOptions {
    pub(crate) fn new(source: Source) -> Self {
        Self {
            source,
            schema: "saga".to_owned(),
            pool_size: 8,
            connect_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(10),
            retries: 3,
            backoff: Duration::from_millis(50),
            application_name: "saga".to_owned(),
            password: None,
            wake_ups: WakeUpsFrom::Source,
            is_existing: false,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// The schema of the tables. It is created where there is none. Default: `saga`.
    pub fn schema(mut self, name: impl Into<String>) -> Self {
        self.schema = name.into();
        self
    }

    /// The most connections, besides the one that listens for wake-ups. Of no effect over a pool of yours.
    /// Default: 8.
    pub fn pool_size(mut self, count: usize) -> Self {
        self.pool_size = count.max(1);
        self
    }

    /// How long a connection may take to be made, and a call waits for one from the pool. Of no effect over a pool of
    /// yours: it has its own. Default: 5 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long a statement may take in the database; over a pool of yours, how long its answer is waited for.
    /// Default: 10 s.
    pub fn statement_timeout(mut self, timeout: Duration) -> Self {
        self.statement_timeout = timeout.max(Duration::from_millis(1));
        self
    }

    /// How often a call is tried again where its connection is lost. An append that may have been done is not: the
    /// coordinator finds out, and tries it again for as long as it takes. Default: 3.
    pub fn retries(mut self, count: u32) -> Self {
        self.retries = count;
        self
    }

    /// How long to wait before the first retry; it is doubled with each, up to 5 s. Default: 50 ms.
    pub fn backoff(mut self, delay: Duration) -> Self {
        self.backoff = delay;
        self
    }

    /// The name that `pg_stat_activity` shows. Of no effect over a pool of yours. Default: `saga`.
    pub fn application_name(mut self, name: impl Into<String>) -> Self {
        self.application_name = name.into();
        self
    }

    /// The password, if it is not to stand in the URL. Default: the URL's.
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// Listens for wake-ups over a connection of its own to this URL. Default: the store's own URL; over a pool of
    /// yours none, and all is found by polling.
    pub fn wake_ups_from(mut self, url: impl Into<String>) -> Self {
        self.wake_ups = WakeUpsFrom::Url(Source::Url(url.into()));
        self
    }

    /// Listens for no wake-ups, and sends none: all is found by polling. For a pooler that shares connections between
    /// transactions, which cannot listen.
    pub fn without_wake_ups(mut self) -> Self {
        self.wake_ups = WakeUpsFrom::Nothing;
        self
    }

    /// Creates and migrates nothing: where the tables are not there, or of another version, it is an error. For tools,
    /// which must leave a database as they find it.
    pub fn existing(mut self) -> Self {
        self.is_existing = true;
        self
    }

    /// How TLS is spoken where the URL says `sslmode=require`. Default: the server's certificate is checked against
    /// the roots that Mozilla trusts.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, config: std::sync::Arc<rustls::ClientConfig>) -> Self {
        self.tls = Some(config);
        self
    }

    /// Connects, and brings the tables up to date. Of several that open one schema at the same time one does that, the
    /// others wait.
    ///
    /// # Errors
    ///
    /// - [`StoreError::Unusable`] where the URL, the user, the password or the database is wrong, the user may not do
    ///   what is needed, or the schema was written by a later version.
    /// - [`StoreError::Unavailable`] where the server does not answer.
    pub async fn open(self) -> Result<PostgresStore, StoreError> {
        PostgresStore::open_with(self).await
    }
}
