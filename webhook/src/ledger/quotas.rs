//! All quotas: each runs in a task of its own, so that one that is stuck does not hold up another.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use backup_api::policy::{QuotaCount, QuotaState};
use backup_ledger::{Object, Standing};
use backup_policy::config::{
    Quota,
    resource::{SCHEDULES, VOLUME_SNAPSHOTS},
};
use kube::Client;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::{JoinHandle, JoinSet},
    time::{Instant, timeout_at},
};

use super::{
    decision::{Ask, Decision},
    hook::Probes,
    lead::Lead,
    peers::{Handed, PeerError, Peers, SHORTEST},
    report::Report,
    series::Series,
    stand::Stand,
    task::{self, Asked, Parts},
    times::{PATIENCE, Times},
    trouble::Trouble,
    wish::{Wanted, Wish},
};
use crate::health::{Health, watched};

/// Claims that may be on their way to one task.
const CLAIMS: usize = 1_024;
/// What the task has its answer's way back in.
const WAY_BACK: Duration = Duration::from_millis(100);

/// All quotas, which may come, go and change while the webhook runs.
pub struct Quotas {
    client: Client,
    probes: Probes,
    times: Times,
    series: Series,
    health: Arc<Health>,
    peers: Arc<Peers>,
    all: Mutex<All>,
}

#[derive(Default)]
struct All {
    begun: bool,
    running: BTreeMap<String, Running>,
    /// Resources without a quota of which creates were let through.
    unrecorded: BTreeSet<String>,
}

struct Running {
    wish: Wish,
    stand: watch::Receiver<Stand>,
    trouble: Trouble,
    asked: mpsc::Sender<Asked>,
    lead: Arc<Lead>,
    task: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Resources without a quota that are remembered; more than any webhook configuration names.
const REMEMBERED: usize = 1_024;

impl Quotas {
    /// No quotas yet.
    pub fn new(client: Client, probes: Probes, times: Times, series: Series, health: Arc<Health>) -> Self {
        Self {
            client,
            probes,
            times,
            series,
            health,
            peers: Arc::new(Peers::new(String::new(), None)),
            all: Mutex::default(),
        }
    }

    /// With other replicas, of which the one that writes a ledger is handed the others' claims.
    pub fn beside(self, peers: Arc<Peers>) -> Self {
        Self { peers, ..self }
    }

    /// Makes these the quotas: new ones begin, others get their limit, and those that are not named end. Call it first with
    /// what the cluster's policy says: a quota that is missing here for a moment has to set up its ledger again.
    pub fn set(&self, quotas: &[Quota]) {
        let mut all = self.all();
        let mut unread = JoinSet::new();
        for quota in quotas {
            let wanted = Wanted::Limit(quota.limit);
            let taken_up = all.running.get(&quota.resource).is_some_and(|running| running.wish.set(wanted));
            if !taken_up {
                let void = all.unrecorded.remove(&quota.resource);
                let (running, read) = self.begin(quota, void);
                all.running.insert(quota.resource.clone(), running);
                unread.spawn(read);
            }
        }
        all.running.retain(|_, running| !running.wish.is_retired());
        for (resource, running) in &all.running {
            if !quotas.iter().any(|quota| quota.resource == *resource) {
                running.wish.set(Wanted::Gone);
            }
        }
        if !std::mem::replace(&mut all.begun, true) {
            let health = Arc::clone(&self.health);
            tokio::spawn(async move {
                while unread.join_next().await.is_some() {}
                health.set_ledgers();
            });
        } else {
            unread.detach_all();
        }
    }

    fn begin(&self, quota: &Quota, void: bool) -> (Running, impl Future<Output = ()> + Send + use<>) {
        self.series.begins(&quota.resource);
        let (wish, wanted) = Wish::new(Wanted::Limit(quota.limit));
        let (asked, asked_receiver) = mpsc::channel(CLAIMS);
        let (read_sender, read) = oneshot::channel();
        let (stand_sender, stand) = watch::channel(Stand { limit: quota.limit, ..Stand::default() });
        let trouble = Trouble::default();
        let lead = Arc::new(Lead::new(self.peers.own(), Arc::clone(&self.health)));
        let parts = Parts {
            resource: quota.resource.clone(),
            client: self.client.clone(),
            probes: self.probes.clone(),
            times: self.times,
            report: Report::new(self.series.clone(), self.client.clone(), &quota.resource),
            wanted,
            asked: asked_receiver,
            lead: Arc::clone(&lead),
            read: read_sender,
            stand: stand_sender,
            trouble: trouble.clone(),
            void,
        };
        let task = tokio::spawn(watched(quota.resource.clone(), task::run(parts), Arc::clone(&self.health)));
        let read = async {
            // A task that ends without having read is one whose quota is no more.
            drop(read.await);
        };
        (Running { wish, stand, trouble, asked, lead, task }, read)
    }

