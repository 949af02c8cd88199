//! BKP339: Velero adds the init containers of a Restore's hooks to pods, and wants them to be containers.

use serde_json::Value;

use super::{MANY, hooks, short};
use crate::{
    Config, Facts, FieldPath, Kind, Operation, Severity, Subject,
    rules::{Cel, Check, Outcome, Page, Rule, Violation},
    velero::Spec,
};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "BKP339",
    severity: Severity::Deny,
    title: "The init containers of a Restore's hooks are containers",
    page: Page {
        why: "The API server takes any object for an init container of a hook. Velero fails the validation of a Restore \
              when one does not decode as a container, as when command is a text and no list, or when it has no name, \
              no image or no command of its own (ValidateContainer). Of its fields those that people write by hand are \
              looked at.",
        bad: include_str!("../examples/BKP339.bad.yaml"),
        good: include_str!("../examples/BKP339.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Subject(check),
    cel: Cel::LeftOut("generated policies are for pods"),
};

/// What a field of a container holds.
#[derive(Clone, Copy)]
enum Shape {
    Text,
    Flag,
    Object,
    Texts,
    Objects(&'static [(&'static str, Self)]),
}

impl Shape {
    /// What belongs there, and how it is written.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Text => ("a text", "write one text, in quotation marks"),
            Self::Flag => ("true or false", "write one of them, without quotation marks"),
            Self::Object => ("an object", "write its fields below it"),
            Self::Texts => ("a list of texts", "write one, as in [\"sh\", \"-c\", \"…\"]"),
            Self::Objects(_) => ("a list of objects", "write one entry for each"),
        }
    }

    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Flag => value.is_boolean(),
            Self::Object => value.is_object(),
            Self::Texts | Self::Objects(_) => value.is_array(),
        }
    }
}

/// Without which Velero takes no container.
const NEEDED: [&str; 3] = ["name", "image", "command"];

const CONTAINER: [(&str, Shape); 11] = [
    ("name", Shape::Text),
    ("image", Shape::Text),
    ("command", Shape::Texts),
    ("args", Shape::Texts),
    ("workingDir", Shape::Text),
    ("imagePullPolicy", Shape::Text),
    ("env", Shape::Objects(&[("name", Shape::Text), ("value", Shape::Text), ("valueFrom", Shape::Object)])),
    ("envFrom", Shape::Objects(&[])),
    ("resources", Shape::Object),
    ("securityContext", Shape::Object),
    (
        "volumeMounts",
        Shape::Objects(&[
            ("name", Shape::Text),
            ("mountPath", Shape::Text),
            ("subPath", Shape::Text),
            ("readOnly", Shape::Flag),
        ]),
    ),
];

fn check(_: &Config, subject: &Subject<'_>, _: &Facts) -> Outcome {
    let Some(spec) = Spec::own(subject, &[Kind::Restore], &["hooks"]) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for (path, container) in hooks::init_containers(&spec) {
        let missing: Vec<_> = NEEDED.into_iter().filter(|name| is_empty(field(container, name))).collect();
        if !missing.is_empty() {
            let message = format!("has no {}, and Velero fails such a restore; give it one", missing.join(" and no "));
            found.push(Violation::at(path.clone(), message));
        }
        decode(&path, container, &CONTAINER, &mut found);
    }
    found.truncate(MANY);
    Ok(found)
}

/// Tells what of an object does not decode.
fn decode(path: &FieldPath, object: &Value, fields: &[(&'static str, Shape)], found: &mut Vec<Violation>) {
    for (name, shape) in fields {
        let Some(value) = field(object, name) else { continue };
        expect(path.clone().field(*name), value, *shape, found);
    }
}

fn expect(path: FieldPath, value: &Value, shape: Shape, found: &mut Vec<Violation>) {
    // Go leaves a field as it is where null stands.
    if value.is_null() {
        return;
    }
    if !shape.fits(value) {
        let shown = value.as_str().map_or_else(|| format!("{:.80}", value.to_string()), short);
        let (meant, way_out) = shape.words();
        let message = format!("{shown} stands where {meant} belongs, and Velero fails such a restore; {way_out}");
        found.push(Violation::at(path, message));
        return;
    }
    for (at, entry) in value.as_array().into_iter().flatten().enumerate() {
        let path = path.clone().index(at);
        match shape {
            Shape::Texts => expect(path, entry, Shape::Text, found),
            Shape::Objects(fields) if entry.is_object() => decode(&path, entry, fields, found),
            Shape::Objects(_) => expect(path, entry, Shape::Object, found),
            Shape::Text | Shape::Flag | Shape::Object => {}
        }
    }
}

/// The field, as Go finds it: in other case, too.
fn field<'a>(container: &'a Value, name: &str) -> Option<&'a Value> {
    let fields = container.as_object()?;
    fields.get(name).or_else(|| Some(fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?.1))
}

fn is_empty(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(list)) => list.is_empty(),
        Some(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::fixture::said;

    fn about(container: &Value) -> String {
        let hook = json!({"name": "a", "postHooks": [{"init": {"initContainers": [container]}}]});
        said(super::check, "Restore", &json!({"hooks": {"resources": [hook]}}))
    }

    #[test]
    fn what_velero_does_not_decode_is_refused() {
        let sound = json!({"name": "fix", "image": "fix:1", "command": ["sh", "-c", "fix"], "args": null,
            "env": [{"name": "A", "value": "1"}], "volumeMounts": [{"name": "data", "mountPath": "/data"}]});
        assert_eq!(about(&sound), "");
        let with = |field: &str, value: Value| {
            let mut container = sound.clone();
            container[field] = value;
            about(&container)
        };
        insta::assert_snapshot!(with("command", json!("sh -c fix")), @r#"spec.hooks.resources[0].postHooks[0].init.initContainers[0].command: "sh -c fix" stands where a list of texts belongs, and Velero fails such a restore; write one, as in ["sh", "-c", "…"]"#);
        insta::assert_snapshot!(with("env", json!([{"name": "A", "value": 1}])), @r#"spec.hooks.resources[0].postHooks[0].init.initContainers[0].env[0].value: 1 stands where a text belongs, and Velero fails such a restore; write one text, in quotation marks"#);
        assert_ne!(with("args", json!(["-n", 1])), "");
        assert_ne!(with("env", json!(["A=1"])), "");
        assert_ne!(with("volumeMounts", json!([{"readOnly": "yes"}])), "");
    }

    #[test]
    fn name_image_and_command_are_needed() {
        insta::assert_snapshot!(about(&json!({"image": "fix:1", "command": []})), @"spec.hooks.resources[0].postHooks[0].init.initContainers[0]: has no name and no command, and Velero fails such a restore; give it one");
        assert_eq!(about(&json!({"Name": "a", "image": "fix:1", "command": ["fix"]})), "", "Go takes other case too");
    }

    #[test]
    fn an_endless_list_gets_a_short_answer() {
        let hook = json!({"name": "a", "postHooks": [{"init": {"initContainers": vec![json!({}); 500]}}]});
        let said = said(super::check, "Restore", &json!({"hooks": {"resources": [hook]}}));
        assert_eq!(said.lines().count(), super::MANY);
    }
}
