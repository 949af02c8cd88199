//! Faults ordered by class parameters.

use std::time::{Duration, Instant};

use test_csi_driver::proto::csi::{CreateSnapshotRequest, CreateVolumeRequest, ListSnapshotsRequest};
use tonic::{Code, Request};

use crate::harness::{Running, fault, names, restored, snapshot, volume};

fn faulty(name: &str, value: &str) -> CreateSnapshotRequest {
    CreateSnapshotRequest { parameters: fault(name, value), ..snapshot("s", "a") }
}

async fn with_volume() -> Running {
    let driver = Running::start().await;
    driver.create(volume("a")).await.unwrap();
    driver.write("a", "f", "one");
    driver
}

fn release(driver: &Running, name: &str) {
    let released = driver.folder.path().join("root/released");
    std::fs::create_dir_all(&released).unwrap();
    std::fs::write(released.join(name), "").unwrap();
}

#[tokio::test]
async fn fail_fails_always_with_its_message_and_leaves_nothing() {
    let driver = with_volume().await;
    for _ in 0..3 {
        let failed = driver.snapshot(faulty("fail", "disk on fire")).await.unwrap_err();
        assert_eq!((failed.code(), failed.message()), (Code::Internal, "disk on fire"));
    }
    assert!(names(&driver.folder.path().join("root/snapshots")).is_empty());
    let request = CreateVolumeRequest { parameters: fault("fail", "no room"), ..volume("b") };
    assert_eq!(driver.create(request).await.unwrap_err().message(), "no room");
}

#[tokio::test]
async fn fail_times_counts_by_name() {
    let driver = with_volume().await;
    let other = CreateSnapshotRequest { name: "t".to_owned(), ..faulty("fail-times", "1") };
    for attempt in 1..=2 {
        let failed = driver.snapshot(faulty("fail-times", "2")).await.unwrap_err();
        assert_eq!(failed.message(), format!(r#"ordered failure {attempt} of 2 for snapshot "s""#));
    }
    assert!(driver.snapshot(other.clone()).await.is_err());
    driver.snapshot(faulty("fail-times", "2")).await.unwrap();
    driver.snapshot(other).await.unwrap();
    // Once it is there, it is there.
    driver.snapshot(faulty("fail-times", "2")).await.unwrap();
}

#[tokio::test]
async fn delay_takes_its_time_and_runs_from_the_first_attempt() {
    let driver = with_volume().await;
    let started = Instant::now();
    let mut hasty = Request::new(faulty("delay", "600ms"));
    hasty.set_timeout(Duration::from_millis(100));
    assert!(driver.controller.clone().create_snapshot(hasty).await.is_err());
    assert!(names(&driver.folder.path().join("root/snapshots")).is_empty(), "cancelled: not taken");

    // A cancelled call gives its claim back; the server learns of it a moment after the client.
    let taken = loop {
        match driver.snapshot(faulty("delay", "600ms")).await {
            Err(pending) if pending.code() == Code::Aborted => tokio::task::yield_now().await,
            result => break result.unwrap(),
        }
    };
    assert!(started.elapsed() >= Duration::from_millis(600));
    assert!(taken.ready_to_use);
    let again = Instant::now();
    driver.snapshot(faulty("delay", "10m")).await.unwrap();
    assert!(again.elapsed() < Duration::from_secs(60), "what is there is not made again");
}

#[tokio::test]
async fn what_is_held_goes_on_when_it_is_released_and_fails_then() {
    let driver = with_volume().await;
    let parameters = || fault("hold", "now").into_iter().chain(fault("fail", "no room")).collect();
    let held = CreateVolumeRequest { parameters: parameters(), ..volume("b") };
    let mut hasty = Request::new(held.clone());
    hasty.set_timeout(Duration::from_millis(100));
    let early = driver.controller.clone().create_volume(hasty).await.unwrap_err();
    assert_ne!(early.message(), "no room");

    release(&driver, "now");
    let message = loop {
        match driver.create(held.clone()).await.unwrap_err() {
            pending if pending.code() == Code::Aborted => tokio::task::yield_now().await,
            failed => break failed.message().to_owned(),
        }
    };
    assert_eq!(message, "no room");
    driver.snapshot(faulty("hold", "now")).await.unwrap();
}

#[tokio::test]
async fn second_call_for_a_name_under_way_is_aborted_and_its_source_is_kept() {
    let driver = with_volume().await;
    // Either may be the first; the other is told to wait, and then finds that the volume cannot go either.
    let attempt = async || match driver.snapshot(faulty("hold", "now")).await {
        Ok(_) => None,
        Err(refused) => {
            let source = driver.delete_volume("a").await.map_err(|status| status.code());
            release(&driver, "now");
            Some((refused.code(), source))
        }
    };
    let (one, other) = tokio::join!(attempt(), attempt());
    assert!(one.is_none() || other.is_none(), "{one:?} {other:?}");
    assert_eq!(one.or(other), Some((Code::Aborted, Err(Code::Aborted))));
    driver.delete_volume("a").await.unwrap();
}

#[tokio::test]
async fn not_ready_for_a_while() {
    let driver = with_volume().await;
    let ready = async || {
        let all = driver.list(ListSnapshotsRequest::default()).await.unwrap();
        all.entries[0].snapshot.as_ref().unwrap().ready_to_use
    };
    let taken = driver.snapshot(faulty("not-ready-for", "10s")).await.unwrap();
    assert!(!taken.ready_to_use && !ready().await);
    driver.write("a", "f", "two");
    driver.advance(Duration::from_secs(9));
    assert!(!ready().await);
    assert_eq!(driver.create(restored("b", "s")).await.unwrap_err().code(), Code::Unavailable);
    driver.advance(Duration::from_secs(1));
    assert!(ready().await);
    assert!(driver.snapshot(faulty("not-ready-for", "10s")).await.unwrap().ready_to_use);
    driver.create(restored("b", "s")).await.unwrap();
    assert_eq!(driver.read("b", "f"), b"one", "of the moment it was taken, not of the moment it became ready");
}

#[tokio::test]
async fn never_ready() {
    let driver = with_volume().await;
    driver.snapshot(faulty("not-ready-for", "never")).await.unwrap();
    driver.advance(Duration::from_hours(24 * 365));
    assert!(!driver.snapshot(faulty("not-ready-for", "never")).await.unwrap().ready_to_use);
    driver.delete_snapshot("s").await.unwrap();
}

#[tokio::test]
async fn content_is_lost_when_the_snapshot_becomes_ready() {
    let driver = with_volume().await;
    let both = CreateSnapshotRequest {
        parameters: fault("lose-content", "true").into_iter().chain(fault("not-ready-for", "10s")).collect(),
        ..snapshot("s", "a")
    };
    let data = driver.folder.path().join("root/snapshots/s/data");
    driver.snapshot(both.clone()).await.unwrap();
    assert!(data.exists());
    driver.advance(Duration::from_secs(10));
    assert!(driver.snapshot(both).await.unwrap().ready_to_use);
    assert!(!data.exists());
    let lost = driver.create(restored("b", "s")).await.unwrap_err();
    assert_eq!(lost.code(), Code::DataLoss);
    assert!(names(&driver.folder.path().join("root/volumes")) == ["a"]);
    driver.delete_snapshot("s").await.unwrap();
}

#[tokio::test]
async fn misspelt_fault_is_refused() {
    let driver = with_volume().await;
    let refused = driver.snapshot(faulty("dealy", "5s")).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().contains("fault.test/dealy"), "{refused}");
}
