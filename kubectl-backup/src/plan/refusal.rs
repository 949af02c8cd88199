//! What to do about a server that refuses to create an object.

use crate::error::CliError;

/// How the names of our webhook's entries end.
const OUR_WEBHOOKS: &str = ".kubectl-backup.dev\"";

/// Adds the hint that helps to a refusal; the server's own words stay as they are. `resource` is the plural.
pub fn explain(error: CliError, resource: &str, name: &str, namespace: &str) -> CliError {
    let webhook = error.message.contains("admission webhook");
    match error.code {
        _ if error.message.contains("failed calling webhook") => unanswered(error),
        Some(403) if error.message.contains("quota") => {
            error.hint("See who holds the slots with: kubectl backup quota")
        }
        Some(403) if !webhook => {
            error.hint(format!("See what you may do with: kubectl auth can-i create {resource} -n {namespace}"))
        }
        Some(409) if error.reason.as_deref() == Some("AlreadyExists") => error.hint(format!(
            "Choose another name; see the existing one with: kubectl get {resource} {name} -n {namespace}"
        )),
        _ => error,
    }
}

/// A webhook that does not answer keeps the object out: that is about the webhook, not about the object.
fn unanswered(error: CliError) -> CliError {
    if error.message.contains(OUR_WEBHOOKS) {
        error
            .hint("The webhook that keeps the cluster's quotas does not answer; until it does, what they limit is refused.")
            .hint("See why with: kubectl get deployments,pods -n kubectl-backup-system")
    } else {
        error.hint("See whose it is with: kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hints(code: u16, reason: &str, message: &str) -> String {
        let mut error = CliError::new(message);
        error.code = Some(code);
        error.reason = Some(reason.into());
        explain(error, "volumesnapshots", "web", "shop").hints.join(" | ")
    }

    #[test]
    fn each_refusal_gets_the_command_that_helps() {
        insta::assert_snapshot!(hints(403, "Forbidden", "admission webhook \"x\" denied the request: cluster quota volumesnapshots: 10/10 used."), @"See who holds the slots with: kubectl backup quota");
        insta::assert_snapshot!(hints(403, "Forbidden", "User \"bob\" cannot create resource"), @"See what you may do with: kubectl auth can-i create volumesnapshots -n shop");
        insta::assert_snapshot!(hints(409, "AlreadyExists", "exists"), @"Choose another name; see the existing one with: kubectl get volumesnapshots web -n shop");
        let dead = |entry: &str| {
            hints(
                500,
                "InternalError",
                &format!(
                    "Internal error occurred: failed calling webhook \"{entry}\": failed to call webhook: Post \"https://backup-webhook.kubectl-backup-system.svc:443/\": dial tcp: connection refused"
                ),
            )
        };
        insta::assert_snapshot!(dead("quota.kubectl-backup.dev"), @"The webhook that keeps the cluster's quotas does not answer; until it does, what they limit is refused. | See why with: kubectl get deployments,pods -n kubectl-backup-system");
        insta::assert_snapshot!(dead("other.example.com"), @"See whose it is with: kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations");
        insta::assert_snapshot!(hints(422, "Invalid", "admission webhook denied"), @"");
    }
}
