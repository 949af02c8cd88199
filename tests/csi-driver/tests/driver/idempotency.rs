//! Calls again: the same gives the same, another under the same name is refused, what is gone is gone.

use test_csi_driver::proto::csi::volume_capability::{AccessType, BlockVolume};
use test_csi_driver::proto::csi::{
    CapacityRange, CreateVolumeRequest, ValidateVolumeCapabilitiesRequest, VolumeCapability,
};
use tonic::Code;

use crate::harness::{MIB, Running, cloned, filesystem, names, restored, snapshot, volume};

fn sized(request: CreateVolumeRequest, required_bytes: i64) -> CreateVolumeRequest {
    CreateVolumeRequest { capacity_range: Some(CapacityRange { required_bytes, limit_bytes: 0 }), ..request }
}

#[tokio::test]
async fn same_name_and_same_parameters_give_the_same_thing_untouched() {
    let driver = Running::start().await;
    let first = driver.create(volume("a")).await.unwrap();
    driver.write("a", "f", "one");
    assert_eq!(driver.create(volume("a")).await.unwrap(), first);
    assert_eq!(driver.read("a", "f"), b"one");

    let taken = driver.snapshot(snapshot("s", "a")).await.unwrap();
    driver.write("a", "f", "two");
    driver.advance(std::time::Duration::from_secs(60));
    assert_eq!(driver.snapshot(snapshot("s", "a")).await.unwrap(), taken);
    driver.create(restored("b", "s")).await.unwrap();
    assert_eq!(driver.read("b", "f"), b"one");
    driver.write("b", "f", "three");
    driver.create(restored("b", "s")).await.unwrap();
    assert_eq!(driver.read("b", "f"), b"three");

    // A snapshot can be asked for again when its volume is gone.
    driver.delete_volume("a").await.unwrap();
    assert_eq!(driver.snapshot(snapshot("s", "a")).await.unwrap(), taken);
}

#[tokio::test]
async fn same_name_for_another_thing_is_refused() {
    let driver = Running::start().await;
    for name in ["a", "b"] {
        driver.create(volume(name)).await.unwrap();
    }
    driver.snapshot(snapshot("s", "a")).await.unwrap();
    let other_source = driver.snapshot(snapshot("s", "b")).await.unwrap_err();
    assert_eq!(other_source.code(), Code::AlreadyExists);
    assert_eq!(other_source.message(), r#"snapshot "s" exists already, taken of volume a"#);
    for request in [restored("a", "s"), cloned("a", "b"), sized(volume("a"), 2 * MIB)] {
        assert_eq!(driver.create(request).await.unwrap_err().code(), Code::AlreadyExists);
    }
}

#[tokio::test]
async fn deleting_what_is_missing_is_fine() {
    let driver = Running::start().await;
    driver.create(volume("a")).await.unwrap();
    driver.snapshot(snapshot("s", "a")).await.unwrap();
    for _ in 0..2 {
        driver.delete_snapshot("s").await.unwrap();
        driver.delete_volume("a").await.unwrap();
    }
    driver.delete_volume("../../etc").await.unwrap();
    driver.delete_snapshot("../volumes/a").await.unwrap();
    assert_eq!(driver.delete_volume("").await.unwrap_err().code(), Code::InvalidArgument);
    for shelf in ["volumes", "snapshots"] {
        assert_eq!(names(&driver.folder.path().join("root").join(shelf)), Vec::<String>::new());
    }
    // The name is free again.
    driver.create(volume("a")).await.unwrap();
}

#[tokio::test]
async fn missing_sources_and_bad_names_are_told_apart() {
    let driver = Running::start().await;
    for (request, code) in [
        (restored("a", "gone"), Code::NotFound),
        (restored("a", "../x"), Code::NotFound),
        (cloned("a", "gone"), Code::NotFound),
        (volume(""), Code::InvalidArgument),
        (volume("../a"), Code::InvalidArgument),
        (volume(".a"), Code::InvalidArgument),
    ] {
        let refused = driver.create(request.clone()).await.unwrap_err();
        assert_eq!(refused.code(), code, "{request:?}: {refused}");
    }
    assert_eq!(driver.snapshot(snapshot("s", "gone")).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(driver.snapshot(snapshot("s", "")).await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn restore_never_shrinks() {
    let driver = Running::start().await;
    driver.create(sized(volume("a"), 4 * MIB)).await.unwrap();
    driver.snapshot(snapshot("s", "a")).await.unwrap();
    for request in [restored("b", "s"), cloned("b", "a")] {
        let refused = driver.create(sized(request.clone(), 4 * MIB - 1)).await.unwrap_err();
        assert_eq!(refused.code(), Code::OutOfRange);
    }
    assert_eq!(driver.create(sized(restored("b", "s"), 4 * MIB)).await.unwrap().capacity_bytes, 4 * MIB);
    assert_eq!(driver.create(sized(restored("c", "s"), 9 * MIB)).await.unwrap().capacity_bytes, 9 * MIB);
}

fn device() -> Vec<VolumeCapability> {
    vec![VolumeCapability { access_type: Some(AccessType::Block(BlockVolume {})), ..filesystem() }]
}

#[tokio::test]
async fn a_device_keeps_its_bytes_and_its_mode() {
    let driver = Running::start().await;
    let block = |request: CreateVolumeRequest| CreateVolumeRequest { volume_capabilities: device(), ..request };
    driver.create(block(volume("a"))).await.unwrap();
    assert_eq!(driver.read("a", "disk"), vec![0; usize::try_from(MIB).unwrap()]);
    driver.write("a", "disk", vec![7; usize::try_from(MIB).unwrap()]);
    driver.snapshot(snapshot("s", "a")).await.unwrap();
    driver.write("a", "disk", vec![8; usize::try_from(MIB).unwrap()]);

    let longer = driver.create(block(sized(restored("b", "s"), MIB + 2))).await.unwrap();
    assert_eq!(longer.capacity_bytes, MIB + 2);
    let mut bytes = vec![7; usize::try_from(MIB).unwrap()];
    bytes.extend([0, 0]);
    assert!(driver.read("b", "disk") == bytes, "the snapshot's bytes, and nothing after them");
    driver.create(block(cloned("c", "a"))).await.unwrap();
    assert!(driver.read("c", "disk") == vec![8; usize::try_from(MIB).unwrap()]);

    driver.create(volume("files")).await.unwrap();
    for mixed in [restored("d", "s"), cloned("d", "a"), block(cloned("d", "files"))] {
        let refused = driver.create(mixed).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().contains("of mode"), "{refused}");
    }
    assert_eq!(driver.create(volume("a")).await.unwrap_err().code(), Code::AlreadyExists);
    let both = CreateVolumeRequest { volume_capabilities: [device(), vec![filesystem()]].concat(), ..volume("e") };
    assert_eq!(driver.create(both).await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn only_a_volumes_own_mode_is_confirmed() {
    let driver = Running::start().await;
    driver.create(volume("a")).await.unwrap();
    for (capabilities, confirmed) in [(vec![filesystem()], true), (device(), false)] {
        let request = ValidateVolumeCapabilitiesRequest {
            volume_id: "a".to_owned(),
            volume_capabilities: capabilities,
            ..Default::default()
        };
        let answer = driver.controller.clone().validate_volume_capabilities(request).await.unwrap().into_inner();
        assert_eq!(answer.confirmed.is_some(), confirmed);
        assert_eq!(answer.message.is_empty(), confirmed);
    }
}
