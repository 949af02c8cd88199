use std::{
    convert::Infallible,
    sync::atomic::{AtomicUsize, Ordering},
};

use backup_ledger::{Key, Object, Standing, Uid};
use http::{Request, Response};
use kube::client::Body;
use serde_json::json;
use tokio::time::timeout;

use super::*;
use crate::{
    clock::Clock,
    ledger::{Configuration, Series, wish::Wish},
};

const SCHEDULES: &str = "schedules.velero.io";

/// A cluster that has no ledger, and says so of it when it is let.
fn without_a_ledger(asked: Arc<AtomicUsize>, let_go: Arc<Notify>) -> Client {
    let answer = tower::service_fn(move |request: Request<Body>| {
        let (asked, let_go) = (Arc::clone(&asked), Arc::clone(&let_go));
        async move {
            let name = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
            if name == SCHEDULES && asked.fetch_add(1, Ordering::SeqCst) == 0 {
                let_go.notified().await;
            }
            let missing =
                json!({"kind": "Status", "status": "Failure", "code": 404, "message": "", "details": {"name": name}});
            let response = Response::builder().status(404).body(Body::from(missing.to_string().into_bytes()));
            Ok::<_, Infallible>(response.expect("a response"))
        }
    });
    Client::new(answer, "system")
}

#[tokio::test(start_paused = true)]
async fn a_quota_that_goes_while_its_old_ledger_is_deleted_ends() {
    let (read, let_go) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let client = without_a_ledger(Arc::clone(&read), Arc::clone(&let_go));
    let (wish, wanted) = Wish::new(Wanted::Limit(3));
    let (asked, asked_receiver) = mpsc::channel(1);
    let mut registry = prometheus_client::registry::Registry::default();
    let mut config = kube::Config::new("http://127.0.0.1:1".parse().expect("an address"));
    config.default_retry = false;
    let parts = Parts {
        resource: SCHEDULES.to_owned(),
        client: client.clone(),
        probes: Probes::new(config, client.clone(), "system", Configuration::new(client.clone(), "asking")),
        times: Times::new(Duration::from_secs(60), Clock::default()),
        report: Report::new(Series::new(&mut registry), client, SCHEDULES),
        wanted,
        asked: asked_receiver,
        lead: Arc::new(Lead::new(None, Arc::default())),
        read: oneshot::channel().0,
        stand: watch::channel(Stand::default()).0,
        trouble: Trouble::default(),
        void: true,
    };
    let task = tokio::spawn(run(parts));
    // While it deletes, the quota goes, and a claim comes.
    for _ in 0..1000 {
        if read.load(Ordering::SeqCst) > 0 {
            break;
        }
        sleep(Duration::from_millis(1)).await;
    }
    assert!(wish.set(Wanted::Gone));
    let (reply, answer) = oneshot::channel();
    let object = Object::new(Key::new("shop", "a"), Uid::new("u"));
    let ask = Ask { object, user: "ann".to_owned(), dry_run: false, batch: 1, standing: Standing::Limited };
    let claim = Asked { ask, deadline: Instant::now() + Duration::from_secs(60), reply };
    asked.try_send(claim).expect("it is taken");
    let_go.notify_one();
    timeout(Duration::from_secs(30), task).await.expect("it ends").expect("it does not fail");
    assert!(wish.is_retired());
    assert_eq!(answer.await, Ok(Decision::Admitted), "nothing is limited any more");
}
