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
