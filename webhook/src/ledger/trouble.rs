//! What keeps a quota from being kept, as the task's helpers find out: for people, nothing is decided by it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Shared by those who find out and those who tell.
#[derive(Debug, Clone, Default)]
pub struct Trouble(Arc<Mutex<Known>>);

/// What is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// Why it is not certain that the API servers ask; nothing when it is, or when nobody has looked yet.
    pub unasked: Option<String>,
    /// Why the objects cannot be read; nothing when they can.
    pub unread: Option<String>,
}

impl Trouble {
    /// What is known now.
    pub fn known(&self) -> Known {
        self.lock().clone()
    }

    /// Whether the API servers ask, or why that is not certain. Says whether that is news.
    pub fn asked(&self, found: Result<(), &str>) -> bool {
        let mut known = self.lock();
        replace(&mut known.unasked, found)
    }

    /// Whether the objects can be read, or why not.
    pub fn read(&self, found: Result<(), &str>) -> bool {
        let mut known = self.lock();
        replace(&mut known.unread, found)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn replace(why: &mut Option<String>, found: Result<(), &str>) -> bool {
    let found = found.err();
    let news = why.as_deref() != found;
    if news {
        *why = found.map(str::to_owned);
    }
    news
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_before_is_no_news() {
        let trouble = Trouble::default();
        assert!(!trouble.asked(Ok(())));
        assert!(trouble.asked(Err("a")) && !trouble.asked(Err("a")) && trouble.asked(Err("b")));
        assert_eq!(trouble.known(), Known { unasked: Some("b".into()), unread: None });
        assert!(trouble.asked(Ok(())));
        assert!(trouble.read(Err("c")));
        assert_eq!(trouble.known(), Known { unasked: None, unread: Some("c".into()) });
    }
}
