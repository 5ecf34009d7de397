//! A secret that a saga carries is found nowhere outside: not in logs at TRACE, not in events, not in errors, not in the
//! store's bytes. And a saga whose key is missing is parked with what to do.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::sync::{Arc, Once};

use saga::policy::{minutes, secs};
use saga::store::{JournalStore, QueryStore, Store};
use saga::{
    Coordinator, EventFilter, MemoryStore, Outcome, PayloadCodec, SagaFilter, SagaId, SagaState,
    StartOptions, StepError, saga, step,
};
use saga_codecs::{Encrypted, Json, Key, Keyring};
use serde::{Deserialize, Serialize};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

const SECRET: &str = "4111-1111-1111-1111";

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Card {
    number: String,
}

/// Holds money on a card, fails, and cannot let it go.
#[saga(name = "purchase", steps(hold -> ship))]
struct Purchase {
    fails: bool,
}

#[step(compensate = release, compensation(retry = no_retry()))]
async fn hold(_shop: &Purchase, card: &Card) -> Result<Card, StepError> {
    Ok(card.clone())
}

async fn release(_shop: &Purchase, _held: &Card) -> Result<(), StepError> {
    Err(StepError::permanent("the bank refuses"))
}

#[step(compensate = none, retry = fixed(1, millis(1)))]
async fn ship(shop: &Purchase, _held: &Card) -> Result<String, StepError> {
    if shop.fails { Err(StepError::transient("no carrier")) } else { Ok(format!("shipped for {SECRET}")) }
}

/// The same saga after a deploy that changed a type.
mod changed {
    use saga::{StepError, saga, step};

    #[saga(name = "purchase", steps(hold -> ship))]
    pub(crate) struct Purchase;

    #[step(compensate = release)]
    async fn hold(_shop: &Purchase, card: &u64) -> Result<u64, StepError> {
        Ok(*card)
    }

    async fn release(_shop: &Purchase, _held: &u64) -> Result<(), StepError> {
        Ok(())
    }

    #[step(compensate = none)]
    async fn ship(_shop: &Purchase, _held: &u64) -> Result<String, StepError> {
        Ok(String::new())
    }
}

fn ring(id: &str, byte: u8) -> Keyring {
    Keyring::new(Key::new(id, [byte; 32]).unwrap())
}

fn encrypted(keys: Keyring) -> Encrypted<Json> {
    Encrypted::new(Json::new(), keys)
}

async fn coordinator(store: &Arc<MemoryStore>, codec: impl PayloadCodec, fails: bool) -> Coordinator {
    let builder = Coordinator::builder_shared(Arc::clone(store) as Arc<dyn Store>);
    builder.codec(codec).saga(Purchase { fails }).build().await.unwrap()
}

fn card() -> Card {
    Card { number: SECRET.to_owned() }
}

thread_local! {
    static HEARD: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Writes down all that is traced, at every level, for each thread by itself: a test and its sagas run on one. It is the
/// program's only subscriber, for what one thread wants of an event is kept for all.
struct Listener;

impl Listener {
    fn listen() {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| tracing::subscriber::set_global_default(Self).unwrap());
        HEARD.take();
    }

    fn heard() -> String {
        HEARD.with_borrow(Clone::clone)
    }

    fn write(what: &str, record: impl FnOnce(&mut dyn Visit)) {
        struct Fields<'a>(&'a mut String);
        impl Visit for Fields<'_> {
            fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
                write!(self.0, " {field}={value:?}").unwrap();
            }
        }
        HEARD.with_borrow_mut(|text| {
            text.push_str(what);
            record(&mut Fields(text));
            text.push('\n');
        });
    }
}

impl Subscriber for Listener {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        Self::write(span.metadata().name(), |visit| span.record(visit));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        Self::write("record", |visit| values.record(visit));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        Self::write(event.metadata().target(), |visit| event.record(visit));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// All that the store has of a saga, as text, and its payloads as they are.
async fn stored(store: &MemoryStore, id: SagaId) -> (String, Vec<u8>) {
    let journal = store.load(id).await.unwrap();
    let mut events = String::new();
    for record in &journal {
        writeln!(events, "{} {record:?}", record.event.encode()).unwrap();
    }
    let payloads = journal.iter().filter_map(|record| record.event.payload());
    let bytes = payloads.flat_map(|payload| payload.as_bytes().to_vec()).collect();
    let instances = store.list(&SagaFilter::new()).await.unwrap();
    (format!("{events}{instances:?}"), bytes)
}

fn is_in(bytes: &[u8]) -> bool {
    bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes())
}

