//! The command line.

use std::{net::SocketAddr, path::PathBuf};

use clap::Parser;
use jiff::SignedDuration;

/// Admission webhook of kubectl backup
#[derive(Debug, Parser)]
#[command(name = "backup-webhook", version)]
pub struct Args {
    /// Address to answer the API server on (HTTPS)
    #[arg(long, value_name = "ADDR:PORT", default_value = "[::]:9443")]
    pub listen: SocketAddr,

    /// Address of /healthz, /readyz and /metrics (HTTP)
    #[arg(long, value_name = "ADDR:PORT", default_value = "[::]:8080")]
    pub admin_listen: SocketAddr,

    /// Namespace of this webhook: its certificate is kept there
    #[arg(long, env = "POD_NAMESPACE", value_name = "NAME", default_value = "kubectl-backup-system")]
    pub namespace: String,

    /// Service through which the API server reaches this webhook
    #[arg(long, value_name = "NAME", default_value = "backup-webhook")]
    pub service: String,

    /// Namespace of Velero, whose service account `velero` is never bound by quotas
    #[arg(long, value_name = "NAME", default_value = "velero")]
    pub velero_namespace: String,

    /// Another user that quotas do not bind; may be given several times
    #[arg(long, value_name = "USER")]
    pub exempt_user: Vec<String>,

    #[command(flatten)]
    pub tls: Tls,

    /// How long to go on serving after a request to stop, so that every API server has noticed
    #[arg(long, value_name = "DURATION", default_value = "10s")]
    pub drain_delay: SignedDuration,

    /// What to log, as in `info` or `backup_webhook=debug`
    #[arg(long, env = "RUST_LOG", value_name = "FILTER", default_value = "info")]
    pub log: String,
}

/// Where the certificate comes from: files, or a Secret that the webhook itself fills.
#[derive(Debug, clap::Args)]
pub struct Tls {
    /// Certificate chain in PEM, as cert-manager makes it; without it the webhook makes its own
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,

    /// Private key of the certificate in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,

    /// Secret that keeps the webhook's own certificate
    #[arg(long, value_name = "NAME", default_value = "backup-webhook-tls")]
    pub tls_secret: String,

    /// Further DNS name or address to put into the webhook's own certificate; may be given several times
    #[arg(long, value_name = "NAME")]
    pub tls_name: Vec<String>,

    /// Webhook configurations (validating and mutating) that are told the webhook's own CA
    #[arg(long, value_name = "NAME", default_value = "backup-webhook")]
    pub configuration: String,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
        let args = Args::parse_from(["backup-webhook", "--drain-delay", "0s"]);
        assert_eq!(args.drain_delay, SignedDuration::ZERO);
        assert!(Args::try_parse_from(["backup-webhook", "--tls-cert", "a"]).is_err(), "a certificate needs its key");
    }
}
