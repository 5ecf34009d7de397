//! How the sagas of one worker come to the others.

use std::collections::BTreeMap;
use std::time::Duration;

use saga::machine::{Event, SagaStarted};
use saga::policy::{millis, minutes, secs};
use saga::store::{Append, HeadChange};
use saga::{Payload, Saga as _, SagaId, SagaState};
use saga_fleet_tests::{Kind, WorkerOptions};
use saga_tests::outside::Call;
use saga_tests::shipment::Shipment;

use super::crew::{Crew, between, claims, start};

/// What a busy machine may add to a time that is promised: each prints what it took.
const SLACK: Duration = secs(15);

pub(crate) async fn a_killed_worker_loses_its_sagas_to_all_others_within_its_lease_and_a_poll(kind: Kind) {
    const SAGAS: usize = 300;
    let mut crew = Crew::new(kind).await;
    let mut first = crew.worker(minutes(5)).await;
    let id = first.id;
    let sagas = start(&mut first, 0..SAGAS, 0).await;
    let mut others = Vec::new();
    for _ in 0..3 {
        others.push(crew.worker(millis(5)).await);
    }
    let before = crew.now().await;
    first.kill().await;
    let killed_at = crew.now().await;
    let journals = crew.judged().await;
    let mut taken: BTreeMap<_, usize> = BTreeMap::new();
    let mut waits = Vec::new();
    for saga in sagas {
        let [(by, at), ..] = *claims(&journals[&saga]) else { panic!("{saga} was never claimed") };
        assert!(by != id && at >= before, "taken from a worker that lives");
        waits.push(between(killed_at, at));
        *taken.entry(by).or_default() += 1;
    }
    let shares: Vec<usize> = taken.into_values().collect();
    waits.sort_unstable();
    let (shortest, middle, longest) = (waits[0], waits[SAGAS / 2], waits[SAGAS - 1]);
    println!("{SAGAS} sagas came to {shares:?}, {shortest:?}, {middle:?} to {longest:?} after the kill");
    assert!(longest <= crew.options.lease + crew.options.poll + SLACK, "{longest:?}");
    assert!(shares.len() == others.len() && shares.iter().all(|share| *share >= SAGAS / 10), "{shares:?}");
}

pub(crate) async fn a_worker_woken_past_its_lease_is_refused_and_stops_driving(kind: Kind) {
    const SAGAS: usize = 30;
    let mut crew = Crew::new(kind).await;
    // It stands still with an attempt of each saga under way; each call comes when it wakes.
    let mut stale = crew.worker(millis(800)).await;
    let sagas = start(&mut stale, 0..SAGAS, 0).await;
    stale.stop();
    let current = crew.worker(millis(500)).await;
    crew.until("all sagas are claimed", async || {
        crew.sagas().await.iter().all(|saga| saga.owner == Some(current.id))
    })
    .await;
    stale.wake();
    loop {
        let active = stale.ask("active").await;
        if active[1] == "0" {
            break;
        }
        tokio::time::sleep(millis(50)).await;
    }
    let still = crew.sagas().await.iter().filter(|saga| saga.owner == Some(current.id)).count();
    let accounts = crew.accounts();
    let late = |saga: &&SagaId| {
        let opened = accounts.get(&(**saga, "open".to_owned()));
        opened.is_some_and(|account| account.callers.contains(&(Call::Effect, stale.name.clone())))
    };
    let late = sagas.iter().filter(late).count();
    println!("{late} of {SAGAS} calls came late; {still} sagas went on when the stale worker had stopped");
    assert!(late > 0 && still > 0, "nothing was late");
    // Among other things: no record after a claim is signed by the stale worker.
    let journals = crew.judged().await;
    assert!(journals.values().all(|journal| claims(journal).len() == 1));
}

