//! What 64 callers get, and one.

use saga_bench::drive::{coordinator, drive};
use saga_bench::measure::{Contender, bar, compete, print};
use saga_bench::one_by_one::OneByOne;

use crate::{Place, floor};

const CALLERS: u32 = 64;

/// Connections of the store that commits each append by itself.
const POOL: usize = 32;

pub(crate) fn run(place: &Place) {
    let runtime = &place.runtime;
    let ours = runtime.block_on(async { coordinator(place.store("ours", 8).await).await });
    let single = runtime.block_on(async {
        let store = place.store("single", POOL).await;
        coordinator(OneByOne::new(store, POOL)).await
    });
    let floor = runtime.block_on(floor::begin(place));

    let figures = compete(
        7,
        vec![
            Contender::new("the floor, 64 tasks", 6_400, |units| {
                runtime.block_on(floor.write(CALLERS, units));
            }),
            Contender::new("sagas, 64 callers", 6_400, |units| {
                runtime.block_on(drive(&ours, CALLERS, units));
            }),
            Contender::new("sagas, 64 callers, a commit for each append", 1_280, |units| {
                runtime.block_on(drive(&single, CALLERS, units));
            }),
            Contender::new("the floor, one task", 100, |units| runtime.block_on(floor.write(1, units))),
            Contender::new("sagas, one caller", 100, |units| runtime.block_on(drive(&ours, 1, units))),
        ],
    );
    print("Four steps that return 200 bytes, on PostgreSQL: the time of one saga", &figures);

    let [floor_many, many, each, floor_one, one] = &figures[..] else { return };
    println!();
    let gain = many.per_second() / each.per_second();
    bar(
        "64 callers, at least 3 times one commit for each append over a pool of 32",
        gain >= 3.0,
        &format!("{gain:.1} times"),
    );
    let share = many.per_second() / floor_many.per_second();
    bar("64 callers, at least 0.7 of the floor", share >= 0.7, &format!("{share:.2}"));
    let latency = one.median.as_secs_f64() / floor_one.median.as_secs_f64();
    bar(
        "one caller, at most 1.25 times the floor's latency",
        latency <= 1.25,
        &format!("{latency:.2} times"),
    );
    for (name, coordinator) in [("shared", &ours), ("one by one", &single)] {
        let metrics = coordinator.metrics();
        let sagas = metrics.sagas_completed;
        println!("         {name}: {sagas} sagas, {} appends, {} commits", metrics.appends, metrics.commits);
        assert_eq!(metrics.appends, 5 * sagas, "N + 1 appends");
    }
}
