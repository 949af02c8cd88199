//! From a BackupPolicy to a [`Config`].
//!
//! A policy is read as a whole or not at all: one mistake, and whoever uses it keeps the last one that could be read.
//! Every mistake is collected, with its place.

mod accounts;
mod defaults;
mod node;
mod plans;
mod problem;
mod quotas;
mod retention;
mod severities;
mod snapshot_classes;

use serde_json::Value;

use crate::{Config, FieldPath};

use node::Node;
use problem::Problems;
pub use problem::{Concern, Problem};
pub use retention::parse as parse_retention;

/// What became of reading a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The policy over the base; none when something is wrong with it.
    pub config: Option<Config>,
    /// Everything that is wrong or doubtful.
    pub problems: Vec<Problem>,
}

impl Reading {
    /// What keeps the policy from being used.
    pub fn mistakes(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter().filter(|problem| !problem.harmless)
    }
}

const FIELDS: [&str; 6] = ["quotas", "snapshotClasses", "defaults", "rules", "plans", "exemptions"];

/// Reads a policy's `spec` over what holds without it: built-in values and what the command line adds to them.
///
/// Exempt accounts are added to those of the base, so that no policy can bind Velero's own; everything else replaces.
#[must_use]
pub fn read(base: &Config, spec: &Value) -> Reading {
    let mut problems = Problems::default();
    let mut config = base.clone();
    let root = Node { path: FieldPath::of(&["spec"]), value: spec };
    if let Some(fields) = root.fields(&FIELDS, &mut problems) {
        if let Some(node) = fields.get("quotas") {
            config.quotas = quotas::read(&node, base, &mut problems);
        }
        if let Some(node) = fields.get("snapshotClasses") {
            config.snapshot_classes = snapshot_classes::read(&node, &mut problems);
        }
        if let Some(node) = fields.get("defaults") {
            defaults::read(&node, &mut config, &mut problems);
        }
        if let Some(node) = fields.get("rules") {
            config.severities = severities::read(&node, &mut problems);
        }
        if let Some(node) = fields.get("plans") {
            config.plans = plans::read(&node, &mut problems);
        }
        if let Some(node) = fields.get("exemptions") {
            let named = accounts::read(&node, &mut problems);
            config.exemptions.users.extend(named.users);
            config.exemptions.groups.extend(named.groups);
        }
    }
    let problems = problems.0;
    let usable = problems.iter().all(|problem| problem.harmless);
    Reading { config: usable.then_some(config), problems }
}

#[cfg(test)]
mod tests;