#[tokio::test(start_paused = true)]
async fn a_secret_is_found_nowhere_outside() {
    Listener::listen();
    let store = Arc::new(MemoryStore::new());
    let app = coordinator(&store, encrypted(ring("k1", 1)), true).await;
    let mut events = app.subscribe(EventFilter::all());
    let saga = app.start::<Purchase>(card()).await.unwrap();
    let outcome = saga.outcome().await.unwrap();
    assert_eq!(outcome.state(), SagaState::Stuck);
    app.skip(saga.id(), "hold", "by telephone").await.unwrap();
    assert_eq!(saga.outcome().await.unwrap().state(), SagaState::Compensated);
    let mut told = format!("{outcome} {outcome:?}\n");
    app.shutdown().await;
    drop((app, saga));
    while let Some(event) = events.next().await {
        writeln!(told, "{event:?}").unwrap();
    }

    let (text, bytes) = stored(&store, store.list(&SagaFilter::new()).await.unwrap().sagas[0].id).await;
    for (whole, what) in [(&Listener::heard(), "attempt"), (&told, "StepFailed"), (&text, "step_failed")] {
        assert!(whole.contains(what), "nothing was heard of `{what}` in\n{whole}");
        assert!(!whole.contains(SECRET), "{whole}");
    }
    assert!(bytes.len() > 100 && !is_in(&bytes));

    // It would have been found: without the encryption, it is in the store.
    let plain = Arc::new(MemoryStore::new());
    let app = coordinator(&plain, Json::new(), true).await;
    let saga = app.start::<Purchase>(card()).await.unwrap();
    saga.outcome().await.unwrap();
    assert!(is_in(&stored(&plain, saga.id()).await.1));
}

/// A saga that waits in the store, with its input encrypted.
async fn waiting(store: &Arc<MemoryStore>, keys: Keyring) -> SagaId {
    let app = coordinator(store, encrypted(keys), false).await;
    let later = StartOptions::new().delay(minutes(1));
    let id = app.start_with::<Purchase>(card(), later).await.unwrap().id();
    app.shutdown().await;
    id
}

/// Why the saga is parked once this codec has met it.
async fn parked(store: &Arc<MemoryStore>, codec: impl PayloadCodec, id: SagaId) -> String {
    let app = coordinator(store, codec, false).await;
    let outcome = app.handle::<Purchase>(id).outcome().await.unwrap();
    app.shutdown().await;
    let Outcome::Stuck(reason) = outcome else { panic!("not parked: {outcome}") };
    assert_eq!(reason.code(), saga::ErrorCode::StuckUndecodable);
    reason.to_string()
}

#[tokio::test(start_paused = true)]
async fn a_saga_whose_key_is_missing_is_parked_with_what_to_do_and_goes_on_once_it_is_there() {
    for (keys, code) in [(ring("k2", 2), "SAGA_CODEC_UNKNOWN_KEY"), (ring("k1", 9), "SAGA_CODEC_REFUSED")] {
        let store = Arc::new(MemoryStore::new());
        let id = waiting(&store, ring("k1", 1)).await;
        let reason = parked(&store, encrypted(keys), id).await;
        assert!(
            reason.contains("the input") && reason.contains(code) && reason.contains("retry"),
            "{reason}"
        );

        let rotated = ring("k2", 2).and_old(Key::new("k1", [1; 32]).unwrap()).unwrap();
        let app = coordinator(&store, encrypted(rotated), false).await;
        app.retry(id).await.unwrap();
        let outcome = app.handle::<Purchase>(id).outcome().await.unwrap();
        assert_eq!(outcome, Outcome::Completed(format!("shipped for {SECRET}")));

        // What was recorded before the rotation has the old key, what came after it the new one.
        let journal = store.load(id).await.unwrap();
        let payloads = journal.iter().filter_map(|record| record.event.payload());
        let keys: Vec<&[u8]> = payloads.map(|payload| &payload.as_bytes()[2..4]).collect();
        assert_eq!(keys, [b"k1".as_slice(), b"k2", b"k2"]);
        app.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_changed_type_parks_the_saga_without_a_word_of_the_payload() {
    let store = Arc::new(MemoryStore::new());
    let id = waiting(&store, ring("k1", 1)).await;
    Listener::listen();
    let builder = Coordinator::builder_shared(Arc::clone(&store) as Arc<dyn Store>);
    let app = builder.codec(encrypted(ring("k1", 1))).saga(changed::Purchase).build().await.unwrap();
    let Outcome::Stuck(reason) = app.handle::<changed::Purchase>(id).outcome().await.unwrap() else {
        panic!("not parked")
    };
    assert!(reason.to_string().contains("SAGA_CODEC_INNER"), "{reason}");
    let whole = format!("{reason} {reason:?} {} {}", Listener::heard(), stored(&store, id).await.0);
    assert!(whole.contains("the saga is parked") && !whole.contains("4111"), "{whole}");
}

#[tokio::test(start_paused = true)]
async fn a_start_with_a_key_joins_the_first_saga_though_its_input_is_other_bytes() {
    let store = Arc::new(MemoryStore::new());
    let app = coordinator(&store, encrypted(ring("k1", 1)), false).await;
    let options = || StartOptions::new().key("request-17").delay(secs(60));
    let first = app.start_with::<Purchase>(card(), options()).await.unwrap();
    let again = app.start_with::<Purchase>(card(), options()).await.unwrap();
    assert_eq!(first.id(), again.id());
    let other = Card { number: "other".to_owned() };
    let error = app.start_with::<Purchase>(other, options()).await.unwrap_err();
    assert_eq!(error.code(), saga::ErrorCode::StartKeyConflict);
}
