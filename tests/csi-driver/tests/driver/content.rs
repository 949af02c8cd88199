//! The bytes: what is in a volume is in its snapshot, in what is restored from it, and in a clone.

use std::collections::BTreeMap;
use std::fs::{self, FileTimes, OpenOptions, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use crate::harness::{MIB, Running, cloned, restored, snapshot, volume};

#[tokio::test]
async fn restored_volume_and_clone_have_the_bytes() {
    let driver = Running::start().await;
    driver.create(volume("a")).await.unwrap();
    driver.write("a", "f", "one");
    let taken = driver.snapshot(snapshot("s", "a")).await.unwrap();
    assert!(taken.ready_to_use);
    assert_eq!((taken.source_volume_id.as_str(), taken.size_bytes), ("a", MIB));
    assert_eq!(taken.creation_time.unwrap().seconds, 1_767_225_600, "2026-01-01T00:00:00Z");

    let made = driver.create(restored("b", "s")).await.unwrap();
    assert_eq!(made.content_source, restored("b", "s").volume_content_source);
    driver.create(cloned("c", "a")).await.unwrap();
    assert_eq!(driver.read("b", "f"), b"one");
    assert_eq!(driver.read("c", "f"), b"one");
}

#[tokio::test]
async fn snapshot_is_independent_of_later_writes_and_of_its_volume() {
    let driver = Running::start().await;
    driver.create(volume("a")).await.unwrap();
    driver.write("a", "f", "one");
    driver.snapshot(snapshot("s", "a")).await.unwrap();
    driver.write("a", "f", "two");
    driver.write("a", "g", "new");
    driver.create(restored("b", "s")).await.unwrap();
    driver.write("b", "f", "three");
    driver.delete_volume("a").await.unwrap();

    driver.create(restored("c", "s")).await.unwrap();
    assert_eq!(driver.read("c", "f"), b"one");
    assert!(!driver.data("c").join("g").exists());
    assert_eq!(driver.read("b", "f"), b"three");
}

#[tokio::test]
async fn copies_keep_links_modes_times_and_pipes() {
    let driver = Running::start().await;
    driver.create(volume("a")).await.unwrap();
    let data = driver.data("a");
    driver.write("a", "f", "x");
    fs::hard_link(data.join("f"), data.join("same")).unwrap();
    symlink("/nowhere/at all", data.join("dangling")).unwrap();
    fs::create_dir(data.join("closed")).unwrap();
    fs::write(data.join("closed/in"), "y").unwrap();
    let pipe = std::process::Command::new("mkfifo").arg(data.join("pipe")).status().unwrap();
    assert!(pipe.success());
    let time = SystemTime::UNIX_EPOCH + Duration::new(1_000_000_000, 123_456_789);
    let file = OpenOptions::new().write(true).open(data.join("f")).unwrap();
    file.set_times(FileTimes::new().set_modified(time)).unwrap();
    fs::set_permissions(data.join("f"), Permissions::from_mode(0o4751)).unwrap();
    fs::set_permissions(data.join("closed"), Permissions::from_mode(0o555)).unwrap();

    driver.snapshot(snapshot("s", "a")).await.unwrap();
    driver.create(restored("b", "s")).await.unwrap();
    let copy = driver.data("b");
    let meta = fs::metadata(copy.join("f")).unwrap();
    assert_eq!(meta.mode() & 0o7777, 0o4751);
    assert_eq!(meta.modified().unwrap(), time);
    assert_eq!(meta.ino(), fs::metadata(copy.join("same")).unwrap().ino());
    assert_ne!(meta.ino(), fs::metadata(data.join("f")).unwrap().ino(), "a copy, not a link into the source");
    assert_eq!(fs::read_link(copy.join("dangling")).unwrap(), Path::new("/nowhere/at all"));
    assert_eq!(fs::metadata(copy.join("closed")).unwrap().mode() & 0o777, 0o555);
    assert_eq!(fs::read(copy.join("closed/in")).unwrap(), b"y");
    assert_eq!(fs::symlink_metadata(copy.join("pipe")).unwrap().mode() & 0o170_000, 0o010_000);
    assert_eq!(fs::metadata(&copy).unwrap().mode() & 0o777, 0o777, "any pod may write");

    // Also without root: a folder that forbids it to its owner is still removed.
    driver.delete_volume("b").await.unwrap();
    assert!(!copy.exists());
}

#[tokio::test]
async fn snapshot_of_a_volume_in_use_leaves_out_what_vanishes() {
    let driver = Running::start().await;
    driver.create(volume("a")).await.unwrap();
    driver.write("a", "kept", "one");
    let (data, stop) = (driver.data("a"), Arc::new(AtomicBool::new(false)));
    let stopping = stop.clone();
    let pod = std::thread::spawn(move || {
        let mut rounds = 0;
        while !stopping.load(Ordering::Relaxed) {
            for name in 0..20 {
                let folder = data.join(format!("folder-{name}"));
                fs::create_dir(&folder).unwrap();
                fs::write(folder.join("in"), "x").unwrap();
                fs::write(data.join(format!("file-{name}")), "x").unwrap();
            }
            for name in 0..20 {
                fs::remove_dir_all(data.join(format!("folder-{name}"))).unwrap();
                fs::remove_file(data.join(format!("file-{name}"))).unwrap();
            }
            rounds += 1;
        }
        rounds
    });
    for number in 0..40 {
        driver.snapshot(snapshot(&format!("s{number}"), "a")).await.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    assert!(pod.join().unwrap() > 1, "the pod was writing all the time");
    driver.create(restored("b", "s39")).await.unwrap();
    assert_eq!(driver.read("b", "kept"), b"one");
}

/// What a random tree is made of: folders of folders, files, links.
#[derive(Clone, Debug)]
enum Node {
    File(Vec<u8>, u32),
    Link(String),
    Folder(BTreeMap<String, Self>),
}

fn name() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9 ._äß☃-]{1,12}".prop_filter("no folder of its own", |name| name != "." && name != "..")
}

