//! Formats print what kubectl prints: `golden/answers.json` holds its answers for the list in `golden/things.json`.
//! An end-to-end test asks the real kubectl for them again.

use serde::Deserialize;
use serde_json::Value;

use super::{ListWriter, Ui};
use crate::args::ListOutputArgs;

/// What kubectl printed, or why it did not.
#[derive(Debug, Deserialize)]
struct Answer {
    args: Vec<String>,
    #[serde(default)]
    stdout: String,
    error: Option<String>,
}

#[derive(clap::Parser)]
struct Line {
    #[command(flatten)]
    flags: ListOutputArgs,
    name: Option<String>,
}

fn ours(args: &[String], items: &[Value]) -> (String, Option<String>) {
    let line = std::iter::once("x").chain(args.iter().map(String::as_str));
    let line: Line = match clap::Parser::try_parse_from(line) {
        Ok(line) => line,
        Err(error) => return (String::new(), Some(error.to_string())),
    };
    let (ui, out) = Ui::in_memory();
    let named = |item: &&Value| line.name.as_deref().is_none_or(|name| item["metadata"]["name"] == name);
    let print = || {
        let mut writer = ListWriter::new(&ui, &line.flags, "thing.golden.test", line.name.is_some());
        items.iter().filter(named).try_for_each(|item| writer.object(item.clone()))?;
        writer.finish()
    };
    let error = print().err().map(|error| error.message);
    let text = String::from_utf8(out.lock().unwrap().clone()).unwrap();
    (text, error)
}

#[test]
fn h7_formats_print_what_kubectl_prints() {
    let things: Value = serde_json::from_str(include_str!("golden/things.json")).unwrap();
    let answers: Vec<Answer> = serde_json::from_str(include_str!("golden/answers.json")).unwrap();
    assert!(answers.len() > 100, "only {} answers", answers.len());
    let mut wrong = Vec::new();
    for answer in &answers {
        let (stdout, error) = ours(&answer.args, things["items"].as_array().unwrap());
        let same = match (&answer.error, &error) {
            (None, None) => answer.stdout == stdout,
            (Some(theirs), Some(ours)) => ours.contains(theirs.as_str()),
            _ => false,
        };
        if !same {
            wrong.push(format!(
                "{:?}\n  kubectl: {:?} {:?}\n  ours:    {stdout:?} {error:?}",
                answer.args, answer.stdout, answer.error
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), answers.len(), wrong.join("\n"));
}
