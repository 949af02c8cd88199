//! What the tests of a file share, one at a time.

use std::{
    ops::{Deref, DerefMut},
    sync::{Mutex, MutexGuard},
};

/// Made when a test first asks for it, and anew after a test that failed with it: what that one left would fail the others as well.
pub struct Shared<T> {
    make: fn(u32) -> T,
    end: fn(T),
    held: Mutex<Held<T>>,
}

struct Held<T> {
    made: u32,
    it: Option<T>,
}

/// A test's turn with it.
pub struct Turn<'a, T>(MutexGuard<'a, Held<T>>);

impl<T> Shared<T> {
    /// Made by `make`, which is told how many there have been with it, and ended by `end`.
    pub const fn new(make: fn(u32) -> T, end: fn(T)) -> Self {
        Self { make, end, held: Mutex::new(Held { made: 0, it: None }) }
    }

    /// Waits for its turn.
    pub fn take(&self) -> Turn<'_, T> {
        let mut held = self.held.lock().unwrap_or_else(|failed| {
            self.held.clear_poison();
            let mut held = failed.into_inner();
            if let Some(spoiled) = held.it.take() {
                (self.end)(spoiled);
            }
            held
        });
        if held.it.is_none() {
            held.made += 1;
            held.it = Some((self.make)(held.made));
        }
        Turn(held)
    }
}

impl<T> Deref for Turn<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.it.as_ref().expect("it is there for the whole turn")
    }
}

impl<T> DerefMut for Turn<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.it.as_mut().expect("it is there for the whole turn")
    }
}

#[cfg(test)]
mod tests {
    use std::{
        panic::catch_unwind,
        sync::atomic::{AtomicU32, Ordering},
    };

    use super::*;

    static ENDED: AtomicU32 = AtomicU32::new(0);
    static NUMBER: Shared<u32> = Shared::new(
        |made| {
            assert_ne!(made, 2, "the second cannot be made");
            made
        },
        |number| ENDED.store(number, Ordering::SeqCst),
    );

    #[test]
    fn who_fails_with_it_or_in_making_it_leaves_the_next_a_new_one() {
        *NUMBER.take() += 10;
        assert_eq!(*NUMBER.take(), 11, "it is kept");
        let failing = || {
            let _turn = NUMBER.take();
            panic!("a test fails");
        };
        assert!(catch_unwind(failing).is_err());
        assert!(catch_unwind(|| *NUMBER.take()).is_err(), "making it fails");
        assert_eq!(ENDED.load(Ordering::SeqCst), 11);
        assert_eq!(*NUMBER.take(), 3);
    }
}
