//! How a store is opened.

use std::time::Duration;

use saga::StoreError;

use crate::RedisStore;
use crate::partitions::PARTITIONS_MAX;

/// How a store is opened. [`RedisStore::connect`] takes all the defaults.
///
/// ```no_run
/// # async fn open() -> Result<(), saga::StoreError> {
/// use std::time::Duration;
/// use saga_redis::RedisOptions;
///
/// let store = RedisOptions::cluster(["redis://10.0.0.1:6379", "redis://10.0.0.2:6379"])
///     .namespace("orders")
///     .wait_replicas(1, Duration::from_secs(1))
///     .open()
///     .await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct RedisOptions {
    pub(crate) urls: Vec<String>,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) namespace: String,
    pub(crate) partitions: Option<u16>,
    pub(crate) connections: usize,
    pub(crate) connect_timeout: Duration,
    pub(crate) command_timeout: Duration,
    pub(crate) retries: u32,
    pub(crate) backoff: (Duration, Duration),
    pub(crate) replicas: Option<(usize, Duration)>,
    pub(crate) key_grace: Duration,
    pub(crate) has_wake_ups: bool,
    #[cfg(feature = "tls")]
    pub(crate) certificates: crate::tls::Certificates,
    pub(crate) is_existing: bool,
}

impl RedisOptions {
    /// The defaults, for the server at `url`: `redis://user:password@host:port/database`, or `rediss://` for TLS with the
    /// feature `tls`. Where the server is a node of a cluster, the others are found through it.
    pub fn new(url: impl Into<String>) -> Self {
        Self::cluster([url.into()])
    }

    /// The defaults, for a cluster that any of these nodes leads to.
    pub fn cluster<U: Into<String>>(urls: impl IntoIterator<Item = U>) -> Self {
        Self {
            urls: urls.into_iter().map(Into::into).collect(),
            username: None,
            password: None,
            namespace: "saga".to_owned(),
            partitions: None,
            connections: 2,
            connect_timeout: Duration::from_secs(5),
            command_timeout: Duration::from_secs(10),
            retries: 5,
            backoff: (Duration::from_millis(20), Duration::from_secs(1)),
            replicas: None,
            key_grace: Duration::from_millis(200),
            has_wake_ups: true,
            #[cfg(feature = "tls")]
            certificates: crate::tls::Certificates::default(),
            is_existing: false,
        }
    }

    /// The user, where the URL doesn't say. Default: the server's default user.
    #[must_use]
    pub fn username(mut self, username: impl Into<String>) -> Self {
        self.username = Some(username.into());
        self
    }

    /// The password, where the URL doesn't say. Default: none.
    #[must_use]
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// The certificates, in PEM, of those who may sign a `rediss://` server's. Default: those that the system trusts.
    ///
    /// Cryptography is the process's default of `rustls`; where none is chosen, `ring`.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls_roots(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.certificates.roots = Some(pem.into());
        self
    }

    /// The certificate and the key, in PEM, that a `rediss://` server is shown which asks for one
    /// (`tls-auth-clients yes`). Default: none.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls_identity(mut self, certificate: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.certificates.identity = Some((certificate.into(), key.into()));
        self
    }

    /// What all keys begin with, so that one server holds several stores. Not empty, without `{` and `}`. Default:
    /// `saga`.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// How many partitions a new store has, 1 to 256; one that is there has those it was made with. Default: 1 in a
    /// standalone server, 16 in a cluster. A store that is to be moved into a cluster some day needs several from its
    /// beginning.
    #[must_use]
    pub fn partitions(mut self, count: u16) -> Self {
        self.partitions = Some(count.clamp(1, PARTITIONS_MAX));
        self
    }

    /// Connections to each node, at least 1: the first is for what is written, the others for what is read. Any number
    /// of calls share one. Default: 2.
    #[must_use]
    pub fn connections(mut self, count: usize) -> Self {
        self.connections = count.max(1);
        self
    }

    /// How long an attempt to connect may take. Default: 5 s.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long an answer may take. Default: 10 s.
    #[must_use]
    pub fn command_timeout(mut self, timeout: Duration) -> Self {
        self.command_timeout = timeout;
        self
    }

    /// How often a call is tried again before it is answered with [`StoreError::Unavailable`]. An append whose answer
    /// may have been lost is never sent again. Default: 5.
    #[must_use]
    pub fn retries(mut self, count: u32) -> Self {
        self.retries = count;
        self
    }

    /// How long the first retry waits; each later one waits twice as long, up to `max`. Default: 20 ms, up to 1 s.
    #[must_use]
    pub fn backoff(mut self, first: Duration, max: Duration) -> Self {
        self.backoff = (first, max);
        self
    }

    /// What is written is acknowledged once so many replicas have it. Where they don't within `timeout`, the answer is
    /// [`StoreError::Unavailable`], though the write may be there. Default: none are waited for.
    #[must_use]
    pub fn wait_replicas(mut self, count: usize, timeout: Duration) -> Self {
        self.replicas = (count > 0).then_some((count, timeout));
        self
    }

    /// How long a start waits for another one that has its key in a cluster, and whose saga is not recorded yet. Then
    /// that start is held for dead, and can't record its saga any more. Default: 200 ms.
    #[must_use]
    pub fn key_grace(mut self, grace: Duration) -> Self {
        self.key_grace = grace;
        self
    }

    /// Listens for no wake-ups, and sends none: all is found by polling. For a user without rights on channels, or a
    /// proxy that passes no messages on.
    #[must_use]
    pub fn without_wake_ups(mut self) -> Self {
        self.has_wake_ups = false;
        self
    }

    /// Makes no new store: where the namespace has none, it is an error. For tools, which must leave a server as they
    /// find it.
    #[must_use]
    pub fn existing(mut self) -> Self {
        self.is_existing = true;
        self
    }

    /// Connects, and sees that the store can be used.
    ///
    /// # Errors
    ///
    /// - [`StoreError::Unusable`] where the URL, the password or the user's rights are wrong, the server is a replica, or
    ///   the namespace is of another version.
    /// - [`StoreError::Unavailable`] where the server is not reached.
    pub async fn open(self) -> Result<RedisStore, StoreError> {
        RedisStore::open_with(self).await
    }
}

/// Without passwords.
impl std::fmt::Debug for RedisOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisOptions")
            .field("nodes", &self.urls.len())
            .field("namespace", &self.namespace)
            .field("partitions", &self.partitions)
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}
