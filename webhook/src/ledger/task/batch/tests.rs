use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use backup_ledger::{Copy, Event, LedgerStatus, Object, Pending, Phase, Revision, Uid};
use backup_policy::config::resource::VOLUME_SNAPSHOTS;
use http::{Request, Response};
use kube::{Client, api::ApiResource, client::Body};
use serde_json::json;
use tokio::{
    sync::{Semaphore, mpsc, watch},
    task::yield_now,
};

use super::*;
use crate::{
    clock::Clock,
    ledger::{
        Configuration, Probes, Series, Times, counted::Counted, lead::Lead, report::Report, stand::Stand, task::Parts,
        trouble::Trouble, wish::Wish,
    },
};

/// Slots of objects that are there, that are under way, that are gone, and that could not be looked at.
fn world(there: usize, under_way: usize, gone: usize, unread: usize) -> (BTreeMap<Key, Slot>, Sightings) {
    let (mut slots, mut found) = (BTreeMap::new(), Sightings::default());
    let kinds = [("there", there), ("under-way", under_way), ("gone", gone), ("unread", unread)];
    for (kind, number) in kinds.into_iter().flat_map(|(kind, count)| (0..count).map(move |n| (kind, n))) {
        let (key, uid) = (Key::new("shop", &format!("{kind}-{number}")), Uid::new(&format!("{kind}-{number}")));
        let mut slot = Slot::default();
        match kind {
            "under-way" => drop(slot.pend.insert(uid.clone(), Pending::default())),
            _ => slot.live = Some(uid.clone()),
        }
        if kind != "unread" {
            found.at.insert(key.clone(), (kind == "there").then_some(uid));
        }
        slots.insert(key, slot);
    }
    (slots, found)
}

fn said(limit: usize, batch: usize, (slots, found): (BTreeMap<Key, Slot>, Sightings)) -> String {
    refusal(&slots, limit, batch, &found).map_or_else(|| "room".to_owned(), |refusal| refusal.to_string())
}

#[test]
fn only_objects_that_are_there_refuse_for_good() {
    assert_eq!(said(10, 2, world(8, 0, 0, 0)), "room");
    assert_eq!(said(10, 3, world(8, 0, 0, 0)), "8/10 used");
    assert_eq!(said(10, 3, world(7, 0, 3, 0)), "room", "what is gone holds nothing");
    assert_eq!(said(10, 3, world(0, 0, 0, 0)), "room");
    assert_eq!(said(2, 3, world(0, 0, 0, 0)), "0/2 used", "more than there are slots");
    assert_eq!(said(1, 1_000, world(3, 0, 0, 0)), "3/1 used", "more than are allowed are there");
}

#[test]
fn what_is_under_way_or_unknown_refuses_for_now() {
    let awaiting = "8/10 used, 1 of them by creates whose outcome is not known yet; try again in a moment";
    assert_eq!(said(10, 3, world(7, 1, 0, 0)), awaiting);
    assert_eq!(said(10, 2, world(7, 1, 0, 0)), "room");
    assert_eq!(said(10, 3, world(8, 1, 0, 0)), "8/10 used", "whatever becomes of the others");
    let unknown = Refusal::TimedOut.to_string();
    assert_eq!(said(10, 3, world(7, 0, 0, 1)), unknown);
    assert_eq!(said(10, 3, world(8, 0, 0, 1)), unknown, "nobody is named who was not looked at");
}

/// A task whose ledger holds snapshots that are there, in a cluster that answers as many reads of them as it is let.
struct World {
    task: Task,
    asked: Arc<AtomicUsize>,
    let_go: Arc<Semaphore>,
    _wish: Wish,
}

impl World {
    fn new(limit: u32, held: usize) -> Self {
        let (asked, let_go) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
        let client = cluster(&asked, &let_go);
        let (wish, wanted) = Wish::new(Wanted::Limit(limit));
        let mut config = kube::Config::new("http://127.0.0.1:1".parse().expect("an address"));
        config.default_retry = false;
        let series = Series::new(&mut prometheus_client::registry::Registry::default());
        let parts = Parts {
            resource: VOLUME_SNAPSHOTS.to_owned(),
            client: client.clone(),
            probes: Probes::new(config, client.clone(), "system", Configuration::new(client.clone(), "asking")),
            times: Times::new(Duration::from_secs(60), Clock::default()),
            report: Report::new(series, client, VOLUME_SNAPSHOTS),
            wanted,
            asked: mpsc::channel(1).1,
            lead: Arc::new(Lead::new(None, Arc::default())),
            read: oneshot::channel().0,
            stand: watch::channel(Stand::default()).0,
            trouble: Trouble::default(),
            void: false,
        };
        let mut task = Task::new(parts);
        let api_resource = ApiResource {
            group: "snapshot.storage.k8s.io".to_owned(),
            version: "v1".to_owned(),
            api_version: "snapshot.storage.k8s.io/v1".to_owned(),
            kind: "VolumeSnapshot".to_owned(),
            plural: "volumesnapshots".to_owned(),
        };
        task.counted = watch::channel(Some(Counted::new(api_resource, true, VOLUME_SNAPSHOTS))).1;
        let (slots, _) = world(held, 0, 0, 0);
        let status = LedgerStatus { phase: Phase::Ready, slots, ..LedgerStatus::default() };
        let revision = Revision { incarnation: Uid::new("ledger"), version: "1".to_owned() };
        for event in [Event::ReconcileDue, Event::LedgerRead(Some(Copy { revision, status }))] {
            drop(task.replica.step(event));
        }
        Self { task, asked, let_go, _wish: wish }
    }

