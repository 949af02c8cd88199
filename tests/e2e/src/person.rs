//! Somebody with few rights.

use crate::{Namespace, Run, TestCluster};

/// The folder of the roles as they are shipped.
const ROLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../manifests/roles");

/// Somebody whose rights come from our roles only.
pub struct Person<'a> {
    shop: &'a Namespace<'a>,
    name: String,
}

impl<'a> Person<'a> {
    /// Nobody may anything yet.
    pub fn new(shop: &'a Namespace<'a>) -> Self {
        // `apply` changes nothing the second time, so that tests side by side do not meet.
        shop.cluster().kubectl(&["apply", "-k", ROLES]);
        Self { shop, name: format!("person-{}", shop.name()) }
    }

    /// Binds one of our roles in the namespace.
    pub fn may(&self, role: &str) -> &Self {
        self.may_in(self.shop.name(), role)
    }

    /// Binds one of our roles in another namespace.
    pub fn may_in(&self, namespace: &str, role: &str) -> &Self {
        let role = format!("--clusterrole=kubectl-backup-{role}");
        let (name, user) = (format!("{}-{}", self.name, &role[29..]), format!("--user={}", self.name));
        self.shop.cluster().kubectl(&["create", "rolebinding", "-n", namespace, &name, &role, &user]);
        self
    }

    /// Binds one of our roles in the cluster.
    pub fn may_in_cluster(&self, role: &str) -> Binding<'a> {
        let binding = Binding { cluster: self.shop.cluster(), name: format!("{}-{role}", self.name) };
        let role = format!("--clusterrole=kubectl-backup-{role}");
        binding.cluster.kubectl(&[
            "create",
            "clusterrolebinding",
            &binding.name,
            &role,
            &format!("--user={}", self.name),
        ]);
        binding
    }

    /// Takes all roles in the namespace away.
    pub fn may_no_more(&self) {
        self.shop.kubectl(&["delete", "rolebindings", "--all"]);
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
