//! Laws of what is written: it is there, whole, in order and unchanged.

use std::sync::Arc;
use std::task::{Context, Waker};

use super::sample::{append, change, done, end, instance, later, load, new, now, step, take};
use crate::machine::{By, Event, NotUndone, SagaState, StuckReason, Then};
use crate::policy::{OnUndoFailure, UndoPlan};
use crate::store::{Append, HeadChange, Store};
use crate::{Cause, Payload, StepError, StepFailure, Timestamp, WorkerId};

/// A saga that was created has a journal of one event and an instance that says what its start said.
pub async fn a_created_saga_is_there(store: Arc<dyn Store>) {
    let wake_at = Timestamp::from_micros(i64::MAX / 2 + 1);
    let new = new().key("k").label("customer", "c-17").wake_at(wake_at);
    let at = take(&store, &new.append()).await;

    let journal = load(&store, new.id).await;
    assert_eq!(journal.len(), 1);
    assert_eq!((journal[0].sequence, journal[0].at), (0, at));
    assert_eq!(journal[0].event, new.append().events[0]);

    let found = instance(&store, new.id).await;
    assert_eq!((found.id, found.definition.as_str(), found.version), (new.id, "order", 1));
    assert_eq!((found.fingerprint, found.state), (new.fingerprint, SagaState::Pending));
    assert_eq!((found.key.as_deref(), found.labels), (Some("k"), new.labels));
    assert_eq!((found.owner, found.wake_at), (None, Some(wake_at)));
    assert_eq!((found.created_at, found.updated_at, found.ended_at), (at, at, None));
}

/// Events get the numbers from the expected one on, in the order of the append.
pub async fn an_append_follows_in_order(store: Arc<dyn Store>) {
    let id = new().create(&store).await;
    let events: Vec<Event> = (0..5).map(|index| done(index, b"x")).collect();
    take(&store, &Append { events: events.clone(), ..step(id, 1) }).await;
    take(&store, &step(id, 6)).await;
    let journal = load(&store, id).await;
    let numbers: Vec<u64> = journal.iter().map(|record| record.sequence).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6]);
    assert!(journal[1..6].iter().map(|record| &record.event).eq(&events));
}

/// Whatever an event says, it says when it is read back.
pub async fn events_of_all_kinds_are_read_back_unchanged(store: Arc<dyn Store>) {
    let odd = "\u{0}\"'\\ é e\u{301} 漢 🦀 \u{202e}\n%_";
    let failure = || {
        let error = StepError::business("NO\u{0}", odd);
        Box::new(StepFailure::new(odd, &error, u32::MAX))
    };
    let retry = Then::Retry { at: Timestamp::from_micros(i64::MIN) };
    let plan = UndoPlan { stages: vec![vec![1], vec![0]], on_failure: OnUndoFailure::GoOn };
    let by = || By::Operator { note: odd.to_owned() };
    let reason = Box::new(StuckReason::UndoFailed { failure: *failure() });
    let events = vec![
        Event::Claimed { worker: WorkerId::new() },
        Event::Released { until: Some(Timestamp::from_micros(i64::MAX)) },
        Event::Released { until: None },
        Event::StepStarted { step: 127, attempt: u32::MAX },
        Event::StepCompleted { step: 0, attempt: 1, by: By::Verification, output: Payload::EMPTY },
        Event::StepFailed { step: 0, attempt: 1, failure: failure(), then: retry },
        Event::StepAbsent { step: 3 },
        Event::VerifyFailed { step: 0, attempt: 2, failure: failure(), then: Then::GiveUp },
        Event::CancelRequested { reason: odd.to_owned() },
        Event::DeadlinePassed { dropped: vec![0, 2] },
        Event::RequestRefused { request: "cancel".into(), reason: odd.into() },
        Event::CompensationStarted { cause: Box::new(Cause::StepFailed { failure: *failure() }), plan },
        Event::StepCompensated { step: 0, attempt: 0, by: by() },
        Event::CompensationFailed { step: 0, attempt: 1, failure: failure(), then: retry },
        Event::Stuck { reason },
        Event::Resumed,
        Event::Abandoned { note: String::new() },
        Event::Ended { state: SagaState::Failed, not_undone: vec![NotUndone::new(odd, odd)] },
    ];
    let id = new().create(&store).await;
    take(&store, &Append { events: events.clone(), ..step(id, 1) }).await;
    let read: Vec<Event> = load(&store, id).await.into_iter().skip(1).map(|record| record.event).collect();
    for (read, written) in read.iter().zip(&events) {
        assert_eq!(read, written);
    }
    assert_eq!(read.len(), events.len());
}

/// A payload is bytes: empty ones, all values, and what looks like text.
pub async fn payloads_are_kept_byte_for_byte(store: Arc<dyn Store>) {
    let all: Vec<u8> = (0..=u8::MAX).collect();
    let outputs: [&[u8]; 5] = [b"", &all, b"\0\0", b"{\"a\": 1}", "\u{fffd}'; --".as_bytes()];
    let mut new = new();
    new.input = Payload::from(all.as_slice());
    new.create(&store).await;
    let events: Vec<Event> = outputs.iter().enumerate().map(|(index, output)| done(index, output)).collect();
    take(&store, &Append { events, ..step(new.id, 1) }).await;
    let journal = load(&store, new.id).await;
    let payload = |place: usize| journal[place].event.payload().map(Payload::as_bytes);
    assert_eq!(payload(0), Some(all.as_slice()));
    for (place, output) in outputs.into_iter().enumerate() {
        assert_eq!(payload(place + 1), Some(output));
    }
}

