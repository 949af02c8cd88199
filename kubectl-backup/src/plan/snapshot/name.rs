//! The name that a snapshot gets when its author gives none.

use jiff::{Timestamp, tz::TimeZone};

/// Longest derived name: it then fits into a label value too.
const NAME_MAX: usize = 63;
/// `-` and fourteen digits.
const STAMP_LEN: usize = 15;
/// `-` and a counter.
const COUNTER_LEN: usize = 3;
/// What is kept of a long claim's end: the ordinal of a StatefulSet's volume stands there.
const TAIL_LEN: usize = 16;

/// Returns `<claim>-<UTC yyyymmddhhmmss>`; a long claim loses its middle.
pub fn derive(claim: &str, now: Timestamp) -> String {
    let stamp = now.to_zoned(TimeZone::UTC).strftime("%Y%m%d%H%M%S").to_string();
    format!("{}-{stamp}", shorten(claim))
}

/// Returns the name to try next when a derived one is taken: two snapshots of a claim may be made in one second.
pub fn again(derived: &str, attempt: u32) -> String {
    if attempt > 1 { format!("{derived}-{attempt}") } else { derived.to_owned() }
}

fn shorten(claim: &str) -> String {
    let room = NAME_MAX - STAMP_LEN - COUNTER_LEN;
    if claim.len() <= room {
        return claim.to_owned();
    }
    let is_edge = |c: char| c == '-' || c == '.';
    let head: String = claim.chars().take(room - TAIL_LEN - 1).collect();
    let tail: String = claim.chars().skip(claim.chars().count() - TAIL_LEN).collect();
    format!("{}-{}", head.trim_matches(is_edge), tail.trim_matches(is_edge))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::args::parse_name;

    fn now() -> Timestamp {
        "2026-11-21T09:08:07.9+02:00".parse().unwrap()
    }

    #[test]
    fn the_claim_and_the_time_make_the_name() {
        assert_eq!(derive("web", now()), "web-20261121070807");
    }

    #[test]
    fn a_long_claim_keeps_its_ordinal() {
        let name = derive(&format!("data-{}-12", "x".repeat(80)), now());
        assert_eq!(name, "data-xxxxxxxxxxxxxxxxxxxxxxx-xxxxxxxxxxxxx-12-20261121070807");
        assert_eq!(again(&name, 1), name);
        assert_eq!(again(&name, 20).len(), 63);
    }

    proptest! {
        #[test]
        fn a_valid_claim_gives_a_valid_name(claim in "[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?){0,6}") {
            let name = derive(&claim, now());
            prop_assert!(name.len() <= NAME_MAX);
            prop_assert_eq!(parse_name(&name), Ok(name.clone()));
        }
    }
}
