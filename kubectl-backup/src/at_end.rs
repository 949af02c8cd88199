//! What must be done however a command ends: also when it fails, and when the user interrupts it.

use std::sync::{Arc, Mutex, PoisonError};

use futures::{FutureExt as _, future::BoxFuture, future::Shared};

/// Work that is done once. Whoever waits for it may be dropped: it is taken up again where it stood.
#[derive(Clone, Default)]
pub struct AtEnd {
    work: Arc<Mutex<Option<Shared<BoxFuture<'static, bool>>>>>,
}

impl AtEnd {
    /// Remembers the work. It says itself what it did; `false` is that a part of it failed.
    pub fn set(&self, work: BoxFuture<'static, bool>) {
        *self.slot() = Some(work.shared());
    }

    /// Forgets the work: it is not needed any more.
    pub fn clear(&self) {
        *self.slot() = None;
    }

    /// Returns whether there is work that was not begun, or not ended.
    pub fn is_due(&self) -> bool {
        self.slot().as_ref().is_some_and(|work| work.peek().is_none())
    }

    /// Does the work, or waits for its end; at once when there is none or it is done.
    pub async fn run(&self) -> bool {
        let work = self.slot().clone();
        match work {
            Some(work) => work.await,
            None => true,
        }
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<Shared<BoxFuture<'static, bool>>>> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn work_that_was_interrupted_is_ended_and_done_once() {
        let (begun, go) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let at_end = AtEnd::default();
        assert!(!at_end.is_due() && at_end.run().await);
        let (count, gate) = (begun.clone(), go.clone());
        at_end.set(
            async move {
                count.fetch_add(1, Ordering::Relaxed);
                gate.notified().await;
                false
            }
            .boxed(),
        );
        // The command is dropped in the middle of it.
        assert_eq!(at_end.run().now_or_never(), None);
        assert!(at_end.is_due());
        go.notify_one();
        assert!(!at_end.run().await && !at_end.run().await);
        assert!(!at_end.is_due());
        at_end.set(async { false }.boxed());
        at_end.clear();
        assert!(!at_end.is_due() && at_end.run().await);
        assert_eq!(begun.load(Ordering::Relaxed), 1);
    }
}
