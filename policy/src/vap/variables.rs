//! What the conditions of rules are written in, and which writes they are asked about.

use super::{EXCLUDED, Group, INCLUDED, ListVariables, literal, literals, text_of};
use crate::{
    Config,
    facts::CONTROLLERS,
    names::{VELERO_ACCOUNT, VELERO_EXCLUDE},
    rules::{
        skipped_volume_type::TOKEN,
        volume_list::{MAX_ENTRIES, MAX_LENGTH, SEPARATORS},
    },
};

/// Keys that look as though they were meant for Velero: [`crate::names::is_guarded`].
const GUARDED: &str = r"^[^/]*(backup|hook)[^/]*[.]velero[.]io/";
/// Volumes of types that Velero never copies.
const SKIPPED: &str = "has(v.configMap) || has(v.secret) || has(v.projected) || has(v.downwardAPI) || has(v.hostPath)";

/// An expression below the pod of the new object or of the old one, which need not be there.
fn pod(group: Group, object: &str, fields: &str) -> String {
    let template: String = group.scope().template.iter().map(|field| format!(".?{field}")).collect();
    let fields: String = fields.split('.').map(|field| format!(".?{field}")).collect();
    format!("{object}{template}{fields}")
}

/// Names and expressions, in an order in which each needs only those before it.
pub(super) fn variables(group: Group) -> Vec<(&'static str, String)> {
    let of_pod = |fields: &str, empty: &str| format!("{}.orValue({empty})", pod(group, "object", fields));
    let mut all = vec![
        ("annotations", of_pod("metadata.annotations", "{}")),
        ("labels", of_pod("metadata.labels", "{}")),
        ("guarded", format!("variables.annotations.filter(k, k.matches({}))", literal(GUARDED))),
        ("outer", "object.?metadata.?annotations.orValue({})".to_owned()),
        ("containers", of_pod("spec.containers", "[]")),
        ("initContainers", of_pod("spec.initContainers", "[]")),
        ("volumes", of_pod("spec.volumes", "[]")),
    ];
    if group == Group::CronJobs {
        all.push(("middle", "object.?spec.?jobTemplate.?metadata.?annotations.orValue({})".to_owned()));
    }
    let token = literal(TOKEN);
    let (names, skipped, empty_dirs) =
        ("variables.volumes.map(v, v.name)", format!("{SKIPPED} || v.name.startsWith({token})"), "has(v.emptyDir)");
    if group == Group::StatefulSets {
        // A claim template takes the place of a volume of the same name.
        let own = "!(v.name in variables.claims)";
        let claims = "object.?spec.?volumeClaimTemplates.orValue([]).map(t, t.metadata.name)";
        all.push(("claims", claims.to_owned()));
        all.push(("names", format!("{names} + variables.claims")));
        all.push(("skipped", format!(
            "variables.volumes.filter(v, {own} && ({skipped})).map(v, v.name) + variables.claims.filter(n, n.startsWith({token}))"
        )));
        all.push(("emptyDirs", format!("variables.volumes.filter(v, {own} && {empty_dirs}).map(v, v.name)")));
    } else {
        all.push(("names", names.to_owned()));
        all.push(("skipped", format!("variables.volumes.filter(v, {skipped}).map(v, v.name)")));
        all.push(("emptyDirs", format!("variables.volumes.filter(v, {empty_dirs}).map(v, v.name)")));
    }
    all.extend(list("includedText", "includedTooLong", "includedEntries", "included", &INCLUDED));
    all.extend(list("excludedText", "excludedTooLong", "excludedEntries", "excluded", &EXCLUDED));
    all
}

