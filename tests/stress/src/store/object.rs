//! What the store keeps of an object: custom resources are kept as JSON.

use anyhow::{Context, Result};
use backup_ledger::LedgerStatus;
use serde::Deserialize;

use super::messages::{Event, EventKind, KeyValue};
use crate::history::{Change, LedgerChange, Stored};

/// The label that carries the number of the try that made an object.
pub const TICKET: &str = "stress-ticket";

#[derive(Deserialize)]
struct Object {
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    uid: String,
    #[serde(default)]
    labels: std::collections::BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Ledger {
    #[serde(default)]
    status: LedgerStatus,
}

/// A write to a counted object below that prefix.
pub fn change(prefix: &str, event: &Event) -> Result<Change> {
    let (kv, gone) = parts(event)?;
    let key = std::str::from_utf8(&kv.key)?.strip_prefix(prefix).context("a key of another resource")?;
    let to = if gone { None } else { Some(stored(kv)?) };
    Ok(Change { revision: revision(kv)?, key: key.to_owned(), to })
}

/// A write to the ledger of that name below that prefix; nothing when it is another ledger's.
pub fn ledger_change(prefix: &str, name: &str, event: &Event) -> Result<Option<LedgerChange>> {
    let (kv, gone) = parts(event)?;
    let key = std::str::from_utf8(&kv.key)?.strip_prefix(prefix).context("a key of another resource")?;
    if key != name {
        return Ok(None);
    }
    let read = || serde_json::from_slice::<Ledger>(&kv.value).context("reading a ledger");
    let to = if gone { None } else { Some(read()?.status) };
    Ok(Some(LedgerChange { revision: revision(kv)?, to }))
}

fn parts(event: &Event) -> Result<(&KeyValue, bool)> {
    let kv = event.kv.as_ref().context("an event without a key")?;
    Ok((kv, event.kind == EventKind::Delete as i32))
}

fn revision(kv: &KeyValue) -> Result<u64> {
    u64::try_from(kv.mod_revision).context("a revision below zero")
}

fn stored(kv: &KeyValue) -> Result<Stored> {
    let object: Object = serde_json::from_slice(&kv.value).context("reading an object")?;
    let ticket = object.metadata.labels.get(TICKET).and_then(|text| text.parse().ok());
    Ok(Stored { uid: object.metadata.uid, ticket })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: EventKind, key: &str, value: &str) -> Event {
        let kv = KeyValue { key: key.into(), mod_revision: 7, value: value.into() };
        Event { kind: kind as i32, kv: Some(kv) }
    }

    #[test]
    fn an_object_is_known_by_uid_and_ticket() {
        let text = r#"{"metadata":{"uid":"u","labels":{"stress-ticket":"12"}},"spec":{}}"#;
        let put = change("/r/", &event(EventKind::Put, "/r/ns/a", text)).expect("a change");
        let to = Some(Stored { uid: "u".into(), ticket: Some(12) });
        assert_eq!(put, Change { revision: 7, key: "ns/a".into(), to });
        let gone = change("/r/", &event(EventKind::Delete, "/r/ns/a", "")).expect("a change");
        assert_eq!(gone, Change { revision: 7, key: "ns/a".into(), to: None });
        assert!(change("/r/", &event(EventKind::Put, "/other/a", text)).is_err());
    }

    #[test]
    fn a_ledger_is_read_and_another_left_alone() {
        let text = r#"{"spec":{},"status":{"phase":"Ready","epoch":3,"slots":{"ns/a":{"live":"u"}}}}"#;
        let read = ledger_change("/l/", "x", &event(EventKind::Put, "/l/x", text)).expect("a change").expect("its own");
        assert_eq!(read.to.expect("there").slots.len(), 1);
        assert_eq!(ledger_change("/l/", "y", &event(EventKind::Put, "/l/x", text)).expect("a change"), None);
    }
}
