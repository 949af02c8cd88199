//! Which volumes that exist already a restore writes files into.
//!
//! Velero leaves a PVC alone that exists, but creates its pod when that is gone, and then copies the saved files into the
//! volume that the pod mounts: whatever the volume holds by then.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::{
    facts::target::Occupied,
    plan::{
        backup::is_glob,
        restore::{Existing, Request},
    },
};

/// Volumes in a question, at most: each is named in a warning above it.
const NAMED: usize = 5;

/// A PVC whose files the backup holds: what a restore needs of a PodVolumeBackup.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct FileCopy {
    metadata: Metadata,
    spec: Spec,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Metadata {
    annotations: Annotations,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Annotations {
    /// Absent for volumes that are no PVC: those live and die with their pod.
    #[serde(rename = "velero.io/pvc-name")]
    claim: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Spec {
    pod: Pod,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Pod {
    namespace: String,
}

/// The PVCs that files are written into, whether they exist or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// What was copied may not be read: any PVC may be among them.
    Unknown,
    /// These, by target namespace and name.
    Claims(BTreeSet<(String, String)>),
}

impl Written {
    /// Returns what the restore writes into; `None` for copies that may not be read.
    pub fn by(request: &Request, copies: Option<&[FileCopy]>) -> Self {
        if !restores_pods(request) {
            return Self::Claims(BTreeSet::new());
        }
        let Some(copies) = copies else { return Self::Unknown };
        let claim = |copy: &FileCopy| {
            let source = &copy.spec.pod.namespace;
            let target = request.mapping.get(source).unwrap_or(source);
            Some((target.clone(), copy.metadata.annotations.claim.clone()?)).filter(|_| is_restored(request, source))
        };
        Self::Claims(copies.iter().filter_map(claim).collect())
    }

    /// The namespaces that are known to be written into.
    pub fn namespaces(&self) -> impl Iterator<Item = &String> {
        let claims = match self {
            Self::Unknown => None,
            Self::Claims(claims) => Some(claims),
        };
        claims.into_iter().flatten().map(|(namespace, _)| namespace)
    }

    /// The PVCs of a namespace that exist, as far as may be seen, and may be written into.
    fn existing<'a>(&'a self, occupied: &'a Occupied) -> Vec<&'a str> {
        let namespace = &occupied.namespace;
        match (self, &occupied.claims) {
            (Self::Unknown, claims) => claims.iter().flatten().map(String::as_str).collect(),
            (Self::Claims(written), None) => {
                written.iter().filter(|(there, _)| there == namespace).map(|(_, claim)| claim.as_str()).collect()
            }
            (Self::Claims(written), Some(claims)) => {
                let is_written = |claim: &&String| written.contains(&(namespace.clone(), (*claim).clone()));
                claims.iter().filter(is_written).map(String::as_str).collect()
            }
        }
    }
}

/// Returns whether pods may be restored at all. Velero takes short and singular names as well.
fn restores_pods(request: &Request) -> bool {
    let may_be_pods = |name: &String| name == "*" || name.to_ascii_lowercase().starts_with("po");
    let is_pods = |name: &String| name == "*" || name == "pods";
    (request.resources.is_empty() || request.resources.iter().any(may_be_pods))
        && !request.except_resources.iter().any(is_pods)
}

/// A pattern counts as including all and excluding nothing: better a question too many.
fn is_restored(request: &Request, source: &String) -> bool {
    let is_named = |name: &String| name == source || name.contains(is_glob);
    (request.namespaces.is_empty() || request.namespaces.iter().any(is_named)) && !request.except.contains(source)
}

/// Returns what a restore does, and does not do, to namespaces that hold something already.
pub fn warnings(occupied: &[Occupied], existing: Option<Existing>, written: &Written) -> Vec<String> {
    let mut warnings = Vec::new();
    if *written == Written::Unknown {
        warnings
            .push("podvolumebackups may not be read: which volumes were copied file by file is not known".to_owned());
    }
    for one in occupied {
        let namespace = &one.namespace;
        if one.has_objects && existing != Some(Existing::Update) {
            warnings.push(format!(
                "namespace {namespace:?} is not empty: objects that exist in it are left as they are \
                 (--existing=update changes them)"
            ));
        }
        let claims = one.claims.as_deref().unwrap_or_default();
        let at_risk = written.existing(one);
        let kept: Vec<&str> = claims.iter().map(String::as_str).filter(|claim| !at_risk.contains(claim)).collect();
        if !kept.is_empty() {
            warnings.push(format!(
                "volumes that exist in namespace {namespace:?} keep their present data: {}",
                kept.join(", ")
            ));
        }
        if !at_risk.is_empty() {
            warnings.push(format!(
                "files in volumes that exist in namespace {namespace:?} may be overwritten with those of the backup, \
                 where their pod is restored: {}",
                at_risk.join(", ")
            ));
        }
    }
    warnings
}

/// Returns the question to ask before live data may be overwritten; `None` when none can be. `seen` tells whether all
/// target namespaces are known, and so were looked at.
pub fn question(occupied: &[Occupied], seen: bool, written: &Written, context: &str) -> Option<String> {
    let at_risk: Vec<String> = occupied
        .iter()
        .flat_map(|one| written.existing(one).into_iter().map(move |claim| format!("{}/{claim}", one.namespace)))
        .collect();
    let unseen = |one: &Occupied| one.claims.is_none();
    if at_risk.is_empty() {
        let may_be = *written == Written::Unknown && (!seen || occupied.iter().any(unseen));
        return may_be
            .then(|| format!("Restore, and maybe overwrite files in volumes that exist (context {context:?})?"));
    }
    let more = match at_risk.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let named: Vec<&str> = at_risk.iter().take(NAMED).map(String::as_str).collect();
    Some(format!("Restore, and maybe overwrite files in {}{more} (context {context:?})?", named.join(", ")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request() -> Request {
        Request { backup: "b".into(), ..Request::default() }
    }

    fn copies() -> Vec<FileCopy> {
        serde_json::from_value(json!([
            {"metadata": {"annotations": {"velero.io/pvc-name": "data"}}, "spec": {"pod": {"namespace": "shop"}, "volume": "v"}},
            {"metadata": {"annotations": {"velero.io/pvc-name": "logs"}}, "spec": {"pod": {"namespace": "pay"}, "volume": "v"}},
            {"metadata": {}, "spec": {"pod": {"namespace": "shop"}, "volume": "scratch"}},
        ]))
        .unwrap()
    }

    fn written(request: &Request) -> String {
        match Written::by(request, Some(&copies())) {
            Written::Unknown => "unknown".into(),
            Written::Claims(claims) => {
                claims.iter().map(|(namespace, claim)| format!("{namespace}/{claim}")).collect::<Vec<_>>().join(" ")
            }
        }
    }

    fn occupied(namespace: &str, claims: Option<&[&str]>) -> Occupied {
        let claims = claims.map(|claims| claims.iter().map(|&claim| claim.to_owned()).collect());
        Occupied { namespace: namespace.into(), has_objects: claims.is_some(), claims }
    }

    #[test]
    fn files_go_where_pods_are_restored() {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        assert_eq!(written(&request()), "pay/logs shop/data");
        assert_eq!(written(&Request { namespaces: names(&["shop"]), ..request() }), "shop/data");
        assert_eq!(written(&Request { namespaces: names(&["sh*"]), ..request() }), "pay/logs shop/data");
        assert_eq!(written(&Request { except: names(&["shop"]), ..request() }), "pay/logs");
        let mapping = [("shop".to_owned(), "copy".to_owned())].into();
        assert_eq!(written(&Request { mapping, ..request() }), "copy/data pay/logs");
        assert_eq!(written(&Request { resources: names(&["configmaps", "secrets"]), ..request() }), "");
        assert_eq!(written(&Request { resources: names(&["configmaps", "po"]), ..request() }), "pay/logs shop/data");
        assert_eq!(written(&Request { except_resources: names(&["pods"]), ..request() }), "");
        assert_eq!(Written::by(&request(), None), Written::Unknown);
    }

    #[test]
    fn live_data_that_may_be_overwritten_are_not_said_to_be_kept() {
        let written = Written::by(&request(), Some(&copies()));
        let all = [occupied("shop", Some(&["data", "other"]))];
        insta::assert_snapshot!(warnings(&all, None, &written).join("\n"), @r#"
        namespace "shop" is not empty: objects that exist in it are left as they are (--existing=update changes them)
        volumes that exist in namespace "shop" keep their present data: other
        files in volumes that exist in namespace "shop" may be overwritten with those of the backup, where their pod is restored: data
        "#);
        insta::assert_snapshot!(question(&all, true, &written, "prod").unwrap(), @r#"Restore, and maybe overwrite files in shop/data (context "prod")?"#);
        let harmless = [occupied("shop", Some(&["other"])), occupied("new", Some(&["data"]))];
        assert_eq!(question(&harmless, true, &written, "prod"), None);
    }

    #[test]
    fn what_may_not_be_seen_counts_as_in_danger() {
        let hidden = [occupied("shop", None)];
        let known = Written::by(&request(), Some(&copies()));
        insta::assert_snapshot!(question(&hidden, true, &known, "prod").unwrap(), @r#"Restore, and maybe overwrite files in shop/data (context "prod")?"#);
        let all = [occupied("shop", Some(&["a", "b", "c", "d", "e", "f"]))];
        insta::assert_snapshot!(question(&all, true, &Written::Unknown, "prod").unwrap(), @r#"Restore, and maybe overwrite files in shop/a, shop/b, shop/c, shop/d, shop/e and 1 more (context "prod")?"#);
        insta::assert_snapshot!(question(&[], false, &Written::Unknown, "prod").unwrap(), @r#"Restore, and maybe overwrite files in volumes that exist (context "prod")?"#);
        assert!(question(&hidden, true, &Written::Unknown, "prod").is_some());
        assert_eq!(question(&[], true, &Written::Unknown, "prod"), None);
        insta::assert_snapshot!(warnings(&[], None, &Written::Unknown).join("\n"), @"podvolumebackups may not be read: which volumes were copied file by file is not known");
    }
}
