//! What an author left open and the policy fills in.

use json_patch::Patch;
use serde_json::{Map, Value, json};

use crate::{
    Config, Facts, Kind, Operation, Subject, go_duration,
    names::QUOTA_EXEMPT,
    snapshot_class::{self, Choice},
    velero::Lock,
};

const HOUR: i64 = 3600;
/// The time to live in seconds that Velero's server takes where nobody says any, unless it was started with another.
pub const VELEROS_TTL: i64 = 30 * 24 * HOUR;

/// The changes to a new object: merged into it, never over what its author wrote, and none the second time.
#[must_use]
pub fn patch(config: &Config, subject: &Subject<'_>, facts: &Facts) -> Patch {
    json_patch::diff(subject.object, &filled(config, subject, facts))
}

/// The new object with everything filled in.
///
/// An exempt account gets what it wrote, and its snapshots the mark that they take no slot, unless they are restored ones.
#[must_use]
pub fn filled(config: &Config, subject: &Subject<'_>, facts: &Facts) -> Value {
    let mut object = subject.object.clone();
    if subject.operation != Operation::Create || subject.is_terminating() {
        return object;
    }
    // An account that is not known is taken for Velero's own: not to fill in is always safe.
    let free = facts.requester_exempt == Some(true) || facts.quota_exempt;
    if subject.is_restored_snapshot() && free {
        // It was marked when Velero took it for the backup; from now on it stays, and counts.
        remove_mark(&mut object);
    } else if subject.kind == Kind::VolumeSnapshot && free {
        set(&mut object, &["metadata", "labels"], QUOTA_EXEMPT, "true");
    }
    if facts.requester_exempt.unwrap_or(true) {
        return object;
    }
    match subject.kind {
        Kind::VolumeSnapshot => fill_snapshot_class(&mut object, config, subject, facts),
        Kind::Backup => fill_backup(&mut object, &["spec"], config.backup_ttl.as_deref(), config, facts),
        Kind::Schedule => {
            fill_backup(&mut object, &["spec", "template"], config.schedule_ttl.as_deref(), config, facts);
        }
        _ => {}
    }
    object
}

fn fill_snapshot_class(object: &mut Value, config: &Config, subject: &Subject<'_>, facts: &Facts) {
    let known = (subject.snapshot_of_without_class(), &facts.source_volume, &facts.snapshot_classes);
    let (Some(_), Some(volume), Some(classes)) = known else { return };
    let choice = snapshot_class::choose(config, volume.storage_class.as_deref(), volume.driver.as_deref(), classes);
    if let Choice::Use { class, .. } = choice {
        set(object, &["spec"], "volumeSnapshotClassName", &class);
    }
}

fn fill_backup(object: &mut Value, spec: &[&str], ttl: Option<&str>, config: &Config, facts: &Facts) {
    let ttl = locked_ttl(object, ttl, facts);
    fill_ttl(object, spec, ttl.as_deref());
    if let Some(location) = &config.storage_location {
        fill_text(object, spec, "storageLocation", location);
    }
    // Velero gives a schedule's backups the labels of its template when there are any, else the schedule's own.
    let template = ["spec", "template", "metadata", "labels"];
    let own = ["metadata", "labels"];
    let has_template_labels = at(object, &template).is_some_and(|labels| !labels.is_null());
    let holder = if spec.len() > 1 && has_template_labels { &template[..] } else { &own[..] };
    for (label, value) in &config.labels {
        fill_text(object, holder, label, value);
    }
}

/// The time to live of a backup whose author gives none: the default, or as long as its deletion lock.
///
/// A lock never makes a backup's life shorter: without a default of ours Velero's server decides, whose own may be longer and
/// cannot be seen, as long as that is enough where nobody set it. Should it be less, the lock holds all the same.
/// Whole hours, upwards: Velero begins a backup a moment after it was written.
fn locked_ttl(object: &Value, default: Option<&str>, facts: &Facts) -> Option<String> {
    let lock = Lock::readable(object);
    let left = lock.until.zip(facts.now).map(|(until, now)| until.as_second() - now.as_second());
    let needed = left.max(lock.lasts.map(|lasts| lasts.as_secs())).filter(|seconds| *seconds > 0);
    let kept = default.and_then(go_duration::parse_seconds).unwrap_or(VELEROS_TTL);
    match needed {
        Some(needed) if kept < needed => Some(go_duration::format_seconds(outliving(needed))),
        _ => default.map(str::to_owned),
    }
}

/// The time to live that is written for a lock of so many seconds.
#[must_use]
pub fn outliving(lock: i64) -> i64 {
    (lock / HOUR + 1) * HOUR
}

