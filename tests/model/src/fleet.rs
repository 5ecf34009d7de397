//! The moves that lead from one moment to the next.

use saga::machine::{Event, Task};
use stateright::{Model, Property};

use crate::bounds::{Bounds, LEASE, NEVER, Rules};
use crate::promises::promises;
use crate::shop::{self, CHARGE, Effect, Outside, worker_id};
use crate::store::{Append, Head, Known, Store};
use crate::worker::{Attempt, Code, Drive, Illegal, Outcome, Worker};
use crate::world::{Flaws, Left, World};

/// The fleet, for the checker.
pub struct Fleet {
    pub(crate) code: Code,
    bounds: Bounds,
}

/// What happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// Time passes.
    Tick,
    /// A worker's clock gains a tick, or loses one.
    Drift(u8, i8),
    /// A worker dies. What it was sending gets lost, or reaches the store later.
    Crash(u8, Delivery),
    /// A worker renews its lease.
    Beat(u8),
    /// A worker claims the saga.
    Claim(u8, Delivery),
    /// A worker reads whether the saga is still its own.
    LookUp(u8),
    /// A worker reads the journal of what it claimed.
    Load(u8),
    /// An attempt ends.
    End(u8, Outcome),
    /// The store gets what a worker sent.
    Write(u8, Delivery),
    /// The store gets what its writer has given up on.
    WriteLate(usize),
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// It is done, and the caller hears so.
    Heard,
    /// It is done, and the caller hears nothing.
    Unheard,
    /// It gets lost on its way.
    Lost,
    /// The caller gives up before it is done.
    Late,
}

const FAULTS: [Delivery; 3] = [Delivery::Unheard, Delivery::Lost, Delivery::Late];

impl Fleet {
    /// A fleet of this size, under these rules.
    #[must_use]
    pub fn new(bounds: Bounds, rules: Rules) -> Self {
        Self { code: Code { definition: shop::definition(), defaults: shop::defaults(), rules }, bounds }
    }

    fn moves_of(world: &World, index: u8, moves: &mut Vec<Move>) {
        let worker = &world.workers[usize::from(index)];
        if worker.is_dead {
            return;
        }
        let has_losses = world.left.losses > 0;
        match &worker.drive {
            Drive::Idle => {
                if worker.has_lease(world.now) && !worker.has_searched && world.store.is_free(world.now) {
                    moves.push(Move::Claim(index, Delivery::Heard));
                    moves.extend(has_losses.then_some(Move::Claim(index, Delivery::Unheard)));
                }
            }
            Drive::Orphan => moves.push(Move::LookUp(index)),
            Drive::Claimed => moves.push(Move::Load(index)),
            Drive::Running { attempt, .. } => {
                moves.push(Move::End(index, Outcome::Done));
                if world.left.failures > 0 {
                    let effect = world.outside.effects[attempt.step];
                    let failures = failures(*attempt, effect).iter();
                    moves.extend(failures.map(|&outcome| Move::End(index, outcome)));
                }
            }
            Drive::Reclaiming(_) | Drive::Committing { .. } => {
                moves.push(Move::Write(index, Delivery::Heard));
                if has_losses {
                    moves.extend(FAULTS.map(|fault| Move::Write(index, fault)));
                }
            }
        }
        if world.store.is_at_rest() {
            return;
        }
        if worker.clock(world.now) > worker.beat_at {
            moves.push(Move::Beat(index));
        }
        if world.left.drifts > 0 {
            moves.extend([Move::Drift(index, 1), Move::Drift(index, -1)]);
        }
        let are_others_alive = world.workers.iter().filter(|worker| !worker.is_dead).count() > 1;
        if world.left.crashes > 0 && are_others_alive {
            moves.push(Move::Crash(index, Delivery::Lost));
            if matches!(worker.drive, Drive::Committing { .. } | Drive::Reclaiming(_)) {
                moves.push(Move::Crash(index, Delivery::Late));
            }
        }
    }

