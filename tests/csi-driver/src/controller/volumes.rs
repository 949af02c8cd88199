//! Making, removing and checking volumes.

use crate::call::blocking;
use crate::capacity;
use crate::controller::ControllerService;
use crate::error::Error;
use crate::faults::{Faults, Operation};
use crate::proto::csi::validate_volume_capabilities_response::Confirmed;
use crate::proto::csi::volume_content_source::{SnapshotSource, Type, VolumeSource};
use crate::proto::csi::{
    CreateVolumeRequest, CreateVolumeResponse, DeleteVolumeRequest, DeleteVolumeResponse,
    ValidateVolumeCapabilitiesRequest, ValidateVolumeCapabilitiesResponse, Volume as VolumeMessage,
    VolumeContentSource,
};
use crate::store::{Claim, Id, Key, Kind, Source, Volume};
use crate::volume_capability;

pub(super) async fn create(
    service: &ControllerService,
    request: &CreateVolumeRequest,
) -> Result<CreateVolumeResponse, Error> {
    let id = Id::try_from(request.name.clone())?;
    let source = content_source(request)?;
    let block = volume_capability::check_all(&request.volume_capabilities)?;
    if !request.mutable_parameters.is_empty() {
        return Err(Error::Invalid("mutable_parameters are not supported by the test driver".to_owned()));
    }
    let range = request.capacity_range.as_ref();
    let faults = Faults::parse(&request.parameters, Operation::CreateVolume)?;

    let key = Key::volume(id.clone());
    let claim = service.claims.alone(key.clone())?;
    if let Some(existing) = service.store.volumes.get(&id)? {
        check_same(&existing, source.as_ref(), block, capacity::satisfies(range, existing.capacity_bytes)?)?;
        return Ok(answer(existing));
    }
    let (source_claim, filled_with) = open_source(service, source.as_ref())?;
    if let Some(of_source) = &filled_with {
        volume_capability::check_mode(block, of_source.block)?;
    }
    let source_bytes = filled_with.map(|of_source| of_source.bytes);
    let volume = Volume { id, capacity_bytes: capacity::choose(range, source_bytes)?, block, source };
    service.attempts.suffer(&key, &faults).await?;

    let store = service.store.clone();
    let made = blocking(move || {
        // Here, so that a cancelled call's work keeps them until it is done.
        let _claims = (claim, source_claim);
        store.create_volume(&volume).map(|()| volume)
    })
    .await?;
    service.attempts.forget(&key);
    Ok(answer(made))
}

fn content_source(request: &CreateVolumeRequest) -> Result<Option<Source>, Error> {
    let Some(source) = &request.volume_content_source else { return Ok(None) };
    match &source.r#type {
        Some(Type::Snapshot(snapshot)) => {
            Id::of(Kind::Snapshot, &snapshot.snapshot_id).map(|id| Some(Source::Snapshot(id)))
        }
        Some(Type::Volume(volume)) => Id::of(Kind::Volume, &volume.volume_id).map(|id| Some(Source::Volume(id))),
        None => Err(Error::Invalid("volume_content_source names neither a snapshot nor a volume".to_owned())),
    }
}

/// What a volume is to be filled with.
struct FilledWith {
    bytes: i64,
    block: bool,
}

/// Claims what the volume is to be filled with, and gives its size and mode.
fn open_source(
    service: &ControllerService,
    source: Option<&Source>,
) -> Result<(Option<Claim>, Option<FilledWith>), Error> {
    match source {
        None => Ok((None, None)),
        Some(Source::Snapshot(id)) => {
            let key = Key::snapshot(id.clone());
            let claim = service.claims.shared(key.clone())?;
            let snapshot = service.store.snapshots.get(id)?.ok_or(Error::NotFound(key))?;
            service.store.check_restorable(&snapshot, (service.clock)())?;
            Ok((Some(claim), Some(FilledWith { bytes: snapshot.size_bytes, block: snapshot.block })))
        }
        Some(Source::Volume(id)) => {
            let key = Key::volume(id.clone());
            let claim = service.claims.shared(key.clone())?;
            let volume = service.store.volumes.get(id)?.ok_or(Error::NotFound(key))?;
            Ok((Some(claim), Some(FilledWith { bytes: volume.capacity_bytes, block: volume.block })))
        }
    }
}

fn check_same(existing: &Volume, source: Option<&Source>, block: bool, fits: bool) -> Result<(), Error> {
    let difference = if existing.source.as_ref() != source {
        "filled from another source".to_owned()
    } else if existing.block != block {
        "of another mode".to_owned()
    } else if !fits {
        format!("with {} bytes, which is not in the range asked for", existing.capacity_bytes)
    } else {
        return Ok(());
    };
    Err(Error::Exists { key: Key::volume(existing.id.clone()), difference })
}

fn answer(volume: Volume) -> CreateVolumeResponse {
    let content_source = volume.source.map(|source| VolumeContentSource {
        r#type: Some(match source {
            Source::Snapshot(id) => Type::Snapshot(SnapshotSource { snapshot_id: id.into() }),
            Source::Volume(id) => Type::Volume(VolumeSource { volume_id: id.into() }),
        }),
    });
    let volume = VolumeMessage {
        volume_id: volume.id.into(),
        capacity_bytes: volume.capacity_bytes,
        content_source,
        ..Default::default()
    };
    CreateVolumeResponse { volume: Some(volume) }
}

pub(super) async fn delete(
    service: &ControllerService,
    request: &DeleteVolumeRequest,
) -> Result<DeleteVolumeResponse, Error> {
    match Id::of(Kind::Volume, &request.volume_id) {
        Ok(id) => {
            let claim = service.claims.alone(Key::volume(id.clone()))?;
            let store = service.store.clone();
            blocking(move || {
                let _claim = claim;
                store.volumes.remove(&id)
            })
            .await?;
        }
        Err(Error::NotFound(_)) => {}
        Err(error) => return Err(error),
    }
    Ok(DeleteVolumeResponse {})
}

pub(super) async fn validate(
    service: &ControllerService,
    request: &ValidateVolumeCapabilitiesRequest,
) -> Result<ValidateVolumeCapabilitiesResponse, Error> {
    let id = Id::of(Kind::Volume, &request.volume_id)?;
    if request.volume_capabilities.is_empty() {
        return Err(Error::Invalid("volume_capabilities is missing".to_owned()));
    }
    let volume = service.store.volumes.get(&id)?.ok_or_else(|| Error::NotFound(Key::volume(id)))?;
    let wanted = volume_capability::check_all(&request.volume_capabilities);
    Ok(match wanted.and_then(|block| volume_capability::check_mode(block, volume.block)) {
        Ok(()) => ValidateVolumeCapabilitiesResponse {
            confirmed: Some(Confirmed {
                volume_context: request.volume_context.clone(),
                volume_capabilities: request.volume_capabilities.clone(),
                parameters: request.parameters.clone(),
                ..Default::default()
            }),
            message: String::new(),
        },
        Err(refused) => ValidateVolumeCapabilitiesResponse { confirmed: None, message: refused.to_string() },
    })
}
