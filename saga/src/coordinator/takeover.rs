//! The background work of a coordinator: its heartbeat, and the search for sagas to take up.
//!
//! Both go on for as long as the coordinator lives. A store that doesn't answer, or one saga that can't be driven,
//! never stops them.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio::time::{timeout, timeout_at};

use super::inner::Inner;
use super::live::{Live, Rest};
use super::park;
use super::task::Task;
use crate::engine::{Signal, Term, saga_span};
use crate::machine::{Event, Record, SagaStarted, SagaState, State, StuckReason, fold, owner, was_driven};
use crate::store::{
    Append, Claim, HeadChange, SagaFilter, SagaInstance, StoreError, StoreResult, WakeUp, WakeUps,
};
use crate::{Definition, Payload, SagaId};

/// As many sagas are claimed at once.
const CLAIM_MAX: usize = 64;

/// As many journals are read at once: they are in memory until their sagas are taken up.
const LOAD_MAX: usize = 16;

pub(super) fn spawn(inner: &Arc<Inner>) {
    tokio::spawn(beat(Arc::downgrade(inner), Arc::clone(&inner.beat_soon), inner.limits.lease / 3));
    tokio::spawn(search(Arc::downgrade(inner)));
    if let Some(wake_ups) = inner.store.wake_ups() {
        tokio::spawn(listen(Arc::downgrade(inner), wake_ups));
    }
}

/// Looks at once where the store says that there is something to be found.
async fn listen(inner: Weak<Inner>, mut wake_ups: WakeUps) {
    while let Some(WakeUp { work, requests }) = wake_ups.next().await {
        let Some(inner) = inner.upgrade() else { return };
        if work {
            inner.claim_soon.notify_one();
        }
        if requests {
            inner.beat_soon.notify_one();
        }
    }
}

