//! Who is not bound by quotas.

/// The accounts that quotas do not bind: Velero's own and what the administrator adds.
///
/// They are told by the user that the API server authenticated; labels and names could be set by anybody.
#[derive(Debug, Clone)]
pub struct Exempt {
    users: Vec<String>,
}

impl Exempt {
    /// Velero's account in that namespace, and these users.
    pub fn new(velero_namespace: &str, users: &[String]) -> Self {
        let velero = format!("system:serviceaccount:{velero_namespace}:velero");
        Self { users: users.iter().cloned().chain([velero]).collect() }
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
        assert!(exempt.holds("admin@example.org"));
        assert!(!exempt.holds("system:serviceaccount:other:velero"));
        assert!(!exempt.holds("velero"));
    }
}
