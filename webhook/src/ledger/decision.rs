//! What a create asks for, and what it is told.

use std::time::Duration;

use backup_ledger::{Object, Refusal, Standing};
use backup_policy::quota::{self, Holder, Several};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A slot, asked for.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The object that would be created: its own name and uid.
    pub object: Object,
    /// Who asks.
    pub user: String,
    /// Whether nothing will be stored.
    pub dry_run: bool,
    /// How many are about to be made with it, itself included: a dry run is answered for all of them.
    pub batch: usize,
    /// Whether the limit holds for this account.
    pub standing: Standing,
}

impl Ask {
    /// How many are asked for, and where.
    pub fn several(&self) -> Several<'_> {
        Several { wanted: self.batch, namespace: self.object.key.namespace() }
    }
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decision {
    /// The object may be created.
    Admitted,
    /// It may not, and only a deletion can help.
    Full {
        /// Who holds the slots and how to free one.
        message: String,
    },
    /// It may not: another object has its name, as the store would have said.
    Exists,
    /// Not now.
    Later {
        /// Why.
        message: String,
        /// After how many seconds another try makes sense.
        retry_after: u32,
    },
}

/// How far the set-up of a new ledger is, as this replica knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setup {
    /// Nothing is known of it.
    Unknown,
    /// It is not proven yet that every API server asks this webhook.
    Unproven,
    /// The creates from before end within this time.
    Waiting(Duration),
}

/// Longest pause that a client is told; kubectl tries ten times, which must outlast a set-up.
const LONGEST_PAUSE: u32 = 10;

impl Decision {
    /// The refusal of more than there will ever be room for.
    pub fn beyond_limit(resource: &str, limit: u32, batch: usize) -> Self {
        Self::Full { message: quota::refusal_beyond_limit(resource, limit, batch) }
    }

    /// A refusal of so many in people's words.
    pub fn refused(
        resource: &str,
        refusal: &Refusal,
        (several, holders): (Several<'_>, &[Holder]),
        setup: Setup,
        now: Timestamp,
    ) -> Self {
        if let Refusal::Full { limit, .. } = refusal {
            let limit = u32::try_from(*limit).unwrap_or(u32::MAX);
            return Self::Full { message: quota::refusal_of_several(resource, limit, holders, several, now) };
        }
        let plural = resource.split('.').next().unwrap_or(resource);
        let text = match (refusal, setup) {
            (Refusal::Initializing, Setup::Unproven) => {
                "the quota is being set up: it is not proven yet that every API server asks this webhook; try again in a \
                 few seconds, and if that lasts see the webhook's log"
                    .to_owned()
            }
            (Refusal::Initializing, Setup::Waiting(left)) => format!(
                "the quota is being set up: creates that began before it must end first; try again in {} s",
                left.as_secs().saturating_add(1)
            ),
            _ => refusal.to_string(),
        };
        let message = format!("cluster quota {plural}: {text}");
        match (refusal.retry_after(), setup) {
            (None, _) => Self::Full { message },
            (Some(_), Setup::Waiting(left)) if *refusal == Refusal::Initializing => {
                let left = u32::try_from(left.as_secs().saturating_add(1)).unwrap_or(LONGEST_PAUSE);
                Self::Later { message, retry_after: left.clamp(1, LONGEST_PAUSE) }
            }
            (Some(retry_after), _) => Self::Later { message, retry_after },
        }
    }
}

#[cfg(test)]
mod tests {
    use backup_ledger::Key;

    use super::*;

    const SNAPSHOTS: &str = "volumesnapshots.snapshot.storage.k8s.io";

    fn refused(refusal: &Refusal, setup: Setup) -> Decision {
        let key = quota::Key { namespace: "shop".into(), name: "a".into() };
        let holders = [Holder { key, created: None, deleting: false }];
        let several = Several { wanted: 1, namespace: "shop" };
        Decision::refused(SNAPSHOTS, refusal, (several, &holders), setup, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_full_quota_names_its_holders() {
        let full = Refusal::Full { limit: 1, holders: vec![Key::new("shop", "a")] };
        let Decision::Full { message } = refused(&full, Setup::Unknown) else { panic!("it is final") };
        insta::assert_snapshot!(message, @"cluster quota volumesnapshots: 1/1 used. Holders: shop/a. Free one, for example: kubectl backup snapshot delete a -n shop");
        assert!(matches!(refused(&Refusal::Uncountable, Setup::Unknown), Decision::Full { .. }));
    }

    #[test]
    fn a_quota_that_is_set_up_says_how_long_it_takes() {
        let said = |setup| match refused(&Refusal::Initializing, setup) {
            Decision::Later { message, retry_after } => format!("{retry_after}: {message}"),
            other => format!("{other:?}"),
        };
        insta::assert_snapshot!(said(Setup::Waiting(Duration::from_millis(41_300))), @"10: cluster quota volumesnapshots: the quota is being set up: creates that began before it must end first; try again in 42 s");
        insta::assert_snapshot!(said(Setup::Waiting(Duration::from_millis(1_300))), @"2: cluster quota volumesnapshots: the quota is being set up: creates that began before it must end first; try again in 2 s");
        insta::assert_snapshot!(said(Setup::Unproven), @"10: cluster quota volumesnapshots: the quota is being set up: it is not proven yet that every API server asks this webhook; try again in a few seconds, and if that lasts see the webhook's log");
    }
}
