//! From flags and kubeconfig to a client.

use std::{sync::Arc, time::Duration};

use http::{HeaderValue, header::USER_AGENT};
use kube::{
    Client, Config,
    client::ClientBuilder,
    config::{KubeConfigOptions, KubeconfigError},
};
use tower::{ServiceBuilder, buffer::BufferLayer, retry::RetryLayer};

use super::{
    deadline::DeadlineLayer,
    kubeconfig::{Files, Found},
    named,
    retry::RetryReads,
    warnings::WarningLayer,
};
use crate::{
    args::ConnectionArgs,
    error::{CliError, Result},
};

/// Time for the TCP and TLS handshakes, at most: a host that drops packets is told apart from a slow server.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Requests that may wait for the connection at a time.
const REQUESTS_AT_ONCE: usize = 64;

/// A cluster that can be spoken to.
#[derive(Clone)]
pub struct Cluster {
    /// The client, with deadlines, warnings and retries of reads.
    pub client: Client,
    /// The application's namespace: `-n`, else the context's, else `default`.
    pub namespace: String,
    /// The context's name, for confirmations; `in-cluster` or the server's address when there is none.
    pub context: String,
    /// Velero's namespace when it was given by flag or environment.
    pub velero_namespace: Option<String>,
}

/// Connects as the flags say. Nothing is sent yet.
///
/// # Errors
/// When the kubeconfig cannot be read, names no such context, or holds credentials that cannot be used.
pub async fn connect(args: &ConnectionArgs, warn: Arc<dyn Fn(&str) + Send + Sync>) -> Result<Cluster> {
    let (mut config, context) = load(args).await?;
    apply_flags(&mut config, args)?;
    let server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
    let namespace = args.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
    let layers = ServiceBuilder::new()
        .layer(WarningLayer::new(warn))
        .layer(RetryLayer::new(RetryReads::default()))
        // The layers below cannot be cloned, as a retry needs: the buffer's handle can.
        .layer(BufferLayer::new(REQUESTS_AT_ONCE))
        .layer(DeadlineLayer::new(args.request_timeout, &server))
        .into_inner();
    let builder = ClientBuilder::try_from(config).map_err(|error| {
        CliError::new(format!("failed to set up the connection to {server}: {error}"))
            .hint("Check the certificates and credentials of the context in your kubeconfig.")
    })?;
    Ok(Cluster {
        client: builder.with_layer(&layers).build(),
        namespace,
        context,
        velero_namespace: args.velero_namespace.clone(),
    })
}

async fn load(args: &ConnectionArgs) -> Result<(Config, String)> {
    let kubeconfig = match files(args).read()? {
        Found::Config(kubeconfig) if !kubeconfig.contexts.is_empty() => *kubeconfig,
        Found::Config(_) => return without_contexts(args, "the kubeconfig has no contexts"),
        Found::Nothing(looked) => {
            let looked: Vec<String> = looked.iter().map(|path| path.display().to_string()).collect();
            return without_contexts(args, &format!("there is no kubeconfig (looked for {})", looked.join(", ")));
        }
    };
    named::check(&kubeconfig, args)?;
    let options =
        KubeConfigOptions { context: args.context.clone(), cluster: args.cluster.clone(), user: args.user.clone() };
    let context = args.context.clone().or_else(|| kubeconfig.current_context.clone()).unwrap_or_default();
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|error| unusable(&error))?;
    Ok((config, context))
}

#[allow(clippy::disallowed_methods, reason = "the edge where the plugin reads the environment")]
fn files(args: &ConnectionArgs) -> Files {
    let environment = std::env::var_os("KUBECONFIG");
    Files::of(args.kubeconfig.as_deref(), environment.as_deref(), std::env::home_dir())
}

