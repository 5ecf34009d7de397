//! A reference without a lifetime in its type, made for contexts only.
//!
//! Users write `&StepContext<Saga>`; an `async fn` cannot leave out the lifetime of a `&StepContext<'_, Saga>`. So the
//! type of a context shows none, and what it borrows is held here.
#![expect(
    unsafe_code,
    reason = "the lifetime that the type does not show is kept by the contract of `Lent::new`"
)]

use std::ops::Deref;
use std::ptr::NonNull;

/// A reference whose lifetime is kept by whoever made it.
pub(crate) struct Lent<T: ?Sized>(NonNull<T>);

// SAFETY: it gives `&T` and nothing else.
unsafe impl<T: ?Sized + Sync> Send for Lent<T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Sync> Sync for Lent<T> {}

impl<T: ?Sized> Lent<T> {
    /// Lends `thing` to whoever holds the result.
    ///
    /// # Safety
    ///
    /// The result is not dereferenced after the lifetime of `thing` has ended.
    pub(crate) const unsafe fn new(thing: &T) -> Self {
        Self(NonNull::from_ref(thing))
    }
}

impl<T: ?Sized> Deref for Lent<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: it was made of a reference that is alive, by the contract of `new`.
        unsafe { self.0.as_ref() }
    }
}
