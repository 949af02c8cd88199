//! Who works on what. A thing is made and removed by one call at a time, and not removed while it is copied from.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::Key;
use crate::error::Error;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Hold {
    Alone,
    Shared(usize),
}

/// The claims of the calls under way.
#[derive(Clone, Default)]
pub(crate) struct Claims(Arc<Mutex<HashMap<Key, Hold>>>);

/// A claim, given back when dropped: also when the call is cancelled.
pub(crate) struct Claim {
    claims: Claims,
    key: Key,
}

impl Claims {
    /// To make or remove the thing.
    pub(crate) fn alone(&self, key: Key) -> Result<Claim, Error> {
        self.hold(key, |held| if held.is_some() { None } else { Some(Hold::Alone) })
    }

    /// To read the thing, beside other readers.
    pub(crate) fn shared(&self, key: Key) -> Result<Claim, Error> {
        self.hold(key, |held| match held {
            None => Some(Hold::Shared(1)),
            Some(Hold::Shared(readers)) => Some(Hold::Shared(readers + 1)),
            Some(Hold::Alone) => None,
        })
    }

    fn hold(&self, key: Key, next: impl FnOnce(Option<Hold>) -> Option<Hold>) -> Result<Claim, Error> {
        let mut holds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match next(holds.get(&key).copied()) {
            Some(hold) => holds.insert(key.clone(), hold),
            None => return Err(Error::Pending(key)),
        };
        drop(holds);
        Ok(Claim { claims: self.clone(), key })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut holds = self.claims.0.lock().unwrap_or_else(PoisonError::into_inner);
        match holds.get_mut(&self.key) {
            Some(Hold::Shared(readers)) if *readers > 1 => *readers -= 1,
            _ => {
                holds.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_share_and_a_writer_waits_for_the_last_of_them() {
        let claims = Claims::default();
        let key = || Key::snapshot("s");
        let first = claims.shared(key()).unwrap();
        let second = claims.shared(key()).unwrap();
        assert!(claims.alone(key()).is_err());
        drop(first);
        assert!(claims.alone(key()).is_err());
        drop(second);
        let writer = claims.alone(key()).unwrap();
        assert!(claims.shared(key()).is_err() && claims.alone(key()).is_err());
        assert!(claims.alone(Key::volume("s")).is_ok(), "a volume of the same id is another thing");
        drop(writer);
        assert!(claims.shared(key()).is_ok());
    }
}