/// Whether a time to live is left to others. Velero's client writes a zero where its user said nothing, and Velero's server
/// reads it so.
pub(crate) fn is_open_ttl(ttl: Option<&Value>) -> bool {
    match ttl {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => matches!(text.as_str(), "" | "0" | "0s" | "0h0m0s"),
        Some(_) => false,
    }
}

fn at<'a>(object: &'a Value, holder: &[&str]) -> Option<&'a Value> {
    holder.iter().try_fold(object, |value, key| value.get(key))
}

/// Writes a text where there is none.
fn fill_text(object: &mut Value, holder: &[&str], key: &str, text: &str) {
    let open = match at(object, holder).and_then(|holder| holder.get(key)) {
        None | Some(Value::Null) => true,
        // An empty label is one that its author chose.
        Some(Value::String(old)) => old.is_empty() && holder.last() != Some(&"labels"),
        Some(_) => false,
    };
    if open {
        set(object, holder, key, text);
    }
}

fn fill_ttl(object: &mut Value, holder: &[&str], default: Option<&str>) {
    let Some(default) = default else { return };
    if is_open_ttl(at(object, holder).and_then(|spec| spec.get("ttl"))) {
        set(object, holder, "ttl", default);
    }
}

/// Sets a text below `holder`, whose missing parts are made; an object of another shape is left to its own validation.
fn set(object: &mut Value, holder: &[&str], key: &str, text: &str) {
    let mut at = object;
    for name in holder {
        let Value::Object(fields) = at else { return };
        at = fields.entry(*name).and_modify(null_to_object).or_insert_with(|| json!({}));
    }
    if let Value::Object(fields) = at {
        fields.insert(key.to_owned(), json!(text));
    }
}

fn remove_mark(object: &mut Value) {
    if let Some(labels) = object.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.remove(QUOTA_EXEMPT);
    }
}

