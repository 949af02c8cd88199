//! kubectl's connection flags, with kubectl's names and meaning.

use std::{path::PathBuf, time::Duration};

use super::{parse_namespace, parse_request_timeout};

/// How the cluster is reached and as whom.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Connection")]
pub struct ConnectionArgs {
    /// Path to the kubeconfig file to use for CLI requests
    #[arg(long, global = true, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// The name of the kubeconfig context to use
    #[arg(long, global = true, value_name = "NAME")]
    pub context: Option<String>,
    /// The name of the kubeconfig cluster to use
    #[arg(long, global = true, value_name = "NAME", hide = true)]
    pub cluster: Option<String>,
    /// The name of the kubeconfig user to use
    #[arg(long, global = true, value_name = "NAME", hide = true)]
    pub user: Option<String>,
    /// The application's namespace
    #[arg(short, long, global = true, value_name = "NAMESPACE", value_parser = parse_namespace)]
    pub namespace: Option<String>,
    /// The address and port of the Kubernetes API server
    #[arg(short, long, global = true, value_name = "URL", hide = true)]
    pub server: Option<String>,
    /// Path to a certificate file for the certificate authority
    #[arg(long, global = true, value_name = "FILE", hide = true)]
    pub certificate_authority: Option<PathBuf>,
    /// Path to a client certificate file for TLS
    #[arg(long, global = true, value_name = "FILE", hide = true)]
    pub client_certificate: Option<String>,
    /// Path to a client key file for TLS
    #[arg(long, global = true, value_name = "FILE", hide = true)]
    pub client_key: Option<String>,
    /// If true, the server's certificate is not checked. This makes the connection insecure
    #[arg(long, global = true, hide = true)]
    pub insecure_skip_tls_verify: bool,
    /// Server name to use for the check of the server's certificate
    #[arg(long, global = true, value_name = "NAME", hide = true)]
    pub tls_server_name: Option<String>,
    /// Bearer token for authentication to the API server
    #[arg(long, global = true, value_name = "TOKEN", hide = true)]
    pub token: Option<secrecy::SecretString>,
    /// Username to impersonate for the operation
    #[arg(long = "as", global = true, value_name = "USER", hide = true)]
    pub impersonate: Option<String>,
    /// Group to impersonate for the operation; may be repeated
    #[arg(long = "as-group", global = true, value_name = "GROUP", hide = true)]
    pub impersonate_group: Vec<String>,
    /// UID to impersonate for the operation
    #[arg(long = "as-uid", global = true, value_name = "UID", hide = true)]
    pub impersonate_uid: Option<String>,
    /// How long to wait for the answer to a single request (such as 5, 5s or 1m; a bare number is seconds); 0 waits forever
    #[arg(long, global = true, value_name = "DURATION", default_value = "30s", value_parser = parse_request_timeout)]
    pub request_timeout: Duration,
    /// If true, answers are not compressed
    #[arg(long, global = true, hide = true)]
    pub disable_compression: bool,
    /// The namespace that Velero runs in; found when absent
    #[arg(long, global = true, value_name = "NAMESPACE", env = "KUBECTL_BACKUP_VELERO_NAMESPACE")]
    pub velero_namespace: Option<String>,
}
