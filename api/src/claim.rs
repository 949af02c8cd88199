//! PersistentVolumeClaims.

use k8s_openapi::api::core::v1::PersistentVolumeClaim;

/// Where a claim named its storage class before there was a field. Kubernetes looks here first
/// (`GetPersistentVolumeClaimClass` of k8s.io/component-helpers).
pub const STORAGE_CLASS_ANNOTATION: &str = "volume.beta.kubernetes.io/storage-class";

/// The name of a claim's storage class; none when it has none, or names what no object can be called: nobody looks at what
/// stands in the annotation before it is used, and it ends up in the path of a request.
pub fn storage_class_of(claim: &PersistentVolumeClaim) -> Option<&str> {
    let by_annotation =
        claim.metadata.annotations.as_ref().and_then(|annotations| annotations.get(STORAGE_CLASS_ANNOTATION));
    let by_field = || claim.spec.as_ref()?.storage_class_name.as_ref();
    by_annotation.or_else(by_field).map(String::as_str).filter(|name| is_name(name))
}

fn is_name(text: &str) -> bool {
    let plain = |char: u8| matches!(char, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
    (1..=253).contains(&text.len()) && text.bytes().all(plain) && !text.starts_with('.')
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_claim_names_its_class_by_annotation_or_field() {
        let class = |annotation: Value, field: Value| {
            let claim = json!({"metadata": {"annotations": {STORAGE_CLASS_ANNOTATION: annotation}}, "spec": {"storageClassName": field}});
            let mut claim: PersistentVolumeClaim = serde_json::from_value(claim).unwrap();
            claim.metadata.annotations = claim.metadata.annotations.filter(|all| all.values().all(|it| it != "-"));
            storage_class_of(&claim).map(str::to_owned)
        };
        assert_eq!(class(json!("-"), json!("a")), Some("a".into()));
        assert_eq!(class(json!("-"), json!("")), None);
        assert_eq!(class(json!("-"), Value::Null), None);
        assert_eq!(class(json!("b"), Value::Null), Some("b".into()));
        assert_eq!(class(json!("b"), json!("a")), Some("b".into()), "as Kubernetes has it");
        assert_eq!(class(json!(""), json!("a")), None, "as Kubernetes has it");
        for odd in ["a b", "a?b=c", "../secrets", "a/b", "..", "A", &"a".repeat(254)] {
            assert_eq!(class(json!(odd), json!("a")), None, "{odd}");
        }
    }
}
