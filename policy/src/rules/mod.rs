//! The rules, one file each.

mod binding_annotation;
mod blank_entry;
mod block_volume;
mod duplicate_volume;
mod empty_dir;
mod empty_entry;
mod excluded_pod;
mod hook;
mod hook_command;
mod hook_container;
mod hook_on_error;
mod hook_timeout;
mod hook_wait_for_ready;
mod ignored_hook;
mod include_and_exclude;
mod init_hook_command;
mod init_hook_name;
mod list_length;
mod misplaced_annotation;
mod no_snapshot_class;
pub(crate) mod node_directory;
mod policy_exemption;
mod policy_label;
mod policy_name;
mod policy_plan;
mod policy_problem;
mod policy_quota;
mod policy_retention;
mod policy_severity;
mod policy_shape;
mod policy_snapshot_class;
mod quota_exempt_label;
mod rule;
pub(crate) mod skipped_volume_type;
mod unknown_annotation;
mod unknown_volume;
mod unmounted_volume;
mod velero;
pub(crate) mod volume_list;

pub use rule::{Cel, Check, Missing, Outcome, Page, Rule, Violation};

/// The rules that keep locked backups. While what they need is not known, nobody may delete.
pub const LOCKS_HOLD: [&str; 2] = [velero::locked_backup_deleted::RULE.code, velero::locked_location::RULE.code];

/// Every rule, in the order of their codes.
pub const CATALOGUE: [&Rule; 75] = [
    &blank_entry::RULE,
    &empty_entry::RULE,
    &duplicate_volume::RULE,
    &unknown_volume::RULE,
    &skipped_volume_type::RULE,
    &include_and_exclude::RULE,
    &misplaced_annotation::RULE,
    &list_length::RULE,
    &unmounted_volume::RULE,
    &init_hook_command::RULE,
    &block_volume::RULE,
    &empty_dir::RULE,
    &unknown_annotation::RULE,
    &excluded_pod::RULE,
    &node_directory::RULE,
    &binding_annotation::RULE,
    &ignored_hook::RULE,
    &hook_command::RULE,
    &hook_container::RULE,
    &hook_on_error::RULE,
    &hook_timeout::RULE,
    &hook_wait_for_ready::RULE,
    &init_hook_name::RULE,
    &no_snapshot_class::RULE,
    &velero::cron_invalid::RULE,
    &velero::cron_dialect::RULE,
    &velero::never_runs::RULE,
    &velero::runs_too_often::RULE,
    &velero::unreadable_duration::RULE,
    &velero::negative_ttl::RULE,
    &velero::ttl_shorter_than_interval::RULE,
    &velero::mixed_filters::RULE,
    &velero::contradictory_lists::RULE,
    &velero::namespace_pattern::RULE,
    &velero::both_selectors::RULE,
    &velero::cluster_resources_left_out::RULE,
    &velero::name_too_long::RULE,
    &velero::storage_location_missing::RULE,
    &velero::storage_location_unusable::RULE,
    &velero::snapshot_locations::RULE,
    &velero::resource_policy::RULE,
    &velero::idle_hook::RULE,
    &velero::node_agent_missing::RULE,
    &velero::snapshots_off_and_moved::RULE,
    &velero::begun::RULE,
    &velero::volume_policies::RULE,
    &velero::several_snapshot_locations::RULE,
    &velero::snapshot_timeouts::RULE,
    &velero::restore_source::RULE,
    &velero::restore_backup::RULE,
    &velero::restore_schedule::RULE,
    &velero::existing_resource_policy::RULE,
    &velero::namespace_mapping::RULE,
    &velero::non_restorable::RULE,
    &velero::resource_modifier::RULE,
    &velero::restore_location::RULE,
    &velero::resource_modifiers::RULE,
    &velero::init_container::RULE,
    &velero::delete_request_backup::RULE,
    &velero::lock_unreadable::RULE,
    &velero::lock_shortened::RULE,
    &velero::locked_backup_deleted::RULE,
    &velero::expires_while_locked::RULE,
    &velero::lock_after_request::RULE,
    &velero::locked_location::RULE,
    &quota_exempt_label::RULE,
    &policy_name::RULE,
    &policy_shape::RULE,
    &policy_severity::RULE,
    &policy_quota::RULE,
    &policy_snapshot_class::RULE,
    &policy_retention::RULE,
    &policy_plan::RULE,
    &policy_exemption::RULE,
    &policy_label::RULE,
];

/// The rule of a code.
#[must_use]
pub fn by_code(code: &str) -> Option<&'static Rule> {
    CATALOGUE.into_iter().find(|rule| rule.code == code)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{CATALOGUE, Rule, by_code};
    use crate::{Config, Operation, Subject, evaluate};

    #[test]
    fn codes_are_unique_and_in_order() {
        assert!(CATALOGUE.is_sorted_by(|a, b| a.code < b.code));
        assert!(CATALOGUE.iter().all(|rule| by_code(rule.code).is_some_and(|found| found.code == rule.code)));
    }

    fn codes(rule: &Rule, example: &str) -> Vec<&'static str> {
        let read = |example: &str| serde_saphyr::from_str::<Value>(example).expect(rule.code);
        let (object, good) = (read(example), read(rule.page.good));
        let mut subject = Subject::read(&object, None).expect(rule.code);
        subject.operation = rule.page.operation;
        subject.old = (subject.operation == Operation::Update).then_some(&good);
        let verdict = evaluate(&Config::default(), &subject, &(rule.page.given)());
        assert!(verdict.not_evaluated.iter().all(|it| it.code != rule.code), "{} lacks a fact", rule.code);
        verdict.findings.iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn the_bad_example_of_a_page_breaks_its_rule_alone_and_the_good_one_none() {
        for rule in CATALOGUE {
            let mut found = codes(rule, rule.page.bad);
            found.dedup();
            assert_eq!(found, [rule.code]);
            assert_eq!(codes(rule, rule.page.good), [] as [&str; 0], "{}", rule.code);
        }
    }
}
