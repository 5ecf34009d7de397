//! Encrypted payloads, and how their key is changed without losing a saga.
//!
//! ```text
//! cargo run -p saga-codecs --example rotation
//! ```

use std::sync::Arc;

use saga::policy::minutes;
use saga::store::{JournalStore, Store};
use saga::{Coordinator, MemoryStore, SagaId, StartOptions, StepError, saga, step};
use saga_codecs::{Encrypted, Key, Keyring, MessagePack};

#[saga(steps(greet))]
struct Greeting;

#[step(compensate = none)]
async fn greet(_saga: &Greeting, name: &String) -> Result<String, StepError> {
    Ok(format!("hello {name}"))
}

/// In a program of yours they come from a secret store.
fn key(id: &str, byte: u8) -> Key {
    Key::new(id, [byte; 32]).expect("32 bytes that are not all zero")
}

async fn coordinator(store: &Arc<MemoryStore>, keys: Keyring) -> Result<Coordinator, saga::BuildError> {
    let builder = Coordinator::builder_shared(Arc::clone(store) as Arc<dyn Store>);
    builder.codec(Encrypted::new(MessagePack::new(), keys)).saga(Greeting).build().await
}

async fn print(store: &MemoryStore, id: SagaId) -> Result<(), saga::StoreError> {
    for record in store.load(id).await? {
        if let Some(payload) = record.event.payload() {
            let key = String::from_utf8_lossy(&payload.as_bytes()[2..6]).into_owned();
            println!("  {:15} {:3} bytes under the key {key}", record.event.kind(), payload.as_bytes().len());
        }
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread", start_paused = true)] // so that the example doesn't wait a minute
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = Arc::new(MemoryStore::new());
    let before = coordinator(&store, Keyring::new(key("2025", 5))).await?;
    let later = StartOptions::new().delay(minutes(1));
    let id = before.start_with::<Greeting>("Ada".to_owned(), later).await?.id();
    before.shutdown().await;

    // First every process gets the new key beside the old one; now it is the one that encrypts.
    let keys = Keyring::new(key("2026", 6)).and_old(key("2025", 5))?;
    let after = coordinator(&store, keys).await?;
    println!("{}", after.handle::<Greeting>(id).outcome().await?);
    print(&store, id).await?;
    Ok(())
}