    /// Asks for a slot, of the replica that writes the ledger when that is another; nothing when there is no quota for that
    /// resource.
    pub async fn claim(&self, resource: &str, ask: Ask, deadline: Instant) -> Option<Decision> {
        if !fits(resource, &ask) {
            return Some(later(resource, "the names in the request are longer than Kubernetes allows"));
        }
        let arrived = Instant::now();
        // Nobody waits longer for having been handed over.
        let deadline = deadline.min(arrived + PATIENCE + WAY_BACK);
        if let Some(decision) = self.hand_over(resource, &ask, deadline.min(arrived + PATIENCE)).await {
            return Some(decision);
        }
        let standing = ask.standing;
        let decided = self.decide(resource, ask, deadline, Origin::Review).await;
        decided.unwrap_or_else(|why| Some(undecided(resource, standing, why)))
    }

    /// Decides a claim that another replica hands over; nothing when this one cannot, so that the other does: also when the
    /// other knows of another limit, or the replica whose policy is oldest would decide for all.
    ///
    /// # Errors
    /// When its time is over here.
    pub async fn decide_handed(&self, handed: &Handed) -> Result<Option<Decision>, Overdue> {
        let (resource, ask) = (handed.resource.as_str(), handed.ask());
        if !fits(resource, &ask) || self.health.not_ready().is_some() {
            return Ok(None);
        }
        let lead = self.lead(resource).filter(|(_, limit)| *limit == handed.limit);
        let Some((lead, _)) = lead else { return Ok(None) };
        lead.reached();
        let deadline = handed.deadline(Instant::now()) + WAY_BACK;
        match self.decide(resource, ask, deadline, Origin::Replica).await {
            Ok(decision) => Ok(decision),
            Err(Undecided::Late | Undecided::Crowded) => Err(Overdue),
            Err(Undecided::NoPolicy) => Ok(None),
        }
    }

    /// Who writes that quota's ledger, and how many slots this replica knows there to be.
    fn lead(&self, resource: &str) -> Option<(Arc<Lead>, u32)> {
        let all = self.all();
        let running = all.running.get(resource)?;
        Some((Arc::clone(&running.lead), running.wish.limit()?))
    }

    async fn hand_over(&self, resource: &str, ask: &Ask, by: Instant) -> Option<Decision> {
        let (lead, limit) = self.lead(resource)?;
        let may = !ask.dry_run && ask.standing == Standing::Limited && by >= Instant::now() + SHORTEST;
        let other = lead.other().filter(|_| may)?;
        match self.peers.ask((other, &lead), (resource, limit), ask, by).await {
            Ok(decision) => {
                lead.decided(other);
                self.series.handed(resource, "decided");
                Some(decision)
            }
            // Whatever it did with it: asked again here, the claim is found recorded, or is not recorded twice.
            Err(error) => {
                // One that has fallen silent may only have nothing to write, and one that has too much to do is still the one
                // to be asked: those who write beside it make it slower.
                if !matches!(error, PeerError::Silent | PeerError::Busy | PeerError::Overdue) {
                    tracing::warn!(%error, %other, resource, "another replica did not decide a claim");
                    lead.shun(other);
                }
                self.series.handed(resource, error.outcome());
                None
            }
        }
    }

    /// Asks for a slot here; nothing when there is no quota for that resource.
    async fn decide(
        &self,
        resource: &str,
        ask: Ask,
        deadline: Instant,
        origin: Origin,
    ) -> Result<Option<Decision>, Undecided> {
        let asked = {
            let mut all = self.all();
            match all.running.get(resource).filter(|running| !running.wish.is_retired()) {
                Some(running) => running.asked.clone(),
                None if !all.begun => return Err(Undecided::NoPolicy),
                None => {
                    // Under the lock by which a quota begins: it either finds the claim or learns that one was let through.
                    if origin == Origin::Review && !ask.dry_run && all.unrecorded.len() < REMEMBERED {
                        all.unrecorded.insert(resource.to_owned());
                    }
                    return Ok(None);
                }
            }
        };
        // One that is too late would still take a slot.
        if deadline <= Instant::now() + WAY_BACK {
            return Err(Undecided::Late);
        }
        let (reply, answer) = oneshot::channel();
        let claim = Asked { ask, deadline: deadline.checked_sub(WAY_BACK).unwrap_or(deadline), reply };
        asked.try_send(claim).map_err(|_| Undecided::Crowded)?;
        match timeout_at(deadline, answer).await {
            Ok(Ok(decision)) => Ok(Some(decision)),
            Ok(Err(_)) | Err(_) => Err(Undecided::Late),
        }
    }