    fn write(&self, world: &mut World, index: u8, delivery: Delivery) -> Result<(), Illegal> {
        let drive = &mut world.workers[usize::from(index)].drive;
        let (Drive::Committing { append, .. } | Drive::Reclaiming(append)) = &*drive else { return Ok(()) };
        let append = append.clone();
        let is_taken = match delivery {
            Delivery::Lost => None,
            Delivery::Late => {
                world.strays.push(append.clone());
                None
            }
            Delivery::Heard => Some(world.store.append(self.code.rules, &append)),
            Delivery::Unheard => {
                world.store.append(self.code.rules, &append);
                None
            }
        };
        world.left.losses -= u8::from(delivery != Delivery::Heard);
        let drive = std::mem::replace(drive, Drive::Idle);
        world.workers[usize::from(index)].drive = self.answered(world, index, drive, is_taken)?;
        Ok(())
    }

    /// How a worker goes on after an append: taken, or refused, or without an answer.
    fn answered(
        &self,
        world: &World,
        index: u8,
        drive: Drive,
        is_taken: Option<bool>,
    ) -> Result<Drive, Illegal> {
        let rules = self.code.rules;
        let Drive::Committing { mut view, append, then } = drive else {
            return Ok(match is_taken {
                Some(true) => Drive::Claimed,
                Some(false) => Drive::Idle,
                None => Drive::Orphan,
            });
        };
        let is_durable = match is_taken {
            Some(false) => !rules.taken_is_read_back || world.store.holds(append.expected, &append.events),
            None if rules.unanswered_is_asked_again => return Ok(Drive::Committing { view, append, then }),
            Some(true) | None => true,
        };
        if !is_durable {
            // Who owns the saga is looked up.
            return Ok(Drive::Orphan);
        }
        if append.head.owner != Some(index) {
            return Ok(Drive::Idle);
        }
        view.extend(append.events);
        match then {
            Some(attempt) => Ok(Drive::Running { view, drafts: Vec::new(), attempt }),
            None => self.go_on(world, index, view, Vec::new()),
        }
    }

    fn go_on(
        &self,
        world: &World,
        index: u8,
        view: Vec<Known>,
        drafts: Vec<Known>,
    ) -> Result<Drive, Illegal> {
        let clock = world.workers[usize::from(index)].clock(world.now);
        self.code.go_on(index, clock, view, drafts)
    }

    fn end(&self, world: &mut World, index: u8, outcome: Outcome) -> Result<(), Illegal> {
        let worker = &mut world.workers[usize::from(index)];
        let clock = worker.clock(world.now);
        let Drive::Running { view, mut drafts, attempt } = std::mem::replace(&mut worker.drive, Drive::Idle)
        else {
            return Ok(());
        };
        world.left.failures -= u8::from(outcome != Outcome::Done);
        let durable = world.store.events();
        world.flaws.unrecorded |= !Code::may_run(attempt, &view, &drafts, &durable);
        // What an owner that was replaced still sends, no protocol can call back. Services know it by its key.
        if world.store.head.owner == Some(index) {
            take_effect(&mut world.outside, attempt, outcome);
        }
        if attempt.step == CHARGE && attempt.task == Task::Execute {
            world.outside.charges = 2.min(world.outside.charges + 1);
        }
        drafts.push(Known::new(self.code.ended(attempt, outcome, clock)));
        world.workers[usize::from(index)].drive = self.go_on(world, index, view, drafts)?;
        Ok(())
    }

    fn claim(&self, world: &mut World, index: u8, delivery: Delivery) {
        world.store.claim(self.code.rules, index);
        let worker = &mut world.workers[usize::from(index)];
        worker.has_searched = true;
        if delivery == Delivery::Heard {
            worker.drive = Drive::Claimed;
        } else {
            world.left.losses -= 1;
            if self.code.rules.lost_claim_is_looked_for {
                worker.drive = Drive::Orphan;
            }
        }
    }

    fn look_up(world: &World, index: u8) -> Drive {
        let view = world.store.events();
        if !Code::is_owner(&view, index) {
            return Drive::Idle;
        }
        let event = Known::new(Event::Claimed { worker: worker_id(index) });
        let head = Head { owner: Some(index), ..world.store.head };
        Drive::Reclaiming(Append { writer: index, expected: view.len(), events: vec![event], head })
    }

