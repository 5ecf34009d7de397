//! What the committer synchronizes with. Under `--cfg saga_loom`, which only its own test sets, loom's types stand in for
//! the usual ones: then every order of threads is gone through.

#[cfg(not(all(test, saga_loom)))]
pub(super) use std::sync::{Mutex, MutexGuard};

#[cfg(not(all(test, saga_loom)))]
pub(super) use tokio::sync::oneshot;

#[cfg(all(test, saga_loom))]
pub(super) use loom::sync::{Mutex, MutexGuard};

/// The part of `tokio::sync::oneshot` that the committer uses, for loom.
#[cfg(all(test, saga_loom))]
pub(super) mod oneshot {
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use loom::sync::{Arc, Mutex};

    #[derive(Debug)]
    struct Slot<T> {
        value: Option<T>,
        is_closed: bool,
        waker: Option<Waker>,
    }

    pub(in crate::engine) struct Sender<T>(Arc<Mutex<Slot<T>>>);

    pub(in crate::engine) struct Receiver<T>(Arc<Mutex<Slot<T>>>);

    pub(in crate::engine) mod error {
        #[derive(Debug)]
        pub(in crate::engine) struct RecvError;
    }

    pub(in crate::engine) fn channel<T>() -> (Sender<T>, Receiver<T>) {
        let slot = Arc::new(Mutex::new(Slot { value: None, is_closed: false, waker: None }));
        (Sender(Arc::clone(&slot)), Receiver(slot))
    }

    impl<T> Sender<T> {
        pub(in crate::engine) fn send(self, value: T) -> Result<(), T> {
            let mut slot = self.0.lock().unwrap();
            if slot.is_closed {
                return Err(value);
            }
            slot.value = Some(value);
            Ok(())
        }
    }

    /// Wakes the receiver, whether or not something was sent.
    impl<T> Drop for Sender<T> {
        fn drop(&mut self) {
            let mut slot = self.0.lock().unwrap();
            slot.is_closed = true;
            let waker = slot.waker.take();
            drop(slot);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }

    impl<T> Receiver<T> {
        pub(in crate::engine) fn close(&mut self) {
            self.0.lock().unwrap().is_closed = true;
        }

        pub(in crate::engine) fn try_recv(&mut self) -> Result<T, error::RecvError> {
            self.0.lock().unwrap().value.take().ok_or(error::RecvError)
        }
    }

    impl<T> Future for Receiver<T> {
        type Output = Result<T, error::RecvError>;

        fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
            let mut slot = self.0.lock().unwrap();
            if let Some(value) = slot.value.take() {
                return Poll::Ready(Ok(value));
            }
            if slot.is_closed {
                return Poll::Ready(Err(error::RecvError));
            }
            slot.waker = Some(cx.waker().clone());
            Poll::Pending
        }
    }

    /// Closed, as tokio's is: who sends afterwards gets the value back.
    impl<T> Drop for Receiver<T> {
        fn drop(&mut self) {
            self.close();
        }
    }
}