    /// How the quotas stand, in the order of their names.
    pub fn stand(&self) -> Vec<QuotaCount> {
        let all = self.all();
        let wanted = all.running.iter().filter(|(_, running)| running.wish.limit().is_some());
        wanted.map(|(resource, running)| running.stand.borrow().told(resource, &running.trouble.known())).collect()
    }

    /// What the author of a policy has to know of quotas of these resources: whether they are kept shows only later.
    pub fn doubts<'a>(&self, resources: impl Iterator<Item = &'a str>) -> impl Iterator<Item = String> {
        let stand = self.stand();
        resources.filter_map(move |resource| {
            let known = stand.iter().find(|quota| quota.resource == resource);
            match known.map(|quota| quota.state) {
                Some(QuotaState::NotAsked | QuotaState::Unreadable) => {
                    known.map(|quota| format!("the limit of {resource} is not kept: {}", quota.message))
                }
                Some(_) => None,
                // The manifests make API servers ask about these two.
                None if [VOLUME_SNAPSHOTS, SCHEDULES].contains(&resource) => None,
                None => Some(format!(
                    "{resource} is counted once API servers ask the webhook about it: run kubectl backup policy grant, and see \
                     kubectl get backuppolicy"
                )),
            }
        })
    }

    /// Whether there is a quota for that resource.
    pub fn counts(&self, resource: &str) -> bool {
        self.all().running.get(resource).is_some_and(|running| !running.wish.is_retired())
    }

    fn all(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who brings a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// An API server: what is not decided is let through.
    Review,
    /// Another replica, which decides what is not decided here.
    Replica,
}

/// The time of a claim that was handed over is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overdue;

/// Why this replica could not decide.
#[derive(Debug, Clone, Copy)]
enum Undecided {
    Late,
    NoPolicy,
    Crowded,
}

impl Undecided {
    fn words(self) -> &'static str {
        match self {
            Self::Late => "the quota could not be checked in time; try again",
            Self::NoPolicy => "the cluster's policy is still being read; try again",
            Self::Crowded => "too many creates are waiting for it; try again",
        }
    }
}

/// Whether the names are such as an API server sends: what is recorded shares one object with all others.
fn fits(resource: &str, ask: &Ask) -> bool {
    let Object { key, uid } = &ask.object;
    let (namespace, name) = (key.namespace().len(), key.name().len());
    resource.len() <= 317 && namespace <= 63 && name <= 253 && uid.to_string().len() <= 64 && ask.user.len() <= 1024
}

/// What is told when this replica could not decide. Who is never refused goes on all the same, and what it makes is adopted: a
/// refusal of ours would hold where the failure policy says that none shall.
fn undecided(resource: &str, standing: Standing, why: Undecided) -> Decision {
    match standing {
        Standing::Limited => later(resource, why.words()),
        Standing::NeverRefused => {
            tracing::warn!(resource, why = why.words(), "let through unrecorded, as the account is never refused");
            Decision::Admitted
        }
    }
}

fn later(resource: &str, why: &str) -> Decision {
    let plural = resource.split('.').next().unwrap_or(resource);
    Decision::Later { message: format!("cluster quota {plural}: {why}"), retry_after: 1 }
}

#[cfg(test)]
mod tests {
    use backup_ledger::{Key, Uid};
    use backup_policy::{Config, config::Accounts};
    use futures::FutureExt as _;
    use prometheus_client::registry::Registry;
    use serde_json::json;

    use super::*;
    use crate::{clock::Clock, ledger::Configuration};

    #[test]
    fn what_no_api_server_sends_is_not_recorded() {
        let ask = |namespace: usize, name: usize, uid: usize, user: usize| Ask {
            object: Object::new(Key::new(&"n".repeat(namespace), &"m".repeat(name)), Uid::new(&"u".repeat(uid))),
            user: "x".repeat(user),
            dry_run: false,
            batch: 1,
            standing: Standing::Limited,
        };
        assert!(fits("volumesnapshots.snapshot.storage.k8s.io", &ask(63, 253, 36, 200)));
        assert!(!fits(&"r".repeat(318), &ask(1, 1, 1, 1)));
        for wrong in [ask(64, 1, 1, 1), ask(1, 254, 1, 1), ask(1, 1, 65, 1), ask(1, 1, 1, 1025)] {
            assert!(!fits("r", &wrong));
        }
    }

