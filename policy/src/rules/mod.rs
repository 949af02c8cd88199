//! The rules, one file each.

mod blank_entry;
mod duplicate_volume;
mod empty_entry;
mod include_and_exclude;
mod init_hook_command;
mod list_length;
mod misplaced_annotation;
mod no_snapshot_class;
mod quota_exempt_label;
mod rule;
mod skipped_volume_type;
mod unknown_volume;
mod volume_list;

pub use rule::{Check, Missing, Outcome, Rule, Violation};

/// Every rule, in the order of their codes.
pub const CATALOGUE: [&Rule; 11] = [
    &blank_entry::RULE,
    &empty_entry::RULE,
    &duplicate_volume::RULE,
    &unknown_volume::RULE,
    &skipped_volume_type::RULE,
    &include_and_exclude::RULE,
    &misplaced_annotation::RULE,
    &list_length::RULE,
    &init_hook_command::RULE,
    &no_snapshot_class::RULE,
    &quota_exempt_label::RULE,
];

#[cfg(test)]
mod tests {
    use super::CATALOGUE;

    #[test]
    fn codes_are_unique_and_in_order() {
        assert!(CATALOGUE.is_sorted_by(|a, b| a.code < b.code));
    }
}
