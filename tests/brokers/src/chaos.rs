//! A life in which brokers and publishers are killed at random.

use std::sync::Arc;
use std::time::Duration;

use saga::testing::{Faults, FaultyStore, Harm, Moment};
use saga::{Coordinator, EventFilter, MemoryStore, Publisher, Store};
use tokio::time::{sleep, timeout};

use crate::{Killable, Order, settled};

/// Runs sagas while the broker is killed and started again, and publishers die as they move their cursor; then one
/// publishes in peace. Every other time the broker stalls before it is killed, so that what is sent then is lost for sure. Each round has a publisher of its own, which `connect` makes. What the broker has is to be looked
/// at while the server is there.
///
/// The seed is printed; `SAGA_SEED` sets it.
pub async fn in_chaos<S: Killable, P: Publisher, Connecting: Future<Output = P>>(
    mut server: S,
    rounds: usize,
    connect: impl Fn() -> Connecting,
) -> (S, Arc<dyn Store>) {
    let mut dice = Dice::new();
    let kept: Arc<dyn Store> = Arc::new(MemoryStore::new());
    server.start().await;
    let mut kills = 0;
    for _ in 0..rounds {
        let faults = Faults::none();
        let store: Arc<dyn Store> = Arc::new(FaultyStore::new(Arc::clone(&kept), faults.clone()));
        let builder = Coordinator::builder_shared(store).saga(Order).lease(Duration::from_millis(500));
        let builder = builder.publish("broker", connect().await, EventFilter::all());
        let coordinator = builder.build().await.unwrap();
        let is_broker_killed = dice.below(4) > 0;
        start_some(&coordinator).await;
        sleep(Duration::from_millis(dice.below(200))).await;
        if is_broker_killed {
            if kills % 2 == 0 {
                server.stall();
                start_some(&coordinator).await;
                sleep(Duration::from_millis(100)).await;
            }
            kills += 1;
            server.kill().await;
            sleep(Duration::from_millis(dice.below(300))).await;
            server.start().await;
        }
        let moment = if dice.below(2) == 0 { Moment::Before } else { Moment::After };
        faults.fail_next("advance the cursor", moment, Harm::Death);
        start_some(&coordinator).await;
        sleep(Duration::from_millis(dice.below(700))).await;
    }
    let builder = Coordinator::builder_shared(Arc::clone(&kept)).saga(Order);
    let coordinator = builder.publish("broker", connect().await, EventFilter::all()).build().await.unwrap();
    settled(&coordinator, 1).await;
    (server, kept)
}

/// Starts ten sagas, or fewer: a dead process starts nothing.
async fn start_some(coordinator: &Coordinator) {
    let starting = async {
        for number in 0..10 {
            _ = coordinator.start::<Order>(number).await;
        }
    };
    _ = timeout(Duration::from_secs(2), starting).await;
}

/// Numbers by a seed: Steele and others, "Fast splittable pseudorandom number generators", simplified.
struct Dice(u64);

impl Dice {
    fn new() -> Self {
        let set = std::env::var("SAGA_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = set.unwrap_or_else(|| u64::from(std::process::id()));
        eprintln!("SAGA_SEED={seed}");
        Self(seed)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ (mixed >> 27)) % limit
    }
}