    /// Quotas of a ready replica in a cluster that never answers.
    fn unanswered() -> Quotas {
        let client = Client::new(tower::service_fn(|_: http::Request<kube::client::Body>| silence()), "system");
        let config = kube::Config::new("http://127.0.0.1:1".parse().expect("an address"));
        let health = Health::default();
        health.set_certificate();
        health.set_policy();
        health.set_ledgers();
        let asking = Configuration::new(client.clone(), "asking");
        let probes = Probes::new(config, client.clone(), "system", asking);
        let times = Times::new(Duration::ZERO, Clock::default());
        Quotas::new(client, probes, times, Series::new(&mut Registry::default()), Arc::new(health))
    }

    async fn silence() -> Result<http::Response<kube::client::Body>, std::convert::Infallible> {
        std::future::pending().await
    }

    #[tokio::test(start_paused = true)]
    async fn a_claim_is_decided_for_another_replica_only_by_the_limit_that_it_knows() {
        let quotas = unanswered();
        let handed = |limit: u32| {
            let handed =
                json!({"resource": SCHEDULES, "namespace": "n", "name": "m", "uid": "u", "user": "x", "limit": limit});
            serde_json::from_value::<Handed>(handed).expect("a claim")
        };
        let at_once = |limit| quotas.decide_handed(&handed(limit)).now_or_never();
        let set = |limit| quotas.set(&[Quota { resource: SCHEDULES.to_owned(), limit, exempt: Accounts::default() }]);
        assert_eq!(at_once(3), Some(Ok(None)), "nothing is counted");
        set(3);
        assert_eq!(at_once(3), None, "it is worked at");
        assert_eq!((at_once(2), at_once(4)), (Some(Ok(None)), Some(Ok(None))));
        set(2);
        assert_eq!((at_once(3), at_once(2)), (Some(Ok(None)), None));
        quotas.set(&[]);
        for limit in [2, u32::MAX] {
            assert_eq!(at_once(limit), Some(Ok(None)), "the quota ends, and what has no limit decides for nobody");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_hands_a_claim_over_hears_the_end_of_it_before_its_own_time_is_over() {
        let quotas = unanswered();
        quotas.set(&[Quota { resource: SCHEDULES.to_owned(), limit: 3, exempt: Accounts::default() }]);
        let decided_after = async |left: Option<u64>| {
            let mut handed =
                json!({"resource": SCHEDULES, "namespace": "n", "name": "m", "uid": "u", "user": "x", "limit": 3});
            left.into_iter().for_each(|left| handed["left"] = json!(left));
            let begun = Instant::now();
            let decided = quotas.decide_handed(&serde_json::from_value(handed).expect("a claim")).await;
            assert_eq!(decided, Err(Overdue), "it is told, so that nobody takes this one for dead");
            begun.elapsed()
        };
        // Without the time, and with more than any claim has: as if it had just arrived there.
        for (left, has) in [(None, 2_000), (Some(60_000), 2_000), (Some(1_500), 1_500)] {
            let (after, has) = (decided_after(left).await, Duration::from_millis(has));
            assert!(after + Duration::from_millis(200) <= has, "{left:?}: {after:?}");
            assert!(after + Duration::from_millis(400) >= has, "{left:?}: {after:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_never_refused_need_not_wait_for_an_answer() {
        let quotas = unanswered();
        let ask = |standing| Ask {
            object: Object::new(Key::new("n", "m"), Uid::new("u")),
            user: "x".to_owned(),
            dry_run: false,
            batch: 1,
            standing,
        };
        let claim = async |standing, time| quotas.claim(SCHEDULES, ask(standing), Instant::now() + time).await;
        for (set, time) in [(false, PATIENCE), (true, Duration::ZERO), (true, PATIENCE)] {
            if set {
                quotas.set(&Config::default().quotas);
            }
            assert!(matches!(claim(Standing::Limited, time).await, Some(Decision::Later { .. })));
            assert_eq!(claim(Standing::NeverRefused, time).await, Some(Decision::Admitted));
        }
        for why in [Undecided::Late, Undecided::NoPolicy, Undecided::Crowded] {
            assert_eq!(undecided(SCHEDULES, Standing::NeverRefused, why), Decision::Admitted);
        }
    }
}
