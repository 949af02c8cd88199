//! An object that a resource's schema accepts, for probes: it is never stored.

use backup_policy::config::resource::{SCHEDULES, VOLUME_SNAPSHOTS};
use kube::api::ApiResource;
use serde_json::{Map, Value, json};

/// How deep a schema is followed; one that refers to itself never ends.
const DEPTH: usize = 16;

/// The content of an object of a resource whose schema is known here.
pub fn known(resource: &str) -> Option<Value> {
    Some(match resource {
        VOLUME_SNAPSHOTS => json!({"spec": {"source": {"persistentVolumeClaimName": "probe"}}}),
        SCHEDULES => json!({"spec": {"schedule": "0 0 1 1 *", "template": {}}}),
        "persistentvolumeclaims" => {
            json!({"spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "", "resources": {"requests": {"storage": "1Mi"}}}})
        }
        "services" => json!({"spec": {"clusterIP": "None"}}),
        "limitranges" => json!({"spec": {"limits": []}}),
        "configmaps" | "secrets" | "serviceaccounts" | "resourcequotas" => json!({}),
        _ => return None,
    })
}

/// The least that a kind's schema takes, from the OpenAPI document (v3) of its group and version. Rules that a schema says
/// in words of its own, as in CEL, are not looked at.
pub fn of(document: &Value, kind: &ApiResource) -> Value {
    let schemas = document.pointer("/components/schemas").and_then(Value::as_object);
    let is_meant = |schema: &&Value| {
        let kinds = schema.get("x-kubernetes-group-version-kind").and_then(Value::as_array);
        kinds.into_iter().flatten().any(|found| {
            found["group"] == kind.group.as_str()
                && found["version"] == kind.version.as_str()
                && found["kind"] == kind.kind.as_str()
        })
    };
    let Some(schema) = schemas.and_then(|schemas| schemas.values().find(is_meant)) else { return json!({}) };
    let mut object = value(document, schema, DEPTH);
    if let Some(fields) = object.as_object_mut() {
        for set_elsewhere in ["apiVersion", "kind", "metadata", "status"] {
            fields.remove(set_elsewhere);
        }
    }
    object
}

fn value(document: &Value, schema: &Value, depth: usize) -> Value {
    let Some(depth) = depth.checked_sub(1) else { return Value::Null };
    if let Some(default) = schema.get("default").filter(|default| !default.is_null() && **default != json!({})) {
        return default.clone();
    }
    if let Some(first) = schema.get("enum").and_then(|values| values.get(0)) {
        return first.clone();
    }
    if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
        let found = name.strip_prefix('#').and_then(|pointer| document.pointer(pointer));
        return found.map_or(Value::Null, |schema| value(document, schema, depth));
    }
    // Kubernetes writes a reference with a default or a description as the only member of `allOf`.
    if let Some(only) = schema.get("allOf").and_then(|all| all.get(0)) {
        return value(document, only, depth);
    }
    if schema.get("x-kubernetes-int-or-string") == Some(&Value::Bool(true)) {
        return json!(1);
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("string") => text(schema),
        Some("integer") => number(schema, 1.0).as_f64().map_or(json!(1), |number| json!(number.ceil() as i64)),
        Some("number") => number(schema, f64::EPSILON),
        Some("boolean") => json!(false),
        Some("array") => {
            let count = schema.get("minItems").and_then(Value::as_u64).unwrap_or(0).min(8);
            let item = schema.get("items").map_or(Value::Null, |items| value(document, items, depth));
            Value::Array((0..count).map(|_| item.clone()).collect())
        }
        _ => fields(document, schema, depth),
    }
}

fn fields(document: &Value, schema: &Value, depth: usize) -> Value {
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let field = |name: &str| {
        let schema = schema.get("properties")?.get(name)?;
        Some((name.to_owned(), value(document, schema, depth)))
    };
    Value::Object(required.filter_map(field).collect::<Map<_, _>>())
}

fn text(schema: &Value) -> Value {
    let least =
        schema.get("minLength").and_then(Value::as_u64).and_then(|least| usize::try_from(least).ok()).unwrap_or(1);
    json!(match schema.get("format").and_then(Value::as_str) {
        Some("date-time") => "2000-01-01T00:00:00Z".to_owned(),
        Some("date") => "2000-01-01".to_owned(),
        Some("byte") => "cHJvYmU=".to_owned(),
        _ => "p".repeat(least.clamp(1, 253)),
    })
}

fn number(schema: &Value, above: f64) -> Value {
    let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
    let exclusive = schema.get("exclusiveMinimum") == Some(&Value::Bool(true));
    let least = bound("minimum").map(|least| if exclusive { least + above } else { least });
    let most = bound("maximum");
    json!(least.unwrap_or_else(|| most.map_or(1.0, |most| most.min(1.0))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind() -> ApiResource {
        ApiResource {
            group: "example.org".into(),
            version: "v1".into(),
            api_version: "example.org/v1".into(),
            kind: "Widget".into(),
            plural: "widgets".into(),
        }
    }

    #[test]
    fn only_what_is_required_is_made_up_and_within_its_bounds() {
        let document = json!({"components": {"schemas": {
            "org.example.v1.Part": {"type": "object", "required": ["size"], "properties": {"size": {"type": "integer", "minimum": 3}}},
            "org.example.v1.Widget": {
                "x-kubernetes-group-version-kind": [{"group": "example.org", "version": "v1", "kind": "Widget"}],
                "type": "object", "required": ["spec", "status", "metadata"],
                "properties": {"metadata": {"type": "object"}, "status": {"type": "object"}, "spec": {
                    "type": "object", "required": ["name", "mode", "part", "parts", "when", "port", "share", "on"],
                    "properties": {
                        "name": {"type": "string", "minLength": 4}, "mode": {"type": "string", "enum": ["Fast", "Slow"]},
                        "part": {"allOf": [{"$ref": "#/components/schemas/org.example.v1.Part"}], "default": {}},
                        "parts": {"type": "array", "minItems": 2, "items": {"$ref": "#/components/schemas/org.example.v1.Part"}},
                        "when": {"type": "string", "format": "date-time"}, "port": {"x-kubernetes-int-or-string": true},
                        "share": {"type": "number", "maximum": 0.5}, "on": {"type": "boolean"}, "left": {"type": "string"},
                    },
                }},
            },
        }}});
        insta::assert_snapshot!(of(&document, &kind()), @r#"{"spec":{"mode":"Fast","name":"pppp","on":false,"part":{"size":3},"parts":[{"size":3},{"size":3}],"port":1,"share":0.5,"when":"2000-01-01T00:00:00Z"}}"#);
    }

    #[test]
    fn a_schema_that_is_not_there_or_has_no_end_ends() {
        assert_eq!(of(&json!({}), &kind()), json!({}));
        let endless = json!({"components": {"schemas": {"a": {
            "x-kubernetes-group-version-kind": [{"group": "example.org", "version": "v1", "kind": "Widget"}],
            "type": "object", "required": ["a"], "properties": {"a": {"$ref": "#/components/schemas/a"}},
        }}}});
        assert!(of(&endless, &kind()).to_string().len() < 200);
    }
}
