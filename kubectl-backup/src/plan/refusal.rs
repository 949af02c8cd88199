//! What to do about a server that refuses to create an object.

use crate::error::CliError;

/// Adds the hint that helps to a refusal; the server's own words stay as they are. `resource` is the plural.
pub fn explain(error: CliError, resource: &str, name: &str, namespace: &str) -> CliError {
    let webhook = error.message.contains("admission webhook");
    match error.code {
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
        insta::assert_snapshot!(hints(422, "Invalid", "admission webhook denied"), @"");
    }
}