/// No contexts: a user who gave --server, or a pod in the cluster. Never when a context was meant: the pod's own cluster
/// would be another one than the user's.
fn without_contexts(args: &ConnectionArgs, why: &str) -> Result<(Config, String)> {
    let named = [("context", &args.context), ("cluster", &args.cluster), ("user", &args.user)];
    if let Some((kind, name)) = named.into_iter().find_map(|(kind, name)| Some((kind, name.as_ref()?))) {
        return Err(CliError::new(format!("the {kind} {name:?} does not exist: {why}"))
            .hint("Name a kubeconfig with --kubeconfig or $KUBECONFIG."));
    }
    if let Some(server) = &args.server {
        return Ok((Config::new(server_url(server)?), server.clone()));
    }
    let nowhere = || {
        CliError::new(format!("no cluster to talk to: {why}"))
            .hint("Name a kubeconfig with --kubeconfig or $KUBECONFIG, or a server with --server.")
    };
    if args.kubeconfig.is_some() {
        return Err(nowhere());
    }
    let config = Config::incluster().map_err(|_| nowhere())?;
    Ok((config, "in-cluster".to_owned()))
}

fn unusable(error: &KubeconfigError) -> CliError {
    CliError::new(format!("the kubeconfig cannot be used: {error}"))
        .hint("See what kubectl reads with: kubectl config view")
}

fn server_url(text: &str) -> Result<http::Uri> {
    let with_scheme = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    with_scheme.parse().map_err(|error| CliError::usage(format!("--server {text:?} is no address: {error}")))
}

fn apply_flags(config: &mut Config, args: &ConnectionArgs) -> Result<()> {
    if let Some(server) = &args.server {
        config.cluster_url = server_url(server)?;
    }
    if let Some(path) = &args.certificate_authority {
        config.root_cert_file = Some(path.clone());
    }
    if args.insecure_skip_tls_verify {
        config.accept_invalid_certs = true;
    }
    if let Some(name) = &args.tls_server_name {
        config.tls_server_name = Some(name.clone());
    }
    config.disable_compression |= args.disable_compression;
    let auth = &mut config.auth_info;
    if let Some(token) = &args.token {
        auth.token = Some(token.clone());
        auth.token_file = None;
    }
    if let Some(path) = &args.client_certificate {
        auth.client_certificate = Some(path.clone());
        auth.client_certificate_data = None;
    }
    if let Some(path) = &args.client_key {
        auth.client_key = Some(path.clone());
        auth.client_key_data = None;
    }
    if args.impersonate.is_some() {
        auth.impersonate.clone_from(&args.impersonate);
    }
    if !args.impersonate_group.is_empty() {
        auth.impersonate_groups = Some(args.impersonate_group.clone());
    }
    if args.impersonate_uid.is_some() {
        auth.impersonate_uid.clone_from(&args.impersonate_uid);
    }
    // kube retries creates too, for minutes: our own layer retries reads only.
    config.default_retry = false;
    config.connect_timeout = Some(match args.request_timeout {
        Duration::ZERO => CONNECT_TIMEOUT,
        limit => limit.min(CONNECT_TIMEOUT),
    });
    config.headers.push((USER_AGENT, HeaderValue::from_static(USER_AGENT_VALUE)));
    Ok(())
}

const USER_AGENT_VALUE: &str = concat!("kubectl-backup/v", env!("CARGO_PKG_VERSION"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_names_a_context_never_gets_another_cluster() {
        let server = Some("https://127.0.0.1:1".to_owned());
        let name = Some("prod".to_owned());
        for args in [
            ConnectionArgs { context: name.clone(), ..ConnectionArgs::default() },
            ConnectionArgs { cluster: name.clone(), ..ConnectionArgs::default() },
            ConnectionArgs { user: name, server: server.clone(), ..ConnectionArgs::default() },
        ] {
            let error = without_contexts(&args, "there is no kubeconfig").unwrap_err();
            assert!(error.message.ends_with("\"prod\" does not exist: there is no kubeconfig"), "{}", error.message);
        }
        let args = ConnectionArgs { server, ..ConnectionArgs::default() };
        assert_eq!(without_contexts(&args, "none").unwrap().1, "https://127.0.0.1:1");
    }
}
