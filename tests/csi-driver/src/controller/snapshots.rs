//! Taking, removing and listing snapshots.

use jiff::Timestamp;

use crate::call::blocking;
use crate::controller::ControllerService;
use crate::error::Error;
use crate::faults::{Faults, Operation};
use crate::proto::csi::list_snapshots_response::Entry;
use crate::proto::csi::{
    CreateSnapshotRequest, CreateSnapshotResponse, DeleteSnapshotRequest, DeleteSnapshotResponse, ListSnapshotsRequest,
    ListSnapshotsResponse, Snapshot as SnapshotMessage,
};
use crate::store::{Id, Key, Kind, Snapshot, Store};

pub(super) async fn create(
    service: &ControllerService,
    request: &CreateSnapshotRequest,
) -> Result<CreateSnapshotResponse, Error> {
    let id = Id::try_from(request.name.clone())?;
    let source_volume = Id::of(Kind::Volume, &request.source_volume_id)?;
    let faults = Faults::parse(&request.parameters, Operation::CreateSnapshot)?;

    let key = Key::snapshot(id.clone());
    let claim = service.claims.alone(key.clone())?;
    if let Some(existing) = service.store.snapshots.get(&id)? {
        if existing.source_volume != source_volume {
            let difference = format!("taken of volume {}", existing.source_volume);
            return Err(Error::Exists { key, difference });
        }
        return answer(service, &existing);
    }
    let source_key = Key::volume(source_volume.clone());
    let source_claim = service.claims.shared(source_key.clone())?;
    let source = service.store.volumes.get(&source_volume)?.ok_or(Error::NotFound(source_key))?;
    service.attempts.suffer(&key, &faults).await?;

    let now = (service.clock)();
    let snapshot = Snapshot {
        id,
        source_volume,
        size_bytes: source.capacity_bytes,
        block: source.block,
        created: now,
        ready: faults.not_ready.readiness(now),
        lose_content: faults.lose_content,
        fail_delete_times: faults.fail_delete_times,
    };
    let store = service.store.clone();
    let made = blocking(move || {
        // Here, so that a cancelled call's work keeps them until it is done.
        let _claims = (claim, source_claim);
        store.create_snapshot(&snapshot).map(|()| snapshot)
    })
    .await?;
    service.attempts.forget(&key);
    answer(service, &made)
}

fn answer(service: &ControllerService, snapshot: &Snapshot) -> Result<CreateSnapshotResponse, Error> {
    let now = (service.clock)();
    service.store.settle(snapshot, now)?;
    Ok(CreateSnapshotResponse { snapshot: Some(message(snapshot, now)) })
}

fn message(snapshot: &Snapshot, now: Timestamp) -> SnapshotMessage {
    SnapshotMessage {
        size_bytes: snapshot.size_bytes,
        snapshot_id: snapshot.id.to_string(),
        source_volume_id: snapshot.source_volume.to_string(),
        creation_time: Some(prost_types::Timestamp {
            seconds: snapshot.created.as_second(),
            nanos: snapshot.created.subsec_nanosecond(),
        }),
        ready_to_use: snapshot.ready.is_reached(now),
        ..Default::default()
    }
}

pub(super) async fn delete(
    service: &ControllerService,
    request: &DeleteSnapshotRequest,
) -> Result<DeleteSnapshotResponse, Error> {
    match Id::of(Kind::Snapshot, &request.snapshot_id) {
        Ok(id) => {
            let key = Key::snapshot(id.clone());
            let claim = service.claims.alone(key.clone())?;
            if let Some(snapshot) = service.store.snapshots.get(&id)? {
                let faults = Faults { fail_times: snapshot.fail_delete_times, ..Faults::default() };
                service.attempts.suffer(&key, &faults).await?;
                service.attempts.forget(&key);
            }
            let store = service.store.clone();
            blocking(move || {
                let _claim = claim;
                store.snapshots.remove(&id)
            })
            .await?;
        }
        Err(Error::NotFound(_)) => {}
        Err(error) => return Err(error),
    }
    Ok(DeleteSnapshotResponse {})
}

pub(super) async fn list(
    service: &ControllerService,
    request: &ListSnapshotsRequest,
) -> Result<ListSnapshotsResponse, Error> {
    let most = usize::try_from(request.max_entries)
        .map_err(|_| Error::Invalid(format!("max_entries {} is negative", request.max_entries)))?;
    let start = match request.starting_token.as_str() {
        "" => None,
        token => Some(Id::try_from(token.to_owned()).map_err(|_| Error::BadToken(token.to_owned()))?),
    };
    let (only, of_volume) = (request.snapshot_id.clone(), request.source_volume_id.clone());
    let (store, now) = (service.store.clone(), (service.clock)());
    blocking(move || {
        let mut found = matching(&store, &only, &of_volume)?;
        // The token is the id of the next snapshot: it stays good when others come and go.
        found.retain(|snapshot| start.as_ref().is_none_or(|start| snapshot.id >= *start));
        let next_token = match found.get(most) {
            Some(next) if most > 0 => next.id.to_string(),
            _ => String::new(),
        };
        if most > 0 {
            found.truncate(most);
        }
        for snapshot in &found {
            store.settle(snapshot, now)?;
        }
        let entries = found.iter().map(|snapshot| Entry { snapshot: Some(message(snapshot, now)) }).collect();
        Ok(ListSnapshotsResponse { entries, next_token })
    })
    .await
}

/// The snapshots that pass both filters, in the order of their ids. An empty filter passes all.
fn matching(store: &Store, only: &str, of_volume: &str) -> Result<Vec<Snapshot>, Error> {
    let ids = match (only, Id::try_from(only.to_owned())) {
        ("", _) => store.snapshots.ids()?,
        (_, Ok(id)) => vec![id],
        // No snapshot can have such an id.
        (_, Err(_)) => Vec::new(),
    };
    let mut found = Vec::new();
    for id in ids {
        // One that was deleted since it was listed is simply not there.
        let snapshot = store.snapshots.get(&id)?;
        found.extend(snapshot.filter(|s| of_volume.is_empty() || s.source_volume.as_str() == of_volume));
    }
    Ok(found)
}
