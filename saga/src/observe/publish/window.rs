//! The events behind a cursor that are on their way: what goes next, and how far the cursor may move. Pure.

use std::collections::VecDeque;

use super::{Delivery, OutgoingEvent};
use crate::id_map::IdSet;
use crate::store::outbox::RefusedEvent;

/// A part of the stream of all events, in its order.
#[derive(Debug, Default)]
pub(super) struct Window {
    slots: VecDeque<Slot>,
    /// Sagas of which an event was put off in this round: their later ones wait.
    put_off: IdSet,
}

#[derive(Debug)]
struct Slot {
    position: u64,
    state: SlotState,
}

#[derive(Debug)]
enum SlotState {
    Waiting(OutgoingEvent),
    Settled,
    Refused(RefusedEvent),
}

/// How far the cursor may move, and what is to be recorded with that.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Passed {
    pub(super) to: u64,
    pub(super) refused: Vec<RefusedEvent>,
}

impl Window {
    /// Adds an entry; `None` for one that nobody wants.
    pub(super) fn push(&mut self, position: u64, event: Option<OutgoingEvent>) {
        let state = event.map_or(SlotState::Settled, SlotState::Waiting);
        self.slots.push_back(Slot { position, state });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// A new round: what was put off goes again.
    pub(super) fn begin_round(&mut self) {
        self.put_off.clear();
    }

    /// The first waiting event of each saga of which none was put off, up to `max` events.
    pub(super) fn wave(&self, max: usize) -> Vec<OutgoingEvent> {
        let mut taken = self.put_off.clone();
        let mut wave = Vec::new();
        for slot in &self.slots {
            if wave.len() == max {
                break;
            }
            if let SlotState::Waiting(event) = &slot.state
                && taken.insert(event.saga)
            {
                wave.push(event.clone());
            }
        }
        wave
    }

    /// What became of an event.
    pub(super) fn settle(&mut self, event: &OutgoingEvent, delivery: Delivery) {
        let state = match delivery {
            Delivery::Taken => SlotState::Settled,
            Delivery::Refused { reason } => SlotState::Refused(event.clone().refused(reason)),
            Delivery::Later { .. } => {
                self.put_off.insert(event.saga);
                return;
            }
        };
        let place = self.slots.binary_search_by_key(&event.position, |slot| slot.position);
        if let Some(slot) = place.ok().and_then(|place| self.slots.get_mut(place)) {
            slot.state = state;
        }
    }

    /// Takes the settled beginning out.
    pub(super) fn pass(&mut self) -> Option<Passed> {
        let mut passed: Option<Passed> = None;
        while let Some(slot) = self.slots.pop_front_if(|slot| !matches!(slot.state, SlotState::Waiting(_))) {
            let passed = passed.get_or_insert(Passed { to: slot.position, refused: Vec::new() });
            passed.to = slot.position;
            if let SlotState::Refused(refused) = slot.state {
                passed.refused.push(refused);
            }
        }
        passed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EventType, SagaId};

    fn event(position: u64, saga: SagaId, sequence: u64) -> OutgoingEvent {
        OutgoingEvent {
            id: format!("{saga}-{sequence}"),
            saga,
            sequence,
            event_type: EventType::Claimed,
            definition: "order".to_owned(),
            trace: None,
            json: "{}".to_owned(),
            position,
        }
    }

    fn positions(wave: &[OutgoingEvent]) -> Vec<u64> {
        wave.iter().map(|event| event.position).collect()
    }

    /// Two sagas, and an entry that nobody wants: a1 b2 (3) a4 b5.
    fn window() -> (Window, SagaId, SagaId) {
        let (a, b) = (SagaId::new(), SagaId::new());
        let mut window = Window::default();
        window.push(1, Some(event(1, a, 0)));
        window.push(2, Some(event(2, b, 0)));
        window.push(3, None);
        window.push(4, Some(event(4, a, 1)));
        window.push(5, Some(event(5, b, 1)));
        (window, a, b)
    }

    #[test]
    fn a_wave_has_the_first_event_of_each_saga() {
        let (mut window, a, b) = window();
        assert_eq!(positions(&window.wave(9)), [1, 2]);
        assert_eq!(positions(&window.wave(1)), [1]);
        window.settle(&event(1, a, 0), Delivery::Taken);
        window.settle(&event(2, b, 0), Delivery::Taken);
        assert_eq!(positions(&window.wave(9)), [4, 5]);
    }

    #[test]
    fn what_is_put_off_holds_its_saga_and_the_cursor() {
        let (mut window, a, b) = window();
        window.settle(&event(1, a, 0), Delivery::later("busy"));
        window.settle(&event(2, b, 0), Delivery::Taken);
        assert_eq!(positions(&window.wave(9)), [5]);
        window.settle(&event(5, b, 1), Delivery::Taken);
        assert_eq!(positions(&window.wave(9)), [0; 0]);
        assert_eq!(window.pass(), None);
        window.begin_round();
        assert_eq!(positions(&window.wave(9)), [1]);
        window.settle(&event(1, a, 0), Delivery::Taken);
        assert_eq!(window.pass(), Some(Passed { to: 3, refused: Vec::new() }));
        window.settle(&event(4, a, 1), Delivery::Taken);
        assert_eq!(window.pass(), Some(Passed { to: 5, refused: Vec::new() }));
        assert!(window.is_empty());
    }

    #[test]
    fn what_is_refused_is_passed_with_its_reason() {
        let (mut window, a, b) = window();
        window.settle(&event(2, b, 0), Delivery::refused("too large"));
        assert_eq!(window.pass(), None);
        window.settle(&event(1, a, 0), Delivery::Taken);
        let refused = event(2, b, 0).refused("too large".to_owned());
        assert_eq!(window.pass(), Some(Passed { to: 3, refused: vec![refused] }));
        assert_eq!(positions(&window.wave(9)), [4, 5]);
    }
}