pub(crate) async fn a_shutdown_hands_over_at_once(kind: Kind) {
    const SAGAS: usize = 30;
    let mut crew = Crew::new(kind).await;
    // On Redis a worker hears of nothing, and looks for itself; else nobody looks in time.
    crew.options.poll = if kind == Kind::Redis { millis(500) } else { minutes(10) };
    crew.options.lease = minutes(10);
    let mut first = crew.worker(minutes(5)).await;
    start(&mut first, 0..SAGAS, 0).await;
    let second = crew.worker(millis(5)).await;
    let answer = first.shut_down().await;
    let shut_at = crew.now().await;
    assert_eq!(answer[2], SAGAS.to_string(), "{answer:?}");
    let mut longest = Duration::ZERO;
    for journal in crew.judged().await.values() {
        let [(by, at)] = *claims(journal) else { panic!("{:?}", claims(journal)) };
        assert_eq!(by, second.id);
        longest = longest.max(between(shut_at, at));
    }
    println!("{SAGAS} sagas were handed over within {longest:?}");
    assert!(longest <= SLACK, "{longest:?}");
}

pub(crate) async fn what_waits_in_the_store_is_taken_up_by_whoever_is_free(kind: Kind) {
    const SAGAS: usize = 40;
    let mut crew = Crew::new(kind).await;
    let mut starter = crew.worker(millis(5)).await;
    let started_at = crew.now().await;
    start(&mut starter, 0..SAGAS, 4_000).await;
    starter.kill().await;
    // One has two places, and long steps: what is over waits for the other.
    let options = WorkerOptions { places: 2, moment: millis(200), ..crew.options.clone() };
    let narrow = crew.worker_with(&options).await;
    let wide = crew.worker(millis(5)).await;
    crew.until("the delay is over", async || between(started_at, crew.now().await) > secs(4)).await;
    let journals = crew.judged().await;
    let mut taken: BTreeMap<_, usize> = BTreeMap::new();
    for journal in journals.values() {
        let [(by, at)] = *claims(journal) else { panic!("{:?}", claims(journal)) };
        assert!(between(started_at, at) >= secs(4), "{at} is before its time");
        *taken.entry(by).or_default() += 1;
    }
    println!("of {SAGAS} due sagas the narrow worker took {:?}", taken.get(&narrow.id));
    assert!(taken[&wide.id] > SAGAS / 2, "{taken:?}");
}

pub(crate) async fn bad_sagas_are_parked_and_stop_nobody(kind: Kind) {
    let mut crew = Crew::new(kind).await;
    let mut worker = crew.worker(millis(5)).await;
    let good = start(&mut worker, 0..10, 1_000).await;
    worker.kill().await;
    let now = crew.now().await;
    // Older than the good ones, so that each claim meets them first.
    let bad: Vec<SagaId> = (0..5).map(|_| SagaId::new()).collect();
    for saga in &bad {
        let definition = Shipment::definition();
        let started = SagaStarted {
            definition: definition.name.clone(),
            version: definition.version,
            fingerprint: definition.fingerprint,
            codec: "json".into(),
            labels: saga::Labels::default(),
            key: None,
            start_at: now,
            deadline: None,
            owner: None,
            input: Payload::from(b"no course".as_slice()),
        };
        let append = Append {
            saga: *saga,
            expected: 0,
            events: vec![Event::SagaStarted(Box::new(started))],
            head: Some(HeadChange { state: SagaState::Pending, owner: None, wake_at: Some(now) }),
            answered: None,
        };
        crew.store.append_one(&append).await.unwrap().unwrap();
    }
    let _worker = crew.worker(millis(5)).await;
    crew.until("the good sagas end", async || {
        let mut all = true;
        for saga in &good {
            all &= crew.instance(*saga).await.state == SagaState::Completed;
        }
        all
    })
    .await;
    for saga in bad {
        assert_eq!(crew.instance(saga).await.state, SagaState::Stuck);
        let journal = crew.store.load(saga).await.unwrap();
        let Some(Event::Stuck { reason }) = journal.last().map(|record| &record.event) else { panic!() };
        assert!(reason.to_string().contains("the input"), "{reason}");
    }
}