    fn load(&self, world: &World, index: u8) -> Result<Drive, Illegal> {
        let view = world.store.events();
        if self.code.rules.owner_is_checked && !Code::is_owner(&view, index) {
            return Ok(Drive::Idle);
        }
        self.go_on(world, index, view, Vec::new())
    }

    fn step(&self, world: &mut World, next: Move) -> Result<(), Illegal> {
        match next {
            Move::Tick => {
                world.now += 1;
                world.workers.iter_mut().for_each(|worker| worker.has_searched = false);
            }
            Move::Drift(index, by) => {
                world.workers[usize::from(index)].ahead += by;
                world.left.drifts -= 1;
            }
            Move::Crash(index, delivery) => {
                let worker = &mut world.workers[usize::from(index)];
                let drive = std::mem::replace(&mut worker.drive, Drive::Idle);
                *worker = Worker { is_dead: true, ..Worker::idle() };
                world.left.crashes -= 1;
                if delivery == Delivery::Late
                    && let Drive::Committing { append, .. } | Drive::Reclaiming(append) = drive
                {
                    world.strays.push(append);
                }
            }
            Move::Beat(index) => {
                world.store.leases[usize::from(index)] = world.now.cast_signed() + LEASE;
                let worker = &mut world.workers[usize::from(index)];
                worker.beat_at = worker.clock(world.now);
            }
            Move::Claim(index, delivery) => self.claim(world, index, delivery),
            Move::LookUp(index) => world.workers[usize::from(index)].drive = Self::look_up(world, index),
            Move::Load(index) => world.workers[usize::from(index)].drive = self.load(world, index)?,
            Move::End(index, outcome) => self.end(world, index, outcome)?,
            Move::Write(index, delivery) => self.write(world, index, delivery)?,
            Move::WriteLate(index) => {
                let append = world.strays.swap_remove(index);
                world.store.append(self.code.rules, &append);
            }
        }
        Ok(())
    }
}

/// How an attempt can fail in a world where its step has this effect.
const fn failures(attempt: Attempt, effect: Effect) -> &'static [Outcome] {
    match (attempt.task, effect) {
        (Task::Undo, _) => &[Outcome::Busy],
        // It refuses nothing that it has done.
        (_, Effect::Done) => &[Outcome::Busy, Outcome::Unheard],
        _ => &[Outcome::Busy, Outcome::Unheard, Outcome::Refused],
    }
}

fn take_effect(outside: &mut Outside, attempt: Attempt, outcome: Outcome) {
    let effect = &mut outside.effects[attempt.step];
    match (attempt.task, outcome) {
        (Task::Undo, Outcome::Done) => *effect = Effect::Undone,
        (Task::Execute, Outcome::Done | Outcome::Unheard) => *effect = Effect::Done,
        _ => {}
    }
}

impl Model for Fleet {
    type State = World;
    type Action = Move;

    fn init_states(&self) -> Vec<World> {
        let Bounds { workers, drifts, crashes, losses, failures, .. } = self.bounds;
        let started = Event::SagaStarted(Box::new(shop::started(&self.code.definition, 0)));
        let mut world = World {
            now: 0,
            store: Store::new(started, 0, workers),
            workers: vec![Worker::idle(); usize::from(workers)],
            strays: Vec::new(),
            outside: Outside::default(),
            left: Left { drifts, crashes, losses, failures },
            flaws: Flaws::default(),
        };
        let view = world.store.events();
        world.workers[0].drive = self.go_on(&world, 0, view, Vec::new()).expect("a saga begins");
        vec![world]
    }

    fn actions(&self, world: &World, moves: &mut Vec<Move>) {
        for index in 0..self.bounds.workers {
            Self::moves_of(world, index, moves);
        }
        moves.extend((0..world.strays.len()).map(Move::WriteLate));
        // Past the bound time passes for those who wait, and for nobody else.
        let may_pass = world.now < self.bounds.ticks || (moves.is_empty() && world.now < NEVER);
        if may_pass && !world.store.is_at_rest() {
            moves.push(Move::Tick);
        }
    }

    fn next_state(&self, world: &World, next: Move) -> Option<World> {
        let mut world = world.clone();
        if self.step(&mut world, next).is_err() {
            world.flaws.illegal = true;
        }
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        promises()
    }
}
