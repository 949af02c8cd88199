//! Whether there is room for one more object.

use jiff::{Timestamp, Unit};

use crate::config::resource;

/// How many holders a refusal names.
const NAMED_HOLDERS: usize = 20;

/// The name of an object within its resource; a cluster can hold one object per key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// An object that takes a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Which one.
    pub key: Key,
    /// When it was made, when that is known.
    pub created: Option<Timestamp>,
    /// Whether its deletion has begun; it holds its slot until it is gone.
    pub deleting: bool,
}

/// What is asked for at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Several<'a> {
    /// How many objects.
    pub wanted: usize,
    /// In which namespace.
    pub namespace: &'a str,
}

/// Room, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// There is room.
    Admit,
    /// There is none.
    Refuse {
        /// Who holds the slots and how to free one.
        message: String,
    },
}

/// Decides on a new object of a resource (`plural.group`) with so many slots, while these objects hold some.
///
/// Keys are counted, not requests: an object whose key is held already cannot become a second one.
#[must_use]
pub fn decide(resource: &str, limit: u32, holders: &[Holder], request: &Key, now: Timestamp) -> Decision {
    let used = holders.len();
    if holders.iter().any(|holder| holder.key == *request) || used < usize::try_from(limit).unwrap_or(usize::MAX) {
        return Decision::Admit;
    }
    Decision::Refuse { message: refusal(resource, limit, holders, now) }
}

/// Says that a quota is full, who holds its slots and how to free one.
#[must_use]
pub fn refusal(resource: &str, limit: u32, holders: &[Holder], now: Timestamp) -> String {
    refusal_of_several(resource, limit, holders, Several { wanted: 1, namespace: "" }, now)
}

/// Says that a quota has no room for so many at once, for how many it has, who holds its slots and how to free one. While a
/// slot is free the holders of other namespaces are only counted: one object alone would be admitted, and told nothing of them.
#[must_use]
pub fn refusal_of_several(
    resource: &str,
    limit: u32,
    holders: &[Holder],
    several: Several<'_>,
    now: Timestamp,
) -> String {
    let Several { wanted, namespace } = several;
    let free = usize::try_from(limit).unwrap_or(usize::MAX).saturating_sub(holders.len());
    let is_told = |holder: &&Holder| wanted <= 1 || free == 0 || holder.key.namespace == namespace;
    let mut oldest_first: Vec<_> = holders.iter().filter(is_told).collect();
    let elsewhere = holders.len() - oldest_first.len();
    // One whose age is not known yet is one of the newest: the watch has not shown it.
    oldest_first.sort_by_key(|holder| (holder.created.is_none(), holder.created, &holder.key));
    let mut named: Vec<_> = oldest_first.iter().take(NAMED_HOLDERS).map(|holder| describe(holder, now)).collect();
    if let Some(rest) = oldest_first.len().checked_sub(NAMED_HOLDERS).filter(|rest| *rest > 0) {
        named.push(format!("and {rest} more"));
    }
    let room = if wanted > 1 { format!(", room for {free} of {wanted}") } else { String::new() };
    let mut message = format!("{}{}/{limit} used{room}.", quota_of(resource), holders.len());
    if named.is_empty() {
        message.push_str(match (limit, elsewhere) {
            (0, _) => " The policy allows none",
            (_, 0) => "",
            _ => " The slots are held in other namespaces",
        });
        return message;
    }
    if elsewhere > 0 {
        named.push(format!("and {elsewhere} in other namespaces"));
    }
    message.push_str(&format!(" Holders: {}.", named.join(", ")));
    // The oldest object that is not on its way out already is the likeliest to go.
    match oldest_first.iter().find(|holder| !holder.deleting) {
        Some(holder) => message.push_str(&format!(" Free one, for example: {}", free_command(resource, &holder.key))),
        None if elsewhere > 0 => {
            message.push_str(" Those of this namespace are being deleted: wait until one is gone");
        }
        None => message.push_str(" All of them are being deleted: wait until one is gone"),
    }
    message
}

/// Says that so many are more than a quota ever has room for. It names no holders: nobody needs to look at them for that.
#[must_use]
pub fn refusal_beyond_limit(resource: &str, limit: u32, wanted: usize) -> String {
    format!("{}room for at most {limit}, and {wanted} are asked for", quota_of(resource))
}

fn quota_of(resource: &str) -> String {
    format!("cluster quota {}: ", resource.split('.').next().unwrap_or(resource))
}

