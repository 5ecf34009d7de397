//! Connections that nobody else can read.

use redis::{Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, TlsCertificates};
use rustls::crypto::{CryptoProvider, ring};
use saga::StoreError;
use saga::store::StoreResult;

/// Whom to trust, and who one is: texts in PEM.
#[derive(Clone, Default)]
pub(crate) struct Certificates {
    pub(crate) roots: Option<Vec<u8>>,
    /// A certificate and its key.
    pub(crate) identity: Option<(Vec<u8>, Vec<u8>)>,
}

/// The same server, with these certificates where it is reached over TLS.
pub(crate) fn secured(info: ConnectionInfo, certificates: &Certificates) -> StoreResult<ConnectionInfo> {
    if !matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
        return Ok(info);
    }
    // The driver takes the process's own cryptography, and panics where there is none. One that the process has chosen
    // stays.
    if CryptoProvider::get_default().is_none() {
        _ = ring::default_provider().install_default();
    }
    if certificates.roots.is_none() && certificates.identity.is_none() {
        return Ok(info);
    }
    let identity = certificates.identity.clone();
    let certificates = TlsCertificates {
        client_tls: identity.map(|(client_cert, client_key)| ClientTlsConfig { client_cert, client_key }),
        root_cert: certificates.roots.clone(),
    };
    let client = Client::build_with_tls(info, certificates)
        .map_err(|error| StoreError::unusable(format!("the certificates cannot be read as PEM: {error}")))?;
    Ok(client.get_connection_info().clone())
}
