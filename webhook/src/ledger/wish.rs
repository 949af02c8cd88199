//! What is wanted of a quota, between those who set quotas and its task. That a task ends and that its quota is wanted
//! again exclude each other: a quota that is wanted must never be without a task.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::sync::watch::{self, error::RecvError};

/// What is wanted of a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// That many slots.
    Limit(u32),
    /// It is no more. Creates go on being recorded until the ledger is gone: one that is kept would miss them when the quota
    /// comes back.
    Gone,
}

/// The side that wants.
#[derive(Debug)]
pub struct Wish {
    wanted: watch::Sender<Wanted>,
    retired: Arc<AtomicBool>,
}

/// The task's side.
#[derive(Debug)]
pub struct Wanting {
    wanted: watch::Receiver<Wanted>,
    retired: Arc<AtomicBool>,
}

impl Wish {
    /// Both sides.
    pub fn new(first: Wanted) -> (Self, Wanting) {
        let (sender, receiver) = watch::channel(first);
        let retired = Arc::new(AtomicBool::new(false));
        (Self { wanted: sender, retired: Arc::clone(&retired) }, Wanting { wanted: receiver, retired })
    }

    /// Sets what is wanted; false when the task has retired and will not hear of it.
    pub fn set(&self, wanted: Wanted) -> bool {
        let mut heard = false;
        // Inside, no receiver can look: see `retire`.
        self.wanted.send_if_modified(|now| {
            heard = !self.is_retired();
            heard && std::mem::replace(now, wanted) != wanted
        });
        heard
    }

    /// How many slots are wanted, if a quota is.
    pub fn limit(&self) -> Option<u32> {
        match *self.wanted.borrow() {
            Wanted::Limit(limit) => Some(limit),
            Wanted::Gone => None,
        }
    }

    /// Whether the task has retired.
    pub fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Acquire)
    }
}

impl Wanting {
    /// What is wanted now.
    pub fn now(&self) -> Wanted {
        *self.wanted.borrow()
    }

    /// The same; `changed` waits for another one from now on.
    pub fn take_in(&mut self) -> Wanted {
        *self.wanted.borrow_and_update()
    }

    /// Whether `changed` would say so at once.
    pub fn is_new(&self) -> bool {
        self.wanted.has_changed().unwrap_or(false)
    }

    /// Waits until something else is wanted.
    ///
    /// # Errors
    /// When nobody is left to want anything.
    pub async fn changed(&mut self) -> Result<(), RecvError> {
        self.wanted.changed().await
    }

    /// Ends the task's duty, unless the quota is wanted again.
    pub fn retire(&self) -> bool {
        let wanted = self.wanted.borrow();
        let gone = *wanted == Wanted::Gone;
        if gone {
            // While the value is held, nobody can set another one.
            self.retired.store(true, Ordering::Release);
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_that_is_wanted_again_keeps_its_task_or_gets_another() {
        let (wish, wanting) = Wish::new(Wanted::Limit(10));
        assert!(wish.set(Wanted::Gone));
        assert!(wish.set(Wanted::Limit(3)));
        assert!(!wanting.retire(), "it is wanted");
        assert_eq!(wanting.now(), Wanted::Limit(3));
        assert!(wish.set(Wanted::Gone));
        assert!(wanting.retire());
        assert!(!wish.set(Wanted::Limit(3)) && wish.is_retired(), "whoever wants it must begin another task");
    }
}
