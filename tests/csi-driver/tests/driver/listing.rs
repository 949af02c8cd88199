//! ListSnapshots: filters and pages.

use test_csi_driver::proto::csi::ListSnapshotsRequest;
use tonic::Code;

use crate::harness::{Running, snapshot, volume};

fn ids(answer: &test_csi_driver::proto::csi::ListSnapshotsResponse) -> Vec<&str> {
    answer.entries.iter().map(|entry| entry.snapshot.as_ref().unwrap().snapshot_id.as_str()).collect()
}

async fn with_snapshots() -> Running {
    let driver = Running::start().await;
    for name in ["a", "b"] {
        driver.create(volume(name)).await.unwrap();
    }
    for (name, of) in [("s1", "a"), ("s2", "b"), ("s3", "a"), ("s4", "a")] {
        driver.snapshot(snapshot(name, of)).await.unwrap();
    }
    driver
}

#[tokio::test]
async fn filters() {
    let driver = with_snapshots().await;
    for (snapshot_id, source_volume_id, want) in [
        ("", "", vec!["s1", "s2", "s3", "s4"]),
        ("s2", "", vec!["s2"]),
        ("", "a", vec!["s1", "s3", "s4"]),
        ("s2", "a", vec![]),
        ("gone", "", vec![]),
        ("../s2", "", vec![]),
        ("", "gone", vec![]),
    ] {
        let request = ListSnapshotsRequest {
            snapshot_id: snapshot_id.to_owned(),
            source_volume_id: source_volume_id.to_owned(),
            ..Default::default()
        };
        assert_eq!(ids(&driver.list(request).await.unwrap()), want, "{snapshot_id:?} {source_volume_id:?}");
    }
}

#[tokio::test]
async fn pages_hold_when_snapshots_come_and_go() {
    let driver = with_snapshots().await;
    let page =
        |token: &str| ListSnapshotsRequest { max_entries: 2, starting_token: token.to_owned(), ..Default::default() };
    let first = driver.list(page("")).await.unwrap();
    assert_eq!(ids(&first), ["s1", "s2"]);
    assert_eq!(ids(&driver.list(page(&first.next_token)).await.unwrap()), ["s3", "s4"]);
    driver.delete_snapshot("s1").await.unwrap();
    driver.delete_snapshot("s3").await.unwrap();
    driver.snapshot(snapshot("s5", "a")).await.unwrap();
    let second = driver.list(page(&first.next_token)).await.unwrap();
    assert_eq!(ids(&second), ["s4", "s5"]);
    assert_eq!(second.next_token, "", "nothing follows");

    assert_eq!(driver.list(page("no/token")).await.unwrap_err().code(), Code::Aborted);
    let negative = ListSnapshotsRequest { max_entries: -1, ..Default::default() };
    assert_eq!(driver.list(negative).await.unwrap_err().code(), Code::InvalidArgument);
}