fn list(
    text: &'static str,
    too_long: &'static str,
    entries: &'static str,
    names: &'static str,
    list: &ListVariables,
) -> [(&'static str, String); 4] {
    let ListVariables { text: of_text, too_long: is_too_long, .. } = list;
    let to_commas = SEPARATORS.map(|char| format!(".replace({}, ',')", literal(&char.to_string()))).concat();
    let pieces = format!("{of_text}{to_commas}.split(',').filter(n, n != '')");
    [
        (text, text_of(list.annotation)),
        (
            too_long,
            format!(
                "{of_text}.size() > {MAX_LENGTH} || {of_text}.split(',').size() > {MAX_ENTRIES} || {pieces}.size() > \
                 {MAX_ENTRIES}"
            ),
        ),
        (entries, format!("{of_text} == '' || {is_too_long} ? [] : {of_text}.split(',')")),
        (names, format!("{is_too_long} ? [] : {pieces}")),
    ]
}

/// Which writes a policy is asked about at all, by name.
pub(super) fn conditions(group: Group) -> Vec<(&'static str, String)> {
    let metadata: &[&str] = match group {
        Group::Pods => &["?metadata"],
        Group::Templates | Group::StatefulSets => &["?metadata", "?spec.?template.?metadata"],
        Group::CronJobs => {
            &["?metadata", "?spec.?jobTemplate.?metadata", "?spec.?jobTemplate.?spec.?template.?metadata"]
        }
    };
    let annotations = |object: &str, holder: &str| format!("{object}.{holder}.?annotations.orValue({{}})");
    let guarded = format!("k.matches({})", literal(GUARDED));
    let annotated: Vec<_> =
        metadata.iter().map(|holder| format!("{}.exists(k, {guarded})", annotations("object", holder))).collect();
    let mut changes = vec!["request.operation == 'CREATE'".to_owned()];
    for holder in metadata {
        let (new, old) = (annotations("object", holder), annotations("oldObject", holder));
        changes.push(format!("{new}.exists(k, {guarded} && {old}[?k] != {new}[?k])"));
        changes.push(format!("{old}.exists(k, {guarded} && !(k in {new}))"));
    }
    changes.extend(shapes(group));
    let mut conditions = vec![
        ("not-a-copy", format!("!(request.userInfo.username in {})", literals(CONTROLLERS))),
        ("not-velero", format!("!({VELERO_ACCOUNT})")),
        ("annotated", annotated.join(" || ")),
        ("new-or-changed", changes.join(" || ")),
        (
            "not-terminating",
            // Of the object itself it says nothing: server-side apply lets anybody write it.
            "!(oldObject != null && has(oldObject.metadata.deletionTimestamp))".to_owned(),
        ),
    ];
    if group == Group::Pods {
        let mirror = "'kubernetes.io/config.mirror' in object.?metadata.?annotations.orValue({})";
        conditions.push(("no-mirror-pod", format!("!('system:nodes' in request.userInfo.groups && {mirror})")));
    }
    conditions
}

/// Leaves out the accounts that are never refused anything; the API server cannot warn one account and refuse another.
pub(super) fn exemption(config: &Config) -> Option<(&'static str, String)> {
    let exempt = &config.exemptions;
    if exempt.users.is_empty() && exempt.groups.is_empty() {
        return None;
    }
    let users = literals(exempt.users.iter().map(String::as_str));
    let groups = literals(exempt.groups.iter().map(String::as_str));
    let expression =
        format!("!(request.userInfo.username in {users}) && !request.userInfo.groups.exists(group, group in {groups})");
    Some(("not-exempt", expression))
}

/// What else of a pod the rules look at: whether it differs between the new object and the old one.
fn shapes(group: Group) -> Vec<String> {
    let source = "(has(v.configMap) ? 'c' : has(v.secret) ? 's' : has(v.projected) ? 'p' : has(v.downwardAPI) ? 'd' : \
                  has(v.hostPath) ? 'h' : has(v.emptyDir) ? 'e' : has(v.persistentVolumeClaim) ? '/' + \
                  v.persistentVolumeClaim.claimName : 'o')";
    let names = |what: &str| format!("c.?{what}.orValue([]).map(m, m.name).join(',')");
    let mut of_pod = vec![
        ("spec.volumes", format!("map(v, v.name + ' ' + {source})")),
        (
            "spec.containers",
            format!("map(c, c.name + ' ' + {} + ' ' + {})", names("volumeMounts"), names("volumeDevices")),
        ),
        ("spec.initContainers", "map(c, c.name)".to_owned()),
    ]
    .into_iter()
    .map(|(field, shape)| {
        let side = |object| format!("{}.orValue([]).{shape}", pod(group, object, field));
        format!("{} != {}", side("object"), side("oldObject"))
    })
    .collect::<Vec<_>>();
    let excluded = |object| format!("{}[?{}]", pod(group, object, "metadata.labels"), literal(VELERO_EXCLUDE));
    of_pod.push(format!("{} != {}", excluded("object"), excluded("oldObject")));
    if group == Group::StatefulSets {
        let claims = |object| format!("{object}.?spec.?volumeClaimTemplates.orValue([]).map(t, t.metadata.name)");
        of_pod.push(format!("{} != {}", claims("object"), claims("oldObject")));
    }
    of_pod
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_webhooks_manifest_asks_about_the_same_keys_and_leaves_out_the_same_accounts() {
        let manifest = include_str!("../../../manifests/webhook/base/validating.yaml");
        assert!(manifest.contains(&literal(GUARDED)));
        for account in CONTROLLERS {
            assert!(manifest.contains(&literal(account)), "{account}");
        }
    }
}