    /// A dry run for so many comes in.
    fn ask(&mut self, batch: usize) -> oneshot::Receiver<Decision> {
        let (reply, answer) = oneshot::channel();
        let object = Object::new(Key::new("shop", "new"), Uid::new("new"));
        let ask = Ask { object, user: "ann".to_owned(), dry_run: true, batch, standing: Standing::Limited };
        if let Some(shown) = self.task.count(Several { ask, arrived: Instant::now(), reply }) {
            self.task.answer(shown, &Verdict::Admitted);
        }
        answer
    }

    /// Waits until so many reads were sent, and a while longer.
    async fn sent(&self, reads: usize) {
        let all = async {
            while self.asked.load(Ordering::SeqCst) < reads {
                yield_now().await;
            }
        };
        timeout(PATIENCE, all).await.expect("they are sent");
        for _ in 0..100 {
            yield_now().await;
        }
        assert_eq!(self.asked.load(Ordering::SeqCst), reads);
    }

    /// Lets so many reads be answered, and takes in what the look found.
    async fn look_ends(&mut self, reads: usize) {
        self.let_go.add_permits(reads);
        while let Some(heard) = self.task.heard.1.recv().await {
            if matches!(heard, Heard::Counted(_)) {
                return self.task.hear(heard);
            }
        }
    }
}

fn cluster(asked: &Arc<AtomicUsize>, let_go: &Arc<Semaphore>) -> Client {
    let (asked, let_go) = (Arc::clone(asked), Arc::clone(let_go));
    let answer = tower::service_fn(move |request: Request<Body>| {
        let (asked, let_go) = (Arc::clone(&asked), Arc::clone(&let_go));
        async move {
            let (before, name) = request.uri().path().rsplit_once('/').expect("a path");
            if !before.ends_with("/namespaces/shop/volumesnapshots") {
                return std::future::pending().await;
            }
            asked.fetch_add(1, Ordering::SeqCst);
            let_go.acquire().await.expect("it stays open").forget();
            let found = json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata",
                "metadata": {"name": name, "namespace": "shop", "uid": name}});
            Ok::<_, Infallible>(Response::new(Body::from(found.to_string().into_bytes())))
        }
    });
    Client::new(answer, "system")
}

fn message(decision: Decision) -> String {
    match decision {
        Decision::Full { message } | Decision::Later { message, .. } => message,
        other => format!("{other:?}"),
    }
}

#[tokio::test]
async fn all_that_came_before_a_look_share_it_and_only_one_is_under_way() {
    let mut world = World::new(10, 8);
    let mut first = world.ask(3);
    world.sent(8).await;
    let mut later: Vec<_> = [3; 50].into_iter().chain([2]).map(|batch| world.ask(batch)).collect();
    assert_eq!(later.pop().expect("one").await, Ok(Decision::Admitted), "the ledger alone shows the room");
    world.sent(8).await;
    world.look_ends(8).await;
    assert!(message(first.try_recv().expect("it is answered")).contains("8/10 used, room for 2 of 3"));
    assert!(later.iter_mut().all(|answer| answer.try_recv().is_err()), "that look began before they came");
    world.sent(16).await;
    world.look_ends(8).await;
    for mut answer in later {
        assert!(message(answer.try_recv().expect("it is answered")).contains("room for 2 of 3"));
    }
    world.sent(16).await;
}

#[tokio::test]
async fn more_than_the_limit_is_refused_without_a_look() {
    let mut world = World::new(10, 8);
    for batch in [11, 2_000] {
        let said = message(world.ask(batch).await.expect("an answer"));
        assert_eq!(said, format!("cluster quota volumesnapshots: room for at most 10, and {batch} are asked for"));
    }
    world.sent(0).await;
}

#[tokio::test]
async fn no_more_wait_for_a_look_than_there_is_room_for_and_who_has_gone_does_not() {
    let mut world = World::new(10, 8);
    let _first = world.ask(3);
    let mut waiting: Vec<_> = (0..WAITING).map(|_| world.ask(3)).collect();
    let crowded = message(world.ask(3).await.expect("an answer"));
    assert!(crowded.contains("too many creates are under way"), "{crowded}");
    drop(waiting.pop());
    let mut in_its_place = world.ask(3);
    assert!(in_its_place.try_recv().is_err(), "it waits");
    drop(waiting);
    world.sent(8).await;
    world.look_ends(8).await;
    world.sent(16).await;
    drop(in_its_place);
    let gone = world.ask(3);
    drop(gone);
    world.look_ends(8).await;
    world.sent(16).await;
}
