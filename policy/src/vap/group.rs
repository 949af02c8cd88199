//! Kinds that keep their pods in the same place, so that the API server can check the types of what is said of them.

use serde_json::{Value, json};

use super::Scope;

/// Kinds that one policy is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Pods themselves.
    Pods,
    /// Kinds with a pod template and nothing else to know.
    Templates,
    /// StatefulSets, whose claim templates are volumes too.
    StatefulSets,
    /// CronJobs, whose pod template lies within that of a Job.
    CronJobs,
}

impl Group {
    /// Every group.
    pub const ALL: [Self; 4] = [Self::Pods, Self::Templates, Self::StatefulSets, Self::CronJobs];

    /// The group's part of a policy's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pods => "pods",
            Self::Templates => "pod-templates",
            Self::StatefulSets => "statefulsets",
            Self::CronJobs => "cronjobs",
        }
    }

    /// Where the pods lie.
    #[must_use]
    pub fn scope(self) -> Scope {
        Scope {
            template: match self {
                Self::Pods => &[],
                Self::Templates | Self::StatefulSets => &["spec", "template"],
                Self::CronJobs => &["spec", "jobTemplate", "spec", "template"],
            },
        }
    }

    /// The resources, as a policy's `resourceRules` names them.
    pub(super) fn resource_rules(self) -> Value {
        let rule = |group: &str, resources: &[&str]| {
            json!({
                "apiGroups": [group], "apiVersions": ["v1"], "resources": resources,
                "operations": ["CREATE", "UPDATE"], "scope": "Namespaced",
            })
        };
        match self {
            // A status write can change a pod's annotations too.
            Self::Pods => json!([rule("", &["pods", "pods/status"])]),
            Self::Templates => json!([
                rule("", &["replicationcontrollers"]),
                rule("apps", &["deployments", "daemonsets", "replicasets"]),
                rule("batch", &["jobs"]),
            ]),
            Self::StatefulSets => json!([rule("apps", &["statefulsets"])]),
            Self::CronJobs => json!([rule("batch", &["cronjobs"])]),
        }
    }
}