fn null_to_object(value: &mut Value) {
    if value.is_null() {
        *value = Value::Object(Map::new());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{facts::VolumeFact, snapshot_class::SnapshotClassFact};

    fn facts(exempt: Option<bool>) -> Facts {
        let class = |name: &str| SnapshotClassFact { name: name.into(), driver: "csi.test".into(), is_default: false };
        Facts {
            requester_exempt: exempt,
            source_volume: Some(VolumeFact {
                storage_class: Some("a-block-b".into()),
                driver: Some("csi.test".into()),
            }),
            snapshot_classes: Some(vec![class("block-snapshot"), class("files-snapshot")]),
            ..Facts::default()
        }
    }

    fn object(group: &str, kind: &str, spec: &Value) -> Value {
        json!({"apiVersion": format!("{group}/v1"), "kind": kind, "metadata": {"name": "x"}, "spec": spec})
    }

    fn snapshot(spec: &Value) -> Value {
        object("snapshot.storage.k8s.io", "VolumeSnapshot", spec)
    }

    fn month() -> Config {
        let month = Some("720h0m0s".to_owned());
        Config { backup_ttl: month.clone(), schedule_ttl: month, ..Config::default() }
    }

    fn patched_by(config: &Config, object: &Value, facts: &Facts) -> String {
        let subject = Subject::read(object, None).expect("a known kind");
        serde_json::to_string(&patch(config, &subject, facts)).expect("a patch")
    }

    fn patched(object: &Value, facts: &Facts) -> String {
        patched_by(&month(), object, facts)
    }

    #[test]
    fn without_a_setting_the_ttl_is_left_to_veleros_server() {
        for spec in [json!({}), json!({"ttl": "0s"}), json!({"template": {}})] {
            for kind in ["Backup", "Schedule"] {
                let object = object("velero.io", kind, &spec);
                assert_eq!(patched_by(&Config::default(), &object, &facts(Some(false))), "[]");
            }
        }
    }

    #[test]
    fn a_snapshot_gets_the_class_of_its_storage_class() {
        let open = snapshot(&json!({"source": {"persistentVolumeClaimName": "data"}}));
        insta::assert_snapshot!(patched(&open, &facts(Some(false))), @r#"[{"op":"add","path":"/spec/volumeSnapshotClassName","value":"block-snapshot"}]"#);
        assert_eq!(patched(&open, &Facts { source_volume: None, ..facts(Some(false)) }), "[]");
        let named =
            snapshot(&json!({"volumeSnapshotClassName": "mine", "source": {"persistentVolumeClaimName": "data"}}));
        assert_eq!(patched(&named, &facts(Some(false))), "[]");
        let imported = snapshot(&json!({"source": {"volumeSnapshotContentName": "content"}}));
        assert_eq!(patched(&imported, &facts(Some(false))), "[]");
    }

    #[test]
    fn a_backup_gets_a_ttl_where_its_author_said_nothing() {
        let backup = |spec: Value| patched(&object("velero.io", "Backup", &spec), &facts(Some(false)));
        insta::assert_snapshot!(backup(json!({})), @r#"[{"op":"add","path":"/spec/ttl","value":"720h0m0s"}]"#);
        insta::assert_snapshot!(backup(json!({"ttl": "0s"})), @r#"[{"op":"replace","path":"/spec/ttl","value":"720h0m0s"}]"#);
        insta::assert_snapshot!(backup(Value::Null), @r#"[{"op":"replace","path":"/spec","value":{"ttl":"720h0m0s"}}]"#);
        assert_eq!(backup(json!({"ttl": "24h0m0s"})), "[]");
    }

    #[test]
    fn a_schedule_gets_it_in_its_template() {
        let schedule = |spec: Value| patched(&object("velero.io", "Schedule", &spec), &facts(Some(false)));
        insta::assert_snapshot!(schedule(json!({"schedule": "@daily", "template": {}})), @r#"[{"op":"add","path":"/spec/template/ttl","value":"720h0m0s"}]"#);
        insta::assert_snapshot!(schedule(json!({"schedule": "@daily"})), @r#"[{"op":"add","path":"/spec/template","value":{"ttl":"720h0m0s"}}]"#);
    }

    #[test]
    fn an_exempt_account_gets_a_mark_and_nothing_else() {
        let open = snapshot(&json!({"source": {"persistentVolumeClaimName": "data"}}));
        insta::assert_snapshot!(patched(&open, &facts(Some(true))), @r#"[{"op":"add","path":"/metadata/labels","value":{"kubectl-backup.dev/quota-exempt":"true"}}]"#);
        assert_eq!(patched(&object("velero.io", "Backup", &json!({})), &facts(Some(true))), "[]");
        assert_eq!(patched(&open, &facts(None)), "[]");
    }

    #[test]
    fn a_snapshot_that_velero_restores_loses_the_mark_that_it_was_backed_up_with() {
        let mut restored = snapshot(&json!({"source": {"volumeSnapshotContentName": "content"}}));
        restored["metadata"]["labels"] = json!({"velero.io/restore-name": "r", QUOTA_EXEMPT: "true"});
        insta::assert_snapshot!(patched(&restored, &facts(Some(true))), @r#"[{"op":"remove","path":"/metadata/labels/kubectl-backup.dev~1quota-exempt"}]"#);
        assert_eq!(patched(&restored, &facts(Some(false))), "[]", "of anybody else the rules judge it");
        // Velero copies the labels of a restored PVC to the snapshot that it takes of it.
        let mut taken = snapshot(&json!({"source": {"persistentVolumeClaimName": "data"}}));
        taken["metadata"]["labels"] = json!({"velero.io/restore-name": "r"});
        assert!(patched(&taken, &facts(Some(true))).contains("quota-exempt"));
        // The data mover's copy has no label.
        let copy = snapshot(&json!({"source": {"volumeSnapshotContentName": "content"}}));
        assert!(patched(&copy, &facts(Some(true))).contains("quota-exempt"));
    }

    fn filled_with(config: &Config, kind: &str, metadata: &Value, spec: &Value) -> Value {
        let mut before = object("velero.io", kind, spec);
        before["metadata"] = metadata.clone();
        let subject = Subject::read(&before, None).expect("a known kind");
        let now = jiff::Timestamp::from_second(1_767_225_600).ok();
        filled(config, &subject, &Facts { now, ..facts(Some(false)) })
    }

    #[test]
    fn a_backup_without_a_time_to_live_outlives_its_lock() {
        let lock = |name: &str, value: &str| json!({"annotations": {name: value}});
        let ttl =
            |metadata: &Value, spec: Value| filled_with(&month(), "Backup", metadata, &spec)["spec"]["ttl"].clone();
        assert_eq!(ttl(&lock(crate::names::LOCK_FOR, "2160h"), json!({})), "2161h0m0s");
        assert_eq!(ttl(&lock(crate::names::LOCK_FOR, "24h"), json!({})), "720h0m0s", "the default is longer");
        assert_eq!(ttl(&lock(crate::names::LOCKED_UNTIL, "2026-03-02T00:00:00Z"), json!({})), "1441h0m0s");
        assert_eq!(
            ttl(&lock(crate::names::LOCK_FOR, "2160h"), json!({"ttl": "24h"})),
            "24h",
            "refused, not overwritten"
        );
        let short = Config { schedule_ttl: Some("2h0m0s".to_owned()), ..Config::default() };
        let filled = filled_with(&short, "Schedule", &lock(crate::names::LOCK_FOR, "24h"), &json!({}));
        assert_eq!(filled["spec"]["template"]["ttl"], "25h0m0s");
    }

    #[test]
    fn a_lock_does_not_make_a_life_shorter_that_veleros_server_decides() {
        let ttl = |annotation: &str, value: &str| {
            let metadata = json!({"annotations": {annotation: value}});
            let filled = filled_with(&Config::default(), "Backup", &metadata, &json!({}));
            filled["spec"].get("ttl").cloned()
        };
        assert_eq!(ttl(crate::names::LOCK_FOR, "24h"), None, "its own may be a year");
        assert_eq!(ttl(crate::names::LOCK_FOR, "720h"), None, "and is 30 days where nobody set it");
        assert_eq!(ttl(crate::names::LOCK_FOR, "720h1s"), Some(json!("721h0m0s")));
        assert_eq!(ttl(crate::names::LOCKED_UNTIL, "2026-01-31T00:00:00Z"), None);
        assert_eq!(ttl(crate::names::LOCKED_UNTIL, "2026-02-01T00:00:00Z"), Some(json!("745h0m0s")));
    }

    #[test]
    fn location_and_labels_are_filled_in_where_backups_get_them_from() {
        let config = Config {
            storage_location: Some("main".to_owned()),
            labels: [("team".to_owned(), "shop".to_owned()), ("tier".to_owned(), "gold".to_owned())].into(),
            ..Config::default()
        };
        let backup =
            filled_with(&config, "Backup", &json!({"labels": {"team": "web"}}), &json!({"storageLocation": ""}));
        assert_eq!(backup["spec"], json!({"storageLocation": "main"}));
        assert_eq!(backup["metadata"]["labels"], json!({"team": "web", "tier": "gold"}));
        let named = filled_with(&config, "Backup", &json!({}), &json!({"storageLocation": "other"}));
        assert_eq!(named["spec"]["storageLocation"], "other");
        let plain = filled_with(&config, "Schedule", &json!({}), &json!({"template": {}}));
        assert_eq!(plain["metadata"]["labels"], json!({"team": "shop", "tier": "gold"}));
        assert_eq!(plain["spec"]["template"], json!({"storageLocation": "main"}));
        let own = json!({"template": {"metadata": {"labels": {"team": "db"}}}});
        let own = filled_with(&config, "Schedule", &json!({"name": "x"}), &own);
        assert_eq!(own["metadata"], json!({"name": "x"}));
        assert_eq!(own["spec"]["template"]["metadata"]["labels"], json!({"team": "db", "tier": "gold"}));
    }

    fn any_spec() -> impl Strategy<Value = Value> {
        let leaf =
            prop_oneof![Just(Value::Null), Just(json!("")), Just(json!("0s")), Just(json!("24h")), Just(json!(7))];
        let key = prop::sample::select(vec![
            "ttl",
            "template",
            "source",
            "persistentVolumeClaimName",
            "volumeSnapshotClassName",
            "labels",
            "other",
        ]);
        leaf.prop_recursive(3, 16, 4, move |inner| {
            prop::collection::btree_map(key.clone(), inner, 0..4).prop_map(|fields| {
                Value::Object(fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
            })
        })
    }

    /// Whether everything that `before` says is still said by `after`, but for what counts as unsaid.
    fn kept(before: &Value, after: &Value) -> bool {
        match (before, after) {
            (Value::Object(before), Value::Object(after)) => {
                before.iter().all(|(key, value)| after.get(key).is_some_and(|after| kept(value, after)))
            }
            (Value::Null, _) => true,
            (Value::String(text), _) if text.is_empty() || text == "0s" => true,
            (before, after) => before == after,
        }
    }

    proptest! {
        #[test]
        fn defaults_add_change_nothing_and_settle(
            spec in any_spec(),
            metadata in any_spec(),
            kind in prop::sample::select(vec![("snapshot.storage.k8s.io", "VolumeSnapshot"), ("velero.io", "Backup"), ("velero.io", "Schedule")]),
            exempt in prop::option::of(any::<bool>()),
        ) {
            let mut before = object(kind.0, kind.1, &spec);
            before["metadata"] = metadata;
            let facts = facts(exempt);
            let subject = Subject::read(&before, None).expect("a known kind");
            let mut after = before.clone();
            json_patch::patch(&mut after, &patch(&month(), &subject, &facts)).expect("the patch fits");
            prop_assert!(kept(&before, &after), "{before} became {after}");
            let again = Subject::read(&after, None).expect("a known kind");
            prop_assert_eq!(filled(&month(), &again, &facts), after.clone());
        }
    }
}
