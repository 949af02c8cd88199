//! How the data of single volumes were saved: PodVolumeBackups and DataUploads in words.

use serde::Deserialize;

use crate::output::{Column, Table, size};

const NONE: &str = "<none>";

/// A PodVolumeBackup: one volume of one pod, copied file by file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PodVolumeBackup {
    spec: PodVolumeSpec,
    status: TransferStatus,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct PodVolumeSpec {
    pod: PodRef,
    volume: String,
    node: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct PodRef {
    namespace: String,
    name: String,
}

/// A DataUpload: the data of one snapshot, copied to the location.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct DataUpload {
    spec: DataUploadSpec,
    status: TransferStatus,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct DataUploadSpec {
    #[serde(rename = "sourcePVC")]
    source_pvc: String,
    source_namespace: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct TransferStatus {
    phase: Option<String>,
    message: Option<String>,
    node: Option<String>,
    progress: Option<Bytes>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Bytes {
    total_bytes: i64,
    bytes_done: i64,
}

/// Returns a row for each volume; empty when there are none.
pub fn table(pod_volumes: &[PodVolumeBackup], uploads: &[DataUpload]) -> Table {
    let columns = ["METHOD", "VOLUME", "STATUS", "BYTES", "NODE", "MESSAGE"];
    let mut table = Table::new(columns.map(Column::new).into());
    for PodVolumeBackup { spec, status } in pod_volumes {
        let volume = format!("{}/{}:{}", spec.pod.namespace, spec.pod.name, spec.volume);
        table.row(cells("file by file", volume, &spec.node, status));
    }
    for DataUpload { spec, status } in uploads {
        let volume = format!("{}/{}", spec.source_namespace, spec.source_pvc);
        table.row(cells("snapshot moved", volume, status.node.as_deref().unwrap_or_default(), status));
    }
    table
}

fn cells(method: &str, volume: String, node: &str, status: &TransferStatus) -> Vec<String> {
    let or_none = |text: &str| if text.is_empty() { NONE.to_owned() } else { text.to_owned() };
    let bytes = match status.progress {
        None => NONE.to_owned(),
        Some(Bytes { total_bytes, bytes_done }) if total_bytes == bytes_done => size::human(total_bytes),
        Some(Bytes { total_bytes, bytes_done }) => {
            format!("{} of {}", size::human(bytes_done), size::human(total_bytes))
        }
    };
    vec![
        method.to_owned(),
        volume,
        status.phase.clone().filter(|phase| !phase.is_empty()).unwrap_or_else(|| "New".into()),
        bytes,
        or_none(node),
        status.message.clone().unwrap_or_default(),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_volume_has_a_row_with_its_message() {
        let pods: Vec<PodVolumeBackup> = serde_json::from_value(json!([
            {"spec": {"pod": {"namespace": "shop", "name": "web-0"}, "volume": "data", "node": "n1"},
             "status": {"phase": "Completed", "progress": {"totalBytes": 8388608, "bytesDone": 8388608}}},
            {"spec": {"pod": {"namespace": "shop", "name": "web-1"}, "volume": "data", "node": "n2"},
             "status": {"phase": "Failed", "message": "node-agent is not ready", "progress": {"totalBytes": 2048, "bytesDone": 1024}}},
        ]))
        .unwrap();
        let uploads: Vec<DataUpload> =
            serde_json::from_value(json!([{"spec": {"sourcePVC": "db", "sourceNamespace": "shop"}}])).unwrap();
        insta::assert_snapshot!(table(&pods, &uploads).render(false), @r"
        METHOD           VOLUME            STATUS      BYTES              NODE     MESSAGE
        file by file     shop/web-0:data   Completed   8.0MiB             n1
        file by file     shop/web-1:data   Failed      1.0KiB of 2.0KiB   n2       node-agent is not ready
        snapshot moved   shop/db           New         <none>             <none>
        ");
    }
}
