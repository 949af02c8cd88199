//! What can be wrong with a policy.

use std::fmt;

use crate::{FieldPath, Fix};

/// Something wrong with a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What it is about: each concern is a rule of its own.
    pub concern: Concern,
    /// Where in the object.
    pub path: FieldPath,
    /// The value, what is wrong with it and the way out.
    pub message: String,
    /// Whether the policy can be used all the same.
    pub harmless: bool,
    /// The way out as a change, where there is exactly one.
    pub fix: Option<Fix>,
}

/// What a problem is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Concern {
    /// Fields that no policy has, and values of another type or size.
    Shape,
    /// Codes of rules and their severities.
    Severities,
    /// Limits.
    Quotas,
    /// The table of snapshot classes.
    SnapshotClasses,
    /// Durations.
    Retention,
    /// Named schedules.
    Plans,
    /// Exempt accounts.
    Exemptions,
    /// Labels.
    Labels,
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.path, self.message)
    }
}

/// The problems found so far.
#[derive(Debug, Default)]
pub(super) struct Problems(pub(super) Vec<Problem>);

impl Problems {
    /// Something for which the policy cannot be used.
    pub(super) fn mistake(&mut self, concern: Concern, path: FieldPath, message: impl Into<String>) {
        self.0.push(Problem { concern, path, message: message.into(), harmless: false, fix: None });
    }

    /// A mistake with one right answer.
    pub(super) fn mistake_with_fix(&mut self, concern: Concern, fix: Fix, message: impl Into<String>) {
        let path = fix.path.clone();
        self.0.push(Problem { concern, path, message: message.into(), harmless: false, fix: Some(fix) });
    }

    /// Something that its author may not have meant.
    pub(super) fn doubt(&mut self, concern: Concern, path: FieldPath, message: impl Into<String>) {
        self.0.push(Problem { concern, path, message: message.into(), harmless: true, fix: None });
    }
}
