//! What the quota says when it refuses for now.

use crate::history::Later;

/// Reads the reason out of a refusal's message.
pub fn read(message: &str) -> Later {
    let said = message.split_once("cluster quota ").and_then(|(_, rest)| rest.split_once(": "));
    let said = said.map_or(message, |(_, said)| said);
    known(said).unwrap_or_else(|| Later::Other(said.chars().take(60).collect()))
}

fn known(said: &str) -> Option<Later> {
    if said.contains("of them by creates whose outcome is not known yet") {
        return Some(Later::Taken);
    }
    if said.starts_with("too many creates are under way in the cluster") {
        return Some(Later::Overloaded);
    }
    if said.starts_with("the quota is being set up") {
        return Some(Later::SettingUp);
    }
    if said.starts_with("the quota could not be checked in time") {
        return Some(Later::NotInTime);
    }
    let (pending, rest) = said.split_once(" creates of ")?;
    let (whose, rest) = rest.split_once(" are under way")?;
    if let Some((_, cap)) = rest.split_once("no more than ") {
        let cap = cap.split(' ').next()?.parse().ok()?;
        return match whose.split_once(' ')? {
            ("namespace", name) => Some(Later::Namespace { name: name.to_owned(), cap }),
            ("user", name) => Some(Later::User { name: name.to_owned(), cap }),
            _ => None,
        };
    }
    Some(Later::Key { key: whose.to_owned(), pending: pending.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use backup_ledger::{Key, Refusal};

    use super::*;

    fn said(refusal: &Refusal) -> Later {
        read(&format!("admission webhook \"q\" denied the request: cluster quota volumesnapshots: {refusal}"))
    }

    #[test]
    fn each_refusal_for_now_is_known_by_its_words() {
        assert_eq!(said(&Refusal::AwaitingOutcome { limit: 10, used: 10, pending: 2 }), Later::Taken);
        let namespace = Refusal::NamespaceBusy { namespace: "shop".into(), pending: 4, cap: 3 };
        assert_eq!(said(&namespace), Later::Namespace { name: "shop".into(), cap: 3 });
        let user = Refusal::UserBusy { user: "system:ann".into(), pending: 4, cap: 3 };
        assert_eq!(said(&user), Later::User { name: "system:ann".into(), cap: 3 });
        let key = Refusal::KeyBusy { key: Key::new("shop", "a"), pending: 32 };
        assert_eq!(said(&key), Later::Key { key: "shop/a".into(), pending: 32 });
        assert_eq!(said(&Refusal::Overloaded), Later::Overloaded);
        assert_eq!(said(&Refusal::Initializing), Later::SettingUp);
        assert_eq!(said(&Refusal::TimedOut), Later::NotInTime);
        let other = "the cluster's policy is still being read; try again";
        assert_eq!(read(&format!("cluster quota volumesnapshots: {other}")), Later::Other(other.into()));
    }
}
