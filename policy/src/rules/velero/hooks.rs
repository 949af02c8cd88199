//! The hooks of backups and restores.

use serde_json::Value;

use crate::{FieldPath, velero::Spec};

/// Each hook, with its place.
pub(super) fn resources<'a>(spec: &Spec<'a>) -> impl Iterator<Item = (FieldPath, &'a Value)> {
    let base = spec.path("hooks").field("resources");
    let list = spec.get("hooks").and_then(|hooks| hooks.get("resources")).and_then(Value::as_array);
    list.into_iter().flatten().enumerate().map(move |(at, hook)| (base.clone().index(at), hook))
}

/// Every place where a hook has a duration, with what stands there.
pub(super) fn durations<'a>(spec: &Spec<'a>) -> Vec<(FieldPath, Option<&'a Value>)> {
    let mut places = Vec::new();
    for (path, hook) in resources(spec) {
        for (list, holder, fields) in [
            ("pre", "exec", &["timeout"][..]),
            ("post", "exec", &["timeout"]),
            ("postHooks", "exec", &["execTimeout", "waitTimeout"]),
            ("postHooks", "init", &["timeout"]),
        ] {
            for (at, step) in hook.get(list).and_then(Value::as_array).into_iter().flatten().enumerate() {
                let Some(step) = step.get(holder) else { continue };
                let path = path.clone().field(list).index(at).field(holder);
                places.extend(fields.iter().map(|field| (path.clone().field(*field), step.get(field))));
            }
        }
    }
    places
}

/// Each init container that a restore's hook adds to pods, with its place.
pub(super) fn init_containers<'a>(spec: &Spec<'a>) -> impl Iterator<Item = (FieldPath, &'a Value)> {
    resources(spec).flat_map(|(path, hook)| {
        let steps = hook.get("postHooks").and_then(Value::as_array).into_iter().flatten().enumerate();
        steps.flat_map(move |(at, step)| {
            let path = path.clone().field("postHooks").index(at).field("init").field("initContainers");
            let list = step.pointer("/init/initContainers").and_then(Value::as_array);
            list.into_iter().flatten().enumerate().map(move |(at, container)| (path.clone().index(at), container))
        })
    })
}
