//! Somebody with few rights.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{Namespace, Run, TestCluster, until};

/// The folder of the roles as they are shipped.
const ROLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../manifests/roles");

/// How long an API server may take to learn of a binding.
const LATE: Duration = Duration::from_secs(60);

/// Somebody whose rights come from our roles only.
pub struct Person<'a> {
    shop: &'a Namespace<'a>,
    name: String,
}

impl<'a> Person<'a> {
    /// Nobody may anything yet.
    pub fn new(shop: &'a Namespace<'a>) -> Self {
        // On the server's side nobody fails whose test does the same at the same time.
        shop.cluster().kubectl(&["apply", "--server-side", "--force-conflicts", "-k", ROLES]);
        Self { shop, name: format!("person-{}", shop.name()) }
    }

    /// Binds one of our roles in the namespace.
    pub fn may(&self, role: &str) -> &Self {
        self.may_in(self.shop.name(), role)
    }

    /// Binds one of our roles in another namespace.
    #[track_caller]
    pub fn may_in(&self, namespace: &str, role: &str) -> &Self {
        let (name, user) = (format!("{}-{role}", self.name), format!("--user={}", self.name));
        let role = format!("kubectl-backup-{role}");
        let bind = ["create", "rolebinding", "-n", namespace, &name, &user, "--clusterrole", &role];
        self.shop.cluster().kubectl(&bind);
        self.wait_for(namespace, &format!("clusterrole/{role}"));
        self
    }

    /// Binds one of our roles in the cluster.
    #[track_caller]
    pub fn may_in_cluster(&self, role: &str) -> Binding<'a> {
        let binding = Binding { cluster: self.shop.cluster(), name: format!("{}-{role}", self.name) };
        let (role, user) = (format!("kubectl-backup-{role}"), format!("--user={}", self.name));
        let bind = ["create", "clusterrolebinding", &binding.name, &user, "--clusterrole", &role];
        binding.cluster.kubectl(&bind);
        self.wait_for(self.shop.name(), &format!("clusterrole/{role}"));
        binding
    }

    /// Takes all roles in the namespace away.
    #[track_caller]
    pub fn may_no_more(&self) {
        self.shop.kubectl(&["delete", "rolebindings", "--all"]);
        self.wait_for_none(self.shop.name());
    }

    /// Takes a role in another namespace away, in which there is no other.
    #[track_caller]
    pub fn may_no_more_in(&self, namespace: &str, role: &str) {
        let name = format!("{}-{role}", self.name);
        self.shop.cluster().kubectl(&["delete", "rolebinding", "-n", namespace, &name]);
        self.wait_for_none(namespace);
    }

    /// Waits until the API server grants what a role does, `role/NAME` or `clusterrole/NAME`.
    #[track_caller]
    pub fn wait_for(&self, namespace: &str, role: &str) {
        until_granted(self.shop.cluster(), &self.name, namespace, role);
    }

    /// Waits until the API server grants nothing in the namespace but what it does in all.
    #[track_caller]
    fn wait_for_none(&self, namespace: &str) {
        let rules = |namespace: &str| granted(self.shop.cluster(), &self.name, namespace);
        until("no role is granted", LATE, || rules(namespace) == rules("no-such-namespace"));
    }

    /// Runs a command that may wait.
    pub fn runs(&self, args: &[&str]) -> Run {
        self.shop.plugin(&[args, &["--as", &self.name, "--timeout", "60s"]].concat())
    }

    /// The user's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs a command that does not.
    pub fn asks(&self, args: &[&str]) -> Run {
        self.shop.plugin(&[args, &["--as", &self.name]].concat())
    }
}

/// Waits until the API server, which learns of bindings a moment late, grants a user in a namespace what a role does,
/// `role/NAME` or `clusterrole/NAME`.
#[track_caller]
pub fn until_granted(cluster: &TestCluster, user: &str, namespace: &str, role: &str) {
    let role = cluster.try_kubectl(&["get", "-n", namespace, role, "-o", "json"]).ok().json();
    let rules = role["rules"].as_array().cloned().unwrap_or_default();
    assert!(!rules.is_empty(), "{role}");
    until("the role is granted", LATE, || {
        let granted = granted(cluster, user, namespace);
        rules.iter().all(|rule| granted.contains(&rule.to_string()))
    });
}

/// The rules that the API server grants a user by in a namespace, sorted.
#[track_caller]
fn granted(cluster: &TestCluster, user: &str, namespace: &str) -> Vec<String> {
    let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace}});
    // To know the types, kubectl would want to list them.
    let create = ["create", "--validate=false", "--as", user, "-o", "json", "-f", "-"];
    let answer = cluster.try_kubectl_with(&create, &review.to_string()).ok().json();
    let rules = answer["status"]["resourceRules"].as_array();
    let mut rules: Vec<String> = rules.into_iter().flatten().map(Value::to_string).collect();
    rules.sort();
    rules
}

/// A right in the whole cluster, which ends with the value.
#[must_use]
pub struct Binding<'a> {
    cluster: &'a TestCluster,
    name: String,
}

impl Drop for Binding<'_> {
    fn drop(&mut self) {
        self.cluster.try_kubectl(&["delete", "clusterrolebinding", &self.name]);
    }
}