fn node() -> impl Strategy<Value = Node> {
    // The owner can read each file: without root no driver could copy it.
    let file = (prop::collection::vec(any::<u8>(), 0..5000), 0o400..=0o777u32)
        .prop_map(|(bytes, mode)| Node::File(bytes, mode | 0o400));
    let leaf = prop_oneof![file, "[a-z/.]{1,20}".prop_map(Node::Link)];
    leaf.prop_recursive(3, 24, 5, |inner| prop::collection::btree_map(name(), inner, 0..5).prop_map(Node::Folder))
}

fn write(path: &Path, node: &Node) {
    match node {
        Node::File(bytes, mode) => {
            fs::write(path, bytes).unwrap();
            fs::set_permissions(path, Permissions::from_mode(*mode)).unwrap();
        }
        Node::Link(target) => symlink(target, path).unwrap(),
        Node::Folder(inner) => {
            fs::create_dir(path).unwrap();
            inner.iter().for_each(|(name, node)| write(&path.join(name), node));
        }
    }
}

/// All that a copy must keep: mode, owner, group, time, and the bytes or the link's target.
type Kept = (u32, u32, u32, (i64, i64), Vec<u8>);

/// All that is in a folder, by path.
fn seen(root: &Path) -> BTreeMap<String, Kept> {
    let mut all = BTreeMap::new();
    let mut todo = vec![root.to_owned()];
    while let Some(path) = todo.pop() {
        let meta = fs::symlink_metadata(&path).unwrap();
        let bytes = if meta.is_symlink() {
            fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
        } else if meta.is_dir() {
            todo.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            Vec::new()
        } else {
            fs::read(&path).unwrap()
        };
        let key = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        all.insert(key, (meta.mode(), meta.uid(), meta.gid(), (meta.mtime(), meta.mtime_nsec()), bytes));
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_tree_survives_snapshot_and_restore(tree in prop::collection::btree_map(name(), node(), 0..6)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let driver = Running::start().await;
            driver.create(volume("a")).await.unwrap();
            tree.iter().for_each(|(name, node)| write(&driver.data("a").join(name), node));
            let original = seen(&driver.data("a"));
            driver.snapshot(snapshot("s", "a")).await.unwrap();
            driver.delete_volume("a").await.unwrap();
            driver.create(restored("b", "s")).await.unwrap();
            driver.create(cloned("c", "b")).await.unwrap();
            prop_assert_eq!(&seen(&driver.data("b")), &original);
            prop_assert_eq!(&seen(&driver.data("c")), &original);
            Ok(())
        })?;
    }
}
