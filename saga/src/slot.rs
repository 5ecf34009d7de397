//! Where a saga in flight keeps the output of a step.
#![expect(
    unsafe_code,
    reason = "a `OnceLock` makes its losers wait, which costs two locked operations and two copies more"
)]

use std::cell::UnsafeCell;
use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};

/// A place for one value, written once. Unlike a `OnceLock` it has no way to wait for whoever writes: a slot is filled
/// by the one attempt of its step that ended well, and read by steps that begin after that.
#[doc(hidden)]
pub struct Slot<T> {
    state: AtomicU8,
    value: UnsafeCell<Option<T>>,
}

const EMPTY: u8 = 0;
/// Somebody writes: nobody else reads or writes.
const TAKEN: u8 = 1;
/// Nobody writes any more.
const FULL: u8 = 2;

// SAFETY: a slot hands `&T` to other threads, and takes a `T` from one to drop it in another.
unsafe impl<T: Send + Sync> Sync for Slot<T> {}

impl<T> Slot<T> {
    /// An empty slot.
    #[inline]
    #[must_use]
    pub const fn new() -> Self {
        Self { state: AtomicU8::new(EMPTY), value: UnsafeCell::new(None) }
    }

    /// Fills it; whether it was empty. A value that comes second is dropped.
    #[inline]
    pub fn set(&self, value: T) -> bool {
        let taken = self.state.compare_exchange(EMPTY, TAKEN, Ordering::Relaxed, Ordering::Relaxed);
        if taken.is_ok() {
            // SAFETY: of all who saw `EMPTY` only this one went on, and nobody reads before `FULL`. What is
            // overwritten is `None`, which needs no drop.
            unsafe { self.value.get().write(Some(value)) };
            // Whoever reads `FULL` sees the value.
            self.state.store(FULL, Ordering::Release);
        }
        taken.is_ok()
    }

    /// The value, if it is there.
    #[inline]
    pub fn get(&self) -> Option<&T> {
        if self.state.load(Ordering::Acquire) != FULL {
            return None;
        }
        // SAFETY: a full slot is written to by `&mut` only.
        unsafe { (*self.value.get()).as_ref() }
    }

    /// Empties it.
    #[inline]
    pub fn take(&mut self) -> Option<T> {
        *self.state.get_mut() = EMPTY;
        self.value.get_mut().take()
    }

    /// The value, if it is there.
    #[inline]
    pub fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for Slot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Slot").field(&self.get()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::Slot;

    #[test]
    fn a_slot_is_filled_once() {
        let mut slot = Slot::new();
        assert_eq!(slot.get(), None);
        assert!(slot.set(1));
        assert!(!slot.set(2));
        assert_eq!(slot.get(), Some(&1));
        assert_eq!((slot.take(), slot.get()), (Some(1), None));
        assert!(slot.set(3), "an emptied slot can be filled again");
        assert_eq!(slot.into_inner(), Some(3));
    }

    #[test]
    fn each_value_is_dropped_once() {
        struct Counted<'a>(&'a AtomicUsize);
        impl Drop for Counted<'_> {
            fn drop(&mut self) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        let drops = AtomicUsize::new(0);
        let slot = Slot::new();
        slot.set(Counted(&drops));
        slot.set(Counted(&drops));
        assert_eq!(drops.load(Ordering::Relaxed), 1, "the second one");
        drop(slot);
        assert_eq!(drops.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn of_many_who_fill_it_one_wins_and_all_read_that_one() {
        for _ in 0..200 {
            let slot = Slot::new();
            let wins = AtomicUsize::new(0);
            thread::scope(|scope| {
                for id in 0..4_usize {
                    let (slot, wins) = (&slot, &wins);
                    scope.spawn(move || {
                        if slot.set(vec![id; 8]) {
                            wins.fetch_add(1, Ordering::Relaxed);
                        }
                        if let Some(value) = slot.get() {
                            assert!(value.iter().all(|item| item == &value[0]));
                        }
                    });
                }
            });
            assert_eq!(wins.into_inner(), 1);
            assert!(slot.get().is_some());
        }
    }
}
