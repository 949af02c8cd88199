//! The command line.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use clap::Parser;
use jiff::SignedDuration;

use crate::ledger::SHORTEST_TTL;

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

    /// Address of this replica, to which the others hand claims while it writes a quota's ledger; without it, and without one in
    /// --listen, each writes for itself
    #[arg(long, env = "POD_IP", value_name = "ADDR")]
    pub pod_ip: Option<IpAddr>,

    /// Namespace of this webhook: its certificate is kept there
    #[arg(long, env = "POD_NAMESPACE", value_name = "NAME", default_value = "kubectl-backup-system")]
    pub namespace: String,

    /// Service through which the API server reaches this webhook
    #[arg(long, value_name = "NAME", default_value = "backup-webhook")]
    pub service: String,

    /// A user that neither quotas nor locks bind, and that rules only warn, as exemptions of the BackupPolicy; may be given
    /// several times. Velero's account is known by the webhook configurations
    #[arg(long, value_name = "USER")]
    pub exempt_user: Vec<String>,

    /// How long a backup is kept whose author does not say, as in `720h`; without it Velero's server decides by its own
    /// --default-backup-ttl
    #[arg(long, value_name = "DURATION", value_parser = retention)]
    pub default_backup_ttl: Option<Retention>,

    #[command(flatten)]
    pub tls: Tls,

    #[command(flatten)]
    pub callers: CallerArgs,

    /// Read a clock that is ahead by so much, or behind with a minus: to see what a wrong clock does
    #[arg(long, value_name = "DURATION", default_value = "0s", allow_hyphen_values = true, hide = true)]
    pub clock_offset: SignedDuration,

    /// How long to go on serving after a request to stop, so that every API server has noticed
    #[arg(long, value_name = "DURATION", default_value = "10s")]
    pub drain_delay: SignedDuration,

    /// How long an admitted create may still be written; at least 45s
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = ledger_ttl, hide = true)]
    pub ledger_ttl: SignedDuration,

    /// How long a policy that is not there any more stays in force: whoever replaces one by force takes it away for a moment
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = policy_grace)]
    pub policy_grace: SignedDuration,

    /// What to log, as in `info` or `backup_webhook=debug`
    #[arg(long, env = "RUST_LOG", value_name = "FILTER", default_value = "info")]
    pub log: String,
}

/// How long backups are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention(SignedDuration);

impl fmt::Display for Retention {
    /// As a Go duration, which is how Velero's objects write it.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        write!(out, "{}h{}m{}s", seconds / 3600, seconds / 60 % 60, seconds % 60)
    }
}

fn retention(text: &str) -> Result<Retention, String> {
    let duration: SignedDuration = text.parse().map_err(|error| format!("{error}; write hours, as in 720h"))?;
    // A Go duration ends after 292 years, and a backup that ends before it is made helps nobody.
    if duration < SignedDuration::from_hours(1) || duration > SignedDuration::from_hours(24 * 365 * 200) {
        return Err("a backup must be kept for at least 1h and at most 200 years".to_owned());
    }
    Ok(Retention(duration))
}

fn ledger_ttl(text: &str) -> Result<SignedDuration, String> {
    let ttl: SignedDuration = text.parse().map_err(|error| format!("{error}; write seconds, as in 60s"))?;
    // Below that a create could be written after its slot was given to another.
    let shortest = SignedDuration::try_from(SHORTEST_TTL).map_err(|error| error.to_string())?;
    if ttl < shortest || ttl > SignedDuration::from_mins(10) {
        return Err("an API server may write a create 41 s after it was admitted: use 45s to 10m".to_owned());
    }
    Ok(ttl)
}

fn policy_grace(text: &str) -> Result<SignedDuration, String> {
    bounded(text, SignedDuration::ZERO, SignedDuration::from_hours(24), "0s", "24h")
}

/// Where the certificate comes from: files, or a Secret that the webhook itself fills.
#[derive(Debug, clap::Args)]
pub struct Tls {
    /// Certificate chain in PEM, as cert-manager makes it; without it the webhook makes its own
    #[arg(long, env = "TLS_CERT_FILE", value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,

