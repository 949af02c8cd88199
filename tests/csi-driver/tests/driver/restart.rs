//! What outlives the process, and what does not.

use std::fs;
use std::os::unix::net::UnixListener;
use std::sync::Arc;

use jiff::Timestamp;
use test_csi_driver::driver::Driver;
use test_csi_driver::proto::csi::ListSnapshotsRequest;

use crate::harness::{Running, config, names, restored, snapshot, volume};

#[tokio::test]
async fn restart_keeps_volumes_and_snapshots() {
    let driver = Running::start().await;
    let made = driver.create(volume("a")).await.unwrap();
    driver.write("a", "f", "one");
    let taken = driver.snapshot(snapshot("s", "a")).await.unwrap();
    let folder = driver.stop().await;
    assert_eq!(names(folder.path()), ["root"], "both sockets are gone");

    let driver = Running::start_in(folder).await;
    assert_eq!(driver.create(volume("a")).await.unwrap(), made);
    assert_eq!(driver.snapshot(snapshot("s", "a")).await.unwrap(), taken);
    assert_eq!(driver.list(ListSnapshotsRequest::default()).await.unwrap().entries[0].snapshot, Some(taken));
    driver.create(restored("b", "s")).await.unwrap();
    assert_eq!(driver.read("b", "f"), b"one");
}

#[tokio::test]
async fn half_made_things_do_not_count_and_are_swept() {
    let folder = tempfile::tempdir().unwrap();
    let snapshots = folder.path().join("root/snapshots");
    fs::create_dir_all(snapshots.join(".new-s/data")).unwrap();
    fs::write(snapshots.join(".new-s/data/f"), "half").unwrap();
    fs::create_dir_all(folder.path().join("root/volumes/.old-v/data")).unwrap();
    let driver = Running::start_in(folder).await;
    assert!(names(&snapshots).is_empty());
    assert!(names(&driver.folder.path().join("root/volumes")).is_empty());
    assert!(driver.list(ListSnapshotsRequest::default()).await.unwrap().entries.is_empty());
}

#[tokio::test]
async fn stale_socket_is_replaced_but_a_live_one_and_a_file_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("csi.sock");
    let bind = |path: &std::path::Path| {
        Driver::bind(config(path), Arc::new(|| Timestamp::UNIX_EPOCH)).map(drop).map_err(|error| format!("{error:#}"))
    };
    let listening = UnixListener::bind(&socket).unwrap();
    assert!(bind(folder.path()).unwrap_err().contains("another process listens"));
    drop(listening);
    assert!(socket.exists());
    bind(folder.path()).unwrap();
    assert!(!socket.exists(), "removed when the driver ends");
    fs::write(&socket, "notes").unwrap();
    assert!(bind(folder.path()).unwrap_err().contains("not a socket"));
    assert_eq!(fs::read(&socket).unwrap(), b"notes");
}

#[tokio::test]
async fn two_drivers_never_share_a_root() {
    let driver = Running::start().await;
    let mut second = config(driver.folder.path());
    second.endpoint = driver.folder.path().join("second.sock");
    let refused = Driver::bind(second, Arc::new(|| Timestamp::UNIX_EPOCH)).map(drop).unwrap_err();
    assert!(format!("{refused:#}").contains("in use by another driver"), "{refused:#}");
}
