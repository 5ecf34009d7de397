//! Servers that are reached over TLS: started for it, with certificates that are made for it.

mod common;

use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use saga::machine::Request;
use saga::store::{Beat, JournalStore};
use saga::{SagaId, StoreError, WorkerId};
use saga_redis::RedisOptions;

use common::{Server, create, free_port, step, take};

fn main() -> ExitCode {
    let service = saga_test_services::redis_server();
    saga_test_services::run(
        &service,
        saga_test_services::tests![
            over_tls_a_saga_is_kept_and_wake_ups_are_heard,
            a_certificate_that_nobody_vouches_for_is_refused,
            a_client_shows_its_certificate_where_it_is_asked_for,
            what_is_no_certificate_is_told,
        ],
    )
}

/// A signer, and a certificate of 127.0.0.1, in a folder that goes with it.
struct Certificates {
    folder: PathBuf,
}

impl Certificates {
    fn new() -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(SagaId::new().to_string());
        std::fs::create_dir_all(&folder).unwrap();
        let certificates = Self { folder };
        certificates.openssl(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=signer \
             -keyout signer.key -out signer.pem",
        );
        certificates.openssl(
            "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=redis -keyout redis.key \
             -out redis.csr",
        );
        std::fs::write(certificates.folder.join("extensions"), "subjectAltName=IP:127.0.0.1").unwrap();
        certificates.openssl(
            "x509 -req -in redis.csr -CA signer.pem -CAkey signer.key -CAcreateserial -days 2 \
             -extfile extensions -out redis.pem",
        );
        certificates
    }

    fn openssl(&self, arguments: &str) {
        let made = Command::new("openssl")
            .args(arguments.split_whitespace())
            .current_dir(&self.folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("openssl, which makes the certificates");
        assert!(made.success(), "openssl {arguments}");
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.folder.join(name)).unwrap()
    }

    /// A server with them, and its URL.
    fn server(&self, auth_clients: &str) -> (Server, String) {
        let port = free_port();
        let file = |name: &str| self.folder.join(name).display().to_string();
        let server = Server::start(&format!(
            "--tls-port {port} --tls-auth-clients {auth_clients} --tls-ca-cert-file {} --tls-cert-file {} \
             --tls-key-file {}",
            file("signer.pem"),
            file("redis.pem"),
            file("redis.key")
        ));
        (server, format!("rediss://127.0.0.1:{port}"))
    }
}

impl Drop for Certificates {
    fn drop(&mut self) {
        _ = std::fs::remove_dir_all(&self.folder);
    }
}

async fn over_tls_a_saga_is_kept_and_wake_ups_are_heard(_: String) {
    let certificates = Certificates::new();
    let (_server, url) = certificates.server("no");
    let options = RedisOptions::new(url).tls_roots(certificates.read("signer.pem"));
    let store = options.clone().open().await.unwrap();
    let (saga, owner) = (SagaId::new(), WorkerId::new());
    store.heartbeat(&Beat::new(owner, Duration::from_mins(1))).await.unwrap();
    take(&store, &create(saga, None, Some(owner))).await;
    take(&store, &step(saga, 1, "done")).await;
    let other = options.open().await.unwrap();
    assert_eq!(other.load(saga).await.unwrap().len(), 2);
    let mut heard = store.wake_ups().unwrap();
    let limit = Duration::from_mins(1);
    tokio::time::timeout(limit, heard.next()).await.unwrap().unwrap();
    other.request(saga, &Request::Retry).await.unwrap().unwrap();
    assert!(tokio::time::timeout(limit, heard.next()).await.unwrap().unwrap().requests);
}

async fn refusal(options: RedisOptions) -> (bool, String) {
    let error = options.retries(0).open().await.unwrap_err();
    (matches!(error, StoreError::Unusable { .. }), error.to_string())
}

async fn a_certificate_that_nobody_vouches_for_is_refused(_: String) {
    let certificates = Certificates::new();
    let (_server, url) = certificates.server("no");
    let shown = refusal(RedisOptions::new(&url)).await;
    assert!(shown.0 && shown.1.contains("name who signed it by `tls_roots`"), "{}", shown.1);
    let stranger = Certificates::new();
    let shown = refusal(RedisOptions::new(&url).tls_roots(stranger.read("signer.pem"))).await;
    assert!(shown.0 && shown.1.contains("not trusted"), "{}", shown.1);
}

async fn a_client_shows_its_certificate_where_it_is_asked_for(_: String) {
    let certificates = Certificates::new();
    let (_server, url) = certificates.server("yes");
    let options = RedisOptions::new(url).tls_roots(certificates.read("signer.pem"));
    refusal(options.clone()).await;
    let shown = options.tls_identity(certificates.read("redis.pem"), certificates.read("redis.key"));
    let store = shown.open().await.unwrap();
    take(&store, &create(SagaId::new(), None, None)).await;
}

async fn what_is_no_certificate_is_told(_: String) {
    let options = RedisOptions::new("rediss://127.0.0.1:1").tls_identity("no certificate", "no key");
    let shown = refusal(options).await;
    assert!(shown.0 && shown.1.contains("cannot be read as PEM"), "{}", shown.1);
}
