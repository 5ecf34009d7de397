//! Connections: made from a URL, over TLS where that says so.

use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use saga::StoreError;
use saga::store::StoreResult;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, Connection, NoTls, Socket};

use crate::options::{PostgresOptions, Source};

/// The driver's configuration of a URL.
pub(crate) fn config(url: &str, options: &PostgresOptions) -> StoreResult<Config> {
    let mut config: Config = url.parse().map_err(|error: tokio_postgres::Error| {
        let reason = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
        StoreError::unusable(format!(
            "that is no URL of a database ({reason}): it is `postgres://user:password@host:5432/database`"
        ))
    })?;
    if let Some(password) = &options.password {
        config.password(password);
    }
    if config.get_application_name().is_none() {
        config.application_name(&options.application_name);
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(options.connect_timeout);
    }
    config.keepalives_idle(Duration::from_secs(15));
    config.tcp_user_timeout(options.statement_timeout + Duration::from_secs(5));
    let millis = options.statement_timeout.as_millis();
    let set = format!("-c statement_timeout={millis}");
    let with_others = config.get_options().map(|others| format!("{set} {others}"));
    config.options(with_others.unwrap_or(set));
    check_tls(&config)?;
    Ok(config)
}

/// Where a configuration leads, for messages: no password.
pub(crate) fn place(config: &Config) -> String {
    let host = config.get_hosts().first().map_or_else(
        || "localhost".to_owned(),
        |host| match host {
            tokio_postgres::config::Host::Tcp(host) => host.clone(),
            #[cfg(unix)]
            tokio_postgres::config::Host::Unix(path) => path.display().to_string(),
        },
    );
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let database = config.get_dbname().or(config.get_user()).unwrap_or_default();
    format!("PostgreSQL at {host}:{port}, database `{database}`")
}

#[cfg(not(feature = "tls"))]
fn check_tls(config: &Config) -> StoreResult<()> {
    if matches!(config.get_ssl_mode(), SslMode::Disable | SslMode::Prefer) {
        return Ok(());
    }
    Err(StoreError::unusable("the URL asks for TLS: build `saga-postgres` with its feature `tls`"))
}

#[cfg(feature = "tls")]
#[expect(clippy::unnecessary_wraps, reason = "it does not where there is no TLS")]
fn check_tls(_: &Config) -> StoreResult<()> {
    Ok(())
}

#[cfg(feature = "tls")]
fn tls(options: &PostgresOptions) -> tokio_postgres_rustls::MakeRustlsConnect {
    let config = options.tls.as_ref().map_or_else(
        || {
            let mut roots = rustls::RootCertStore::empty();
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
            let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
            rustls::ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .expect("ring speaks the default versions")
                .with_root_certificates(roots)
                .with_no_client_auth()
        },
        |config| (**config).clone(),
    );
    tokio_postgres_rustls::MakeRustlsConnect::new(config)
}

/// A pool over the source, and where it leads.
pub(crate) fn pool(options: &PostgresOptions) -> StoreResult<(Pool, String)> {
    let url = match &options.source {
        Source::Pool(pool) => return Ok((pool.clone(), "PostgreSQL".to_owned())),
        Source::Url(url) => url,
    };
    let config = config(url, options)?;
    let place = place(&config);
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = match config.get_ssl_mode() {
        #[cfg(feature = "tls")]
        SslMode::Require => Manager::from_config(config, tls(options), recycling),
        _ => Manager::from_config(config, NoTls, recycling),
    };
    let pool = Pool::builder(manager)
        .max_size(options.pool_size)
        // The last one back first: one that is warm has its statements prepared.
        .queue_mode(deadpool_postgres::QueueMode::Lifo)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(options.connect_timeout))
        .create_timeout(Some(options.connect_timeout))
        .build()
        .map_err(|error| StoreError::unusable(error.to_string()))?;
    Ok((pool, place))
}

#[cfg(feature = "tls")]
type TlsStream =
    <tokio_postgres_rustls::MakeRustlsConnect as tokio_postgres::tls::MakeTlsConnect<Socket>>::Stream;

/// A connection of its own, with what comes in over it.
pub(crate) enum Listening {
    Plain(Box<Connection<Socket, tokio_postgres::tls::NoTlsStream>>),
    #[cfg(feature = "tls")]
    Tls(Box<Connection<Socket, TlsStream>>),
}

pub(crate) async fn listening(
    config: &Config,
    options: &PostgresOptions,
) -> Result<(Client, Listening), tokio_postgres::Error> {
    #[cfg(feature = "tls")]
    if config.get_ssl_mode() == SslMode::Require {
        let (client, connection) = config.connect(tls(options)).await?;
        return Ok((client, Listening::Tls(Box::new(connection))));
    }
    _ = options;
    let (client, connection) = config.connect(NoTls).await?;
    Ok((client, Listening::Plain(Box::new(connection))))
}