/// A payload as large as a coordinator allows by default is kept.
pub async fn a_payload_of_a_mebibyte_is_kept(store: Arc<dyn Store>) {
    let bytes: Vec<u8> = (0..1_u32 << 20).map(|index| (index % 251) as u8).collect();
    let mut new = new();
    new.input = Payload::from(bytes.as_slice());
    new.create(&store).await;
    take(&store, &Append { events: vec![done(0, &bytes)], ..step(new.id, 1) }).await;
    let journal = load(&store, new.id).await;
    for record in &journal {
        assert!(record.event.payload().is_some_and(|payload| payload.as_bytes() == bytes));
    }
    assert_eq!(journal.len(), 2);
}

/// An append that says nothing of the head changes nothing of the instance.
pub async fn an_append_without_a_head_leaves_the_head(store: Arc<dyn Store>) {
    let new = new().owner(WorkerId::new());
    new.create(&store).await;
    let before = instance(&store, new.id).await;
    later(&store).await;
    take(&store, &step(new.id, 1)).await;
    assert_eq!(instance(&store, new.id).await, before);
}

/// The instance shows the latest head, and when it changed.
pub async fn a_head_change_is_shown(store: Arc<dyn Store>) {
    let new = new();
    let created_at = take(&store, &new.append()).await;
    let owner = WorkerId::new();
    for (expected, state) in (1..).zip(SagaState::ALL) {
        later(&store).await;
        let wake_at = (state == SagaState::Pending).then_some(created_at);
        let owner = (state == SagaState::Running).then_some(owner);
        let at = take(&store, &change(new.id, expected, HeadChange { state, owner, wake_at })).await;
        // A store may forget what has ended, but says nothing wrong of it.
        if let Some(found) = store.instance(new.id).await.expect("the saga is read") {
            assert_eq!((found.state, found.owner, found.wake_at), (state, owner, wake_at));
            assert_eq!((found.created_at, found.updated_at), (created_at, at));
            assert_eq!(found.ended_at, state.is_ended().then_some(at));
        }
        assert!(at > created_at);
    }
}

/// Within a batch, an append sees what those before it wrote.
pub async fn appends_to_one_saga_in_one_batch_follow_each_other(store: Arc<dyn Store>) {
    let new = new();
    let batch = [new.append(), step(new.id, 1), step(new.id, 1), step(new.id, 2)];
    let answers = store.append(&batch).await.expect("the store answers");
    let taken: Vec<bool> = answers.iter().map(Result::is_ok).collect();
    assert_eq!(taken, [true, true, false, true]);
    assert_eq!(load(&store, new.id).await.len(), 3);
}

/// The time of an answer is the one in the journal, and a journal's times go forward.
pub async fn times_are_those_of_the_answers_and_never_go_back(store: Arc<dyn Store>) {
    let before = now(&store).await;
    let new = new();
    let mut times = vec![take(&store, &new.append()).await];
    for expected in 1..20 {
        times.push(take(&store, &step(new.id, expected)).await);
    }
    let recorded: Vec<Timestamp> = load(&store, new.id).await.iter().map(|record| record.at).collect();
    assert_eq!(recorded, times);
    assert!(times.is_sorted());
    assert!(before <= times[0]);
    let hour = crate::policy::hours(1);
    assert!(times[19].since(times[0]) < hour, "times are microseconds");
}

/// Whoever drops the future of an append may have done a whole append, or nothing, and the next one finds out.
pub async fn a_dropped_append_is_there_in_whole_or_not_at_all(store: Arc<dyn Store>) {
    for _ in 0..32 {
        let id = new().create(&store).await;
        let three = Append {
            events: vec![done(0, b"a"), done(1, b"b"), done(2, b"c")],
            ..end(id, 1, SagaState::Stuck)
        };
        drop_after_one_poll(&store, &three);
        let is_whole = append(&store, &step(id, 4)).await.is_ok();
        let is_absent = append(&store, &step(id, 1)).await.is_ok();
        // What was dropped may be written until an append at its number is: then never.
        let length = load(&store, id).await.len();
        let is_stuck = instance(&store, id).await.state == SagaState::Stuck;
        match (is_whole, is_absent, length) {
            (true, false, 5) | (false, false, 4) => assert!(is_stuck),
            (false, true, 2) => assert!(!is_stuck),
            other => panic!("half of an append was written: {other:?}"),
        }
    }
}

/// Begins an append, and goes away.
pub(super) fn drop_after_one_poll(store: &Arc<dyn Store>, dropped: &Append) {
    let mut appending = store.append_one(dropped);
    _ = appending.as_mut().poll(&mut Context::from_waker(Waker::noop()));
}
