//! Names for snapshots that are taken together, and whether there is room for them.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::name;
use crate::{
    error::{CliError, Result},
    output::age,
    plan::quota::Usage,
};

/// Holders that a refusal names, at most.
const NAMED: usize = 20;

/// Returns a name for a snapshot of each claim, all different: names that were shortened may have become equal.
pub fn names(claims: &[String], now: Timestamp) -> Vec<String> {
    let mut taken = BTreeSet::new();
    let mut names = Vec::new();
    for claim in claims {
        let first = name::derive(claim, now);
        let free = (1..).map(|attempt| name::again(&first, attempt)).find(|name| !taken.contains(name));
        let name = free.unwrap_or(first);
        taken.insert(name.clone());
        names.push(name);
    }
    names
}

/// Returns the name of a group, `<stem>-<UTC time>`: a label has room for it.
pub fn group(stem: &str, now: Timestamp) -> String {
    name::derive(stem, now)
}

/// How many of the wanted snapshots fit. `partial` is whether a part will do, where that can be said.
///
/// # Errors
/// When none does, or not all do and a part will not do. The error names who holds the slots.
pub fn fitting(wanted: usize, usage: &Usage, partial: Option<bool>, now: Timestamp) -> Result<usize> {
    let Some(free) = usage.free() else { return Ok(wanted) };
    if wanted <= free || (partial == Some(true) && free > 0) {
        return Ok(wanted.min(free));
    }
    let used = usage.used().unwrap_or_default();
    let room = match (free, wanted) {
        (0, 1) => "no room for another".to_owned(),
        (0, _) => format!("no room for any of the {wanted} that are asked for"),
        _ => format!("room for {free} of the {wanted} that are asked for"),
    };
    let mut error = CliError::new(format!(
        "the cluster's quota of volumesnapshots has {room} ({used} of {} used): nothing was created",
        usage.limit
    ));
    let holders = usage.oldest();
    if !holders.is_empty() {
        let mut named: Vec<String> = holders
            .iter()
            .take(NAMED)
            .map(|(key, created)| format!("{}/{} ({})", key.namespace, key.name, age::since(*created, now)))
            .collect();
        if holders.len() > NAMED {
            named.push(format!("and {} more", holders.len() - NAMED));
        }
        error = error.hint(format!("The slots are held by, oldest first: {}", named.join(", ")));
        error = error.hint(capital(&usage.way_out()));
    } else {
        error = error.hint("See who holds the slots with: kubectl backup quota");
    }
    Err(if free > 0 && partial.is_some() {
        error.hint("--partial takes as many as fit, and names the rest.")
    } else {
        error
    })
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use backup_policy::config::resource::VOLUME_SNAPSHOTS;
    use serde_json::json;

    use super::*;
    use crate::plan::quota::{Ledger, Objects};

    fn now() -> Timestamp {
        "2026-11-21T09:05:00Z".parse().unwrap()
    }

    fn usage(limit: u32, objects: Objects) -> Usage {
        Usage { resource: VOLUME_SNAPSHOTS.into(), limit, objects, ledger: Ledger::Absent }
    }

    fn held(count: usize) -> Objects {
        let objects: Vec<_> = (0..count)
            .map(|day| {
                json!({"metadata": {"name": format!("s{day}"), "namespace": "shop",
                    "creationTimestamp": format!("2026-11-{:02}T09:00:00Z", day + 1)}, "spec": {"source": {}}})
            })
            .collect();
        Objects::Listed(serde_json::from_value(json!(objects)).unwrap())
    }

    fn told(wanted: usize, usage: &Usage, partial: bool) -> String {
        match fitting(wanted, usage, Some(partial), now()) {
            Ok(count) => count.to_string(),
            Err(error) => format!("{} | {}", error.message, error.hints.join(" | ")),
        }
    }

    #[test]
    fn all_or_nothing_unless_a_part_will_do() {
        assert_eq!(told(3, &usage(10, held(7)), false), "3");
        assert_eq!(told(3, &usage(10, held(8)), true), "2");
        insta::assert_snapshot!(told(3, &usage(10, held(8)), false), @"the cluster's quota of volumesnapshots has room for 2 of the 3 that are asked for (8 of 10 used): nothing was created | The slots are held by, oldest first: shop/s0 (20d), shop/s1 (19d), shop/s2 (18d), shop/s3 (17d), shop/s4 (16d), shop/s5 (15d), shop/s6 (14d), shop/s7 (13d) | Free a slot, for example: kubectl backup snapshot delete s0 -n shop | --partial takes as many as fit, and names the rest.");
        insta::assert_snapshot!(told(1, &usage(2, held(2)), true), @"the cluster's quota of volumesnapshots has no room for another (2 of 2 used): nothing was created | The slots are held by, oldest first: shop/s0 (20d), shop/s1 (19d) | Free a slot, for example: kubectl backup snapshot delete s0 -n shop");
        insta::assert_snapshot!(told(2, &usage(1, held(22)), false), @"the cluster's quota of volumesnapshots has no room for any of the 2 that are asked for (22 of 1 used): nothing was created | The slots are held by, oldest first: shop/s0 (20d), shop/s1 (19d), shop/s2 (18d), shop/s3 (17d), shop/s4 (16d), shop/s5 (15d), shop/s6 (14d), shop/s7 (13d), shop/s8 (12d), shop/s9 (11d), shop/s10 (10d), shop/s11 (9d), shop/s12 (8d), shop/s13 (7d), shop/s14 (6d), shop/s15 (5d), shop/s16 (4d), shop/s17 (3d), shop/s18 (2d), shop/s19 (24h), and 2 more | Free a slot, for example: kubectl backup snapshot delete s0 -n shop");
    }

    #[test]
    fn where_a_part_never_does_it_is_not_offered() {
        let error = fitting(3, &usage(10, held(8)), None, now()).unwrap_err();
        assert!(!error.hints.iter().any(|hint| hint.contains("--partial")), "{:?}", error.hints);
    }

    #[test]
    fn what_cannot_be_counted_is_left_to_the_server() {
        assert_eq!(told(30, &usage(1, Objects::Forbidden), false), "30");
    }

    #[test]
    fn names_that_were_shortened_stay_different() {
        let long = |middle: &str| format!("{}{middle}{}", "a".repeat(60), "b".repeat(60));
        let names = names(&[long("x"), "web".to_owned(), long("y"), long("z")], now());
        let different: BTreeSet<_> = names.iter().collect();
        assert_eq!(different.len(), 4, "{names:?}");
        assert!(names.iter().all(|name| name.len() <= 63));
        assert_eq!(names[1], "web-20261121090500");
        assert!(group(&"g".repeat(63), now()).len() <= 63);
    }
}