fn describe(holder: &Holder, now: Timestamp) -> String {
    let Key { namespace, name } = &holder.key;
    let key = if namespace.is_empty() { name.clone() } else { format!("{namespace}/{name}") };
    let age = holder.created.map(|created| age(created, now));
    match (age, holder.deleting) {
        (Some(age), false) => format!("{key} ({age})"),
        (Some(age), true) => format!("{key} ({age}, being deleted)"),
        (None, false) => key,
        (None, true) => format!("{key} (being deleted)"),
    }
}

/// An age in its largest unit, as kubectl's tables show it.
fn age(created: Timestamp, now: Timestamp) -> String {
    let seconds = now.since((Unit::Second, created)).map_or(0, |span| span.get_seconds()).max(0);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..86_400 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// The command that frees an object's slot.
#[must_use]
pub fn free_command(resource: &str, key: &Key) -> String {
    let Key { namespace, name } = key;
    if resource == resource::VOLUME_SNAPSHOTS {
        format!("kubectl backup snapshot delete {name} -n {namespace}")
    } else if namespace.is_empty() {
        format!("kubectl delete {resource} {name}")
    } else {
        format!("kubectl delete {resource} {name} -n {namespace}")
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;
    use proptest::prelude::*;

    use super::*;

    fn key(name: &str) -> Key {
        Key { namespace: "shop".into(), name: name.into() }
    }

    fn holder(name: &str, age_seconds: i64, deleting: bool) -> Holder {
        Holder { key: key(name), created: Some(now() - age_seconds.seconds()), deleting }
    }

    fn now() -> Timestamp {
        "2026-01-31T12:00:00Z".parse().expect("a time")
    }

    fn refused(resource: &str, limit: u32, holders: &[Holder]) -> String {
        match decide(resource, limit, holders, &key("new"), now()) {
            Decision::Admit => "admitted".to_owned(),
            Decision::Refuse { message } => message,
        }
    }

    #[test]
    fn an_object_of_unknown_age_is_one_of_the_newest() {
        let newest = Holder { created: None, ..holder("newest", 0, false) };
        let message = refusal(resource::VOLUME_SNAPSHOTS, 2, &[newest, holder("older", 60, false)], now());
        insta::assert_snapshot!(message, @"cluster quota volumesnapshots: 2/2 used. Holders: shop/older (1m), shop/newest. Free one, for example: kubectl backup snapshot delete older -n shop");
    }

    #[test]
    fn a_refusal_names_the_holders_and_frees_the_oldest() {
        let holders = [holder("b", 90, false), holder("a", 3 * 86_400, true), holder("c", 7_200, false)];
        insta::assert_snapshot!(refused(resource::VOLUME_SNAPSHOTS, 3, &holders), @"cluster quota volumesnapshots: 3/3 used. Holders: shop/a (3d, being deleted), shop/c (2h), shop/b (1m). Free one, for example: kubectl backup snapshot delete c -n shop");
        insta::assert_snapshot!(refused(resource::SCHEDULES, 2, &holders), @"cluster quota schedules: 3/2 used. Holders: shop/a (3d, being deleted), shop/c (2h), shop/b (1m). Free one, for example: kubectl delete schedules.velero.io c -n shop");
        insta::assert_snapshot!(refused(resource::SCHEDULES, 1, &holders[1..2]), @"cluster quota schedules: 1/1 used. Holders: shop/a (3d, being deleted). All of them are being deleted: wait until one is gone");
        insta::assert_snapshot!(refused(resource::SCHEDULES, 0, &[]), @"cluster quota schedules: 0/0 used. The policy allows none");
    }

    #[test]
    fn a_refusal_of_several_says_for_how_many_there_is_room() {
        let said = |limit, holders: &[Holder], wanted| {
            refusal_of_several(resource::VOLUME_SNAPSHOTS, limit, holders, Several { wanted, namespace: "shop" }, now())
        };
        let holders = [holder("b", 90, false), holder("a", 3 * 86_400, true)];
        insta::assert_snapshot!(said(4, &holders, 3), @"cluster quota volumesnapshots: 2/4 used, room for 2 of 3. Holders: shop/a (3d, being deleted), shop/b (1m). Free one, for example: kubectl backup snapshot delete b -n shop");
        insta::assert_snapshot!(said(1, &holders[..1], 2), @"cluster quota volumesnapshots: 1/1 used, room for 0 of 2. Holders: shop/b (1m). Free one, for example: kubectl backup snapshot delete b -n shop");
        insta::assert_snapshot!(said(2, &[], 3), @"cluster quota volumesnapshots: 0/2 used, room for 2 of 3.");
        insta::assert_snapshot!(said(0, &[], 3), @"cluster quota volumesnapshots: 0/0 used, room for 0 of 3. The policy allows none");
        assert_eq!(said(1, &holders, 1), refusal(resource::VOLUME_SNAPSHOTS, 1, &holders, now()));
    }

    #[test]
    fn while_a_slot_is_free_other_namespaces_holders_are_only_counted() {
        let said = |limit, holders: &[Holder], wanted, namespace| {
            refusal_of_several(resource::VOLUME_SNAPSHOTS, limit, holders, Several { wanted, namespace }, now())
        };
        let there = Holder { key: Key { namespace: "bank".into(), name: "secret".into() }, ..holder("", 7_200, false) };
        let mut holders = vec![holder("b", 90, false), there.clone(), holder("a", 3_600, true)];
        insta::assert_snapshot!(said(4, &holders, 2, "shop"), @"cluster quota volumesnapshots: 3/4 used, room for 1 of 2. Holders: shop/a (1h, being deleted), shop/b (1m), and 1 in other namespaces. Free one, for example: kubectl backup snapshot delete b -n shop");
        insta::assert_snapshot!(said(4, &holders[1..], 3, "shop"), @"cluster quota volumesnapshots: 2/4 used, room for 2 of 3. Holders: shop/a (1h, being deleted), and 1 in other namespaces. Those of this namespace are being deleted: wait until one is gone");
        insta::assert_snapshot!(said(4, &holders, 2, "depot"), @"cluster quota volumesnapshots: 3/4 used, room for 1 of 2. The slots are held in other namespaces");
        insta::assert_snapshot!(said(3, &holders, 2, "depot"), @"cluster quota volumesnapshots: 3/3 used, room for 0 of 2. Holders: bank/secret (2h), shop/a (1h, being deleted), shop/b (1m). Free one, for example: kubectl backup snapshot delete secret -n bank");
        holders.extend((0..20).map(|n| holder(&format!("s{n:02}"), 100 + n, false)));
        let long = said(100, &holders, 90, "shop");
        assert!(long.contains(", and 2 more, and 1 in other namespaces. Free one") && !long.contains("bank"), "{long}");
    }

    #[test]
    fn more_than_a_quota_ever_holds_is_refused_by_the_limit_alone() {
        insta::assert_snapshot!(refusal_beyond_limit(resource::VOLUME_SNAPSHOTS, 10, 11), @"cluster quota volumesnapshots: room for at most 10, and 11 are asked for");
    }

    #[test]
    fn what_is_in_no_namespace_is_named_without_one() {
        let key = Key { namespace: String::new(), name: "a".into() };
        let holders = [Holder { key, created: None, deleting: false }];
        insta::assert_snapshot!(refused("widgets.example.org", 1, &holders), @"cluster quota widgets: 1/1 used. Holders: a. Free one, for example: kubectl delete widgets.example.org a");
    }

    #[test]
    fn a_long_list_of_holders_is_cut() {
        let holders: Vec<_> = (0..25).map(|n| holder(&format!("s{n:02}"), 100 - n, false)).collect();
        let message = refused(resource::VOLUME_SNAPSHOTS, 25, &holders);
        assert!(
            message.contains("25/25 used") && message.contains("shop/s19 (") && message.contains(", and 5 more."),
            "{message}"
        );
        assert!(!message.contains("shop/s20"), "{message}");
    }

    #[test]
    fn a_key_that_is_held_already_takes_no_second_slot() {
        let holders = [holder("a", 1, false), holder("b", 1, false)];
        assert_eq!(decide(resource::SCHEDULES, 2, &holders, &key("a"), now()), Decision::Admit);
        let elsewhere = Key { namespace: "other".into(), name: "a".into() };
        assert!(matches!(decide(resource::SCHEDULES, 2, &holders, &elsewhere, now()), Decision::Refuse { .. }));
    }

    proptest! {
        #[test]
        fn admitting_keeps_the_number_of_keys_within_the_limit(
            limit in 0u32..6,
            requests in prop::collection::vec("[a-j]", 0..40),
        ) {
            let mut holders: Vec<Holder> = Vec::new();
            for name in requests {
                if decide(resource::SCHEDULES, limit, &holders, &key(&name), now()) == Decision::Admit
                    && !holders.iter().any(|holder| holder.key.name == name)
                {
                    holders.push(holder(&name, 0, false));
                }
                prop_assert!(holders.len() <= limit as usize);
            }
        }
    }
}
