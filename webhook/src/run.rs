//! From the command line to a server that runs until it is asked to stop.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use backup_policy::{Config, config::Accounts};
use kube::{Client, config::InferConfigError};
use tokio::{
    task::{JoinError, JoinHandle},
    time::sleep,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::{
    admin,
    admit::Admission,
    args::{Args, CallerArgs, Tls},
    callers::{Callers, CallersError},
    certs::{Keeper, Settings, Terms, TermsError, follow_files},
    clock::Clock,
    events::Events,
    facts::Cluster,
    health::{Health, endless},
    ledger::{Configuration, Peers, Probes, Quotas, TTL, Times},
    listener::{BindError, bind},
    log,
    metrics::{Load, Metrics},
    paths::Paths,
    policy::{Current, Follower},
    router,
    server::{self, Limits},
    shutdown,
    tls::{Certificate, server_config},
};

/// The longest that a connection may be silent.
const SILENCE: Duration = Duration::from_secs(305);

/// Why the webhook cannot run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The log filter is none.
    #[error("--log: {0}")]
    Log(#[from] tracing_subscriber::filter::ParseError),
    /// There is no cluster to speak to.
    #[error("no cluster: {0}; run in a pod with a service account, or name a kubeconfig in KUBECONFIG")]
    Config(#[from] InferConfigError),
    /// The client could not be made.
    #[error("cannot speak to the cluster: {0}")]
    Client(#[from] kube::Error),
    /// A port is taken.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The lifetimes of certificates do not go together.
    #[error(transparent)]
    Terms(#[from] TermsError),
    /// Whoever may call cannot be told.
    #[error(transparent)]
    Callers(#[from] CallersError),
    /// Signals cannot be waited for.
    #[error("cannot wait for signals: {0}")]
    Signals(#[from] io::Error),
}

/// Serves until the process is asked to stop.
pub async fn run(args: Args) -> Result<(), RunError> {
    let Args {
        listen,
        admin_listen,
        pod_ip,
        namespace,
        service,
        exempt_user,
        default_backup_ttl,
        tls,
        callers,
        clock_offset,
        drain_delay,
        ledger_ttl,
        policy_grace,
        log,
    } = args;
    log::start(&log)?;
    let config = configuration().await?;
    let client = Client::try_from(config.clone())?;
    let health = Arc::new(Health::default());
    let metrics = Arc::new(Metrics::new());
    let clock = Clock::ahead_by(clock_offset);
    let asking = Configuration::new(client.clone(), &tls.configuration);
    let probes = Probes::new(config, client.clone(), &namespace, asking);
    let times = Times::new(Duration::try_from(ledger_ttl).unwrap_or(TTL), clock);
    let names = vec![format!("{service}.{namespace}.svc")];
    let peers = Arc::new(Peers::new(names.concat(), reached_at(listen, pod_ip, &tls, &callers)));
    let quotas = Quotas::new(client.clone(), probes, times, metrics.ledgers(), Arc::clone(&health));
    let quotas = Arc::new(quotas.beside(Arc::clone(&peers)));
    let ttl = default_backup_ttl.map(|ttl| ttl.to_string());
    let exemptions = Accounts { users: exempt_user.into_iter().collect(), ..Accounts::default() };
    let base = Config { backup_ttl: ttl.clone(), schedule_ttl: ttl, exemptions, ..Config::default() };
    let current = Current::new(base.clone());
    let grace = Duration::try_from(policy_grace).unwrap_or_default();
    let follower =
        Follower::new(client.clone(), base, current.clone(), metrics.policy(), Arc::clone(&health), clock, grace);
    let (counted, standing) = (Arc::clone(&quotas), Arc::clone(&quotas));
    let following = follower.run(move |config| counted.set(&config.quotas), move || standing.stand());
    let following = tokio::spawn(endless("policy", following, Arc::clone(&health)));
    let cluster = Cluster::new(client.clone());
    let learning = {
        let cluster = cluster.clone();
        async move { cluster.follow().await }
    };
    let learning = tokio::spawn(endless("volumes", learning, Arc::clone(&health)));
    let events = Arc::new(Events::new(client.clone()));
    let admission = Admission { config: current, cluster, clock, quotas, events, metrics: Arc::clone(&metrics) };
    // Bound before anything says ready.
    let callers = callers_of(callers).await?;
    let (listener, admin_listener) = (bind(listen).await?, bind(admin_listen).await?);
    let certificate = Arc::new(Certificate::new(metrics.certificate_ends()));
    // Where others write the webhook configurations, they write the paths too.
    let paths = if tls.tls_cert.is_some() { Arc::new(Paths::Plain) } else { Paths::secret() };
    let keeper = keep_certificate(client, namespace, names, tls, clock, (&certificate, &paths, &peers), &health)?;
    let acceptor = TlsAcceptor::from(Arc::new(server_config(certificate, callers, clock)));

    let (stop, stop_admin) = (CancellationToken::new(), CancellationToken::new());
    let router = router::router(admission, Arc::clone(&health), paths);
    let (limits, load) = (Limits::default(), metrics.load().clone());
    let serving = tokio::spawn(server::serve(listener, Some(acceptor), router, limits, load, stop.clone()));
    let admin = admin::router(Arc::clone(&health), metrics);
    let (limits, load) = (Limits::of_admin_port(), Load::default());
    let watching = tokio::spawn(server::serve(admin_listener, None, admin, limits, load, stop_admin.clone()));
    tracing::info!(%listen, %admin_listen, "listening");

    shutdown::requested().await?;
    tracing::info!("asked to stop");
    health.set_draining();
    sleep(Duration::try_from(drain_delay).unwrap_or_default()).await;
    stop.cancel();
    ended(serving.await);
    stop_admin.cancel();
    ended(watching.await);
    keeper.abort();
    following.abort();
    learning.abort();
    Ok(())
}

/// Where other replicas reach this one, if they may: by the path that only replicas and API servers know, and as they show no
/// certificates, only where callers need none.
fn reached_at(listen: SocketAddr, pod_ip: Option<IpAddr>, tls: &Tls, callers: &CallerArgs) -> Option<SocketAddr> {
    let own = Some(listen.ip()).filter(|ip| !ip.is_unspecified()).or(pod_ip)?;
    (tls.tls_cert.is_none() && callers.client_ca.is_none()).then(|| SocketAddr::new(own, listen.port()))
}

fn ended(task: Result<(), JoinError>) {
    if let Err(error) = task {
        tracing::error!(%error, "a server ended badly");
    }
}

async fn configuration() -> Result<kube::Config, RunError> {
    let mut config = kube::Config::infer().await?;
    // A retried answer would come after the API server has given up on us; whoever asks decides about trying again.
    config.default_retry = false;
    // What waits for no answer of its own, as watches do, gives a dead connection up: API servers end a watch after 295 s.
    config.read_timeout = Some(SILENCE);
    Ok(config)
}

/// Who may call, when that is limited; the file is followed from now on.
async fn callers_of(args: CallerArgs) -> Result<Option<Arc<Callers>>, CallersError> {
    let Some(file) = args.client_ca else { return Ok(None) };
    let callers = Callers::load(file, args.client_name).await?;
    tokio::spawn(Arc::clone(&callers).follow());
    Ok(Some(callers))
}

fn keep_certificate(
    client: Client,
    namespace: String,
    names: Vec<String>,
    tls: Tls,
    clock: Clock,
    (certificate, paths, peers): (&Arc<Certificate>, &Arc<Paths>, &Arc<Peers>),
    health: &Arc<Health>,
) -> Result<JoinHandle<()>, TermsError> {
    let (certificate, health) = (Arc::clone(certificate), Arc::clone(health));
    let (paths, peers) = (Arc::clone(paths), Arc::clone(peers));
    let Tls { tls_cert, tls_key, tls_secret, tls_name, configuration, certificate_lifetime, ca_lifetime, ca_overlap } =
        tls;
    if let (Some(chain), Some(key)) = (tls_cert, tls_key) {
        let following = follow_files(chain, key, certificate, Arc::clone(&health));
        return Ok(tokio::spawn(endless("certificate", following, health)));
    }
    let terms = Terms::new(certificate_lifetime, ca_lifetime, ca_overlap)?;
    let names = names.into_iter().chain(tls_name).collect();
    let settings = Settings { namespace, secret: tls_secret, configuration, names, terms };
    let keeper = Keeper::new(client, settings, clock, certificate, (paths, peers), Arc::clone(&health));
    Ok(tokio::spawn(endless("certificate", keeper.run(), health)))
}
