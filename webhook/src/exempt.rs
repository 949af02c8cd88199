//! Who is not bound by quotas.

/// Velero's account as its own installer names it, and as its Helm chart does.
const ACCOUNTS: [&str; 2] = ["velero", "velero-server"];

/// The accounts that quotas do not bind: Velero's own and what the administrator adds.
///
/// They are told by the user that the API server authenticated; labels and names could be set by anybody.
#[derive(Debug, Clone)]
pub struct Exempt {
    users: Vec<String>,
}

impl Exempt {
    /// Velero's accounts in that namespace, and these users.
    pub fn new(velero_namespace: &str, users: &[String]) -> Self {
        let velero = ACCOUNTS.map(|account| format!("system:serviceaccount:{velero_namespace}:{account}"));
        Self { users: velero.into_iter().chain(users.iter().cloned()).collect() }
    }

    /// Whether this user is one of them.
    pub fn holds(&self, user: &str) -> bool {
        self.users.iter().any(|exempt| exempt == user)
    }
}

#[cfg(test)]
mod tests {
    use super::Exempt;

    #[test]
    fn only_velero_of_that_namespace_and_named_users() {
        let exempt = Exempt::new("velero", &["admin@example.org".to_owned()]);
        assert!(exempt.holds("system:serviceaccount:velero:velero"));
        assert!(exempt.holds("system:serviceaccount:velero:velero-server"), "as Helm installs it");
        assert!(exempt.holds("admin@example.org"));
        assert!(!exempt.holds("system:serviceaccount:other:velero"));
        assert!(!exempt.holds("velero"));
    }

    #[test]
    fn the_manifests_name_the_same_accounts() {
        let base = [
            include_str!("../../manifests/webhook/base/validating.yaml"),
            include_str!("../../manifests/webhook/base/mutating.yaml"),
        ];
        let oadp = include_str!("../../manifests/webhook/components/oadp/kustomization.yaml");
        for (namespace, manifests) in [("velero", base.concat()), ("openshift-adp", oadp.to_owned())] {
            let users = Exempt::new(namespace, &[]).users;
            let expected = format!("request.userInfo.username in ['{}', '{}']", users[0], users[1]);
            let lines: Vec<_> = manifests
                .lines()
                .filter(|line| line.contains("'system:serviceaccount:velero:") || line.contains(&expected))
                .collect();
            assert_eq!(lines.len(), 4, "one for each entry");
            assert!(lines.iter().all(|line| line.contains(&expected)), "{lines:?}");
        }
    }
}
