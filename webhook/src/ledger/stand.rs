//! How a quota stands, in the words of the policy's status: a pure function of what its task knows.

use backup_api::policy::{QuotaCount, QuotaState};
use backup_ledger::{LedgerStatus, Phase};

use super::trouble::Known;

/// What a task knows of its quota.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stand {
    /// How many slots there are.
    pub limit: u32,
    /// Whether the cluster has the resource.
    pub served: bool,
    /// The ledger's sums; nothing while no ledger is known.
    pub sums: Option<Sums>,
}

/// What is summed up of a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sums {
    /// Whether claims are decided.
    pub ready: bool,
    /// Slots taken.
    pub used: u32,
    /// Slots taken by creates whose outcome is not known.
    pub pending: u32,
}

impl Sums {
    /// Those of this ledger.
    pub fn of(status: &LedgerStatus) -> Self {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self {
            ready: status.phase == Phase::Ready,
            used: count(status.slots.len()),
            pending: count(status.pending_only().count()),
        }
    }
}

impl Stand {
    /// As the policy's status tells it.
    pub fn told(&self, resource: &str, trouble: &Known) -> QuotaCount {
        let ready = self.sums.filter(|sums| sums.ready);
        let (state, message) = self.state(trouble);
        QuotaCount {
            resource: resource.to_owned(),
            limit: self.limit,
            // A ledger that is set up holds what was claimed since, which is not all there is.
            used: ready.map(|sums| sums.used),
            pending: ready.map(|sums| sums.pending),
            over: ready.map(|sums| sums.used.saturating_sub(self.limit)),
            state,
            message,
        }
    }

    fn state(&self, trouble: &Known) -> (QuotaState, String) {
        let ready = self.sums.is_some_and(|sums| sums.ready);
        match (self, &trouble.unasked, &trouble.unread) {
            (Self { served: false, .. }, _, _) => (
                QuotaState::NotServed,
                "the cluster does not have this resource; it is counted as soon as it does".into(),
            ),
            (_, Some(why), _) => (QuotaState::NotAsked, why.clone()),
            (_, None, Some(why)) => {
                (QuotaState::Unreadable, format!("{why}; kubectl backup policy grant gives the right to read them"))
            }
            (_, None, None) if ready => (QuotaState::Kept, String::new()),
            (Self { sums: None, .. }, None, None) => (QuotaState::Unknown, "its ledger was not read yet".into()),
            _ => (QuotaState::SettingUp, "creates that began before it must end first, about a minute".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(stand: &Stand, unasked: Option<&str>, unread: Option<&str>) -> QuotaCount {
        let known = Known { unasked: unasked.map(str::to_owned), unread: unread.map(str::to_owned) };
        stand.told("widgets.example.org", &known)
    }

    fn stand(ready: bool) -> Stand {
        Stand { limit: 3, served: true, sums: Some(Sums { ready, used: 5, pending: 1 }) }
    }

    #[test]
    fn a_ready_ledger_is_told_with_its_sums() {
        let count = told(&stand(true), None, None);
        assert_eq!((count.state, count.used, count.pending, count.over), (QuotaState::Kept, Some(5), Some(1), Some(2)));
        let count = told(&stand(false), None, None);
        assert_eq!((count.state, count.used), (QuotaState::SettingUp, None), "it may not hold all there is");
    }

    #[test]
    fn what_keeps_a_quota_from_being_kept_comes_before_its_sums() {
        // Also of a ledger that was ready: a configuration can be taken away later.
        for ready in [true, false] {
            let count = told(&stand(ready), Some("an API server did not ask"), Some("HTTP 403"));
            assert_eq!(count.state, QuotaState::NotAsked);
            assert_eq!(count.message, "an API server did not ask");
            assert_eq!(told(&stand(ready), None, Some("HTTP 403")).state, QuotaState::Unreadable);
        }
        assert_eq!(told(&Stand::default(), Some("x"), None).state, QuotaState::NotServed);
        assert_eq!(told(&Stand { served: true, ..Stand::default() }, None, None).state, QuotaState::Unknown);
    }
}