/// Renews the lease, and hears which sagas have requests.
async fn beat(inner: Weak<Inner>, soon: Arc<Notify>, interval: Duration) {
    loop {
        // Early, on time or for nothing: a heartbeat more does no harm.
        _ = timeout(interval, soon.notified()).await;
        let Some(inner) = inner.upgrade() else { return };
        let is_over = || inner.is_retired.load(Ordering::Acquire);
        if is_over() {
            return;
        }
        // Nothing begins any more, and nothing runs: what a lost answer may have left owned is free for others, also
        // where a handle keeps all this alive.
        if inner.is_closed() && inner.live.len() == 0 && inner.store.retire(inner.worker).await.is_ok() {
            return;
        }
        match inner.heartbeat().await {
            Ok(heartbeat) => {
                for saga in heartbeat.requested {
                    match inner.live.get(saga) {
                        Some(live) => live.mailbox.send(Signal::Requests),
                        None => inner.adopt_later(saga),
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "the heartbeat did not reach the store"),
        }
        // The shutdown may have ended the lease meanwhile, and this heartbeat renewed it.
        if is_over() {
            _ = inner.store.retire(inner.worker).await;
            return;
        }
    }
}

/// Takes up sagas for as long as there are some and places are free.
async fn search(inner: Weak<Inner>) {
    loop {
        let (soon, next) = {
            let Some(inner) = inner.upgrade() else { return };
            let began = inner.clock.now();
            let mut hand = Hand::First;
            while !inner.is_closed() && mend(&inner).await && claim_some(&inner, hand).await {
                hand = Hand::Next;
            }
            (Arc::clone(&inner.claim_soon), inner.next_search(began))
        };
        // Woken early or late makes no difference.
        _ = timeout_at(next, soon.notified()).await;
    }
}

/// Takes up sagas that this worker owns and nobody drives; whether claims make sense now.
async fn mend(inner: &Arc<Inner>) -> bool {
    // Who has no lease owns nothing for long: it would claim its own sagas, again and again.
    if !inner.lease.runs() {
        return false;
    }
    let lost_claim = inner.agenda().take_lost_claim();
    if let Some(failures) = lost_claim
        && let Err(error) = find_lost(inner).await
    {
        tracing::warn!(%error, "the store cannot be searched for sagas that a lost answer speaks of");
        inner.agenda().fail_lost_claim(failures, &error);
        // One row that cannot be read keeps nobody from all others.
        if matches!(error, StoreError::Unavailable { .. }) {
            return false;
        }
    }
    let orphans = inner.agenda().take_orphans();
    for (saga, failures) in orphans {
        if let Err(error) = adopt_orphan(inner, saga, failures).await {
            tracing::warn!(saga.id = %saga, %error, failures, "a saga cannot be taken up; it is tried again");
            inner.agenda().fail(saga, failures, &error);
        }
    }
    true
}

/// Which claim of a search.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hand {
    /// Looks whether there is something, if a place is free.
    First,
    /// Takes more of what the first found, and waits for places.
    Next,
}

/// Claims sagas as places are free, and takes them up; whether there may be more.
async fn claim_some(inner: &Arc<Inner>, hand: Hand) -> bool {
    if !inner.lease.runs() {
        return false;
    }
    let wait_max = if hand == Hand::First { Duration::ZERO } else { inner.limits.poll_interval };
    let Ok(Ok(first)) = timeout(wait_max, Arc::clone(&inner.sagas).acquire_owned()).await else {
        return false;
    };
    let limit = (inner.sagas.available_permits() + 1).min(CLAIM_MAX);
    // What an exclusive store's only process doesn't know, nobody knows: it is claimed too, and parked.
    let definitions = (!inner.store.traits().is_exclusive).then(|| inner.registry.keys());
    let claim = Claim { worker: inner.worker, definitions, limit };
    // Before the claim: a lease that runs out from here on may run out after it.
    let term = inner.lease.term();
    let claimed = match inner.store.claim(&claim).await {
        Ok(claimed) => claimed,
        Err(error) => {
            tracing::warn!(%error, "the store cannot be searched for sagas to take up");
            inner.agenda().lose_claim();
            return false;
        }
    };
    let is_more = claimed.len() == limit;
    let (mut rest, mut places) = (claimed.as_slice(), vec![first]);
    while !rest.is_empty() {
        // Starts may have been faster than we; then the rest waits here for its turn, owned and safe.
        if places.is_empty()
            && let Ok(place) = Arc::clone(&inner.sagas).acquire_owned().await
        {
            places.push(place);
        }
        while places.len() < rest.len().min(LOAD_MAX)
            && let Ok(place) = Arc::clone(&inner.sagas).try_acquire_owned()
        {
            places.push(place);
        }
        let (some, others) = rest.split_at(places.len());
        rest = others;
        if some.is_empty() {
            return false;
        }
        let owned: Vec<Owned> = some
            .iter()
            .zip(places.drain(..))
            .filter_map(|(saga, place)| Owned::enter(inner, *saga, (term, place)))
            .collect();
        let ids: Vec<SagaId> = owned.iter().map(|owned| owned.saga).collect();
        // Only now: what is read before a wait for a place may be out of date after it.
        let mut journals = inner.store.load_all(&ids).await.ok().map(Vec::into_iter);
        for owned in owned {
            inner.counters.count_claim();
            match journals.as_mut().and_then(Iterator::next) {
                Some(journal) => adopt_as(inner, owned, &journal).await,
                // One that cannot be read holds none of the others up.
                None => adopt(inner, owned).await,
            }
        }
    }
    is_more
}

/// Takes up a saga that this worker owns already, but nobody drives. Nobody can say what its last drive did, so
/// it is claimed like any other.
async fn adopt_orphan(inner: &Arc<Inner>, saga: SagaId, failures: u32) -> StoreResult<()> {
    if inner.live.get(saga).is_some() {
        return Ok(());
    }
    // Before the claim: claims without a drive would look as if the saga killed its workers.
    let Ok(place) = Arc::clone(&inner.sagas).try_acquire_owned() else {
        inner.agenda().wait(saga, failures);
        return Ok(());
    };
    let term = inner.lease.term();
    let Some(instance) = inner.store.instance(saga).await? else { return Ok(()) };
    if instance.state.is_ended() || instance.owner != Some(inner.worker) {
        return Ok(());
    }
    let journal = inner.store.load(saga).await?;
    // Another may have claimed it since: then the number that follows is theirs.
    if owner(&journal) != Some(inner.worker) {
        return Ok(());
    }
    let head = HeadChange { state: instance.state, owner: Some(inner.worker), wake_at: None };
    let append = Append {
        saga,
        expected: journal.len() as u64,
        events: vec![Event::Claimed { worker: inner.worker }],
        head: Some(head),
        answered: None,
    };
    let (_, answer) = inner.committer.append(append).await;
    match answer? {
        Ok(_) => {
            if let Some(owned) = Owned::enter(inner, saga, (term, place)) {
                adopt(inner, Owned { failures, ..owned }).await;
            }
        }
        // By another owner, or by what the last drive left on its way: that is seen with the next look.
        Err(_) => return Err(StoreError::unavailable("its journal has gone on since it was read")),
    }
    Ok(())
}

/// Remembers the sagas that this worker owns and nobody drives: a claim whose answer was lost may have left some.
async fn find_lost(inner: &Inner) -> StoreResult<()> {
    let mut filter = SagaFilter::new().limit(1_000);
    filter.states = SagaState::ALL.into_iter().filter(|state| !state.is_ended()).collect();
    loop {
        let page = inner.store.list(&filter).await?;
        for SagaInstance { id, owner, .. } in page.sagas {
            if owner == Some(inner.worker) && inner.live.get(id).is_none() {
                inner.agenda().adopt(id);
            }
        }
        let Some(next) = page.next else { return Ok(()) };
        filter = filter.after(next);
    }
}

/// A saga that this worker has claimed, and that nobody in this process drives.
struct Owned {
    saga: SagaId,
    live: Arc<Live>,
    /// That of the lease before the claim.
    term: Term,
    place: OwnedSemaphorePermit,
    /// How often it could not be taken up before.
    failures: u32,
}

impl Owned {
    /// Enters it among the live ones, before its journal is read: what a drive in this process has written until now is
    /// in the journal, and none begins before this one is over. `None` where one is under way: a claim may tell again of
    /// what an earlier one got.
    fn enter(inner: &Inner, saga: SagaId, (term, place): (Term, OwnedSemaphorePermit)) -> Option<Self> {
        let live = inner.live.enter(saga)?;
        Some(Self { saga, live, term, place, failures: 0 })
    }

    /// Leaves it to whoever takes it up next.
    fn let_go(self, inner: &Inner) {
        inner.live.leave(self.saga, &self.live);
        self.live.set_rest(Rest::HandedOver);
    }
}

/// Drives a claimed saga on from where its journal says, or parks it with the reason why not.
async fn adopt(inner: &Arc<Inner>, owned: Owned) {
    let Owned { saga, failures, .. } = owned;
    match inner.store.load(saga).await {
        Ok(journal) => adopt_as(inner, owned, &journal).await,
        // Where it ends nobody can say: it cannot even be parked.
        Err(error) => {
            tracing::warn!(saga.id = %saga, %error, failures, "a claimed saga cannot be read; it is tried again");
            owned.let_go(inner);
            inner.agenda().fail(saga, failures, &error);
        }
    }
}

async fn adopt_as(inner: &Arc<Inner>, owned: Owned, journal: &[Record]) {
    let Owned { saga, failures, .. } = owned;
    // A process that was stopped after its claim for longer than its lease finds the next owner's in the journal.
    // Driving on from there would go past the fence: it would use the numbers that are theirs.
    if owner(journal) != Some(inner.worker) {
        tracing::warn!(saga.id = %saga, "the saga is another worker's by now, or at rest");
        return owned.let_go(inner);
    }
    match take_up(inner, saga, journal) {
        Ok(taken_up) => {
            // Requests may have come while nobody drove it.
            owned.live.mailbox.send(Signal::Requests);
            let live = Arc::clone(&owned.live);
            taken_up.task(inner, owned).spawn(inner, live);
        }
        Err(reason) => {
            owned.let_go(inner);
            if let Err(error) = park::park(inner, saga, journal, reason).await {
                tracing::warn!(saga.id = %saga, %error, failures, "a saga cannot be parked; it is tried again");
                inner.agenda().fail(saga, failures, &error);
            }
        }
    }
}

/// A saga as its journal tells it.
struct TakenUp {
    definition: &'static Definition,
    flow: Box<dyn crate::engine::OwnedFlow>,
    started: SagaStarted,
    state: State,
    /// What the head says, where that is known.
    head: Option<SagaState>,
    sequence: u64,
    started_at: crate::Timestamp,
}

impl TakenUp {
    fn task(self, inner: &Inner, Owned { saga, term, place, .. }: Owned) -> Task {
        let context = inner.trace_context.as_deref();
        Task {
            id: saga,
            span: saga_span(self.definition, saga, &self.started.labels, context),
            definition: self.definition,
            flow: self.flow,
            labels: self.started.labels,
            head: self.head,
            state: self.state,
            first: None,
            sequence: self.sequence,
            started_at: Some(self.started_at),
            term,
            place,
        }
    }
}

fn take_up(inner: &Inner, saga: SagaId, journal: &[Record]) -> Result<TakenUp, StuckReason> {
    let undecodable = |what: String| {
        move |error: crate::PayloadError| StuckReason::Undecodable { what, message: error.to_string() }
    };
    let Some(Record { event: Event::SagaStarted(started), at, .. }) = journal.first() else {
        let message = format!("the journal of {saga} does not begin with `saga_started`");
        return Err(StuckReason::IllegalJournal { message });
    };
    let registered = inner
        .registry
        .get(&started.definition)
        .ok_or_else(|| StuckReason::UnknownDefinition { definition: started.definition.to_string() })?;
    let definition = registered.definition();
    check_shape(definition, started)?;
    if started.codec != inner.codec.name() {
        let configured = inner.codec.name().to_owned();
        return Err(StuckReason::CodecChanged { recorded: started.codec.to_string(), configured });
    }
    let flow = registered.flow(&started.input, &inner.codec).map_err(undecodable("the input".to_owned()))?;
    for (step, output) in last_outputs(definition, journal) {
        let what = format!("the output of step `{}`", definition.steps[step].name);
        flow.restore(step, output).map_err(undecodable(what))?;
    }
    let state = fold(definition, journal)
        .map_err(|illegal| StuckReason::IllegalJournal { message: illegal.to_string() })?;
    // The head of a claimed saga says what it said before: where that may be something else, the first append puts it
    // right.
    let stands = state.saga_state();
    let is_moving = matches!(stands, SagaState::Running | SagaState::Compensating);
    let head = (is_moving && was_driven(journal)).then_some(stands);
    let sequence = journal.len() as u64;
    Ok(TakenUp { definition, flow, started: (**started).clone(), state, head, sequence, started_at: *at })
}

fn check_shape(definition: &Definition, started: &SagaStarted) -> Result<(), StuckReason> {
    if started.version != definition.version {
        return Err(StuckReason::VersionChanged {
            definition: started.definition.to_string(),
            recorded: started.version,
            registered: definition.version,
        });
    }
    if started.fingerprint != definition.fingerprint {
        return Err(StuckReason::ShapeChanged {
            definition: started.definition.to_string(),
            recorded: started.fingerprint,
            registered: definition.fingerprint,
        });
    }
    Ok(())
}

/// The recorded output of each step that is done: the last one counts, for an operator may have mended one.
pub(super) fn last_outputs<'a>(
    definition: &Definition,
    journal: &'a [Record],
) -> impl Iterator<Item = (usize, &'a Payload)> {
    let mut outputs: Vec<Option<&Payload>> = vec![None; definition.steps.len()];
    for record in journal {
        if let Event::StepCompleted { step, output, .. } = &record.event
            && let Some(place) = outputs.get_mut(*step)
        {
            *place = Some(output);
        }
    }
    outputs.into_iter().enumerate().filter_map(|(step, output)| Some((step, output?)))
}
