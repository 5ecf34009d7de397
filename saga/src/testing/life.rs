//! One life of a process: a runtime of its own, a store opened anew, and an end.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::time::{Instant, advance, timeout};

use super::faults::Faults;
use super::faulty_store::FaultyStore;
use super::opening::OpenStore;
use crate::store::{BoxFuture, Store};

/// Time that goes on from life to life: each runtime has a clock of its own, which stands still and jumps.
#[derive(Debug)]
pub(super) struct Era {
    latest: Option<Instant>,
    /// Time that nobody stops or moves.
    is_real: bool,
}

/// How a life ended.
#[derive(Debug)]
pub(super) enum End<T> {
    /// It did all that it was to do.
    Done(T),
    /// A fault killed it.
    Died,
    /// It did not come to an end in time.
    Hung,
    /// Its store could not be opened.
    NoStore(String),
}

/// The store of a life: as the coordinator has it, with its faults, and as the test looks into it.
#[derive(Clone)]
pub(super) struct Stores {
    pub(super) faulty: Arc<dyn Store>,
    pub(super) direct: Arc<dyn Store>,
}

impl Era {
    /// By clocks that stand still and jump, or by the real one.
    pub(super) fn new(is_real: bool) -> Self {
        Self { latest: None, is_real }
    }

    /// Runs `life` on a runtime of its own with a paused clock until it is done, dies, or has taken `time_max`.
    /// Then everything in it is dropped where it stands.
    pub(super) fn live<T>(
        &mut self,
        open: &OpenStore,
        faults: &Faults,
        (time_max, batches): (Duration, bool),
        life: impl FnOnce(Stores) -> BoxFuture<'static, T>,
    ) -> End<T> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .start_paused(!self.is_real)
            .build()
            .expect("a runtime without threads needs nothing that could be missing");
        let (end, latest) = runtime.block_on(async {
            if let Some(latest) = self.latest.filter(|_| !self.is_real) {
                advance(latest.saturating_duration_since(Instant::now())).await;
            }
            let direct = match open().await {
                Ok(direct) => direct,
                Err(error) => return (End::NoStore(error.to_string()), Instant::now()),
            };
            let store = FaultyStore::new(Arc::clone(&direct), faults.clone());
            let store = Arc::new(if batches { store.with_batches() } else { store });
            let mut life = pin!(timeout(time_max, life(Stores { faulty: store, direct })));
            let mut died = pin!(faults.died());
            let end = poll_fn(|cx| {
                // Looked at first: what a dead process would still do is not seen by anybody.
                if died.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(End::Died);
                }
                let lived = life.as_mut().poll(cx);
                lived.map(|lived| lived.map_or(End::Hung, End::Done))
            })
            .await;
            (end, Instant::now())
        });
        self.latest = Some(latest);
        drop(runtime);
        end
    }
}
