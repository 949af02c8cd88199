//! Who is not bound by quotas.

use backup_policy::config::Accounts;

/// Velero's account as its own installer names it, and as its Helm chart does.
const ACCOUNTS: [&str; 2] = ["velero", "velero-server"];

/// Velero's accounts in that namespace, which are exempt whatever the policy says.
pub fn accounts(velero_namespace: &str) -> Accounts {
    Accounts { users: velero(velero_namespace).into(), ..Accounts::default() }
}

fn velero(namespace: &str) -> [String; 2] {
    ACCOUNTS.map(|account| format!("system:serviceaccount:{namespace}:{account}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_velero_of_that_namespace() {
        let exempt = accounts("velero");
        let holds = |user: &str| exempt.hold(user, &[]);
        assert!(holds("system:serviceaccount:velero:velero"));
        assert!(holds("system:serviceaccount:velero:velero-server"), "as Helm installs it");
        assert!(!holds("system:serviceaccount:other:velero"));
        assert!(!holds("velero"));
    }

    #[test]
    fn the_manifests_name_the_same_accounts() {
        let base = [
            include_str!("../../manifests/webhook/base/validating.yaml"),
            include_str!("../../manifests/webhook/base/mutating.yaml"),
        ];
        let oadp = include_str!("../../manifests/webhook/components/oadp/kustomization.yaml");
        for (namespace, manifests) in [("velero", base.concat()), ("openshift-adp", oadp.to_owned())] {
            let users = velero(namespace);
            let expected = format!("request.userInfo.username in ['{}', '{}']", users[0], users[1]);
            let lines: Vec<_> = manifests
                .lines()
                .filter(|line| line.contains("'system:serviceaccount:velero:") || line.contains(&expected))
                .collect();
            assert_eq!(lines.len(), 7, "one for each entry");
            assert!(lines.iter().all(|line| line.contains(&expected)), "{lines:?}");
        }
    }
}
