//! Whether a kubeconfig has what the flags and its contexts name. kube takes a user that is missing for nobody's, and would ask
//! as an anonymous one.

use kube::config::Kubeconfig;

use crate::{
    args::ConnectionArgs,
    error::{CliError, Result},
};

const CONTEXTS: &str = "See the contexts with: kubectl config get-contexts";
const VIEW: &str = "See what kubectl reads with: kubectl config view";

/// Checks that the context, the cluster and the user that would be used are in the kubeconfig.
///
/// # Errors
/// When one is not, or when no context is chosen.
pub fn check(kubeconfig: &Kubeconfig, args: &ConnectionArgs) -> Result<()> {
    let missing = |what: &str, name: &str, hint: &str| {
        Err(CliError::new(format!("{what} {name:?} does not exist in the kubeconfig")).hint(hint))
    };
    let astray = |what: &str, context: &str, name: &str| {
        let text = format!("context {context:?} names the {what} {name:?}, which the kubeconfig does not have");
        Err(CliError::new(text).hint(VIEW))
    };
    let has_cluster = |name: &str| kubeconfig.clusters.iter().any(|cluster| cluster.name == name);
    let has_user = |name: &str| kubeconfig.auth_infos.iter().any(|user| user.name == name);
    if let Some(name) = args.cluster.as_deref().filter(|name| !has_cluster(name)) {
        return missing("cluster", name, "See the clusters with: kubectl config get-clusters");
    }
    if let Some(name) = args.user.as_deref().filter(|name| !has_user(name)) {
        return missing("user", name, "See the users with: kubectl config get-users");
    }
    let chosen = args.context.as_deref().or(kubeconfig.current_context.as_deref()).filter(|name| !name.is_empty());
    let Some(name) = chosen else {
        return Err(CliError::new("the kubeconfig has no current context")
            .hint("Choose one with --context, or for good with: kubectl config use-context NAME")
            .hint(CONTEXTS));
    };
    let Some(context) = kubeconfig.contexts.iter().find(|context| context.name == name) else {
        return missing("context", name, CONTEXTS);
    };
    let Some(context) = &context.context else {
        return Err(CliError::new(format!("context {name:?} of the kubeconfig is empty")).hint(VIEW));
    };
    if args.cluster.is_none() && !has_cluster(&context.cluster) {
        return astray("cluster", name, &context.cluster);
    }
    let user = context.user.as_deref().filter(|user| args.user.is_none() && !user.is_empty() && !has_user(user));
    user.map_or(Ok(()), |user| astray("user", name, user))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r#"{"current-context": "good", "clusters": [{"name": "c", "cluster": {"server": "https://a"}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "good", "context": {"cluster": "c", "user": "u"}}, {"name": "nobody", "context": {"cluster": "c"}},
            {"name": "astray", "context": {"cluster": "c", "user": "gone"}},
            {"name": "nowhere", "context": {"cluster": "gone", "user": "u"}}]}"#;

    fn said(context: Option<&str>, cluster: Option<&str>, user: Option<&str>) -> String {
        let kubeconfig = Kubeconfig::from_yaml(CONFIG).unwrap();
        let [context, cluster, user] = [context, cluster, user].map(|name| name.map(str::to_owned));
        let args = ConnectionArgs { context, cluster, user, ..ConnectionArgs::default() };
        check(&kubeconfig, &args).err().map_or_else(|| "ok".to_owned(), |error| error.message)
    }

    #[test]
    fn what_is_named_must_be_there() {
        assert_eq!(said(None, None, None), "ok");
        assert_eq!(said(Some("nobody"), Some("c"), Some("u")), "ok");
        assert_eq!(said(Some("nobody"), None, None), "ok", "a context may do without a user");
        assert_eq!(said(Some("astray"), None, Some("u")), "ok");
        assert_eq!(said(Some("nowhere"), Some("c"), None), "ok");
        insta::assert_snapshot!(said(Some("nosuch"), None, None), @r#"context "nosuch" does not exist in the kubeconfig"#);
        insta::assert_snapshot!(said(None, Some("nosuch"), None), @r#"cluster "nosuch" does not exist in the kubeconfig"#);
        insta::assert_snapshot!(said(None, None, Some("nosuch")), @r#"user "nosuch" does not exist in the kubeconfig"#);
        insta::assert_snapshot!(said(Some("astray"), None, None), @r#"context "astray" names the user "gone", which the kubeconfig does not have"#);
        insta::assert_snapshot!(said(Some("nowhere"), None, None), @r#"context "nowhere" names the cluster "gone", which the kubeconfig does not have"#);
    }

    #[test]
    fn without_a_chosen_context_nothing_is_asked() {
        let kubeconfig = Kubeconfig { current_context: Some(String::new()), ..Kubeconfig::from_yaml(CONFIG).unwrap() };
        let error = check(&kubeconfig, &ConnectionArgs::default()).unwrap_err();
        insta::assert_snapshot!(error.message, @"the kubeconfig has no current context");
    }
}