    /// Private key of the certificate in PEM
    #[arg(long, env = "TLS_KEY_FILE", value_name = "FILE", requires = "tls_cert")]
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

    /// How long the webhook's own certificate lasts; it is renewed when a third of that is left
    #[arg(long, value_name = "DURATION", default_value = "2160h", value_parser = lifetime)]
    pub certificate_lifetime: SignedDuration,

    /// How long the webhook's own CA lasts; it is replaced when a third of that is left
    #[arg(long, value_name = "DURATION", default_value = "43800h", value_parser = lifetime)]
    pub ca_lifetime: SignedDuration,

    /// How long every API server gets to learn of another CA before that is relied upon
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = overlap)]
    pub ca_overlap: SignedDuration,
}

/// Who may call.
#[derive(Debug, clap::Args)]
pub struct CallerArgs {
    /// CA certificates in PEM: only callers that show a certificate of theirs are answered. Without it anybody is, for API
    /// servers show one only when they are set up to
    #[arg(long, value_name = "FILE")]
    pub client_ca: Option<PathBuf>,

    /// Name in the caller's certificate, as its common name or an alternative one; may be given several times
    #[arg(long, value_name = "NAME", requires = "client_ca")]
    pub client_name: Vec<String>,
}

fn lifetime(text: &str) -> Result<SignedDuration, String> {
    bounded(text, SignedDuration::from_secs(10), SignedDuration::from_hours(24 * 365 * 20), "10s", "20 years")
}

fn overlap(text: &str) -> Result<SignedDuration, String> {
    bounded(text, SignedDuration::from_secs(1), SignedDuration::from_hours(24 * 30), "1s", "30 days")
}

fn bounded(
    text: &str,
    least: SignedDuration,
    most: SignedDuration,
    least_name: &str,
    most_name: &str,
) -> Result<SignedDuration, String> {
    let duration: SignedDuration = text.parse().map_err(|error| format!("{error}; write it as in 720h"))?;
    if (least..=most).contains(&duration) {
        Ok(duration)
    } else {
        Err(format!("must be between {least_name} and {most_name}"))
    }
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

    #[test]
    fn lifetimes_are_bounded_and_the_usual_ones_go_together() {
        let Tls { certificate_lifetime, ca_lifetime, ca_overlap, .. } = Args::parse_from(["backup-webhook"]).tls;
        assert!(crate::certs::Terms::new(certificate_lifetime, ca_lifetime, ca_overlap).is_ok());
        assert!(lifetime("1s").is_err() && lifetime("9999999h").is_err() && overlap("0s").is_err());
        insta::assert_snapshot!(lifetime("0s").expect_err("too short"), @"must be between 10s and 20 years");
        assert!(Args::try_parse_from(["backup-webhook", "--client-name", "a"]).is_err(), "a name without a CA");
        let behind = Args::parse_from(["backup-webhook", "--clock-offset", "-1h"]).clock_offset;
        assert_eq!(behind, SignedDuration::from_hours(-1));
    }

    #[test]
    fn a_create_is_not_given_up_while_it_may_still_be_written() {
        assert_eq!(ledger_ttl("45s"), Ok(SignedDuration::from_secs(45)));
        assert!(ledger_ttl("44s").is_err() && ledger_ttl("0s").is_err() && ledger_ttl("1h").is_err());
    }

    #[test]
    fn a_retention_is_told_as_a_go_duration_and_bounded() {
        let told = |text: &str| retention(text).map(|retention| retention.to_string());
        assert_eq!(told("720h").as_deref(), Ok("720h0m0s"));
        assert_eq!(told("1h30m5s").as_deref(), Ok("1h30m5s"));
        assert!(told("-1h").is_err() && told("0s").is_err() && told("9999999h").is_err());
        insta::assert_snapshot!(told("1m").expect_err("too short"), @"a backup must be kept for at least 1h and at most 200 years");
        assert!(told("soon").is_err_and(|message| message.ends_with("write hours, as in 720h")));
        assert_eq!(Args::parse_from(["backup-webhook"]).default_backup_ttl, None);
    }
}
