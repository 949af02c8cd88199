//! The configurations that API servers are given, and what the webhook takes from them: they must agree.

use serde_json::Value;

use backup_policy::names::VELERO_ACCOUNT;

fn entries(manifest: &str) -> Vec<Value> {
    let manifest: Value = serde_saphyr::from_str(manifest).expect("YAML");
    manifest["webhooks"].as_array().expect("entries").clone()
}

#[test]
fn velero_is_asked_about_by_its_own_path_and_nobody_else_is() {
    let manifests = [
        include_str!("../../../manifests/webhook/base/validating.yaml"),
        include_str!("../../../manifests/webhook/base/mutating.yaml"),
    ];
    let mut of_velero = 0;
    for entry in manifests.into_iter().flat_map(entries) {
        let condition = |name: &str| {
            let conditions = entry["matchConditions"].as_array().expect("conditions");
            let found = conditions.iter().find(|condition| condition["name"] == name)?;
            found["expression"].as_str()
        };
        // Its path is written from this name: see the certificates' configurations.
        if entry["name"] == "warned-history.kubectl-backup.dev" {
            // Of administrators, who have Velero's right under another name.
            let (name, right) = (condition("not-veleros").expect("a name"), condition("may-bypass").expect("a right"));
            let parts = format!("{} &&\n{right}", name.trim_start_matches('!'));
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            assert_eq!(words(&parts), words(VELERO_ACCOUNT));
        } else if entry["name"].as_str().expect("a name").starts_with("exempt") {
            of_velero += 1;
            assert_eq!(condition("exempt"), Some(VELERO_ACCOUNT), "{entry}");
        } else if entry["name"] != "policy.kubectl-backup.dev" {
            assert_eq!(condition("not-exempt"), Some(format!("!({VELERO_ACCOUNT})").as_str()), "{entry}");
        }
    }
    assert_eq!(of_velero, 3);
}

#[test]
fn the_data_of_backups_is_veleros_by_the_same_word() {
    let manifest = include_str!("../../../manifests/webhook/base/velero-data-policy.yaml");
    let documents = manifest.split("\n---\n").map(|text| serde_saphyr::from_str::<Value>(text).expect("YAML"));
    let policies: Vec<_> = documents.filter(|document| document["kind"] == "ValidatingAdmissionPolicy").collect();
    assert_eq!(policies.len(), 3);
    let who = |policy: &Value| {
        let expression = policy["spec"]["validations"][0]["expression"].as_str().expect("CEL");
        let start = expression.find(&format!("({VELERO_ACCOUNT}) ||")).expect("Velero's account");
        expression[start..].to_owned()
    };
    assert!(policies.iter().all(|policy| who(policy) == who(&policies[0])));
}

/// Where nobody writes paths, an entry that is missing in the overlay would be called at `/`.
#[test]
fn the_overlay_for_cert_manager_names_the_path_of_every_entry() {
    let overlay = include_str!("../../../manifests/webhook/overlays/cert-manager/paths.yaml");
    let (mutating, validating) = overlay.split_once("\n---\n").expect("two documents");
    for (phase, base, overlay) in [
        ("mutate", include_str!("../../../manifests/webhook/base/mutating.yaml"), mutating),
        ("validate", include_str!("../../../manifests/webhook/base/validating.yaml"), validating),
    ] {
        let path = |entry: &Value| entry["clientConfig"]["service"]["path"].as_str().unwrap_or_default().to_owned();
        let name = |entry: &Value| entry["name"].as_str().unwrap_or_default().to_owned();
        let named: Vec<_> = entries(overlay).iter().map(|entry| (name(entry), path(entry))).collect();
        let prefix = |name: &str| match name {
            _ if name.starts_with("exempt") => "/exempt",
            _ if name.starts_with("warned") => "/warned",
            _ => "",
        };
        let wanted: Vec<_> =
            entries(base).iter().map(|entry| (name(entry), format!("{}/{phase}", prefix(&name(entry))))).collect();
        assert_eq!(named, wanted);
    }
}
