use serde_json::{Value, json};

use super::*;

fn values(text: &str) -> Vec<Result<Value, String>> {
    let words = |problem: Problem| format!("{:?} {}", problem.span, problem.message);
    read(text)
        .into_iter()
        .map(|document| document.and_then(|document| document.value()).map(|reading| reading.value).map_err(words))
        .collect()
}

fn value(text: &str) -> Value {
    match values(text).as_slice() {
        [Ok(value)] => value.clone(),
        other => panic!("{other:?}"),
    }
}

fn shown<'a>(text: &'a str, pointer: &str) -> (&'a str, bool, bool) {
    let documents = read(text);
    let place = documents[0].as_ref().unwrap().place(pointer).unwrap();
    (&text[place.shown()], place.exact, place.shared)
}

#[test]
fn values_are_those_that_kubectl_sends() {
    let text = "on: off\n1: 0x10\n1.0: 1.0\nquoted: 'on'\ntagged: !!str 010\nempty:\nlist: [y, ~, 1e2, 12:30]\nbig: |\n  a\n  b\n";
    let expected = json!({"true": false, "1": 1, "quoted": "on", "tagged": "010", "empty": null,
        "list": [true, null, 100, "12:30"], "big": "a\nb\n"});
    assert_eq!(value(text), expected);
}

#[test]
fn anchors_and_merges_are_resolved_as_go_yaml_2_does() {
    let text = "base: &base {a: 1, b: 1}\nlate:\n  <<: *base\n  a: 2\nearly:\n  a: 2\n  <<: *base\nboth:\n  <<: [*base, {a: 9, c: 9}]\nsame: *base\n";
    let found = value(text);
    assert_eq!(found["late"], json!({"a": 2, "b": 1}));
    // Newer YAML libraries let the written key win; kubectl's takes the last.
    assert_eq!(found["early"], json!({"a": 1, "b": 1}));
    assert_eq!(found["both"], json!({"a": 1, "b": 1, "c": 9}));
    assert_eq!(found["same"], found["base"]);
}

#[test]
fn a_broken_document_does_not_hide_the_others() {
    let found = values("a: 1\n---\nb: [1\n---\nc: 3\n---\n\n---\n# nothing\n");
    assert_eq!(found[0], Ok(json!({"a": 1})));
    assert!(found[1].as_ref().is_err_and(|error| error.contains("this is no YAML")), "{found:?}");
    assert_eq!(found[2], Ok(json!({"c": 3})));
    assert!(found[3..].iter().all(|empty| *empty == Ok(Value::Null)), "{found:?}");
}

#[test]
fn what_kubectl_refuses_is_a_problem() {
    let first = |text: &str| values(text).remove(0).unwrap_err();
    let texts = [
        "--- {a: b}\n",
        "a: &a [*a]\n",
        "a: *b\n",
        "[a]: b\n",
        "~: b\n",
        "a: .inf\n",
        "<<: 1\n",
        "a: b: c\n",
        "a:\n\t- b\n",
    ];
    insta::assert_snapshot!(texts.map(first).join("\n"), @r"
    4..10 kubectl refuses text behind the separator ---: begin a new line
    7..9 the anchor contains itself: kubectl refuses it
    3..3 this is no YAML: while parsing node, found unknown anchor
    0..3 a list or a mapping cannot be a key in Kubernetes
    0..1 this cannot be a key: put it in quotation marks
    3..7 this number cannot be written as JSON, so that kubectl refuses it: use another, or quotation marks
    4..5 only mappings can be merged in with <<
    4..4 this is no YAML: mapping values are not allowed in this context
    4..4 this is no YAML: tabs disallowed within this context (block indentation)
    ");
}

#[test]
fn aliases_cannot_make_a_small_text_large() {
    let mut text = "a0: &a0 [x]\n".to_owned();
    for n in 1..40 {
        let before = n - 1;
        text.push_str(&format!("a{n}: &a{n} [*a{before}, *a{before}, *a{before}]\n"));
    }
    assert!(values(&text)[0].as_ref().is_err_and(|error| error.contains("many times larger")));
    let deep: String = (1..100_000).map(|n| format!("a{n}: &a{n} [*a{}]\n", n - 1)).collect();
    assert!(
        values(&format!("a0: &a0 [x]\n{deep}"))[0].as_ref().is_err_and(|error| error.contains("levels of nesting"))
    );
    assert!(values(&"[".repeat(100_000))[0].is_err());
    assert!(values(&"- ".repeat(100_000))[0].is_err());
    assert!(values(&"{\"a\":".repeat(100_000))[0].is_err());
}

#[test]
fn every_value_has_its_place() {
    let text = "# first\nkind: Pod\nmetadata:\n  annotations:\n    'a/b~c': \"x, y\" # why\n    n: |\n      1\nspec:\n  volumes:\n  - name: data\n    emptyDir: {}\n";
    assert_eq!(shown(text, "/metadata/annotations/a~1b~0c"), ("\"x, y\"", true, false));
    assert_eq!(shown(text, "/spec/volumes/0/name"), ("data", true, false));
    assert_eq!(shown(text, "/spec/volumes/0/emptyDir"), ("emptyDir", true, false));
    assert_eq!(shown(text, "/spec/volumes/1/name"), ("volumes", false, false));
    assert_eq!(shown(text, "/spec/missing/deep"), ("spec", false, false));
    assert_eq!(shown(text, ""), ("kind: Pod", true, false));
    assert_eq!(shown(text, "/status"), ("kind: Pod", false, false));
    assert_eq!(shown("{\"kind\":\"Pod\",\"a\":{\"b\":\"c\"}}", "/a/b"), ("\"c\"", true, false));
}

#[test]
fn what_stands_for_several_places_is_shared() {
    let text = "a: &x {v: 1}\nb: *x\nc:\n  <<: *x\n  w: 2\n";
    assert_eq!(shown(text, "/a/v"), ("1", true, true));
    assert_eq!(shown(text, "/b/v"), ("1", true, true));
    assert_eq!(shown(text, "/c/v"), ("1", true, true));
    assert_eq!(shown(text, "/c/w"), ("2", true, false));
}

#[test]
fn windows_line_ends_and_a_mark_at_the_beginning_change_nothing() {
    let text = "\u{feff}kind: Pod\r\na: |\r\n  x\r\n  y\r\nb: 'c\r\n  d'\r\n";
    assert_eq!(value(text), json!({"kind": "Pod", "a": "x\ny\n", "b": "c d"}));
    assert_eq!(shown(text, "/kind").0, "Pod");
}

#[test]
fn objects_of_json_may_follow_one_another() {
    let text = "\n{\"a\": 1}\n{\"b\": \"\\ud83d\\ude00\\/\"} {\"c\": \"on\"}\n";
    assert_eq!(values(text), [Ok(json!({"a": 1})), Ok(json!({"b": "😀/"})), Ok(json!({"c": "on"}))]);
    assert_eq!(value("{\n\t\"a\":\t[1.0, true]}"), json!({"a": [1, true]}));
    assert_eq!(value("{a: b}\n"), json!({"a": "b"}));
    let long = format!("{{\"{}\": 1}}", "k".repeat(5000));
    assert_eq!(value(&long).as_object().unwrap().len(), 1);
}

#[test]
fn a_repeated_key_is_told_once() {
    let text = "a: &a {x: 1, x: 2}\nb: *a\n";
    let reading = read(text).remove(0).unwrap().value().unwrap();
    assert_eq!(reading.value["b"]["x"], 2);
    assert_eq!(reading.oddities.iter().map(|odd| &text[odd.span.clone()]).collect::<Vec<_>>(), ["x"]);
}
