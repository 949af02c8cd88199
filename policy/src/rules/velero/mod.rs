//! The rules about Velero's objects, one file each.

pub(super) mod begun;
pub(super) mod both_selectors;
pub(super) mod cluster_resources_left_out;
pub(super) mod contradictory_lists;
pub(super) mod cron_dialect;
pub(super) mod cron_invalid;
pub(super) mod delete_request_backup;
pub(super) mod existing_resource_policy;
pub(super) mod expires_while_locked;
pub(super) mod idle_hook;
pub(super) mod init_container;
pub(super) mod lock_after_request;
pub(super) mod lock_shortened;
pub(super) mod lock_unreadable;
pub(super) mod locked_backup_deleted;
pub(super) mod locked_location;
pub(super) mod mixed_filters;
pub(super) mod name_too_long;
pub(super) mod namespace_mapping;
pub(super) mod namespace_pattern;
pub(super) mod negative_ttl;
pub(super) mod never_runs;
pub(super) mod node_agent_missing;
pub(super) mod non_restorable;
pub(super) mod resource_modifier;
pub(super) mod resource_modifiers;
pub(super) mod resource_policy;
pub(super) mod restore_backup;
pub(super) mod restore_location;
pub(super) mod restore_schedule;
pub(super) mod restore_source;
pub(super) mod runs_too_often;
pub(super) mod several_snapshot_locations;
pub(super) mod snapshot_locations;
pub(super) mod snapshot_timeouts;
pub(super) mod snapshots_off_and_moved;
pub(super) mod storage_location_missing;
pub(super) mod storage_location_unusable;
pub(super) mod ttl_shorter_than_interval;
pub(super) mod unreadable_duration;
pub(super) mod volume_policies;

mod chosen_location;
mod hooks;

use crate::{
    Facts,
    rules::Violation,
    velero::{LocationFact, SnapshotLocationFact, Spec, VeleroFacts},
};

/// Breaches of one rule that are told of: an answer does not grow with the question.
const MANY: usize = 10;
const LOCATIONS: &str = "the BackupStorageLocations";
const NOW: &str = "the time";

/// A text of the object as a message shows it.
fn short(text: &str) -> String {
    const LONG: usize = 80;
    match text.char_indices().nth(LONG) {
        Some((end, _)) => format!("{:?}…", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}

/// What is missing now may be there when a schedule runs, so that its author is only told.
fn later(spec: &Spec<'_>, violation: Violation) -> Violation {
    if spec.is_for_later() { violation.harmless() } else { violation }
}

/// A moment for examples: the first of January 2026.
fn at_new_year() -> Facts {
    Facts { now: jiff::Timestamp::from_second(1_767_225_600).ok(), ..Facts::default() }
}

/// Locations by name, default, read-only and available.
fn with_locations(locations: &[(&str, bool, bool, bool)]) -> Facts {
    let fact = |(name, is_default, read_only, available): &(&str, bool, bool, bool)| LocationFact {
        name: (*name).to_owned(),
        is_default: *is_default,
        read_only: *read_only,
        available: *available,
    };
    let locations = Some(locations.iter().map(fact).collect());
    Facts { velero: VeleroFacts { locations, ..VeleroFacts::default() }, ..Facts::default() }
}

/// Volume snapshot locations by name and provider.
fn with_snapshot_locations(locations: &[(&str, &str)]) -> Facts {
    let fact = |(name, provider): &(&str, &str)| SnapshotLocationFact {
        name: (*name).to_owned(),
        provider: (*provider).to_owned(),
    };
    let snapshot_locations = Some(locations.iter().map(fact).collect());
    Facts { velero: VeleroFacts { snapshot_locations, ..VeleroFacts::default() }, ..Facts::default() }
}

#[cfg(test)]
mod fixture {
    use serde_json::{Value, json};

    use crate::{Config, Facts, Subject, rules::Outcome};

    type Check = fn(&Config, &Subject<'_>, &Facts) -> Outcome;

    /// What a rule says of a new object with this specification, a line for each breach.
    pub fn said(check: Check, kind: &str, spec: &Value) -> String {
        said_with(check, kind, spec, &Facts::default())
    }

    /// The same, with something known.
    pub fn said_with(check: Check, kind: &str, spec: &Value, facts: &Facts) -> String {
        said_of(check, &json!({"apiVersion": "velero.io/v1", "kind": kind, "spec": spec}), facts)
    }

    /// The same of a whole object.
    pub fn said_of(check: Check, object: &Value, facts: &Facts) -> String {
        told(check, &Subject::read(object, None).expect("a known kind"), facts)
    }

    /// The same of whatever is done to an object.
    pub fn told(check: Check, subject: &Subject<'_>, facts: &Facts) -> String {
        match check(&Config::default(), subject, facts) {
            Err(missing) => format!("not evaluated: {}", missing.0),
            Ok(found) => {
                let line = |it: &crate::rules::Violation| {
                    format!("{}: {}{}", it.path, it.message, if it.harmless { " (harmless)" } else { "" })
                };
                found.iter().map(line).collect::<Vec<_>>().join("\n")
            }
        }
    }
}
